//! stop, planned or as a failover, and how the jobs behind it end (spec 2.4, 2.7, 2.8).

use crate::disk::Errno;
use crate::event::{Abort, DiskId, Event, JobKind, JobState, UserId};
use crate::geometry::Extent;
use crate::io::{DrainWaiter, Kind, Parent, Task};
use crate::overlay::Mark;
use crate::payload::Payload;
use crate::probe::Probe;
use crate::quirk::Quirk;
use crate::verb::{Mode, Stage, Verb, VerbError};
use crate::verbs::{RunningVerb, Wait};
use crate::volume::Volume;

impl Volume {
    pub(super) fn stop(&mut self, stage: Stage, failover: bool) {
        if matches!(stage, Stage::Done | Stage::Failover) {
            return self.answer(Ok(()));
        }
        let again = failover && stage == Stage::FailoverFailed;
        let again = again && !self.quirk(Quirk::FailedFailoverIsFinal);
        if stage != Stage::Running && !again {
            return self.answer(Err(VerbError::NotRunning));
        }
        if self.mode() == Mode::Primary {
            self.stop_primary();
            return self.answer(Ok(()));
        }
        // What the commit will need has to be there before anything is given up for it.
        if failover
            && !self.quirk(Quirk::FailoverWithoutCommit)
            && let Some(conflict) = self.commit_conflict()
        {
            self.probe(Probe::CommitRefused);
            return self.answer(Err(conflict.into()));
        }
        if failover
            && !self.quirk(Quirk::TouchesEjected)
            && let Some(disk) = self.ejected_disk()
        {
            let (node, errno) = (disk.name(), Errno::NoMedium);
            return self.answer(Err(VerbError::NotDurable { node, errno }));
        }
        if again {
            self.wait_for(Wait::RetryDrained);
            return self.drain_begin(UserId::Guest, DrainWaiter::Verb);
        }
        if self.backup.is_some() {
            self.wait_for(Wait::BackupEnd);
            return self.backup_cancel();
        }
        self.stop_unprotected(failover);
    }

    /// The overlay that has lost its format layer, if one has.
    fn ejected_disk(&self) -> Option<DiskId> {
        let overlays = [(self.chain.hidden, DiskId::Hidden), (self.chain.active, DiskId::Active)];
        overlays.into_iter().find(|(node, _)| self.nodes[*node].ejected).map(|(_, disk)| disk)
    }

    pub(super) fn stop_primary(&mut self) {
        self.set_stage(Stage::Done);
        self.filter_mut().error = None;
    }

    /// The backup job is gone: a planned stop empties the overlays, a failover writes them down.
    pub(super) fn stop_unprotected(&mut self, failover: bool) {
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

    pub(super) fn made_durable(&mut self, disk: DiskId, result: Result<Payload, Errno>) {
        if let Err(errno) = result {
            self.probe(Probe::FailoverNotDurable);
            let node = disk.name();
            if self.in_stage(Stage::FailoverFailed) {
                self.drain_end(UserId::Guest);
            }
            return self.answer(Err(VerbError::NotDurable { node, errno }));
        }
        match disk {
            DiskId::Secondary => self.make_durable(DiskId::Hidden),
            DiskId::Hidden => self.make_durable(DiskId::Active),
            _ if self.chain_mark().is_some() => self.mark_for_verb(Mark::Owed),
            _ => self.owed_marked(None),
        }
    }

    pub(super) fn failover_begin(&mut self) {
        self.set_stage(Stage::Failover);
        let chain = self.chain;
        let ejected = [chain.active, chain.hidden].iter().any(|&node| self.nodes[node].ejected);
        if ejected && self.quirk(Quirk::TouchesEjected) {
            return self.abort(Abort::EjectedTouched);
        }
        if let Some(conflict) = self.commit_conflict() {
            self.probe(Probe::CommitRefused);
            return self.answer(Err(conflict.into()));
        }
        self.commit_start();
        self.answer(Ok(()));
    }

    /// A failover that failed begins anew: no write is split by what was before.
    pub(super) fn retry_drained(&mut self) {
        self.probe(Probe::FailoverRetried);
        // Writes past the overlays too: from here on a flush goes to active alone again.
        self.make_durable(DiskId::Secondary);
    }

    fn retry_begin(&mut self) {
        self.nothing_is_lost();
        self.failover_begin();
        self.drain_end(UserId::Guest);
    }

    /// The view is owed, and the disk says so.
    pub(super) fn owed_marked(&mut self, failed: Option<VerbError>) {
        let again = self.in_stage(Stage::FailoverFailed);
        match failed {
            None if again => self.retry_begin(),
            None => self.failover_begin(),
            Some(error) => {
                if again {
                    self.drain_end(UserId::Guest);
                }
                self.answer(Err(error));
            }
        }
    }

    /// A planned stop: the guest goes on with what the primary wrote, past the overlays.
    pub(super) fn planned_drained(&mut self) {
        if self.chain_mark().is_some() {
            return self.mark_for_verb(Mark::Retired);
        }
        self.planned_marked(None);
    }

    pub(super) fn planned_marked(&mut self, failed: Option<VerbError>) {
        let closing = self.verb.is_some_and(|running| running.verb == Verb::Close);
        if let Some(error) = failed
            && (!closing || self.overlay(self.chain.active).owed_in_doubt)
        {
            self.drain_end(UserId::Guest);
            return if closing { self.close_in_doubt(error) } else { self.answer(Err(error)) };
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
        let asked = self.ends_backup() && !self.quirk(Quirk::CancelCountsAsLoss);
        let filter = self.filter_mut();
        if !matches!(filter.stage, Stage::None | Stage::Failover) && !asked {
            filter.error = Some(Errno::Io);
        }
        let state = JobState::Concluded(Err(Errno::Cancelled));
        self.events.push_back(Event::Job { kind: JobKind::Backup, state });
        self.backup_cleanup();
        self.tasks.push_back(Task::BackupGone);
    }

    /// What get_error told is repaired.
    pub(super) fn nothing_is_lost(&mut self) {
        let filter = self.filter_mut();
        (filter.error, filter.checkpoint_failed) = (None, false);
    }

    /// The commit job's completion (spec 2.8).
    pub(crate) fn commit_completed(&mut self, result: Result<(), Errno>) {
        if self.filter.is_none() {
            return self.recovery_committed(result);
        }
        match result {
            Ok(()) => {
                self.set_stage(Stage::Done);
                self.nothing_is_lost();
            }
            Err(_) => {
                self.set_stage(Stage::FailoverFailed);
                self.filter_mut().error = Some(Errno::Io);
            }
        }
    }
}
