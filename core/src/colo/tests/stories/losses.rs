//! Who is lost, and who goes on.

use super::*;

#[test]
fn a_primary_without_a_secondary_goes_on_alone() {
    let mut world = pair();
    world.crash(S);
    world.run(DECIDED_NS);
    assert!(world.watch.was_told(P, &Told::PeerLost));
    assert!(world.watch.was_told(P, &Told::Granted));
    assert_eq!(world.watch.calls, [(P, FAILOVER)]);
    assert!(runs(&world)[0]);
}

#[test]
fn a_secondary_that_is_only_cut_off_is_denied() {
    let mut world = pair();
    world.part(P, S);
    world.run(DECIDED_NS);
    assert!(world.watch.was_told(P, &Told::Granted));
    assert!(world.watch.was_told(S, &Told::Denied));
    assert_eq!(runs(&world), [true, false]);
}

/// Nobody knows how far the other one came, and nobody waits to see.
#[test]
fn a_connection_lost_in_the_middle_of_a_checkpoint_parts_the_pair() {
    for told in [[P].as_slice(), &[S], &[P, S]] {
        let mut world = pair();
        world.order(Order::Checkpoint);
        world.until(HEARTBEAT_NS, |world| world.watch.calls.last() == Some(&(S, Verb::GetError)));
        world.sever(told);
        for node in told {
            assert!(world.watch.was_told(*node, &Told::PeerLost));
        }
        world.run(DECIDED_NS);
        assert_ne!(world.watch.arbiter_granted, [false; 2]);
        assert_ne!(runs(&world), [true; 2]);
    }
}

/// Its filters have stopped in the middle of a checkpoint.
#[test]
fn a_secondary_with_nothing_to_take_over_with_claims_nothing() {
    for told in [[S].as_slice(), &[]] {
        let mut world = pair();
        world.order(Order::Checkpoint);
        world.until(HEARTBEAT_NS, |world| world.watch.calls.last() == Some(&(S, Verb::GetError)));
        world.replicate(S, false);
        world.part(P, S);
        world.sever(told);
        world.run(DECIDED_NS);
        assert!(!world.watch.secondary_claimed);
        assert!(world.watch.was_told(P, &Told::Granted));
        assert!(!world.is_busy());
    }
}

#[test]
fn a_secondary_without_a_primary_takes_over() {
    let mut world = pair();
    world.crash(P);
    world.run(DECIDED_NS);
    assert!(world.watch.was_told(S, &Told::TakesOver));
    assert_eq!(world.watch.calls, [(S, FAILOVER)]);
    assert_eq!(runs(&world), [false, true]);
}

#[test]
fn a_primary_that_nobody_reaches_is_taken_over_from() {
    let mut world = pair();
    world.part(P, S);
    world.part(P, A);
    world.run(DECIDED_NS);
    assert_eq!(runs(&world), [false, true]);
    world.heal();
    world.run(DECIDED_NS);
    assert!(world.watch.was_told(P, &Told::Denied));
    assert_eq!(runs(&world), [false, true]);
}

#[test]
fn two_that_reach_each_other_need_no_arbiter() {
    let mut world = pair();
    world.part(P, A);
    world.part(S, A);
    world.run(DECIDED_NS);
    takes_a_checkpoint(&mut world, 1);
}

#[test]
fn without_an_arbiter_nobody_takes_over_and_the_primary_stands_still() {
    let mut world = pair();
    world.part(P, A);
    world.part(S, A);
    world.part(P, S);
    let stood = world.until(2 * LEASE_NS, |world| !runs(world)[0]);
    assert!(stood > LEASE_NS - 2 * HEARTBEAT_NS, "{stood}");
    world.run(10 * DECIDED_NS);
    assert!(!runs(&world)[0]);
    assert_eq!(world.watch.calls, []);
    world.heal();
    world.run(DECIDED_NS);
    assert_ne!(world.watch.arbiter_granted, [false; 2], "one of them goes on");
}

/// A restart that is faster than any silence: the guest that was followed is gone all the same.
#[test]
fn a_new_life_of_the_primary_is_no_reason_to_go_on() {
    let mut world = pair();
    takes_a_checkpoint(&mut world, 1);
    world.crash(P);
    world.start(P);
    world.until(LEASE_NS, |world| world.watch.was_told(S, &Told::PeerLost));
    world.run(DECIDED_NS);
    assert_eq!(runs(&world), [false, true]);
    assert!(world.watch.fates[S as usize].leads);
}

/// It knows nothing of who has taken over, and may promise nothing.
#[test]
fn a_new_life_of_the_secondary_gives_no_lease() {
    let mut world = pair();
    world.order(Order::Failover);
    world.run(DECIDED_NS);
    world.crash(P);
    world.crash(S);
    world.start(S);
    world.start(P);
    world.run(DECIDED_NS);
    assert!(!runs(&world)[0]);
}

/// Not even once it replicates, unless the arbiter says that nobody has taken over, or the last promise lasts.
#[test]
fn promises_of_a_new_life_count_once_no_earlier_one_can_have_taken_over() {
    let mut world = pair();
    world.part(P, S);
    world.part(P, A);
    world.run(DECIDED_NS);
    assert!(world.watch.fates[1].leads);
    for node in [P, S] {
        world.crash(node);
        world.start(node);
        world.replicate(node, true);
    }
    world.heal();
    world.run(DECIDED_NS);
    assert!(!runs(&world)[0], "one that is gone has taken over");
    world.watch.calls.clear();
    for order in [Order::Checkpoint, Order::Stop] {
        world.order(order);
        world.run(DECIDED_NS);
    }
    assert!(!runs(&world)[0] && world.watch.calls.is_empty(), "{:?}", world.watch.calls);

    let mut world = pair();
    for node in [P, S] {
        world.crash(node);
    }
    world.part(P, A);
    for node in [P, S] {
        world.start(node);
        world.replicate(node, true);
    }
    world.run(DECIDED_NS);
    assert!(!runs(&world)[0], "one that is gone may have taken over");
    world.heal();
    world.run(DECIDED_NS);
    assert!(runs(&world)[0], "the arbiter knows that nobody has");
    world.part(P, A);
    world.run(DECIDED_NS);
    assert!(runs(&world)[0], "the new life's promises count");
}

/// What a life has promised, the next one keeps.
#[test]
fn a_new_life_of_the_secondary_does_not_take_over_while_the_last_ones_promise_lasts() {
    let mut world = pair();
    world.part(P, A);
    world.run(DECIDED_NS);
    assert!(runs(&world)[0], "on the secondary's promises");
    world.part(P, S);
    world.crash(S);
    world.start(S);
    world.replicate(S, true);
    world.order(Order::Failover);
    world.until(DECIDED_NS, |world| world.watch.fates[S as usize].leads);
    assert!(!runs(&world)[0]);
}

/// The memory that has come is the guest's if the disks have taken the checkpoint, whoever dies meanwhile.
#[test]
fn a_secondary_that_takes_over_in_the_middle_of_a_checkpoint_has_memory_and_disks_of_one_epoch() {
    let mut world = pair();
    world.order(Order::Checkpoint);
    world.until(CHECKPOINT_NS, |world| world.watch.calls.last() == Some(&(S, Verb::Checkpoint)));
    world.crash(P);
    world.until(DECIDED_NS, |world| world.watch.fates[S as usize].leads);
    assert_eq!((world.watch.epochs[1], world.watch.loads), (1, 1));
}

/// What the old one had answered may be gone with it.
#[test]
fn a_primary_that_meets_a_new_life_of_the_secondary_goes_on_alone() {
    let mut world = pair();
    takes_a_checkpoint(&mut world, 1);
    world.drain_ns = 1_000;
    world.order(Order::Checkpoint);
    world.crash(S);
    world.start(S);
    world.run(DECIDED_NS);
    assert!(!world.is_busy());
    assert!(runs(&world)[0] && world.watch.fates[P as usize].granted);
    assert_eq!(world.watch.epochs[0], 1);
}

/// A primary that nobody has ever answered asks on.
#[test]
fn what_is_kept_is_bounded() {
    let kept_after = |heartbeats: u64| {
        let mut world = pair();
        world.crash(S);
        world.crash(P);
        world.part(P, A);
        world.start(P);
        world.run(heartbeats * HEARTBEAT_NS);
        world.role_text(P).len()
    };
    assert!(kept_after(50) > kept_after(10) + 40 * 2 * 10, "heartbeats are kept for a while");
    // Times and numbers are a few digits longer.
    let digits = 64 * 2 * 4;
    assert!(kept_after(10_000) < kept_after(200) + digits);
}
