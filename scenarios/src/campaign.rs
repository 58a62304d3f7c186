//! Many plans, on several threads, as one ordered list of records.
//!
//! Work is handed out in small batches; results are put back in order before
//! anybody sees them, so the output does not depend on the number of threads. A
//! worker waits when it is too far ahead, so memory does not depend on the number
//! of plans. A panic in a plan is caught, kept with its plan, and ends nothing.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use colo_core::Quirks;
use colo_reports::{Abort, Record, Violation};
use colo_sim::world::Entry;

use crate::explain::explain_seen;
use crate::generate::generate;
use crate::guided::{Guided, Setting};
use crate::panics::{Panic, caught};
use crate::plan::Plan;
use crate::profile::Behaviour;
use crate::run::{Outcome, run, run_traced};
use crate::shrink::failure::seen_in;
use crate::twice::{Difference, compare};

/// Which plans a campaign runs, in order.
#[derive(Debug, Clone)]
pub struct Plans {
    /// Ready-made ones, first.
    pub scenarios: Vec<Plan>,
    /// Then the plans of these seeds.
    pub seeds: std::ops::Range<u64>,
    /// With which behaviour of the core.
    pub behaviour: Behaviour,
    /// Which of how many equal shares: (0, 1) is all.
    pub share: (u64, u64),
}

impl Plans {
    /// How many there are.
    pub fn len(&self) -> u64 {
        let all = self.scenarios.len() as u64 + (self.seeds.end - self.seeds.start);
        let (first, every) = self.share;
        all.saturating_sub(first).div_ceil(every)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The one of this seed, or else the scenario of this name.
    pub fn named(&self, seed: Option<u64>, name: &str) -> Option<Plan> {
        match seed {
            Some(seed) => Some(generate(seed, &self.behaviour)),
            None => self.scenarios.iter().find(|plan| plan.name == name).cloned(),
        }
    }

    /// The `index`-th, with its seed if it comes from one.
    pub fn get(&self, index: u64) -> (Option<u64>, Plan) {
        let index = self.share.0 + index * self.share.1;
        match self.scenarios.get(usize::try_from(index).unwrap_or(usize::MAX)) {
            Some(plan) => (None, plan.clone()),
            None => {
                let seed = self.seeds.start + (index - self.scenarios.len() as u64);
                (Some(seed), generate(seed, &self.behaviour))
            }
        }
    }
}

/// How a campaign is run.
pub struct Options<'a> {
    /// Threads.
    pub jobs: usize,
    /// Asked before each batch, or before each plan: whether to go on.
    pub go_on: &'a (dyn Fn() -> bool + Sync),
    /// Run each plan twice and compare the digests.
    pub twice: bool,
    /// Ask before each plan, not only before each batch: for whoever has to end on time.
    pub each: bool,
}

/// One plan's result.
#[derive(Debug)]
pub struct Ran {
    /// The record.
    pub record: Record,
    /// The plan, if anything is wrong with it.
    pub plan: Option<Plan>,
    /// The program itself failed.
    pub panicked: bool,
    /// Two runs of the plan differed.
    pub differs: bool,
    /// Where, if their entries did.
    pub difference: Option<Difference>,
    /// The plan was made from others: it has no seed and no name by which it could be made again.
    pub made: bool,
}

const BATCH: u64 = 32;

/// How many pieces of work a worker may be ahead of the reader, if a batch is not more.
const AHEAD: u64 = 64 * BATCH;

/// Runs the plans and gives each result to `take`, in order.
pub fn campaign(plans: &Plans, options: &Options<'_>, take: impl FnMut(&mut Ran)) {
    campaign_of(plans, options, &traced, take);
}

/// The same, but in place of the plans of the seeds as many that are guided by what those before them reached.
/// That of a number, counted from the first seed on, is the same for any number of threads.
pub fn campaign_guided(
    plans: &Plans,
    setting: Setting,
    options: &Options<'_>,
    mut take: impl FnMut(&mut Ran),
) {
    assert_eq!(plans.share, (0, 1), "what comes next depends on all that came before");
    let Plans { seeds, behaviour, .. } = plans;
    campaign(&Plans { seeds: 0..0, ..plans.clone() }, options, &mut take);
    let mut guided = Guided::new(setting, behaviour.clone(), seeds.start);
    let (count, mut ran) = (seeds.end - seeds.start, 0);
    while ran < count {
        let begin = ran;
        let end = guided.begin_generation(begin).end.min(count);
        let run_twice: RunTwice<'_> = &traced;
        let one = |offset| {
            let (seed, plan) = guided.plan(begin + offset);
            run_plan(behaviour, options, run_twice, seed, plan)
        };
        let mut points = Vec::new();
        let batch = if options.each { 1 } else { BATCH / 4 };
        let work = Work { count: end - begin, batch, jobs: options.jobs, go_on: options.go_on };
        in_order(&work, one, |one| {
            one.made = one.record.seed.is_none();
            points.push(one.record.points.clone());
            take(one);
        });
        for points in &points {
            guided.learn(ran, points);
            ran += 1;
        }
        if ran < end {
            return;
        }
    }
}

fn traced(plan: &Plan) -> (Outcome, Vec<Entry>) {
    let (outcome, trace) = run_traced(plan);
    (outcome, trace.entries().to_vec())
}

/// How a campaign that runs plans twice runs one: with its entries.
pub type RunTwice<'a> = &'a (dyn Fn(&Plan) -> (Outcome, Vec<Entry>) + Sync);

/// The same, where plans that are run twice are run in this way: so a test can plant what must not be.
pub fn campaign_of(
    plans: &Plans,
    options: &Options<'_>,
    run_twice: RunTwice<'_>,
    take: impl FnMut(&mut Ran),
) {
    let (count, jobs) = (plans.len(), options.jobs);
    let work = |index| {
        let (seed, plan) = plans.get(index);
        run_plan(&plans.behaviour, options, run_twice, seed, plan)
    };
    let batch = if options.each { 1 } else { BATCH };
    in_order(&Work { count, batch, jobs, go_on: options.go_on }, work, take);
}

/// How much there is to do, and by how many.
pub struct Work<'a> {
    /// Pieces of work.
    pub count: u64,
    /// How many of them are handed out together.
    pub batch: u64,
    /// Threads.
    pub jobs: usize,
    /// Asked before each batch: whether to go on.
    pub go_on: &'a (dyn Fn() -> bool + Sync),
}

/// Does pieces of work on several threads and gives each result to `take`, in order.
pub fn in_order<T: Send>(
    work: &Work<'_>,
    piece: impl Fn(u64) -> T + Sync,
    mut take: impl FnMut(&mut T),
) {
    let batches = work.count.div_ceil(work.batch);
    let office = Office { work, piece, batches, desk: Mutex::default(), moved: Condvar::new() };
    std::thread::scope(|scope| {
        for _ in 0..work.jobs.max(1) {
            scope.spawn(|| office.work());
        }
        while let Some(mut batch) = office.read() {
            batch.iter_mut().for_each(&mut take);
            office.desk().spent.push(batch);
        }
    });
}

/// Where workers and reader meet.
struct Desk<T> {
    /// The next batch to hand out.
    next: u64,
    /// The next batch to read.
    read: u64,
    /// Nobody takes another batch.
    closed: bool,
    done: BTreeMap<u64, Vec<T>>,
    /// Batches that were read: a worker frees what a worker allocated, out of the reader's way.
    spent: Vec<Vec<T>>,
}

impl<T> Default for Desk<T> {
    fn default() -> Self {
        Self { next: 0, read: 0, closed: false, done: BTreeMap::new(), spent: Vec::new() }
    }
}

struct Office<'a, T, F> {
    work: &'a Work<'a>,
    piece: F,
    batches: u64,
    desk: Mutex<Desk<T>>,
    moved: Condvar,
}

impl<T, F: Fn(u64) -> T> Office<'_, T, F> {
    /// The desk. A worker that panics outside a plan poisons it; what lies there is still good.
    fn desk(&self) -> MutexGuard<'_, Desk<T>> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, desk: MutexGuard<'a, Desk<T>>) -> MutexGuard<'a, Desk<T>> {
        self.moved.wait(desk).unwrap_or_else(PoisonError::into_inner)
    }

    /// The next batch in order; `None` when there will be no more.
    fn read(&self) -> Option<Vec<T>> {
        let mut desk = self.desk();
        loop {
            let next = desk.read;
            if let Some(batch) = desk.done.remove(&next) {
                desk.read += 1;
                self.moved.notify_all();
                return Some(batch);
            }
            if desk.closed && desk.read == desk.next {
                return None;
            }
            desk = self.wait(desk);
        }
    }

    /// The number of a batch that nobody has taken yet.
    fn take(&self) -> Option<u64> {
        let ahead = (AHEAD / self.work.batch).max(1);
        let mut desk = self.desk();
        while !desk.closed && desk.next >= desk.read + ahead {
            desk = self.wait(desk);
        }
        // Asked last: the wait may have been long.
        let go_on = (self.work.go_on)();
        if desk.closed || !go_on || desk.next == self.batches {
            desk.closed = true;
            self.moved.notify_all();
            return None;
        }
        desk.next += 1;
        let (batch, spent) = (desk.next - 1, std::mem::take(&mut desk.spent));
        drop(desk);
        drop(spent);
        Some(batch)
    }

    fn work(&self) {
        while let Some(batch) = self.take() {
            let Work { count, batch: size, .. } = *self.work;
            let indices = batch * size..((batch + 1) * size).min(count);
            let results = indices.map(&self.piece).collect();
            self.desk().done.insert(batch, results);
            self.moved.notify_all();
        }
    }
}

/// Both traces are kept while they are compared: what differs once need not differ again.
fn run_both(plan: &Plan, run_twice: RunTwice<'_>) -> (Outcome, bool, Option<Difference>) {
    let (outcome, entries) = run_twice(plan);
    let (again, entries_again) = run_twice(plan);
    let difference = compare(plan, &entries, &entries_again);
    let differs = difference.is_some() || outcome.digest != again.digest;
    (outcome, differs, difference)
}

fn run_plan(
    behaviour: &Behaviour,
    options: &Options<'_>,
    run_twice: RunTwice<'_>,
    seed: Option<u64>,
    plan: Plan,
) -> Ran {
    let once = || (run(&plan), false, None);
    let result = caught(|| if options.twice { run_both(&plan, run_twice) } else { once() });
    let (made, panicked) = (false, result.is_err());
    match result {
        Ok((outcome, differs, difference)) => {
            let clean = outcome.is_clean() && !differs;
            // Where time ends the campaign, it ends an explanation, too: that takes many runs.
            let go_on = || !options.each || (options.go_on)();
            let explained = (!outcome.is_clean() && behaviour.has_defects())
                .then(|| explained(&plan, &outcome, &go_on));
            let explained = explained.flatten();
            let record = Record { explained, ..record(seed, &plan, outcome, behaviour) };
            let plan = (!clean).then_some(plan);
            Ran { record, plan, panicked, differs, difference, made }
        }
        Err(panic) => {
            let record = panic_record(seed, &plan, &panic, behaviour);
            Ran { record, plan: Some(plan), panicked, differs: false, difference: None, made }
        }
    }
}

/// By which quirks everything that goes wrong with a plan is explained, unless it is ended before that is known.
fn explained(
    plan: &Plan,
    outcome: &Outcome,
    go_on: &dyn Fn() -> bool,
) -> Option<colo_reports::Explained> {
    let all = explain_seen(plan, seen_in(outcome), go_on)?;
    let unexplained = all.iter().filter(|one| one.cause == Quirks::NONE).count() as u32;
    let causes: Quirks = all.iter().flat_map(|one| one.cause.iter()).collect();
    let defects = causes.iter().map(|quirk| quirk.name().to_owned()).collect();
    Some(colo_reports::Explained { defects, unexplained })
}

/// The command that shows a plan's run again.
pub fn replay_command(seed: Option<u64>, plan: &Plan, behaviour: &Behaviour) -> String {
    let arguments = behaviour.arguments();
    match seed {
        Some(seed) => format!("cargo run --release -- replay {seed}{arguments}"),
        None => format!("cargo run --release -- replay {}{arguments}", plan.name),
    }
}

/// The same refusal of another node, user or job is the same reason.
fn by_reason(refusals: BTreeMap<Cow<'static, str>, u64>) -> BTreeMap<Cow<'static, str>, u64> {
    let mut reasons = BTreeMap::new();
    for (text, count) in refusals {
        let reason = if text.contains('\'') { Cow::Owned(reason(&text)) } else { text };
        *reasons.entry(reason).or_default() += count;
    }
    reasons
}

/// The text without the names that an operator chose; what blocks and what is unshared stays.
fn reason(text: &str) -> String {
    let meaning = ["consistent read", "write", "commit job", "cbw", "top", "replication"];
    let parts = text.split('\'').enumerate();
    let shown = parts.map(|(index, part)| match index % 2 {
        1 if !meaning.contains(&part) => "…",
        _ => part,
    });
    let shown: Vec<&str> = shown.collect();
    // An apostrophe is no quotation mark.
    if shown.len().is_multiple_of(2) { text.to_owned() } else { shown.join("'") }
}

/// What a run leaves for the reports.
pub fn record(seed: Option<u64>, plan: &Plan, outcome: Outcome, behaviour: &Behaviour) -> Record {
    let replay = || replay_command(seed, plan, behaviour);
    let violation = |violation: crate::oracle::Violation| Violation {
        invariant: violation.invariant.to_owned(),
        step: violation.step,
        at_ns: violation.at.0,
        host: violation.side.name().to_owned(),
        sector: violation.sector,
        message: violation.message,
        replay: replay(),
        ..Violation::default()
    };
    let aborts = outcome.aborts.iter().map(|(side, at, reason)| Abort {
        host: side.name().to_owned(),
        at_ns: at.0,
        reason: reason.to_string(),
        replay: replay(),
    });
    // A campaign without a network names none of its points, which are the last.
    let up_to_last_hit = |mut points: Vec<u32>| {
        points.truncate(points.iter().rposition(|hits| *hits > 0).map_or(0, |last| last + 1));
        points
    };
    Record {
        seed,
        plan: plan.name.clone(),
        digest: outcome.digest,
        steps: plan.steps.len() as u32,
        guest_requests: outcome.guest_requests,
        simulated_ns: outcome.simulated.0,
        counts: outcome.counts,
        refusals: by_reason(outcome.refusals),
        points: up_to_last_hit(outcome.points),
        aborts: aborts.collect(),
        violations: outcome.violations.into_iter().map(violation).collect(),
        explained: None,
    }
}

/// A bug of ours: told like a violation, so that no report loses it.
fn panic_record(seed: Option<u64>, plan: &Plan, panic: &Panic, behaviour: &Behaviour) -> Record {
    let Panic { place, said } = panic;
    let violation = Violation {
        invariant: "no-abort".to_owned(),
        message: format!(
            "the program panicked at {place}: {said}; this is a bug in colosim or in the core"
        ),
        replay: replay_command(seed, plan, behaviour),
        ..Violation::default()
    };
    Record {
        seed,
        plan: plan.name.clone(),
        steps: plan.steps.len() as u32,
        violations: vec![violation],
        ..Record::default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::{BATCH, Options, Plans, campaign, reason};
    use crate::profile::Behaviour;

    /// The seeds that run when the time is over after so many questions.
    fn in_time(jobs: usize, each: bool, questions: u64) -> Vec<Option<u64>> {
        let (asked, mut ran) = (AtomicU64::new(0), Vec::new());
        let go_on = || asked.fetch_add(1, Ordering::Relaxed) < questions;
        let behaviour = Behaviour::default();
        let plans = Plans { scenarios: Vec::new(), seeds: 0..10_000, behaviour, share: (0, 1) };
        let options = Options { jobs, go_on: &go_on, twice: false, each };
        campaign(&plans, &options, |one| ran.push(one.record.seed));
        ran
    }

    #[test]
    fn a_campaign_that_has_to_end_on_time_begins_no_plan_after_it() {
        let first = |count: u64| (0..count).map(Some).collect::<Vec<_>>();
        for jobs in [1, 2, 3] {
            // Nothing of what was begun is lost, and no plan of a batch is left to be run.
            assert_eq!(in_time(jobs, true, 7), first(7), "{jobs} jobs");
            assert_eq!(in_time(jobs, true, 0), first(0), "{jobs} jobs");
            assert_eq!(in_time(jobs, false, 2), first(2 * BATCH), "{jobs} jobs");
        }
    }

    #[test]
    fn a_reason_names_nobody() {
        let cases = [
            ("Block replication is not running", "Block replication is not running"),
            ("Active disk doesn't have backing file", "Active disk doesn't have backing file"),
            (
                "Node 'colo-disk0' is busy: block device is in use by block job: backup",
                "Node '…' is busy: block device is in use by block job: backup",
            ),
            (
                "Permission conflict on node 'hidden': permissions 'consistent read' are both required by 'exp1' and unshared by 'commit job'",
                "Permission conflict on node '…': permissions 'consistent read' are both required by '…' and unshared by 'commit job'",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(reason(text), expected);
        }
    }
}
