//! Power losses and process deaths.

use super::*;

pub(crate) const PROMISES: &[Promise] = &[
    promise(
        "failover-then-power-loss",
        &[PROMOTED, "crash/secondary/power-loss/DONE"],
        &[DISK_ALONE, GUEST_READS_AT_END],
    ),
    promise(
        "crash-in-commit-copying",
        &["crash/secondary/power-loss/commit-copying"],
        &[RECOVERED, GUEST_READS_AT_END],
    ),
    promise(
        "crash-in-commit-writing",
        &["crash/secondary/power-loss/commit-copying"],
        &[COMMIT_WRITES_IN_FLIGHT, RECOVERED, GUEST_READS_AT_END],
    ),
    promise(
        "crash-in-commit-flushing",
        &["crash/secondary/power-loss/commit-flushing"],
        &[RECOVERED, GUEST_READS_AT_END],
    ),
    promise(
        "crash-before-pivot",
        &["crash/secondary/power-loss/commit-marking"],
        &[NO_PIVOT, GUEST_READS_AT_END],
    ),
    promise(
        "crash-in-recovery",
        &["crash/secondary/power-loss/commit-copying"],
        &[
            ("it crashes twice in mid-commit", |ran| ran.outcome.counts.commits_crashed == 2),
            RECOVERED,
            GUEST_READS_AT_END,
        ],
    ),
    promise(
        "killed-in-commit",
        &["crash/secondary/process-death/commit-copying"],
        &[COMMIT_WRITES_IN_FLIGHT, RECOVERED, GUEST_READS_AT_END],
    ),
    promise(
        "crash-while-running",
        &["crash/secondary/power-loss/RUNNING"],
        &[VOID, ("it starts anew", |ran| answers(ran, S, START) == [true, true])],
    ),
    promise("crash-in-checkpoint", &["crash/secondary/power-loss/checkpoint"], &[VOID]),
];
