//! Every request in every stage (spec 2.5): answer, where it went, get_error after it.
//!
//! On the secondary, sector 0 is in active, sectors 2..4 are in hidden, the others in neither.

use colo_core::Quirk::{
    CancelCountsAsLoss as CCL, FlushMissesSplitWrites as FMS, PlannedStopCancelsFirst as PSC,
    TornCheckpoint as TORN, UnfencedExport as UNFENCED,
};
use colo_core::{DiskId, EmptyFailure, Errno, Quirk, UserId};

use crate::bench::{Bench, Do, Kind};
use crate::messages::*;
use crate::table::*;

const GUEST: UserId = UserId::Guest;
const EXPORT: UserId = UserId::Export;
const READ_0: Do = Do::Read(GUEST, 0, 1);
const READ_2: Do = Do::Read(GUEST, 2, 1);
const READ_6: Do = Do::Read(GUEST, 6, 1);
const WRITE_0: Do = Do::Write(GUEST, 0, 1);
const WRITE_6: Do = Do::Write(GUEST, 6, 1);
const WRITE_ALL: Do = Do::Write(GUEST, 0, 8);
const FLUSH: Do = Do::Flush(GUEST);
const FORWARDED_2: Do = Do::Write(EXPORT, 2, 1);
const FORWARDED_4: Do = Do::Write(EXPORT, 4, 1);
const READ_BELOW: Do = Do::Read(EXPORT, 4, 1);
const FLUSH_BELOW: Do = Do::Flush(EXPORT);
const FAIL_ACTIVE_READ: Do = Do::Fail(DiskId::Active, Kind::R);
const FAIL_ACTIVE: Do = Do::Fail(DiskId::Active, Kind::W);
const FAIL_ACTIVE_FLUSH: Do = Do::Fail(DiskId::Active, Kind::F);
const FAIL_BELOW_READ: Do = Do::Fail(DiskId::Secondary, Kind::R);
const FAIL_BELOW: Do = Do::Fail(DiskId::Secondary, Kind::W);
const FAIL_BELOW_FLUSH: Do = Do::Fail(DiskId::Secondary, Kind::F);
const FAIL_HIDDEN: Do = Do::Fail(DiskId::Hidden, Kind::W);
const EJECT_HIDDEN: Do = Do::Eject(DiskId::Hidden);
const EJECT: Do = Do::Eject(DiskId::Active);
const EMPTYING_FAILS: Do = Do::FailEmptying(DiskId::Hidden, EmptyFailure::Nothing, Errno::Io);
const HALF_OF_ACTIVE: Do = Do::FailEmptying(DiskId::Active, EmptyFailure::Half, Errno::NoSpace);
const ALL_OF_HIDDEN: Do = Do::FailEmptying(DiskId::Hidden, EmptyFailure::All, Errno::Io);
const ACTIVE_GOES: Do = Do::FailEmptying(DiskId::Active, EmptyFailure::Ejected, Errno::NoSpace);
const EIO: &str = "EIO";
const ENOSPC: &str = "ENOSPC";
const ENOMEDIUM: &str = "ENOMEDIUM";
const LOSS: &[Quirk] = &[CCL];
const PLANNED: &[Quirk] = &[PSC, CCL];

#[rustfmt::skip]
pub(crate) const PRIMARY: &[Row] = &[
    row(PN, &[READ_0], EIO, "-", M21),
    row(PN, &[WRITE_0], EIO, "-", M21),
    row(PN, &[FLUSH], OK, "link", M21),

    row(PR, &[READ_0], EIO, "-", OK),
    row(PR, &[WRITE_0], OK, "link 0", OK),
    row(PR, &[FAIL_BELOW, WRITE_0], OK, "link 0", M22),
    row(PR, &[FLUSH], OK, "link", OK),
    row(PR, &[FAIL_BELOW_FLUSH, FLUSH], ENOSPC, "link", OK),

    row(PD, &[READ_0], EIO, "-", OK),
    row(PD, &[WRITE_0], EIO, "-", OK),
    row(PD, &[FLUSH], OK, "link", OK),
];

#[rustfmt::skip]
pub(crate) const SECONDARY: &[Row] = &[
    row(SN, &[READ_0], EIO, "-", M21),
    row(SN, &[WRITE_0], EIO, "-", M21),
    row(SN, &[FLUSH], OK, "active", M21),

    row(SR, &[READ_0], OK, "active 0", OK),
    row(SR, &[READ_2], OK, "hidden 2", OK),
    row(SR, &[READ_6], OK, "secondary 6", OK),
    row(SR, &[WRITE_0], OK, "active 0", OK),
    row(SR, &[WRITE_6], OK, "active 6", OK),
    row(SR, &[FLUSH], OK, "active", OK),
    row(SR, &[FAIL_ACTIVE_READ, READ_0], ENOSPC, "active 0", OK),
    row(SR, &[FAIL_ACTIVE, WRITE_6], ENOSPC, "active 6", OK),
    row(SR, &[FAIL_ACTIVE_FLUSH, FLUSH], ENOSPC, "active", OK),
    row(SR, &[EJECT, READ_6], ENOMEDIUM, "-", OK),
    row(SR, &[EJECT, WRITE_6], ENOMEDIUM, "-", OK),
    row(SR, &[EJECT_HIDDEN, READ_2], ENOMEDIUM, "-", OK),
    row(SR, &[EJECT_HIDDEN, READ_6], ENOMEDIUM, "-", OK),

    row(SR_LOST, &[READ_2], OK, "hidden 2", M22),
    row(SR_LOST, &[WRITE_6], OK, "active 6", M22),
    row(SR_LOST, &[FLUSH], OK, "active", M22),

    row(SF, &[READ_0], OK, "active 0", M22).but(LOSS, OK, "active 0", OK),
    row(SF, &[READ_2], OK, "hidden 2", M22).but(LOSS, OK, "hidden 2", OK),
    row(SF, &[READ_6], OK, "secondary 6", M22).but(LOSS, OK, "secondary 6", OK),
    row(SF, &[WRITE_6], OK, "active 6", M22).but(LOSS, OK, "active 6", OK),
    row(SF, &[FLUSH], OK, "active", M22).but(LOSS, OK, "active", OK),

    row(SFF, &[READ_0], OK, "active 0", M22),
    row(SFF, &[READ_2], OK, "hidden 2", M22),
    row(SFF, &[READ_6], OK, "secondary 6", M22),
    row(SFF, &[WRITE_0], OK, "active 0", M22),
    row(SFF, &[WRITE_6], OK, "secondary 6", M22),
    row(SFF, &[WRITE_ALL], OK, "active 0, secondary 1, active 2..4, secondary 4..8", M22),
    row(SFF, &[FAIL_BELOW, WRITE_ALL], ENOSPC, "active 0, secondary 1", M22),
    row(SFF, &[FAIL_ACTIVE, WRITE_ALL], ENOSPC, "active 0", M22),
    row(SFF, &[FLUSH], OK, "active", M22).but(&[FMS], OK, "active, secondary", M22),
    row(SFF, &[FAIL_BELOW_FLUSH, FLUSH], OK, "active", M22)
        .but(&[FMS], ENOSPC, "active, secondary", M22),

    row(SD, &[READ_0], OK, "secondary 0", OK),
    row(SD, &[WRITE_6], OK, "secondary 6", OK),
    row(SD, &[FLUSH], OK, "secondary", OK),

    row(SD_PLANNED, &[READ_0], OK, "active 0", M22).but(PLANNED, OK, "secondary 0", OK),
    row(SD_PLANNED, &[WRITE_6], OK, "active 6", M22).but(PLANNED, OK, "secondary 6", OK),
    row(SD_PLANNED, &[FLUSH], OK, "active", M22).but(PLANNED, OK, "secondary", OK),
];

/// What arrives at the export, below the filter (spec section 3).
#[rustfmt::skip]
pub(crate) const FORWARDED: &[Row] = &[
    row(SN, &[FORWARDED_4], OK, "secondary 4", M21),
    row(SR, &[READ_BELOW], OK, "secondary 4", OK),
    row(SR, &[FORWARDED_4], OK, "hidden 4..6, secondary 4", OK),
    row(SR, &[FORWARDED_2], OK, "secondary 2", OK),
    row(SR, &[FLUSH_BELOW], OK, "secondary", OK),
    // What fails here reaches neither the job nor `error`, and leaves the secondary disk alone.
    row(SR, &[FAIL_BELOW_READ, FORWARDED_4], ENOSPC, "-", OK),
    row(SR, &[FAIL_HIDDEN, FORWARDED_4], ENOSPC, "hidden 4..6", OK),
    row(SR, &[EJECT_HIDDEN, FORWARDED_4], ENOMEDIUM, "-", OK),
    row(SR, &[FAIL_BELOW, FORWARDED_4], ENOSPC, "hidden 4..6, secondary 4", OK),
    row(SR_LOST, &[FORWARDED_4], OK, "secondary 4", M22).but(&[UNFENCED], EIO, "-", M22),
    row(SFF, &[FORWARDED_4], OK, "secondary 4", M22).but(&[UNFENCED], EIO, "-", M22),
    row(SD, &[FORWARDED_4], OK, "secondary 4", OK).but(&[UNFENCED], EIO, "-", M22),
];

/// What a checkpoint that failed has done nevertheless (spec 2.2: nothing is undone).
#[rustfmt::skip]
pub(crate) const TORN_CHECKPOINT: &[Row] = &[
    // The bitmap is armed before active is looked at: what was copied is copied again.
    row(SR, &[EJECT, CHECKPOINT, FORWARDED_2], OK, "hidden 2..4, secondary 2", OK)
        .but(&[TORN, Quirk::CheckpointFailureUntold], OK, "secondary 2", M22),
    // Active is empty, hidden is not.
    row(SR, &[EMPTYING_FAILS, CHECKPOINT, READ_0], OK, "secondary 0", OK)
        .but(&[TORN, Quirk::CheckpointFailureUntold], OK, "active 0", M22),
    row(SR, &[EMPTYING_FAILS, CHECKPOINT, READ_2], OK, "hidden 2", OK)
        .but(&[Quirk::CheckpointFailureUntold], OK, "hidden 2", M22),
    // An emptying that answers an error has dropped half of the overlay, or all, or its format layer.
    row(SR, &[HALF_OF_ACTIVE, CHECKPOINT, READ_0], OK, "secondary 0", OK)
        .but(&[TORN, Quirk::CheckpointFailureUntold], OK, "active 0", M22),
    row(SR, &[ALL_OF_HIDDEN, CHECKPOINT, READ_2], OK, "secondary 2", OK)
        .but(&[TORN, Quirk::CheckpointFailureUntold], OK, "hidden 2", M22),
    row(SR, &[ACTIVE_GOES, CHECKPOINT, READ_6], ENOMEDIUM, "-", OK)
        .but(&[Quirk::CheckpointFailureUntold], ENOMEDIUM, "-", M22),
    row(SR, &[CHECKPOINT, READ_0], OK, "secondary 0", OK),
    row(SR, &[CHECKPOINT, READ_2], OK, "secondary 2", OK),
    row(SR, &[CHECKPOINT, FORWARDED_2], OK, "hidden 2..4, secondary 2", OK),
];

const DISCARD: Do = Do::Discard(GUEST, 0, 4);

/// Dropped with success, and nobody hears of it.
#[rustfmt::skip]
pub(crate) const DISCARDED: &[Row] = &[
    row(PN, &[DISCARD], OK, "-", M21),
    row(PR, &[DISCARD], OK, "-", OK),
    row(PR_LOST, &[DISCARD], OK, "-", M22),
    row(PD, &[DISCARD], OK, "-", OK),
    row(SN, &[DISCARD], OK, "-", M21),
    row(SR, &[DISCARD], OK, "-", OK),
    row(SR_LOST, &[DISCARD], OK, "-", M22),
    row(SF, &[DISCARD], OK, "-", M22).but(LOSS, OK, "-", OK),
    row(SFF, &[DISCARD], OK, "-", M22),
    row(SD, &[DISCARD], OK, "-", OK),
    row(SR, &[Do::Discard(GUEST, 7, 2)], "EINVAL", "-", OK),
];

#[test]
fn discards_stage_by_stage() {
    check(DISCARDED, Bench::place);
}

#[test]
fn the_primarys_requests_stage_by_stage() {
    check(PRIMARY, Bench::place);
}

#[test]
fn the_secondarys_requests_stage_by_stage() {
    check(SECONDARY, Bench::place);
}

#[test]
fn forwarded_requests_stage_by_stage() {
    check(FORWARDED, Bench::place);
}

#[test]
fn a_checkpoint_that_fails_half_way() {
    check(TORN_CHECKPOINT, Bench::place);
}
