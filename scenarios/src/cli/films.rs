//! Timelines of the first failures of a report, as many as a page can hold.

use colo_reports::{Page, Run, Summary, Timeline, Timing, html};

use crate::cli::proof::proof;
use crate::panics::caught;
use crate::plan::Plan;
use crate::run::run_filmed;

/// Failing runs that get a timeline.
const FILMS_MAX: usize = 10;

/// Moments of all of them together.
const MOMENTS_MAX: usize = 5_000;

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

/// Runs the plans of the first failures again, and films them. `plan` finds the plan of a run.
fn film(summary: &Summary, plan: impl Fn(&Run) -> Option<Plan>) -> Films {
    let runs = failing(summary);
    let (mut timelines, mut left) = (Vec::new(), MOMENTS_MAX);
    let (mut without_plan, mut different, mut too_many) = (0, 0, 0);
    for (run, invariant) in &runs {
        if timelines.len() == FILMS_MAX || left < MOMENTS_EACH_MIN {
            too_many += 1;
            continue;
        }
        let Some(plan) = plan(run) else {
            without_plan += 1;
            continue;
        };
        // What panicked in the campaign will panic here, and has been told.
        let filmed = caught(|| run_filmed(&plan, left.min(MOMENTS_EACH_MAX)).1);
        match filmed
            .ok()
            .flatten()
            .filter(|film| invariant.is_none_or(|name| name == film.invariant))
        {
            Some(film) => {
                left -= film.moments.len();
                timelines.push(Timeline { run: (*run).clone(), ..film });
            }
            None => different += 1,
        }
    }
    let mut untold = Vec::new();
    let mut tell = |count: usize, why: &str| {
        if count > 0 {
            untold.push(format!(
                "{count} failing {} without a timeline: {why}.",
                if count == 1 { "run is" } else { "runs are" }
            ));
        }
    };
    tell(too_many, "a page has at most 10 of them, of 5,000 moments together");
    tell(without_plan, "no plan of this name lies beside the records");
    tell(different, "in this version of the program the plan fails in another way, or not at all");
    Films { timelines, untold: untold.join(" ") }
}

/// The failing runs that a summary keeps, each with the invariant that it breaks first.
fn failing(summary: &Summary) -> Vec<(&Run, Option<&str>)> {
    let mut runs: Vec<(&Run, Option<&str>)> = Vec::new();
    let violations = summary.violations.iter();
    let violations =
        violations.map(|violation| (&violation.run, Some(&violation.what.invariant[..])));
    for (run, invariant) in violations.chain(summary.aborts.iter().map(|abort| (&abort.run, None)))
    {
        if runs.iter().all(|(known, _)| *known != run) {
            runs.push((run, invariant));
        }
    }
    runs
}
