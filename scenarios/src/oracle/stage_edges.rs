//! `stage-edges`: which changes of the stage there are, and what a failed start leaves.

use colo_core::{Event, GraphChange, Mode, Stage, Verb, VerbError};
use colo_sim::world::{Side, What};

use crate::oracle::{Findings, Sight};

pub(super) const HOLDS: &str = "only permitted stage changes; a verb that fails leaves the stage as it was, a failed start no job, no blocker and read-only flags as they were";

const NAME: &str = "stage-edges";

fn permitted(mode: Mode, from: Stage, to: Stage) -> bool {
    use Stage::{Done, Failover, FailoverFailed, None, Running};
    match mode {
        Mode::Primary => matches!((from, to), (None, Running) | (Running, Done)),
        Mode::Secondary => matches!(
            (from, to),
            (None, Running)
                | (Running, Failover | Done)
                | (Failover, Done | FailoverFailed)
                | (FailoverFailed, Failover)
        ),
    }
}

pub(super) fn check(sight: &Sight<'_>, findings: &mut Findings) {
    let (What::Event(event), Some(side)) = (&sight.entry.what, sight.entry.side) else { return };
    let model = sight.model;
    match event {
        Event::Stage { mode, from, to } => {
            let known = model.stage_of(side);
            if known != Some(*from) || !permitted(*mode, *from, *to) {
                let known = known.map_or("no filter", Stage::name);
                let message = format!(
                    "the stage went from {} to {} (it was {known}); there is no such edge",
                    from.name(),
                    to.name()
                );
                findings.report(NAME, side, message);
            }
        }
        // A close implies a stop; one that cannot say that the disk alone is true does not say DONE.
        Event::Graph(GraphChange::FilterClosed)
            if model.stage_of(side) == Some(Stage::Running)
                && !(side == Side::Secondary && model.mark_in_doubt) =>
        {
            let message = "the filter was closed in RUNNING; expected DONE first";
            findings.report(NAME, side, message.to_owned());
        }
        Event::VerbAnswered { verb: Verb::Start(_), result: Err(error), .. } => {
            let refused = matches!(
                error,
                VerbError::AlreadyRunning | VerbError::WrongMode { .. } | VerbError::Closed
            );
            let stage = model.stage_of(side);
            let desk = &model.desks[side as usize];
            let left = [
                (stage != Some(Stage::None))
                    .then(|| format!("stage {}", stage.map_or("none at all", Stage::name))),
                model.backup.then(|| "a backup job".to_owned()),
                model.copy_filter.then(|| "a copy-before-write filter".to_owned()),
                model.blocker.then(|| "an op blocker".to_owned()),
                desk.changed_by_start().map(|node| format!("{node} writable")),
            ];
            let left: Vec<_> = left.into_iter().flatten().collect();
            if !refused && !left.is_empty() {
                let left = left.join(", ");
                let message = format!("start failed ({error}) and left {left}; expected no trace");
                findings.report(NAME, side, message);
            }
        }
        Event::VerbAnswered { verb: Verb::Start(_), result: Ok(()), .. } if model.backup => {
            let desk = &model.desks[side as usize];
            let missing = [
                (!model.copy_filter).then_some("the copy-before-write filter"),
                (!desk.blockers_are_right()).then_some("the op blockers as they should be"),
                (!desk.images_are_writable()).then_some("hidden and secondary writable"),
            ];
            if let Some(missing) = missing.into_iter().flatten().next() {
                findings.report(NAME, side, format!("after a start there is not {missing}"));
            }
        }
        // Of a planned stop that is DONE and answers an error `planned-stop` tells.
        Event::VerbAnswered { id, verb, result: Err(error) }
            if !matches!(verb, Verb::Close | Verb::Stop { failover: false }) =>
        {
            let open = model.verbs.iter().find(|open| (open.side, open.id) == (side, *id));
            let before = open.filter(|open| open.alone).and_then(|open| open.stage);
            let now = model.stage_of(side);
            if let (Some(before), Some(now)) = (before, now)
                && before != now
            {
                let (before, now) = (before.name(), now.name());
                let message = format!(
                    "{verb} failed ({error}) and the stage went from {before} to {now}; expected it to stay"
                );
                findings.report(NAME, side, message);
            }
        }
        _ => {}
    }
}
