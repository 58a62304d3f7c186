//! Timelines of the first failures of a report, as many as a page can hold.

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

/// Runs the plans of the first failures again, and films them. `plan` finds the plan of a run.
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

/// The failing runs that a summary keeps, each with the first invariant of those that it tells.
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
