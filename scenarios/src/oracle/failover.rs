//! `failover`: what DONE means after a failover.

use colo_core::{DiskId, Event, JobKind, JobState, Stage};
use colo_sim::world::{Side, Stamp, What};

use crate::oracle::model::on_disk;
use crate::oracle::{Findings, Sight};

pub(super) const HOLDS: &str = "DONE after a failover means the secondary disk alone holds the view, and holds it after a power loss";

const NAME: &str = "failover";

pub(super) fn check(sight: &Sight<'_>, findings: &mut Findings) {
    let committed = JobState::Concluded(Ok(()));
    if sight.entry.what == What::Event(Event::Job { kind: JobKind::Commit, state: committed })
        && sight.model.commit_cancelled
    {
        let message = "the commit was cancelled before it was ready, and finished with the pivot";
        findings.report(NAME, Side::Secondary, message.to_owned());
    }
    let What::Event(Event::Stage { from: Stage::Failover, to: Stage::Done, .. }) = sight.entry.what
    else {
        return;
    };
    let model = sight.model;
    let Some(view) = model.view.as_ref().filter(|_| model.view_lost.is_none()) else { return };
    for sector in 0..view.len() {
        let expected = || model.describe_any(sector, &view.possible(sector, model.now));
        let found = on_disk(sight.world, DiskId::Secondary, sector);
        if !view.may_show(sector, model.now, found) {
            let message = format!(
                "at DONE sector {sector} of the secondary disk holds {}; expected {}",
                model.describe(sector, found),
                expected(),
            );
            return findings.report_at(NAME, Side::Secondary, sector, message);
        }
        let disk = sight.world.disk(DiskId::Secondary).medium();
        let durable = Stamp::of(disk.peek_durable(sector));
        if durable != found
            && let Some(lost) = disk
                .survivors(sector)
                .map(Stamp::of)
                .find(|&left| !view.may_show(sector, model.now, left))
        {
            let message = format!(
                "at DONE a power loss would leave {} in sector {sector} of the secondary disk; expected {}",
                model.describe(sector, lost),
                expected(),
            );
            return findings.report_at(NAME, Side::Secondary, sector, message);
        }
    }
}
