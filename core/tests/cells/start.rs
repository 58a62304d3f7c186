//! start on every graph that it refuses, in the order of its checks, and what it leaves (spec 2.3).

use colo_core::Quirk::{
    BlockerLeftSet as BLS, EmptiesWithoutWrite as EWW, FailedStartKeepsRunning as FSK,
    FailoverNotDurable as FND, UnmarkedOverlays as UNMARKED,
};
use colo_core::{
    Admin, DiskId, EmptyFailure, Errno, Format, JobType, Name, TOP, UserId, UserKind, Wiring,
};

use crate::bench::{Bench, Do, Kind};
use crate::messages::*;
use crate::table::*;

/// Everything that only a start can see is wrong, from this point of its order on.
fn m7(wiring: &mut Wiring) {
    wiring.active = Format::Raw;
    wiring.hidden = Format::Raw;
    m9(wiring);
}
fn m8(wiring: &mut Wiring) {
    wiring.hidden = Format::Raw;
    wiring.active = Format::Fixed;
    m9(wiring);
}
fn m9(wiring: &mut Wiring) {
    wiring.export = false;
    m10(wiring);
}
fn m10(wiring: &mut Wiring) {
    wiring.hidden_is_short = true;
    m11(wiring);
}
fn m11(wiring: &mut Wiring) {
    if wiring.hidden == Format::Overlay {
        wiring.hidden = Format::Fixed;
    }
    m12(wiring);
}
fn m12(wiring: &mut Wiring) {
    wiring.hidden_protected = true;
    m13(wiring);
}
fn m13(wiring: &mut Wiring) {
    wiring.top_id = Name::new("nobody");
}

const JOB: Do = Do::Ask(Admin::StartJob {
    job: Name::new("job0"),
    kind: JobType::Backup,
    node: Name::new("secondary"),
});
const JOB_ON_HIDDEN: Do = Do::Ask(Admin::StartJob {
    job: Name::new("job0"),
    kind: JobType::Backup,
    node: Name::new("hidden"),
});
const JOB_ENDS: Do = Do::Ask(Admin::CancelJob { job: Name::new("job0") });
const EXPORT_GOES: Do = Do::Ask(Admin::Detach { user: colo_core::EXPORT });
const EMPTYING_FAILS: Do = Do::FailEmptying(DiskId::Active, EmptyFailure::Nothing, Errno::NoSpace);
const HIDDEN_EMPTYING_FAILS: Do =
    Do::FailEmptying(DiskId::Hidden, EmptyFailure::Nothing, Errno::Io);
const BLOCKER: &str = "N hidden-rw ABORT start while a blocker of an earlier one is set";

/// One thing wrong, alone; then that and everything that comes after it: the earlier message wins.
#[rustfmt::skip]
pub(crate) const REFUSED: &[Row] = &[
    row(NEW, &[START_S], M7, "N", M21).on(|w| w.active = Format::Raw),
    row(NEW, &[START_S], M8, "N", M21).on(|w| w.hidden = Format::Raw),
    row(NEW, &[START_S], M9, "N", M21).on(|w| w.export = false),
    row(NEW, &[EXPORT_GOES, START_S], M9, "N", M21),
    row(NEW, &[START_S], M10, "N", M21).on(|w| w.hidden_is_short = true),
    row(NEW, &[Do::Eject(DiskId::Active), START_S], M10, "N", M21),
    row(NEW, &[Do::Eject(DiskId::Hidden), START_S], M10, "N", M21),
    row(NEW, &[START_S], M11, "N", M21).on(|w| w.active = Format::Fixed),
    row(NEW, &[START_S], M11, "N", M21).on(|w| w.hidden = Format::Fixed),
    row(NEW, &[START_S], M12, "N", M21).on(|w| w.hidden_protected = true),
    row(NEW, &[START_S], M12, "N secondary-ro", M21).on(|w| {
        (w.secondary_read_only, w.secondary_protected) = (true, true);
        w.parent = Some(UserKind::Drive);
    }),
    row(NEW, &[START_S], M13, "N", M21).on(|w| w.top_id = Name::new("nobody")),
    row(NEW, &[START_S], M13, "N", M21).on(|w| w.top_id = colo_core::FILTER),
    row(NEW, &[START_S], M13, "N", M21).on(|w| w.top_id = Name::new("active")),
    row(NEW, &[START_S], M13, "N", M21).on(|w| w.top_id = Name::new("secondary")),
    row(NEW, &[JOB, START_S], M14_NODE, "N", M21),
    row(NEW, &[JOB, START_S], M14_DEVICE, "N", M21).on(|w| w.parent = Some(UserKind::DriveDevice)),
    row(NEW, &[JOB_ON_HIDDEN, START_S], HIDDEN_BUSY, "N", M21),

    row(NEW, &[START_P], M6_SECONDARY, "N", M21).on(m7),
    row(NEW, &[START_S], M7, "N", M21).on(m7),
    row(NEW, &[START_S], M8, "N", M21).on(m8),
    row(NEW, &[START_S], M9, "N", M21).on(m9),
    row(NEW, &[START_S], M10, "N", M21).on(m10),
    row(NEW, &[START_S], M11, "N", M21).on(m11),
    row(NEW, &[JOB, START_S], M12, "N", M21).on(m12),
    row(NEW, &[JOB, START_S], M13, "N", M21).on(m13),
    row(NEW, &[JOB, EMPTYING_FAILS, START_S], M14_NODE, "N", M21),
    row(NEW, &[EMPTYING_FAILS, HIDDEN_EMPTYING_FAILS, START_S], M18_ACTIVE, "N>R backup blocked hidden-rw", OK)
        .but(&[FSK], M18_ACTIVE, "N", M21),
    row(NEW, &[HIDDEN_EMPTYING_FAILS, START_S], M18_HIDDEN, "N>R backup blocked hidden-rw", OK)
        .but(&[FSK], M18_HIDDEN, "N", M21),
];

/// Graphs that are unusual, and right.
#[rustfmt::skip]
pub(crate) const ACCEPTED: &[Row] = &[
    row(NEW, &[START_S], OK, "N>R backup blocked hidden-rw", OK).on(|w| w.top_id = TOP),
    row(NEW, &[START_S], OK, "N>R backup blocked hidden-rw", OK).on(|w| {
        (w.export, w.parent) = (false, Some(UserKind::Drive));
    }),
    row(NEW, &[START_S], OK, "N>R backup blocked hidden-rw", OK).on(|w| {
        (w.secondary_read_only, w.parent) = (true, Some(UserKind::Drive));
    }),
    row(NEW, &[START_S], OK, "N>R backup blocked hidden-rw", OK).on(|w| w.hidden_read_only = false),
    row(NEW, &[START_S], "waits", "N>R backup blocked hidden-rw ABORT an overlay was emptied without permission to write", "-").on(|w| w.filter_read_only = true)
        .but(&[EWW], READ_ONLY, "N", M21),
    // The overlays of a host that died in a failover: the seed empties them.
    row(SF, &[Do::Restart, START_S], OK, "N>R backup blocked hidden-rw", OK)
        .but(&[FND, UNMARKED], OWED, "N", M21),
];

/// A second start after one that failed.
#[rustfmt::skip]
pub(crate) const AGAIN: &[Row] = &[
    // Nothing was changed before the blocker was made.
    row(NEW, &[START_S, START_S], M7, "N", M21).on(m7),
    row(NEW, &[START_S, START_S], M11, "N", M21).on(m11),
    row(NEW, &[START_S, START_S], M12, "N", M21).on(m12),
    row(NEW, &[START_S, START_S], "waits", BLOCKER, "-").on(m13)
        .but(&[BLS], M13, "N", M21),
    row(NEW, &[JOB, START_S, START_S], "waits", BLOCKER, "-")
        .but(&[BLS], M14_NODE, "N", M21),
    row(NEW, &[JOB, START_S, JOB_ENDS, START_S], "waits", BLOCKER, "-")
        .but(&[BLS], OK, "N>R backup blocked hidden-rw", OK),
    row(NEW, &[EMPTYING_FAILS, START_S, START_S], M5, "N>R backup blocked hidden-rw", OK)
        .but(&[FSK, BLS], OK, "N>R backup blocked hidden-rw", OK),
];

/// A start that comes while a forwarded write is in flight waits for it.
#[rustfmt::skip]
pub(crate) const DRAINED: &[Row] = &[
    row(NEW, &[
        Do::Hold(DiskId::Secondary, Kind::W),
        Do::Write(UserId::Export, 2, 1),
        START_S,
    ], "waits", "N", "waits"),
    row(NEW, &[
        Do::Hold(DiskId::Secondary, Kind::W),
        Do::Write(UserId::Export, 2, 1),
        START_S,
        Do::Release(DiskId::Secondary, Kind::W),
    ], OK, "N>R backup blocked hidden-rw", OK),
];

#[test]
fn every_refusal_alone_and_before_the_later_ones() {
    check(REFUSED, Bench::state);
}

#[test]
fn unusual_graphs() {
    check(ACCEPTED, Bench::state);
}

#[test]
fn a_second_start() {
    check(AGAIN, Bench::state);
}

#[test]
fn a_start_drains_the_export() {
    check(DRAINED, Bench::state);
}
