//! The primary host.

use super::*;

pub(crate) const PROMISES: &[Promise] = &[
    promise(
        "write-before-start",
        &["probe/filter/request-refused-by-stage"],
        &[PRIMARY_GUEST_UNHARMED],
    )
    .secondary_guest(&["init×6 P2×4 init×14"])
    .primary_guest(&["ok", "init×4 P1×4 init×16", "ok", "ok", "init×4 P1×2 P2×4 init×14"]),
    promise(
        "stop-under-forwarded-writes",
        &["edge/primary/RUNNING->DONE", "verb/primary/stop(failover=0)/RUNNING"],
        &[PRIMARY_GUEST_UNHARMED, FORWARDED_TWO],
    )
    .primary_guest(&["ok", "ok", "ok", "P1×4 init×4 P2×4 init×4 P3×4 init×4"]),
    promise(
        "primary-restarts-after-stop",
        &["edge/primary/RUNNING->DONE", "crash/primary/power-loss/DONE"],
        &[PRIMARY_GUEST_UNHARMED],
    )
    .primary_guest(&["ok", "ok", "ok", "ok", "ok", "P3×2 P1 P2×8 init P4×4 init×8"]),
    promise(
        "primary-disk-error",
        &["fault/local/write", "probe/quorum/local-write-failed"],
        &[("the guest is told of one failed write", |ran| {
            let mine = ran.entries.iter().filter(|entry| entry.side == Some(P));
            mine.filter_map(guest_answer).collect::<Vec<_>>() == [true, false, true]
        })],
    ),
    promise(
        "primary-flush-error",
        &["fault/local/flush", "crash/primary/power-loss/RUNNING"],
        &[("its guest reads after the restart", |ran| last_answer(ran, P) == Some(true))],
    ),
    promise(
        "connection-lost",
        &["probe/filter/forward-failed"],
        &[
            ("the connection goes and comes back", |ran| {
                let changes = ran.entries.iter().filter_map(|entry| match entry.what {
                    What::Connection(change) => Some(change),
                    _ => None,
                });
                changes.collect::<Vec<_>>() == [Connection::Up, Connection::Down, Connection::Up]
            }),
            PRIMARY_HEARS_OF_LOSS,
            PRIMARY_GUEST_UNHARMED,
        ],
    ),
    promise(
        "primary-both-disks-fail",
        &["fault/local/write", "fault/secondary/write", "probe/filter/forward-failed"],
        &[PRIMARY_HEARS_OF_LOSS],
    )
    .refuses(&["I/O error occurred"])
    .primary_guest(&["ok", "EIO", "init×4 P1×4 init×16"]),
    promise("primary-read-error", &["fault/local/read", "probe/quorum/reads-next-child"], &[])
        .primary_guest(&["ok", "EIO", "init×4 P1×4 init×16"]),
    promise(
        "nothing-arrives-from-the-primary",
        &["probe/filter/forward-failed"],
        &[PRIMARY_HEARS_OF_LOSS, PRIMARY_GUEST_UNHARMED],
    )
    .refuses(&["I/O error occurred"])
    .secondary_guest(&["init×8", "init×8"])
    .primary_guest(&["ok", "P1×8"]),
    promise(
        "nothing-arrives-from-the-secondary",
        &["probe/filter/forward-failed"],
        &[PRIMARY_HEARS_OF_LOSS, PRIMARY_GUEST_UNHARMED],
    )
    .refuses(&["I/O error occurred"])
    .secondary_guest(&["init×8", "init×8"])
    .primary_guest(&["ok", "P1×8"]),
    promise(
        "nothing-arrives-from-the-primary-and-it-waits",
        &["probe/remote/request-sent-again"],
        &[NOTHING_REFUSED, PRIMARY_GUEST_UNHARMED],
    )
    .secondary_guest(&["init×8", "P1×8"])
    .primary_guest(&["ok", "P1×8"]),
    promise(
        "nothing-arrives-from-the-secondary-and-the-primary-waits",
        &["probe/remote/request-sent-again"],
        &[NOTHING_REFUSED, PRIMARY_GUEST_UNHARMED],
    )
    .secondary_guest(&["init×8", "P1×8"])
    .primary_guest(&["ok", "P1×8"]),
    promise(
        "fast-clock-waits-less",
        &["probe/remote/reconnect-timed-out"],
        &[PRIMARY_HEARS_OF_LOSS, PRIMARY_GUEST_UNHARMED],
    )
    .refuses(&["I/O error occurred"])
    .primary_guest(&["ok", "P1×4"]),
    promise(
        "slow-clock-waits-longer",
        &["probe/remote/request-sent-again"],
        &[NOTHING_REFUSED, PRIMARY_GUEST_UNHARMED],
    )
    .primary_guest(&["ok", "P1×4"]),
];
