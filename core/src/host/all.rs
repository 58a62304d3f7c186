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

/// A verb of all filters on its way. While it is, nothing else is asked of a volume, and the
/// registry stays as it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct AllVerb {
    id: VerbId,
    verb: Verb,
    /// Place of the next filter in the registry.
    next: usize,
    /// All of them take effect in one instant, or none does.
    together: bool,
    /// Whether an error ends it.
    ends_at_error: bool,
    /// Not called on filters that run.
    beside: bool,
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
        // What was asked of one filter before was answered then.
        self.volumes.iter_mut().for_each(Volume::forget_answer);
        let stops = matches!(verb, Verb::Stop { .. });
        let ends_at_error = !stops || self.quirk(Quirk::StopAllHalfWay);
        let mut all =
            AllVerb { id, verb, next: 0, together, ends_at_error, beside: false, error: None };
        if together {
            self.all_prepare(&mut all);
        }
        all
    }

    fn in_stage(&self, volume: VolumeId, stages: &[Stage]) -> bool {
        self.volume(volume).stage().is_some_and(|stage| stages.contains(&stage))
    }

    fn any_in_stage(&self, stages: &[Stage]) -> bool {
        self.registry.iter().any(|&volume| self.in_stage(volume, stages))
    }

    /// What the stages of all filters together say, before any of them is called.
    fn all_prepare(&mut self, all: &mut AllVerb) {
        if self.registry.len() < 2 || !self.any_in_stage(&[Stage::Running]) {
            return;
        }
        match all.verb {
            // A filter that was opened later is started beside those that run.
            Verb::Start(_) if self.any_in_stage(&[Stage::None]) => {
                all.beside = true;
                self.probe(Probe::StartAllBeside);
            }
            // One disk has gone its own way: no moment is common to it and those that go on.
            Verb::Checkpoint
                if self.any_in_stage(&[Stage::Failover, Stage::Done])
                    && self.mode() == Mode::Secondary =>
            {
                all.error = Some(VerbError::Apart);
                self.probe(Probe::CheckpointAllApart);
            }
            _ => {}
        }
    }

    /// Goes on with it as far as possible; what is left of it, unless it has answered.
    pub(super) fn all_advance(&mut self, mut all: AllVerb) -> Option<AllVerb> {
        loop {
            // Whoever is ready waits for the others.
            if self.ended || self.volumes.iter().any(Volume::is_busy) {
                return (!self.ended).then_some(all);
            }
            // Who was given up has failed for another's sake, after that one.
            let answers = self.volumes.iter_mut().filter_map(Volume::take_answer);
            all.error = answers.fold(all.error, |first, answer| first.or(answer.err()));
            let ends = all.error.is_some() && all.ends_at_error;
            if let Some(volume) = self.all_next(&mut all).filter(|_| !ends) {
                self.all_call(&all, volume);
            } else if self.all_ready().next().is_none() {
                let result = all.error.map_or(Ok(()), Err);
                let event = Event::AllAnswered { id: all.id, verb: all.verb, result };
                self.events.push_back((VolumeId::FIRST, event));
                return None;
            } else if ends {
                self.all_give_up();
            } else {
                self.all_take_effect();
            }
        }
    }

    /// The next filter to call; its place is passed.
    fn all_next(&self, all: &mut AllVerb) -> Option<VolumeId> {
        let skipped = |volume: VolumeId| all.beside && self.in_stage(volume, &[Stage::Running]);
        let rest = self.registry.iter().enumerate().skip(all.next);
        let (place, volume) = rest.map(|(place, id)| (place, *id)).find(|(_, id)| !skipped(*id))?;
        all.next = place + 1;
        Some(volume)
    }

    fn all_call(&mut self, all: &AllVerb, volume: VolumeId) {
        let (id, verb, together) = (all.id, all.verb, all.together);
        self.events.push_back((volume, Event::VerbBegun { id, verb }));
        self.carry_out(volume, |volume| volume.verb_begin(id, verb, together));
    }

    /// Those that wait for the others.
    fn all_ready(&self) -> impl Iterator<Item = VolumeId> {
        self.registry.iter().copied().filter(|&volume| self.volume(volume).is_ready())
    }

    /// One has failed: those that wait for it have waited in vain.
    fn all_give_up(&mut self) {
        let waiting = self.all_ready().next();
        if let Some(volume) = waiting {
            self.probe(Probe::AllGivenUp);
            self.carry_out(volume, Volume::give_up);
        }
    }

    /// Everybody is ready: all take effect now, unless one has lost what it needs meanwhile.
    fn all_take_effect(&mut self) {
        let lost = self.all_ready().find(|&volume| !self.volume(volume).may_take_effect());
        if let Some(volume) = lost {
            // It says itself what it lacks; then the others are given up.
            return self.carry_out(volume, Volume::take_effect);
        }
        if self.all_ready().count() > 1 {
            self.probe(Probe::AllTogether);
        }
        for place in 0..self.registry.len() {
            let volume = self.registry[place];
            if self.volume(volume).is_ready() {
                self.carry_out(volume, Volume::take_effect);
            }
        }
    }
}
