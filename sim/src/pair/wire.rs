//! What one host has of the network, and what may befall a message that it sends.

use colo_core::Time;
use colo_core::colo::{FRAME_MAX, Message, Node};

use crate::pair::line::Said;
use crate::pair::network::{Connection, Network, NetworkEvent, Port};
use crate::stream::Stream;

/// How long a message is kept back at most that is to come late.
const LATE_NS: u64 = 250_000;

/// Pieces that a slow message comes in at most: a stream keeps so many that nobody has read.
const PIECES_MAX: usize = 1000;

/// Bytes of what is too long: more than any reader keeps.
const OVERSIZE_BYTES: usize = 64 * 1024;

/// What befalls a message on its way: what no network does, but a broken or evil peer.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Tampering {
    /// Its first byte is another one.
    Malformed,
    /// It ends in the middle, and so does the connection.
    Truncated,
    /// It claims to be longer than anything may be, and goes on.
    Oversized,
    /// It comes twice.
    Duplicated,
    /// It comes after the one that was sent after it.
    Late,
    /// It comes byte by byte, or in a thousand pieces.
    Slow,
    /// Bytes that mean nothing come before it.
    Junk,
}

impl Tampering {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Malformed,
        Self::Truncated,
        Self::Oversized,
        Self::Duplicated,
        Self::Late,
        Self::Slow,
        Self::Junk,
    ];

    /// The name in points.
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Truncated => "truncated",
            Self::Oversized => "oversized",
            Self::Duplicated => "duplicated",
            Self::Late => "late",
            Self::Slow => "slow",
            Self::Junk => "junk",
        }
    }
}

/// Which messages are tampered with, and those that are kept back.
#[derive(Debug)]
pub(super) struct Tampers {
    stream: Stream,
    rules: Vec<(Node, Port, Tampering)>,
    late: Vec<(Time, Node, Port, Connection, Vec<u8>)>,
    /// What was done, for whoever counts.
    pub(super) done: Vec<(Node, Port, Tampering)>,
}

impl Tampers {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, rules: Vec::new(), late: Vec::new(), done: Vec::new() }
    }

    /// The next message that this host sends to or from this port.
    pub(super) fn add(&mut self, from: Node, port: Port, tampering: Tampering) {
        self.rules.push((from, port, tampering));
    }

    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }

    /// When a message that is kept back is sent at the latest.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.late.iter().map(|(due, ..)| *due).min()
    }

    /// Sends what was kept back for long enough.
    pub(super) fn send_late(&mut self, now: Time, network: &mut Network) -> bool {
        let before = self.late.len();
        self.late.retain(|(due, node, _, connection, bytes)| {
            let waits = *due > now;
            if !waits {
                network.send(*node, *connection, bytes.clone());
            }
            waits
        });
        self.late.len() < before
    }
}

/// The network, as one host has it.
pub(super) struct Wire<'a> {
    pub(super) network: &'a mut Network,
    pub(super) tampers: &'a mut Tampers,
    pub(super) node: Node,
    pub(super) now: Time,
    /// How long somebody who dials waits for an answer.
    pub(super) answer_ns: u64,
    /// Whether anything was done.
    pub(super) used: bool,
    /// Whether it was anything but what goes on for ever.
    pub(super) moves: bool,
}

impl Wire<'_> {
    pub(super) fn poll(&mut self) -> Option<NetworkEvent> {
        let event = self.network.poll(self.node);
        self.used |= event.is_some();
        event
    }

    /// `in_vain` says that this was tried before, and may never come to anything.
    pub(super) fn dial(&mut self, port: Port, in_vain: bool) -> Connection {
        self.used = true;
        self.moves |= !in_vain;
        self.network.dial(self.node, port)
    }

    pub(super) fn close(&mut self, connection: Connection) {
        self.moves = true;
        self.give_up(connection);
    }

    /// Ends a connection that was dialled in vain.
    pub(super) fn give_up(&mut self, connection: Connection) {
        self.used = true;
        self.network.close(self.node, connection);
    }

    pub(super) fn send_message(
        &mut self,
        port: Port,
        to: Connection,
        message: &Message,
        said: &mut Said,
    ) {
        let moved = self.moves;
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        self.send(port, to, bytes);
        self.moves = moved || said.is_new(message);
    }

    pub(super) fn send(&mut self, port: Port, connection: Connection, bytes: Vec<u8>) {
        (self.used, self.moves) = (true, true);
        let meant = |rule: &(Node, Port, Tampering)| (rule.0, rule.1) == (self.node, port);
        match self.tampers.rules.iter().position(meant) {
            Some(place) => {
                let rule = self.tampers.rules.remove(place);
                self.tampers.done.push(rule);
                self.send_tampered(port, connection, bytes, rule.2);
            }
            None => self.network.send(self.node, connection, bytes),
        }
        // What was to come after this one.
        let node = self.node;
        if let Some(place) =
            self.tampers.late.iter().position(|(_, from, to, ..)| (*from, *to) == (node, port))
            && self.tampers.late[place].0 < self.now.after(LATE_NS)
        {
            let (.., connection, bytes) = self.tampers.late.remove(place);
            self.network.send(node, connection, bytes);
        }
    }

    fn send_tampered(&mut self, port: Port, to: Connection, mut bytes: Vec<u8>, how: Tampering) {
        match how {
            Tampering::Malformed => bytes[0] ^= 0x55,
            Tampering::Truncated => {
                bytes.truncate(bytes.len() / 2);
                self.network.send(self.node, to, bytes);
                return self.network.sever(self.node, to);
            }
            Tampering::Oversized => {
                // In a control frame the first four bytes are its length; elsewhere it is just too much.
                bytes = (FRAME_MAX as u32 + 1).to_be_bytes().to_vec();
                bytes.resize(OVERSIZE_BYTES, 0xff);
            }
            Tampering::Duplicated => bytes.extend_from_within(..),
            Tampering::Late => {
                let due = self.now.after(LATE_NS);
                return self.tampers.late.push((due, self.node, port, to, bytes));
            }
            Tampering::Slow => {
                for piece in bytes.chunks(bytes.len().div_ceil(PIECES_MAX)) {
                    self.network.send(self.node, to, piece.to_vec());
                }
                return;
            }
            Tampering::Junk => {
                let count = 1 + self.tampers.stream.below(40) as usize;
                let junk = (0..count).map(|_| self.tampers.stream.next_u32() as u8);
                bytes.splice(0..0, junk.collect::<Vec<_>>());
            }
        }
        self.network.send(self.node, to, bytes);
    }
}
