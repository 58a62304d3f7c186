//! The verbs of a filter: start, checkpoint, get_error, stop, close (spec 2.2 to 2.6).
//!
//! One runs at a time. While one waits, requests, jobs and crashes go on, and the stage is
//! what the spec says at that point. One that is called on all filters of a host goes as far as
//! it can without an effect, and is ready then: the host says when it takes effect, or that it
//! is given up.

mod checkpoint;
mod close;
mod start;
mod stop;

use crate::disk::Errno;
use crate::event::{DiskId, Event, UserId, VerbId};
use crate::io::{DrainWaiter, IoId};
use crate::overlay::Mark;
use crate::quirk::Quirk;
use crate::verb::{Mode, Stage, Verb, VerbError};
use crate::volume::Volume;

/// The verb that runs, and what it waits for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunningVerb {
    id: VerbId,
    verb: Verb,
    wait: Wait,
    /// What it will answer when it has cleaned up.
    failed: Option<VerbError>,
    /// Forwarded requests are held back for it.
    drained: bool,
    /// Active could be emptied; hidden comes next.
    prepared: Option<IoId>,
    /// Both could be emptied; the mark comes next.
    prepared_both: Option<(IoId, IoId)>,
    /// It waits for the other filters of its host before it takes effect.
    together: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// Nothing: it is being carried out now.
    Nothing,
    /// Start: no forwarded request in flight, to put the copy-before-write filter in.
    ExportDrained,
    /// The checkpoint core: no forwarded request in flight, and so no copy.
    CopiesDrained,
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
    /// A failover that is tried again: no guest request in flight, to change the stage.
    RetryDrained,
    /// Close: no guest request in flight.
    GuestDrained,
    /// Close: the commit job's end.
    CommitEnd,
    /// Called on all filters: for the others.
    Others,
}

impl Volume {
    /// A verb begins. Its answer is an event, now or later; together with others, it has no effect
    /// before it is told.
    pub(crate) fn verb_begin(&mut self, id: VerbId, verb: Verb, together: bool) {
        assert!(self.verb.is_none(), "one verb at a time");
        self.verb = Some(RunningVerb {
            id,
            verb,
            wait: Wait::Nothing,
            failed: None,
            drained: false,
            prepared: None,
            prepared_both: None,
            together,
        });
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
        let stops = matches!(running.verb, Verb::Stop { .. });
        if stops && result.is_err() && self.in_stage(Stage::Running) && self.backup.is_none() {
            // It has ended the job that protects the view, and the stage goes on without.
            self.filter_mut().error.get_or_insert(Errno::Io);
        }
        if self.admin_closes() {
            return self.admin_closed();
        }
        self.answer = Some(result);
        self.events.push_back(Event::VerbAnswered { id: running.id, verb: running.verb, result });
    }

    /// What the verb that was called last has answered.
    pub(crate) fn take_answer(&mut self) -> Option<Result<(), VerbError>> {
        self.answer.take()
    }

    /// Nobody asks for that any more.
    pub(crate) fn forget_answer(&mut self) {
        self.answer = None;
    }

    /// Whether a verb is under way and not ready.
    pub(crate) fn is_busy(&self) -> bool {
        self.verb.is_some_and(|running| running.wait != Wait::Others)
    }

    /// Whether the verb waits to take effect.
    pub(crate) fn is_ready(&self) -> bool {
        self.wait() == Wait::Others
    }

    /// Everything that may fail is done: takes effect, together with the others if it is one of them.
    fn effect_due(&mut self) {
        if self.verb.expect("a verb has an effect").together {
            return self.wait_for(Wait::Others);
        }
        self.take_effect();
    }

    /// Whether nothing that the verb needs was lost while it waited for the others.
    pub(crate) fn may_take_effect(&self) -> bool {
        self.mode() == Mode::Primary || self.backup.is_some_and(|job| !job.cancelling)
    }

    /// The verb takes effect, in this instant.
    pub(crate) fn take_effect(&mut self) {
        match self.mode() {
            Mode::Primary => self.start_primary(),
            Mode::Secondary => self.empty_both(None),
        }
    }

    /// The verb is given up: another filter of the host has failed.
    pub(crate) fn give_up(&mut self) {
        let failed = VerbError::OtherFailed;
        match self.mode() {
            Mode::Primary => self.answer(Err(failed)),
            Mode::Secondary => self.empty_both(Some(failed)),
        }
    }

    fn wait_for(&mut self, wait: Wait) {
        self.verb.as_mut().expect("only a running verb waits").wait = wait;
    }

    fn wait(&self) -> Wait {
        self.verb.map_or(Wait::Nothing, |running| running.wait)
    }

    /// The user that the verb drained has nothing in flight.
    pub(crate) fn verb_drained(&mut self) {
        match self.wait() {
            Wait::ExportDrained => self.start_drained(),
            Wait::CopiesDrained => self.checkpoint_drained(),
            Wait::PlannedDrained => self.planned_drained(),
            Wait::RetryDrained => self.retry_drained(),
            Wait::GuestDrained => self.close_drained(),
            wait => unreachable!("a verb that waits for {wait:?} drained nobody"),
        }
    }

    /// Whether a checkpoint empties both overlays in one instant, and not one after the other.
    pub(crate) fn empties_together(&self) -> bool {
        !self.quirk(Quirk::TornCheckpoint)
    }

    /// Whether a start is RUNNING before its checkpoint, and stays so if that fails.
    fn runs_before_checkpoint(&self) -> bool {
        self.quirk(Quirk::FailedStartKeepsRunning)
    }

    /// Whether the running verb is emptying overlays.
    pub(crate) fn verb_empties(&self) -> bool {
        matches!(self.wait(), Wait::EmptyActive | Wait::EmptyHidden)
    }

    /// Whether the end of the backup job was asked for by the verb that runs.
    fn ends_backup(&self) -> bool {
        self.wait() == Wait::BackupEnd
    }

    fn mode(&self) -> Mode {
        self.filter().expect("a verb works on an open filter").mode
    }
}
