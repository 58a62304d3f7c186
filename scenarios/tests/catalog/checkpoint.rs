//! Replicating, and the planned end.

use super::*;

pub(crate) const PROMISES: &[Promise] = &[
    promise(
        "start-checkpoint-stop",
        &[STOPPED, "edge/primary/RUNNING->DONE", "verb/secondary/checkpoint/RUNNING"],
        &[
            ("two checkpoints succeed", |ran| ran.outcome.counts.checkpoints == 2),
            ("nothing is refused", |ran| ran.outcome.refusals.is_empty()),
            GUEST_READS_AT_END,
        ],
    ),
    promise(
        "planned-stop",
        &[STOPPED, "verb/secondary/stop(failover=0)/RUNNING"],
        &[
            ("the stop says ok", |ran| answers(ran, S, Verb::Stop { failover: false }) == [true]),
            GUEST_READS_AT_END,
        ],
    ),
    promise(
        "guest-write-races-copy",
        &["probe/copy/started", "probe/node/read-waits-for-copy", "probe/node/copy-waits-for-read"],
        &[GUEST_READS_AT_END],
    ),
    promise(
        "copies-overlap",
        &[
            "probe/copy/waits-for-copy-of-another-write",
            "probe/copy/save-failed",
            "probe/copy/retried-after-failure-of-another-write",
        ],
        &[PRIMARY_HEARS_OF_LOSS, PRIMARY_GUEST_UNHARMED, GUEST_READS_AT_END],
    ),
    promise(
        "backup-cancelled-in-copy",
        &["probe/backup/cancelled-with-copy-in-flight"],
        &[
            ("the forwarded write ends well", |ran| {
                ran.entries.iter().any(|entry| {
                    matches!(
                        &entry.what,
                        What::Event(Event::Answered { user: UserId::Export, result: Ok(_), .. })
                    )
                })
            }),
            ("the job is gone", |ran| {
                ran.entries.iter().any(|entry| {
                    matches!(
                        entry.what,
                        What::Event(Event::Job {
                            kind: JobKind::Backup,
                            state: JobState::Concluded(Err(_))
                        })
                    )
                })
            }),
            ("the checkpoint after it is refused", |ran| ran.outcome.counts.checkpoints == 0),
        ],
    ),
    promise(
        "forward-after-lost-backup",
        &[
            "probe/backup/cancelled-idle",
            "probe/copy/forwarded-write-fenced",
            FAILING_OVER,
            PROMOTED,
        ],
        &[
            PRIMARY_HEARS_OF_LOSS,
            ("get_error tells the secondary", |ran| answers(ran, S, Verb::GetError) == [false]),
        ],
    ),
    promise(
        "checkpoint-cannot-empty-active",
        &["fault/active/write", "probe/overlay/empty-failed"],
        &[
            ("the checkpoint fails, and get_error tells before the next one", |ran| {
                answers(ran, S, Verb::Checkpoint) == [true, false]
                    && answers(ran, S, Verb::GetError) == [true, true, false]
            }),
            GUEST_READS_AT_END,
        ],
    ),
    promise(
        "checkpoint-cannot-empty-hidden",
        &["fault/hidden/write", "probe/overlay/empty-failed", FAILING_OVER, PROMOTED],
        &[
            ("the checkpoint fails", |ran| answers(ran, S, Verb::Checkpoint) == [true, false]),
            GUEST_READS_AT_END,
        ],
    ),
    promise(
        "emptying-drops-nothing",
        &["probe/overlay/empty-failed"],
        &[
            ("the checkpoints of the secondary are answered in this way", |ran| {
                answers(ran, S, Verb::Checkpoint) == [true, false, false, true]
            }),
            ("get_error tells the secondary in time, and no longer", |ran| {
                answers(ran, S, Verb::GetError).ends_with(&[false, false, true])
            }),
        ],
    )
    .refuses(&[
        "Failed to empty active: Input/output error",
        "Failed to empty hidden: Input/output error",
        "I/O error occurred",
    ])
    .secondary_guest(&[
        "P1×5 S1×3 init×6 S2 init×9",
        "P1×5 S1×3 init×6 S2 init×9",
        "P1×3 P2×8 init×13",
    ]),
    promise(
        "emptying-drops-half",
        &["probe/overlay/empty-failed"],
        &[
            ("the checkpoints of the secondary are answered in this way", |ran| {
                answers(ran, S, Verb::Checkpoint) == [true, false, false, true]
            }),
            ("get_error tells the secondary in time, and no longer", |ran| {
                answers(ran, S, Verb::GetError).ends_with(&[false, false, true])
            }),
        ],
    )
    .refuses(&[
        "Failed to empty active: Input/output error",
        "Failed to empty hidden: Input/output error",
        "I/O error occurred",
    ])
    .secondary_guest(&[
        "P1×5 S1×3 init×6 S2 init×9",
        "P1×5 S1×3 init×6 S2 init×9",
        "P1×3 P2×8 init×13",
    ]),
    promise(
        "emptying-drops-all-and-fails",
        &["probe/overlay/empty-failed"],
        &[
            ("the checkpoints of the secondary are answered in this way", |ran| {
                answers(ran, S, Verb::Checkpoint) == [true, false, false, true]
            }),
            ("get_error tells the secondary in time, and no longer", |ran| {
                answers(ran, S, Verb::GetError).ends_with(&[false, false, true])
            }),
        ],
    )
    .refuses(&[
        "Failed to empty active: Input/output error",
        "Failed to empty hidden: Input/output error",
        "I/O error occurred",
    ])
    .secondary_guest(&[
        "P1×5 S1×3 init×6 S2 init×9",
        "P1×5 S1×3 init×6 S2 init×9",
        "P1×3 P2×8 init×13",
    ]),
    promise(
        "emptying-ejects-active",
        &[
            "probe/overlay/empty-failed",
            "probe/verb/checkpoint-meets-ejected-overlay",
            "probe/node/request-meets-ejected-node",
        ],
        &[("the checkpoints of the secondary are answered in this way", |ran| {
            answers(ran, S, Verb::Checkpoint) == [true, false, false]
        })],
    )
    .refuses(&["Active disk active is ejected", "Failed to empty active: Input/output error"])
    .secondary_guest(&["ENOMEDIUM"]),
    promise(
        "emptying-ejects-hidden",
        &[
            "probe/overlay/empty-failed",
            "probe/verb/checkpoint-meets-ejected-overlay",
            "probe/node/request-meets-ejected-node",
        ],
        &[("the checkpoints of the secondary are answered in this way", |ran| {
            answers(ran, S, Verb::Checkpoint) == [true, false, false]
        })],
    )
    .refuses(&["Failed to empty hidden: Input/output error", "Hidden disk hidden is ejected"])
    .secondary_guest(&["ENOMEDIUM"]),
    promise(
        "checkpoint-meets-ejected-active",
        &["probe/verb/checkpoint-meets-ejected-overlay"],
        &[("the checkpoints of the secondary are answered in this way", |ran| {
            answers(ran, S, Verb::Checkpoint) == [true, false]
        })],
    )
    .refuses(&["Active disk active is ejected", "I/O error occurred"])
    .secondary_guest(&["ENOMEDIUM"]),
    promise(
        "checkpoint-meets-ejected-hidden",
        &["probe/verb/checkpoint-meets-ejected-overlay"],
        &[("the checkpoints of the secondary are answered in this way", |ran| {
            answers(ran, S, Verb::Checkpoint) == [true, false]
        })],
    )
    .refuses(&["Hidden disk hidden is ejected", "I/O error occurred"])
    .secondary_guest(&["ENOMEDIUM"]),
    promise(
        "checkpoint-after-lost-backup",
        &["probe/backup/cancelled-idle"],
        &[("the checkpoints of the secondary are answered in this way", |ran| {
            answers(ran, S, Verb::Checkpoint) == [true, false]
        })],
    )
    .refuses(&["Backup job was cancelled unexpectedly", "I/O error occurred"])
    .secondary_guest(&["P1×5 S1×3 init×6 S2 init×9"]),
    promise("verbs-queue", &["probe/verb/queued", STOPPED], &[ORDERLY, NOTHING_REFUSED])
        .secondary_guest(&["ok", "P1×3 P2×8 init×13"]),
];
