//! Two hosts on a network: who goes on, and what comes over its channels.

use colo_core::colo::Told;
use colo_sim::pair::{Port, Tampering};
use colo_sim::world::Networked;

use super::*;

const TAKES_OVER: &str = "told/secondary/takes-over";
const PRIMARY_GOES_ON: [&str; 2] = ["told/primary/granted", "edge/primary/RUNNING->DONE"];

fn answered(ran: &Ran, side: Side) -> usize {
    let of_side = ran.entries.iter().filter(|entry| entry.side == Some(side));
    of_side.filter(|entry| guest_answer(entry).is_some()).count()
}

fn taken_over(ran: &Ran) -> usize {
    place(ran, &|entry| entry.what == What::Networked(Networked::Told(Told::TakesOver)))
}

fn ended(ran: &Ran) -> usize {
    let ended = |entry: &&Entry| matches!(entry.what, What::Networked(Networked::Ended { .. }));
    ran.entries.iter().filter(ended).count()
}

const NO_FAILOVER: Sign = ("nobody fails over", |ran| ran.outcome.counts.failovers_done == 0);
const STANDS_STILL: Sign = ("the primary's guest stands still for good", |ran| {
    let stands = |entry: &Entry| {
        (entry.side, &entry.what) == (Some(P), &What::Networked(Networked::Guest { runs: false }))
    };
    let goes_on = |entry: &Entry| {
        (entry.side, &entry.what) == (Some(P), &What::Networked(Networked::Guest { runs: true }))
    };
    let last = ran.entries.iter().rposition(stands);
    last > ran.entries.iter().rposition(goes_on)
});
const STOOD_STILL_BEFORE: Sign =
    ("the primary's guest stands still before anybody takes over", |ran| {
        let stands = |entry: &Entry| {
            (entry.side, &entry.what)
                == (Some(P), &What::Networked(Networked::Guest { runs: false }))
        };
        ran.entries.iter().rposition(stands) < Some(taken_over(ran))
    });

pub(crate) const PROMISES: &[Promise] = &[
    promise(
        "network-checkpoints",
        &["told/primary/checkpointed", "told/secondary/received", "told/secondary/loaded"],
        &[
            NOTHING_REFUSED,
            ("there are several checkpoints", |ran| ran.outcome.counts.checkpoints > 5),
        ],
    ),
    promise(
        "network-planned-stop",
        &["edge/primary/RUNNING->DONE", STOPPED],
        &[NOTHING_REFUSED, NO_FAILOVER],
    ),
    promise(
        "network-yield",
        &["told/secondary/granted", TAKES_OVER, PROMOTED],
        &[STANDS_STILL, STOOD_STILL_BEFORE],
    ),
    promise(
        "network-primary-gone",
        &["told/secondary/peer-lost", "told/secondary/granted", TAKES_OVER, PROMOTED],
        &[GUEST_READS_AT_END],
    )
    .secondary_guest(&["P1×6 init×2 S1×2 init×2"]),
    promise("network-secondary-gone", &PRIMARY_GOES_ON, &[NO_FAILOVER, PRIMARY_GUEST_UNHARMED]),
    promise(
        "network-parted",
        &["told/primary/granted", "told/secondary/denied", "network/cut/primary/secondary"],
        &[NO_FAILOVER, PRIMARY_GUEST_UNHARMED],
    ),
    promise(
        "network-one-way",
        &["told/primary/granted", "told/secondary/denied", "network/cut/primary/secondary"],
        &[NO_FAILOVER, PRIMARY_GUEST_UNHARMED],
    ),
    promise(
        "network-primary-cut-off",
        &["network/cut/primary/arbiter", TAKES_OVER, PROMOTED],
        &[STANDS_STILL, STOOD_STILL_BEFORE, GUEST_READS_AT_END],
    ),
    promise(
        "network-no-arbiter",
        &["network/cut/secondary/arbiter", "told/secondary/peer-lost", TAKES_OVER, PROMOTED],
        &[("the secondary takes over only when the arbiter is heard again", |ran| {
            answered(ran, S) == 3
                && ran.entries[..taken_over(ran)]
                    .iter()
                    .filter(|entry| entry.side == Some(S))
                    .filter(|entry| guest_answer(entry).is_some())
                    .count()
                    == 2
        })],
    ),
    promise(
        "network-without-arbiter",
        &["network/cut/arbiter/primary", "network/cut/arbiter/secondary"],
        &[
            NOTHING_REFUSED,
            ("there are two checkpoints", |ran| ran.outcome.counts.checkpoints == 2),
        ],
    ),
    promise(
        "network-write-overtaken",
        &["network/sever/primary/export", "ended/secondary/export/replaced"],
        &[
            PRIMARY_GUEST_UNHARMED,
            ("two writes arrive, not the first of them", |ran| {
                ran.entries.iter().filter(|entry| export_answer(entry).is_some()).count() == 2
            }),
        ],
    ),
    promise(
        "network-new-life",
        &[TAKES_OVER, "crash/secondary/process-death"],
        &[STANDS_STILL, ("the primary's new life sends nothing", |ran| answered(ran, P) == 2)],
    ),
    promise(
        "network-next-life-fails-over",
        &[TAKES_OVER, PROMOTED],
        &[STANDS_STILL, STOOD_STILL_BEFORE, GUEST_READS_AT_END],
    ),
    promise(
        "network-lost-answers",
        &PRIMARY_GOES_ON,
        &[
            NO_FAILOVER,
            PRIMARY_GUEST_UNHARMED,
            ("there is no other checkpoint", |ran| ran.outcome.counts.checkpoints == 1),
        ],
    ),
    promise(
        "network-dies-in-checkpoint",
        &[TAKES_OVER, PROMOTED],
        &[("both memories are loaded, the second after the primary's death", |ran| {
            let died = place(ran, &|entry| entry.what == What::ProcessDied);
            let loaded = |entry: &&Entry| {
                matches!(entry.what, What::Networked(Networked::Told(Told::Loaded { .. })))
            };
            let of = |entries: &[Entry]| entries.iter().filter(loaded).count();
            (of(&ran.entries[..died]), of(&ran.entries[died..])) == (1, 1)
        })],
    ),
    promise(
        "network-short-cut",
        &["network/cut/primary/secondary"],
        &[
            PRIMARY_GUEST_UNHARMED,
            NO_FAILOVER,
            ("all writes are answered", |ran| answered(ran, P) == 5),
        ],
    ),
    promise(
        "network-drifting-clocks",
        &[TAKES_OVER, PROMOTED],
        &[STANDS_STILL, STOOD_STILL_BEFORE],
    ),
];

/// The scenarios of one kind of message on one channel.
pub(crate) fn messages() -> impl Iterator<Item = (String, Port, Tampering)> {
    let name = |port: Port, how: Tampering| format!("{}-on-{}", how.name(), port.name());
    let all = Port::ALL.into_iter().flat_map(|port| Tampering::ALL.map(|how| (port, how)));
    all.map(move |(port, how)| (name(port, how), port, how))
}

/// Each kind of message comes over each channel, is noticed if it has to be, and the pair comes to an end with
/// one guest that goes on.
#[test]
fn every_kind_of_message_comes_over_every_channel() {
    for (name, port, how) in messages() {
        let ran = run_scenario(&name);
        let met = points::names().iter().zip(&ran.outcome.points).filter(|(_, hits)| **hits > 0);
        let met = met.filter(|(point, _)| {
            point.starts_with("message/")
                && point.ends_with(&format!("/{}/{}", port.name(), how.name()))
        });
        let senders = if port == Port::Arbiter { 3 } else { 2 };
        assert_eq!(met.count(), senders, "{name}");
        let bad = match how {
            Tampering::Malformed | Tampering::Oversized | Tampering::Junk => true,
            // Of a connection that ends in the middle of a control message only the network tells.
            Tampering::Truncated => port != Port::Arbiter,
            // The client gets an answer to nothing.
            Tampering::Duplicated => port == Port::Export,
            Tampering::Late | Tampering::Slow => false,
        };
        // One ends in order, when the pair does.
        assert_eq!(ended(&ran) > 1, bad, "{name}: {} connections ended", ended(&ran));
        let one = |side| last_answer(&ran, side) == Some(true);
        assert!(one(P) && one(S), "{name}");
        assert!(ran.outcome.is_clean(), "{name}: {:?}", ran.outcome.violations);
    }
}
