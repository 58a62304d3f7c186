//! What shrinking promises, looked at from outside with `run` alone.

use std::sync::LazyLock;

use colo_core::{Abort, Quirk, Quirks};
use colo_scenarios::generate::generate;
use colo_scenarios::plan::Plan;
use colo_scenarios::profile::{Added, Behaviour, Profile};
use colo_scenarios::run::run;
use colo_scenarios::shrink::{RUNS_MAX, Shrunk, shrink};

/// The invariant that breaks first, the reason if it is an abort, and the step.
type Failure = (&'static str, Option<Abort>, Option<u32>);

fn first(plan: &Plan) -> Option<Failure> {
    let outcome = run(plan);
    let violation = outcome.violations.first()?;
    let abort = (violation.invariant == "no-abort").then(|| outcome.aborts[0].2);
    Some((violation.invariant, abort, violation.step))
}

/// The quirks without any one of which nothing of that kind is seen up to that step.
fn cause(plan: &Plan) -> Vec<Quirk> {
    let (invariant, abort, step) = first(plan).expect("it fails");
    let all = plan.effective_quirks();
    let is_cause = |quirk: &Quirk| {
        let quirks = all.without(*quirk).iter().collect();
        let outcome = run(&Plan { profile: Profile::Hardened, quirks, ..plan.clone() });
        !outcome.violations.iter().any(|violation| {
            let other = abort.is_some_and(|abort| !outcome.aborts.iter().any(|a| a.2 == abort));
            violation.invariant == invariant && !other && violation.step <= step
        })
    };
    all.iter().filter(is_cause).collect()
}

fn fails_alike(plan: &Plan, like: &Plan) -> bool {
    let kind = |plan: &Plan| first(plan).map(|(invariant, abort, _)| (invariant, abort));
    kind(plan) == kind(like) && cause(plan) == cause(like)
}

fn behaviours() -> [Behaviour; 4] {
    let named = |quirk| Behaviour { added: Added::Named(vec![quirk]), ..Behaviour::default() };
    [
        Profile::Seed.into(),
        Behaviour { added: Added::Swarm, ..Behaviour::default() },
        named(Quirk::FlushMissesSplitWrites),
        named(Quirk::UnfencedExport),
    ]
}

/// Failing plans, with what they shrink to: eight of each behaviour.
static SHRUNK: LazyLock<Vec<(Plan, Shrunk)>> = LazyLock::new(|| {
    let of = |behaviour: Behaviour| {
        let plans = (0..).map(move |seed| generate(seed, &behaviour));
        plans.filter_map(|plan| shrink(&plan, RUNS_MAX).map(|shrunk| (plan, shrunk))).take(8)
    };
    behaviours().into_iter().flat_map(of).collect()
});

#[test]
fn the_same_invariant_breaks_first_and_for_the_same_cause() {
    for (plan, shrunk) in &*SHRUNK {
        let name = &plan.name;
        let kind = |plan: &Plan| first(plan).map(|(invariant, abort, _)| (invariant, abort));
        assert_eq!(kind(&shrunk.plan), kind(plan), "{name}");
        let (before, after) = (cause(plan), cause(&shrunk.plan));
        assert_eq!(after.iter().copied().collect::<Quirks>(), shrunk.cause, "{name}");
        // Where two quirks did the same neither was a cause, until one was gone.
        assert!(before.iter().all(|quirk| after.contains(quirk)), "{name}: {before:?} {after:?}");
        assert!(!after.is_empty(), "{name}: the hardened core is clean");
        let hardened = Plan { quirks: Vec::new(), ..shrunk.plan.clone() };
        assert!(run(&hardened).is_clean(), "{name}");
    }
    let different: Vec<_> = SHRUNK.iter().map(|(_, shrunk)| shrunk.cause).collect();
    assert!(different.iter().any(|cause| *cause != different[0]), "the seeds show several defects");
}

#[test]
fn without_any_one_of_its_steps_a_shrunk_plan_does_not_fail_alike() {
    assert!(SHRUNK.len() >= 10);
    for (plan, shrunk) in &*SHRUNK {
        assert!(shrunk.finished, "{}", plan.name);
        for index in 0..shrunk.plan.steps.len() {
            let mut shorter = shrunk.plan.clone();
            let step = shorter.steps.remove(index);
            let name = &plan.name;
            assert!(!fails_alike(&shorter, &shrunk.plan), "{name}: {step:?} is not needed");
        }
    }
}

#[test]
fn a_plan_shrinks_to_the_same_plan_and_that_one_to_itself() {
    for (plan, once) in &*SHRUNK {
        assert_eq!(shrink(plan, RUNS_MAX).as_ref(), Some(once), "{}", plan.name);
        let again = shrink(&once.plan, RUNS_MAX).expect("it fails");
        assert_eq!(again.plan, once.plan, "{}", plan.name);
        assert_eq!(
            (again.failure, again.cause),
            (once.failure.clone(), once.cause),
            "{}",
            plan.name
        );
    }
}

#[test]
fn a_shrunk_plan_is_saved_and_read_as_it_is() {
    for (plan, shrunk) in &*SHRUNK {
        let read = Plan::parse(&shrunk.plan.to_json(), &plan.name).expect("it is a plan");
        assert_eq!(read, shrunk.plan);
        assert!(shrunk.plan.steps.len() <= plan.steps.len());
    }
}

#[test]
fn long_plans_become_short() {
    // A failing seed behind clean ones: 200 steps and more, most of which do not matter.
    let behaviour =
        Behaviour { added: Added::Named(vec![Quirk::UnfencedExport]), ..Behaviour::default() };
    let plans: Vec<_> = (0..400).map(|seed| generate(seed, &behaviour)).collect();
    let failing = plans.iter().find(|plan| !run(plan).is_clean()).expect("some seed fails");
    let mut long = failing.clone();
    for plan in plans.iter().filter(|plan| run(plan).is_clean()) {
        let mut steps = plan.steps.clone();
        steps.append(&mut long.steps);
        let longer = Plan { steps, ..long.clone() };
        long = if first(&longer).is_some() {
            longer
        } else {
            Plan { steps: longer.steps[plan.steps.len()..].to_vec(), ..longer }
        };
        if long.steps.len() >= 200 {
            break;
        }
    }
    assert!(long.steps.len() >= 200);
    let shrunk = shrink(&long, RUNS_MAX).expect("it fails");
    assert!(shrunk.plan.steps.len() <= 8, "{}", shrunk.plan.to_json());
}
