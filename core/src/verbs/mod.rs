//! The verbs of a filter: start, checkpoint, get_error, stop, close (spec 2.2 to 2.6).
//!
//! One runs at a time, later ones queue. While one waits, requests, jobs and
//! crashes go on, and the stage is what the spec says at that point.

mod checkpoint;
mod close;
mod start;
mod stop;

use crate::event::{DiskId, Event, UserId, VerbId};
use crate::host::Host;
use crate::io::{DrainWaiter, IoId, Task};
use crate::overlay::Mark;
use crate::probe::Probe;
use crate::quirk::Quirk;
use crate::verb::{Mode, Verb, VerbError};

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
    /// Both could be emptied; the mark comes next.
    prepared_both: Option<(IoId, IoId)>,
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
        self.verb = Some(RunningVerb {
            id,
            verb,
            wait: Wait::Nothing,
            failed: None,
            prepared: None,
            prepared_both: None,
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
        self.events.push_back(Event::VerbAnswered { id: running.id, verb: running.verb, result });
        self.tasks.push_back(Task::NextVerb);
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
            Wait::PlannedDrained => self.planned_drained(),
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

    fn mode(&self) -> Mode {
        self.filter().expect("a verb works on an open filter").mode
    }
}
