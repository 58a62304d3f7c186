//! `progress`: once faults stop, everything under way ends.

use colo_core::{Admin, Event, UserId};
use colo_sim::world::{Side, What, World};

use crate::oracle::model::Model;
use crate::oracle::register::Register;
use crate::oracle::{Findings, Sight};

pub(super) const HOLDS: &str =
    "once faults stop, every request, verb and commit ends within ten simulated seconds";

/// How long what is under way may take once nothing stands in its way, in nanoseconds.
pub const BOUND_NS: u64 = 10_000_000_000;

const NAME: &str = "progress";

/// A volume that is removed in order leaves nobody without an answer.
pub(super) fn check_removed(sight: &Sight<'_>, findings: &mut Findings) {
    let (What::Event(event), Some(side)) = (&sight.entry.what, sight.entry.side) else { return };
    let Event::AdminAnswered { admin: Admin::Remove, result: Ok(()), .. } = event else { return };
    if sight.model.register_of(side, UserId::Guest).is_some_and(Register::waits) {
        let message = format!(
            "the volume of the {} host was removed under a request of its guest that has no answer",
            side.name()
        );
        findings.report(NAME, side, message);
    }
}

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
