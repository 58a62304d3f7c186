//! The checkpoint core's order (spec 2.2), and how the jobs end (spec 2.6 to 2.8).

use colo_core::Quirk::{
    BlockedTopDeleted as BTD, CancelCountsAsLoss as CCL, CheckpointFailureUntold as CFU,
    CleanupByName as CBN, FailedFailoverIsFinal as FFF, FailoverNotDurable as FND,
    FailoverWithoutCommit as FWC, PlannedStopCancelsFirst as PSC, TouchesEjected as TE,
    UnmarkedOverlays as UNMARKED,
};
use colo_core::{Admin, DiskId, EmptyFailure, Errno, GUEST, Name, PARENT, UserId, UserKind};

use crate::bench::{Bench, Do, Kind};
use crate::messages::*;
use crate::table::*;

const ACTIVE_FAILS: Do = Do::FailEmptying(DiskId::Active, EmptyFailure::Nothing, Errno::NoSpace);
const HIDDEN_FAILS: Do = Do::FailEmptying(DiskId::Hidden, EmptyFailure::Nothing, Errno::Io);
const ACTIVE_GOES: Do = Do::FailEmptying(DiskId::Active, EmptyFailure::Ejected, Errno::NoSpace);
const EJECT_ACTIVE: Do = Do::Eject(DiskId::Active);
const EJECT_HIDDEN: Do = Do::Eject(DiskId::Hidden);
const RELEASE: Do = Do::Release(DiskId::Secondary, Kind::W);
const RELEASE_READ: Do = Do::Release(DiskId::Active, Kind::R);
const FAIL_BELOW: Do = Do::Fail(DiskId::Secondary, Kind::W);
const FAIL_BELOW_READ: Do = Do::Fail(DiskId::Active, Kind::R);
const FAIL_BELOW_FLUSH: Do = Do::Fail(DiskId::Secondary, Kind::F);
const FAIL_ACTIVE: Do = Do::Fail(DiskId::Active, Kind::W);
const REMOVE_GUEST: Do = Do::Ask(Admin::Detach { user: GUEST });
const REMOVE_PARENT: Do = Do::Ask(Admin::Detach { user: PARENT });
const REMOVE_READER: Do = Do::Ask(Admin::Detach { user: Name::new("ro0") });
const ACTIVE_READER: Do = Do::Ask(Admin::Attach {
    user: Name::new("ro0"),
    kind: UserKind::ReadOnlyExport,
    node: Name::new("active"),
});
const ANOTHER_GUEST: Do =
    Do::Ask(Admin::Attach { user: GUEST, kind: UserKind::Drive, node: Name::new("secondary") });
const HOLD: Do = Do::Hold(DiskId::Secondary, Kind::W);
const FORWARDED: Do = Do::Write(UserId::Export, 4, 1);
const HOLD_READ: Do = Do::Hold(DiskId::Active, Kind::R);
const READ: Do = Do::Read(UserId::Guest, 0, 1);
const RUNS: &str = "R backup blocked hidden-rw";

/// Spec 2.2: of two steps that would fail, the earlier one does. The stage never changes.
#[rustfmt::skip]
pub(crate) const CHECKPOINT_ORDER: &[Row] = &[
    row(SR, &[Do::CancelBackup, EJECT_ACTIVE, ACTIVE_FAILS, CHECKPOINT], M15, "R", M22),
    row(SR, &[EJECT_ACTIVE, EJECT_HIDDEN, ACTIVE_FAILS, CHECKPOINT], M17, RUNS, OK)
        .but(&[CFU], M17, RUNS, M22),
    row(SR, &[ACTIVE_FAILS, EJECT_HIDDEN, CHECKPOINT], M18_ACTIVE, RUNS, OK)
        .but(&[CFU], M18_ACTIVE, RUNS, M22),
    row(SR, &[ACTIVE_FAILS, HIDDEN_FAILS, CHECKPOINT], M18_ACTIVE, RUNS, OK)
        .but(&[CFU], M18_ACTIVE, RUNS, M22),
    row(SR, &[ACTIVE_GOES, CHECKPOINT], M18_ACTIVE, RUNS, OK)
        .but(&[CFU], M18_ACTIVE, RUNS, M22),
    row(SR, &[ACTIVE_GOES, CHECKPOINT, CHECKPOINT], M17, RUNS, OK)
        .but(&[CFU], M17, RUNS, M22),
    row(SR, &[EJECT_HIDDEN, HIDDEN_FAILS, CHECKPOINT], M19, RUNS, OK)
        .but(&[CFU], M19, RUNS, M22),
    row(SR, &[HIDDEN_FAILS, CHECKPOINT], M18_HIDDEN, RUNS, OK)
        .but(&[CFU], M18_HIDDEN, RUNS, M22),
    // A fault that is gone is gone, and so is what was told.
    row(SR, &[HIDDEN_FAILS, CHECKPOINT, CHECKPOINT], OK, RUNS, OK),
];

/// Spec 2.7: the backup job ends by itself never, by others at any time.
#[rustfmt::skip]
pub(crate) const BACKUP_ENDS: &[Row] = &[
    row(SR, &[Do::CancelBackup], "-", "R", M22),
    row(SR, &[REMOVE_PARENT], OK, "R", M22).on(|w| w.parent = Some(UserKind::DriveDevice)),
    row(SR, &[Do::CancelBackup], "-", "R secondary-ro", M22).on(|w| {
        (w.secondary_read_only, w.parent) = (true, Some(UserKind::Drive));
    }),
    row(SR, &[Do::CancelBackup], "-", "R hidden-rw", M22).on(|w| w.hidden_read_only = false),
    // The top is not found by its name any more.
    row(SR, &[REMOVE_GUEST, Do::CancelBackup], OK, "R blocked hidden-rw", M22)
        .but(&[CBN], OK, "R", M22)
        .on(|w| (w.guest, w.guest_owns_top) = (UserKind::DriveDevice, false)),
    // Another node has its name by now: that one is unblocked.
    row(SR, &[REMOVE_GUEST, ANOTHER_GUEST, Do::CancelBackup], OK, "R blocked", M22)
        .but(&[CBN], OK, "R", M22)
        .on(|w| (w.guest, w.guest_owns_top) = (UserKind::DriveDevice, false)),
    row(SR, &[EJECT_HIDDEN, Do::CancelBackup], "-", "R hidden-rw ABORT an ejected node was reopened, or its permissions changed", "-")
        .but(&[TE], "-", "R hidden-rw", M22),
    row(SR, &[EJECT_ACTIVE, Do::CancelBackup], "-", "R", M22),
    // Removing the guest's device takes the top along, blocked or not.
    row(SN, &[REMOVE_GUEST], OK, "N closed", CLOSED)
        .on(|w| w.guest = UserKind::DriveDevice),
    row(SR, &[REMOVE_GUEST], "waits", "R backup blocked hidden-rw ABORT a node was deleted while it was blocked", "-")
        .but(&[BTD, CBN, PSC], OK, "R>D pivoted closed", CLOSED)
        .on(|w| w.guest = UserKind::DriveDevice),
    row(SR, &[REMOVE_GUEST], M23, RUNS, OK),
    row(SD, &[REMOVE_GUEST], OK, "D pivoted closed", CLOSED),
];

/// Spec 2.8, and S1 of 2.4: a failover begins, and ends.
#[rustfmt::skip]
pub(crate) const COMMIT_ENDS: &[Row] = &[
    row(SF, &[RELEASE], "-", "F>D pivoted", OK),
    row(SF, &[FAIL_BELOW, RELEASE], "-", "F>FF", M22),
    row(SF, &[Do::CancelCommit], "-", "F commit", M22).but(&[CCL], "-", "F commit", OK),
    row(SF, &[Do::CancelCommit, RELEASE], "-", "F>FF", M22),
    row(SF_READY, &[RELEASE_READ], "-", "F>D pivoted", OK),
    row(SF_READY, &[Do::CancelCommit, RELEASE_READ], "-", "F>D pivoted", OK),
    row(SF_READY, &[CLOSE, RELEASE_READ], OK, "F>D pivoted closed", CLOSED),
    row(SR, &[FAIL_BELOW, FAILOVER], OK, "R>F>FF", M22),
    row(SR, &[FAIL_BELOW_READ, FAILOVER], OK, "R>F>FF", M22),
    row(SR, &[FAIL_BELOW_FLUSH, FAILOVER], OK, "R>F>FF", M22)
        .but(&[FND], SECONDARY_NOT_DURABLE, "R", M22),
    row(SR_CLEAN, &[FAIL_ACTIVE, FAILOVER], OK, "R>F>D pivoted", OK)
        .but(&[FND, UNMARKED], MARK, "R", M22),
    row(SR_CLEAN, &[FAIL_ACTIVE, STOP], M15, "R>D", M22)
        .but(&[PSC, UNMARKED], MARK, "R", M22),
    // The base was read-only: the commit opens it and leaves it open.
    row(SR, &[FAILOVER], OK, "R>F>D pivoted", OK).on(|w| {
        (w.secondary_read_only, w.parent) = (true, Some(UserKind::Drive));
    }),
    row(SR, &[FAIL_BELOW, FAILOVER], OK, "R>F>FF", M22).on(|w| {
        (w.secondary_read_only, w.parent) = (true, Some(UserKind::Drive));
    }),
    // The commit cannot start.
    row(SR_READER, &[FAILOVER], M24, "R>F", M22)
        .but(&[FWC], M24, RUNS, OK),
    row(SR_READER, &[FAILOVER], M24, "R>F secondary-ro", M22)
        .but(&[FWC], M24, RUNS, OK)
        .on(|w| (w.secondary_read_only, w.parent) = (true, Some(UserKind::Drive))),
    row(SF_NO_COMMIT, &[START_S], OK, "F", M22).but(&[FWC], M5, RUNS, OK),
    row(SF_NO_COMMIT, &[CHECKPOINT], OK, "F", M22).but(&[FWC], OK, RUNS, OK),
    row(SF_NO_COMMIT, &[GET_ERROR], M22, "F", M22).but(&[FWC], OK, RUNS, OK),
    row(SF_NO_COMMIT, &[STOP], OK, "F", M22).but(&[FWC, PSC, CCL], OK, "R>D pivoted", OK),
    row(SF_NO_COMMIT, &[FAILOVER], OK, "F", M22).but(&[FWC], M24, RUNS, OK),
    row(SF_NO_COMMIT, &[REMOVE_READER, FAILOVER], OK, "F", M22)
        .but(&[FWC], OK, "R>F>D pivoted", OK),
    row(SF_NO_COMMIT, &[CLOSE], "waits", "F ABORT close in FAILOVER without a commit job", "-")
        .but(&[FWC, PSC], OK, "R>D pivoted closed", CLOSED),
    row(SFF, &[FAILOVER, GET_ERROR], M22, "FF", M22).but(&[FFF], OK, "FF>F>D pivoted", OK),
    // Who uses active moves above the commit.
    row(SR, &[ACTIVE_READER, FAILOVER], OK, "R>F>D pivoted", OK),
    // An overlay is ejected.
    row(SR, &[EJECT_ACTIVE, FAILOVER], "waits", "R>F ABORT an ejected node was reopened, or its permissions changed", "-")
        .but(&[TE], ACTIVE_NOT_DURABLE, RUNS, OK),
    row(SR, &[EJECT_HIDDEN, FAILOVER], "waits", "R hidden-rw ABORT an ejected node was reopened, or its permissions changed", "-")
        .but(&[TE], HIDDEN_NOT_DURABLE, RUNS, OK),
];

/// Spec 2.4 and 2.6: what waits for requests in flight, and what goes on meanwhile.
#[rustfmt::skip]
pub(crate) const WAITS: &[Row] = &[
    // A close drains the guest, then does what a planned stop does.
    row(SR, &[HOLD_READ, READ, CLOSE], "waits", RUNS, "waits"),
    row(SR, &[HOLD_READ, READ, CLOSE, RELEASE_READ], OK, "R>D closed", CLOSED)
        .but(&[PSC], OK, "R>D pivoted closed", CLOSED),
    // The cancellation waits for forwarded writes, with the stage still R; the guest goes on.
    row(SR, &[HOLD, FORWARDED, STOP], "waits", RUNS, "waits"),
    row(SR, &[HOLD, FORWARDED, FAILOVER], "waits", RUNS, "waits"),
    row(SR, &[HOLD, FORWARDED, FAILOVER, READ], OK, RUNS, "waits"),
    row(SR, &[HOLD, FORWARDED, STOP, RELEASE], M15, "R>D", M22)
        .but(&[PSC, CCL], OK, "R>D pivoted", OK),
    row(SR, &[HOLD, FORWARDED, FAILOVER, RELEASE], OK, "R>F>D pivoted", OK),
];

#[test]
fn what_waits_for_requests_in_flight() {
    check(WAITS, Bench::state);
}

#[test]
fn of_two_failing_steps_of_a_checkpoint_the_earlier_one_tells() {
    check(CHECKPOINT_ORDER, Bench::state);
}

#[test]
fn the_backup_job_ends() {
    check(BACKUP_ENDS, Bench::state);
}

#[test]
fn the_commit_job_ends() {
    check(COMMIT_ENDS, Bench::state);
}
