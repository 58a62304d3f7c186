//! The verbs of a filter: start, checkpoint, get_error, stop, close (spec 2.2 to 2.6).
//!
//! One runs at a time, later ones queue. While one waits, requests, jobs and
//! crashes go on, and the stage is what the spec says at that point.

use crate::copy_before_write::BackupJob;
use crate::disk::Errno;
use crate::event::{Abort, DiskId, Event, GraphChange, JobKind, JobState, UserId, VerbId};
use crate::geometry::Extent;
use crate::graph::Driver;
use crate::host::Host;
use crate::io::{DrainWaiter, IoId, Kind, Parent, Task};
use crate::overlay::Mark;
use crate::payload::Payload;
use crate::probe::Probe;
use crate::quirk::Quirk;
use crate::verb::{Mode, Stage, Verb, VerbError};

/// The verb that runs, and what it waits for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunningVerb {
    id: VerbId,
    verb: Verb,
    wait: Wait,
    /// What it will answer when it has cleaned up.
    failed: Option<VerbError>,
    /// Active could be emptied; hidden comes next.
    prepared: Option<IoId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// Nothing: it is being carried out now.
    Nothing,
    /// Start: no forwarded request in flight, to put the copy-before-write filter in.
    ExportDrained,
    /// The checkpoint core empties active.
    EmptyActive,
    /// The checkpoint core empties hidden.
    EmptyHidden,
    /// Stop, close, or a start that fails: the backup job's end.
    BackupEnd,
    /// A failover: the secondary disk, hidden and active are made durable, one after the other.
    Durable(DiskId),
    /// The header of active, which says what the overlays are good for.
    Marked(Mark),
    /// A planned stop: no guest request in flight, to go past the overlays.
    PlannedDrained,
    /// Close: no guest request in flight.
    GuestDrained,
    /// Close: the commit job's end.
    CommitEnd,
}

impl Host {
    /// A verb is called. Its answer is an event, now or later.
    pub fn call(&mut self, id: VerbId, verb: Verb) {
        if self.verb.is_some() {
            self.probe(Probe::VerbQueued);
        }
        self.verbs.push_back((id, verb));
        self.tasks.push_back(Task::NextVerb);
        self.work();
    }

    pub(crate) fn next_verb(&mut self) {
        if self.verb.is_some() || !self.opened {
            return;
        }
        let Some((id, verb)) = self.verbs.pop_front() else { return };
        self.verb =
            Some(RunningVerb { id, verb, wait: Wait::Nothing, failed: None, prepared: None });
        let Some(filter) = self.filter() else { return self.answer(Err(VerbError::Closed)) };
        let stage = filter.stage;
        match verb {
            Verb::Start(mode) => self.start(stage, mode),
            Verb::Checkpoint => self.checkpoint(stage),
            Verb::GetError => self.get_error(stage),
            Verb::Stop { failover } => self.stop(stage, failover),
            Verb::Close => {
                self.wait_for(Wait::GuestDrained);
                self.drain_begin(UserId::Guest, DrainWaiter::Verb);
            }
        }
    }

    fn answer(&mut self, result: Result<(), VerbError>) {
        let running = self.verb.take().expect("a verb answers once");
        self.events.push_back(Event::VerbAnswered { id: running.id, verb: running.verb, result });
        self.tasks.push_back(Task::NextVerb);
    }

    fn wait_for(&mut self, wait: Wait) {
        self.verb.as_mut().expect("only a running verb waits").wait = wait;
    }

    fn wait(&self) -> Wait {
        self.verb.map_or(Wait::Nothing, |running| running.wait)
    }

    /// Whether the running verb is emptying overlays.
    pub(crate) fn verb_empties(&self) -> bool {
        matches!(self.wait(), Wait::EmptyActive | Wait::EmptyHidden)
    }

    fn mode(&self) -> Mode {
        self.filter().expect("a verb works on an open filter").mode
    }
}

/// start (spec 2.3).
impl Host {
    fn start(&mut self, stage: Stage, mode: Mode) {
        if matches!(stage, Stage::Done | Stage::Failover) {
            // A promoted secondary is told to start again; it has nothing left to do.
            return self.answer(Ok(()));
        }
        if stage != Stage::None {
            return self.answer(Err(VerbError::AlreadyRunning));
        }
        let needs = self.mode();
        if needs != mode {
            return self.answer(Err(VerbError::WrongMode { needs, got: mode }));
        }
        if mode == Mode::Primary {
            self.set_stage(Stage::Running);
            self.filter_mut().error = None;
            return self.answer(Ok(()));
        }
        if self.chain_mark() == Some(Mark::Owed) {
            self.probe(Probe::StartRefusedOwed);
            return self.answer(Err(VerbError::ViewOwed));
        }
        self.set_blocker(true);
        self.wait_for(Wait::ExportDrained);
        self.drain_begin(UserId::Export, DrainWaiter::Verb);
    }

    fn start_drained(&mut self) {
        self.backup_start();
        self.drain_end(UserId::Export);
        if self.quirk(Quirk::FailedStartKeepsRunning) {
            self.set_stage(Stage::Running);
        }
        // What the overlays are good for depends from now on on this host's memory.
        match self.chain_mark() {
            Some(Mark::Retired) => self.mark_for_verb(Mark::Void),
            _ => self.checkpoint_core(),
        }
    }

    fn mark_for_verb(&mut self, mark: Mark) {
        self.wait_for(Wait::Marked(mark));
        self.mark_chain(mark, Parent::Verb);
    }

    /// The chain says what it is good for; the verb goes on.
    fn marked(&mut self, mark: Mark, result: Result<Payload, Errno>) {
        let failed = result.err().map(|errno| VerbError::MarkFailed { errno });
        match (mark, failed) {
            (Mark::Void, None) => self.checkpoint_core(),
            (Mark::Void, Some(error)) => self.start_done(Err(error)),
            (Mark::Owed, None) => self.failover_begin(),
            (Mark::Owed, Some(error)) => self.answer(Err(error)),
            (Mark::Retired, failed) => self.planned_marked(failed),
        }
    }

    /// The overlays are empty, or could not be emptied.
    fn start_done(&mut self, result: Result<(), VerbError>) {
        if self.quirk(Quirk::FailedStartKeepsRunning) {
            self.filter_mut().error = None;
            return self.answer(result);
        }
        // The job may have been lost while the overlays were emptied.
        let lost = self.backup.is_none_or(|job| job.cancelling);
        match result.and(if lost { Err(VerbError::BackupLost) } else { Ok(()) }) {
            Ok(()) => {
                self.set_stage(Stage::Running);
                self.filter_mut().error = None;
                self.answer(Ok(()));
            }
            Err(error) => self.start_undo(error),
        }
    }

    /// A start that fails leaves no trace: the job goes, and what came with it.
    fn start_undo(&mut self, error: VerbError) {
        if self.backup.is_none() {
            return self.answer(Err(error));
        }
        self.verb.as_mut().expect("start runs").failed = Some(error);
        self.wait_for(Wait::BackupEnd);
        self.backup_cancel();
    }

    fn set_blocker(&mut self, on: bool) {
        if self.blocker != on {
            self.blocker = on;
            self.events.push_back(Event::Blocker(on));
        }
    }
}

/// checkpoint and get_error (spec 2.2, 2.4).
impl Host {
    fn checkpoint(&mut self, stage: Stage) {
        if matches!(stage, Stage::Done | Stage::Failover) || self.mode() == Mode::Primary {
            return self.answer(Ok(()));
        }
        self.checkpoint_core();
    }

    /// Empties both overlays and arms copy-before-write.
    fn checkpoint_core(&mut self) {
        let Some(job) = self.backup else {
            return self.checkpoint_core_done(Err(VerbError::BackupLost));
        };
        if self.quirk(Quirk::TornCheckpoint) {
            self.copy_filter(job.filter).arm();
        }
        self.wait_for(Wait::EmptyActive);
        self.empty_for_verb(self.chain.active);
    }

    /// An overlay could be emptied now: when both could, both are, and the copying begins anew.
    pub(crate) fn verb_prepared(&mut self, io: IoId) {
        let verb = self.verb.as_mut().expect("emptying belongs to a verb");
        let Some(active) = verb.prepared.replace(io) else {
            self.wait_for(Wait::EmptyHidden);
            return self.empty_for_verb(self.chain.hidden);
        };
        verb.prepared = None;
        // The job may have been lost meanwhile; then the old epoch stays, with its view.
        let Some(BackupJob { filter, cancelling: false }) = self.backup else {
            self.empty_abort(active);
            self.empty_abort(io);
            return self.checkpoint_core_done(Err(VerbError::BackupLost));
        };
        self.copy_filter(filter).arm();
        self.empty_commit(active);
        self.empty_commit(io);
        self.checkpoint_core_done(Ok(()));
    }

    /// A request of the verb is answered: an emptying, or a flush.
    pub(crate) fn verb_io_done(&mut self, result: Result<Payload, Errno>) {
        let wait = self.wait();
        match wait {
            Wait::Durable(disk) => return self.made_durable(disk, result),
            Wait::Marked(mark) => return self.marked(mark, result),
            _ => {}
        }
        let node = if wait == Wait::EmptyActive { "active" } else { "hidden" };
        match (wait, result) {
            (Wait::EmptyActive | Wait::EmptyHidden, Err(errno)) => {
                let verb = self.verb.as_mut().expect("emptying belongs to a verb");
                if let Some(prepared) = verb.prepared.take() {
                    self.empty_abort(prepared);
                }
                self.checkpoint_core_done(Err(VerbError::EmptyFailed { node, errno }));
            }
            // The end of an emptying that was prepared: it has had its effect already.
            _ if !self.quirk(Quirk::TornCheckpoint) => {}
            (_, Err(_)) => unreachable!("only an emptying is waited for here"),
            (Wait::EmptyActive, Ok(_)) => {
                self.wait_for(Wait::EmptyHidden);
                self.empty_for_verb(self.chain.hidden);
            }
            (_, Ok(_)) => self.checkpoint_core_done(Ok(())),
        }
    }

    fn checkpoint_core_done(&mut self, result: Result<(), VerbError>) {
        match self.verb.expect("the checkpoint core belongs to a verb").verb {
            Verb::Start(_) => self.start_done(result),
            Verb::Checkpoint => self.answer(result),
            Verb::Stop { .. } => {
                self.set_stage(Stage::Done);
                self.answer(result);
            }
            Verb::Close => {
                // Closing drops the error of the stop that it implies.
                self.set_stage(Stage::Done);
                self.close_remove();
            }
            Verb::GetError => unreachable!("get_error takes no checkpoint"),
        }
    }

    fn get_error(&mut self, stage: Stage) {
        let error = self.filter().expect("a verb works on an open filter").error;
        self.answer(match (stage, error) {
            (Stage::None, _) => Err(VerbError::NotRunning),
            (_, Some(_)) => Err(VerbError::IoError),
            (_, None) => Ok(()),
        });
    }
}

/// stop (spec 2.4).
impl Host {
    fn stop(&mut self, stage: Stage, failover: bool) {
        if matches!(stage, Stage::Done | Stage::Failover) {
            return self.answer(Ok(()));
        }
        if stage != Stage::Running {
            return self.answer(Err(VerbError::NotRunning));
        }
        if self.mode() == Mode::Primary {
            self.stop_primary();
            return self.answer(Ok(()));
        }
        if self.backup.is_some() {
            self.wait_for(Wait::BackupEnd);
            return self.backup_cancel();
        }
        self.stop_unprotected(failover);
    }

    fn stop_primary(&mut self) {
        self.set_stage(Stage::Done);
        self.filter_mut().error = None;
    }

    /// The backup job is gone: a planned stop empties the overlays, a failover writes them down.
    fn stop_unprotected(&mut self, failover: bool) {
        if !failover {
            if self.quirk(Quirk::PlannedStopCancelsFirst) {
                return self.checkpoint_core();
            }
            self.wait_for(Wait::PlannedDrained);
            return self.drain_begin(UserId::Guest, DrainWaiter::Verb);
        }
        if self.quirk(Quirk::FailoverNotDurable) {
            return self.failover_begin();
        }
        self.make_durable(DiskId::Secondary);
    }

    /// From here on the secondary's guest is the only one left: what it reads must survive.
    fn make_durable(&mut self, disk: DiskId) {
        let node = match disk {
            DiskId::Secondary => self.chain.secondary,
            DiskId::Hidden => self.chain.hidden,
            _ => self.chain.active,
        };
        self.wait_for(Wait::Durable(disk));
        self.spawn(node, Kind::Flush, Extent::new(0, 0), Payload::EMPTY, Parent::Verb);
    }

    fn made_durable(&mut self, disk: DiskId, result: Result<Payload, Errno>) {
        if let Err(errno) = result {
            self.probe(Probe::FailoverNotDurable);
            let node = disk.name();
            return self.answer(Err(VerbError::NotDurable { node, errno }));
        }
        match disk {
            DiskId::Secondary => self.make_durable(DiskId::Hidden),
            DiskId::Hidden => self.make_durable(DiskId::Active),
            _ if self.chain_mark().is_some() => self.mark_for_verb(Mark::Owed),
            _ => self.failover_begin(),
        }
    }

    fn failover_begin(&mut self) {
        self.set_stage(Stage::Failover);
        self.commit_start();
        self.answer(Ok(()));
    }

    /// A planned stop: the guest goes on with what the primary wrote, past the overlays.
    fn planned_drained(&mut self) {
        if self.chain_mark().is_some() {
            return self.mark_for_verb(Mark::Retired);
        }
        self.planned_marked(None);
    }

    fn planned_marked(&mut self, failed: Option<VerbError>) {
        let closing = self.verb.is_some_and(|running| running.verb == Verb::Close);
        if let Some(error) = failed
            && !closing
        {
            self.drain_end(UserId::Guest);
            return self.answer(Err(error));
        }
        self.pivot();
        self.drain_end(UserId::Guest);
        self.checkpoint_core_done(Ok(()));
    }

    pub(crate) fn verb_backup_gone(&mut self) {
        if self.wait() == Wait::BackupEnd {
            let RunningVerb { verb, failed, .. } = self.verb.expect("a verb waits");
            if let Some(error) = failed {
                return self.answer(Err(error));
            }
            self.stop_unprotected(verb == Verb::Stop { failover: true });
        }
    }

    /// The backup job's completion, whatever its result (spec 2.7).
    pub(crate) fn backup_concluded(&mut self) {
        let filter = self.filter_mut();
        if !matches!(filter.stage, Stage::None | Stage::Failover) {
            filter.error = Some(Errno::Io);
        }
        let state = JobState::Concluded(Err(Errno::Cancelled));
        self.events.push_back(Event::Job { kind: JobKind::Backup, state });
        self.set_blocker(false);
        self.tasks.push_back(Task::BackupGone);
    }

    /// The commit job's completion (spec 2.8).
    pub(crate) fn commit_completed(&mut self, result: Result<(), Errno>) {
        if self.filter.is_none() {
            return self.recovery_committed(result);
        }
        match result {
            Ok(()) => {
                self.set_stage(Stage::Done);
                self.filter_mut().error = None;
            }
            Err(_) => {
                self.set_stage(Stage::FailoverFailed);
                self.filter_mut().error = Some(Errno::Io);
            }
        }
    }
}

/// close (spec 2.6).
impl Host {
    /// The user that the verb drained has nothing in flight.
    pub(crate) fn verb_drained(&mut self) {
        match self.wait() {
            Wait::ExportDrained => self.start_drained(),
            Wait::PlannedDrained => self.planned_drained(),
            Wait::GuestDrained => self.close_drained(),
            wait => unreachable!("a verb that waits for {wait:?} drained nobody"),
        }
    }

    fn close_drained(&mut self) {
        let filter = self.filter().expect("close began on an open filter");
        match (filter.mode, filter.stage) {
            (Mode::Primary, Stage::Running) => {
                self.probe(Probe::CloseRunning);
                self.stop_primary();
                self.close_remove();
            }
            (Mode::Secondary, Stage::Running) => {
                self.probe(Probe::CloseRunning);
                if self.backup.is_some() {
                    self.wait_for(Wait::BackupEnd);
                    return self.backup_cancel();
                }
                self.stop_unprotected(false);
            }
            (_, Stage::Failover) => {
                self.probe(Probe::CloseFailover);
                if self.commit.is_none() {
                    return self.abort(Abort::NoCommitJob);
                }
                self.wait_for(Wait::CommitEnd);
                self.commit_cancel();
            }
            _ => self.close_remove(),
        }
    }

    pub(crate) fn verb_commit_gone(&mut self) {
        if self.wait() == Wait::CommitEnd {
            self.close_remove();
        }
    }

    /// The filter leaves the graph, and what only it held with it.
    fn close_remove(&mut self) {
        let node = self.filter.take().expect("close began on an open filter");
        let removed = self.nodes.remove(node).expect("an open filter has a node");
        let Driver::Replication(filter) = removed.driver else { unreachable!("it is a filter") };
        if filter.mode == Mode::Primary {
            self.nodes.remove(filter.child);
            self.quorum_drop_child(node);
        } else {
            // The view is owed, by this life or by one before: nothing may change below it.
            let owed = || self.chain_mark() == Some(Mark::Owed);
            self.fenced_for_good = filter.stage != Stage::None || owed();
            self.users.guest.root = None;
            self.nodes.remove(self.chain.active);
            self.nodes.remove(self.chain.hidden);
        }
        self.events.push_back(Event::Graph(GraphChange::FilterClosed));
        self.drain_end(UserId::Guest);
        self.answer(Ok(()));
    }
}
