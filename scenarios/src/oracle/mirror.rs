//! `mirror`: what the primary's guest was told is written is on the secondary disk too.

use colo_core::{DiskId, Event, Stage, Verb};
use colo_sim::world::{Side, What};

use crate::oracle::model::on_disk;
use crate::oracle::{Findings, Sight};

pub(super) const HOLDS: &str = "an acknowledged primary write is on the secondary disk, or get_error tells its loss before \
     the next checkpoint succeeds; what it sends after a stop stays where it is";

const NAME: &str = "mirror";

pub(super) fn check(sight: &Sight<'_>, findings: &mut Findings) {
    if let Some(sector) = sight.model.forwarded_at_done {
        let message = format!(
            "a write to sector {sector} that the primary guest sent after the stop was forwarded; expected it to stay on the local disk"
        );
        findings.report_at(NAME, Side::Primary, sector, message);
    }
    nothing_is_missing(sight, findings);
}

/// get_error says that nothing was lost: then nothing may be missing.
fn nothing_is_missing(sight: &Sight<'_>, findings: &mut Findings) {
    let What::Event(Event::VerbAnswered { verb: Verb::GetError, result: Ok(()), .. }) =
        sight.entry.what
    else {
        return;
    };
    let model = sight.model;
    let replicating = model.stage_of(Side::Primary) == Some(Stage::Running)
        && model.stage_of(Side::Secondary) == Some(Stage::Running);
    if sight.entry.side != Some(Side::Primary)
        || !replicating
        || model.primary.writes_pending()
        || model.forwarded.writes_pending()
    {
        return;
    }
    for sector in (0..model.primary.len()).filter(|&sector| model.mirrored[sector as usize]) {
        let found = on_disk(sight.world, DiskId::Secondary, sector);
        if !model.primary.may_show(sector, model.now, found) {
            let message = format!(
                "get_error says ok on the primary, but sector {sector} of the secondary disk holds {}; its guest wrote {}",
                model.describe(sector, found),
                model.describe_any(sector, &model.primary.possible(sector, model.now)),
            );
            return findings.report_at(NAME, Side::Primary, sector, message);
        }
    }
}
