//! Which defects a failing run is explained by.
//!
//! A violation is explained by a quirk if it is gone without it, and only then. One defect
//! can hide behind another: where no single quirk makes it go, those are taken away of
//! which it does not need any one in particular, until each of the others is needed. What is
//! left of a violation with no quirk at all is a bug of the hardened core or of the oracle.

use colo_core::{Quirk, Quirks};

use crate::finding::invariant_of;
use crate::plan::Plan;
use crate::shrink::failure::{Failure, Seen, seen, shows, with_quirks};

/// One thing that went wrong, and the quirks without any one of which it does not.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// What went wrong.
    pub failure: Failure,
    /// Why; empty if it happens without any quirk.
    pub cause: Quirks,
}

/// Explains everything that goes wrong with a plan.
pub fn explain(plan: &Plan) -> Vec<Explained> {
    explain_seen(plan, seen(plan), &|| true).expect("nobody ended it")
}

/// The same for who has run it already, as long as `go_on` says so; nothing if it is ended. It is asked before each
/// run of a plan.
pub(crate) fn explain_seen(
    plan: &Plan,
    wrong: Vec<Seen>,
    go_on: &dyn Fn() -> bool,
) -> Option<Vec<Explained>> {
    let all = plan.effective_quirks();
    let mut causes = vec![None; wrong.len()];
    // Without each quirk in turn, until each violation is gone once. Those that are known to break the
    // invariant come first; the order is the same in every run.
    for quirk in likely_first(all, &wrong) {
        if causes.iter().all(Option::is_some) {
            break;
        }
        if !go_on() {
            return None;
        }
        let left = seen(&with_quirks(plan, all.without(quirk)));
        for (what, cause) in wrong.iter().zip(&mut causes) {
            if cause.is_none() && !shows(&left, what) {
                *cause = Some([quirk].into_iter().collect());
            }
        }
    }
    let explained = wrong.into_iter().zip(causes).map(|(what, cause)| {
        let cause = cause.or_else(|| needed(plan, &what, all, go_on))?;
        Some(Explained { failure: what.failure, cause })
    });
    explained.collect()
}

fn likely_first(all: Quirks, wrong: &[Seen]) -> Vec<Quirk> {
    let names: Vec<_> = wrong.iter().map(|what| what.failure.invariant()).collect();
    let mut quirks: Vec<_> = all.iter().collect();
    quirks.sort_by_key(|&quirk| {
        let breaks = invariant_of(quirk);
        names.iter().position(|name| *name == breaks).unwrap_or(names.len())
    });
    quirks
}

/// Several do it, each or together: takes away what it shows without, until every one of those left is needed.
fn needed(plan: &Plan, what: &Seen, all: Quirks, go_on: &dyn Fn() -> bool) -> Option<Quirks> {
    let mut needed = all;
    loop {
        let before = needed;
        for quirk in before.iter() {
            if !go_on() {
                return None;
            }
            let fewer = needed.without(quirk);
            if shows(&seen(&with_quirks(plan, fewer)), what) {
                needed = fewer;
            }
        }
        if needed == before {
            return Some(needed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding;
    use crate::generate::generate;
    use crate::profile::{Added, Behaviour, Profile};
    use crate::run::run;

    #[test]
    fn a_finding_is_explained_by_its_quirk() {
        for finding in finding::all() {
            let plan = finding.defective();
            let first = explain(&plan).into_iter().next().expect("it fails");
            assert_eq!(first.cause, [finding.quirk].into_iter().collect(), "{}", plan.name);
            assert_eq!(first.failure.invariant(), finding.invariant);
        }
    }

    #[test]
    fn what_explains_a_violation_is_needed_for_it() {
        for behaviour in [
            Behaviour::from(Profile::Seed),
            Behaviour { added: Added::Swarm, ..Behaviour::default() },
        ] {
            let plans = (0..150).map(|seed| generate(seed, &behaviour));
            for plan in plans.filter(|plan| !run(plan).is_clean()) {
                for (what, Explained { failure, cause }) in seen(&plan).iter().zip(explain(&plan)) {
                    assert_ne!(cause, Quirks::NONE, "{}: {failure} is not explained", plan.name);
                    // Gone without it, be it alone among all or among those that are left.
                    let all = plan.effective_quirks();
                    for quirk in cause.iter() {
                        let mut runs = [all, cause].into_iter().map(|of| of.without(quirk));
                        let gone = |without| !shows(&seen(&with_quirks(&plan, without)), what);
                        assert!(runs.any(gone), "{}: {failure}", plan.name);
                    }
                }
            }
        }
    }

    #[test]
    fn two_that_hide_behind_each_other_are_told_apart() {
        // Either of the two leaves a start half done, and the seed has both.
        let behaviour = Behaviour::from(Profile::Seed);
        let hidden = (0..3000).map(|seed| generate(seed, &behaviour)).find(|plan| {
            let all = plan.effective_quirks();
            seen(plan).first().is_some_and(|what| {
                all.iter().all(|quirk| shows(&seen(&with_quirks(plan, all.without(quirk))), what))
            })
        });
        let plan = hidden.expect("some seed has two reasons for its first violation");
        let first = explain(&plan).into_iter().next().expect("it fails");
        assert_ne!(first.cause, Quirks::NONE, "{}: {}", plan.name, first.failure);
    }
}
