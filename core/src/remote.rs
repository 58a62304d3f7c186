//! The remote driver: the NBD client's place, with its answer to a lost connection.
//!
//! Without a connection a request fails at once, or, with a reconnect delay, waits
//! that long for one and is sent again (spec section 3). The link itself, and what
//! is at its other end, is the world's.

use crate::clock::Time;
use crate::disk::{Errno, RequestId};
use crate::event::UserOp;
use crate::graph::Driver;
use crate::io::{IoId, Kind, Leaf, LeafId, State, leaf_request, request_leaf};
use crate::payload::Payload;
use crate::probe::Probe;
use crate::volume::Volume;

/// The connection to the other host's export, and the requests that depend on it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Remote {
    connected: bool,
    /// Until when requests wait for a connection that was lost.
    deadline: Option<Time>,
    /// Requests without an answer, in order of submission.
    unanswered: Vec<(LeafId, UserOp)>,
}

impl Volume {
    fn remote(&mut self) -> Option<&mut Remote> {
        match &mut self.nodes.get_mut(self.remote?)?.driver {
            Driver::Remote(remote) => Some(remote),
            _ => None,
        }
    }

    pub(crate) fn remote_begin(&mut self, id: IoId) {
        let leaf = self.leaves.insert(Leaf { io: id, part: 0 });
        let io = &mut self.ios[id];
        io.state = State::Parts;
        io.pending += 1;
        let op = match io.kind {
            Kind::Read => UserOp::Read(io.extent),
            Kind::Write => UserOp::Write { at: io.extent.at, payload: io.payload.clone() },
            Kind::Flush => UserOp::Flush,
            Kind::Empty | Kind::Mark(_) => unreachable!("the export has no such request"),
        };
        let remote = self.remote().expect("a request reached the remote node");
        remote.unanswered.push((leaf, op.clone()));
        if remote.connected {
            self.link_outbox.push_back((leaf_request(leaf), op));
        } else if remote.deadline.is_none() {
            self.remote_fail_all();
        } else {
            self.probe(Probe::RequestWaitsForConnection);
        }
    }

    /// The other end answered.
    pub(crate) fn link_completed(&mut self, id: RequestId, result: Result<Payload, Errno>) {
        let leaf = request_leaf(id);
        if let Some(remote) = self.remote() {
            remote.unanswered.retain(|(other, _)| *other != leaf);
        }
        self.disk_completed(id, result);
    }

    /// The connection is there: requests that waited for it are sent again.
    pub(crate) fn link_connected(&mut self) {
        let Some(remote) = self.remote() else { return };
        if std::mem::replace(&mut remote.connected, true) {
            return;
        }
        remote.deadline = None;
        let again: Vec<_> = remote.unanswered.clone();
        if !again.is_empty() {
            self.probe(Probe::RequestSentAgain);
        }
        self.link_outbox.extend(again.into_iter().map(|(leaf, op)| (leaf_request(leaf), op)));
    }

    /// The connection is lost. Answers to what was sent over it never come.
    pub(crate) fn link_lost(&mut self, now: Time) {
        let delay = self.options().reconnect_delay_ns;
        let Some(remote) = self.remote() else { return };
        if !std::mem::replace(&mut remote.connected, false) {
            return;
        }
        if delay == 0 {
            self.remote_fail_all();
        } else {
            remote.deadline = Some(now.after(delay));
        }
        self.link_outbox.clear();
        self.work();
    }

    /// When [`Volume::timeout`] is to be called, if ever.
    pub(crate) fn deadline(&self) -> Option<Time> {
        match &self.nodes.get(self.remote?)?.driver {
            Driver::Remote(remote) => remote.deadline,
            _ => None,
        }
    }

    /// Time has passed. Calling it too early, or without need, changes nothing.
    pub(crate) fn timeout(&mut self, now: Time) {
        let Some(remote) = self.remote() else { return };
        if remote.deadline.is_some_and(|deadline| deadline <= now) {
            remote.deadline = None;
            self.probe(Probe::ReconnectTimedOut);
            self.remote_fail_all();
            self.work();
        }
    }

    fn remote_fail_all(&mut self) {
        let Some(remote) = self.remote() else { return };
        for (leaf, _) in std::mem::take(&mut remote.unanswered) {
            let leaf = self.leaves.remove(leaf).expect("an unanswered request is still known");
            self.tasks.push_back(crate::io::Task::PartDone(leaf, Err(Errno::Io)));
        }
    }
}
