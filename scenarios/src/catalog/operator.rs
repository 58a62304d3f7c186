//! What an operator does: devices, drives, exports, nodes, jobs, closing, and quitting.

use colo_core::{Admin, EXPORT, GUEST, JobKind, JobType, PARENT, TOP, UserKind, Verb};

use super::steps::{
    ACTIVE, HIDDEN, JOB, OTHER, P, RECOVER, S, SECONDARY, START, attach, call, command, delete,
    detach, failed_over, flush, promoted, read, reopen, start_job, started, write, write_in_flight,
    written,
};
use super::{Scenario, scenario};
use crate::plan::{Setup, Step};

/// The guest's device stands on a drive, which the root outlives.
fn device_on_a_drive(setup: &mut Setup) {
    (setup.wiring.guest, setup.wiring.guest_owns_top) = (UserKind::DriveDevice, false);
}

const QUIT: Step = Step::Admin { side: S, command: Admin::Quit, wait: true };

pub(super) const SCENARIOS: &[Scenario] = &[
    scenario(
        "guest-device-replugged",
        "the secondary guest's device is unplugged while it replicates, and plugged again",
        || {
            written([
                detach(GUEST),
                read(S, 0, 4),
                write(P, 0, 4),
                attach(GUEST, UserKind::Device, TOP),
                read(S, 0, 24),
                Step::Checkpoint,
                read(S, 0, 24),
            ])
        },
    )
    .on(|setup| {
        let wiring = &mut setup.wiring;
        (wiring.guest, wiring.guest_owns_top, wiring.top_id) = (UserKind::Device, false, TOP);
    }),
    scenario(
        "guest-device-takes-the-top-along",
        "the guest's device is unplugged, and the root that its drive owns goes with it",
        || written([detach(GUEST), read(S, 0, 4), call(S, Verb::GetError), write(P, 0, 4)]),
    )
    .on(|setup| setup.wiring.guest = UserKind::DriveDevice),
    scenario(
        "guest-drive-gone-at-backup-end",
        "the drive that names the top is gone when the backup job ends; the device comes back",
        || {
            written([
                detach(GUEST),
                Step::Cancel(JobKind::Backup),
                Step::Settle,
                start_job(JobType::Mirror, TOP),
                command(Admin::CancelJob { job: JOB }),
                attach(GUEST, UserKind::DriveDevice, TOP),
                call(S, Verb::GetError),
                read(S, 0, 24),
            ])
        },
    )
    .on(device_on_a_drive),
    scenario(
        "secondary-device-removed",
        "the device of the secondary disk is removed, and with it every job of that disk",
        || {
            written([
                detach(PARENT),
                Step::Settle,
                write(P, 16, 4),
                call(P, Verb::GetError),
                call(S, Verb::GetError),
                call(S, Verb::Checkpoint),
                read(S, 0, 24),
            ])
        },
    )
    .on(|setup| setup.wiring.parent = Some(UserKind::DriveDevice)),
    scenario(
        "export-removed",
        "the export is removed under forwarded writes, and attached again to the same drive",
        || {
            started([
                write_in_flight(P, 0, 6),
                Step::Pass(60_000),
                detach(EXPORT),
                write(P, 8, 4),
                call(P, Verb::GetError),
                attach(EXPORT, UserKind::Export, PARENT),
                write(P, 16, 4),
                read(S, 0, 24),
            ])
        },
    )
    .on(|setup| setup.wiring.parent = Some(UserKind::Drive)),
    scenario(
        "writer-below-copy-before-write",
        "a device and an export want to write to the secondary disk below what copies before it",
        || {
            written([
                attach(OTHER, UserKind::Device, SECONDARY),
                attach(OTHER, UserKind::Export, SECONDARY),
                attach(OTHER, UserKind::ReadOnlyExport, SECONDARY),
                read(S, 0, 24),
                Step::Checkpoint,
            ])
        },
    ),
    scenario(
        "reopen-under-a-writer",
        "hidden, active and the secondary disk are to become read-only while they are written to",
        || {
            written([
                reopen(HIDDEN, true),
                reopen(ACTIVE, true),
                reopen(SECONDARY, true),
                write(S, 8, 2),
                write(P, 16, 4),
                Step::Checkpoint,
                read(S, 0, 24),
            ])
        },
    ),
    scenario(
        "blocked-top-wanted",
        "a drive is removed from the top that a start has blocked, and a job started on it",
        || {
            let job = start_job(JobType::Mirror, TOP);
            written([detach(GUEST), delete(TOP), job, read(S, 0, 24), Step::Checkpoint])
        },
    ),
    scenario(
        "blocked-top-without-device",
        "the top that a start has blocked is deleted, with no device left on it",
        || {
            written([
                detach(GUEST),
                delete(TOP),
                attach(GUEST, UserKind::DriveDevice, TOP),
                read(S, 0, 24),
                Step::Checkpoint,
            ])
        },
    )
    .on(|setup| {
        device_on_a_drive(setup);
        setup.wiring.top_id = TOP;
    }),
    scenario("close-while-running", "the filter is closed while it replicates", || {
        written([call(S, Verb::Close), read(S, 0, 4), call(P, Verb::Close), read(P, 0, 4)])
    }),
    scenario("close-in-commit", "the filter is closed while its commit runs", || {
        written([Step::Failover, call(S, Verb::Close), Step::Settle])
    }),
    scenario("close-before-start", "both filters are closed before they are started", || {
        vec![
            call(S, Verb::Close),
            call(P, Verb::Close),
            call(S, START),
            write(P, 0, 4),
            read(P, 0, 4),
            read(S, 0, 4),
        ]
    }),
    scenario("close-after-failover", "a promoted secondary is closed, then loses power", || {
        promoted([call(S, Verb::Close), Step::PowerLoss(S), RECOVER, read(S, 0, 24)])
    }),
    scenario(
        "close-after-failed-failover",
        "a secondary whose failover failed is closed, then loses power",
        || {
            failed_over([
                flush(S),
                call(S, Verb::Close),
                Step::PowerLoss(S),
                RECOVER,
                read(S, 0, 24),
            ])
        },
    ),
    scenario(
        "quit-before-start",
        "the secondary is told to quit, is switched on, and starts",
        || {
            let mut steps = vec![QUIT, Step::Restart(S)];
            steps.extend(written([Step::Checkpoint, read(S, 0, 24)]));
            steps
        },
    ),
    scenario("quit-while-running", "the secondary is told to quit while it replicates", || {
        written([QUIT, Step::Restart(S), read(S, 0, 4), call(S, START), read(S, 0, 24)])
    }),
    scenario("quit-in-commit", "the secondary is told to quit while its commit runs", || {
        written([Step::Failover, Step::Pass(150_000), QUIT, RECOVER, read(S, 0, 24)])
    }),
    scenario(
        "quit-after-failed-failover",
        "a secondary whose failover failed is told to quit, and its view is recovered",
        || failed_over([write(S, 20, 2), QUIT, RECOVER, read(S, 0, 24)]),
    ),
    scenario(
        "quit-after-failover",
        "a promoted secondary is told to quit; its disk is served without the filter",
        || promoted([write(S, 4, 4), QUIT, RECOVER, read(S, 0, 24)]),
    ),
];
