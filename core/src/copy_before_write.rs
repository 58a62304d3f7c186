//! The copy-before-write filter and the backup job that keeps it (spec section 3).
//!
//! It stands above the secondary disk while the job runs. A granule whose bit is
//! set is copied to hidden before the first write to it goes down. Copies of one
//! granule are never two at a time: a write waits for somebody else's copy, and
//! does itself what that one failed to do. If any copy fails, the whole write
//! fails and the secondary disk stays as it was.

use slotmap::{SlotMap, new_key_type};

use crate::bitmap::Bitmap;
use crate::disk::Errno;
use crate::event::{Event, GraphChange, JobKind, JobState, JobType, UserId};
use crate::geometry::{COPIES_MAX, Extent};
use crate::graph::{Driver, Node, NodeId, Reason};
use crate::io::{DrainWaiter, Io, IoId, Kind, Parent, State, Task};
use crate::name::Name;
use crate::overlay::Mark;
use crate::payload::Payload;
use crate::probe::Probe;
use crate::quirk::Quirk;
use crate::verb::Stage;
use crate::volume::{Chain, Volume};

new_key_type! {
    /// Names a copy in flight.
    pub(crate) struct CopyId;
}

/// The filter's state.
#[derive(Debug, Clone)]
pub(crate) struct CopyBeforeWrite {
    /// The secondary disk.
    pub(crate) source: NodeId,
    /// Hidden.
    pub(crate) target: NodeId,
    /// Granules to copy before the next write.
    pub(crate) to_copy: Bitmap,
    copies: SlotMap<CopyId, Copying>,
}

/// Granules on their way to hidden.
#[derive(Debug, Clone)]
struct Copying {
    granules: std::ops::Range<usize>,
    /// The write that started it.
    owner: IoId,
    step: CopyStep,
    /// Other writes that wait for it.
    waiters: Vec<IoId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CopyStep {
    ReadingOld,
    SavingOld,
}

/// A guest write on its way through the filter.
#[derive(Debug, Clone, Default)]
pub(crate) struct CopyWrite {
    /// Own copies in flight.
    copies: u32,
    /// Copies of others it waits for.
    waiting: u32,
    failed: Option<Errno>,
    /// Whether somebody else's copy failed while this write waited for it.
    retries: bool,
    /// Whether it found anything to copy or to wait for.
    copied: bool,
    /// Everything is copied, and the write itself is on its way down.
    writing: bool,
}

/// The backup job, sync=none: it runs until it is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BackupJob {
    /// Its filter in the graph.
    pub(crate) filter: NodeId,
    /// Somebody asked it to end, and it waits for requests in flight.
    pub(crate) cancelling: bool,
}

impl CopyBeforeWrite {
    /// A filter that copies every granule before its next write.
    pub(crate) fn new(source: NodeId, target: NodeId, granules: usize) -> Self {
        let to_copy = Bitmap::new(granules);
        let mut filter = Self { source, target, to_copy, copies: SlotMap::with_key() };
        filter.arm();
        filter
    }

    /// From now on every granule is copied before its next write.
    pub(crate) fn arm(&mut self) {
        let all = 0..self.to_copy.len();
        self.to_copy.set(all);
    }

    fn copy_of(&self, granule: usize) -> Option<CopyId> {
        let holds = |copy: &Copying| copy.granules.contains(&granule);
        self.copies.iter().find(|(_, copy)| holds(copy)).map(|(id, _)| id)
    }
}

impl Volume {
    pub(crate) fn copy_filter(&mut self, node: NodeId) -> &mut CopyBeforeWrite {
        match &mut self.nodes[node].driver {
            Driver::CopyBeforeWrite(filter) => filter,
            _ => unreachable!("a copy belongs to a copy-before-write filter"),
        }
    }

    pub(crate) fn copy_begin(&mut self, id: IoId) {
        let Io { node, kind, .. } = self.ios[id];
        if kind != Kind::Write {
            let source = self.copy_filter(node).source;
            return self.pass_on(id, source);
        }
        self.ios[id].state = State::CopyBeforeWrite(CopyWrite::default());
        self.copy_advance(id);
    }

    fn copy_write(&mut self, id: IoId) -> &mut CopyWrite {
        match &mut self.ios[id].state {
            State::CopyBeforeWrite(write) => write,
            _ => unreachable!("only a write waits for copies"),
        }
    }

    /// Starts every copy that may start, and the write when none is missing.
    pub(crate) fn copy_advance(&mut self, id: IoId) {
        // Two copies may end at once and both wake the write; the first wake may have been enough.
        let Some(&Io { node, extent, .. }) = self.ios.get(id) else { return };
        if self.copy_write(id).writing {
            return;
        }
        let granule_size = self.geometry().granule;
        let granules = extent.blocks(granule_size);
        let mut granule = granules.start;
        while granule < granules.end {
            let write = self.copy_write(id);
            if write.failed.is_some() || write.copies >= COPIES_MAX {
                break;
            }
            let filter = self.copy_filter(node);
            granule += match filter.copy_of(granule) {
                Some(copy) => self.copy_wait_for(id, granule, copy),
                None if filter.to_copy.get(granule) => self.copy_start(id, granule, granules.end),
                None => 1,
            };
        }
        let write = self.copy_write(id);
        let (copies, waiting, failed) = (write.copies, write.waiting, write.failed);
        if copies > 1 {
            self.probe(Probe::CopyParallel);
        }
        if copies > 0 || waiting > 0 {
            return;
        }
        if let Some(errno) = failed {
            return self.finish(id, Err(errno));
        }
        if !self.copy_write(id).copied {
            self.probe(Probe::CopyNotNeeded);
        }
        self.copy_write(id).writing = true;
        let (source, payload) = (self.copy_filter(node).source, self.ios[id].payload.clone());
        self.send_to_node(id, 0, source, Kind::Write, extent, payload);
    }

    /// Copies a run of granules from `granule` on; how many it takes.
    fn copy_start(&mut self, id: IoId, granule: usize, end: usize) -> usize {
        let geometry = *self.geometry();
        let node = self.ios[id].node;
        let most = (geometry.copy_max / geometry.granule).max(1) as usize;
        let filter = self.copy_filter(node);
        let run = filter.to_copy.run(granule, end).min(most);
        let free = (granule..granule + run).take_while(|&next| filter.copy_of(next).is_none());
        let run = free.count();
        let granules = granule..granule + run;
        filter.to_copy.clear(granules.clone());
        let source = filter.source;
        let copy = filter.copies.insert(Copying {
            granules: granules.clone(),
            owner: id,
            step: CopyStep::ReadingOld,
            waiters: Vec::new(),
        });
        self.probe(Probe::CopyStarted);
        if run > 1 {
            self.probe(Probe::CopyMerged);
        }
        let write = self.copy_write(id);
        write.copies += 1;
        write.copied = true;
        if write.retries {
            self.probe(Probe::CopyRetried);
        }
        let extent = granules_extent(&geometry, &granules);
        self.spawn(source, Kind::Read, extent, Payload::EMPTY, Parent::Copy(node, copy));
        run
    }

    /// Waits for a copy of this granule, if it is somebody else's; how many granules it takes.
    fn copy_wait_for(&mut self, id: IoId, granule: usize, copy: CopyId) -> usize {
        let node = self.ios[id].node;
        let copy = &mut self.copy_filter(node).copies[copy];
        let past = copy.granules.end - granule;
        if copy.owner == id || copy.waiters.contains(&id) {
            return past;
        }
        copy.waiters.push(id);
        let write = self.copy_write(id);
        write.waiting += 1;
        write.copied = true;
        self.probe(Probe::CopyWaitsForCopy);
        past
    }

    /// The read or the write of a copy is answered.
    pub(crate) fn copy_step_done(
        &mut self,
        node: NodeId,
        id: CopyId,
        result: Result<Payload, Errno>,
    ) {
        let geometry = *self.geometry();
        let filter = self.copy_filter(node);
        let copy = &mut filter.copies[id];
        let extent = granules_extent(&geometry, &copy.granules);
        match (copy.step, result) {
            (CopyStep::ReadingOld, Ok(old)) => {
                copy.step = CopyStep::SavingOld;
                let target = filter.target;
                let parent = Parent::Copy(node, id);
                self.spawn_with(target, Kind::Write, extent, old, parent, true);
            }
            (CopyStep::SavingOld, Ok(_)) => self.copy_end(node, id, None),
            (step, Err(errno)) => {
                self.probe(match step {
                    CopyStep::ReadingOld => Probe::CopyReadFailed,
                    CopyStep::SavingOld => Probe::CopySaveFailed,
                });
                self.copy_end(node, id, Some(errno));
            }
        }
    }

    fn copy_end(&mut self, node: NodeId, id: CopyId, failed: Option<Errno>) {
        let filter = self.copy_filter(node);
        let copy = filter.copies.remove(id).expect("a copy ends once");
        if failed.is_some() {
            filter.to_copy.set(copy.granules);
        }
        let write = self.copy_write(copy.owner);
        write.copies -= 1;
        write.failed = write.failed.or(failed);
        self.tasks.push_back(Task::CopyAdvance(copy.owner));
        for waiter in copy.waiters {
            let write = self.copy_write(waiter);
            write.waiting -= 1;
            write.retries |= failed.is_some();
            self.tasks.push_back(Task::CopyAdvance(waiter));
        }
    }

    /// The write itself is answered.
    pub(crate) fn copy_written(&mut self, id: IoId, result: Result<Payload, Errno>) {
        self.finish(id, result);
    }
}

fn granules_extent(
    geometry: &crate::geometry::Geometry,
    granules: &std::ops::Range<usize>,
) -> Extent {
    let first = geometry.block(granules.start, geometry.granule);
    let last = geometry.block(granules.end - 1, geometry.granule);
    Extent::new(first.at, (last.end() - first.at) as u32)
}

const COPY_FILTER: Name = Name::new("cbw");

/// The backup job.
impl Volume {
    /// Puts the filter in above the secondary disk and starts the job; the export is drained.
    pub(crate) fn backup_start(&mut self) {
        let (source, target) = (self.chain.secondary, self.chain.hidden);
        let granules = self.geometry().blocks(self.geometry().granule);
        let filter = CopyBeforeWrite::new(source, target, granules);
        let filter = Driver::CopyBeforeWrite(Box::new(filter));
        let filter = self.nodes.insert(Node::new(COPY_FILTER, filter));
        self.users.repoint(source, filter);
        self.block(filter, Reason::Job(JobType::Backup));
        self.block(source, Reason::Job(JobType::Backup));
        self.block(target, Reason::Job(JobType::Backup));
        self.events.push_back(Event::Graph(GraphChange::CopyFilterInserted));
        self.backup = Some(BackupJob { filter, cancelling: false });
        self.events.push_back(Event::Job { kind: JobKind::Backup, state: JobState::Started });
    }

    /// Whether a forwarded write would change what the secondary's guest was promised.
    ///
    /// Refusing it is remembered, so that get_error tells the loss.
    pub(crate) fn fenced(&mut self) -> bool {
        let unprotected = match self.filter() {
            Some(filter) if filter.stage == Stage::None => self.chain_mark() == Some(Mark::Owed),
            Some(_) => self.backup.is_none(),
            None => self.fenced_for_good,
        };
        if !unprotected || self.quirk(Quirk::UnfencedExport) {
            return false;
        }
        if self.filter.is_some() {
            self.filter_mut().error = Some(Errno::Io);
        }
        true
    }

    /// Asks the backup job to end; it concludes when no request is in flight in its filter.
    pub(crate) fn cancel_backup(&mut self) {
        self.backup_cancel();
        self.work();
    }

    pub(crate) fn backup_cancel(&mut self) {
        let Some(job) = &mut self.backup else { return };
        if job.cancelling {
            return self.probe(Probe::BackupCancelShared);
        }
        job.cancelling = true;
        let filter = job.filter;
        self.events.push_back(Event::Job { kind: JobKind::Backup, state: JobState::Cancelling });
        let idle = self.copy_filter(filter).copies.is_empty();
        self.probe(if idle { Probe::BackupCancelledIdle } else { Probe::BackupCancelledInCopy });
        self.drain_begin(UserId::Export, DrainWaiter::Backup);
    }

    /// No request is in flight in the filter: it leaves the graph, then the job concludes.
    pub(crate) fn backup_drained(&mut self) {
        let job = self.backup.take().expect("only a backup job waits for its filter");
        assert!(self.copy_filter(job.filter).copies.is_empty(), "drained means no copy in flight");
        let Chain { secondary, hidden, .. } = self.chain;
        self.users.repoint(job.filter, secondary);
        self.unblock(job.filter, Reason::Job(JobType::Backup));
        self.nodes.remove(job.filter);
        self.unblock(secondary, Reason::Job(JobType::Backup));
        self.unblock(hidden, Reason::Job(JobType::Backup));
        self.events.push_back(Event::Graph(GraphChange::CopyFilterRemoved));
        self.drain_end(UserId::Export);
        self.backup_concluded();
    }
}
