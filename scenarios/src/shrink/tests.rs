//! The search, with judges that are simpler than a run: what a plan's failure depends on is
//! known exactly, and so is what must be left.

use std::cell::Cell;

use colo_core::{Abort, DiskId, Quirk};
use colo_sim::faulty::OpKind;
use colo_sim::world::Side;

use crate::panics::Panic;
use crate::plan::{FaultSpec, Plan, Step};
use crate::profile::Profile;
use crate::shrink::failure::{Failure, Seen};
use crate::shrink::simpler::simpler;
use crate::shrink::{Limits, RUNS_MAX, Shrunk, shrink_judged};

fn plan(steps: Vec<Step>) -> Plan {
    Plan { seed: 77, ..Plan::new("any", Profile::Hardened, steps) }
}

/// A hundred steps of which each is told from the others by its number.
fn hundred() -> Vec<Step> {
    (1..=100).map(Step::Pass).collect()
}

fn shrunk(plan: &Plan, mut fails: impl FnMut(&Plan) -> Option<Failure>) -> Option<Shrunk> {
    let mut judge =
        |plan: &Plan| fails(plan).map(|failure| Seen { failure, step: None }).into_iter().collect();
    shrink_judged(plan, &limits(&|| true), &mut judge, &mut |_| ())
}

fn limits(go_on: &dyn Fn() -> bool) -> Limits<'_> {
    Limits { runs_max: RUNS_MAX, go_on }
}

fn has(plan: &Plan, step: &Step) -> bool {
    plan.steps.contains(step)
}

const VIEW: Failure = Failure::Invariant("view");

#[test]
fn a_clean_plan_is_not_shrunk() {
    assert_eq!(shrunk(&plan(hundred()), |_| None), None);
}

#[test]
fn only_the_steps_that_matter_are_left() {
    let wanted = [Step::Pass(13), Step::Pass(14), Step::Pass(90)];
    let result =
        shrunk(&plan(hundred()), |plan| wanted.iter().all(|step| has(plan, step)).then_some(VIEW));
    let result = result.expect("it fails");
    assert_eq!(result.plan.steps, wanted);
    assert_eq!(result.plan.seed, 0, "the seed does not matter");
    assert!(result.finished);
    assert!(result.runs < 600, "{} runs", result.runs);
}

#[test]
fn steps_that_go_only_together_go() {
    // A cut without its end is another failure.
    let mut steps = vec![Step::Cut(true), Step::Checkpoint, Step::Cut(false)];
    steps.extend(hundred());
    let result = shrunk(&plan(steps), |plan| {
        let even = has(plan, &Step::Cut(true)) == has(plan, &Step::Cut(false));
        (even && has(plan, &Step::Checkpoint)).then_some(VIEW)
    });
    assert_eq!(result.expect("it fails").plan.steps, [Step::Checkpoint]);
}

#[test]
fn a_step_goes_if_another_seed_does_without_it() {
    let result = shrunk(&plan(hundred()), |plan| {
        let timed = plan.seed == 5 || has(plan, &Step::Pass(50));
        (timed && has(plan, &Step::Pass(51))).then_some(VIEW)
    });
    let result = result.expect("it fails");
    assert_eq!((result.plan.steps, result.plan.seed), (vec![Step::Pass(51)], 5));
}

#[test]
fn another_failure_does_not_do() {
    // Anything less than the whole breaks something else, or dies otherwise.
    let steps = hundred();
    for other in [
        Failure::Invariant("mirror"),
        Failure::Abort(Abort::BlockerSet),
        Failure::Panic(Panic { place: String::new(), said: "x".to_owned() }),
    ] {
        let result = shrunk(&plan(steps.clone()), |plan| {
            Some(if plan.steps == steps { VIEW } else { other.clone() })
        });
        assert_eq!(result.expect("it fails").plan.steps, steps);
    }
}

#[test]
fn a_panic_is_shrunk_like_a_violation_and_known_by_its_place() {
    let result = shrunk(&plan(hundred()), |plan| {
        let said = format!("{} steps", plan.steps.len());
        let place = if has(plan, &Step::Pass(9)) { "here.rs:1:1" } else { "there.rs:1:1" };
        Some(Failure::Panic(Panic { place: place.to_owned(), said }))
    });
    let result = result.expect("it fails");
    assert_eq!(result.plan.steps, [Step::Pass(9)]);
    assert!(matches!(result.failure, Failure::Panic(panic) if panic.place == "here.rs:1:1"));
}

#[test]
fn the_quirks_that_are_the_cause_are_left() {
    let needed = [Quirk::TornCheckpoint, Quirk::UnmarkedOverlays];
    let seed = Plan::new("any", Profile::Seed, hundred());
    let result = shrunk(&seed, |plan| {
        let quirks = plan.effective_quirks();
        needed.iter().all(|&quirk| quirks.has(quirk)).then_some(VIEW)
    });
    let result = result.expect("it fails");
    assert_eq!(result.plan.quirks, needed);
    assert_eq!(result.cause, needed.into_iter().collect());
    assert_eq!(result.plan.profile, Profile::Hardened);
    assert!(result.plan.steps.is_empty());
}

#[test]
fn of_quirks_that_stand_in_for_each_other_one_is_left_and_is_the_cause() {
    let either = [Quirk::TornCheckpoint, Quirk::UnmarkedOverlays];
    let seed = Plan::new("any", Profile::Seed, hundred());
    let result = shrunk(&seed, |plan| {
        let quirks = plan.effective_quirks();
        either.iter().any(|&quirk| quirks.has(quirk)).then_some(VIEW)
    });
    let result = result.expect("it fails");
    assert_eq!(result.plan.quirks.len(), 1);
    assert_eq!(result.cause, result.plan.effective_quirks());
}

#[test]
fn the_same_invariant_for_another_cause_does_not_do() {
    let [one, other] = [Quirk::TornCheckpoint, Quirk::UnmarkedOverlays];
    let mut judge = |plan: &Plan| {
        let quirks = plan.effective_quirks();
        let both = quirks.has(one) && quirks.has(other) && has(plan, &Step::Pass(90));
        // Later on, and found by whoever takes the end of the plan away first.
        let alone = quirks.has(one) && has(plan, &Step::Pass(10));
        let step = if both { Some(1) } else { alone.then_some(2) };
        step.map(|step| Seen { failure: VIEW, step: Some(step) }).into_iter().collect()
    };
    let seed = Plan::new("any", Profile::Seed, hundred());
    let result = shrink_judged(&seed, &limits(&|| true), &mut judge, &mut |_| ());
    let result = result.expect("it fails");
    assert_eq!(result.cause, [one, other].into_iter().collect());
    assert_eq!((result.plan.quirks, result.plan.steps), (vec![one, other], vec![Step::Pass(90)]));
}

#[test]
fn when_its_runs_are_spent_it_says_so_and_what_it_has_still_fails() {
    let wanted = [Step::Pass(13), Step::Pass(90)];
    let mut judge = |plan: &Plan| {
        let fails = wanted.iter().all(|step| has(plan, step));
        fails.then_some(Seen { failure: VIEW, step: None }).into_iter().collect()
    };
    let mut steps_shown = Vec::new();
    let mut watch = |plan: &Plan| steps_shown.push(plan.steps.len());
    let limits = Limits { runs_max: 8, ..limits(&|| true) };
    let result = shrink_judged(&plan(hundred()), &limits, &mut judge, &mut watch);
    let result = result.expect("it fails");
    assert!(!result.finished);
    assert!(result.runs <= 8);
    assert!(result.plan.steps.len() < 100 && has(&result.plan, &wanted[0]));
    assert_eq!(steps_shown, [result.plan.steps.len()], "what there is was shown");
}

#[test]
fn when_it_is_told_to_end_it_has_the_smallest_so_far_and_tries_nothing_more() {
    for asked_max in [0, 1, 5, 40] {
        let asked = Cell::new(0);
        let go_on = || asked.replace(asked.get() + 1) < asked_max;
        let mut judged = Vec::new();
        let mut judge = |plan: &Plan| {
            judged.push(plan.steps.len());
            let fails = has(plan, &Step::Pass(13));
            fails.then_some(Seen { failure: VIEW, step: None }).into_iter().collect()
        };
        let result = shrink_judged(&plan(hundred()), &limits(&go_on), &mut judge, &mut |_| ());
        let result = result.expect("it fails");
        assert!(!result.finished && has(&result.plan, &Step::Pass(13)));
        assert_eq!(judged.len(), 1 + asked_max, "one look at the plan, one for each answer");
        assert!(result.plan.steps.len() < 100 || asked_max < 2, "{}", result.plan.steps.len());
    }
}

#[test]
fn every_chain_of_simpler_steps_ends() {
    let (side, disk) = (Side::Primary, DiskId::Local);
    let fault = FaultSpec {
        skip: 9,
        times: Some(300),
        range: Some((1, 2)),
        latent: true,
        ..FaultSpec::new(disk, OpKind::Any)
    };
    for step in [
        Step::Write { side, at: 900, len: 300, wait: false },
        Step::Read { side, at: 3, len: 0, wait: true },
        Step::Pass(u64::MAX),
        Step::Pass(0),
        Step::Stall { disk, ns: 987_654_321 },
        Step::Rates { disk, read: 999, write: 1, flush: 17 },
        Step::Fault(fault),
    ] {
        // Whichever is taken: the first, the last, one in the middle.
        for which in [|_| 0, |len| len - 1, |len| len / 2] as [fn(usize) -> usize; 3] {
            let mut now = step.clone();
            let mut left = 3_000;
            while let all @ [_, ..] = &simpler(&now)[..] {
                let next = all[which(all.len())].clone();
                assert_ne!(next, now);
                (now, left) = (next, left - 1);
                assert!(left > 0, "{step:?} becomes simpler without an end");
            }
        }
    }
}

#[test]
fn a_number_that_matters_is_found_in_few_runs() {
    let steps = vec![Step::Read { side: Side::Primary, at: 1 << 40, len: 1 << 20, wait: true }];
    let result = shrunk(&plan(steps), |plan| match plan.steps[..] {
        [Step::Read { at, len, .. }] => (at >= 123_456 && len >= 789).then_some(VIEW),
        _ => None,
    });
    let result = result.expect("it fails");
    assert!(matches!(result.plan.steps[0], Step::Read { at: 123_456, len: 789, .. }));
    assert!(result.runs < 1_500, "{} runs", result.runs);
}
