//! Two hosts that share nothing but a network, and an arbiter: the pair lane.
//!
//! The world owns the processes, their disks and time; here is what runs beside each of them:
//! its role in COLO's protocol, its end of NBD, its connections. Between the hosts only bytes cross,
//! over [`Network`], which is turmoil's. Time goes on by what is due first: a disk, a
//! timer, or a tick of the network, which ticks only while something may be on its way.
//!
//! It judges nothing and decides nothing of a plan's.

mod arbiter;
mod line;
mod network;
mod primary;
mod secondary;
mod wire;

use colo_core::colo::{Node, Options, Order};
use colo_core::{Event, Stage, Time, UserId, Verb, VerbId, VolumeId};

pub use network::{CHANNELS, Connection, Network, NetworkEvent, Port, TICK_NS};
pub use wire::Tampering;

use crate::stream::Stream;
use crate::world::{Entry, Side, What, World};
use arbiter::ArbiterStation;
use primary::PrimaryStation;
use secondary::SecondaryStation;
use wire::{Tampers, Wire};

/// How long somebody who dials waits for an answer: at least so long, and for so many ways of a message.
const ANSWER_NS: u64 = 3_000_000;
const ANSWER_TICKS: u64 = 8;

/// How a pair is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairOptions {
    /// Of the roles.
    pub roles: Options,
    /// How long a message takes, in ticks of the network.
    pub latency_ticks: u32,
}

/// The pair lane. See the module's head.
#[derive(Debug)]
pub struct Pair {
    options: PairOptions,
    network: Network,
    tampers: Tampers,
    primary: Option<PrimaryStation>,
    secondary: Option<SecondaryStation>,
    arbiter: ArbiterStation,
    /// Which process of each host is known.
    lives: [Option<u32>; 2],
    /// Whether what ends the process there next is a loss of power.
    power_fails: [bool; 2],
    /// The verb that each role waits for.
    waits: [Option<VerbId>; 2],
    /// How many ticks something may still be on its way, and when the next of them is.
    awake: u32,
    next_tick: Time,
    /// Until when what somebody has done, beside heartbeats, may be on its way.
    moves: Time,
}

impl Pair {
    /// A pair whose hosts have not met.
    pub fn new(options: PairOptions, stream: Stream) -> Self {
        Self {
            options,
            network: Network::new(options.latency_ticks),
            tampers: Tampers::new(stream),
            primary: None,
            secondary: None,
            arbiter: ArbiterStation::new(options.roles.lease_ns),
            lives: [None; 2],
            power_fails: [false; 2],
            waits: [None; 2],
            awake: 0,
            next_tick: Time::ZERO,
            moves: Time::ZERO,
        }
    }

    /// Whether this side's guest may send anything.
    pub fn guest_runs(&self, side: Side) -> bool {
        match side {
            Side::Primary => self.primary.as_ref().is_some_and(|station| station.runs),
            Side::Secondary => self.secondary.as_ref().is_none_or(|station| station.runs),
        }
    }

    /// Whether a role is in the middle of something.
    pub fn is_busy(&self) -> bool {
        self.primary.as_ref().is_some_and(|station| station.role.is_busy())
            || self.secondary.as_ref().is_some_and(|station| station.role.is_busy())
    }

    /// Whether nothing goes on but heartbeats.
    pub fn rests(&self, world: &World) -> bool {
        let primary = self.primary.as_ref().map(|station| &station.role);
        let secondary = self.secondary.as_ref().map(|station| &station.role);
        // Who claims asks again and again; whoever is cut off may never be heard.
        let heard = |node| self.network.reaches(node, Node::Arbiter);
        let goes_on = primary
            .is_some_and(|role| role.is_busy() && (!role.claims() || heard(Node::Primary)))
            || secondary
                .is_some_and(|role| role.is_busy() && (!role.claims() || heard(Node::Secondary)))
            || self.arbiter.role.deadline().is_some()
            || self.tampers.deadline().is_some();
        self.moves <= world.now() && world.next_due().is_none() && !world.link_waits() && !goes_on
    }

    /// What messages were tampered with.
    pub fn tampered(&self) -> &[(Node, Port, Tampering)] {
        &self.tampers.done
    }
}

/// What a plan can do.
impl Pair {
    /// Asks a role for something.
    pub fn order(&mut self, world: &World, order: Order) {
        self.stir(world);
        match order {
            Order::Checkpoint | Order::Stop => {
                let now = world.host_time(Side::Primary);
                let Some(station) = &mut self.primary else { return };
                match order {
                    Order::Checkpoint => station.role.checkpoint(now),
                    _ => station.role.stop(now),
                }
            }
            Order::Failover => {
                let now = world.host_time(Side::Secondary);
                if let Some(station) = &mut self.secondary {
                    station.role.failover(now);
                }
            }
        }
    }

    /// Cuts what one host sends to another, or lets it through again.
    pub fn set_cut(&mut self, world: &World, from: Node, to: Node, cut: bool) {
        self.network.set_cut(from, to, cut);
        self.disturbed(world);
    }

    /// Holds what two hosts send each other, or lets it arrive.
    pub fn set_held(&mut self, world: &World, a: Node, b: Node, held: bool) {
        self.network.set_held(a, b, held);
        self.disturbed(world);
    }

    /// From now on messages take so many ticks.
    pub fn set_latency(&mut self, ticks: u32) {
        self.options.latency_ticks = self.options.latency_ticks.max(ticks);
        self.network.set_latency(ticks);
    }

    /// Breaks off the connections to this port that this host has.
    pub fn sever(&mut self, world: &World, node: Node, port: Port) {
        self.network.sever_all(node, port);
        self.disturbed(world);
    }

    /// Tampers with the next message that this host sends to or from this port.
    pub fn tamper(&mut self, from: Node, port: Port, tampering: Tampering) {
        self.tampers.add(from, port, tampering);
    }

    /// Nothing is tampered with any more, and no host is cut off from another.
    pub fn heal(&mut self, world: &World) {
        self.tampers.clear();
        for from in Node::ALL {
            for to in Node::ALL.into_iter().filter(|to| *to != from) {
                self.network.set_cut(from, to, false);
            }
        }
        self.disturbed(world);
    }

    /// What ends the process on this host next is a loss of power: its connections are told nothing.
    pub fn power_fails(&mut self, side: Side) {
        self.power_fails[side as usize] = true;
    }

    /// The next verb that a role wants called on all filters, and where.
    pub fn next_call(&mut self) -> Option<(Side, Verb)> {
        let primary = self.primary.as_mut().and_then(|station| station.calls.pop_front());
        if let Some(verb) = primary {
            return Some((Side::Primary, verb));
        }
        let verb = self.secondary.as_mut()?.calls.pop_front()?;
        Some((Side::Secondary, verb))
    }

    /// It was called, under this name.
    pub fn called(&mut self, side: Side, id: VerbId) {
        self.waits[side as usize] = Some(id);
    }

    /// Something happened: roles wait for the answers of their verbs. `writes` counts what the primary's
    /// guest has sent to each volume.
    pub fn saw(&mut self, entry: &Entry, world: &World, writes: &[u32]) {
        if let What::Event(Event::Stage { .. }) = entry.what {
            // A role hears of it at the next opportunity, and has something to say.
            self.stir(world);
        }
        let (What::Event(Event::AllAnswered { id, result, .. }), Some(side)) =
            (&entry.what, entry.side)
        else {
            return;
        };
        if self.waits[side as usize].take_if(|waits| waits == id).is_none() {
            return;
        }
        match side {
            Side::Primary => {
                if let Some(station) = &mut self.primary {
                    let now = world.host_time(side);
                    station.role.verb_answered(now, result.is_ok(), writes.to_vec());
                }
            }
            Side::Secondary => {
                if let Some(station) = &mut self.secondary {
                    station.role.verb_answered(result.is_ok());
                }
            }
        }
    }
}

/// Time.
impl Pair {
    /// Lets the next thing happen, unless it would be later than `until`. False if nothing does.
    pub fn step_until(&mut self, world: &mut World, until: Time) -> bool {
        if self.pump(world) {
            return true;
        }
        let tick = (self.awake > 0).then_some(self.next_tick);
        let (timer, disk) = (self.deadline(world), world.next_due());
        let Some(first) = [disk, tick, timer].into_iter().flatten().min() else { return false };
        if first > until {
            return false;
        }
        if disk == Some(first) {
            world.step_until(first);
        } else {
            world.pass(first);
            if tick == Some(first) {
                self.awake -= 1;
                self.next_tick = first.after(TICK_NS);
                if self.network.tick() {
                    self.wake(world);
                }
            }
        }
        self.pump(world);
        true
    }

    /// When a role, a line or a message that is kept back is due.
    fn deadline(&self, world: &World) -> Option<Time> {
        let on = |side, deadline: Option<Time>| deadline.map(|at| world.world_time(side, at));
        let primary = self.primary.as_ref().and_then(PrimaryStation::deadline);
        let secondary = self.secondary.as_ref().and_then(SecondaryStation::deadline);
        let all = [
            on(Side::Primary, primary),
            on(Side::Secondary, secondary),
            self.arbiter.role.deadline(),
            self.tampers.deadline(),
        ];
        all.into_iter().flatten().min().map(|at| at.max(world.now()))
    }

    /// Something may be on its way: the network ticks till it has come.
    fn wake(&mut self, world: &World) {
        if self.awake == 0 {
            self.next_tick = world.now().after(TICK_NS);
        }
        self.awake = self.options.latency_ticks + 1;
    }

    /// Something befell the network: what comes of it is on its way.
    fn disturbed(&mut self, world: &World) {
        self.wake(world);
        self.stir(world);
    }

    /// Something was done beside heartbeats, and what it leads to is not there yet.
    fn stir(&mut self, world: &World) {
        let ticks = u64::from(self.options.latency_ticks) + 3;
        self.moves = world.now().after(ticks * TICK_NS);
    }

    /// Lets each host look at what has come to it, one after the other. Whether anything was done.
    fn pump(&mut self, world: &mut World) -> bool {
        let (mut used, mut moves) = (self.processes(world), false);
        used |= self.tampers.send_late(world.now(), &mut self.network);
        if used {
            self.stir(world);
        }
        let answer_ns =
            ANSWER_NS.max(ANSWER_TICKS * u64::from(self.options.latency_ticks) * TICK_NS);
        let Self { network, tampers, primary, secondary, arbiter, .. } = self;
        for node in Node::ALL {
            let now = world.now();
            let mut wire =
                Wire { network, tampers, node, now, answer_ns, used: false, moves: false };
            match node {
                Node::Primary => {
                    if let Some(station) = primary {
                        station.pump(world, &mut wire);
                    }
                }
                Node::Secondary => {
                    if let Some(station) = secondary {
                        station.pump(world, &mut wire);
                    }
                }
                Node::Arbiter => arbiter.pump(now, &mut wire),
            }
            used |= wire.used;
            moves |= wire.moves;
        }
        if moves {
            self.stir(world);
        }
        if used {
            self.wake(world);
        }
        used
    }

    /// Follows processes that have begun or ended, perhaps both in one moment.
    fn processes(&mut self, world: &World) -> bool {
        let mut changed = false;
        for (side, node) in [(Side::Primary, Node::Primary), (Side::Secondary, Node::Secondary)] {
            let (known, life) = (self.lives[side as usize], world.life(side));
            if known == life {
                continue;
            }
            changed = true;
            if known.is_some() {
                self.ends(side, node);
            }
            self.lives[side as usize] = life;
            if let (Some(life), Some(host)) = (life, world.host(side)) {
                let recovers = host.volume(VolumeId::FIRST).options().recover;
                self.begins(world, side, node, (life, recovers));
            }
        }
        changed
    }

    fn begins(&mut self, world: &World, side: Side, node: Node, life: (u32, bool)) {
        if self.network.is_down(node) {
            self.network.restart(node);
        }
        self.power_fails[side as usize] = false;
        let (roles, (life, recovers)) = (self.options.roles, life);
        let now = world.host_time(side);
        match side {
            Side::Primary => {
                self.primary = Some(PrimaryStation::new(roles, life, now));
            }
            Side::Secondary => {
                self.secondary = Some(SecondaryStation::new(roles, life, recovers, now));
            }
        }
    }

    fn ends(&mut self, side: Side, node: Node) {
        let silently = std::mem::take(&mut self.power_fails[side as usize]);
        self.network.crash(node, silently);
        self.waits[side as usize] = None;
        match side {
            Side::Primary => self.primary = None,
            Side::Secondary => self.secondary = None,
        }
    }
}

/// The name of a volume's export.
fn export_name(volume: VolumeId) -> String {
    format!("volume{volume}")
}

/// The length of each export.
fn export_bytes(world: &World) -> u64 {
    let geometry = &world.options().geometry;
    geometry.sectors * u64::from(geometry.sector_size)
}

/// Whether any filter on this host replicates.
fn replicates(world: &World, side: Side) -> bool {
    world.volume_ids().any(|volume| world.stage(side, volume) == Some(Stage::Running))
}

fn guest_is_quiet(world: &World, side: Side) -> bool {
    let mut volumes = world.volumes().filter_map(|volume| volume.on(side));
    volumes.all(|volume| volume.quiet(UserId::Guest))
}

fn export_is_quiet(world: &World) -> bool {
    let mut volumes = world.volumes().filter_map(|volume| volume.on(Side::Secondary));
    volumes.all(|volume| volume.quiet(UserId::Export))
}
