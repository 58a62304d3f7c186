//! What happens to a pair, path by path.

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

fn pair() -> World {
    World::together(Options {
        heartbeat_ns: HEARTBEAT_NS,
        lease_ns: LEASE_NS,
        checkpoint_ns: None,
        ungranted: false,
    })
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

mod checkpoints {
    use super::*;

    #[test]
    fn both_are_asked_for_errors_and_the_primary_goes_first() {
        let mut world = pair();
        takes_a_checkpoint(&mut world, 1);
        let expected = [
            (P, Verb::GetError),
            (S, Verb::GetError),
            (P, Verb::Checkpoint),
            (S, Verb::Checkpoint),
        ];
        assert_eq!(world.watch.calls, expected);
        assert!(world.watch.was_told(S, &Told::Loaded { epoch: 1, writes: vec![7] }));
        takes_a_checkpoint(&mut world, 2);
    }

    /// The verbs of these sides that are called, one after another, up to the one that fails.
    fn fails_at(failing: Node, verbs: &[(Node, Verb)]) {
        let mut world = pair();
        let before = verbs.iter().filter(|(node, _)| *node == failing).count();
        if before == 2 {
            // The first verb of that side is answered well.
            world.order(Order::Checkpoint);
            world.until(CHECKPOINT_NS, |world| {
                world.watch.calls.last() == Some(&(S, Verb::GetError))
            });
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
        let all = [
            (P, Verb::GetError),
            (S, Verb::GetError),
            (P, Verb::Checkpoint),
            (S, Verb::Checkpoint),
        ];
        fails_at(S, &all);
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
        world.sever(&[P]);
        world.run(3 * HEARTBEAT_NS);
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

    /// Heartbeats are more frequent than checkpoints, and each is answered by one who is ready.
    #[test]
    fn the_primary_takes_them_by_itself() {
        let mut world = World::together(Options {
            heartbeat_ns: HEARTBEAT_NS,
            lease_ns: LEASE_NS,
            checkpoint_ns: Some(3_000),
            ungranted: false,
        });
        world.hosts[S as usize].failing = 1;
        world.run(10 * LEASE_NS);
        assert!(world.watch.epochs[0] >= 10, "{:?}", world.watch.epochs);
    }
}

mod ends {
    use super::*;

    #[test]
    fn a_planned_stop_ends_with_two_guests_on_their_own() {
        let mut world = pair();
        world.order(Order::Stop);
        world.run(CHECKPOINT_NS);
        assert_eq!(world.watch.calls, [(S, STOP), (P, STOP)]);
        assert_eq!(runs(&world), [true; 2]);
        world.run(DECIDED_NS);
        world.order(Order::Failover);
        world.run(DECIDED_NS);
        assert_eq!(world.watch.calls, [(S, STOP), (P, STOP)], "nobody claims after that");
        assert_eq!(runs(&world), [true; 2]);
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
}

mod failovers {
    use super::*;

    #[test]
    fn the_primary_yields_to_an_operator_at_once() {
        let mut world = pair();
        world.order(Order::Failover);
        let took = world.until(LEASE_NS, |world| world.watch.called(S, FAILOVER) == 1);
        assert!(took < HEARTBEAT_NS, "{took}");
        assert!(world.watch.fates[P as usize].yielded);
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
}

mod losses {
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

    /// It drains for a checkpoint while the secondary is replaced by one that knows no epoch.
    #[test]
    fn a_primary_that_meets_a_new_life_of_the_secondary_goes_on() {
        let mut world = pair();
        takes_a_checkpoint(&mut world, 1);
        world.drain_ns = 1_000;
        world.order(Order::Checkpoint);
        world.crash(S);
        world.start(S);
        world.run(DECIDED_NS);
        assert!(!world.is_busy());
        assert_eq!(runs(&world), [true; 2]);
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
}
