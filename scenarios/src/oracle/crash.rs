//! `crash`: what must be left when a host went down, and what a recovery may do with it.

use colo_core::{DiskId, Event, Recovery, Stage};
use colo_sim::world::{Side, Stamp, What};

use crate::oracle::model::{Owed, on_disk};
use crate::oracle::register::Register;
use crate::oracle::{Findings, Sight};

pub(super) const HOLDS: &str = "after a crash every flushed write is there; a view that is owed is recovered whole, one that \
     is void is refused, and nothing empties an overlay whose view is owed";

const NAME: &str = "crash";

pub(super) fn check(sight: &Sight<'_>, findings: &mut Findings) {
    let Some(side) = sight.entry.side else { return };
    match &sight.entry.what {
        What::PowerLost => ended(sight, side, true, findings),
        What::ProcessDied | What::Event(Event::Aborted(_)) => ended(sight, side, false, findings),
        What::Event(Event::Recovered(recovery)) => recovered(sight, *recovery, findings),
        What::Event(Event::Emptied(disk)) => emptied(sight, *disk, findings),
        _ => {}
    }
}

/// What may be left: after a power loss what was flushed or later, else what was there.
fn may_be_left(
    sight: &Sight<'_>,
    register: &Register,
    sector: u64,
    stamp: Option<Stamp>,
    power_lost: bool,
) -> Result<(), String> {
    let model = sight.model;
    let (held, expected) = if power_lost {
        (register.may_survive(sector, stamp), register.survivors(sector))
    } else {
        let now = model.now;
        (register.may_show(sector, now, stamp), register.possible(sector, now))
    };
    if held {
        return Ok(());
    }
    Err(format!(
        "{}; expected {}",
        model.describe(sector, stamp),
        model.describe_any(sector, &expected)
    ))
}

fn ended(sight: &Sight<'_>, side: Side, power_lost: bool, findings: &mut Findings) {
    let model = sight.model;
    let (register, disk) = match (side, model.owed) {
        (Side::Primary, _) => (Some(&model.primary), DiskId::Local),
        // The commit is writing to it: the chain as a whole is judged when it is recovered.
        (Side::Secondary, Owed::View) => return,
        // The mark had reached the disk, and a recovery is writing the view down.
        (Side::Secondary, Owed::Perhaps) if model.stage_of(side).is_none() => return,
        (Side::Secondary, Owed::Nothing | Owed::Perhaps) => {
            (Some(&model.forwarded), DiskId::Secondary)
        }
        (Side::Secondary, Owed::DiskAlone) => {
            (model.view.as_ref().or(Some(&model.forwarded)), DiskId::Secondary)
        }
    };
    let Some(register) = register else { return };
    let how = if power_lost { "a power loss" } else { "the end of the process" };
    for sector in 0..register.len() {
        let left = on_disk(sight.world, disk, sector);
        if let Err(what) = may_be_left(sight, register, sector, left, power_lost) {
            let message =
                format!("after {how} sector {sector} of the {} disk holds {what}", disk.name());
            return findings.report_at(NAME, side, sector, message);
        }
    }
}

fn recovered(sight: &Sight<'_>, recovery: Recovery, findings: &mut Findings) {
    let model = sight.model;
    match recovery {
        Recovery::Failed(_) => return,
        Recovery::Refused => {
            if model.owed == Owed::View {
                let message =
                    "recover refused the view of a failover that was promised; expected it whole";
                findings.report(NAME, Side::Secondary, message.to_owned());
            }
            return;
        }
        // To say that the disk alone is true serves no view but what is on the disk.
        Recovery::DiskAlone if model.owed == Owed::Nothing && !model.spent_perhaps => {}
        Recovery::DiskAlone if model.owed != Owed::View => return,
        Recovery::Committed | Recovery::DiskAlone => {}
    }
    if model.owed == Owed::Nothing {
        let message =
            "recover served a view whose guest's memory was gone with the host; expected a refusal";
        return findings.report(NAME, Side::Secondary, message.to_owned());
    }
    let Some(view) = &model.view else { return };
    for sector in 0..view.len() {
        let found = on_disk(sight.world, DiskId::Secondary, sector);
        // What maps hold of writes that were not flushed is gone with the process, too.
        if let Err(what) = may_be_left(sight, view, sector, found, true) {
            let message =
                format!("after recover sector {sector} of the secondary disk holds {what}");
            return findings.report_at(NAME, Side::Secondary, sector, message);
        }
    }
}

fn emptied(sight: &Sight<'_>, disk: DiskId, findings: &mut Findings) {
    let model = sight.model;
    let starting = model.stage_of(Side::Secondary);
    if model.owed == Owed::View && matches!(starting, Some(Stage::None | Stage::Running)) {
        let message = format!(
            "start emptied {}, which held part of a view that is owed to the secondary guest; expected a refusal",
            disk.name()
        );
        findings.report(NAME, Side::Secondary, message);
    }
}
