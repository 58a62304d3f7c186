//! What happens to a pair, path by path.

mod checkpoints;
mod ends;
mod failovers;
mod losses;

use super::world::World;
use crate::colo::{Message, Node, Options, Order, Told};
use crate::verb::Verb;

const LEASE_NS: u64 = 6_000;
const HEARTBEAT_NS: u64 = 1_000;

/// Longest that a checkpoint takes in these worlds, if nothing is lost.
const CHECKPOINT_NS: u64 = 2_000;

/// When everything has been noticed, claimed, waited for and done.
const DECIDED_NS: u64 = 5 * LEASE_NS;

const FAILOVER: Verb = Verb::Stop { failover: true };
const STOP: Verb = Verb::Stop { failover: false };

const P: Node = Node::Primary;
const S: Node = Node::Secondary;
const A: Node = Node::Arbiter;

const OPTIONS: Options = Options {
    heartbeat_ns: HEARTBEAT_NS,
    lease_ns: LEASE_NS,
    checkpoint_ns: None,
    ungranted: false,
};

fn pair() -> World {
    World::together(OPTIONS)
}

fn runs(world: &World) -> [bool; 2] {
    [0, 1].map(|side: usize| world.hosts[side].runs)
}

/// A checkpoint that is asked for now is complete soon, and begins this epoch.
fn takes_a_checkpoint(world: &mut World, epoch: u32) {
    world.order(Order::Checkpoint);
    world.until(CHECKPOINT_NS, |world| world.watch.was_told(P, &Told::Checkpointed { epoch }));
    assert_eq!(world.watch.epochs, [epoch; 2]);
    assert_eq!(runs(world), [true; 2]);
}
