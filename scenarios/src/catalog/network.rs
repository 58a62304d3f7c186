//! Two hosts on a network: who goes on when it fails, and whatever may come over its channels.

use colo_core::colo::Node;
use colo_core::{DiskId, Verb};
use colo_sim::pair::{CHANNELS, Port, Tampering};
use colo_sim::world::Side;

use super::steps::{P, RECOVER, S, call_all, read, write, write_in_flight};
use super::{Scenario, scenario};
use crate::plan::{PairSetup, Setup, Step};

/// A lease of these hosts and a little more, in nanoseconds.
const LEASE_NS: u64 = 3_000_000;

/// Longer than it takes to hold a silent host for gone, to ask the arbiter, and to wait for a lease's end.
const DECIDED: Step = Step::Pass(5 * LEASE_NS);

fn network(setup: &mut Setup) {
    setup.pair = Some(PairSetup::default());
}

const fn on_network(name: &'static str, about: &'static str, steps: fn() -> Vec<Step>) -> Scenario {
    scenario(name, about, steps).on(network)
}

/// Both sides start, then this happens.
fn together(steps: impl IntoIterator<Item = Step>) -> Vec<Step> {
    let start = |side: Side| call_all(side, Verb::Start(side.mode()));
    [S, P].map(start).into_iter().chain(steps).collect()
}

fn cut(from: Node, to: Node) -> Step {
    Step::CutBetween { from, to, cut: true }
}

fn part(a: Node, b: Node) -> [Step; 2] {
    [cut(a, b), cut(b, a)]
}

fn heal() -> impl Iterator<Item = Step> {
    let from = Node::ALL.into_iter();
    let cuts = from.flat_map(|from| Node::ALL.into_iter().map(move |to| (from, to)));
    cuts.filter(|(from, to)| from != to).map(|(from, to)| Step::CutBetween { from, to, cut: false })
}

/// Work before a network fails: a checkpoint lies behind both, and something after it.
fn work() -> [Step; 4] {
    [write(P, 0, 6), Step::Checkpoint, write(P, 2, 2), write(S, 8, 2)]
}

/// What each sender over a port sends next is tampered with, one after the other, and the pair works on: a
/// failover at last.
fn tampered(port: Port, how: Tampering) -> Vec<Step> {
    let senders = CHANNELS.into_iter().filter(|(_, of)| *of == port);
    let mut steps = together(work());
    for ((node, _), at) in senders.zip(0..) {
        steps.push(Step::Tamper { node, port, how });
        if (node, port) == (Node::Secondary, Port::Arbiter) {
            // It says who it is when it connects, and nothing else for as long as nobody is gone.
            steps.push(Step::Sever { node, port });
        }
        steps.extend([
            write_in_flight(P, 4 * at, 4),
            Step::Checkpoint,
            Step::Pass(2 * LEASE_NS),
            write(P, 4 * at + 1, 2),
            read(S, 4 * at, 4),
        ]);
    }
    steps.extend([Step::Checkpoint, Step::Failover, DECIDED, read(S, 0, 12), read(P, 0, 12)]);
    steps
}

macro_rules! messages {
    ($($how:ident: $export:literal, $control:literal, $arbiter:literal, $about:literal;)*) => {
        [$(
            on_network($export, concat!($about, ", in each direction between primary and export"), || {
                tampered(Port::Export, Tampering::$how)
            }),
            on_network($control, concat!($about, ", in each direction of the control channel"), || {
                tampered(Port::Control, Tampering::$how)
            }),
            on_network($arbiter, concat!($about, ", between each host and the arbiter"), || {
                tampered(Port::Arbiter, Tampering::$how)
            }),
        )*]
    };
}

/// Every kind of message on every channel.
pub(super) const MESSAGES: &[Scenario] = &messages! {
    Malformed: "malformed-on-export", "malformed-on-control", "malformed-on-arbiter",
        "a message's first byte is another one";
    Truncated: "truncated-on-export", "truncated-on-control", "truncated-on-arbiter",
        "a message ends in the middle, and so does its connection";
    Oversized: "oversized-on-export", "oversized-on-control", "oversized-on-arbiter",
        "a message claims to be longer than any may be";
    Duplicated: "duplicated-on-export", "duplicated-on-control", "duplicated-on-arbiter",
        "a message comes twice";
    Late: "late-on-export", "late-on-control", "late-on-arbiter",
        "a message comes after the next one";
    Slow: "slow-on-export", "slow-on-control", "slow-on-arbiter",
        "a message comes byte by byte";
    Junk: "junk-on-export", "junk-on-control", "junk-on-arbiter",
        "a message comes behind bytes that mean nothing";
};

pub(super) const SCENARIOS: &[Scenario] = &[
    on_network("network-checkpoints", "checkpoints by themselves, while the guests write", || {
        let writes = (0..6).flat_map(|at| [write(P, at, 2), write(S, at + 8, 1), DECIDED]);
        together(writes.chain([read(S, 0, 8)]))
    })
    .on(|setup| {
        setup.pair = Some(PairSetup { checkpoint_ns: Some(LEASE_NS), ..PairSetup::default() });
    }),
    on_network("network-planned-stop", "both are asked to stop, and stop at one moment", || {
        together(work().into_iter().chain([Step::PlannedStop, write(P, 0, 1), write(S, 0, 1)]))
    }),
    on_network("network-yield", "a failover is asked for, and the primary yields at once", || {
        together(work().into_iter().chain([Step::Failover, write(P, 0, 4), read(S, 0, 12)]))
    }),
    on_network("network-primary-gone", "the primary loses power, the secondary takes over", || {
        together(work().into_iter().chain([Step::PowerLoss(P), DECIDED, read(S, 0, 12)]))
    }),
    on_network(
        "network-secondary-gone",
        "the secondary loses power, the primary goes on alone; it comes back, and recovers",
        || {
            let gone = [Step::PowerLoss(S), DECIDED, write(P, 0, 12), RECOVER, read(S, 0, 12)];
            together(work().into_iter().chain(gone))
        },
    ),
    on_network(
        "network-parted",
        "neither hears the other, both hear the arbiter: one goes on, the other never again",
        || {
            let parted = part(Node::Primary, Node::Secondary).into_iter().chain([
                write_in_flight(P, 0, 4),
                DECIDED,
                write_in_flight(P, 4, 4),
                read(S, 0, 12),
            ]);
            let after = heal().chain([DECIDED, write_in_flight(P, 0, 2), write(S, 0, 2)]);
            together(work().into_iter().chain(parted).chain(after))
        },
    ),
    on_network(
        "network-one-way",
        "the secondary does not hear the primary, which hears it",
        || {
            let cut = [cut(Node::Primary, Node::Secondary), write_in_flight(P, 0, 4), DECIDED];
            together(work().into_iter().chain(cut).chain([read(S, 0, 12)]))
        },
    ),
    on_network(
        "network-primary-cut-off",
        "nobody hears the primary: its guest stands still when its lease is over, then the secondary takes over",
        || {
            let cut = part(Node::Primary, Node::Secondary).into_iter();
            let cut = cut.chain(part(Node::Primary, Node::Arbiter));
            let then =
                [write_in_flight(P, 0, 4), DECIDED, write_in_flight(P, 4, 4), read(S, 0, 12)];
            together(work().into_iter().chain(cut).chain(then))
        },
    ),
    on_network(
        "network-no-arbiter",
        "the arbiter is not heard when the primary loses power: no grant, no failover",
        || {
            let cut = part(Node::Secondary, Node::Arbiter).into_iter();
            let then = [Step::PowerLoss(P), DECIDED, read(S, 0, 12)];
            let heard = heal().chain([DECIDED, read(S, 0, 12)]);
            together(work().into_iter().chain(cut).chain(then).chain(heard))
        },
    ),
    on_network(
        "network-without-arbiter",
        "two that hear each other need no arbiter to go on, nor for a checkpoint",
        || {
            let cut = part(Node::Primary, Node::Arbiter).into_iter();
            let cut = cut.chain(part(Node::Secondary, Node::Arbiter));
            let then = [DECIDED, write(P, 0, 4), Step::Checkpoint, read(S, 0, 12)];
            together(work().into_iter().chain(cut).chain(then))
        },
    ),
    on_network(
        "network-write-overtaken",
        "a write on a slow connection that breaks is sent again over another, and written over there",
        || {
            let sever = Step::Sever { node: Node::Primary, port: Port::Export };
            let slow = [Step::Latency(100), write_in_flight(P, 0, 4), Step::Pass(30_000), sever];
            let fast = [Step::Latency(1), Step::Pass(1_000_000), write(P, 0, 4), DECIDED];
            together(slow.into_iter().chain(fast).chain([write(P, 8, 1), read(S, 0, 4)]))
        },
    ),
    on_network(
        "network-new-life",
        "the secondary takes over and dies; its next life may promise nothing to the primary's",
        || {
            let cut = part(Node::Primary, Node::Secondary).into_iter();
            let cut = cut.chain(part(Node::Primary, Node::Arbiter)).chain([DECIDED]);
            let again = [P, S].into_iter().flat_map(|side| {
                let start = Verb::Start(side.mode());
                [Step::Kill(side), Step::Restart(side), call_all(side, start)]
            });
            let after = heal().chain([DECIDED, write_in_flight(P, 0, 4)]);
            together(work().into_iter().chain(cut).chain(again).chain(after))
        },
    ),
    on_network(
        "network-next-life-fails-over",
        "the primary runs on what the secondary promises, whose next life is told to fail over",
        || {
            let apart = part(Node::Primary, Node::Arbiter).into_iter().chain([DECIDED]);
            let again = [Step::PowerLoss(S), Step::Restart(S)];
            let again = again.into_iter().chain([call_all(S, Verb::Start(S.mode()))]);
            let after = [Step::Failover, write_in_flight(P, 4, 4), DECIDED, read(S, 0, 12)];
            together(work().into_iter().chain(apart).chain(again).chain(after))
        },
    ),
    on_network(
        "network-lost-answers",
        "the secondary loses what it has answered with its power; the primary goes on alone",
        || {
            let lost = Step::PowerLossWith { side: S, keep: Vec::new() };
            let again = [lost, Step::Restart(S), call_all(S, Verb::Start(S.mode()))];
            let after = [DECIDED, Step::Checkpoint, write(P, 4, 4), read(S, 0, 12)];
            together(work().into_iter().chain(again).chain(after))
        },
    ),
    on_network(
        "network-dies-in-checkpoint",
        "the primary dies while the secondary takes a checkpoint: memory and disks are of one epoch",
        || {
            // Longer than anybody waits for the checkpoint.
            let stall = Step::Stall { disk: DiskId::Hidden, ns: 80_000_000 };
            let dies = [stall, Step::Checkpoint, Step::Kill(P), DECIDED, Step::Pass(80_000_000)];
            together(work().into_iter().chain(dies).chain([read(S, 0, 12)]))
        },
    ),
    on_network(
        "network-short-cut",
        "a cut shorter than anybody notices takes a forwarded write with it",
        || {
            let to = Node::Secondary;
            let heals = Step::CutBetween { from: Node::Primary, to, cut: false };
            let cut = [cut(Node::Primary, to), write_in_flight(P, 0, 4), Step::Pass(60_000), heals];
            together(work().into_iter().chain(cut).chain([DECIDED, write(P, 8, 2), read(P, 0, 12)]))
        },
    ),
    on_network(
        "network-drifting-clocks",
        "one clock runs fast, the other slow, when the primary is cut off",
        || {
            let cut = part(Node::Primary, Node::Secondary).into_iter();
            let cut = cut.chain(part(Node::Primary, Node::Arbiter));
            let then = [write_in_flight(P, 0, 4), DECIDED, read(S, 0, 12)];
            together(work().into_iter().chain(cut).chain(then))
        },
    )
    .on(|setup| {
        network(setup);
        setup.drift_ppm = [-20_000, 20_000];
    }),
];
