//! Starts: in the right way, too early, too late, twice, and again after what was in the way is gone.

use colo_core::{CommitPhase, DiskId, EmptyFailure, Verb};
use colo_sim::faulty::OpKind;

use super::steps::{
    P, RECOVER, S, START, START_PRIMARY, call, commit_fault, empty_fails, failed_over, fault, read,
    started, stop, write, written,
};
use super::{Scenario, scenario};
use crate::plan::{FaultSpec, Step};

/// A start whose emptying of an overlay fails in this way, a look at the filter, and a second start.
fn started_after(disk: DiskId, how: EmptyFailure) -> Vec<Step> {
    vec![
        empty_fails(disk, how),
        call(S, START),
        read(S, 0, 4),
        call(S, Verb::GetError),
        call(S, START),
        read(S, 0, 4),
    ]
}

pub(super) const SCENARIOS: &[Scenario] = &[
    scenario(
        "verbs-before-start",
        "every other verb is called on filters that have not been started",
        || {
            let stop = |failover| Verb::Stop { failover };
            let verbs = [Verb::GetError, Verb::Checkpoint, stop(false), stop(true)];
            let mut steps: Vec<_> =
                [S, P].into_iter().flat_map(|side| verbs.map(|verb| call(side, verb))).collect();
            steps.extend(started([write(P, 0, 4), Step::Checkpoint, read(S, 0, 4)]));
            steps
        },
    ),
    scenario("start-running-again", "both filters are told to start while they replicate", || {
        started([
            write(P, 0, 4),
            call(S, START),
            call(P, START_PRIMARY),
            Step::Checkpoint,
            read(S, 0, 4),
        ])
    }),
    scenario(
        "start-in-the-other-mode",
        "each filter is told to start in the mode of the other, then in its own",
        || {
            let mut steps = vec![call(S, START_PRIMARY), call(P, START)];
            steps.extend(started([write(P, 0, 4), Step::Checkpoint, read(S, 0, 4)]));
            steps
        },
    ),
    scenario(
        "start-after-failed-failover",
        "a secondary whose failover failed is told to start, and to checkpoint",
        || failed_over([call(S, START), call(S, Verb::Checkpoint), read(S, 0, 24)]),
    ),
    scenario(
        "start-cannot-empty-active",
        "an overlay cannot be emptied at the start: the start fails without a trace",
        || {
            vec![
                fault(DiskId::Active, OpKind::Write, 1),
                call(S, START),
                read(S, 0, 4),
                call(S, START),
                read(S, 0, 4),
            ]
        },
    ),
    scenario(
        "start-over-owed-view",
        "after a crash in mid-commit somebody starts replication again instead of recovering",
        || {
            written([
                Step::Failover,
                Step::Pass(150_000),
                Step::PowerLoss(S),
                Step::Restart(S),
                call(S, START),
                Step::PowerLoss(S),
                RECOVER,
                read(S, 0, 24),
            ])
        },
    ),
    scenario(
        "start-cannot-empty-hidden",
        "at the start hidden cannot be emptied, active could; then it starts again",
        || started_after(DiskId::Hidden, EmptyFailure::Nothing),
    ),
    scenario(
        "start-empties-half",
        "at the start hidden is emptied half way, then it starts again",
        || started_after(DiskId::Hidden, EmptyFailure::Half),
    ),
    scenario(
        "start-empties-all-and-fails",
        "at the start all of active is dropped and an error answered, then it starts again",
        || started_after(DiskId::Active, EmptyFailure::All),
    ),
    scenario(
        "start-ejects-hidden",
        "at the start hidden loses its format layer; it starts again, and once more after a restart",
        || {
            let mut steps = started_after(DiskId::Hidden, EmptyFailure::Ejected);
            steps.extend([Step::Kill(S), Step::Restart(S), call(S, START), read(S, 0, 4)]);
            steps
        },
    ),
    scenario(
        "start-cannot-mark-active",
        "overlays that were spent by a planned stop cannot be marked at the next start",
        || {
            let header = FaultSpec {
                range: Some((0, 1)),
                times: Some(1),
                ..FaultSpec::new(DiskId::Active, OpKind::Write)
            };
            written([
                stop(false),
                Step::Kill(S),
                Step::Restart(S),
                read(S, 0, 4),
                Step::Fault(header),
                call(S, START),
                call(S, START),
                read(S, 0, 24),
            ])
        },
    ),
    scenario(
        "start-after-recovery",
        "after a failed failover and a crash the view is recovered, and replication starts again",
        || {
            written([
                commit_fault(DiskId::Hidden, OpKind::Read, CommitPhase::Copying),
                Step::Failover,
                Step::Settle,
                Step::PowerLoss(S),
                RECOVER,
                read(S, 0, 24),
                Step::Kill(S),
                Step::Restart(S),
                call(S, START),
                read(S, 0, 24),
            ])
        },
    ),
];
