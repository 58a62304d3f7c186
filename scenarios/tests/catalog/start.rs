//! Starts.

use super::*;

pub(crate) const PROMISES: &[Promise] = &[
    promise(
        "verbs-before-start",
        &[
            "verb/secondary/get_error/NONE",
            "verb/secondary/checkpoint/NONE",
            "verb/secondary/stop(failover=0)/NONE",
            "verb/secondary/stop(failover=1)/NONE",
            "verb/primary/get_error/NONE",
            "verb/primary/checkpoint/NONE",
            "verb/primary/stop(failover=0)/NONE",
        ],
        &[],
    )
    .refuses(&["Backup job was cancelled unexpectedly", "Block replication is not running"])
    .secondary_guest(&["P1×4"]),
    promise(
        "start-running-again",
        &["verb/secondary/start(secondary)/RUNNING", "verb/primary/start(primary)/RUNNING"],
        &[],
    )
    .refuses(&["Block replication is running or done"])
    .secondary_guest(&["P1×4"]),
    promise(
        "start-in-the-other-mode",
        &["verb/secondary/start(primary)/NONE", "verb/primary/start(secondary)/NONE"],
        &[],
    )
    .refuses(&[
        "The parameter mode's value is invalid, needs 0, but got 1",
        "The parameter mode's value is invalid, needs 1, but got 0",
    ])
    .secondary_guest(&["P1×4"]),
    promise(
        "start-after-failed-failover",
        &[
            FAILED,
            "verb/secondary/start(secondary)/FAILOVER_FAILED",
            "verb/secondary/checkpoint/FAILOVER_FAILED",
        ],
        &[NO_PIVOT],
    )
    .refuses(&["Backup job was cancelled unexpectedly", "Block replication is running or done"])
    .secondary_guest(&["P1×5 S1×3 init×6 S2 init×9"]),
    promise(
        "start-cannot-empty-active",
        &[
            "fault/active/write",
            "probe/overlay/empty-failed",
            "probe/filter/request-refused-by-stage",
        ],
        &[
            ("the second start succeeds", |ran| answers(ran, S, START) == [false, true]),
            GUEST_READS_AT_END,
        ],
    )
    .without_a_pair(),
    promise(
        "start-over-owed-view",
        &["probe/verb/start-refused-view-owed", "crash/secondary/power-loss/NONE"],
        &[RECOVERED, GUEST_READS_AT_END],
    ),
    promise(
        "start-cannot-empty-hidden",
        &[
            "probe/overlay/empty-failed",
            "probe/verb/images-read-only-again",
            "edge/secondary/NONE->RUNNING",
        ],
        &[("the starts of the secondary are answered in this way", |ran| {
            answers(ran, S, START) == [false, true]
        })],
    )
    .refuses(&["Block replication is not running", "Failed to empty hidden: Input/output error"])
    .secondary_guest(&["EIO", "init×4"])
    .without_a_pair(),
    promise(
        "start-empties-half",
        &[
            "probe/overlay/empty-failed",
            "probe/verb/images-read-only-again",
            "edge/secondary/NONE->RUNNING",
        ],
        &[("the starts of the secondary are answered in this way", |ran| {
            answers(ran, S, START) == [false, true]
        })],
    )
    .refuses(&["Block replication is not running", "Failed to empty hidden: Input/output error"])
    .secondary_guest(&["EIO", "init×4"])
    .without_a_pair(),
    promise(
        "start-empties-all-and-fails",
        &[
            "probe/overlay/empty-failed",
            "probe/verb/images-read-only-again",
            "edge/secondary/NONE->RUNNING",
        ],
        &[("the starts of the secondary are answered in this way", |ran| {
            answers(ran, S, START) == [false, true]
        })],
    )
    .refuses(&["Block replication is not running", "Failed to empty active: Input/output error"])
    .secondary_guest(&["EIO", "init×4"])
    .without_a_pair(),
    promise(
        "start-ejects-hidden",
        &[
            "probe/overlay/empty-failed",
            "probe/verb/start-refused-by-graph",
            "crash/secondary/process-death/NONE",
        ],
        &[("the starts of the secondary are answered in this way", |ran| {
            answers(ran, S, START) == [false, false, true]
        })],
    )
    .refuses(&[
        "Active disk, hidden disk, secondary disk's length are not the same",
        "Block replication is not running",
        "Failed to empty hidden: Input/output error",
    ])
    .secondary_guest(&["ENOMEDIUM", "ENOMEDIUM", "init×4"])
    .without_a_pair(),
    promise(
        "start-cannot-mark-active",
        &[STOPPED, "probe/overlay/mark-failed", "fault/active/write"],
        &[("the starts of the secondary are answered in this way", |ran| {
            answers(ran, S, START) == [true, false, true]
        })],
    )
    .refuses(&["Failed to mark active: Input/output error"])
    .secondary_guest(&["EIO", "P1×3 P2×8 init×13"]),
    promise(
        "start-after-recovery",
        &[FAILED, "crash/secondary/power-loss/FAILOVER_FAILED"],
        &[
            RECOVERED,
            ("the starts of the secondary are answered in this way", |ran| {
                answers(ran, S, START) == [true, true]
            }),
        ],
    )
    .secondary_guest(&["P1×5 S1×3 init×6 S2 init×9", "P1×5 S1×3 init×6 S2 init×9"]),
];
