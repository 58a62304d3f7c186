//! Three processes whose clocks drift, and what lies between them.
//!
//! A connection keeps messages in order. What is sent into a direction that is cut is lost; if
//! the cut is silent, the connection goes on after it as if nothing had been. Everything that is
//! random is drawn from one number.

mod carry;

use std::collections::BTreeMap;

use super::watch::Watch;
use crate::clock::Time;
use crate::colo::{Arbiter, Message, Node, Options, Order, Primary, Secondary};
use crate::verb::Verb;

/// Sixty-fourths of true time that a true clock runs in a unit of true time.
const TRUE_RATE: u64 = 64;

/// What is to happen later.
#[derive(Debug, Clone)]
enum Event {
    /// A message arrives, if both ends still are what they were.
    Message { from: Node, to: Node, line: u32, message: Message },
    /// The other end is gone.
    Lost { to: Node, line: u32 },
    /// The primary tries to connect to the secondary.
    Dial,
    /// The verb is answered.
    Answer { node: Node, life: u32, verb: Verb, ok: bool },
    /// The guest's requests have ended, unless it has run again since.
    Quiet { node: Node, pause: u32 },
}

/// A role that runs.
#[derive(Debug)]
enum Role {
    Primary(Primary),
    Secondary(Secondary),
}

/// One of the two hosts.
#[derive(Debug)]
pub(super) struct Host {
    role: Option<Role>,
    pub(super) life: u32,
    /// The control connection, as this end knows it.
    line: Option<u32>,
    pub(super) hung_up: bool,
    pub(super) runs: bool,
    /// Whether something of the guest is under way.
    pub(super) in_flight: bool,
    pauses: u32,
    pub(super) verb: Option<Verb>,
    pub(super) replicates: bool,
    /// How the next verbs end, and how long all take.
    pub(super) failing: u32,
    pub(super) verb_ns: u64,
}

/// The whole.
#[derive(Debug)]
pub(super) struct World {
    pub(super) options: Options,
    now: u64,
    rates: [u64; 3],
    random: u64,
    pub(super) hosts: [Host; 2],
    arbiter: Arbiter,
    events: BTreeMap<(u64, u64), Event>,
    next_event: u64,
    /// When the last message of each direction arrives, so that none overtakes it.
    arrives: [[u64; 3]; 3],
    cuts: [[bool; 3]; 3],
    /// The life of each host that the arbiter has last heard, and answers to.
    known: [u32; 2],
    next_line: u32,
    /// Most that a message takes.
    pub(super) delay_ns: u64,
    pub(super) drain_ns: u64,
    /// Whether messages that change nothing any more are delivered again.
    pub(super) echoes: bool,
    /// The next message of this kind is lost, and its connection goes on.
    pub(super) loses: Option<fn(&Message) -> bool>,
    pub(super) watch: Watch,
}

impl World {
    /// Both processes run, nothing replicates yet. `rates` are in sixty-fourths: 60 is a sixteenth slow.
    pub(super) fn new(options: Options, rates: [u64; 3], seed: u64) -> Self {
        let host = || Host {
            role: None,
            life: 0,
            line: None,
            hung_up: false,
            runs: false,
            in_flight: false,
            pauses: 0,
            verb: None,
            replicates: false,
            failing: 0,
            verb_ns: 200,
        };
        let mut world = Self {
            options,
            now: 0,
            rates,
            random: seed,
            hosts: [host(), host()],
            arbiter: Arbiter::new(options.lease_ns),
            events: BTreeMap::new(),
            next_event: 0,
            arrives: [[0; 3]; 3],
            cuts: [[false; 3]; 3],
            known: [0; 2],
            next_line: 0,
            delay_ns: 100,
            drain_ns: 200,
            echoes: false,
            loses: None,
            watch: Watch::new(options),
        };
        world.start(Node::Primary);
        world.start(Node::Secondary);
        world
    }

    /// Nothing drifts, and both replicate.
    pub(super) fn together(options: Options) -> Self {
        Self::drifting(options, [TRUE_RATE; 3])
    }

    /// Both replicate.
    pub(super) fn drifting(options: Options, rates: [u64; 3]) -> Self {
        let mut world = Self::new(options, rates, 1);
        world.replicate(Node::Primary, true);
        world.replicate(Node::Secondary, true);
        world.run(options.lease_ns);
        world.watch.calls.clear();
        world
    }

    /// Lets time pass until this holds, and says how much.
    pub(super) fn until(&mut self, at_most: u64, holds: impl Fn(&Self) -> bool) -> u64 {
        let begun = self.now;
        while !holds(self) {
            assert!(self.now - begun < at_most, "it never holds: {self:?}");
            self.run(10);
        }
        self.now - begun
    }

    pub(super) fn local(&self, node: Node) -> Time {
        Time(self.now * self.rates[node as usize] / TRUE_RATE)
    }

    fn draw(&mut self, below: u64) -> u64 {
        // SplitMix64: the core has no generator of random numbers, and tests need a few.
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % below.max(1)
    }

    fn at(&mut self, at: u64, event: Event) {
        self.next_event += 1;
        self.events.insert((at, self.next_event), event);
    }

    pub(super) fn is_up(&self, node: Node) -> bool {
        node == Node::Arbiter || self.hosts[node as usize].role.is_some()
    }

    /// All that a role keeps, as text.
    pub(super) fn role_text(&self, node: Node) -> String {
        format!("{:?}", self.hosts[node as usize].role)
    }

    pub(super) fn is_busy(&self) -> bool {
        self.hosts.iter().any(|host| match &host.role {
            Some(Role::Primary(role)) => role.is_busy(),
            Some(Role::Secondary(role)) => role.is_busy(),
            None => false,
        })
    }
}

/// What a plan does to it.
impl World {
    /// A new life of the process.
    pub(super) fn start(&mut self, node: Node) {
        if self.is_up(node) {
            return;
        }
        let (options, now) = (self.options, self.local(node));
        let host = &mut self.hosts[node as usize];
        host.life += 1;
        host.hung_up = false;
        // The primary's guest waits; the secondary's runs, for nobody.
        host.runs = node == Node::Secondary;
        host.in_flight = host.runs;
        host.role = Some(match node {
            Node::Primary => Role::Primary(Primary::new(options, now)),
            _ => Role::Secondary(Secondary::new(options, host.life, now)),
        });
        self.watch.born(node);
        self.at(self.now, Event::Dial);
        self.settle();
    }

    /// The process dies. The other end hears of it, if the direction is not cut.
    pub(super) fn crash(&mut self, node: Node) {
        self.end_line(node);
        let host = &mut self.hosts[node as usize];
        *host = Host { role: None, runs: false, in_flight: false, verb: None, ..*host };
        host.replicates = false;
        self.watch.died(node);
        self.settle();
    }

    /// Nothing of what one sends reaches the other any more.
    pub(super) fn cut(&mut self, from: Node, to: Node) {
        self.cuts[from as usize][to as usize] = true;
        self.events.retain(|_, event| match event {
            Event::Message { from: f, to: t, .. } => (*f, *t) != (from, to),
            Event::Lost { to: t, .. } => *t != to || from == Node::Arbiter || to == Node::Arbiter,
            _ => true,
        });
    }

    /// The same in both directions.
    pub(super) fn part(&mut self, a: Node, b: Node) {
        self.cut(a, b);
        self.cut(b, a);
    }

    /// The control connection is lost, and these are told at once.
    pub(super) fn sever(&mut self, told: &[Node]) {
        for &node in told {
            if self.hosts[node as usize].line.take().is_some() {
                self.lost(node);
            }
        }
        self.at(self.now + self.delay_ns, Event::Dial);
        self.settle();
    }

    /// Every cut is over.
    pub(super) fn heal(&mut self) {
        self.cuts = [[false; 3]; 3];
        self.at(self.now, Event::Dial);
    }

    pub(super) fn replicate(&mut self, node: Node, replicates: bool) {
        let now = self.local(node);
        self.hosts[node as usize].replicates = replicates;
        match &mut self.hosts[node as usize].role {
            Some(Role::Primary(role)) => role.replicates(now, replicates),
            Some(Role::Secondary(role)) => role.replicates(now, replicates),
            None => {}
        }
        self.settle();
    }

    pub(super) fn order(&mut self, order: Order) {
        let [primary, secondary] = [self.local(Node::Primary), self.local(Node::Secondary)];
        let [p, s] = &mut self.hosts;
        match (order, &mut p.role, &mut s.role) {
            (Order::Checkpoint, Some(Role::Primary(role)), _) => role.checkpoint(primary),
            (Order::Stop, Some(Role::Primary(role)), _) => role.stop(primary),
            (Order::Failover, _, Some(Role::Secondary(role))) => role.failover(secondary),
            _ => {}
        }
        self.settle();
    }

    /// Hands a message to a role as if it had come.
    pub(super) fn deliver(&mut self, from: Node, to: Node, message: Message) {
        self.watch.delivered(from, to, &message);
        let now = self.local(to);
        match to {
            Node::Arbiter => self.arbiter.received(now, from, &message),
            _ => match &mut self.hosts[to as usize].role {
                Some(Role::Primary(role)) => role.received(now, from, message),
                Some(Role::Secondary(role)) => role.received(now, from, message),
                None => {}
            },
        }
        self.settle();
    }
}
