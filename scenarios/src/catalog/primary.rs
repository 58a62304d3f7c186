//! The primary host: its guest, its quorum of local disk and forwarding, its connection, its clock.

use colo_core::{DiskId, Verb};
use colo_sim::faulty::OpKind;
use colo_sim::world::Side;

use super::steps::{
    P, S, START_PRIMARY, call, fault, flush, read, started, write, write_in_flight, written,
};
use super::{Scenario, scenario};
use crate::plan::{Setup, Step};

const STOP: Verb = Verb::Stop { failover: false };

/// Long enough for every request of these scenarios, in nanoseconds.
const WAIT_NS: u64 = 5_000_000;

fn waits_for_connection(setup: &mut Setup) {
    setup.reconnect_delay_ns = WAIT_NS;
}

/// Nothing arrives of what one side sends; then the connection is lost, and comes back.
fn cut_from(side: Side) -> Vec<Step> {
    started([
        write_in_flight(P, 0, 8),
        Step::CutFrom { side, cut: true },
        Step::Pass(1_000_000),
        Step::Cut(true),
        Step::CutFrom { side, cut: false },
        Step::Pass(1_000_000),
        Step::Cut(false),
        Step::Settle,
        read(P, 0, 8),
        read(S, 0, 8),
        call(P, Verb::GetError),
        Step::Checkpoint,
        read(S, 0, 8),
    ])
}

/// The connection is away for as long under a forwarded write.
fn away(ns: u64) -> Vec<Step> {
    started([
        write_in_flight(P, 0, 4),
        Step::Cut(true),
        Step::Pass(ns),
        Step::Cut(false),
        Step::Settle,
        call(P, Verb::GetError),
        read(P, 0, 4),
    ])
}

pub(super) const SCENARIOS: &[Scenario] = &[
    scenario("write-before-start", "the primary's guest writes before replication starts", || {
        let mut steps = vec![write(P, 4, 4), read(P, 0, 24), flush(P)];
        steps.extend(started([write(P, 6, 4), read(P, 0, 24), Step::Checkpoint, read(S, 0, 24)]));
        steps
    }),
    scenario(
        "stop-under-forwarded-writes",
        "the primary is told to stop while it forwards two writes",
        || {
            started([
                write_in_flight(P, 0, 4),
                write_in_flight(P, 8, 4),
                Step::Pass(30_000),
                call(P, STOP),
                write(P, 16, 4),
                Step::Settle,
                read(P, 0, 24),
                call(P, Verb::GetError),
            ])
        },
    ),
    scenario(
        "primary-restarts-after-stop",
        "a primary that was stopped loses power, is switched on, and starts anew",
        || {
            written([
                call(P, STOP),
                write(P, 0, 2),
                flush(P),
                Step::PowerLoss(P),
                Step::Restart(P),
                call(P, START_PRIMARY),
                write(P, 12, 4),
                read(P, 0, 24),
            ])
        },
    ),
    scenario(
        "primary-disk-error",
        "the primary's own disk fails a write: its guest is told",
        || {
            started([
                write(P, 4, 4),
                fault(DiskId::Local, OpKind::Write, 1),
                write(P, 4, 4),
                read(P, 0, 24),
            ])
        },
    ),
    scenario(
        "primary-flush-error",
        "the primary's own disk fails a flush, then its host loses power",
        || {
            started([
                write(P, 4, 4),
                fault(DiskId::Local, OpKind::Flush, 1),
                flush(P),
                Step::PowerLoss(P),
                Step::Restart(P),
                read(P, 0, 24),
            ])
        },
    ),
    scenario(
        "connection-lost",
        "the connection is cut under forwarded writes, and comes back",
        || {
            started([
                write_in_flight(P, 0, 8),
                Step::Pass(70_000),
                Step::Cut(true),
                Step::Settle,
                call(P, Verb::GetError),
                Step::Cut(false),
                write(P, 8, 4),
                Step::Checkpoint,
            ])
        },
    ),
    scenario(
        "primary-both-disks-fail",
        "the local disk and the forwarding fail the same write",
        || {
            started([
                write(P, 4, 4),
                fault(DiskId::Local, OpKind::Write, 1),
                fault(DiskId::Secondary, OpKind::Write, 1),
                write(P, 4, 4),
                call(P, Verb::GetError),
                read(P, 0, 24),
            ])
        },
    ),
    scenario(
        "primary-read-error",
        "the local disk fails a read, and the filter below the quorum serves none",
        || {
            started([
                write(P, 4, 4),
                fault(DiskId::Local, OpKind::Read, 1),
                read(P, 0, 24),
                read(P, 0, 24),
            ])
        },
    ),
    scenario(
        "nothing-arrives-from-the-primary",
        "of what the primary forwards nothing arrives, until the connection is made anew",
        || cut_from(P),
    ),
    scenario(
        "nothing-arrives-from-the-secondary",
        "forwarded writes arrive and their answers do not, until the connection is made anew",
        || cut_from(S),
    ),
    scenario(
        "nothing-arrives-from-the-primary-and-it-waits",
        "of what the primary forwards nothing arrives; it waits for a new connection",
        || cut_from(P),
    )
    .on(waits_for_connection),
    scenario(
        "nothing-arrives-from-the-secondary-and-the-primary-waits",
        "the answers to forwarded writes do not arrive; the primary waits for a new connection",
        || cut_from(S),
    )
    .on(waits_for_connection),
    scenario(
        "fast-clock-waits-less",
        "the primary's clock runs fast, and the connection is back shortly before the delay ends",
        || away(WAIT_NS / 100 * 95),
    )
    .on(|setup| {
        waits_for_connection(setup);
        setup.drift_ppm = [100_000, 0];
    }),
    scenario(
        "slow-clock-waits-longer",
        "the primary's clock runs slow, and the connection is back shortly after the delay ends",
        || away(WAIT_NS / 100 * 105),
    )
    .on(|setup| {
        waits_for_connection(setup);
        setup.drift_ppm = [-100_000, 0];
    }),
];
