//! `error-report`: what `get_error` may not keep to itself.

use colo_core::{Event, Stage, Verb};
use colo_sim::world::{Side, What};

use crate::oracle::{Findings, Sight};

pub(super) const HOLDS: &str =
    "a backup job that was lost and a failover that failed are told by get_error";

const NAME: &str = "error-report";

pub(super) fn check(sight: &Sight<'_>, findings: &mut Findings) {
    let What::Event(Event::VerbAnswered { verb: Verb::GetError, result: Ok(()), .. }) =
        sight.entry.what
    else {
        return;
    };
    let (model, side) = (sight.model, Side::Secondary);
    if sight.entry.side != Some(side) {
        return;
    }
    match model.stage_of(side) {
        Some(Stage::Running) if model.backup_lost => {
            findings.report(NAME, side, "get_error says ok, and the backup job is lost".to_owned());
        }
        Some(Stage::FailoverFailed) => {
            findings.report(NAME, side, "get_error says ok, and the failover failed".to_owned());
        }
        Some(Stage::None) => {
            findings.report(NAME, side, "get_error says ok before the start".to_owned());
        }
        _ => {}
    }
}
