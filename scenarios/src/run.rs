//! One plan in, one outcome out. Everything else calls this.
//!
//! The runner is the hands of a plan: it does one step after the other, waits
//! where the step says so, and shows everything that happens to the oracle. It
//! decides nothing and judges nothing.

use std::borrow::Cow;
use std::collections::BTreeMap;

use colo_core::{
    Admin, DiskId, Event, Extent, JobKind, Payload, Recovery, Stage, Time, UserId, UserOp,
    UserRequest, Verb, VerbError, VerbId,
};
use colo_reports::Counts;
use colo_sim::stream::Seed;
use colo_sim::world::{Entry, Side, Stamp, Trace, What, World};

use crate::oracle::{Oracle, PROGRESS_BOUND_NS, Violation};
use crate::plan::{Plan, Step, rates};
use crate::points::{Reached, abort_reason};

mod flat;
mod fork;

pub use flat::{Flat, flatten};
pub use fork::Crashed;

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
}

impl Outcome {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty() && self.aborts.is_empty()
    }
}

/// Runs a plan.
pub fn run(plan: &Plan) -> Outcome {
    Run::new(plan, false).finish().0
}

/// Runs a plan and keeps everything that happened.
pub fn run_traced(plan: &Plan) -> (Outcome, Trace) {
    let (outcome, world) = Run::new(plan, true).finish();
    (outcome, world.trace().clone())
}

/// A run that can be taken step by step, and cloned between steps.
#[derive(Debug, Clone)]
pub struct Run<'a> {
    plan: &'a Plan,
    next_step: usize,
    world: World,
    oracle: Oracle,
    reached: Reached,
    counts: Counts,
    refusals: BTreeMap<Cow<'static, str>, u64>,
    aborts: Vec<(Side, Time, colo_core::Abort)>,
    guest_requests: u64,
    /// Running number of each guest's writes.
    writes: [u32; 2],
    /// Guest requests without an answer.
    waiting: Vec<(Side, UserRequest)>,
    verbs: Vec<(Side, VerbId)>,
    last_answer: Option<(VerbId, Result<(), VerbError>)>,
    recovering: bool,
    /// What has happened by itself.
    events: u64,
    entries: Vec<Entry>,
    touched: Vec<Extent>,
    /// What was done and what happened, one thing at a time, if somebody wants to know.
    flat: Option<Flat>,
}

impl<'a> Run<'a> {
    /// A world for this plan, with both hosts on.
    pub fn new(plan: &'a Plan, keep_trace: bool) -> Self {
        let mut world = World::new(plan.world_options(keep_trace), Seed(plan.seed));
        let phased = |step: &Step| matches!(step, Step::Fault(spec) if spec.during.is_some());
        if plan.steps.iter().any(phased) {
            world.label_disks();
        }
        let oracle = Oracle::new(&world);
        let mut run = Self {
            plan,
            next_step: 0,
            world,
            oracle,
            reached: Reached::default(),
            counts: Counts::default(),
            refusals: BTreeMap::new(),
            aborts: Vec::new(),
            guest_requests: 0,
            writes: [0; 2],
            waiting: Vec::new(),
            verbs: Vec::new(),
            last_answer: None,
            recovering: false,
            events: 0,
            entries: Vec::new(),
            touched: Vec::new(),
            flat: None,
        };
        for side in Side::BOTH {
            run.world.start_process(side, false);
            run.observe();
        }
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
        self.carry_out(step);
        self.observe();
        true
    }

    /// Carries out what is left, ends all faults, lets everything under way end, and judges.
    pub fn finish(mut self) -> (Outcome, World) {
        while self.step() {}
        self.end();
        let asked = self.counts.failovers_asked > 0;
        self.counts.plans_asking_failover = u64::from(asked);
        self.counts.plans_done = u64::from(asked && self.counts.failovers_done > 0);
        self.counts.plans_crashing_commit = u64::from(asked && self.counts.commits_crashed > 0);
        self.counts.faults_fired = DiskId::ALL.iter().map(|&d| self.world.disk(d).fired()).sum();
        let outcome = Outcome {
            digest: self.world.trace().digest(),
            guest_requests: self.guest_requests,
            simulated: self.world.now(),
            violations: self.oracle.violations().to_vec(),
            aborts: self.aborts,
            counts: self.counts,
            refusals: self.refusals,
            points: self.reached.finish(&self.world.probe_hits()),
        };
        (outcome, self.world)
    }

    /// Ends all faults, lets everything under way end, and has it judged.
    fn end(&mut self) {
        for disk in DiskId::ALL {
            self.world.disk_mut(disk).clear();
            self.world.disk_mut(disk).inner_mut().release();
        }
        self.world.set_held(false);
        self.observe();
        self.settle();
        self.oracle.end(&self.world);
    }

    fn carry_out(&mut self, step: &Step) {
        self.note_step(step);
        match step {
            Step::Read { side, at, len, wait } => {
                self.guest(*side, UserOp::Read(Extent::new(*at, *len)), *wait);
            }
            Step::Write { side, at, len, wait } => self.write(*side, *at, *len, *wait),
            Step::Flush { side, wait } => self.guest(*side, UserOp::Flush, *wait),
            Step::Call { side, verb, wait } => {
                self.call(*side, *verb, *wait);
            }
            Step::Admin { side, command, wait } => self.administer(*side, *command, *wait),
            Step::EmptyFails { disk, how, errno } => {
                self.world.fail_emptying(*disk, *how, *errno);
            }
            Step::Eject(disk) => self.world.eject(*disk),
            Step::CutFrom { side, cut } => self.world.set_cut_from(*side, *cut),
            Step::Checkpoint => self.checkpoint(),
            Step::Failover => self.failover(),
            Step::Cancel(kind) => self.cancel(*kind),
            Step::Fault(spec) => {
                self.world.disk_mut(spec.disk).add_rule(spec.rule());
            }
            Step::Rates { disk, read, write, flush } => {
                self.world.disk_mut(*disk).set_rates(rates(*read, *write, *flush));
            }
            Step::FaultsEnd => {
                for disk in DiskId::ALL {
                    self.world.disk_mut(disk).clear();
                }
            }
            Step::Stall { disk, ns } => {
                let until = self.world.now().after(*ns);
                self.world.disk_mut(*disk).inner_mut().stall(until);
            }
            Step::PowerLoss(side) => self.crash(*side, true),
            Step::PowerLossWith { side, keep } => self.power_loss_with(*side, keep),
            Step::Kill(side) => self.crash(*side, false),
            Step::Restart(side) => self.world.start_process(*side, false),
            Step::Recover { wait } => self.recover(*wait),
            Step::Cut(cut) => self.world.set_cut(*cut),
            Step::Hold(held) => self.world.set_held(*held),
            Step::Pass(ns) => self.pass(*ns),
            Step::Events(count) => self.let_happen(*count),
            Step::Settle => self.settle(),
        }
    }
}

/// The steps.
impl Run<'_> {
    fn guest(&mut self, side: Side, op: UserOp, wait: bool) {
        let Some(request) = self.world.guest(side, op) else { return };
        self.guest_requests += 1;
        self.waiting.push((side, request));
        self.observe();
        if wait {
            self.advance_while(|run| run.waiting.contains(&(side, request)));
        }
    }

    fn write(&mut self, side: Side, at: u64, len: u32, wait: bool) {
        let geometry = self.plan.setup.geometry;
        let fits = len > 0 && geometry.whole().covers(Extent::new(at, len));
        if self.world.host(side).is_none() || !fits {
            return;
        }
        self.writes[side as usize] += 1;
        let mut bytes = vec![0; geometry.bytes(len)];
        let (writer, number) = (1 + side as u8, self.writes[side as usize]);
        Stamp::fill(&mut bytes, geometry.sector_size as usize, writer, number, at);
        self.guest(side, UserOp::Write { at, payload: Payload::from(bytes) }, wait);
    }

    fn call(&mut self, side: Side, verb: Verb, wait: bool) -> Option<VerbId> {
        if (side, verb) == (Side::Secondary, Verb::Stop { failover: true })
            && self.world.stage(side) == Some(Stage::Running)
        {
            self.counts.failovers_asked += 1;
        }
        self.note_call(side, verb);
        let id = self.world.call(side, verb)?;
        self.verbs.push((side, id));
        self.observe();
        if wait {
            self.advance_while(|run| run.verbs.contains(&(side, id)));
        }
        Some(id)
    }

    fn administer(&mut self, side: Side, command: Admin, wait: bool) {
        let Some(id) = self.world.administer(side, command) else { return };
        self.verbs.push((side, id));
        self.observe();
        if wait {
            self.advance_while(|run| run.verbs.contains(&(side, id)));
        }
    }

    /// Calls a verb and waits; whether it said ok.
    fn call_ok(&mut self, side: Side, verb: Verb) -> bool {
        let id = self.call(side, verb, true);
        id.is_some_and(|id| self.last_answer == Some((id, Ok(()))))
    }

    /// COLO's checkpoint (spec 2.9). Guests are paused: no step of theirs comes in between.
    fn checkpoint(&mut self) {
        let drained = |run: &Self| {
            let secondary = run.world.host(Side::Secondary);
            run.waiting.is_empty() && secondary.is_none_or(|host| host.quiet(UserId::Export))
        };
        self.advance_while(|run| !drained(run));
        if !drained(self) {
            return;
        }
        let errors = Side::BOTH.map(|side| self.call_ok(side, Verb::GetError));
        if errors == [true, true] && self.call_ok(Side::Primary, Verb::Checkpoint) {
            self.call_ok(Side::Secondary, Verb::Checkpoint);
        }
    }

    /// COLO's failover: the primary is given up, nothing of it arrives any more, and the secondary takes over.
    fn failover(&mut self) {
        self.note_done(Step::Cut(true));
        self.world.set_cut(true);
        self.observe();
        self.advance_while(|run| {
            run.world.host(Side::Secondary).is_some_and(|host| !host.quiet(UserId::Export))
        });
        self.call(Side::Secondary, Verb::Stop { failover: true }, true);
    }

    fn cancel(&mut self, kind: JobKind) {
        self.world.cancel(kind);
        self.counts.backups_cancelled += u64::from(kind == JobKind::Backup);
    }

    fn crash(&mut self, side: Side, power_loss: bool) {
        self.note_crash(side, power_loss);
        if power_loss {
            self.world.power_loss(side);
        } else {
            self.world.kill(side);
        }
        self.gone(side);
    }

    fn note_crash(&mut self, side: Side, power_loss: bool) {
        if let Some(host) = self.world.host(side) {
            self.reached.crashed(side, power_loss, host.phase());
            let committing = side == Side::Secondary && self.oracle.commit_runs();
            self.counts.commits_crashed += u64::from(committing);
        }
        self.counts.power_losses += u64::from(power_loss);
        self.counts.process_deaths += u64::from(!power_loss);
    }

    fn gone(&mut self, side: Side) {
        self.waiting.retain(|(whose, _)| *whose != side);
        self.verbs.retain(|(whose, _)| *whose != side);
        self.recovering &= side != Side::Secondary;
    }

    fn recover(&mut self, wait: bool) {
        if self.world.host(Side::Secondary).is_some() {
            return;
        }
        self.recovering = true;
        self.world.start_process(Side::Secondary, true);
        self.observe();
        if wait {
            self.advance_while(|run| run.recovering);
        }
    }

    fn pass(&mut self, ns: u64) {
        let until = self.world.now().after(ns);
        while self.goes_on(until) {
            self.advance();
        }
        if self.world.next_due().is_none_or(|due| due > until) {
            self.note_passing(until);
            self.world.pass(until);
        }
    }

    fn settle(&mut self) {
        let until = self.world.now().after(PROGRESS_BOUND_NS);
        while self.goes_on(until) {
            self.advance();
        }
    }
}

/// Letting the world go on, and looking.
impl Run<'_> {
    fn advance(&mut self) {
        self.note_event();
        self.world.step();
        self.events += 1;
        self.observe();
    }

    /// Whether something happens by itself up to `until`. A plan in which too much does, without
    /// time going on, is left where it is: `progress` tells.
    fn goes_on(&self, until: Time) -> bool {
        let events_max = 1_000_000 + 10_000 * self.plan.steps.len() as u64;
        self.events < events_max && self.world.next_due().is_some_and(|due| due <= until)
    }

    /// Goes on while something is not done, as long as anything happens.
    fn advance_while(&mut self, undone: impl Fn(&Self) -> bool) {
        let until = self.world.now().after(PROGRESS_BOUND_NS);
        while undone(self) && self.goes_on(until) {
            self.advance();
        }
    }

    fn observe(&mut self) {
        let mut entries = std::mem::take(&mut self.entries);
        let mut touched = std::mem::take(&mut self.touched);
        self.world.take_entries(&mut entries);
        self.world.take_touched(&mut touched);
        self.oracle.observe(&entries, &touched, &self.world);
        for entry in &entries {
            self.reached.observe(entry);
            if let (What::Event(event), Some(side)) = (&entry.what, entry.side) {
                self.note(side, entry.at, event);
            }
        }
        entries.clear();
        touched.clear();
        (self.entries, self.touched) = (entries, touched);
    }

    fn note(&mut self, side: Side, at: Time, event: &Event) {
        match event {
            Event::Answered { user: UserId::Guest, request, .. } => {
                self.waiting.retain(|waiting| *waiting != (side, *request));
            }
            Event::VerbAnswered { id, verb, result } => {
                self.verbs.retain(|open| *open != (side, *id));
                self.last_answer = Some((*id, *result));
                let running = self.world.stage(side) == Some(Stage::Running);
                let checkpoint = (side, *verb) == (Side::Secondary, Verb::Checkpoint);
                if let Err(error) = result {
                    *self.refusals.entry(Cow::Owned(error.to_string())).or_default() += 1;
                } else if checkpoint && running {
                    self.counts.checkpoints += 1;
                }
            }
            Event::Stage { from: Stage::Failover, to: Stage::Done, .. } => {
                self.counts.failovers_done += 1;
            }
            Event::Recovered(recovery) => {
                self.counts.recoveries += u64::from(recovery.serves());
                self.counts.recoveries_refused += u64::from(*recovery == Recovery::Refused);
                self.recovering = false;
                if !recovery.serves() {
                    self.gone(side);
                }
            }
            Event::AdminAnswered { id, result, .. } => {
                self.verbs.retain(|open| *open != (side, *id));
                if let Err(error) = result {
                    *self.refusals.entry(Cow::Owned(error.to_string())).or_default() += 1;
                }
            }
            Event::Opened(Err(_)) | Event::Exited => self.gone(side),
            Event::OpenRefused(error) => {
                *self.refusals.entry(Cow::Owned(error.to_string())).or_default() += 1;
                self.gone(side);
            }
            _ => {}
        }
        if let Some(reason) = abort_reason(event) {
            self.aborts.push((side, at, reason));
            self.gone(side);
        }
    }
}
