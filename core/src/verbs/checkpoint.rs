//! checkpoint and get_error (spec 2.2, 2.4).

use crate::copy_before_write::BackupJob;
use crate::disk::Errno;
use crate::event::{Abort, UserId};
use crate::io::{DrainWaiter, IoId};
use crate::overlay::Mark;
use crate::payload::Payload;
use crate::probe::Probe;
use crate::quirk::Quirk;
use crate::verb::{Mode, Stage, Verb, VerbError};
use crate::verbs::Wait;
use crate::volume::Volume;

impl Volume {
    pub(super) fn checkpoint(&mut self, stage: Stage) {
        if matches!(stage, Stage::Done | Stage::Failover) || self.mode() == Mode::Primary {
            return self.answer(Ok(()));
        }
        self.checkpoint_core();
    }

    /// Empties both overlays and arms copy-before-write.
    pub(super) fn checkpoint_core(&mut self) {
        if self.backup.is_none() {
            return self.checkpoint_core_done(Err(VerbError::BackupLost));
        }
        if self.quirk(Quirk::CheckpointUnderCopies) {
            return self.checkpoint_drained();
        }
        self.verb.as_mut().expect("the checkpoint core belongs to a verb").drained = true;
        self.wait_for(Wait::CopiesDrained);
        self.drain_begin(UserId::Export, DrainWaiter::Verb);
    }

    /// No copy is in flight that could save, after the emptying, what was read before it.
    pub(super) fn checkpoint_drained(&mut self) {
        let Some(job) = self.backup else {
            return self.checkpoint_core_done(Err(VerbError::BackupLost));
        };
        if !self.empties_together() {
            self.copy_filter(job.filter).arm();
        }
        if self.nodes[self.chain.active].ejected {
            self.probe(Probe::CheckpointMeetsEjected);
            return self.checkpoint_core_done(Err(VerbError::ActiveEjected));
        }
        let filter = self.filter.expect("a verb works on an open filter");
        if self.nodes[filter].read_only {
            return self.abort(Abort::EmptiedWithoutWrite);
        }
        self.wait_for(Wait::EmptyActive);
        self.empty_for_verb(self.chain.active);
    }

    /// Active is empty, or could be: hidden comes next.
    fn empty_hidden(&mut self) {
        if self.nodes[self.chain.hidden].ejected {
            self.probe(Probe::CheckpointMeetsEjected);
            return self.empty_failed(VerbError::HiddenEjected);
        }
        self.wait_for(Wait::EmptyHidden);
        self.empty_for_verb(self.chain.hidden);
    }

    fn empty_failed(&mut self, error: VerbError) {
        let verb = self.verb.as_mut().expect("emptying belongs to a verb");
        if let Some(prepared) = verb.prepared.take() {
            self.empty_abort(prepared);
        }
        self.checkpoint_core_done(Err(error));
    }

    /// An overlay could be emptied now: when both could, both are, and the copying begins anew.
    pub(crate) fn verb_prepared(&mut self, io: IoId) {
        let verb = self.verb.as_mut().expect("emptying belongs to a verb");
        let Some(active) = verb.prepared.replace(io) else {
            return self.empty_hidden();
        };
        verb.prepared = None;
        verb.prepared_both = Some((active, io));
        // Spent overlays say so until the moment in which they are in use again.
        if self.chain_mark() == Some(Mark::Retired) {
            return self.mark_for_verb(Mark::Void);
        }
        self.effect_due();
    }

    /// Both overlays become empty in one instant, or neither does.
    pub(super) fn empty_both(&mut self, failed: Option<VerbError>) {
        let verb = self.verb.as_mut().expect("emptying belongs to a verb");
        let (active, hidden) = verb.prepared_both.take().expect("both were prepared");
        // The job may have been lost meanwhile; then the old epoch stays, with its view.
        let protected = self.backup.filter(|job| !job.cancelling && failed.is_none());
        let Some(BackupJob { filter, .. }) = protected else {
            self.empty_abort(active);
            self.empty_abort(hidden);
            return self.checkpoint_core_done(Err(failed.unwrap_or(VerbError::BackupLost)));
        };
        self.copy_filter(filter).arm();
        self.empty_commit(active);
        self.empty_commit(hidden);
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
                self.empty_failed(VerbError::EmptyFailed { node, errno });
            }
            // The end of an emptying that was prepared: it has had its effect already.
            _ if self.empties_together() => {}
            (_, Err(_)) => unreachable!("only an emptying is waited for here"),
            (Wait::EmptyActive, Ok(_)) => self.empty_hidden(),
            (_, Ok(_)) => self.checkpoint_core_done(Ok(())),
        }
    }

    pub(super) fn checkpoint_core_done(&mut self, result: Result<(), VerbError>) {
        let verb = self.verb.as_mut().expect("the checkpoint core belongs to a verb");
        let asked = verb.verb;
        if std::mem::take(&mut verb.drained) {
            self.drain_end(UserId::Export);
        }
        match asked {
            Verb::Start(_) => self.start_done(result),
            Verb::Checkpoint => {
                let failed = result.is_err() && !self.quirk(Quirk::CheckpointFailureUntold);
                self.filter_mut().checkpoint_failed = failed && self.in_stage(Stage::Running);
                self.answer(result);
            }
            Verb::Stop { .. } => {
                self.set_stage(Stage::Done);
                self.filter_mut().checkpoint_failed = false;
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

    pub(super) fn get_error(&mut self, stage: Stage) {
        let filter = self.filter().expect("a verb works on an open filter");
        let lost = filter.error.is_some() || filter.checkpoint_failed;
        self.answer(match (stage, lost) {
            (Stage::None, _) => Err(VerbError::NotRunning),
            (_, true) => Err(VerbError::IoError),
            (_, false) => Ok(()),
        });
    }
}
