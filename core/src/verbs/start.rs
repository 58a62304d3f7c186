//! start (spec 2.3).

use crate::disk::Errno;
use crate::event::{Abort, UserId};
use crate::graph::{Driver, NodeId, Reason};
use crate::io::{DrainWaiter, Parent};
use crate::overlay::Mark;
use crate::payload::Payload;
use crate::probe::Probe;
use crate::quirk::Quirk;
use crate::verb::{Mode, Stage, VerbError};
use crate::verbs::Wait;
use crate::volume::Volume;

impl Volume {
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
            return self.effect_due();
        }
        if let Err(error) = self.check_graph() {
            self.probe(Probe::StartRefusedByGraph);
            return self.answer(Err(error));
        }
        if self.chain_mark() == Some(Mark::Owed) {
            self.probe(Probe::StartRefusedOwed);
            return self.answer(Err(VerbError::ViewOwed));
        }
        self.wait_for(Wait::ExportDrained);
        self.drain_begin(UserId::Export, DrainWaiter::Verb);
    }

    pub(super) fn start_primary(&mut self) {
        self.set_stage(Stage::Running);
        self.filter_mut().error = None;
        self.answer(Ok(()));
    }

    /// Whether the graph is one that a secondary can work on (spec 2.3), in the seed's order.
    fn check_graph(&self) -> Result<(), VerbError> {
        let chain = self.chain;
        let backing = |node| match &self.nodes[node].driver {
            Driver::Overlay(overlay) => Some(overlay),
            _ => None,
        };
        let active = backing(chain.active).ok_or(VerbError::ActiveHasNoBacking)?;
        let hidden = backing(chain.hidden).ok_or(VerbError::HiddenHasNoBacking)?;
        if !self.users.attached().any(|(_, root)| root == chain.secondary) {
            return Err(VerbError::SecondaryUnused);
        }
        let ejected = self.nodes[chain.active].ejected || self.nodes[chain.hidden].ejected;
        if ejected || self.options().wiring.hidden_is_short {
            return Err(VerbError::LengthsDiffer);
        }
        if !active.can_be_emptied || !hidden.can_be_emptied {
            return Err(VerbError::CannotBeEmptied);
        }
        let filter = self.filter.expect("a verb works on an open filter");
        if self.nodes[filter].read_only && !self.quirk(Quirk::EmptiesWithoutWrite) {
            return Err(VerbError::ActiveReadOnly);
        }
        Ok(())
    }

    /// No forwarded request is in flight: images are opened, the top is blocked, the job starts.
    pub(super) fn start_drained(&mut self) {
        let prepared = self.start_prepare();
        if prepared.is_ok() {
            self.backup_start();
        }
        if self.over.is_some() {
            return;
        }
        self.drain_end(UserId::Export);
        if let Err(error) = prepared {
            return self.answer(Err(error));
        }
        if self.runs_before_checkpoint() {
            self.set_stage(Stage::Running);
        }
        // Emptied one by one, spent overlays cannot keep saying so till the end.
        if !self.empties_together() && self.chain_mark() == Some(Mark::Retired) {
            return self.mark_for_verb(Mark::Void);
        }
        self.checkpoint_core();
    }

    /// Everything between the checks and the job (spec 2.3, steps 1 to 5).
    fn start_prepare(&mut self) -> Result<(), VerbError> {
        let chain = self.chain;
        self.open_for_writing()?;
        if std::mem::replace(&mut self.filter_mut().blocker_set, true) {
            self.abort(Abort::BlockerSet);
            return Err(VerbError::NoTop);
        }
        let filter = self.filter.expect("a verb works on an open filter");
        let top = self.filter_mut().top_id.and_then(|name| self.lookup(name));
        let sound = |top: &NodeId| !self.has_parents(*top) && self.is_below(*top, filter);
        let Some(top) = top.filter(sound) else {
            self.open_as_before();
            self.forget_blocker();
            return Err(VerbError::NoTop);
        };
        self.filter_mut().blocked_top = Some(top);
        self.block(top, Reason::InternalBackup);
        for node in [chain.secondary, chain.hidden] {
            if let Some(reason) = self.blocked(node) {
                let name = self.shown_name(node);
                self.backup_cleanup();
                return Err(VerbError::Busy { name, reason });
            }
        }
        Ok(())
    }

    /// Opens hidden and the secondary disk for writing, both or neither.
    fn open_for_writing(&mut self) -> Result<(), VerbError> {
        let nodes = [self.chain.hidden, self.chain.secondary];
        let were_read_only = nodes.map(|node| self.nodes[node].read_only);
        self.filter_mut().were_read_only = were_read_only;
        let closed = nodes.into_iter().zip(were_read_only).filter(|(_, closed)| *closed);
        let closed: Vec<_> = closed.map(|(node, _)| node).collect();
        if closed.iter().any(|&node| self.nodes[node].protected) {
            return Err(VerbError::Reopen { errno: Errno::Access });
        }
        if !closed.is_empty() {
            self.probe(Probe::StartReopened);
        }
        for node in closed {
            self.set_read_only(node, false);
        }
        Ok(())
    }

    /// Makes read-only again what a start has opened for writing, all of it or nothing.
    fn open_as_before(&mut self) {
        let nodes = [self.chain.hidden, self.chain.secondary];
        let opened = nodes.into_iter().zip(self.filter_mut().were_read_only);
        let opened: Vec<_> = opened.filter(|(_, was)| *was).map(|(node, _)| node).collect();
        if opened.iter().any(|&node| self.nodes[node].ejected) {
            if self.quirk(Quirk::TouchesEjected) {
                self.abort(Abort::EjectedTouched);
            }
            return;
        }
        if opened.is_empty() || opened.iter().any(|&node| self.has_writer(node)) {
            return;
        }
        self.probe(Probe::ReopenedReadOnly);
        for node in opened {
            self.set_read_only(node, true);
        }
    }

    fn forget_blocker(&mut self) {
        self.filter_mut().blocker_set = self.quirk(Quirk::BlockerLeftSet);
    }

    /// What comes with the backup job goes with it (spec 2.7).
    pub(super) fn backup_cleanup(&mut self) {
        let top = if self.quirk(Quirk::CleanupByName) {
            self.filter_mut().top_id.and_then(|name| self.lookup(name))
        } else {
            self.filter_mut().blocked_top
        };
        let Some(top) = top else { return };
        self.unblock(top, Reason::InternalBackup);
        self.filter_mut().blocked_top = None;
        self.forget_blocker();
        self.open_as_before();
    }

    pub(super) fn mark_for_verb(&mut self, mark: Mark) {
        self.wait_for(Wait::Marked(mark));
        self.mark_chain(mark, Parent::Verb);
    }

    /// The chain says what it is good for; the verb goes on.
    pub(super) fn marked(&mut self, mark: Mark, result: Result<Payload, Errno>) {
        let failed = result.err().map(|errno| VerbError::MarkFailed { errno });
        match (mark, failed) {
            (Mark::Void, Some(failed)) if self.empties_together() => self.empty_both(Some(failed)),
            (Mark::Void, None) if self.empties_together() => self.effect_due(),
            (Mark::Void, None) => self.checkpoint_core(),
            (Mark::Void, Some(error)) => self.start_done(Err(error)),
            (Mark::Owed, failed) => self.owed_marked(failed),
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
}
