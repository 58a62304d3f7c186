//! `view`: what the secondary's guest reads between start and the end of a failover.

use colo_core::{Extent, Stage};
use colo_sim::world::{Side, VolumeView};

use crate::oracle::Findings;
use crate::oracle::model::{Model, in_view};

pub(super) const HOLDS: &str = "in RUNNING, FAILOVER and FAILOVER_FAILED the secondary guest reads the last \
     checkpoint overlaid by its own acknowledged writes, whatever the primary writes";

const NAME: &str = "view";

/// Looks at the sectors that may have changed, through the guest's device.
pub(super) fn check(
    model: &Model,
    world: VolumeView<'_>,
    touched: impl Iterator<Item = Extent>,
    findings: &mut Findings,
) {
    let stage = model.stage_of(Side::Secondary);
    let promised = matches!(stage, Some(Stage::Running | Stage::Failover | Stage::FailoverFailed));
    let Some(view) = &model.view else { return };
    if !promised || model.view_lost.is_some() || model.view_changing() || findings.has(NAME) {
        return;
    }
    for sector in touched.flat_map(|extent| extent.at..extent.end()) {
        let seen = in_view(world, sector);
        if !view.may_show(sector, model.now, seen) {
            let message = format!(
                "sector {sector} of the secondary guest shows {}; expected {}",
                model.describe(sector, seen),
                model.describe_any(sector, &view.possible(sector, model.now)),
            );
            return findings.report_at(NAME, Side::Secondary, sector, message);
        }
    }
}
