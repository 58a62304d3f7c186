//! The verbs of all filters of a host (spec 2.9).
//!
//! The seed calls one filter after the other, newest first, and returns at the first
//! error: what came before has happened, what comes after has not. Here a start and a
//! checkpoint happen on all filters or on none, since a guest whose disks are of two
//! moments is nobody's: each filter goes as far as it can without an effect, and when all
//! have, all take effect in one instant. A stop is told to every filter, whatever the others
//! said, and can be repeated.

use crate::event::{Event, VerbId, VolumeId};
use crate::host::Host;
use crate::probe::Probe;
use crate::quirk::Quirk;
use crate::verb::{Mode, Stage, Verb, VerbError};
use crate::volume::Volume;

/// A verb of all filters on its way.
#[derive(Debug, Clone)]
pub(super) struct AllVerb {
    id: VerbId,
    verb: Verb,
    /// The filters, as they were registered when its turn came; the last is the next.
    todo: Vec<VolumeId>,
    /// Those that have been called and not concluded.
    open: Vec<VolumeId>,
    /// All of them take effect in one instant, or none does.
    together: bool,
    /// Whether an error ends it.
    ends_at_error: bool,
    error: Option<VerbError>,
}

impl Host {
    pub(super) fn all_begin(&mut self, id: VerbId, verb: Verb) -> AllVerb {
        let torn = self.quirk(Quirk::TornCheckpoint);
        let together = match verb {
            Verb::Start(_) => !torn && !self.quirk(Quirk::StartAllHalfWay),
            Verb::Checkpoint => !torn && !self.quirk(Quirk::CheckpointAllHalfWay),
            _ => false,
        };
        let stops = matches!(verb, Verb::Stop { .. });
        let mut todo = self.registry.clone();
        todo.reverse();
        let mut all = AllVerb {
            id,
            verb,
            todo,
            open: Vec::new(),
            together,
            ends_at_error: !stops || self.quirk(Quirk::StopAllHalfWay),
            error: None,
        };
        if together {
            self.all_prepare(&mut all);
        }
        all
    }

    fn in_stage(&self, volume: VolumeId, stages: &[Stage]) -> bool {
        self.volume(volume).stage().is_some_and(|stage| stages.contains(&stage))
    }

    /// What the stages of all filters together say, before any of them is called.
    fn all_prepare(&mut self, all: &mut AllVerb) {
        let any = |stages: &[Stage]| all.todo.iter().any(|&volume| self.in_stage(volume, stages));
        match all.verb {
            // A filter that was opened later is started beside those that run.
            Verb::Start(_) if any(&[Stage::None]) && any(&[Stage::Running]) => {
                let volumes = std::mem::take(&mut all.todo).into_iter();
                let runs = |volume: &VolumeId| self.in_stage(*volume, &[Stage::Running]);
                all.todo = volumes.filter(|volume| !runs(volume)).collect();
                self.probe(Probe::StartAllBeside);
            }
            // One disk has gone its own way: no moment is common to it and those that go on.
            Verb::Checkpoint
                if any(&[Stage::Running])
                    && any(&[Stage::Failover, Stage::Done])
                    && self.mode() == Mode::Secondary =>
            {
                all.todo.clear();
                all.error = Some(VerbError::Apart);
                self.probe(Probe::CheckpointAllApart);
            }
            _ => {}
        }
    }

    /// Goes on with it as far as possible; what is left of it, unless it has answered.
    pub(super) fn all_advance(&mut self, mut all: AllVerb) -> Option<AllVerb> {
        loop {
            if self.ended {
                return None;
            }
            // Whoever is ready waits for the others.
            if all.open.iter().any(|&volume| self.volume(volume).is_busy()) {
                return Some(all);
            }
            self.all_note(&mut all);
            if all.error.is_some() && all.ends_at_error {
                all.todo.clear();
                if let Some(&volume) = all.open.first() {
                    self.probe(Probe::AllGivenUp);
                    self.carry_out(volume, Volume::give_up);
                    continue;
                }
            } else if let Some(volume) = all.todo.pop() {
                self.all_call(&mut all, volume);
                continue;
            } else if !all.open.is_empty() {
                self.all_take_effect(&all);
                continue;
            }
            let result = all.error.map_or(Ok(()), Err);
            let event = Event::AllAnswered { id: all.id, verb: all.verb, result };
            self.events.push_back((VolumeId::FIRST, event));
            return None;
        }
    }

    fn all_call(&mut self, all: &mut AllVerb, volume: VolumeId) {
        let (id, verb, together) = (all.id, all.verb, all.together);
        all.open.push(volume);
        self.events.push_back((volume, Event::VerbBegun { id, verb }));
        self.carry_out(volume, |volume| volume.verb_begin(id, verb, together));
    }

    /// Notes who has answered.
    fn all_note(&mut self, all: &mut AllVerb) {
        all.open.retain(|&volume| {
            let volume = &mut self.volumes[usize::from(volume.0)];
            if volume.is_ready() {
                return true;
            }
            let answer = volume.take_answer().expect("a verb that is over has answered");
            // Who was given up has failed for another's sake.
            all.error = all.error.or(answer.err());
            false
        });
    }

    /// Everybody is ready: all take effect now, unless one has lost what it needs meanwhile.
    fn all_take_effect(&mut self, all: &AllVerb) {
        let lost = all.open.iter().copied().find(|&volume| !self.volume(volume).may_take_effect());
        if let Some(volume) = lost {
            // It says itself what it lacks; then the others are given up.
            return self.carry_out(volume, Volume::take_effect);
        }
        if all.open.len() > 1 {
            self.probe(Probe::AllTogether);
        }
        for &volume in &all.open {
            self.carry_out(volume, Volume::take_effect);
        }
    }
}
