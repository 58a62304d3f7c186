//! What an operator does.

use super::*;

const WRITER_BELOW_COPY: &str = "Permission conflict on node 'secondary': permissions 'write' are \
    both required by 'other0' and unshared by 'cbw'";

pub(crate) const PROMISES: &[Promise] = &[
    promise("guest-device-replugged", &[], &[NOTHING_REFUSED]).secondary_guest(&[
        "ENOMEDIUM",
        "P1×5 S1×3 init×6 S2 init×9",
        "P3×4 P2×7 init×13",
    ]),
    promise(
        "guest-device-takes-the-top-along",
        &[STOPPED, "probe/verb/close-while-running"],
        &[PRIMARY_GUEST_UNHARMED],
    )
    .refuses(&["Block replication is closed"])
    .secondary_guest(&["ENOMEDIUM"]),
    promise(
        "guest-drive-gone-at-backup-end",
        &["probe/backup/cancelled-idle", "probe/verb/images-read-only-again"],
        &[("get_error tells the secondary in time, and no longer", |ran| {
            answers(ran, S, Verb::GetError).ends_with(&[false])
        })],
    )
    .refuses(&["I/O error occurred"])
    .secondary_guest(&["P1×5 S1×3 init×6 S2 init×9"]),
    promise(
        "secondary-device-removed",
        &["probe/backup/cancelled-with-its-device", "probe/copy/forwarded-write-fenced"],
        &[
            PRIMARY_HEARS_IN_THE_END,
            ("get_error tells the secondary in time, and no longer", |ran| {
                answers(ran, S, Verb::GetError).ends_with(&[false])
            }),
            PRIMARY_GUEST_UNHARMED,
        ],
    )
    .refuses(&["Backup job was cancelled unexpectedly", "I/O error occurred"])
    .secondary_guest(&["P1×5 S1×3 init×6 S2 init×9"]),
    promise(
        "export-removed",
        &["probe/filter/forward-failed"],
        &[PRIMARY_HEARS_OF_LOSS, PRIMARY_GUEST_UNHARMED],
    )
    .refuses(&["I/O error occurred"])
    .secondary_guest(&["init×24"]),
    promise(
        "writer-below-copy-before-write",
        &["probe/admin/refused"],
        &[("the checkpoints of the secondary are answered in this way", |ran| {
            answers(ran, S, Verb::Checkpoint) == [true, true]
        })],
    )
    .refuses(&[WRITER_BELOW_COPY])
    .secondary_guest(&["P1×5 S1×3 init×6 S2 init×9"]),
    promise(
        "reopen-under-a-writer",
        &["probe/admin/refused"],
        &[("the checkpoints of the secondary are answered in this way", |ran| {
            answers(ran, S, Verb::Checkpoint) == [true, true]
        })],
    )
    .refuses(&["Cannot make block node read-only, there is a writer on it"])
    .secondary_guest(&["ok", "P1×3 P2×8 init×5 P3×4 init×4"]),
    promise(
        "blocked-top-wanted",
        &["probe/admin/refused"],
        &[("the checkpoints of the secondary are answered in this way", |ran| {
            answers(ran, S, Verb::Checkpoint) == [true, true]
        })],
    )
    .refuses(&[
        "Node 'colo-disk0' is busy: Block device is in use by internal backup job",
        "Node top is in use",
    ])
    .secondary_guest(&["P1×5 S1×3 init×6 S2 init×9"]),
    promise(
        "blocked-top-without-device",
        &["probe/admin/refused"],
        &[("the checkpoints of the secondary are answered in this way", |ran| {
            answers(ran, S, Verb::Checkpoint) == [true, true]
        })],
    )
    .refuses(&["Node 'top' is busy: Block device is in use by internal backup job"])
    .secondary_guest(&["P1×5 S1×3 init×6 S2 init×9"]),
    promise(
        "close-while-running",
        &["probe/verb/close-while-running", STOPPED, "edge/primary/RUNNING->DONE"],
        &[("both closes say ok", |ran| {
            [P, S].into_iter().all(|side| answers(ran, side, Verb::Close) == [true])
        })],
    ),
    promise(
        "close-in-commit",
        &["probe/verb/close-while-committing", "verb/secondary/close/FAILOVER"],
        &[("the close says ok", |ran| answers(ran, S, Verb::Close) == [true]), NO_PIVOT],
    ),
    promise("close-before-start", &["verb/secondary/close/NONE", "verb/primary/close/NONE"], &[])
        .refuses(&["Block replication is closed"])
        .secondary_guest(&["ENOMEDIUM"])
        .primary_guest(&["ok", "P1×4"])
        .without_a_pair(),
    promise("close-after-failover", &[PROMOTED, "verb/secondary/close/DONE"], &[DISK_ALONE])
        .secondary_guest(&["P1×5 S1×3 init×6 S2 init×9"]),
    promise(
        "close-after-failed-failover",
        &[FAILED, "verb/secondary/close/FAILOVER_FAILED"],
        &[RECOVERED, NO_PIVOT],
    )
    .secondary_guest(&["ok", "P1×5 S1×3 init×6 S2 init×9"]),
    promise("quit-before-start", &[], &[ENDED, NOTHING_REFUSED])
        .secondary_guest(&["P1×3 P2×8 init×13"]),
    promise(
        "quit-while-running",
        &[STOPPED, "probe/verb/close-while-running"],
        &[ENDED, NOTHING_REFUSED],
    )
    .secondary_guest(&["EIO", "P1×3 P2×8 init×13"]),
    promise(
        "quit-in-commit",
        &[FAILED, "probe/commit/cancelled-before-ready"],
        &[ENDED, RECOVERED],
    )
    .secondary_guest(&["P1×5 S1×3 init×6 S2 init×9"]),
    promise("quit-after-failed-failover", &[FAILED], &[ENDED, RECOVERED])
        .secondary_guest(&["ok", "P1×5 S1×3 init×6 S2 init×5 S3×2 init×2"]),
    promise("quit-after-failover", &[PROMOTED], &[ENDED, DISK_ALONE, NOTHING_REFUSED])
        .secondary_guest(&["ok", "P1×4 S3×4 init×6 S2 init×9"]),
];
