//! The drivers without a state of their own: raw and quorum.

use crate::disk::{Errno, Op};
use crate::event::DiskId;
use crate::graph::{Driver, NodeId};
use crate::io::{Io, IoId, Kind, State};
use crate::payload::Payload;
use crate::probe::Probe;
use crate::quirk::Quirk;
use crate::volume::Volume;

impl Volume {
    pub(crate) fn raw_begin(&mut self, id: IoId, disk: DiskId) {
        let io = &mut self.ios[id];
        io.state = State::Parts;
        let at = io.extent.at;
        let op = match io.kind {
            Kind::Read => Op::Read { at, len: io.extent.len },
            Kind::Write => Op::Write { at, payload: io.payload.clone(), fua: false },
            Kind::Flush => Op::Flush,
            Kind::Empty | Kind::Mark(_) => unreachable!("a raw disk is no overlay"),
        };
        self.send_to_disk(id, 0, disk, op);
    }
}

/// Quorum (spec section 3): reads first in first out; writes to all, and one must succeed.
impl Volume {
    fn children(&self, node: NodeId) -> &[NodeId] {
        match &self.nodes[node].driver {
            Driver::Quorum(children) => children,
            _ => unreachable!("a quorum's request is on a quorum"),
        }
    }

    pub(crate) fn quorum_begin(&mut self, id: IoId) {
        let Io { node, kind, extent, .. } = self.ios[id];
        let count = self.children(node).len();
        if count == 1 {
            let child = self.children(node)[0];
            return self.pass_on(id, child);
        }
        self.ios[id].state = State::Quorum { succeeded: 0, reading: 0, first: None };
        let ask = if kind == Kind::Read { 1 } else { count };
        for part in 0..ask {
            let (child, payload) = (self.children(node)[part], self.ios[id].payload.clone());
            self.send_to_node(id, part as u32, child, kind, extent, payload);
        }
    }

    pub(crate) fn quorum_child_done(
        &mut self,
        id: IoId,
        part: u32,
        result: Result<Payload, Errno>,
    ) {
        let Io { node, kind, extent, pending, .. } = self.ios[id];
        let State::Quorum { succeeded, reading, first } = &mut self.ios[id].state else {
            unreachable!("a quorum's part belongs to a quorum")
        };
        if kind == Kind::Read {
            if result.is_ok() {
                return self.finish(id, result);
            }
            *reading += 1;
            let next = *reading;
            let Some(&child) = self.children(node).get(next as usize) else {
                return self.finish(id, result);
            };
            self.probe(Probe::QuorumReadsNext);
            return self.send_to_node(id, next, child, kind, extent, Payload::EMPTY);
        }
        *succeeded += u32::from(result.is_ok());
        if part == 0 {
            *first = result.as_ref().err().copied();
        }
        let (succeeded, first) = (*succeeded, *first);
        if kind == Kind::Write && part == 0 && result.is_err() {
            self.probe(Probe::QuorumLocalFailed);
        }
        if pending > 0 {
            return;
        }
        // The guest reads its first child: what that one refused must not be called written.
        let error = if self.quirk(Quirk::QuorumCountsForwarding) {
            self.ios[id].error.filter(|_| succeeded == 0)
        } else {
            first
        };
        self.finish(id, error.map_or(Ok(Payload::EMPTY), Err));
    }
}
