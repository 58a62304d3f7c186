//! The arbiter's end of the network: it listens, and answers whoever has said who it is.

use std::collections::BTreeMap;

use colo_core::Time;
use colo_core::colo::{Arbiter, FrameError, Message, Node, Reader};

use crate::pair::line::read_all;
use crate::pair::network::{Connection, NetworkEvent, Port};
use crate::pair::wire::Wire;

/// See the module's head.
#[derive(Debug)]
pub(super) struct ArbiterStation {
    pub(super) role: Arbiter,
    /// Who is there, once it has said so.
    peers: BTreeMap<Connection, (Option<Node>, Reader)>,
}

impl ArbiterStation {
    pub(super) fn new(lease_ns: u64) -> Self {
        Self { role: Arbiter::new(lease_ns), peers: BTreeMap::new() }
    }

    /// Takes in what came, does what is due, sends what is to be sent.
    pub(super) fn pump(&mut self, now: Time, wire: &mut Wire<'_>) {
        while let Some(event) = wire.poll() {
            match event {
                NetworkEvent::Accepted(connection, _) => {
                    self.peers.insert(connection, (None, Reader::default()));
                }
                NetworkEvent::Received(connection, bytes) => {
                    if self.received(now, connection, &bytes).is_err() {
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
            // The one that it made last.
            let mut peers = self.peers.iter().rev();
            let peer = peers.find(|(_, (node, _))| *node == Some(to));
            if let Some((connection, _)) = peer {
                let mut bytes = Vec::new();
                message.encode(&mut bytes);
                wire.send(Port::Arbiter, *connection, bytes);
            }
        }
    }

    fn received(&mut self, now: Time, from: Connection, bytes: &[u8]) -> Result<(), FrameError> {
        let Some((node, reader)) = self.peers.get_mut(&from) else { return Ok(()) };
        for message in read_all(reader, bytes)? {
            match (*node, message) {
                (None, Message::Hello { node: said, .. }) if said != Node::Arbiter => {
                    *node = Some(said);
                }
                (None, _) => return Err(FrameError::Unexpected),
                (Some(known), message) => self.role.received(now, known, &message),
            }
        }
        Ok(())
    }
}
