//! Verbs that are called on all filters of a host (spec 2.9): who is called, in which order, what
//! is answered, and that a guest's disks stay of one moment.
//!
//! It judges what no single volume can; what each filter answers is that volume's business.

use colo_core::{Event, Quirk, Quirks, Stage, Verb, VerbError, VerbId, VolumeId};
use colo_sim::world::{Entry, Side, VOLUMES_MAX, What, World};

use crate::oracle::Findings;
use crate::oracle::model::Model;

const APART: &str = "Some disks of this host have stopped replicating, and others have not";

/// A verb of all filters without an answer.
#[derive(Debug, Clone)]
struct OpenAll {
    side: Side,
    id: VerbId,
    /// Stage and epoch of each volume when its turn came.
    before: Option<Moments>,
    /// Whom it was called on, in order.
    begun: Begun,
    /// The first error of a filter that failed by itself.
    failed: Option<String>,
}

/// What is known of the filters of both hosts together.
#[derive(Debug, Clone, Default)]
pub(super) struct Alls {
    /// The open filters of each host, newest first.
    registry: [Vec<VolumeId>; 2],
    open: Vec<OpenAll>,
}

/// Stage and epoch of each volume.
type Moments = [(Option<Stage>, u32); VOLUMES_MAX];

fn moments(models: &[Model], side: Side) -> Moments {
    let of = |model: &Model| (model.stage_of(side), model.epoch);
    std::array::from_fn(|place| models.get(place).map_or((None, 0), of))
}

/// A few volumes in order; one more than there can be, so that none is missed that comes twice.
#[derive(Debug, Clone, Copy, Default)]
struct Begun {
    volumes: [VolumeId; VOLUMES_MAX + 1],
    count: usize,
}

impl Begun {
    fn push(&mut self, volume: VolumeId) {
        if self.count < self.volumes.len() {
            self.volumes[self.count] = volume;
            self.count += 1;
        }
    }

    fn as_slice(&self) -> &[VolumeId] {
        &self.volumes[..self.count]
    }
}

impl Alls {
    /// Whether such a verb waits for its answer.
    pub(super) fn is_open(&self, side: Side) -> bool {
        self.open.iter().any(|open| open.side == side)
    }

    /// Whether [`Alls::apply`] has anything to learn from it; most entries are of guests' requests.
    #[inline]
    pub(super) fn concerns(what: &What) -> bool {
        match what {
            What::Submitted { .. } | What::Fault { .. } | What::Step(_) | What::Unasked { .. } => {
                false
            }
            What::Event(event) => !matches!(
                event,
                Event::Answered { .. }
                    | Event::Stage { .. }
                    | Event::Job { .. }
                    | Event::Emptied(_)
            ),
            _ => true,
        }
    }

    /// Takes in what happened, after the models did.
    pub(super) fn apply(&mut self, models: &[Model], entry: &Entry) {
        let (Some(side), volume) = (entry.side, entry.volume) else { return };
        let registry = &mut self.registry[side as usize];
        match &entry.what {
            What::Started { recover: false } => registry.insert(0, volume),
            What::PowerLost
            | What::ProcessDied
            | What::Event(Event::Exited | Event::Aborted(_)) => {
                registry.clear();
                self.open.retain(|open| open.side != side);
            }
            What::Event(Event::OpenRefused(_) | Event::Opened(Err(_))) => {
                registry.retain(|other| *other != volume);
            }
            What::Event(Event::Graph(colo_core::GraphChange::FilterClosed)) => {
                registry.retain(|other| *other != volume);
            }
            What::CalledAll { id, .. } => {
                let (id, begun) = (*id, Begun::default());
                self.open.push(OpenAll { side, id, before: None, begun, failed: None });
            }
            What::Event(Event::VerbBegun { id, .. }) => {
                if let Some(open) = self.open_mut(side, *id) {
                    open.before.get_or_insert_with(|| moments(models, side));
                    open.begun.push(volume);
                }
            }
            What::Event(Event::VerbAnswered { id, result: Err(error), .. })
                if *error != VerbError::OtherFailed =>
            {
                if let Some(open) = self.open_mut(side, *id) {
                    open.failed.get_or_insert_with(|| error.to_string());
                }
            }
            What::Event(Event::AllAnswered { id, .. }) => {
                self.open.retain(|open| (open.side, open.id) != (side, *id));
            }
            _ => {}
        }
    }

    fn open_mut(&mut self, side: Side, id: VerbId) -> Option<&mut OpenAll> {
        self.open.iter_mut().find(|open| (open.side, open.id) == (side, id))
    }

    /// Judges the answer to such a verb.
    pub(super) fn check(
        &self,
        models: &[Model],
        world: &World,
        entry: &Entry,
        findings: &mut Findings,
    ) {
        let (What::Event(Event::AllAnswered { id, verb, result }), Some(side)) =
            (&entry.what, entry.side)
        else {
            return;
        };
        let open = self.open.iter().find(|open| (open.side, open.id) == (side, *id));
        // A process that ends may still answer.
        let Some(open) = open else { return };
        let now = moments(models, side);
        let before = open.before.as_ref().unwrap_or(&now);
        let registry = &self.registry[side as usize];
        let called = Called { verb: *verb, side, registry, open, before, now: &now };
        called.check_order(world.options().quirks, *result, findings);
        called.check_effect(*result, findings);
    }

    /// At the end nothing waits.
    pub(super) fn end(&self, findings: &mut Findings) {
        if let Some(open) = self.open.first() {
            let message = "a verb of all filters has no answer and nothing will bring one";
            findings.report("progress", open.side, message.to_owned());
        }
    }
}

/// One such verb, at its end.
struct Called<'a> {
    verb: Verb,
    side: Side,
    registry: &'a [VolumeId],
    open: &'a OpenAll,
    before: &'a Moments,
    now: &'a Moments,
}

impl Called<'_> {
    fn was_in(&self, volume: VolumeId, stages: &[Stage]) -> bool {
        self.before[usize::from(volume.0)].0.is_some_and(|stage| stages.contains(&stage))
    }

    fn any_was_in(&self, stages: &[Stage]) -> bool {
        self.registry.iter().any(|&volume| self.was_in(volume, stages))
    }

    /// Some replicate, some have gone their own way.
    fn apart(&self) -> bool {
        self.side == Side::Secondary
            && self.any_was_in(&[Stage::Running])
            && self.any_was_in(&[Stage::Failover, Stage::Done])
    }

    /// Whether the seed's way is taken: one after the other, up to the first error.
    fn half_way(&self, quirks: Quirks) -> bool {
        let torn = quirks.has(Quirk::TornCheckpoint);
        match self.verb {
            Verb::Start(_) => torn || quirks.has(Quirk::StartAllHalfWay),
            Verb::Checkpoint => torn || quirks.has(Quirk::CheckpointAllHalfWay),
            Verb::Stop { .. } => quirks.has(Quirk::StopAllHalfWay),
            Verb::GetError | Verb::Close => true,
        }
    }

    /// Whom it has to be called on.
    fn members(&self, half_way: bool) -> impl Iterator<Item = VolumeId> + Clone {
        let beside = self.any_was_in(&[Stage::None]) && self.any_was_in(&[Stage::Running]);
        let skips = move |volume: &VolumeId| match self.verb {
            Verb::Start(_) => beside && self.was_in(*volume, &[Stage::Running]),
            Verb::Checkpoint => self.apart(),
            _ => false,
        };
        let members = self.registry.iter().copied();
        members.filter(move |volume| half_way || !skips(volume))
    }

    /// `answers`: newest first, and the first error is the answer.
    fn check_order(&self, quirks: Quirks, result: Result<(), VerbError>, findings: &mut Findings) {
        let half_way = self.half_way(quirks);
        let members = self.members(half_way);
        let begun = self.open.begun.as_slice();
        let all = result.is_ok() || !half_way && matches!(self.verb, Verb::Stop { .. });
        let right = members.clone().take(begun.len()).eq(begun.iter().copied())
            && (!all || members.clone().count() == begun.len());
        if !right {
            let names = |volumes: &[VolumeId]| {
                volumes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            };
            let members: Vec<_> = members.collect();
            let (verb, begun, members) = (self.verb, names(begun), names(&members));
            let message = format!(
                "{verb} on all filters was called on volumes {begun}; expected {members}, newest first"
            );
            findings.report("answers", self.side, message);
        }
        let apart = self.verb == Verb::Checkpoint && !half_way && self.apart();
        let wanted = if apart { Some(APART) } else { self.open.failed.as_deref() };
        let said = result.err().map(|error| error.to_string());
        if said.as_deref() != wanted {
            let (said, wanted) = (said.as_deref().unwrap_or("ok"), wanted.unwrap_or("ok"));
            let message =
                format!("{} on all filters answered: {said}; expected: {wanted}", self.verb);
            findings.report("answers", self.side, message);
        }
    }

    /// A guest has all its disks from one moment, whatever was answered.
    fn check_effect(&self, result: Result<(), VerbError>, findings: &mut Findings) {
        let stage = |volume: VolumeId| self.now[usize::from(volume.0)].0;
        match self.verb {
            Verb::Start(_) if result.is_err() => {
                let left = self.open.begun.as_slice().iter().copied().find(|&volume| {
                    self.was_in(volume, &[Stage::None]) && stage(volume) != Some(Stage::None)
                });
                if let Some(volume) = left {
                    let message = format!(
                        "a start of all filters failed and left volume {volume} in {}; expected no trace",
                        stage(volume).map_or("no stage", Stage::name)
                    );
                    findings.report("stage-edges", self.side, message);
                }
            }
            Verb::Checkpoint if self.side == Side::Secondary => {
                self.check_moment(result, findings);
            }
            Verb::Stop { failover: true } => {
                let deaf = self.registry.iter().find(|volume| {
                    self.was_in(**volume, &[Stage::Running])
                        && !self.open.begun.as_slice().contains(volume)
                });
                if let Some(volume) = deaf {
                    let message = format!(
                        "a failover of all filters ended at the first error, and volume {volume} was never told; expected it to fail over"
                    );
                    findings.report("available", self.side, message);
                }
            }
            _ => {}
        }
    }

    /// `checkpoint`: every disk has the new epoch, or none has.
    fn check_moment(&self, result: Result<(), VerbError>, findings: &mut Findings) {
        let epoch = |volume: VolumeId| {
            let place = usize::from(volume.0);
            (self.before[place].1, self.now[place].1)
        };
        let advanced = |volume: &&VolumeId| {
            let (before, now) = epoch(**volume);
            before != now
        };
        let new = self.registry.iter().find(advanced);
        let old = self.registry.iter().find(|volume| !advanced(volume));
        match (new, old) {
            (Some(new), Some(old)) => {
                let message = format!(
                    "a checkpoint of all filters took volume {new} to a new epoch and left volume {old} in the one before: the guest's disks are of two moments"
                );
                findings.report("checkpoint", self.side, message);
            }
            (Some(new), None) if result.is_err() => {
                let message =
                    format!("a checkpoint of all filters failed and changed volume {new}");
                findings.report("checkpoint", self.side, message);
            }
            _ => {}
        }
    }
}
