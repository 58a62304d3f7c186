//! The seven documented failures, and who is told of each.

use super::*;

pub(crate) const PROMISES: &[Promise] = &[
    promise(
        "documented-1-primary-disk-error",
        &["fault/local/write", "probe/quorum/local-write-failed"],
        &[("these are told, and nobody else", |ran| told(ran) == ["primary guest"])],
    )
    .secondary_guest(&["P1×5 S1×3 init×6 S2 init×9"])
    .primary_guest(&["ok", "ok", "EIO", "P1×3 P2×8 init×13"]),
    promise(
        "documented-2-forwarding-error",
        &["fault/secondary/write", "probe/filter/forward-failed"],
        &[("these are told, and nobody else", |ran| told(ran) == ["get_error of the primary"])],
    )
    .refuses(&["I/O error occurred"])
    .secondary_guest(&["P1×5 S1×3 init×6 S2 init×9"])
    .primary_guest(&["ok", "ok", "ok", "P1×3 P2×8 init×5 P3×4 init×4"]),
    promise(
        "documented-3-backup-error",
        &["fault/hidden/write", "probe/copy/save-failed"],
        &[("these are told, and nobody else", |ran| told(ran) == ["get_error of the primary"])],
    )
    .refuses(&["I/O error occurred"])
    .secondary_guest(&["P1×5 S1×3 init×6 S2 init×9"])
    .primary_guest(&["ok", "ok", "ok", "P1×3 P2×8 init×5 P3×4 init×4"]),
    promise(
        "documented-4-active-disk-error",
        &["fault/active/write"],
        &[("these are told, and nobody else", |ran| told(ran) == ["secondary guest"])],
    )
    .secondary_guest(&["EIO", "P1×5 S1×3 init×6 S2 init×9"])
    .primary_guest(&["ok", "ok", "P1×3 P2×8 init×13"]),
    promise(
        "documented-5-emptying-error",
        &["fault/hidden/write", "probe/overlay/empty-failed"],
        &[("these are told, and nobody else", |ran| {
            told(ran) == ["checkpoint of the secondary", "get_error of the secondary"]
        })],
    )
    .refuses(&["Failed to empty hidden: Input/output error", "I/O error occurred"])
    .secondary_guest(&["P1×5 S1×3 init×6 S2 init×9"])
    .primary_guest(&["ok", "ok", "P1×3 P2×8 init×13"]),
    promise(
        "documented-6-failover-after-emptying-error",
        &["probe/overlay/empty-failed", PROMOTED, "crash/secondary/power-loss/DONE"],
        &[
            ("these are told, and nobody else", |ran| {
                told(ran) == ["checkpoint of the secondary", "get_error of the secondary"]
            }),
            DISK_ALONE,
            ("the failovers are answered in this way", |ran| answers(ran, S, FAILOVER) == [true]),
            ("get_error tells the secondary in time, and no longer", |ran| {
                answers(ran, S, Verb::GetError).ends_with(&[false, true])
            }),
        ],
    )
    .refuses(&["Failed to empty hidden: Input/output error", "I/O error occurred"])
    .secondary_guest(&[
        "P1×5 S1×3 init×6 S2 init×9",
        "P1×5 S1×3 init×6 S2 init×9",
        "P1×5 S1×3 init×6 S2 init×9",
    ])
    .primary_guest(&["ok", "ok", "P1×3 P2×8 init×13"]),
    promise(
        "documented-7-commit-error",
        &[FAILED, "probe/commit/write-failed", "fault/secondary/write"],
        &[
            ("these are told, and nobody else", |ran| told(ran) == ["get_error of the secondary"]),
            ("the failovers are answered in this way", |ran| answers(ran, S, FAILOVER) == [true]),
            NO_PIVOT,
        ],
    )
    .refuses(&["I/O error occurred"])
    .secondary_guest(&["P1×5 S1×3 init×6 S2 init×9"])
    .primary_guest(&["ok", "ok", "P1×3 P2×8 init×13"]),
];
