//! Replicating: checkpoints, forwarded writes, the guest beside them, and the planned end.

use colo_core::{DiskId, EmptyFailure, JobKind, Verb};
use colo_sim::faulty::OpKind;

use super::steps::{
    P, S, call, call_in_flight, empty_fails, fault, flush, read, read_in_flight, started, stop,
    write, write_in_flight, written,
};
use super::{Scenario, scenario};
use crate::plan::Step;

/// Two checkpoints cannot empty an overlay, first active, then hidden; a third one can.
fn emptied(how: EmptyFailure) -> Vec<Step> {
    let mut steps = written([]);
    for disk in [DiskId::Active, DiskId::Hidden] {
        let asked = [call(S, Verb::Checkpoint), call(S, Verb::GetError), read(S, 0, 24)];
        steps.push(empty_fails(disk, how));
        steps.extend(asked);
    }
    steps.extend([call(S, Verb::Checkpoint), call(S, Verb::GetError), read(S, 0, 24)]);
    steps
}

/// An overlay loses its format layer; a checkpoint is asked for.
fn ejected(disk: DiskId) -> Vec<Step> {
    written([Step::Eject(disk), Step::Checkpoint, call(S, Verb::GetError), read(S, 0, 24)])
}

pub(super) const SCENARIOS: &[Scenario] = &[
    scenario(
        "start-checkpoint-stop",
        "both sides start, write, take a checkpoint and stop as planned",
        || {
            written([
                Step::Checkpoint,
                read(S, 0, 24),
                stop(false),
                call(P, Verb::Stop { failover: false }),
                read(S, 0, 24),
            ])
        },
    ),
    scenario(
        "planned-stop",
        "stop(failover=0): the guest goes on with what the primary wrote",
        || written([Step::Checkpoint, stop(false), read(S, 0, 24), write(S, 3, 4), flush(S)]),
    ),
    scenario(
        "guest-write-races-copy",
        "a guest reads and writes through hidden while a forwarded write saves the old contents there",
        || {
            started([
                write_in_flight(P, 4, 4),
                read_in_flight(S, 4, 4),
                write_in_flight(S, 5, 1),
                Step::Pass(40_000),
                read_in_flight(S, 4, 4),
                write_in_flight(P, 5, 2),
                Step::Pass(110_000),
                read_in_flight(S, 4, 4),
                Step::Pass(70_000),
                read_in_flight(S, 4, 4),
                Step::Settle,
                read(S, 0, 24),
            ])
        },
    ),
    scenario(
        "copies-overlap",
        "forwarded writes to the same granule wait for one copy, and one retries what failed",
        || {
            started([
                fault(DiskId::Hidden, OpKind::Write, 2),
                write_in_flight(P, 4, 2),
                write_in_flight(P, 5, 2),
                write_in_flight(P, 6, 2),
                Step::Settle,
                read(S, 0, 24),
                call(P, Verb::GetError),
            ])
        },
    ),
    scenario(
        "backup-cancelled-in-copy",
        "the backup job is cancelled with a copy in flight; the forwarded write still ends",
        || {
            started([
                write_in_flight(P, 2, 5),
                Step::Pass(60_000),
                Step::Cancel(JobKind::Backup),
                Step::Settle,
                read(S, 0, 24),
                Step::Checkpoint,
            ])
        },
    ),
    scenario(
        "forward-after-lost-backup",
        "writes keep coming after the job that protects the last checkpoint is gone",
        || {
            started([
                write(P, 0, 6),
                Step::Cancel(JobKind::Backup),
                Step::Settle,
                write(P, 10, 5),
                read(S, 0, 24),
                call(S, Verb::GetError),
                call(P, Verb::GetError),
                Step::Failover,
                Step::Settle,
                read(S, 0, 24),
            ])
        },
    ),
    scenario(
        "checkpoint-cannot-empty-active",
        "active cannot be emptied: the checkpoint fails, the view stays, and get_error tells until one succeeds",
        || {
            written([
                fault(DiskId::Active, OpKind::Write, 1),
                Step::Checkpoint,
                read(S, 0, 24),
                Step::Checkpoint,
                read(S, 0, 24),
            ])
        },
    ),
    scenario(
        "checkpoint-cannot-empty-hidden",
        "active is emptied and hidden cannot be: no mixture of two epochs, or it is told",
        || {
            written([
                fault(DiskId::Hidden, OpKind::Write, 1),
                Step::Checkpoint,
                read(S, 0, 24),
                call(S, Verb::GetError),
                Step::Failover,
                Step::Settle,
                read(S, 0, 24),
            ])
        },
    ),
    scenario(
        "emptying-drops-nothing",
        "one checkpoint drops nothing of active, one nothing of hidden, a third is not disturbed",
        || emptied(EmptyFailure::Nothing),
    ),
    scenario(
        "emptying-drops-half",
        "one checkpoint drops half of active, one half of hidden, a third is not disturbed",
        || emptied(EmptyFailure::Half),
    ),
    scenario(
        "emptying-drops-all-and-fails",
        "one checkpoint drops all of active and fails, one all of hidden, a third is not disturbed",
        || emptied(EmptyFailure::All),
    ),
    scenario(
        "emptying-ejects-active",
        "a checkpoint makes active lose its format layer, then another one is asked for",
        || {
            written([
                empty_fails(DiskId::Active, EmptyFailure::Ejected),
                Step::Checkpoint,
                read(S, 0, 24),
                call(S, Verb::Checkpoint),
            ])
        },
    ),
    scenario(
        "emptying-ejects-hidden",
        "a checkpoint makes hidden lose its format layer, then another one is asked for",
        || {
            written([
                empty_fails(DiskId::Hidden, EmptyFailure::Ejected),
                Step::Checkpoint,
                read(S, 0, 24),
                call(S, Verb::Checkpoint),
            ])
        },
    ),
    scenario(
        "checkpoint-meets-ejected-active",
        "a checkpoint is asked for after active has lost its format layer",
        || ejected(DiskId::Active),
    ),
    scenario(
        "checkpoint-meets-ejected-hidden",
        "a checkpoint is asked for after hidden has lost its format layer",
        || ejected(DiskId::Hidden),
    ),
    scenario(
        "checkpoint-after-lost-backup",
        "the backup job is cancelled, and a checkpoint asked for all the same",
        || {
            written([
                Step::Cancel(JobKind::Backup),
                Step::Settle,
                call(S, Verb::Checkpoint),
                call(S, Verb::GetError),
                read(S, 0, 24),
            ])
        },
    ),
    scenario(
        "verbs-queue",
        "four verbs come in one after the other while the first of them empties the overlays",
        || {
            written([
                call_in_flight(S, Verb::Checkpoint),
                call_in_flight(S, Verb::GetError),
                call_in_flight(S, Verb::Checkpoint),
                call_in_flight(S, Verb::Stop { failover: false }),
                write_in_flight(S, 8, 2),
                Step::Settle,
                read(S, 0, 24),
            ])
        },
    ),
];
