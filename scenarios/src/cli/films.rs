//! Timelines of failures of a report, as many as a page can hold: the first of each kind before all others.

use colo_reports::{Page, Run, Summary, Timeline, Timing, html};

use crate::cli::proof::proof;
use crate::panics::{PanicsKept, caught};
use crate::plan::Plan;
use crate::run::run_filmed;

/// Failing runs that get a timeline.
const FILMS_MAX: usize = 10;

/// Moments of all of them together.
const MOMENTS_MAX: usize = 5000;

/// Moments of one; of a longer one the last are kept.
const MOMENTS_EACH_MAX: usize = 2_000;

/// Fewer than these tell no story.
const MOMENTS_EACH_MIN: usize = 50;

/// The page of a summary, with what the program knows by itself.
pub(super) fn page(
    summary: &Summary,
    timing: &Timing,
    plan: impl Fn(&Run) -> Option<Plan>,
) -> String {
    let Films { timelines, untold } = film(summary, plan);
    html(&Page { summary, timing, timelines: &timelines, untold: &untold, proof: &proof() })
}

/// What was filmed, and in a sentence what was not.
struct Films {
    timelines: Vec<Timeline>,
    untold: String,
}

/// Why a failing run has no timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Untold {
    TooMany,
    WithoutPlan,
    Panics,
    Different,
}

impl Untold {
    const ALL: [Self; 4] = [Self::TooMany, Self::WithoutPlan, Self::Panics, Self::Different];

    fn why(self) -> String {
        match self {
            Self::TooMany => {
                format!("a page has at most {FILMS_MAX} of them, of {MOMENTS_MAX} moments together")
            }
            Self::WithoutPlan => "no plan of this name lies beside the records".to_owned(),
            Self::Panics => "the program panics".to_owned(),
            Self::Different => {
                "this version of the program runs the plan in another way".to_owned()
            }
        }
    }
}

/// Runs the plans of failures again, and films them. `plan` finds the plan of a run.
fn film(summary: &Summary, plan: impl Fn(&Run) -> Option<Plan>) -> Films {
    let (mut timelines, mut untold) = (Vec::<Timeline>::new(), Vec::new());
    let mut left = MOMENTS_MAX;
    let panics_kept = PanicsKept::begin();
    for (run, invariant) in failing(summary) {
        if timelines.len() == FILMS_MAX || left < MOMENTS_EACH_MIN {
            untold.push(Untold::TooMany);
            continue;
        }
        let plan = plan(run).ok_or(Untold::WithoutPlan);
        match plan.and_then(|plan| film_one(&plan, invariant, left.min(MOMENTS_EACH_MAX))) {
            Ok(film) => {
                left -= film.moments.len();
                timelines.push(Timeline { run: run.clone(), ..film });
            }
            Err(why) => untold.push(why),
        }
    }
    drop(panics_kept);
    Films { timelines, untold: told(&untold) }
}

fn film_one(plan: &Plan, invariant: Option<&str>, moments_max: usize) -> Result<Timeline, Untold> {
    let filmed = caught(|| run_filmed(plan, invariant, moments_max).1);
    filmed.map_err(|_| Untold::Panics)?.ok_or(Untold::Different)
}

/// How many have no timeline, and why.
fn told(untold: &[Untold]) -> String {
    let mut sentences = Vec::new();
    for why in Untold::ALL {
        let runs = match untold.iter().filter(|other| **other == why).count() {
            0 => continue,
            1 => "1 failing run is".to_owned(),
            count => format!("{count} failing runs are"),
        };
        sentences.push(format!("{runs} without a timeline: {}.", why.why()));
    }
    sentences.join(" ")
}

/// The failing runs that a summary knows, each with the invariant that it is filmed for: the first run of
/// every invariant that is broken, then of aborts, then the others that are kept.
fn failing(summary: &Summary) -> Vec<(&Run, Option<&str>)> {
    let mut firsts: Vec<_> = summary.invariants.iter().collect();
    firsts.sort_by_key(|(_, broken)| &broken.first);
    let firsts = firsts.into_iter().map(|(name, broken)| (&broken.first, Some(name.as_str())));
    let abort = summary.aborts.first().map(|abort| (&abort.run, None));
    let violations = summary.violations.iter();
    let violations =
        violations.map(|violation| (&violation.run, Some(&violation.what.invariant[..])));
    let aborts = summary.aborts.iter().map(|abort| (&abort.run, None));
    let mut runs: Vec<(&Run, Option<&str>)> = Vec::new();
    for (run, invariant) in firsts.chain(abort).chain(violations).chain(aborts) {
        if runs.iter().all(|(known, _)| *known != run) {
            runs.push((run, invariant));
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use colo_reports::{Header, Record, Violation};

    use super::*;

    #[test]
    fn the_first_run_of_each_broken_invariant_comes_before_others_of_the_first() {
        let header = Header::new("0.1.0", "seed", Vec::new());
        let mut summary = Summary::new(&header);
        for (seed, invariant) in [(1, "view"), (2, "view"), (3, "view"), (4, "crash"), (5, "view")]
        {
            let violation = Violation { invariant: invariant.into(), ..Violation::default() };
            let violations = vec![violation];
            summary.add(&Record { seed: Some(seed), violations, ..Record::default() });
        }
        let order: Vec<_> = failing(&summary).iter().map(|(run, _)| run.seed).collect();
        assert_eq!(order, [1, 4, 2, 3, 5].map(Some));
    }
}
