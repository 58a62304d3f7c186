//! Fewer steps, and simpler ones.

use std::ops::{Range, RangeInclusive};

use crate::plan::{Plan, Step};
use crate::shrink::search::Search;
use crate::shrink::simpler;

/// Plans of at most so many steps are tried without any two of them.
const SMALL: usize = 16;

/// Seeds that a plan is tried with when a step is taken away.
const WORLDS: u64 = 32;

/// The same for a plan that is smallish and no more: what it shows is a race, which few
/// seeds run. For longer ones that takes too many runs, and comes to nothing.
const WORLDS_OF_RACE: u64 = 300;

const SMALLISH: RangeInclusive<usize> = 9..=12;

/// Delta debugging: without halves, quarters and so on down to single steps, from the end,
/// until none can go.
pub(super) fn fewer(search: &mut Search<'_>) -> bool {
    let mut changed = false;
    let mut size = search.best().steps.len().div_ceil(2);
    while size > 1 {
        changed |= sweep(search, size);
        size /= 2;
    }
    while sweep(search, 1) {
        changed = true;
    }
    changed | without_two(search)
}

/// Tries the plan without each run of so many steps, the last ones first.
fn sweep(search: &mut Search<'_>, size: usize) -> bool {
    let mut changed = false;
    let mut end = search.best().steps.len();
    while end > 0 && !search.is_over() {
        let from = end.saturating_sub(size);
        changed |= search.take(without(search.best(), from..end));
        end = from;
    }
    changed
}

/// A cut and its end, a fault and its failover: some steps can go only together.
fn without_two(search: &mut Search<'_>) -> bool {
    let len = search.best().steps.len();
    let pairs = (0..len).flat_map(|first| (first + 1..len).map(move |second| (first, second)));
    for (first, second) in pairs.filter(|_| len <= SMALL) {
        let mut shorter = without(search.best(), second..second + 1);
        shorter.steps.remove(first);
        if search.take(shorter) {
            return true;
        }
    }
    false
}

/// A step may be needed only because of how the disks happen to be timed: without it, and
/// with other latencies.
pub(super) fn fewer_in_another_world(search: &mut Search<'_>) -> bool {
    let mut changed = false;
    for index in (0..search.best().steps.len()).rev() {
        if search.is_over() {
            break;
        }
        let race = SMALLISH.contains(&search.best().steps.len());
        let shorter = without(search.best(), index..index + 1);
        let mut worlds = 0..if race { WORLDS_OF_RACE } else { WORLDS };
        changed |= worlds.any(|seed| search.take(Plan { seed, ..shorter.clone() }));
    }
    changed
}

/// Each step as simple as it can be.
pub(super) fn simpler(search: &mut Search<'_>) -> bool {
    let mut changed = false;
    for index in 0..search.best().steps.len() {
        if search.is_over() {
            break;
        }
        while step_simpler(search, index) {
            changed = true;
        }
    }
    changed
}

fn step_simpler(search: &mut Search<'_>, index: usize) -> bool {
    let simpler = simpler::simpler(&search.best().steps[index]);
    simpler.into_iter().any(|step| search.take(with(search.best(), index, step)))
}

pub(super) fn without(plan: &Plan, steps: Range<usize>) -> Plan {
    let mut shorter = plan.clone();
    shorter.steps.drain(steps);
    shorter
}

fn with(plan: &Plan, index: usize, step: Step) -> Plan {
    let mut other = plan.clone();
    other.steps[index] = step;
    other
}
