//! `acknowledged`: a guest reads what it was told is written.

use colo_core::{DiskId, Event, Extent, Payload, Stage, UserId, UserRequest};
use colo_sim::world::{Side, Stamp, What};

use crate::oracle::available::is_within_disk;
use crate::oracle::model::on_disk;
use crate::oracle::{Findings, Sight};

pub(super) const HOLDS: &str = "a write acknowledged to a guest is readable by that guest; success with the data nowhere is a violation";

const NAME: &str = "acknowledged";

pub(super) fn check(sight: &Sight<'_>, findings: &mut Findings) {
    let (What::Event(event), Some(side)) = (&sight.entry.what, sight.entry.side) else { return };
    let Event::Answered { user: UserId::Guest, request, result: Ok(bytes) } = event else { return };
    if side == Side::Secondary && sight.model.is_stray(*request) {
        let message = "a request of the secondary guest was served, and there is no view to serve";
        return findings.report(NAME, side, message.to_owned());
    }
    if bytes.is_empty() {
        written(sight, side, *request, findings);
    } else {
        read(sight, side, *request, bytes, findings);
    }
}

fn read(
    sight: &Sight<'_>,
    side: Side,
    request: UserRequest,
    bytes: &Payload,
    findings: &mut Findings,
) {
    let model = sight.model;
    let Some((since, extent)) = model.pending(side, UserId::Guest, request) else { return };
    if !is_within_disk(sight, extent) {
        let message =
            format!("a read of the {} guest past the end of its disk was served", side.name());
        return findings.report(NAME, side, message);
    }
    let register = model.register_of(side, UserId::Guest).expect("it knows the request");
    let over = model.stage_of(side).is_some_and(|stage| stage != Stage::Done);
    if side == Side::Secondary && over && model.active_ejected.is_some_and(|lost| since > lost) {
        let message = "a read of the secondary guest was served by an overlay without its format layer; expected ENOMEDIUM";
        return findings.report(NAME, side, message.to_owned());
    }
    if side == Side::Secondary && (model.view_changing() || model.view_lost.is_some()) {
        return;
    }
    let size = bytes.len() / extent.len as usize;
    for (sector, found) in (extent.at..extent.end()).zip(bytes.chunks(size)) {
        let found = Stamp::of(found);
        if !register.may_show(sector, since, found) {
            let message = format!(
                "the {} guest read sector {sector} and got {}; expected {}",
                side.name(),
                model.describe(sector, found),
                model.describe_any(sector, &register.possible(sector, since)),
            );
            return findings.report_at(NAME, side, sector, message);
        }
    }
}

/// The primary's local disk is the only one its guest reads: an acknowledged write is there at once.
fn written(sight: &Sight<'_>, side: Side, request: UserRequest, findings: &mut Findings) {
    let model = sight.model;
    if side != Side::Primary {
        return;
    }
    let Some((sent, Extent { at, len })) = model.pending(side, UserId::Guest, request) else {
        return;
    };
    // What was there before this write was sent can be there no more.
    for sector in at..at + u64::from(len) {
        let found = on_disk(sight.world, DiskId::Local, sector);
        if !model.primary.recent(sector, sent, found) {
            let message = format!(
                "a write to sector {sector} was acknowledged to the primary guest, and the local disk holds {}",
                model.describe(sector, found),
            );
            return findings.report_at(NAME, side, sector, message);
        }
    }
}
