//! What lies between the two hosts of a run: a connection of the world's, or a network.
//!
//! Everything else of a run is the same in both: the same steps, entries and oracle. What a
//! plan does to the connection, and what takes two hosts, goes through here.

use colo_core::colo::{Node, Order};
use colo_core::{Time, Verb, VerbId};
use colo_sim::pair::{Pair, Port, Tampering};
use colo_sim::stream::Seed;
use colo_sim::world::{Entry, Side, World};

use crate::plan::Plan;

/// See the module's head.
pub trait Lane: std::fmt::Debug {
    /// What a plan asks for.
    fn new(plan: &Plan) -> Self;

    /// Lets the next thing happen, unless it would be later than `until`.
    fn step_until(&mut self, world: &mut World, until: Time) -> bool;

    /// Cuts the connection, or lets it be made again.
    fn set_cut(&mut self, world: &mut World, cut: bool);

    /// Cuts what one side sends, or lets it through again.
    fn set_cut_from(&mut self, world: &mut World, side: Side, cut: bool);

    /// Holds everything between the hosts, or lets it arrive.
    fn set_held(&mut self, world: &mut World, held: bool);

    /// Something that only a network has.
    fn network(&mut self, _world: &mut World, _act: NetworkAct) {}

    /// Whether nothing goes on but what goes on for ever.
    fn rests(&self, _world: &World) -> bool {
        false
    }

    /// Whether the hosts' roles carry this out by themselves. If not, the run has to.
    fn order(&mut self, _world: &World, _order: Order) -> bool {
        false
    }

    /// Whether they are in the middle of something.
    fn is_busy(&self) -> bool {
        false
    }

    /// Whether this side's guest may send anything.
    fn guest_runs(&self, _side: Side) -> bool {
        true
    }

    /// The next verb that a role wants called on all filters, and where.
    fn next_call(&mut self) -> Option<(Side, Verb)> {
        None
    }

    /// It was called, under this name.
    fn called(&mut self, _side: Side, _id: VerbId) {}

    /// Something happened.
    fn saw(&mut self, _entry: &Entry, _world: &World, _writes: &[u32]) {}

    /// What ends this side's process next is a loss of power.
    fn power_fails(&mut self, _side: Side) {}

    /// What was done to a network and its messages.
    fn tampered(&self) -> &[(Node, Port, Tampering)] {
        &[]
    }
}

/// What a plan does to a network: the steps of the same names.
#[derive(Debug, Clone, Copy)]
pub enum NetworkAct {
    /// [`Step::CutBetween`](crate::plan::Step::CutBetween).
    Cut(Node, Node, bool),
    /// [`Step::Sever`](crate::plan::Step::Sever).
    Sever(Node, Port),
    /// [`Step::Latency`](crate::plan::Step::Latency).
    Latency(u32),
    /// [`Step::Tamper`](crate::plan::Step::Tamper).
    Tamper(Node, Port, Tampering),
    /// Nothing is tampered with any more, and nobody is cut off.
    Heal,
}

/// The connection that the world has: a run can be cloned at any moment.
#[derive(Debug, Clone, Default)]
pub struct Single;

impl Lane for Single {
    fn new(_plan: &Plan) -> Self {
        Self
    }

    fn step_until(&mut self, world: &mut World, until: Time) -> bool {
        world.step_until(until)
    }

    fn set_cut(&mut self, world: &mut World, cut: bool) {
        world.set_cut(cut);
    }

    fn set_cut_from(&mut self, world: &mut World, side: Side, cut: bool) {
        world.set_cut_from(side, cut);
    }

    fn set_held(&mut self, world: &mut World, held: bool) {
        world.set_held(held);
    }
}

fn node(side: Side) -> Node {
    match side {
        Side::Primary => Node::Primary,
        Side::Secondary => Node::Secondary,
    }
}

impl Lane for Pair {
    fn new(plan: &Plan) -> Self {
        let options = plan.pair_options().expect("the plan is of two hosts");
        Self::new(options, Seed(plan.seed).stream("tampering"))
    }

    fn step_until(&mut self, world: &mut World, until: Time) -> bool {
        self.step_until(world, until)
    }

    fn set_cut(&mut self, world: &mut World, cut: bool) {
        self.set_cut(world, Node::Primary, Node::Secondary, cut);
        self.set_cut(world, Node::Secondary, Node::Primary, cut);
    }

    fn set_cut_from(&mut self, world: &mut World, side: Side, cut: bool) {
        let other = if side == Side::Primary { Side::Secondary } else { Side::Primary };
        self.set_cut(world, node(side), node(other), cut);
    }

    fn set_held(&mut self, world: &mut World, held: bool) {
        self.set_held(world, Node::Primary, Node::Secondary, held);
    }

    fn network(&mut self, world: &mut World, act: NetworkAct) {
        match act {
            NetworkAct::Cut(from, to, cut) => self.set_cut(world, from, to, cut),
            NetworkAct::Sever(node, port) => self.sever(world, node, port),
            NetworkAct::Latency(ticks) => self.set_latency(ticks),
            NetworkAct::Tamper(node, port, how) => self.tamper(node, port, how),
            NetworkAct::Heal => self.heal(world),
        }
    }

    fn rests(&self, world: &World) -> bool {
        self.rests(world)
    }

    fn order(&mut self, world: &World, order: Order) -> bool {
        self.order(world, order);
        true
    }

    fn is_busy(&self) -> bool {
        self.is_busy()
    }

    fn guest_runs(&self, side: Side) -> bool {
        self.guest_runs(side)
    }

    fn next_call(&mut self) -> Option<(Side, Verb)> {
        self.next_call()
    }

    fn called(&mut self, side: Side, id: VerbId) {
        self.called(side, id);
    }

    fn saw(&mut self, entry: &Entry, world: &World, writes: &[u32]) {
        self.saw(entry, world, writes);
    }

    fn power_fails(&mut self, side: Side) {
        self.power_fails(side);
    }

    fn tampered(&self) -> &[(Node, Port, Tampering)] {
        self.tampered()
    }
}
