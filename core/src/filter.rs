//! The replication filter: its stage, and what it does with a request in each (spec 2.5).
//!
//! Verbs stand in `verbs`, the jobs in files of their own. The stage changes in
//! one place only, and only along the edges of one table.

use crate::disk::Errno;
use crate::event::Event;
use crate::geometry::Extent;
use crate::graph::{Driver, NodeId};
use crate::io::{Io, IoId, Kind, Parent, State};
use crate::name::Name;
use crate::overlay::{Mark, allocated_prefix};
use crate::payload::Payload;
use crate::probe::Probe;
use crate::quirk::Quirk;
use crate::verb::{Mode, Stage, edge_permitted};
use crate::volume::Volume;

/// The filter's state (spec section 2).
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    pub(crate) mode: Mode,
    pub(crate) stage: Stage,
    /// What was lost since the start, as get_error tells it.
    pub(crate) error: Option<Errno>,
    /// Active until the pivot, the secondary disk after it; the remote node on the primary.
    pub(crate) child: NodeId,
    /// Not saying ok since the last checkpoint failed.
    pub(crate) checkpoint_failed: bool,
    /// The name of the root above it, as it was given.
    pub(crate) top_id: Option<Name>,
    /// The root that a start has blocked.
    pub(crate) blocked_top: Option<NodeId>,
    /// The seed's pointer to its blocker is not null.
    pub(crate) blocker_set: bool,
    /// Whether hidden and the secondary disk were read-only at the start.
    pub(crate) were_read_only: [bool; 2],
}

/// A write after a failed failover, extent by extent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SplitWrite {
    /// What is not written yet.
    rest: Extent,
    /// Sectors of the extent on its way.
    tried: u32,
}

/// Where a request goes.
enum Route {
    Refuse,
    Child,
    Forward,
    Split,
    FlushBoth,
}

impl Filter {
    pub(crate) fn new(mode: Mode, child: NodeId, top_id: Option<Name>) -> Self {
        Self {
            mode,
            stage: Stage::None,
            error: None,
            child,
            checkpoint_failed: false,
            top_id,
            blocked_top: None,
            blocker_set: false,
            were_read_only: [false; 2],
        }
    }

    fn route(&self, kind: Kind) -> Route {
        match (self.mode, self.stage, kind) {
            // Otherwise a flush goes to the child whatever the stage.
            (Mode::Secondary, Stage::FailoverFailed, Kind::Flush) => Route::FlushBoth,
            (_, _, Kind::Flush) => Route::Child,
            (Mode::Primary, _, Kind::Read) | (_, Stage::None, _) => Route::Refuse,
            (Mode::Primary, Stage::Running, _) => Route::Forward,
            (Mode::Primary, _, _) => Route::Refuse,
            (Mode::Secondary, Stage::FailoverFailed, Kind::Write) => Route::Split,
            (Mode::Secondary, _, _) => Route::Child,
        }
    }
}

impl Volume {
    /// The filter, unless it was closed.
    pub(crate) fn filter(&self) -> Option<&Filter> {
        match &self.nodes.get(self.filter?)?.driver {
            Driver::Replication(filter) => Some(filter),
            _ => None,
        }
    }

    pub(crate) fn filter_mut(&mut self) -> &mut Filter {
        let node = self.filter.expect("only an open filter changes");
        match &mut self.nodes[node].driver {
            Driver::Replication(filter) => filter,
            _ => unreachable!("the filter's node is a filter"),
        }
    }

    /// The only place where the stage changes.
    pub(crate) fn set_stage(&mut self, to: Stage) {
        let filter = self.filter_mut();
        let (mode, from) = (filter.mode, filter.stage);
        assert!(edge_permitted(mode, from, to), "no edge {} to {}", from.name(), to.name());
        filter.stage = to;
        self.events.push_back(Event::Stage { mode, from, to });
    }

    pub(crate) fn filter_begin(&mut self, id: IoId) {
        let filter = self.filter().expect("a request reached the filter");
        let child = filter.child;
        if self.ios[id].kind == Kind::Write && self.mark_needed() {
            self.ios[id].state = State::Marking;
            self.ios[id].pending += 1;
            return self.mark_chain(Mark::Owed, Parent::Io(id, 0));
        }
        match filter.route(self.ios[id].kind) {
            Route::Refuse => {
                self.probe(Probe::RefusedByStage);
                self.finish(id, Err(Errno::Io));
            }
            Route::FlushBoth if self.quirk(Quirk::FlushMissesSplitWrites) => {
                self.pass_on(id, child);
            }
            Route::FlushBoth => {
                self.ios[id].state = State::Parts;
                let none = Extent::new(0, 0);
                for node in [child, self.chain.secondary] {
                    self.send_to_node(id, 0, node, Kind::Flush, none, Payload::EMPTY);
                }
            }
            Route::Child => self.pass_on(id, child),
            Route::Forward => {
                self.ios[id].state = State::Forwarding;
                let Io { extent, .. } = self.ios[id];
                let payload = self.ios[id].payload.clone();
                self.send_to_node(id, 0, child, Kind::Write, extent, payload);
            }
            Route::Split => {
                self.probe(Probe::SplitWrite);
                let rest = self.ios[id].extent;
                self.ios[id].state = State::Split(SplitWrite { rest, tried: 0 });
                self.split_next(id, rest);
            }
        }
    }

    /// After a failed pivot the disk may say that the overlays are spent: then a crash would
    /// forget what is written to them from here on, so the mark comes first.
    fn mark_needed(&self) -> bool {
        let Some(filter) = self.filter() else { return false };
        let in_doubt = || self.overlay(self.chain.active).mark_in_doubt;
        filter.stage == Stage::FailoverFailed && in_doubt()
    }

    pub(crate) fn write_marked(&mut self, id: IoId) {
        match self.ios[id].error {
            Some(errno) => self.finish(id, Err(errno)),
            None => self.filter_begin(id),
        }
    }

    /// A forwarded write that failed is remembered, and the guest goes on (spec 2.5).
    pub(crate) fn forward_done(&mut self, id: IoId, result: Result<Payload, Errno>) {
        if let Err(errno) = result {
            self.probe(Probe::ForwardFailed);
            if self.filter.is_some() {
                self.filter_mut().error = Some(errno);
            }
        }
        self.finish(id, Ok(Payload::EMPTY));
    }

    /// Writes the next extent: allocated above the secondary disk to active, any other to the disk itself.
    fn split_next(&mut self, id: IoId, rest: Extent) {
        let geometry = *self.geometry();
        let (active, hidden) = (self.chain.active, self.chain.hidden);
        let maps = [&self.overlay(active).map, &self.overlay(hidden).map];
        let (allocated, len) = allocated_prefix(&geometry, &maps, rest);
        let extent = Extent::new(rest.at, len);
        let target = if allocated { active } else { self.chain.secondary };
        let rest = Extent::new(extent.end(), rest.len - len);
        self.ios[id].state = State::Split(SplitWrite { rest, tried: len });
        let payload = self.slice(id, extent);
        self.send_to_node(id, 0, target, Kind::Write, extent, payload);
    }

    pub(crate) fn split_extent_done(&mut self, id: IoId) {
        let Io { error, extent, .. } = self.ios[id];
        let State::Split(SplitWrite { rest, tried }) = self.ios[id].state else {
            unreachable!("an extent belongs to a split write")
        };
        match error {
            Some(errno) => {
                if rest.len + tried < extent.len {
                    self.probe(Probe::SplitWriteFailed);
                }
                self.finish(id, Err(errno));
            }
            None if rest.len == 0 => self.finish(id, Ok(Payload::EMPTY)),
            None => self.split_next(id, rest),
        }
    }
}
