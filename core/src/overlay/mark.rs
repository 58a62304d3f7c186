//! The mark in an overlay's header: what the chain is good for after a crash.
//!
//! One sector, written with FUA: all or nothing, and durable when it is answered.

use crate::disk::Op;
use crate::geometry::Extent;
use crate::graph::NodeId;
use crate::io::{IoId, Kind, Parent, State};
use crate::overlay::{Layout, Mark};
use crate::payload::Payload;
use crate::probe::Probe;
use crate::quirk::Quirk;
use crate::volume::Volume;

impl Volume {
    /// Writes the header, one sector and thus all or nothing, and waits until it is durable.
    pub(super) fn overlay_mark(&mut self, id: IoId, mark: Mark) {
        let payload = Payload::from(Layout::marked_header(self.geometry(), mark));
        let disk = self.overlay(self.ios[id].node).disk;
        self.ios[id].state = State::Parts;
        self.send_to_disk(id, 0, disk, Op::Write { at: 0, payload, fua: true });
    }

    /// The header was written, or may have been.
    pub(crate) fn overlay_marked(&mut self, node: NodeId, mark: Mark, ok: bool) {
        if !ok {
            self.probe(Probe::MarkFailed);
        }
        let overlay = self.overlay_mut(node);
        if ok {
            overlay.mark = mark;
        }
        overlay.mark_in_doubt = !ok;
        // A failed mark leaves a doubt as it was; only one that was written ends it.
        overlay.owed_in_doubt = !ok && (overlay.owed_in_doubt || mark == Mark::Owed);
    }

    /// Marks the chain, in the header of active, for whoever must answer.
    pub(crate) fn mark_chain(&mut self, mark: Mark, parent: Parent) {
        let none = Extent::new(0, 0);
        self.spawn(self.chain.active, Kind::Mark(mark), none, Payload::EMPTY, parent);
    }

    /// What the chain says of itself; nothing where marks are not kept.
    pub(crate) fn chain_mark(&self) -> Option<Mark> {
        let marked = !self.quirk(Quirk::UnmarkedOverlays) && self.chain_is_whole();
        marked.then(|| self.overlay(self.chain.active).mark)
    }
}
