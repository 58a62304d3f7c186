//! The planned end.

use super::*;

#[test]
fn after_a_planned_stop_the_primarys_guest_goes_on() {
    let mut world = pair();
    world.order(Order::Stop);
    world.run(CHECKPOINT_NS);
    assert_eq!(world.watch.calls, [(S, STOP), (P, STOP)]);
    assert_eq!(runs(&world), [true, false]);
    world.run(DECIDED_NS);
    world.order(Order::Failover);
    world.run(DECIDED_NS);
    assert_eq!(world.watch.calls, [(S, STOP), (P, STOP)], "nobody claims after that");
    assert_eq!(runs(&world), [true, false]);
}

/// Longer than a lease.
#[test]
fn a_primary_that_is_slow_to_stop_is_not_alone() {
    let mut world = pair();
    world.hosts[P as usize].verb_ns = 1_000_000;
    world.order(Order::Stop);
    let took = world.until(1_000_000, |world| world.watch.ended);
    assert!(took > 2 * LEASE_NS, "{took}");
    assert_eq!(world.watch.calls, [(S, STOP), (P, STOP)]);
    assert_eq!(world.watch.arbiter_granted, [false; 2]);
}

#[test]
fn a_stop_that_fails_leaves_the_pair_together() {
    let mut world = pair();
    world.hosts[S as usize].failing = 1;
    world.order(Order::Stop);
    world.run(CHECKPOINT_NS);
    assert_eq!(world.watch.calls, [(S, STOP)]);
    assert!(!world.is_busy());
    takes_a_checkpoint(&mut world, 1);
}

#[test]
fn what_is_lost_of_a_stop_is_made_up_for() {
    for failing in [0, 1] {
        let kinds: [fn(&Message) -> bool; 2] = [
            |message| matches!(message, Message::Stop),
            |message| matches!(message, Message::Stopped { .. }),
        ];
        for loses in kinds {
            let mut world = pair();
            world.hosts[S as usize].failing = failing;
            world.loses = Some(loses);
            world.order(Order::Stop);
            world.run(CHECKPOINT_NS + 2 * HEARTBEAT_NS);
            assert!(world.loses.is_none());
            assert!(!world.is_busy());
            assert_eq!(world.watch.ended, failing == 0);
            assert_eq!(world.watch.called(S, STOP), 1);
        }
    }
}
