//! Checkpoints: complete, refused by each side, and with each message lost.

use super::*;

#[test]
fn both_are_asked_for_errors_and_the_primary_goes_first() {
    let mut world = pair();
    takes_a_checkpoint(&mut world, 1);
    let expected =
        [(P, Verb::GetError), (S, Verb::GetError), (P, Verb::Checkpoint), (S, Verb::Checkpoint)];
    assert_eq!(world.watch.calls, expected);
    assert!(world.watch.was_told(S, &Told::Received { epoch: 1, writes: vec![7] }));
    assert!(world.watch.was_told(S, &Told::Loaded { epoch: 1 }));
    takes_a_checkpoint(&mut world, 2);
}

/// The verbs of these sides that are called, one after another, up to the one that fails.
fn fails_at(failing: Node, verbs: &[(Node, Verb)]) -> World {
    let mut world = pair();
    let before = verbs.iter().filter(|(node, _)| *node == failing).count();
    if before == 2 {
        // The first verb of that side is answered well.
        world.order(Order::Checkpoint);
        world.until(CHECKPOINT_NS, |world| world.watch.calls.last() == Some(&(S, Verb::GetError)));
        world.hosts[failing as usize].failing = 1;
    } else {
        world.hosts[failing as usize].failing = 1;
        world.order(Order::Checkpoint);
    }
    world.run(CHECKPOINT_NS);
    assert_eq!(world.watch.calls, verbs);
    assert_eq!(world.watch.epochs, [0; 2]);
    assert_eq!(runs(&world), [true; 2]);
    assert!(!world.is_busy());
    takes_a_checkpoint(&mut world, 1);
    world
}

#[test]
fn an_error_of_the_primary_leaves_the_old_epoch() {
    fails_at(P, &[(P, Verb::GetError), (S, Verb::GetError)]);
}

#[test]
fn an_error_of_the_secondary_leaves_the_old_epoch() {
    fails_at(S, &[(P, Verb::GetError), (S, Verb::GetError)]);
}

#[test]
fn a_primary_that_cannot_take_it_leaves_the_old_epoch() {
    fails_at(P, &[(P, Verb::GetError), (S, Verb::GetError), (P, Verb::Checkpoint)]);
}

#[test]
fn a_secondary_that_cannot_take_it_leaves_the_old_epoch() {
    let all =
        [(P, Verb::GetError), (S, Verb::GetError), (P, Verb::Checkpoint), (S, Verb::Checkpoint)];
    let world = fails_at(S, &all);
    assert_eq!(world.watch.loads, 1, "the memory stays the old one when the disks do");
}

#[test]
fn a_message_lost_on_a_connection_that_goes_on_is_made_up_for() {
    let kinds: [fn(&Message) -> bool; 4] = [
        |message| matches!(message, Message::CheckpointRequest { .. }),
        |message| matches!(message, Message::CheckpointReply { .. }),
        |message| matches!(message, Message::VmState { .. }),
        |message| matches!(message, Message::CheckpointDone { .. }),
    ];
    for loses in kinds {
        let mut world = pair();
        world.loses = Some(loses);
        world.order(Order::Checkpoint);
        world.run(CHECKPOINT_NS + 2 * HEARTBEAT_NS);
        assert!(world.loses.is_none());
        assert_eq!(world.watch.epochs, [1; 2]);
        assert_eq!(world.watch.calls.len(), 4, "no verb is called twice");
        assert_eq!(runs(&world), [true; 2]);
    }
}

#[test]
fn a_lost_abandonment_is_made_up_for() {
    let mut world = pair();
    world.hosts[P as usize].failing = 1;
    world.loses = Some(|message| matches!(message, Message::Abandon { .. }));
    world.order(Order::Checkpoint);
    world.until(CHECKPOINT_NS, |world| world.loses.is_none());
    assert_eq!(runs(&world), [true, false]);
    world.run(3 * HEARTBEAT_NS);
    assert_eq!(runs(&world), [true; 2]);
    takes_a_checkpoint(&mut world, 1);
}

/// The primary has given the attempt up and has a new connection; the secondary knows of neither.
#[test]
fn an_abandonment_lost_with_its_connection_is_made_up_for() {
    let mut world = pair();
    world.hosts[P as usize].failing = 1;
    world.loses = Some(|message| matches!(message, Message::Abandon { .. }));
    world.order(Order::Checkpoint);
    world.until(CHECKPOINT_NS, |world| world.loses.is_none());
    // So is the one that goes over the new connection first.
    world.loses = Some(|message| matches!(message, Message::Abandon { .. }));
    world.sever(&[P]);
    world.run(3 * HEARTBEAT_NS);
    assert!(world.loses.is_none());
    assert!(!world.is_busy());
    assert_eq!(runs(&world), [true; 2]);
    takes_a_checkpoint(&mut world, 1);
}

#[test]
fn one_that_is_lost_while_it_drains_is_asked_for_over_the_next_connection() {
    let mut world = pair();
    world.drain_ns = 1_000;
    world.order(Order::Checkpoint);
    world.sever(&[P, S]);
    world.run(2 * CHECKPOINT_NS);
    assert_eq!(world.watch.epochs, [1; 2]);
    assert_eq!(runs(&world), [true; 2]);
}

/// At every moment of a checkpoint, in both directions.
#[test]
fn messages_of_another_epoch_change_nothing() {
    let mut world = pair();
    takes_a_checkpoint(&mut world, 1);
    world.order(Order::Checkpoint);
    world.watch.calls.clear();
    for _ in 0..CHECKPOINT_NS / 20 {
        world.run(20);
        // The third may be the next one already.
        for epoch in [0, 1, 4, u32::MAX] {
            world.watch.quiet_expected = true;
            for ok in [false, true] {
                world.deliver(S, P, Message::CheckpointReply { epoch, ok });
                world.deliver(S, P, Message::CheckpointDone { epoch, ok });
            }
            world.deliver(P, S, Message::CheckpointRequest { epoch });
            world.deliver(P, S, Message::VmState { epoch, writes: vec![] });
            world.deliver(P, S, Message::Abandon { epoch });
            world.watch.quiet_expected = false;
            if world.watch.epochs == [2; 2] {
                return;
            }
        }
    }
    panic!("the checkpoint is not complete: {world:?}");
}

/// Heartbeats are more frequent than checkpoints, and each is answered by one who is ready.
#[test]
fn the_primary_takes_them_by_itself() {
    let mut world = World::together(Options { checkpoint_ns: Some(3_000), ..OPTIONS });
    world.hosts[S as usize].failing = 1;
    world.run(10 * LEASE_NS);
    assert!(world.watch.epochs[0] >= 10, "{:?}", world.watch.epochs);
}
