//! Failovers that an operator asks for.

use super::*;

#[test]
fn the_primary_yields_to_an_operator_at_once() {
    let mut world = pair();
    world.order(Order::Failover);
    let took = world.until(LEASE_NS, |world| world.watch.called(S, FAILOVER) == 1);
    assert!(took < HEARTBEAT_NS, "{took}");
    assert!(world.watch.fates[P as usize].yielded);
    world.run(0);
    assert!(world.hosts[S as usize].hung_up, "nothing of the primary is taken any more");
    world.run(DECIDED_NS);
    assert_eq!(runs(&world), [false, true]);
    assert!(world.watch.fates[S as usize].leads);
}

#[test]
fn an_operator_waits_for_the_lease_of_a_primary_that_cannot_hear() {
    let mut world = pair();
    world.part(P, S);
    world.part(P, A);
    world.order(Order::Failover);
    let stood = world.until(DECIDED_NS, |world| !runs(world)[0]);
    assert!(stood > LEASE_NS - 2 * HEARTBEAT_NS, "{stood}");
    let waited = world.until(DECIDED_NS, |world| world.watch.called(S, FAILOVER) == 1);
    assert!(waited > 0 && stood + waited < 2 * LEASE_NS, "{stood} {waited}");
}

/// The arbiter's lease is over, and the primary lives on what the secondary has promised.
#[test]
fn a_grant_is_not_enough_while_a_promise_lasts() {
    let mut world = pair();
    world.part(P, A);
    world.run(2 * LEASE_NS);
    assert!(runs(&world)[0]);
    world.part(P, S);
    world.order(Order::Failover);
    world.run(HEARTBEAT_NS);
    assert!(world.watch.was_told(S, &Told::Granted));
    assert_eq!(world.watch.called(S, FAILOVER), 0);
    let waited = world.until(DECIDED_NS, |world| world.watch.called(S, FAILOVER) == 1);
    assert!(waited > LEASE_NS - 2 * HEARTBEAT_NS, "{waited}");
}

/// The primary's clock is a sixteenth slow, and the others are a sixteenth fast.
#[test]
fn a_lease_is_over_by_the_slowest_clock_before_anybody_takes_over() {
    for first in [S, A] {
        let mut world = World::drifting(OPTIONS, [60, 68, 68]);
        world.delay_ns = 0;
        world.run(LEASE_NS);
        if first == A {
            // The last lease is the secondary's promise.
            world.part(P, A);
            world.run(2 * LEASE_NS);
        }
        world.part(P, S);
        world.part(P, A);
        world.order(Order::Failover);
        world.until(DECIDED_NS, |world| world.watch.called(S, FAILOVER) == 1);
        world.run(DECIDED_NS);
    }
}

#[test]
fn a_verb_that_is_under_way_is_answered_first() {
    let mut world = pair();
    world.hosts[S as usize].verb_ns = 1_000_000;
    world.order(Order::Checkpoint);
    world.until(CHECKPOINT_NS, |world| world.watch.called(S, Verb::GetError) == 1);
    world.order(Order::Failover);
    world.until(2_000_000, |world| world.watch.called(S, FAILOVER) == 1);
    assert!(!runs(&world)[1], "it does not lead before its disks do");
    world.until(2_000_000, |world| world.watch.fates[S as usize].leads);
    assert!(runs(&world)[1]);
}

#[test]
fn one_that_failed_is_tried_again() {
    let mut world = pair();
    world.hosts[S as usize].failing = 1;
    world.order(Order::Failover);
    world.run(DECIDED_NS);
    world.order(Order::Failover);
    world.run(DECIDED_NS);
    assert_eq!(world.watch.called(S, FAILOVER), 2);
    assert_eq!(runs(&world), [false, true]);
}

#[test]
fn where_nothing_is_replicated_there_is_none() {
    let mut world = pair();
    world.replicate(S, false);
    world.order(Order::Failover);
    world.crash(P);
    world.run(DECIDED_NS);
    assert_eq!(world.watch.calls, []);
    assert_eq!(world.watch.arbiter_granted, [false; 2]);
}
