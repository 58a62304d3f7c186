//! Exploring and shrinking.

use crate::cli::bench::measure::{ProcessorClock, float};
use crate::cli::bench::table::Target;
use crate::cli::bench::{Row, Sizes};
use crate::explore::Options;
use crate::explore::workloads::{Alphabet, explore_workload};
use crate::finding;
use crate::generate::generate;
use crate::plan::{Plan, Step};
use crate::profile::Behaviour;
use crate::shrink::failure::seen;
use crate::shrink::{RUNS_MAX, shrink as shrink_plan};

/// Steps of a plan that is to be shrunk.
const STEPS: usize = 200;

/// Generated plans that are tried in front of a finding.
const PLANS_TRIED: u64 = 40;

/// Distinct crash states a minute.
pub(super) fn explore(sizes: &Sizes) -> [Row; 1] {
    let alphabet = Alphabet { ops_max: sizes.ops_max, ..Alphabet::default() };
    let plans = alphabet.plans(&Behaviour::default());
    let mut distinct = 0;
    let samples = (0..sizes.repetitions).map(|_| {
        let clock = ProcessorClock::start();
        let options = Options::default();
        distinct = plans.iter().map(|plan| explore_workload(plan, &options).tally.distinct).sum();
        60.0 * float(distinct) / clock.elapsed().as_secs_f64()
    });
    let samples = samples.collect();
    let note = format!("{distinct} states of {} workloads, processor time", plans.len());
    [Row::new("crash-states", "distinct crash states per minute and core", samples)
        .target(Target::AtLeast(1_000_000.0))
        .note(note)]
}

/// What is left of long failures, and how long that takes.
pub(super) fn shrink(sizes: &Sizes) -> [Row; 2] {
    let (mut steps, mut seconds, mut in_front) = (Vec::new(), Vec::new(), 0);
    for finding in finding::all().step_by(sizes.finding_every) {
        let plan = finding.defective();
        let long = padded(&plan);
        in_front += usize::from(long.front > 0);
        let clock = ProcessorClock::start();
        let shrunk = shrink_plan(&long.plan, RUNS_MAX).expect("it fails");
        seconds.push(clock.elapsed().as_secs_f64());
        steps.push(float(shrunk.plan.steps.len() as u64));
    }
    let note = format!(
        "{} findings in plans of {STEPS} steps and more, {in_front} behind steps of other plans",
        steps.len()
    );
    [
        Row::new("shrink-steps", "steps left of a failure of 200 steps", steps)
            .target(Target::AtMost(8.0))
            .note(note.clone()),
        Row::new("shrink-seconds", "seconds to shrink it", seconds)
            .target(Target::AtMost(2.0))
            .note(note + ", processor time"),
    ]
}

struct Padded {
    plan: Plan,
    /// Steps in front of those that matter.
    front: usize,
}

/// Puts steps of generated plans in front of a failing plan, as long as it still fails alike, and
/// what is then missing behind it.
fn padded(failing: &Plan) -> Padded {
    let first = |plan: &Plan| seen(plan).into_iter().next().map(|seen| seen.failure);
    let failure = first(failing);
    let generated = |seed| generate(seed, &Behaviour::default()).steps;
    let (mut plan, mut front) = (failing.clone(), 0);
    for steps in (0..PLANS_TRIED).map(generated) {
        if plan.steps.len() >= STEPS {
            break;
        }
        let count = steps.len();
        let longer = with_steps(&plan, steps.into_iter().chain(plan.steps.iter().cloned()));
        if first(&longer) == failure {
            (plan, front) = (longer, front + count);
        }
    }
    for steps in (PLANS_TRIED..).map(generated) {
        if plan.steps.len() >= STEPS {
            break;
        }
        plan = with_steps(&plan, plan.steps.iter().cloned().chain(steps));
    }
    Padded { plan, front }
}

fn with_steps(plan: &Plan, steps: impl Iterator<Item = Step>) -> Plan {
    Plan { steps: steps.collect(), ..plan.clone() }
}
