//! Plans that failed once, as they are saved in `fixtures/plans/`: every campaign runs them first.
//!
//! They are in the program, which needs no source tree.

use crate::plan::Plan;
use crate::profile::{Added, Behaviour};

macro_rules! embedded {
    ($($name:literal,)+) => {
        &[$(($name, include_str!(concat!("../../fixtures/plans/", $name, ".json"))),)+]
    };
}

/// Every plan by its name, as it is saved.
pub const PLANS: &[(&str, &str)] = embedded![
    "closed-before-start-under-owed-view",
    "closed-before-start-under-owed-view-2",
    "ejected-while-a-checkpoint-waits",
    "failed-start-over-retired-overlays",
    "failover-called-while-starting",
    "failover-refused-then-closed-in-doubt",
    "failover-refused-then-quit-cut-short",
    "flush-after-a-failover-tried-again",
    "flush-before-start-promises-nothing",
    "forwarded-writes-lost-with-the-secondary",
    "power-loss-in-recovery-of-a-failover-not-promised",
    "recovered-disk-with-unflushed-writes",
    "removed-while-it-recovers",
    "requests-before-start-are-not-about-the-view",
    "retired-disk-written-anew",
    "retired-mark-lost-while-opening",
    "retired-mark-only-in-cache",
    "retired-mark-only-in-cache-2",
    "start-waits-behind-an-open-that-fails",
    "write-during-recovery-then-crash",
    "write-held-by-recovery-b",
];

/// The plans, by name, with this behaviour.
pub fn all(behaviour: &Behaviour) -> impl Iterator<Item = Plan> {
    PLANS.iter().map(|(name, text)| with(parse(name, text), behaviour))
}

/// The plan of this name.
pub fn find(name: &str) -> Option<Plan> {
    let (name, text) = PLANS.iter().find(|(other, _)| *other == name)?;
    Some(parse(name, text))
}

fn parse(name: &str, text: &str) -> Plan {
    Plan::parse(text, name).expect("the plans of the program are tested")
}

fn with(mut plan: Plan, behaviour: &Behaviour) -> Plan {
    plan.profile = behaviour.profile;
    if let Added::Named(quirks) = &behaviour.added {
        plan.quirks.clone_from(quirks);
    }
    plan
}
