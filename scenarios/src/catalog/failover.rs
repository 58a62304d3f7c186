//! Failovers: well, with a commit that fails, refused, and tried again.

use colo_core::{CommitPhase, DiskId, JobKind, UserKind, Verb};
use colo_sim::faulty::OpKind;

use super::steps::{
    ACTIVE, HIDDEN, OTHER, P, RECOVER, S, START_PRIMARY, attach, call, commit_fault, detach,
    failed_over, fault, flush, read, started, stop, write, write_in_flight, written,
};
use super::{Scenario, scenario};
use crate::plan::{FaultSpec, Step};

/// Somebody of this kind relies on an overlay at the first failover, and is gone at the second.
fn relied_on(kind: UserKind, node: colo_core::Name) -> Vec<Step> {
    written([
        attach(OTHER, kind, node),
        Step::Failover,
        call(S, Verb::GetError),
        read(S, 0, 24),
        detach(OTHER),
        stop(true),
        Step::Settle,
        read(S, 0, 24),
    ])
}

pub(super) const SCENARIOS: &[Scenario] = &[
    scenario(
        "failover",
        "the primary is given up; the secondary commits its overlays and goes on alone",
        || written([Step::Failover, Step::Settle, read(S, 0, 24), write(S, 7, 4), flush(S)]),
    ),
    scenario(
        "commit-under-guest-writes",
        "the guest keeps writing what the commit has copied",
        || {
            let mut steps = written([Step::Failover]);
            for at in [5, 14, 6, 0, 5] {
                steps.extend([write_in_flight(S, at, 3), Step::Pass(90_000)]);
            }
            steps.extend([Step::Settle, read(S, 0, 24)]);
            steps
        },
    ),
    scenario(
        "commit-read-error",
        "the commit cannot read hidden: the view stays readable, a second stop tries again, a crash finds the view",
        || {
            written([
                commit_fault(DiskId::Hidden, OpKind::Read, CommitPhase::Copying),
                Step::Failover,
                Step::Settle,
                read(S, 0, 24),
                write(S, 4, 9),
                read(S, 0, 24),
                stop(true),
                flush(S),
                Step::PowerLoss(S),
                RECOVER,
                read(S, 0, 24),
            ])
        },
    ),
    scenario(
        "commit-write-error",
        "the commit cannot write the secondary disk; a crash then finds the view all the same",
        || {
            written([
                commit_fault(DiskId::Secondary, OpKind::Write, CommitPhase::Copying),
                Step::Failover,
                Step::Settle,
                read(S, 0, 24),
                write(S, 20, 2),
                flush(S),
                Step::PowerLoss(S),
                RECOVER,
                read(S, 0, 24),
            ])
        },
    ),
    scenario("commit-flush-error", "the last flush before the pivot fails: no pivot", || {
        written([
            commit_fault(DiskId::Secondary, OpKind::Flush, CommitPhase::FinalFlush),
            Step::Failover,
            Step::Settle,
            read(S, 0, 24),
            stop(true),
            Step::Settle,
        ])
    }),
    scenario("commit-cancelled", "an operator cancels the commit before it is ready", || {
        written([
            Step::Failover,
            Step::Cancel(JobKind::Commit),
            Step::Settle,
            read(S, 0, 24),
            stop(true),
            Step::Settle,
        ])
    }),
    scenario(
        "promoted-secondary-told-again",
        "a promoted secondary is told to start, checkpoint and stop once more: all silently ok",
        || {
            written([
                Step::Failover,
                Step::Settle,
                call(S, START_PRIMARY),
                call(S, Verb::Checkpoint),
                stop(true),
                call(S, Verb::GetError),
                read(S, 0, 24),
            ])
        },
    ),
    scenario(
        "hidden-is-exported",
        "a read-only export of hidden is there at the first failover, not at the second",
        || relied_on(UserKind::ReadOnlyExport, HIDDEN),
    ),
    scenario(
        "failover-refused-while-a-disk-stalls",
        "the failover is refused while the secondary disk stalls; then the primary goes on writing",
        || {
            started([
                attach(OTHER, UserKind::ReadOnlyExport, HIDDEN),
                write(S, 8, 4),
                Step::Stall { disk: DiskId::Secondary, ns: 1_000_000 },
                stop(true),
                Step::Pass(1_000_000),
                write(P, 4, 4),
                read(S, 0, 24),
                call(P, Verb::GetError),
            ])
        },
    ),
    scenario(
        "device-on-active",
        "another device uses active at the failover, and the secondary disk from then on",
        || relied_on(UserKind::Device, ACTIVE),
    ),
    scenario(
        "failover-tried-until-it-succeeds",
        "a commit cannot read hidden, one cannot write the secondary disk, a third can do both",
        || {
            written([
                commit_fault(DiskId::Hidden, OpKind::Read, CommitPhase::Copying),
                Step::Failover,
                Step::Settle,
                write(S, 4, 9),
                commit_fault(DiskId::Secondary, OpKind::Write, CommitPhase::Copying),
                stop(true),
                Step::Settle,
                call(S, Verb::GetError),
                write(S, 10, 2),
                stop(true),
                Step::Settle,
                call(S, Verb::GetError),
                read(S, 0, 24),
            ])
        },
    ),
    scenario(
        "failover-cannot-make-durable",
        "hidden cannot be flushed at the failover; it is tried again",
        || {
            written([
                fault(DiskId::Hidden, OpKind::Flush, 1),
                Step::Failover,
                call(S, Verb::GetError),
                read(S, 0, 24),
                stop(true),
                Step::Settle,
                read(S, 0, 24),
            ])
        },
    ),
    scenario(
        "planned-stop-after-failed-failover",
        "a secondary whose failover failed is told to stop as planned, then to fail over again",
        || failed_over([stop(false), read(S, 0, 24), stop(true), Step::Settle, read(S, 0, 24)]),
    ),
    scenario(
        "failover-after-planned-stop",
        "a secondary that was stopped as planned is told to fail over",
        || {
            written([
                Step::Checkpoint,
                stop(false),
                stop(true),
                call(S, Verb::GetError),
                read(S, 0, 24),
            ])
        },
    ),
    scenario(
        "failover-after-lost-backup",
        "the backup job is cancelled, then the secondary takes over",
        || {
            written([
                Step::Cancel(JobKind::Backup),
                Step::Settle,
                Step::Failover,
                Step::Settle,
                read(S, 0, 24),
            ])
        },
    ),
    scenario(
        "latent-sector-under-commit",
        "the commit meets a sector of active that cannot be read until the guest writes it anew",
        || {
            // The guest's sector 5 and its neighbour, behind a header and two sectors of map.
            let sector = FaultSpec {
                range: Some((8, 10)),
                latent: true,
                ..FaultSpec::new(DiskId::Active, OpKind::Read)
            };
            written([
                Step::Fault(sector),
                Step::Failover,
                Step::Settle,
                read(S, 5, 3),
                read(S, 14, 1),
                write(S, 5, 3),
                read(S, 0, 24),
                stop(true),
                Step::Settle,
                read(S, 0, 24),
            ])
        },
    ),
];
