//! The third: who may go on alone is decided here, once.
//!
//! The primary's guest runs on a lease. A claim of the secondary is granted only when the
//! last lease is over by this clock, with a margin for a clock that runs slower; from the
//! claim on no lease is renewed. Whoever was granted first is the only one for ever: a new
//! pair needs a new arbiter, as its disks need somebody who makes them equal.

use std::collections::VecDeque;

use crate::clock::Time;
use crate::colo::message::{Message, Node};
use crate::colo::with_margin;

/// The arbiter. See the module's head.
#[derive(Debug, Clone)]
pub struct Arbiter {
    lease_ns: u64,
    leader: Leader,
    outbox: VecDeque<(Node, Message)>,
}

/// Who may run a guest whose work counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leader {
    /// The primary, while its lease lasts.
    Leased {
        /// When that is over.
        until: Time,
    },
    /// The secondary has claimed, and the primary's lease is not over yet.
    Promised {
        /// When it is.
        at: Time,
    },
    /// One of them, alone.
    Alone(Node),
}

impl Arbiter {
    /// An arbiter that has given no lease.
    pub fn new(lease_ns: u64) -> Self {
        let leader = Leader::Leased { until: Time::ZERO };
        Self { lease_ns, leader, outbox: VecDeque::new() }
    }

    /// A message of one of the two. What only others may send says nothing to it.
    pub fn received(&mut self, now: Time, from: Node, message: &Message) {
        match (from, message) {
            (Node::Primary, Message::Renew { number }) => self.renew(now, *number),
            (Node::Primary, Message::Release) => self.released(now),
            (Node::Primary | Node::Secondary, Message::Claim) => self.claimed(now, from),
            _ => {}
        }
    }

    fn renew(&mut self, now: Time, number: u32) {
        let granted = match self.leader {
            Leader::Leased { .. } => {
                let until = now.after(with_margin(self.lease_ns));
                self.leader = Leader::Leased { until };
                true
            }
            Leader::Promised { .. } => false,
            Leader::Alone(node) => node == Node::Primary,
        };
        self.outbox.push_back((Node::Primary, Message::Lease { number, granted }));
    }

    fn released(&mut self, now: Time) {
        match &mut self.leader {
            Leader::Leased { until } => *until = now,
            Leader::Promised { at } => *at = now,
            Leader::Alone(_) => {}
        }
        self.timeout(now);
    }

    fn claimed(&mut self, now: Time, from: Node) {
        match (self.leader, from) {
            (Leader::Leased { .. }, Node::Primary) => self.leader = Leader::Alone(from),
            (Leader::Leased { until }, _) => self.leader = Leader::Promised { at: until },
            _ => {}
        }
        self.timeout(now);
        let answer = match self.leader {
            Leader::Alone(node) if node == from => Message::Granted,
            // The secondary is told when its time has come.
            Leader::Promised { .. } if from == Node::Secondary => return,
            _ => Message::Denied,
        };
        self.outbox.retain(|(to, _)| *to != from);
        self.outbox.push_back((from, answer));
    }

    /// When [`Arbiter::timeout`] is to be called, if ever.
    pub fn deadline(&self) -> Option<Time> {
        match self.leader {
            Leader::Promised { at } => Some(at),
            _ => None,
        }
    }

    /// Time has passed. Calling it too early, or without need, changes nothing.
    pub fn timeout(&mut self, now: Time) {
        if let Leader::Promised { at } = self.leader
            && at <= now
        {
            self.leader = Leader::Alone(Node::Secondary);
            self.outbox.push_back((Node::Secondary, Message::Granted));
        }
    }

    /// The next message to send.
    pub fn poll(&mut self) -> Option<(Node, Message)> {
        self.outbox.pop_front()
    }
}
