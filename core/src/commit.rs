//! The active commit: writes active and hidden down into the secondary disk (spec section 3).
//!
//! Three sets decide when it may finish: granules that are dirty, granules whose
//! copy is in flight, and guest writes on their way. All three must be empty at
//! the pivot. Success, error and cancellation end in one place.

use crate::bitmap::Bitmap;
use crate::disk::Errno;
use crate::event::{Event, GraphChange, JobKind, JobState, JobType, UserId};
use crate::geometry::{COMMIT_COPIES_MAX, Extent};
use crate::graph::{Driver, NodeId, Reason, allocated_granules};
use crate::io::{DrainWaiter, Kind, Parent, Task};
use crate::overlay::Mark;
use crate::payload::Payload;
use crate::probe::Probe;
use crate::volume::{Chain, Volume};

/// How far the commit has come.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum CommitPhase {
    /// Copying dirty granules.
    Copying,
    /// Nothing dirty: making the secondary disk durable.
    Flushing,
    /// Ready: waiting for guest requests in flight.
    Draining,
    /// Drained and clean: making the last of it durable.
    FinalFlush,
    /// Durable: saying on disk that the overlays are spent.
    Marking,
    /// It has failed or was cancelled: waiting for guest requests in flight.
    Failing,
}

impl CommitPhase {
    /// The name in traces and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Copying => "commit-copying",
            Self::Flushing => "commit-flushing",
            Self::Draining => "commit-draining",
            Self::FinalFlush => "commit-final-flush",
            Self::Marking => "commit-marking",
            Self::Failing => "commit-failing",
        }
    }
}

/// The commit job's state.
#[derive(Debug, Clone)]
pub(crate) struct CommitJob {
    top: NodeId,
    base: NodeId,
    dirty: Bitmap,
    in_flight: Bitmap,
    copies: Vec<Option<Copying>>,
    pub(crate) phase: CommitPhase,
    ready: bool,
    cancelled: bool,
    error: Option<Errno>,
}

/// One run of granules on its way down.
#[derive(Debug, Clone)]
struct Copying {
    granules: std::ops::Range<usize>,
    reading: bool,
}

impl CommitJob {
    fn copies_in_flight(&self) -> usize {
        self.copies.iter().flatten().count()
    }

    /// Why it must end without success, once nothing is in flight.
    fn ended(&self) -> Option<Errno> {
        self.error.or((self.cancelled && !self.ready).then_some(Errno::Cancelled))
    }
}

impl Volume {
    /// Starts to write everything that is allocated above the secondary disk down into it.
    pub(crate) fn commit_start(&mut self) {
        let geometry = *self.geometry();
        let chain = self.chain;
        self.set_read_only(chain.secondary, false);
        let maps = [&self.overlay(chain.active).map, &self.overlay(chain.hidden).map];
        let dirty = allocated_granules(&geometry, &maps, geometry.commit_granule);
        if dirty.none() {
            self.probe(Probe::CommitEmpty);
        }
        let in_flight = Bitmap::new(dirty.len());
        self.commit = Some(CommitJob {
            top: chain.active,
            base: chain.secondary,
            dirty,
            in_flight,
            copies: vec![None; COMMIT_COPIES_MAX as usize],
            phase: CommitPhase::Copying,
            ready: false,
            cancelled: false,
            error: None,
        });
        for node in [chain.active, chain.hidden, chain.secondary] {
            self.block(node, Reason::Job(JobType::Commit));
        }
        self.events.push_back(Event::Job { kind: JobKind::Commit, state: JobState::Started });
        self.commit_advance();
    }

    /// Asks the commit job to end: before READY without the pivot, from then on with it.
    pub(crate) fn cancel_commit(&mut self) {
        self.commit_cancel();
        self.work();
    }

    pub(crate) fn commit_cancel(&mut self) {
        let Some(job) = &mut self.commit else { return };
        let ready = job.ready;
        if std::mem::replace(&mut job.cancelled, true) {
            return;
        }
        self.probe(if ready { Probe::CommitCancelledReady } else { Probe::CommitCancelled });
        self.events.push_back(Event::Job { kind: JobKind::Commit, state: JobState::Cancelling });
        if !ready {
            self.commit_advance();
        }
    }

    fn commit_job(&mut self) -> &mut CommitJob {
        self.commit.as_mut().expect("only a commit job has copies and flushes")
    }

    /// Starts every copy that may start; when none is left, goes on to the flush.
    fn commit_advance(&mut self) {
        let job = self.commit_job();
        if job.phase != CommitPhase::Copying {
            return;
        }
        let in_flight = job.copies_in_flight();
        if job.ended().is_some() {
            if in_flight > 0 {
                return self.probe(Probe::CommitEndWaits);
            }
            return self.commit_fail();
        }
        while self.commit_copy_start() {}
        let job = self.commit_job();
        if job.copies_in_flight() > 0 {
            return;
        }
        assert!(job.dirty.none(), "nothing in flight and something dirty starts a copy");
        if job.ready {
            return self.commit_drain(CommitPhase::Draining);
        }
        job.phase = CommitPhase::Flushing;
        self.commit_flush();
    }

    /// No success any more. As in the seed, guest requests in flight end before the job does:
    /// none of them is split by the allocation of before and the stage of after.
    fn commit_fail(&mut self) {
        self.commit_drain(CommitPhase::Failing);
    }

    fn commit_drain(&mut self, phase: CommitPhase) {
        self.commit_job().phase = phase;
        self.drain_begin(UserId::Guest, DrainWaiter::Commit);
    }

    /// Starts the next copy, if one may start.
    fn commit_copy_start(&mut self) -> bool {
        let geometry = *self.geometry();
        let job = self.commit_job();
        let Some(slot) = job.copies.iter().position(Option::is_none) else {
            self.probe(Probe::CommitFull);
            return false;
        };
        let mut next = job.dirty.next_set(0);
        let mut skipped = false;
        while let Some(granule) = next.filter(|&granule| job.in_flight.get(granule)) {
            skipped = true;
            next = job.dirty.next_set(granule + 1);
        }
        let Some(first) = next else {
            if skipped {
                self.probe(Probe::CommitSkipsInFlight);
            }
            return false;
        };
        let most = (geometry.commit_max / geometry.commit_granule).max(1) as usize;
        let limit = job.dirty.len().min(first + most);
        let dirty_end = first + job.dirty.run(first, limit);
        let end = (first..dirty_end).find(|&g| job.in_flight.get(g)).unwrap_or(dirty_end);
        job.dirty.clear(first..end);
        job.in_flight.set(first..end);
        job.copies[slot] = Some(Copying { granules: first..end, reading: true });
        let top = job.top;
        if end - first > 1 {
            self.probe(Probe::CommitMerged);
        }
        let extent = self.commit_extent(&(first..end));
        self.spawn(top, Kind::Read, extent, Payload::EMPTY, Parent::CommitCopy(slot));
        true
    }

    fn commit_extent(&self, granules: &std::ops::Range<usize>) -> Extent {
        let geometry = self.geometry();
        let first = geometry.block(granules.start, geometry.commit_granule);
        let last = geometry.block(granules.end - 1, geometry.commit_granule);
        Extent::new(first.at, (last.end() - first.at) as u32)
    }

    /// A copy's read or write is answered.
    pub(crate) fn commit_copy_step_done(&mut self, slot: usize, result: Result<Payload, Errno>) {
        let job = self.commit_job();
        let base = job.base;
        let copy = job.copies[slot].as_mut().expect("a copy that answers is in flight");
        let was_reading = std::mem::replace(&mut copy.reading, false);
        let granules = copy.granules.clone();
        match result {
            Ok(bytes) if was_reading => {
                let extent = self.commit_extent(&granules);
                self.spawn(base, Kind::Write, extent, bytes, Parent::CommitCopy(slot));
                return;
            }
            Ok(_) => {}
            Err(errno) => {
                job.error.get_or_insert(errno);
                self.probe(if was_reading {
                    Probe::CommitReadFailed
                } else {
                    Probe::CommitWriteFailed
                });
            }
        }
        let job = self.commit_job();
        job.in_flight.clear(granules);
        job.copies[slot] = None;
        self.commit_advance();
    }

    /// A write to active completed: what it touched is dirty again, whether it succeeded or not.
    pub(crate) fn commit_sees_write(&mut self, node: NodeId, extent: Extent) {
        let granule = self.geometry().commit_granule;
        let Some(job) = self.commit.as_mut().filter(|job| job.top == node) else { return };
        job.dirty.set(extent.blocks(granule));
        self.probe(Probe::CommitRedirtied);
        // No copy starts here: in its copy phase the job has one in flight, whose end looks again.
    }

    fn commit_flush(&mut self) {
        let base = self.commit_job().base;
        self.spawn(base, Kind::Flush, Extent::new(0, 0), Payload::EMPTY, Parent::CommitFlush);
    }

    pub(crate) fn commit_flushed(&mut self, result: Result<Payload, Errno>) {
        if let Err(errno) = result {
            self.probe(Probe::CommitFlushFailed);
            self.commit_job().error.get_or_insert(errno);
        }
        let job = self.commit_job();
        let final_flush = job.phase == CommitPhase::FinalFlush;
        if let Some(errno) = job.ended() {
            return if final_flush {
                self.commit_end_drained(Err(errno));
            } else {
                self.commit_fail();
            };
        }
        if final_flush && self.chain_mark().is_none() {
            return self.commit_pivot();
        }
        let job = self.commit_job();
        if final_flush {
            job.phase = CommitPhase::Marking;
            return self.mark_chain(Mark::Retired, Parent::CommitMark);
        }
        job.ready = true;
        let dirty = !job.dirty.none();
        self.events.push_back(Event::Job { kind: JobKind::Commit, state: JobState::Ready });
        if !dirty {
            return self.commit_drain(CommitPhase::Draining);
        }
        self.commit_job().phase = CommitPhase::Copying;
        self.probe(Probe::CommitDirtyAfterFlush);
        self.commit_advance();
    }

    /// The overlays are spent, and say so.
    pub(crate) fn commit_marked(&mut self, result: Result<Payload, Errno>) {
        match result {
            Ok(_) => self.commit_pivot(),
            Err(errno) => {
                self.commit_job().error.get_or_insert(errno);
                self.mark_chain(Mark::Owed, Parent::CommitUnmark);
            }
        }
    }

    /// The view is owed as before, and the disk says so, or a guest write will see to it first.
    pub(crate) fn commit_unmarked(&mut self) {
        let errno = self.commit_job().error.expect("a mark is taken back for a reason");
        self.commit_end_drained(Err(errno));
    }

    /// No guest request is in flight: fail as it must, finish, unless one of them left something dirty.
    pub(crate) fn commit_drained(&mut self) {
        let job = self.commit_job();
        if job.phase == CommitPhase::Failing {
            let errno = job.ended().expect("it fails for a reason");
            return self.commit_end_drained(Err(errno));
        }
        if job.dirty.none() {
            job.phase = CommitPhase::FinalFlush;
            return self.commit_flush();
        }
        job.phase = CommitPhase::Copying;
        self.probe(Probe::CommitDirtyAfterDrain);
        self.drain_end(UserId::Guest);
        self.commit_advance();
    }

    /// The secondary disk holds everything: its users' path no longer leads through the overlays.
    fn commit_pivot(&mut self) {
        let job = self.commit_job();
        assert!(job.dirty.none() && job.in_flight.none(), "the pivot leaves nothing behind");
        self.commit_unblock();
        self.pivot();
        self.commit_end_drained(Ok(()));
    }

    fn commit_unblock(&mut self) {
        let Chain { active, hidden, secondary } = self.chain;
        for node in [active, hidden, secondary] {
            self.unblock(node, Reason::Job(JobType::Commit));
        }
    }

    /// Concludes inside the drained section: what the guest sends next meets the new stage.
    fn commit_end_drained(&mut self, result: Result<(), Errno>) {
        self.commit_unblock();
        self.commit_concluded(result);
        self.drain_end(UserId::Guest);
    }

    /// The guest's path goes to the secondary disk; the overlays leave the graph.
    pub(crate) fn pivot(&mut self) {
        let base = self.chain.secondary;
        if self.filter.is_some() {
            self.filter_mut().child = base;
        }
        for node in self.nodes.values_mut() {
            if let Driver::Quorum(children) = &mut node.driver {
                children
                    .iter_mut()
                    .filter(|child| **child == self.chain.active)
                    .for_each(|child| *child = base);
            }
        }
        self.set_read_only(base, false);
        // Who used active goes on below; who used hidden has lost it.
        self.users.repoint(self.chain.active, base);
        self.forget_node(self.chain.hidden);
        self.forget_node(self.chain.active);
        for overlay in [self.chain.active, self.chain.hidden] {
            let node = self.nodes.remove(overlay).expect("the overlays are in the graph till now");
            assert!(node.tracked.is_empty(), "an overlay leaves with no request in flight");
            assert!(matches!(node.driver, Driver::Overlay(_)), "active and hidden are overlays");
        }
        self.events.push_back(Event::Graph(GraphChange::Pivoted));
    }

    /// The one end of every commit.
    fn commit_concluded(&mut self, result: Result<(), Errno>) {
        let job = self.commit.take().expect("a commit ends once");
        assert_eq!(job.copies_in_flight(), 0, "a commit ends with no copy in flight");
        self.events
            .push_back(Event::Job { kind: JobKind::Commit, state: JobState::Concluded(result) });
        self.commit_completed(result);
        self.tasks.push_back(Task::CommitGone);
    }
}
