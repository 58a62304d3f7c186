//! Coverage: the universe of points, and what one run reached of it.
//!
//! The universe comes from the code, not from what happened to run: a point that
//! is never reached stands in every report. It is every combination of things that could
//! meet, without those that cannot, each of which has its reason ([`mod@unreachable`]).

mod jobs;
mod messages;
mod misfortunes;
mod network;
mod operate;
mod sites;
pub mod unreachable;
mod verbs;

use std::sync::OnceLock;

use colo_core::colo::Node;
use colo_core::{Abort, EDGES, Event, Phase, Probe, Stage, Verb, VerbId};
use colo_sim::pair::{Port, Tampering};
use colo_sim::world::{Entry, Side, VOLUMES_MAX, What, World, WorldProbe};

use crate::run::NetworkAct;

pub(crate) use misfortunes::Misfortune;

/// Everything that could meet, in groups one behind the other, and what of it can.
struct Universe {
    names: Vec<String>,
    /// For each combination its place in `names`, unless it cannot be.
    places: Vec<Option<usize>>,
    combinations: Vec<String>,
    groups: Groups,
}

/// Where each group of combinations begins.
struct Groups {
    edges: usize,
    verbs: usize,
    answers: usize,
    crashes: usize,
    faults: usize,
    emptyings: usize,
    commands: usize,
    messages: usize,
    sites: usize,
    probes: usize,
    misfortunes: usize,
    network: usize,
    on_network: usize,
}

impl Universe {
    fn new() -> Self {
        let mut combinations = Vec::new();
        let mut group = |names: Vec<String>| {
            let begin = combinations.len();
            combinations.extend(names);
            begin
        };
        let groups = Groups {
            edges: group(verbs::edges()),
            verbs: group(verbs::calls()),
            answers: group(verbs::answers()),
            crashes: group(jobs::crashes()),
            faults: group(jobs::faults()),
            emptyings: group(operate::emptyings()),
            commands: group(operate::commands()),
            messages: group(messages::names()),
            sites: group(sites::names()),
            probes: group(probes()),
            misfortunes: group(misfortunes::names()),
            network: group(network::names()),
            on_network: group(misfortunes::names_on_network()),
        };
        let mut names = Vec::new();
        let places = combinations.iter().map(|name| {
            unreachable::reason(name).is_none().then(|| {
                names.push(name.clone());
                names.len() - 1
            })
        });
        Self { places: places.collect(), names, combinations, groups }
    }
}

/// The situations of the core, then those of the world.
fn probes() -> Vec<String> {
    let of_core = Probe::ALL.iter().map(|probe| probe.name());
    let of_world = WorldProbe::ALL.iter().map(|probe| probe.name());
    of_core.chain(of_world).map(|name| format!("probe/{name}")).collect()
}

fn universe() -> &'static Universe {
    static UNIVERSE: OnceLock<Universe> = OnceLock::new();
    UNIVERSE.get_or_init(Universe::new)
}

/// The names of all points, in order of their index.
pub fn names() -> &'static [String] {
    &universe().names
}

/// Those that plans without a network can reach: the others are the last.
pub fn names_without_network() -> &'static [String] {
    let Universe { names, places, groups, .. } = universe();
    let points = places[..groups.network].iter().flatten().count();
    &names[..points]
}

/// Combinations that are no points, each with the reason why the hardened core cannot reach it.
pub fn impossible() -> impl Iterator<Item = (&'static str, &'static str)> {
    let combinations = universe().combinations.iter();
    combinations.filter_map(|name| Some((name.as_str(), unreachable::reason(name)?)))
}

/// What one run reached.
#[derive(Debug, Clone)]
pub struct Reached {
    /// Of each combination.
    hits: Vec<u32>,
    stage: [[Option<Stage>; VOLUMES_MAX]; 2],
    /// Verbs that are alone on their host, and the stage in which they were called.
    called: Vec<(Side, VerbId, Stage)>,
    /// Verbs and commands without an answer.
    open: Vec<(Side, VerbId, Asked)>,
    network: network::Met,
}

/// What is open. The answer of one filter does not end what all were asked, nor the end of a filter the command
/// that ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Verb,
    All,
    Command,
}

impl Default for Reached {
    fn default() -> Self {
        Self {
            hits: vec![0; universe().combinations.len()],
            stage: [[None; VOLUMES_MAX]; 2],
            called: Vec::new(),
            open: Vec::new(),
            network: network::Met::default(),
        }
    }
}

impl Reached {
    fn hit(&mut self, group: usize, place: Option<usize>) {
        if let Some(place) = place {
            self.hits[group + place] += 1;
        }
    }

    /// Counts what an entry shows.
    pub(crate) fn observe(&mut self, entry: &Entry) {
        let Some(side) = entry.side else { return };
        let groups = &universe().groups;
        let known = self.stage[side as usize][usize::from(entry.volume.0)];
        match &entry.what {
            What::Started { recover } => {
                let stage = &mut self.stage[side as usize][usize::from(entry.volume.0)];
                *stage = (!recover).then_some(Stage::None);
            }
            What::Called { id, verb } => {
                self.called(side, known, *verb);
                let alone = self.open.iter().all(|(whose, ..)| *whose != side);
                if let Some(stage) = known.filter(|_| alone) {
                    self.called.push((side, *id, stage));
                }
                self.open.push((side, *id, Asked::Verb));
            }
            What::CalledAll { id, .. } => self.open.push((side, *id, Asked::All)),
            What::Administered { id, .. } => self.open.push((side, *id, Asked::Command)),
            What::EmptyingFails { disk, failure, .. } => {
                self.hit(groups.emptyings, operate::emptying(*disk, *failure));
            }
            What::Event(event) => self.event(side, entry, known, event),
            What::Networked(what) => self.network.networked(side, what),
            _ => {}
        }
    }

    fn event(&mut self, side: Side, entry: &Entry, known: Option<Stage>, event: &Event) {
        let groups = &universe().groups;
        match event {
            Event::Stage { mode, from, to } => {
                self.stage[side as usize][usize::from(entry.volume.0)] = Some(*to);
                let edge = EDGES.iter().position(|edge| *edge == (*mode, *from, *to));
                self.hit(groups.edges, edge);
            }
            Event::VerbBegun { verb, .. } => self.called(side, known, *verb),
            Event::VerbAnswered { id, verb, result } => {
                self.answered(side, *id, Asked::Verb);
                let called =
                    self.called.iter().position(|called| (called.0, called.1) == (side, *id));
                if let Some(called) = called {
                    let (_, _, stage) = self.called.swap_remove(called);
                    self.hit(groups.answers, verbs::answer(side, *verb, stage, result.is_ok()));
                }
                if let Err(error) = result {
                    self.hit(groups.messages, Some(messages::of_verb(error)));
                }
            }
            Event::AllAnswered { id, result, .. } => {
                self.answered(side, *id, Asked::All);
                if let Err(error) = result {
                    self.hit(groups.messages, Some(messages::of_verb(error)));
                }
            }
            Event::AdminAnswered { id, admin, result } => {
                self.answered(side, *id, Asked::Command);
                self.hit(groups.commands, Some(operate::command(side, admin, result.is_ok())));
                if let Err(error) = result {
                    self.hit(groups.messages, Some(messages::of_command(error)));
                }
            }
            Event::OpenRefused(error) => {
                self.hit(groups.messages, Some(messages::of_opening(error)));
            }
            _ => {}
        }
    }

    fn answered(&mut self, side: Side, id: VerbId, asked: Asked) {
        self.open.retain(|open| *open != (side, id, asked));
    }

    /// A host is not there any more. Its next process may open fewer volumes: none keeps its stage.
    pub(crate) fn gone(&mut self, side: Side) {
        self.stage[side as usize] = [None; VOLUMES_MAX];
        self.open.retain(|(whose, ..)| *whose != side);
        self.called.retain(|(whose, ..)| *whose != side);
    }

    fn called(&mut self, side: Side, stage: Option<Stage>, verb: Verb) {
        let place = stage.and_then(|stage| verbs::call(side, verb, stage));
        self.hit(universe().groups.verbs, place);
    }

    /// A host goes down while it was in the middle of this.
    pub(crate) fn crashed(&mut self, side: Side, power_loss: bool, phase: Phase) {
        self.hit(universe().groups.crashes, jobs::crash(side, power_loss, phase));
    }

    /// A misfortune strikes a host in the middle of this.
    pub(crate) fn befallen(&mut self, misfortune: Misfortune, side: Side, phase: Phase) {
        let groups = &universe().groups;
        let group = if misfortune.is_of_network() { groups.on_network } else { groups.misfortunes };
        self.hit(group, misfortune.place(side, phase));
    }

    /// A step did this to the network.
    pub(crate) fn network(&mut self, act: NetworkAct) {
        self.network.act(act);
    }

    /// Adds what world, core and network counted, and tells the hits: of every point, and of what cannot be
    /// reached.
    pub(crate) fn finish(
        mut self,
        world: &World,
        tampered: &[(Node, Port, Tampering)],
    ) -> (Vec<u32>, Vec<&'static str>) {
        let Universe { names, places, combinations, groups } = universe();
        jobs::count_faults(world.coverage(), &mut self.hits[groups.faults..]);
        sites::count(world.coverage(), &mut self.hits[groups.sites..]);
        misfortunes::count(world.coverage(), &mut self.hits[groups.misfortunes..]);
        self.network.tampered(tampered);
        let network = groups.network..groups.on_network;
        self.network.count(&combinations[network.clone()], &mut self.hits[network]);
        let of_core = world.probe_hits();
        let probes = &mut self.hits[groups.probes..groups.misfortunes];
        let (core, of_world) = probes.split_at_mut(of_core.len());
        core.copy_from_slice(&of_core);
        of_world.copy_from_slice(world.coverage().probes());
        let (mut points, mut impossible) = (vec![0; names.len()], Vec::new());
        for (combination, hits) in self.hits.into_iter().enumerate().filter(|(_, hits)| *hits > 0) {
            match places[combination] {
                Some(place) => points[place] = hits,
                None => impossible.push(combinations[combination].as_str()),
            }
        }
        (points, impossible)
    }
}

/// What a host died of, for reports.
pub(crate) fn abort_reason(event: &Event) -> Option<Abort> {
    match event {
        Event::Aborted(reason) => Some(*reason),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_combinations_are_points_or_have_a_reason() {
        let mut sorted = universe().combinations.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), universe().combinations.len());
        assert_eq!(names().len() + impossible().count(), sorted.len());
        assert!(probes().len() >= 80, "at least 80 situations, not {}", probes().len());
    }

    #[test]
    fn every_reason_is_that_of_something() {
        for (pattern, _) in unreachable::REASONS {
            let some = universe().combinations.iter().any(|name| unreachable::fits(pattern, name));
            assert!(some, "nothing is called {pattern}");
        }
    }
}
