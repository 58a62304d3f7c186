//! The network of the pair lane: what arrives, when, and what does not.

use colo_core::colo::Node;
use colo_sim::pair::{Connection, Network, NetworkEvent, Port};

const LATENCY: u32 = 3;

/// Ticks until this host has something to tell, at most 50.
fn wait(network: &mut Network, node: Node) -> Option<(u32, NetworkEvent)> {
    (1..=50).find_map(|ticks| {
        network.tick();
        network.poll(node).map(|event| (ticks, event))
    })
}

/// A control connection: its ends on the primary and on the secondary.
fn connection(network: &mut Network) -> (Connection, Connection) {
    let near = network.dial(Node::Primary, Port::Control);
    let Some((_, NetworkEvent::Accepted(far, Port::Control))) = wait(network, Node::Secondary)
    else {
        panic!("nobody connected");
    };
    assert_eq!(wait(network, Node::Primary).map(|(_, event)| event), Some(connected(near)));
    (near, far)
}

fn connected(connection: Connection) -> NetworkEvent {
    NetworkEvent::Connected(connection)
}

fn received(connection: Connection, bytes: &[u8]) -> NetworkEvent {
    NetworkEvent::Received(connection, bytes.to_vec())
}

#[test]
fn bytes_arrive_in_order_and_after_the_latency() {
    let mut network = Network::new(LATENCY);
    let (near, far) = connection(&mut network);
    network.send(Node::Primary, near, b"one".to_vec());
    network.send(Node::Primary, near, b"two".to_vec());
    let (first, event) = wait(&mut network, Node::Secondary).expect("it arrives");
    assert_eq!(event, received(far, b"one"));
    assert_eq!(network.poll(Node::Secondary), Some(received(far, b"two")));
    network.set_latency(LATENCY + 4);
    network.send(Node::Primary, near, b"three".to_vec());
    let (later, event) = wait(&mut network, Node::Secondary).expect("it arrives");
    assert_eq!((event, later), (received(far, b"three"), first + 4));
    network.close(Node::Secondary, far);
    assert_eq!(wait(&mut network, Node::Primary).map(|(_, e)| e), Some(NetworkEvent::Closed(near)));
}

#[test]
fn nothing_arrives_through_a_cut_and_all_of_it_after_a_hold() {
    let mut network = Network::new(LATENCY);
    let (near, far) = connection(&mut network);
    network.set_held(Node::Primary, Node::Secondary, true);
    network.send(Node::Primary, near, b"held".to_vec());
    network.send(Node::Secondary, far, b"held, too".to_vec());
    assert_eq!(wait(&mut network, Node::Secondary), None);
    network.set_held(Node::Secondary, Node::Primary, false);
    assert_eq!(wait(&mut network, Node::Secondary).map(|(_, e)| e), Some(received(far, b"held")));
    assert_eq!(
        wait(&mut network, Node::Primary).map(|(_, e)| e),
        Some(received(near, b"held, too"))
    );
    // One way only.
    network.set_cut(Node::Primary, Node::Secondary, true);
    network.send(Node::Primary, near, b"lost".to_vec());
    network.send(Node::Secondary, far, b"there".to_vec());
    assert_eq!(wait(&mut network, Node::Primary).map(|(_, e)| e), Some(received(near, b"there")));
    assert_eq!(wait(&mut network, Node::Secondary), None);
    // Bytes of a stream do not overtake what was lost of it: it is of no use any more.
    network.set_cut(Node::Primary, Node::Secondary, false);
    assert_eq!(network.poll(Node::Primary), Some(NetworkEvent::Closed(near)));
    assert_eq!(network.poll(Node::Secondary), Some(NetworkEvent::Closed(far)));
    let (near, far) = connection(&mut network);
    network.send(Node::Primary, near, b"again".to_vec());
    assert_eq!(wait(&mut network, Node::Secondary).map(|(_, e)| e), Some(received(far, b"again")));
}

#[test]
fn a_cut_breaks_off_what_it_has_taken_something_from_and_nothing_else() {
    for (idle, both) in [(5, false), (5, true), (0, false), (0, true)] {
        let mut network = Network::new(LATENCY);
        let (near, far) = connection(&mut network);
        network.send(Node::Primary, near, b"on its way, or there".to_vec());
        for _ in 0..idle {
            network.tick();
        }
        let there = network.poll(Node::Secondary).is_some();
        assert_eq!(there, idle > 0);
        let mut cut = |cut| {
            network.set_cut(Node::Primary, Node::Secondary, cut);
            if both {
                network.set_cut(Node::Secondary, Node::Primary, cut);
            }
        };
        cut(true);
        cut(false);
        let told = [(Node::Primary, near), (Node::Secondary, far)]
            .map(|(node, end)| network.poll(node) == Some(NetworkEvent::Closed(end)));
        assert_eq!(told, [!there; 2], "{idle} {both}");
        network.send(Node::Primary, near, b"more".to_vec());
        let more = wait(&mut network, Node::Secondary).map(|(_, event)| event);
        assert_eq!(more, there.then(|| received(far, b"more")), "{idle} {both}");
    }
}

#[test]
fn a_dead_process_ends_its_connections_and_a_power_loss_tells_nobody() {
    for silently in [false, true] {
        let mut network = Network::new(LATENCY);
        let (near, _) = connection(&mut network);
        network.crash(Node::Secondary, silently);
        let told = wait(&mut network, Node::Primary).map(|(_, event)| event);
        assert_eq!(told, (!silently).then_some(NetworkEvent::Closed(near)));
        // Nobody answers there, and whoever is there later was not asked.
        network.dial(Node::Primary, Port::Control);
        assert_eq!(wait(&mut network, Node::Primary), None);
        network.restart(Node::Secondary);
        network.send(Node::Primary, near, b"into the void".to_vec());
        if silently {
            let told = wait(&mut network, Node::Primary).map(|(_, event)| event);
            assert_eq!(
                told,
                Some(NetworkEvent::Closed(near)),
                "the new process knows no such stream"
            );
        }
        connection(&mut network);
    }
}

#[test]
fn the_arbiter_is_reached_by_both() {
    let mut network = Network::new(LATENCY);
    for node in [Node::Primary, Node::Secondary] {
        let near = network.dial(node, Port::Arbiter);
        let accepted = wait(&mut network, Node::Arbiter).map(|(_, event)| event);
        assert!(matches!(accepted, Some(NetworkEvent::Accepted(_, Port::Arbiter))), "{accepted:?}");
        assert_eq!(wait(&mut network, node).map(|(_, event)| event), Some(connected(near)));
    }
}
