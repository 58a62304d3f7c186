//! The commands of operators, and what the blockers and permissions of a stage say to them.

use colo_core::Quirk::{CancelCountsAsLoss as CCL, PlannedStopCancelsFirst as PSC};
use colo_core::{Admin, DiskId, FILTER, GUEST, JobType, Name, TOP, UserKind};

use crate::bench::{Bench, Do, Kind};
use crate::messages::*;
use crate::table::*;

const fn attach(user: &str, kind: UserKind, node: &str) -> Do {
    Do::Ask(Admin::Attach { user: Name::new(user), kind, node: Name::new(node) })
}
const fn detach(user: &str) -> Do {
    Do::Ask(Admin::Detach { user: Name::new(user) })
}
const fn delete(node: &str) -> Do {
    Do::Ask(Admin::DeleteNode { node: Name::new(node) })
}
const fn job(node: &str) -> Do {
    Do::Ask(Admin::StartJob {
        job: Name::new("job0"),
        kind: JobType::Backup,
        node: Name::new(node),
    })
}
const fn reopen(node: &str, read_only: bool) -> Do {
    Do::Ask(Admin::Reopen { node: Name::new(node), read_only })
}
const CANCEL_JOB: Do = Do::Ask(Admin::CancelJob { job: Name::new("job0") });
const QUIT: Do = Do::Ask(Admin::Quit);
const OPEN: Do = Do::Ask(Admin::Open);
const REMOVE: Do = Do::Ask(Admin::Remove);
const RELEASE: Do = Do::Release(DiskId::Secondary, Kind::W);
const RUNS: &str = "R backup blocked hidden-rw";

#[rustfmt::skip]
pub(crate) const COMMANDS: &[Row] = &[
    row(SN, &[attach("dev1", UserKind::Device, "nobody")], NOT_FOUND, "N", M21),
    row(SN, &[attach("colo-disk0", UserKind::Drive, "secondary")], DUPLICATE_DRIVE, "N", M21),
    row(SN, &[attach("dev1", UserKind::Export, "hidden")], NODE_READ_ONLY, "N", M21),
    row(SN, &[attach("dev1", UserKind::Device, "repl")], WRITE_CONFLICT, "N", M21),
    row(SN, &[attach("ro0", UserKind::ReadOnlyExport, "hidden")], OK, "N", M21),
    row(SF, &[attach("ro0", UserKind::ReadOnlyExport, "hidden")], M24, "F commit", M22)
        .but(&[CCL], M24, "F commit", OK),
    row(SD, &[attach("ro0", UserKind::ReadOnlyExport, "hidden")], HIDDEN_GONE, "D pivoted", OK),

    row(SN, &[detach("nobody")], NO_DEVICE, "N", M21),
    row(SN, &[detach("colo-disk0")], OK, "N closed", CLOSED),
    row(SR, &[detach("colo-disk0")], M23, RUNS, OK),
    row(SR, &[detach("nbd0")], OK, RUNS, OK),

    row(SN, &[delete("nobody")], NOT_FOUND, "N", M21),
    row(SN, &[delete("top")], IN_USE, "N", M21),
    row(SN, &[delete("active")], HAS_PARENTS, "N", M21),
    row(SR, &[delete("hidden")], HIDDEN_BUSY, RUNS, OK),
    row(SR, &[detach("colo-disk0"), delete("top")], M23_NODE, RUNS, OK)
        .on(|w| (w.guest, w.guest_owns_top, w.top_id) = (UserKind::DriveDevice, false, TOP)),

    row(SN, &[job("secondary")], OK, "N", M21),
    row(SN, &[job("secondary"), job("hidden")], DUPLICATE_JOB, "N", M21),
    row(SN, &[job("nobody")], NOT_FOUND, "N", M21),
    row(SR, &[job("colo-disk0")], M23, RUNS, OK),
    row(SR, &[job("top")], M23, RUNS, OK),
    row(SR, &[job("hidden")], HIDDEN_BUSY, RUNS, OK),
    row(SR_LOST, &[job("colo-disk0")], OK, "R", M22),
    row(SN, &[CANCEL_JOB], NO_JOB, "N", M21),
    row(SN, &[job("hidden"), CANCEL_JOB, START_S], OK, "N>R backup blocked hidden-rw", OK),

    row(SN, &[reopen("nobody", false)], NOT_FOUND, "N", M21),
    row(SN, &[reopen("hidden", false)], OK, "N hidden-rw", M21),
    row(SN, &[reopen("hidden", false), reopen("hidden", true)], OK, "N", M21),
    row(SR, &[reopen("hidden", true)], HAS_WRITER, RUNS, OK),
    row(SR, &[reopen("secondary", true)], HAS_WRITER, RUNS, OK),
    row(SN, &[reopen("hidden", false)], M12, "N", M21).on(|w| w.hidden_protected = true),
    row(SN, &[reopen("repl", true)], NOT_AN_IMAGE, "N", M21),
    row(SN, &[Do::Eject(DiskId::Hidden), reopen("hidden", false)], IMAGE_EJECTED, "N", M21),

    row(SN, &[OPEN], FILTER_OPEN, "N", M21),
    row(SN, &[CLOSE, OPEN], FILTER_OPEN, "N closed", CLOSED),
    row(SN, &[REMOVE], OK, "N closed", CLOSED),
    row(SN, &[REMOVE, REMOVE], VOLUME_GONE, "N closed", CLOSED),
    row(SN, &[REMOVE, OPEN], OK, "N closed", M21),
    row(PR, &[REMOVE], OK, "R>D closed", CLOSED),
    row(SR, &[REMOVE], OK, "R>D closed", CLOSED)
        .but(&[PSC], OK, "R>D pivoted closed", CLOSED),

    row(PN, &[QUIT], OK, "N closed exited", "-"),
    row(PR, &[QUIT], OK, "R>D closed exited", "-"),
    row(SN, &[QUIT], OK, "N closed exited", "-"),
    row(SR, &[QUIT], OK, "R>D closed exited", "-")
        .but(&[PSC], OK, "R>D pivoted closed exited", "-"),
    row(SF, &[QUIT, RELEASE], OK, "F>FF closed exited", "-"),
    row(SF_NO_COMMIT, &[QUIT], "waits", "F ABORT close in FAILOVER without a commit job", "-")
        .but(&[colo_core::Quirk::FailoverWithoutCommit, PSC], OK, "R>D pivoted closed exited", "-"),
    row(SFF, &[QUIT], OK, "FF closed exited", "-"),
    row(SD, &[QUIT], OK, "D pivoted closed exited", "-"),
];

#[test]
fn commands_stage_by_stage() {
    assert_eq!((GUEST.as_str(), TOP.as_str(), FILTER.as_str()), ("colo-disk0", "top", "repl"));
    check(COMMANDS, Bench::state);
}
