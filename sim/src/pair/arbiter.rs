//! The arbiter's end of the network: it listens, and answers whoever has said who it is.

use std::collections::BTreeMap;

use colo_core::Time;
use colo_core::colo::{Arbiter, FrameError, Message, Node, Reader};

use crate::pair::line::{Said, read_all};
use crate::pair::network::{Connection, NetworkEvent, Port};
use crate::pair::wire::Wire;

/// See the module's head.
#[derive(Debug)]
pub(super) struct ArbiterStation {
    pub(super) role: Arbiter,
    /// Who is there, once it has said so.
    peers: BTreeMap<Connection, (Option<Node>, Reader)>,
    said: [Said; 2],
}

impl ArbiterStation {
    pub(super) fn new(lease_ns: u64) -> Self {
        Self { role: Arbiter::new(lease_ns), peers: BTreeMap::new(), said: Default::default() }
    }

    /// Takes in what came, does what is due, sends what is to be sent.
    pub(super) fn pump(&mut self, now: Time, wire: &mut Wire<'_>) {
        while let Some(event) = wire.poll() {
            match event {
                NetworkEvent::Accepted(connection, _) => {
                    self.peers.insert(connection, (None, Reader::default()));
                }
                NetworkEvent::Received(connection, bytes) => {
                    if self.received(now, connection, &bytes, wire).is_err() {
                        self.peers.remove(&connection);
                        wire.close(connection);
                    }
                }
                NetworkEvent::Closed(connection) => {
                    self.peers.remove(&connection);
                }
                NetworkEvent::Connected(_) => {}
            }
        }
        self.role.timeout(now);
        while let Some((to, message)) = self.role.poll() {
            let peer = self.peers.iter().find(|(_, (node, _))| *node == Some(to));
            if let Some((connection, _)) = peer {
                let said = &mut self.said[usize::from(to == Node::Secondary)];
                wire.send_message(Port::Arbiter, *connection, &message, said);
            }
        }
    }

    fn received(
        &mut self,
        now: Time,
        from: Connection,
        bytes: &[u8],
        wire: &mut Wire<'_>,
    ) -> Result<(), FrameError> {
        let Some((_, reader)) = self.peers.get_mut(&from) else { return Ok(()) };
        for message in read_all(reader, bytes)? {
            let known = self.peers.get(&from).and_then(|(node, _)| *node);
            match (known, message) {
                (None, Message::Hello { node, .. }) if node != Node::Arbiter => {
                    self.met(from, node, wire);
                }
                (None, _) => return Err(FrameError::Unexpected),
                (Some(known), message) => self.role.received(now, known, &message),
            }
        }
        Ok(())
    }

    /// A host has said who it is. What still comes over an older connection of its is an earlier life's,
    /// perhaps, and a renewal of that must not become a lease of this one's.
    fn met(&mut self, connection: Connection, node: Node, wire: &mut Wire<'_>) {
        self.peers.retain(|other, (of, _)| {
            let stays = *of != Some(node);
            if !stays {
                wire.close(*other);
            }
            stays
        });
        if let Some((of, _)) = self.peers.get_mut(&connection) {
            *of = Some(node);
        }
    }
}
