//! Disks of the secondary host.

use super::*;

pub(crate) const PROMISES: &[Promise] = &[
    promise(
        "zeroes-and-discards",
        &["probe/filter/discard-dropped", PROMOTED],
        &[NOTHING_REFUSED, PRIMARY_GUEST_UNHARMED],
    )
    .secondary_guest(&["P1×5 0×2 S1", "ok", "P1×5 0×2 S1"]),
    promise(
        "copy-read-error",
        &["fault/secondary/read", "probe/copy/read-failed", "probe/filter/forward-failed"],
        &[PRIMARY_HEARS_OF_LOSS, PRIMARY_GUEST_UNHARMED],
    ),
    promise(
        "forwarded-write-error",
        &["fault/secondary/write", "probe/filter/forward-failed"],
        &[PRIMARY_HEARS_OF_LOSS, PRIMARY_GUEST_UNHARMED, GUEST_READS_AT_END],
    ),
    promise(
        "no-room-for-old-contents",
        &["probe/copy/save-failed", "fault/hidden/write"],
        &[PRIMARY_HEARS_IN_THE_END, PRIMARY_GUEST_UNHARMED],
    )
    .refuses(&["I/O error occurred"])
    .secondary_guest(&["P1×4", "P1×4"]),
    promise(
        "hidden-stalls",
        &["probe/copy/started"],
        &[NOTHING_REFUSED, PRIMARY_GUEST_UNHARMED, STALLED],
    )
    .secondary_guest(&["init×4", "init×4", "ok", "init×5 S1 init×18"]),
    promise(
        "active-ejected",
        &["probe/node/request-meets-ejected-node", "verb/secondary/stop(failover=1)/RUNNING"],
        &[PRIMARY_GUEST_UNHARMED, VOID],
    )
    .refuses(&["Failed to make active durable: No medium found"])
    .secondary_guest(&["ENOMEDIUM", "ENOMEDIUM", "ENOMEDIUM", "ENOMEDIUM"]),
    promise(
        "hidden-ejected",
        &["probe/node/request-meets-ejected-node", "verb/secondary/stop(failover=1)/RUNNING"],
        &[PRIMARY_GUEST_UNHARMED, VOID],
    )
    .refuses(&["Failed to make hidden durable: No medium found"])
    .secondary_guest(&["ENOMEDIUM", "ENOMEDIUM", "ENOMEDIUM", "ENOMEDIUM"]),
    promise(
        "active-ejected-after-failed-failover",
        &[
            FAILED,
            "probe/node/request-meets-ejected-node",
            "verb/secondary/stop(failover=1)/FAILOVER_FAILED",
        ],
        &[
            RECOVERED,
            ("get_error tells the secondary in time, and no longer", |ran| {
                answers(ran, S, Verb::GetError).ends_with(&[false])
            }),
        ],
    )
    .refuses(&["Failed to make active durable: No medium found", "I/O error occurred"])
    .secondary_guest(&["ok", "ENOMEDIUM", "ENOMEDIUM", "P1×5 S1×3 init×6 S2 init×9"]),
    promise(
        "hidden-ejected-after-failed-failover",
        &[
            FAILED,
            "probe/node/request-meets-ejected-node",
            "verb/secondary/stop(failover=1)/FAILOVER_FAILED",
        ],
        &[
            RECOVERED,
            ("get_error tells the secondary in time, and no longer", |ran| {
                answers(ran, S, Verb::GetError).ends_with(&[false])
            }),
        ],
    )
    .refuses(&["Failed to make hidden durable: No medium found", "I/O error occurred"])
    .secondary_guest(&["ok", "ENOMEDIUM", "ENOMEDIUM", "P1×5 S1×3 init×6 S2 init×9"]),
];
