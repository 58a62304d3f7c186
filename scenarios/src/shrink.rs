//! A failing plan in, the smallest one that fails in the same way out.
//!
//! Delta debugging on the plan as data: first quirks and steps go, then what is left of
//! them becomes simpler (faults, lengths, positions), then the hosts become ordinary ones;
//! and again, until a whole round changes nothing. A smaller plan is taken only if it
//! fails alike: the same invariant is the first to break, and the same quirks are the cause
//! (see [`failure`]). No clock decides: the search is bounded by a number of runs, and the
//! same plan shrinks to the same plan.
//!
//! It does not look for the smallest plan of all: without any one of its steps the
//! result no longer fails alike, and that is all that is promised.

pub mod failure;
mod quirks;
pub mod rust;
mod schedule;
mod search;
mod setup;
mod simpler;
mod steps;

use colo_core::Quirks;

use crate::plan::Plan;
use failure::{Failure, Seen, seen};
use search::Search;

/// Runs that a shrink may take, if nobody says otherwise: a second or two.
pub const RUNS_MAX: u64 = 20_000;

/// What a shrink came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Shrunk {
    /// The smallest plan that was found.
    pub plan: Plan,
    /// What fails first in it, as in the plan that was shrunk.
    pub failure: Failure,
    /// The quirks without any one of which that does not happen.
    pub cause: Quirks,
    /// How many runs it took.
    pub runs: u64,
    /// Whether the search ended by itself, and not at one of its limits.
    pub finished: bool,
}

/// Shrinks a plan with at most so many runs; `None` if nothing is wrong with it.
pub fn shrink(plan: &Plan, runs_max: u64) -> Option<Shrunk> {
    shrink_watched(plan, &Limits { runs_max, go_on: &|| true }, &mut |_| ())
}

/// When a search ends although something is left to be tried.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// After so many runs.
    pub runs_max: u64,
    /// Asked before each smaller plan is tried: whether to go on.
    pub go_on: &'a dyn Fn() -> bool,
}

/// The same, with every plan shown that is the smallest so far when a part of the search ends.
pub fn shrink_watched(
    plan: &Plan,
    limits: &Limits<'_>,
    watch: &mut dyn FnMut(&Plan),
) -> Option<Shrunk> {
    shrink_judged(plan, limits, &mut seen, watch)
}

/// The search, whoever judges.
fn shrink_judged(
    plan: &Plan,
    limits: &Limits<'_>,
    judge: &mut dyn FnMut(&Plan) -> Vec<Seen>,
    watch: &mut dyn FnMut(&Plan),
) -> Option<Shrunk> {
    let mut search = Search::begin(plan, *limits, judge)?;
    let parts: [fn(&mut Search<'_>) -> bool; 8] = [
        quirks::fewer,
        steps::fewer,
        steps::simpler,
        setup::simpler,
        schedule::simpler,
        steps::fewer_in_another_world,
        schedule::fewer_in_another_order,
        setup::lower_seed,
    ];
    let mut changed = true;
    while changed {
        changed = false;
        for part in parts {
            if part(&mut search) {
                changed = true;
                watch(search.best());
            }
        }
    }
    Some(search.end())
}

#[cfg(test)]
mod tests;
