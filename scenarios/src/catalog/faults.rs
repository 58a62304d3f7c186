//! Disks of the secondary host that fail, fill up, stall, or lose their format layer.

use colo_core::{DiskId, Errno, Verb};
use colo_sim::faulty::OpKind;

use super::steps::{
    P, RECOVER, S, call, failed_over, fault, flush, read, read_in_flight, started, stop, write,
    write_in_flight, written,
};
use super::{Scenario, scenario};
use crate::plan::{FaultSpec, Step};

/// An overlay loses its format layer while the guest reads and writes; then a failover, a crash.
fn ejected(disk: DiskId) -> Vec<Step> {
    written([
        Step::Eject(disk),
        read(S, 0, 24),
        read(S, 5, 3),
        read(S, 20, 2),
        write(S, 5, 1),
        write(P, 16, 4),
        Step::Failover,
        call(S, Verb::GetError),
        Step::PowerLoss(S),
        RECOVER,
    ])
}

/// An overlay loses its format layer after a failed failover, which is tried again before a restart.
fn ejected_after_failover(disk: DiskId) -> Vec<Step> {
    failed_over([
        flush(S),
        Step::Eject(disk),
        read(S, 0, 24),
        write(S, 4, 9),
        stop(true),
        call(S, Verb::GetError),
        Step::PowerLoss(S),
        RECOVER,
        read(S, 0, 24),
    ])
}

pub(super) const SCENARIOS: &[Scenario] = &[
    scenario(
        "zeroes-and-discards",
        "guests write zeroes, which are forwarded and copied like any write, and discard, which changes nothing",
        || {
            let zeroes = |side, at, len| Step::WriteZeroes { side, at, len, wait: true };
            let discard = |side, at, len| Step::Discard { side, at, len, wait: true };
            written([
                zeroes(P, 0, 4),
                discard(P, 0, 8),
                zeroes(S, 5, 2),
                discard(S, 0, 8),
                read(P, 0, 8),
                read(S, 0, 8),
                Step::Failover,
                Step::Settle,
                discard(S, 0, 8),
                read(S, 0, 8),
            ])
        },
    ),
    scenario(
        "copy-read-error",
        "the old contents cannot be read: the forwarded write fails, the primary guest goes on",
        || {
            started([
                fault(DiskId::Secondary, OpKind::Read, 1),
                write(P, 4, 4),
                read(S, 0, 24),
                call(P, Verb::GetError),
                Step::Checkpoint,
            ])
        },
    ),
    scenario(
        "forwarded-write-error",
        "the secondary disk fails a forwarded write: the guest goes on, get_error tells",
        || {
            started([
                fault(DiskId::Secondary, OpKind::Write, 1),
                write(P, 4, 4),
                read(P, 0, 24),
                call(P, Verb::GetError),
                Step::Checkpoint,
                read(S, 0, 24),
            ])
        },
    ),
    scenario(
        "no-room-for-old-contents",
        "hidden is full when the old contents are to be saved; the same write is tried again",
        || {
            let full = FaultSpec {
                times: Some(1),
                errno: Errno::NoSpace,
                ..FaultSpec::new(DiskId::Hidden, OpKind::Write)
            };
            started([
                write(P, 0, 4),
                Step::Checkpoint,
                Step::Fault(full),
                write(P, 0, 4),
                call(P, Verb::GetError),
                read(S, 0, 4),
                write(P, 0, 4),
                read(S, 0, 4),
            ])
        },
    ),
    scenario(
        "hidden-stalls",
        "hidden answers nothing for a while under a forwarded write, and the guest reads through it",
        || {
            started([
                Step::Stall { disk: DiskId::Hidden, ns: 3_000_000 },
                write_in_flight(P, 4, 4),
                read_in_flight(S, 4, 4),
                Step::Pass(1_000_000),
                read_in_flight(S, 4, 4),
                write_in_flight(S, 5, 1),
                Step::Settle,
                read(S, 0, 24),
                call(P, Verb::GetError),
            ])
        },
    ),
    scenario(
        "active-ejected",
        "active loses its format layer while it replicates; then a failover, and a power loss",
        || ejected(DiskId::Active),
    ),
    scenario(
        "hidden-ejected",
        "hidden loses its format layer while it replicates; then a failover, and a power loss",
        || ejected(DiskId::Hidden),
    ),
    scenario(
        "active-ejected-after-failed-failover",
        "active loses its format layer after a failed failover; that is tried again, then recovered",
        || ejected_after_failover(DiskId::Active),
    ),
    scenario(
        "hidden-ejected-after-failed-failover",
        "hidden loses its format layer after a failed failover; that is tried again, then recovered",
        || ejected_after_failover(DiskId::Hidden),
    ),
];
