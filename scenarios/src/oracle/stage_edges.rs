//! `stage-edges`: which changes of the stage there are, and what a failed start leaves.

use colo_core::{Event, Mode, Stage, Verb, VerbError};
use colo_sim::world::What;

use crate::oracle::{Findings, Sight};

pub(super) const HOLDS: &str =
    "only permitted stage changes; a failed start leaves NONE, no job and no blocker";

const NAME: &str = "stage-edges";

fn permitted(mode: Mode, from: Stage, to: Stage) -> bool {
    use Stage::{Done, Failover, FailoverFailed, None, Running};
    match mode {
        Mode::Primary => matches!((from, to), (None, Running) | (Running, Done)),
        Mode::Secondary => matches!(
            (from, to),
            (None, Running) | (Running, Failover | Done) | (Failover, Done | FailoverFailed)
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
        Event::VerbAnswered { verb: Verb::Start(_), result: Err(error), .. } => {
            let refused = matches!(
                error,
                VerbError::AlreadyRunning | VerbError::WrongMode { .. } | VerbError::Closed
            );
            let stage = model.stage_of(side);
            let left = [
                (stage != Some(Stage::None))
                    .then(|| format!("stage {}", stage.map_or("none at all", Stage::name))),
                model.backup.then(|| "a backup job".to_owned()),
                model.copy_filter.then(|| "a copy-before-write filter".to_owned()),
                model.blocker.then(|| "an op blocker".to_owned()),
            ];
            let left: Vec<_> = left.into_iter().flatten().collect();
            if !refused && !left.is_empty() {
                let left = left.join(", ");
                let message = format!("start failed ({error}) and left {left}; expected no trace");
                findings.report(NAME, side, message);
            }
        }
        _ => {}
    }
}
