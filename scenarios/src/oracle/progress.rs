//! `progress`: once faults stop, everything under way ends.

use colo_sim::world::{Side, World};

use crate::oracle::Findings;
use crate::oracle::model::Model;

pub(super) const HOLDS: &str =
    "once faults stop, every request, verb and commit ends within ten simulated seconds";

/// How long what is under way may take once nothing stands in its way, in nanoseconds.
pub const BOUND_NS: u64 = 10_000_000_000;

const NAME: &str = "progress";

/// At the end of a plan: faults are over, the connection is whole, time has passed.
pub(super) fn check(model: &Model, world: &World, findings: &mut Findings) {
    let side = Side::Secondary;
    if let Some(what) = model.unanswered() {
        findings.report(NAME, side, format!("{what} has no answer and nothing will bring one"));
    }
    if model.commit {
        findings.report(NAME, side, "the commit job does not end".to_owned());
    }
    if !world.is_idle() {
        let message =
            format!("something still goes on {} s after the plan's end", BOUND_NS / 1_000_000_000);
        findings.report(NAME, side, message);
    }
}
