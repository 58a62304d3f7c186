//! One plan in, one outcome out. Everything else calls this.
//!
//! The runner is the hands of a plan: it does one step after the other, waits
//! where the step says so, and shows everything that happens to the oracle. It
//! decides nothing and judges nothing.

mod flat;
mod fork;
mod lane;
mod steps;

pub use flat::{Flat, flatten};
pub use fork::Crashed;
pub use lane::{Lane, NetworkAct, Single};

use std::borrow::Cow;
use std::collections::BTreeMap;

use colo_core::{
    Event, Extent, Recovery, Stage, Time, UserId, UserRequest, Verb, VerbError, VerbId, VolumeId,
};
use colo_reports::{Counts, Timeline};
use colo_sim::pair::{Pair, TICK_NS};
use colo_sim::stream::Seed;
use colo_sim::world::{Entry, Side, Trace, VOLUMES_MAX, What, World};

use crate::film::Film;
use crate::oracle::{Oracle, PROGRESS_BOUND_NS, Violation};
use crate::plan::{Plan, Step};
use crate::points::{Reached, abort_reason};

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Digest of the trace.
    pub digest: u64,
    /// Requests that guests sent.
    pub guest_requests: u64,
    /// Simulated time at the end.
    pub simulated: Time,
    /// What must not have been, at most one of each invariant.
    pub violations: Vec<Violation>,
    /// Processes that died of themselves: where, when, why.
    pub aborts: Vec<(Side, Time, colo_core::Abort)>,
    /// What happened, counted.
    pub counts: Counts,
    /// Answers of verbs that were errors, by text.
    pub refusals: BTreeMap<Cow<'static, str>, u64>,
    /// Coverage points reached, by index.
    pub points: Vec<u32>,
    /// What was reached although it is said that the hardened core cannot.
    pub impossible: Vec<&'static str>,
}

impl Outcome {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty() && self.aborts.is_empty()
    }
}

/// Runs a plan.
pub fn run(plan: &Plan) -> Outcome {
    finished(plan, false).0
}

/// Runs a plan, and gives the world as it was left. In the lane that the plan is for.
pub fn finished(plan: &Plan, keep_trace: bool) -> (Outcome, World) {
    match plan.setup.pair {
        Some(_) => Run::<Pair>::over(plan, keep_trace).finish(),
        None => Run::new(plan, keep_trace).finish(),
    }
}

/// Runs a plan and keeps everything that happened.
pub fn run_traced(plan: &Plan) -> (Outcome, Trace) {
    let (outcome, world) = finished(plan, true);
    (outcome, world.trace().clone())
}

/// Runs a plan and films it up to its first violation, of this invariant if one is named: the last
/// `moments_max` moments. `None` if there is no such violation.
pub fn run_filmed(
    plan: &Plan,
    invariant: Option<&str>,
    moments_max: usize,
) -> (Outcome, Option<Timeline>) {
    match plan.setup.pair {
        Some(_) => filmed(Run::<Pair>::over(plan, false), invariant, moments_max),
        None => filmed(Run::new(plan, false), invariant, moments_max),
    }
}

fn filmed<L: Lane>(
    mut run: Run<'_, L>,
    invariant: Option<&str>,
    moments_max: usize,
) -> (Outcome, Option<Timeline>) {
    let plan = run.plan;
    // Both hosts have been switched on by now, which is nothing to see.
    run.film = Some(Box::new(Film::new(plan, &run.world, invariant, moments_max)));
    run.go_to_end();
    let film = run.film.take().expect("it is being filmed");
    let timeline = film.finish(plan, &run.oracle);
    (run.outcome().0, timeline)
}

/// A run that can be taken step by step, and cloned between steps.
#[derive(Debug, Clone)]
pub struct Run<'a, L = Single> {
    plan: &'a Plan,
    lane: L,
    next_step: usize,
    world: World,
    oracle: Oracle,
    reached: Reached,
    counts: Counts,
    refusals: BTreeMap<Cow<'static, str>, u64>,
    aborts: Vec<(Side, Time, colo_core::Abort)>,
    guest_requests: u64,
    /// Running number of each guest's writes to each volume.
    writes: [[u32; VOLUMES_MAX]; 2],
    /// Guest requests without an answer.
    waiting: Vec<(Side, VolumeId, UserRequest)>,
    /// Verbs and commands without an answer.
    verbs: Vec<(Side, VerbId)>,
    /// The same, called on all filters: the answer of one of them is not the last.
    alls: Vec<(Side, VerbId)>,
    last_answer: Option<(VerbId, Result<(), VerbError>)>,
    /// Which volumes are being recovered.
    recovering: [bool; VOLUMES_MAX],
    /// What has happened by itself.
    events: u64,
    entries: Vec<Entry>,
    touched: Vec<(VolumeId, Extent)>,
    /// What was done and what happened, one thing at a time, if somebody wants to know.
    flat: Option<Flat>,
    /// The run as a picture, up to its first violation, if somebody wants to see it.
    film: Option<Box<Film>>,
}

impl<'a> Run<'a> {
    /// A world for this plan, with both hosts on. Whatever the plan says, there is no network in it.
    pub fn new(plan: &'a Plan, keep_trace: bool) -> Self {
        Self::over(plan, keep_trace)
    }
}

impl<'a, L: Lane> Run<'a, L> {
    /// The same, with this between the hosts.
    fn over(plan: &'a Plan, keep_trace: bool) -> Self {
        let mut world = World::new(plan.world_options(keep_trace), Seed(plan.seed));
        // On a network the order of events is its own.
        if plan.setup.pair.is_none() {
            world.set_schedule(&plan.schedule, Seed(plan.seed).stream("schedule"));
        }
        if plan.steps.iter().any(phased) {
            world.label_disks();
        }
        let oracle = Oracle::new(&world);
        let mut run = Self {
            plan,
            lane: L::new(plan),
            next_step: 0,
            world,
            oracle,
            reached: Reached::default(),
            counts: Counts::default(),
            refusals: BTreeMap::new(),
            aborts: Vec::new(),
            guest_requests: 0,
            writes: [[0; VOLUMES_MAX]; 2],
            waiting: Vec::new(),
            verbs: Vec::new(),
            alls: Vec::new(),
            last_answer: None,
            recovering: [false; VOLUMES_MAX],
            events: 0,
            entries: Vec::new(),
            touched: Vec::new(),
            flat: None,
            film: None,
        };
        for side in Side::BOTH {
            run.world.start_process(side, false);
            run.observe();
        }
        run.meet();
        run
    }

    /// The world as it is.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Carries out the next step. False if there is none.
    pub fn step(&mut self) -> bool {
        let Some(step) = self.plan.steps.get(self.next_step) else { return false };
        self.world.mark_step(self.next_step as u32);
        self.next_step += 1;
        self.carry_out(VolumeId::FIRST, step);
        self.observe();
        true
    }

    /// Carries out a step that is not in the plan, for somebody who looks on from outside.
    pub(crate) fn also(&mut self, step: &Step) {
        self.carry_out(VolumeId::FIRST, step);
        self.observe();
    }

    /// Carries out what is left, ends all faults, lets everything under way end, and judges.
    pub fn finish(mut self) -> (Outcome, World) {
        self.go_to_end();
        self.outcome()
    }

    fn go_to_end(&mut self) {
        while self.step() {}
        self.end();
    }

    fn outcome(mut self) -> (Outcome, World) {
        let asked = self.counts.failovers_asked > 0;
        self.counts.plans_asking_failover = u64::from(asked);
        self.counts.plans_done = u64::from(asked && self.counts.failovers_done > 0);
        self.counts.plans_crashing_commit = u64::from(asked && self.counts.commits_crashed > 0);
        self.counts.faults_fired = self.world.disks_mut().map(|disk| disk.fired()).sum();
        let (points, impossible) = self.reached.finish(&self.world, self.lane.tampered());
        let outcome = Outcome {
            digest: self.world.trace().digest(),
            guest_requests: self.guest_requests,
            simulated: self.world.now(),
            violations: self.oracle.violations().to_vec(),
            aborts: self.aborts,
            counts: self.counts,
            refusals: self.refusals,
            points,
            impossible,
        };
        (outcome, self.world)
    }

    /// Ends all faults, lets everything under way end, and has it judged.
    fn end(&mut self) {
        for disk in self.world.disks_mut() {
            disk.clear();
            disk.medium_mut().release();
        }
        self.lane.set_held(&mut self.world, false);
        self.lane.network(&mut self.world, NetworkAct::Heal);
        self.observe();
        self.settle(PROGRESS_BOUND_NS);
        self.oracle.end(&self.world);
    }
}

/// The writer of a guest's stamps; 0 wrote what was there from the beginning.
pub(crate) fn writer(side: Side, volume: VolumeId) -> u8 {
    1 + side as u8 + 2 * volume.0
}

/// Whether a step is a fault that looks at what its host is in the middle of.
fn phased(step: &Step) -> bool {
    matches!(step.bare(), Step::Fault(spec) if spec.during.is_some())
}

/// Letting the world go on, and looking.
impl<L: Lane> Run<'_, L> {
    /// Lets the next thing happen, if something does by itself up to `until`. A plan in which too much
    /// does, without time going on, is left where it is: `progress` tells.
    fn advance(&mut self, until: Time) -> bool {
        let mut events_max = 1_000_000 + 10_000 * self.plan.steps.len() as u64;
        if self.plan.setup.pair.is_some() {
            // A network ticks all the time.
            events_max += self.world.now().0 / TICK_NS;
        }
        if self.events >= events_max || !self.lane.step_until(&mut self.world, until) {
            return false;
        }
        self.note_event();
        self.events += 1;
        self.observe();
        while let Some((side, verb)) = self.lane.next_call() {
            // It may be answered at once.
            if let Some(id) = self.begin_call_all(side, verb) {
                self.lane.called(side, id);
                self.observe();
            }
        }
        true
    }

    /// Goes on while something is not done, as long as anything happens.
    fn advance_while(&mut self, undone: impl Fn(&Self) -> bool) {
        let until = self.world.now().after(self.patience());
        while undone(self) && !self.lane.rests(&self.world) && self.advance(until) {}
    }

    fn observe(&mut self) {
        let mut entries = std::mem::take(&mut self.entries);
        let mut touched = std::mem::take(&mut self.touched);
        self.world.take_entries(&mut entries);
        self.world.take_touched(&mut touched);
        self.oracle.observe(&entries, &touched, &self.world);
        if let Some(film) = &mut self.film {
            film.take(&entries, &self.world, &self.oracle);
        }
        for entry in &entries {
            self.lane.saw(entry, &self.world, &self.writes[Side::Primary as usize]);
            self.reached.observe(entry);
            if let (What::Event(event), Some(side)) = (&entry.what, entry.side) {
                self.note(side, entry.volume, entry.at, event);
            }
        }
        entries.clear();
        touched.clear();
        (self.entries, self.touched) = (entries, touched);
    }

    fn note(&mut self, side: Side, volume: VolumeId, at: Time, event: &Event) {
        match event {
            Event::Answered { user: UserId::Guest, request, .. } => {
                self.waiting.retain(|waiting| *waiting != (side, volume, *request));
            }
            Event::VerbAnswered { id, verb, result } => {
                self.verbs.retain(|open| *open != (side, *id));
                let running = self.world.stage(side, volume) == Some(Stage::Running);
                let checkpoint = (side, *verb) == (Side::Secondary, Verb::Checkpoint);
                if let Err(error) = result {
                    *self.refusals.entry(Cow::Owned(error.to_string())).or_default() += 1;
                } else if checkpoint && running {
                    self.counts.checkpoints += 1;
                }
            }
            Event::AllAnswered { id, result, .. } => {
                self.alls.retain(|open| *open != (side, *id));
                self.last_answer = Some((*id, *result));
                // Any other error is one of its filters', and counted there.
                if let Err(error @ VerbError::Apart) = result {
                    *self.refusals.entry(Cow::Owned(error.to_string())).or_default() += 1;
                }
            }
            Event::Stage { from: Stage::Failover, to: Stage::Done, .. } => {
                self.counts.failovers_done += 1;
            }
            Event::Recovered(recovery) => {
                self.counts.recoveries += u64::from(recovery.serves());
                self.counts.recoveries_refused += u64::from(*recovery == Recovery::Refused);
                self.recovering[usize::from(volume.0)] = false;
                if !recovery.serves() {
                    self.volume_gone(side, volume);
                }
            }
            Event::AdminAnswered { id, result, .. } => {
                self.verbs.retain(|open| *open != (side, *id));
                if let Err(error) = result {
                    *self.refusals.entry(Cow::Owned(error.to_string())).or_default() += 1;
                }
            }
            Event::Opened(Err(_)) => self.volume_gone(side, volume),
            Event::OpenRefused(error) => {
                *self.refusals.entry(Cow::Owned(error.to_string())).or_default() += 1;
                self.volume_gone(side, volume);
            }
            _ => {}
        }
        if let Some(reason) = abort_reason(event) {
            self.aborts.push((side, at, reason));
        }
        // Whatever it ended by.
        if self.world.host(side).is_none() {
            self.gone(side);
        }
    }
}
