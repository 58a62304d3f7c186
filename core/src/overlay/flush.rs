//! Flushing an overlay: data, then the map sectors that changed, then seal them. One at a time.
//!
//! Emptying takes the same steps with an empty map; of two overlays that are emptied
//! together each is prepared on disk first, and both take effect in one instant.

use crate::bitmap::Bitmap;
use crate::disk::{Errno, Op};
use crate::event::Event;
use crate::graph::NodeId;
use crate::io::{Io, IoId, Kind, Parent, State, Task};
use crate::payload::Payload;
use crate::probe::Probe;
use crate::volume::Volume;

/// How the emptying of an overlay fails (spec section 3).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum EmptyFailure {
    /// Nothing is dropped.
    Nothing,
    /// Some of it is dropped.
    Half,
    /// Everything is dropped, and an error answered all the same.
    All,
    /// The format layer is lost on the way.
    Ejected,
}

impl EmptyFailure {
    /// Every way.
    pub const ALL: [Self; 4] = [Self::Nothing, Self::Half, Self::All, Self::Ejected];

    /// The name in traces and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Half => "half",
            Self::All => "all",
            Self::Ejected => "ejected",
        }
    }
}

/// A flush or an emptying, step by step.
#[derive(Debug, Clone)]
pub(crate) enum FlushStep {
    /// Behind another flush.
    Queued,
    /// Makes the data durable; then these map sectors are written.
    Data { map: Bitmap, sectors: Bitmap },
    /// Writes map sectors.
    Map { sectors: Bitmap },
    /// Makes the map durable.
    Seal { sectors: Bitmap },
    /// An empty map is durable; whether it counts, the verb decides.
    Prepared,
}

impl Volume {
    pub(super) fn flush_queued(&mut self, id: IoId) {
        self.ios[id].state = State::Flushing(FlushStep::Queued);
        let overlay = self.overlay_mut(self.ios[id].node);
        if overlay.flushing {
            overlay.flush_queue.push_back(id);
            return self.probe(Probe::FlushWaits);
        }
        overlay.flushing = true;
        self.flush_begin(id);
    }

    pub(crate) fn flush_begin(&mut self, id: IoId) {
        let Io { node, kind, .. } = self.ios[id];
        if kind == Kind::Empty
            && let Some((failure, errno)) = self.overlay_mut(node).fails_next.take()
        {
            return self.empty_fails(id, failure, errno);
        }
        let overlay = self.overlay_mut(node);
        let (map, sectors) = if kind == Kind::Empty {
            let mut all = Bitmap::new(overlay.map_dirty.len());
            all.set(0..overlay.map_dirty.len());
            overlay.map_dirty.clear_all();
            (Bitmap::new(overlay.map.len()), all)
        } else {
            let clean = Bitmap::new(overlay.map_dirty.len());
            (overlay.map.clone(), std::mem::replace(&mut overlay.map_dirty, clean))
        };
        let disk = overlay.disk;
        if kind == Kind::Empty {
            return self.flush_write_map(id, &map, sectors);
        }
        self.ios[id].state = State::Flushing(FlushStep::Data { map, sectors });
        self.send_to_disk(id, 0, disk, Op::Flush);
    }

    fn flush_write_map(&mut self, id: IoId, map: &Bitmap, sectors: Bitmap) {
        if !sectors.none() && self.ios[id].kind == Kind::Flush {
            self.probe(Probe::FlushWritesMap);
        }
        let node = self.ios[id].node;
        let mut from = sectors.next_set(0);
        while let Some(first) = from {
            let end = first + sectors.run(first, sectors.len());
            let overlay = self.overlay(node);
            let payload = Payload::from(overlay.map_bytes(map, first..end));
            let (disk, at) = (overlay.disk, 1 + first as u64);
            self.send_to_disk(id, 0, disk, Op::Write { at, payload, fua: false });
            from = sectors.next_set(end);
        }
        self.ios[id].state = State::Flushing(FlushStep::Map { sectors });
    }

    pub(crate) fn flush_step_done(&mut self, id: IoId) {
        let io = &mut self.ios[id];
        if io.pending > 0 {
            return;
        }
        let error = io.error;
        let State::Flushing(step) = std::mem::replace(&mut io.state, State::Entered) else {
            unreachable!("a flush's part belongs to a flush")
        };
        match (step, error) {
            (FlushStep::Data { sectors, .. }, None) if sectors.none() => self.flush_end(id, None),
            (FlushStep::Data { map, sectors }, None) => self.flush_write_map(id, &map, sectors),
            (FlushStep::Map { sectors }, None) => {
                let disk = self.overlay(self.ios[id].node).disk;
                self.ios[id].state = State::Flushing(FlushStep::Seal { sectors });
                self.send_to_disk(id, 0, disk, Op::Flush);
            }
            (FlushStep::Seal { .. }, None) if self.empties_are_prepared(id) => {
                self.ios[id].state = State::Flushing(FlushStep::Prepared);
                self.verb_prepared(id);
            }
            (FlushStep::Seal { .. }, None) => self.flush_end(id, None),
            (FlushStep::Prepared, _) => unreachable!("a prepared emptying has no parts"),
            (FlushStep::Queued, _) => unreachable!("a flush that waits has no parts"),
            (FlushStep::Data { sectors, .. } | FlushStep::Seal { sectors }, Some(_)) => {
                self.flush_end(id, Some(sectors));
            }
            (FlushStep::Map { sectors }, Some(_)) => {
                self.probe(Probe::MapWriteFailed);
                self.flush_end(id, Some(sectors));
            }
        }
    }

    /// Ends a flush or an emptying; on failure these map sectors are dirty again.
    fn flush_end(&mut self, id: IoId, failed: Option<Bitmap>) {
        let Io { node, kind, error, .. } = self.ios[id];
        let overlay = self.overlay_mut(node);
        if let Some(sectors) = failed {
            let mut next = sectors.next_set(0);
            while let Some(sector) = next {
                overlay.map_dirty.set(sector..sector + 1);
                next = sectors.next_set(sector + 1);
            }
        } else if kind == Kind::Empty {
            overlay.map.clear_all();
            overlay.map_dirty.clear_all();
            let disk = overlay.disk;
            self.events.push_back(Event::Emptied(disk));
        }
        let overlay = self.overlay_mut(node);
        match overlay.flush_queue.pop_front() {
            Some(next) => self.tasks.push_back(Task::NextFlush(next)),
            None => overlay.flushing = false,
        }
        if kind == Kind::Empty && error.is_some() {
            self.probe(Probe::EmptyFailed);
        }
        self.finish(id, error.map_or(Ok(Payload::EMPTY), Err));
    }

    /// An emptying fails on purpose. One that is prepared has its effect later, and so has none.
    fn empty_fails(&mut self, id: IoId, failure: EmptyFailure, errno: Errno) {
        let node = self.ios[id].node;
        self.ios[id].error = Some(errno);
        if failure == EmptyFailure::Ejected {
            self.eject_node(node);
        }
        let in_place = !self.empties_are_prepared(id);
        let overlay = self.overlay_mut(node);
        let mut all = Bitmap::new(overlay.map_dirty.len());
        all.set(0..all.len());
        match failure {
            EmptyFailure::Nothing => {}
            EmptyFailure::Half | EmptyFailure::Ejected if in_place => {
                let half = overlay.map.len() / 2;
                overlay.map.clear(0..half);
            }
            EmptyFailure::All if in_place => {
                overlay.map.clear_all();
                let disk = overlay.disk;
                self.events.push_back(Event::Emptied(disk));
            }
            // On its disk some of the map is gone, or all of it; in memory nothing is.
            EmptyFailure::Half | EmptyFailure::All => {
                let mut sectors = all.clone();
                if failure == EmptyFailure::Half {
                    sectors.clear(0..all.len() / 2);
                }
                let map = Bitmap::new(overlay.map.len());
                self.overlay_mut(node).map_dirty = all;
                return self.flush_write_map(id, &map, sectors);
            }
            EmptyFailure::Ejected => {}
        }
        self.flush_end(id, Some(all));
    }

    /// Whether this is an emptying that takes effect together with another one.
    fn empties_are_prepared(&self, id: IoId) -> bool {
        self.ios[id].kind == Kind::Empty && self.empties_together()
    }

    /// A prepared emptying takes effect: the overlay is empty from this instant on.
    pub(crate) fn empty_commit(&mut self, id: IoId) {
        self.flush_end(id, None);
    }

    /// A prepared emptying is given up: the map in memory stays the truth, and is written anew
    /// at the next flush.
    pub(crate) fn empty_abort(&mut self, id: IoId) {
        let mut all = Bitmap::new(self.overlay(self.ios[id].node).map_dirty.len());
        all.set(0..all.len());
        self.flush_end(id, Some(all));
    }

    /// Empties an overlay for the verb that runs.
    pub(crate) fn empty_for_verb(&mut self, node: NodeId) {
        let whole = self.geometry().whole();
        self.spawn(node, Kind::Empty, whole, Payload::EMPTY, Parent::Verb);
    }
}
