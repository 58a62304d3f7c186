//! `release`: what is left behind when a filter has done its work.

use colo_core::{Event, Stage, UserId, Verb};
use colo_sim::world::{Side, What};

use crate::oracle::{Findings, Sight};

pub(super) const HOLDS: &str =
    "after close, DONE or a failed start: no job, no blocker, no extra child, no request in flight";

const NAME: &str = "release";

pub(super) fn check(sight: &Sight<'_>, findings: &mut Findings) {
    let (What::Event(event), Some(Side::Secondary)) = (&sight.entry.what, sight.entry.side) else {
        return;
    };
    let model = sight.model;
    let (when, closed) = match event {
        Event::Stage { to: Stage::Done, .. } => ("at DONE", false),
        Event::VerbAnswered { verb: Verb::Close, result: Ok(()), .. } => ("after close", true),
        _ => return,
    };
    let busy = sight.world.host(Side::Secondary).is_some_and(|host| !host.quiet(UserId::Guest));
    let left = [
        (model.backup, "a backup job"),
        (model.commit, "a commit job"),
        (model.copy_filter, "a copy-before-write filter"),
        (model.blocker, "an op blocker"),
        (closed && busy, "a guest request in flight"),
    ];
    let left: Vec<_> = left.into_iter().filter(|(is, _)| *is).map(|(_, what)| what).collect();
    if !left.is_empty() {
        let message = format!("{when} there is still {}", left.join(", "));
        findings.report(NAME, Side::Secondary, message);
    }
}
