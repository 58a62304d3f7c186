//! start (spec 2.3).

use crate::disk::Errno;
use crate::event::{Event, UserId};
use crate::host::Host;
use crate::io::{DrainWaiter, Parent};
use crate::overlay::Mark;
use crate::payload::Payload;
use crate::probe::Probe;
use crate::verb::{Mode, Stage, VerbError};
use crate::verbs::Wait;

impl Host {
    pub(super) fn start(&mut self, stage: Stage, mode: Mode) {
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

    pub(super) fn start_drained(&mut self) {
        self.backup_start();
        self.drain_end(UserId::Export);
        if self.runs_before_checkpoint() {
            self.set_stage(Stage::Running);
        }
        // Emptied one by one, spent overlays cannot keep saying so till the end.
        if !self.empties_together() && self.chain_mark() == Some(Mark::Retired) {
            return self.mark_for_verb(Mark::Void);
        }
        self.checkpoint_core();
    }

    pub(super) fn mark_for_verb(&mut self, mark: Mark) {
        self.wait_for(Wait::Marked(mark));
        self.mark_chain(mark, Parent::Verb);
    }

    /// The chain says what it is good for; the verb goes on.
    pub(super) fn marked(&mut self, mark: Mark, result: Result<Payload, Errno>) {
        let failed = result.err().map(|errno| VerbError::MarkFailed { errno });
        match (mark, failed) {
            (Mark::Void, failed) if self.empties_together() => self.empty_both(failed),
            (Mark::Void, None) => self.checkpoint_core(),
            (Mark::Void, Some(error)) => self.start_done(Err(error)),
            (Mark::Owed, None) => self.failover_begin(),
            (Mark::Owed, Some(error)) => self.answer(Err(error)),
            (Mark::Retired, failed) => self.planned_marked(failed),
        }
    }

    /// The overlays are empty, or could not be emptied.
    pub(super) fn start_done(&mut self, result: Result<(), VerbError>) {
        if self.runs_before_checkpoint() {
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

    pub(super) fn set_blocker(&mut self, on: bool) {
        if self.blocker != on {
            self.blocker = on;
            self.events.push_back(Event::Blocker(on));
        }
    }
}
