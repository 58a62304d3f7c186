//! `release`: what is left behind when a filter has done its work.

use colo_core::{Event, Stage, UserId, Verb};
use colo_sim::world::{Side, What};

use crate::oracle::{Findings, Sight};

pub(super) const HOLDS: &str = "after close, DONE or a failed start: no job, no blocker, no extra child, no request in flight; without the backup job no blocker of it, and read-only again what was";

const NAME: &str = "release";

pub(super) fn check(sight: &Sight<'_>, findings: &mut Findings) {
    let (What::Event(event), Some(Side::Secondary)) = (&sight.entry.what, sight.entry.side) else {
        return;
    };
    let model = sight.model;
    let desk = &model.desks[Side::Secondary as usize];
    if matches!(event, Event::VerbAnswered { .. }) && !model.backup {
        let left = desk.left_writable().map(|node| format!("{node} writable"));
        let blocked = (!desk.blockers_are_right()).then(|| "an op blocker".to_owned());
        if let Some(left) = left.or(blocked) {
            let message = format!("the backup job is gone and has left {left}");
            return findings.report(NAME, Side::Secondary, message);
        }
    }
    let (when, closed) = match event {
        Event::Stage { to: Stage::Done, .. } => ("at DONE", false),
        Event::VerbAnswered { verb: Verb::Close, result: Ok(()), .. } => ("after close", true),
        _ => return,
    };
    let busy = sight.world.on(Side::Secondary).is_some_and(|host| !host.quiet(UserId::Guest));
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
