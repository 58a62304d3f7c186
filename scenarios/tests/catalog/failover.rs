//! Failovers.

use super::*;

const HIDDEN_IS_READ: &str = "Permission conflict on node 'hidden': permissions 'consistent read' are \
    both required by 'other0' and unshared by 'commit job'";

pub(crate) const PROMISES: &[Promise] = &[
    promise(
        "failover",
        &[FAILING_OVER, PROMOTED, "probe/commit/granules-merged"],
        &[
            ("both overlays are read by the commit", |ran| {
                let from = place(ran, &stage(Stage::Failover));
                [DiskId::Active, DiskId::Hidden].into_iter().all(|wanted| {
                ran.entries[from..].iter().any(|entry| {
                    matches!(entry.what, What::Disk { disk, op: DiskOp::Read, .. } if disk == wanted)
                })
            })
            }),
            GUEST_READS_AT_END,
        ],
    ),
    promise(
        "commit-under-guest-writes",
        &[
            PROMOTED,
            "probe/commit/guest-write-dirties-again",
            "probe/commit/dirty-granule-in-flight",
        ],
        &[GUEST_READS_AT_END],
    ),
    promise(
        "commit-read-error",
        &[
            FAILED,
            "fault/hidden/read",
            "probe/commit/read-failed",
            "probe/filter/split-write",
            "verb/secondary/stop(failover=1)/FAILOVER_FAILED",
            "edge/secondary/FAILOVER_FAILED->FAILOVER",
        ],
        &[
            ("the second stop begins anew", |ran| {
                answers(ran, S, Verb::Stop { failover: true }) == [true, true]
            }),
            NO_PIVOT,
            RECOVERED,
            GUEST_READS_AT_END,
        ],
    ),
    promise(
        "commit-write-error",
        &[
            FAILED,
            "fault/secondary/write",
            "probe/commit/write-failed",
            "crash/secondary/power-loss/FAILOVER_FAILED",
        ],
        &[RECOVERED, GUEST_READS_AT_END],
    ),
    promise(
        "commit-flush-error",
        &[FAILED, PROMOTED, "fault/secondary/flush", "probe/commit/flush-failed"],
        &[NO_PIVOT_BEFORE_THE_RETRY, GUEST_READS_AT_END],
    ),
    promise(
        "commit-cancelled",
        &[FAILED, PROMOTED, "probe/commit/cancelled-before-ready"],
        &[NO_PIVOT_BEFORE_THE_RETRY, GUEST_READS_AT_END],
    ),
    promise(
        "promoted-secondary-told-again",
        &[
            PROMOTED,
            "verb/secondary/start(primary)/DONE",
            "verb/secondary/checkpoint/DONE",
            "verb/secondary/stop(failover=1)/DONE",
            "verb/secondary/get_error/DONE",
        ],
        &[("nothing is refused", |ran| ran.outcome.refusals.is_empty()), GUEST_READS_AT_END],
    ),
    promise(
        "hidden-is-exported",
        &["probe/verb/failover-refused-by-permission", FAILING_OVER, PROMOTED],
        &[
            ("the failovers are answered in this way", |ran| {
                answers(ran, S, FAILOVER) == [false, true]
            }),
            ("get_error tells the secondary in time, and no longer", |ran| {
                answers(ran, S, Verb::GetError).ends_with(&[true])
            }),
        ],
    )
    .refuses(&[HIDDEN_IS_READ])
    .secondary_guest(&["P1×5 S1×3 init×6 S2 init×9", "P1×5 S1×3 init×6 S2 init×9"]),
    promise(
        "failover-refused-while-a-disk-stalls",
        &["probe/verb/failover-refused-by-permission", "probe/copy/started"],
        &[
            PRIMARY_GUEST_UNHARMED,
            ("the failover is refused", |ran| answers(ran, S, FAILOVER) == [false]),
        ],
    )
    .refuses(&[HIDDEN_IS_READ])
    .secondary_guest(&["init×8 S1×4 init×12"]),
    promise(
        "device-on-active",
        &[FAILING_OVER, PROMOTED],
        &[
            ("the failovers are answered in this way", |ran| {
                answers(ran, S, FAILOVER) == [true, true]
            }),
            ("get_error tells the secondary in time, and no longer", |ran| {
                answers(ran, S, Verb::GetError).ends_with(&[true])
            }),
        ],
    )
    .secondary_guest(&["P1×5 S1×3 init×6 S2 init×9", "P1×5 S1×3 init×6 S2 init×9"]),
    promise(
        "failover-tried-until-it-succeeds",
        &[
            FAILED,
            PROMOTED,
            "edge/secondary/FAILOVER_FAILED->FAILOVER",
            "probe/verb/failover-tried-again",
            "probe/commit/read-failed",
            "probe/commit/write-failed",
        ],
        &[("get_error tells the secondary in time, and no longer", |ran| {
            answers(ran, S, Verb::GetError).ends_with(&[false, true])
        })],
    )
    .refuses(&["I/O error occurred"])
    .secondary_guest(&["ok", "ok", "P1×4 S3×6 S4×2 S3 init S2 init×9"]),
    promise(
        "failover-cannot-make-durable",
        &["probe/verb/failover-cannot-make-durable", "fault/hidden/flush", PROMOTED],
        &[
            ("the failovers are answered in this way", |ran| {
                answers(ran, S, FAILOVER) == [false, true]
            }),
            ("get_error tells the secondary in time, and no longer", |ran| {
                answers(ran, S, Verb::GetError).ends_with(&[false])
            }),
        ],
    )
    .refuses(&["Failed to make hidden durable: Input/output error", "I/O error occurred"])
    .secondary_guest(&["P1×5 S1×3 init×6 S2 init×9", "P1×5 S1×3 init×6 S2 init×9"]),
    promise(
        "planned-stop-after-failed-failover",
        &[
            "verb/secondary/stop(failover=0)/FAILOVER_FAILED",
            "edge/secondary/FAILOVER_FAILED->FAILOVER",
            PROMOTED,
        ],
        &[],
    )
    .refuses(&["Block replication is not running"])
    .secondary_guest(&["P1×5 S1×3 init×6 S2 init×9", "P1×5 S1×3 init×6 S2 init×9"]),
    promise(
        "failover-after-planned-stop",
        &[STOPPED, "verb/secondary/stop(failover=1)/DONE"],
        &[NOTHING_REFUSED, NO_PIVOT],
    )
    .secondary_guest(&["P1×3 P2×8 init×13"]),
    promise(
        "failover-after-lost-backup",
        &["probe/backup/cancelled-idle", PROMOTED],
        &[NOTHING_REFUSED],
    )
    .secondary_guest(&["P1×5 S1×3 init×6 S2 init×9"]),
    promise(
        "latent-sector-under-commit",
        &[
            FAILED,
            "probe/commit/read-failed",
            "fault/active/read",
            "edge/secondary/FAILOVER_FAILED->FAILOVER",
            PROMOTED,
        ],
        &[],
    )
    .secondary_guest(&[
        "EIO",
        "S2",
        "ok",
        "P1×5 S3×3 init×6 S2 init×9",
        "P1×5 S3×3 init×6 S2 init×9",
    ]),
];
