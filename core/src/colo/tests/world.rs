//! Three processes whose clocks drift, and what lies between them.
//!
//! A connection keeps messages in order. What is sent into a direction that is cut is lost; if
//! the cut is silent, the connection goes on after it as if nothing had been. Everything that is
//! random is drawn from one number.

use std::collections::BTreeMap;

use super::watch::Watch;
use crate::clock::Time;
use crate::colo::{Arbiter, Effect, Message, Node, Options, Order, Primary, Secondary};
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
    hung_up: bool,
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
        let mut world = Self::new(options, [TRUE_RATE; 3], 1);
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
            _ => Role::Secondary(Secondary::new(options)),
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

/// Time.
impl World {
    /// Lets so much true time pass.
    pub(super) fn run(&mut self, ns: u64) {
        let end = self.now + ns;
        loop {
            let event = self.events.keys().next().map(|(at, _)| *at);
            let next = event.into_iter().chain(self.deadline()).min().filter(|at| *at <= end);
            let Some(next) = next else { break };
            self.now = self.now.max(next);
            self.watch.looks(self.local(Node::Primary), self.hosts[0].runs);
            self.timeouts();
            if event.is_some_and(|at| at <= self.now) {
                let (_, event) = self.events.pop_first().expect("it was seen");
                self.happens(event);
            }
            self.settle();
        }
        self.now = end;
        self.timeouts();
        self.settle();
    }

    /// The first deadline of a role, in true time.
    fn deadline(&self) -> Option<u64> {
        let truly = |node: Node, at: Time| {
            at.0.saturating_mul(TRUE_RATE).div_ceil(self.rates[node as usize])
        };
        let of = |node: Node| self.deadline_of(node).map(|at| truly(node, at));
        Node::ALL.into_iter().filter_map(of).min()
    }

    fn deadline_of(&self, node: Node) -> Option<Time> {
        match node {
            Node::Arbiter => self.arbiter.deadline(),
            _ => match self.hosts[node as usize].role.as_ref()? {
                Role::Primary(role) => role.deadline(),
                Role::Secondary(role) => role.deadline(),
            },
        }
    }

    fn timeouts(&mut self) {
        for node in Node::ALL {
            let now = self.local(node);
            if self.deadline_of(node).is_none_or(|at| at > now) {
                continue;
            }
            match node {
                Node::Arbiter => self.arbiter.timeout(now),
                _ => match &mut self.hosts[node as usize].role {
                    Some(Role::Primary(role)) => role.timeout(now),
                    Some(Role::Secondary(role)) => role.timeout(now),
                    None => {}
                },
            }
            let next = self.deadline_of(node);
            assert!(
                next.is_none_or(|at| at > now),
                "{node:?} is due again at once: {next:?}, {now:?}"
            );
        }
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Message { from, to, line, message } => self.arrived(from, to, line, message),
            Event::Lost { to, line } => {
                if self.hosts[to as usize].line == Some(line) {
                    self.hosts[to as usize].line = None;
                    self.lost(to);
                    self.at(self.now + self.delay_ns, Event::Dial);
                }
            }
            Event::Dial => self.dial(),
            Event::Answer { node, life, verb, ok } => {
                if self.hosts[node as usize].life == life && self.is_up(node) {
                    self.answered(node, verb, ok);
                }
            }
            Event::Quiet { node, pause } => {
                let host = &mut self.hosts[node as usize];
                if host.pauses == pause && !host.runs {
                    host.in_flight = false;
                }
            }
        }
    }

    fn arrived(&mut self, from: Node, to: Node, line: u32, message: Message) {
        match (from, to) {
            (_, Node::Arbiter) => {}
            (Node::Arbiter, _) if self.hosts[to as usize].life != line => return,
            (Node::Arbiter, _) => {}
            // Nobody there knows this connection: its other end is told so.
            _ if self.hosts[to as usize].line != Some(line) => return self.gone(to, from, line),
            _ => {}
        }
        let echoed = self.echoes && Watch::is_of_a_checkpoint(&message);
        if echoed {
            self.watch.remember(to, &message);
        }
        self.deliver(from, to, message);
        if echoed && self.draw(2) == 0 {
            self.echo(from, to);
        }
    }

    /// Delivers again what can no longer change anything: the last message, or one of an old epoch.
    fn echo(&mut self, from: Node, to: Node) {
        let choice = self.draw(8) as usize;
        let Some(message) = self.watch.old_message(to, choice) else { return };
        self.settle();
        self.watch.quiet_expected = true;
        self.deliver(from, to, message);
        self.watch.quiet_expected = false;
    }

    fn answered(&mut self, node: Node, verb: Verb, ok: bool) {
        let now = self.local(node);
        self.hosts[node as usize].verb = None;
        self.watch.answered(node, verb, ok);
        if ok && matches!(verb, Verb::Stop { .. }) {
            self.replicate(node, false);
        }
        match &mut self.hosts[node as usize].role {
            Some(Role::Primary(role)) => role.verb_answered(now, ok, vec![7]),
            Some(Role::Secondary(role)) => role.verb_answered(ok),
            None => {}
        }
    }
}

/// Connections.
impl World {
    fn dial(&mut self) {
        let [primary, secondary] = &self.hosts;
        let dials = matches!(&primary.role, Some(Role::Primary(role)) if role.dials());
        let serves = matches!(&secondary.role, Some(Role::Secondary(role)) if role.serves());
        let apart = primary.hung_up || secondary.hung_up || self.cuts[0][1] || self.cuts[1][0];
        if !dials || !serves || apart || primary.line.is_some() {
            return;
        }
        self.next_line += 1;
        let (line, life, now) = (self.next_line, primary.life, self.local(Node::Primary));
        self.hosts.iter_mut().for_each(|host| host.line = Some(line));
        if let Some(Role::Primary(role)) = &mut self.hosts[0].role {
            role.connected(now);
        }
        self.send(Node::Primary, Node::Secondary, Message::Hello { node: Node::Primary, life });
        self.settle();
    }

    fn lost(&mut self, node: Node) {
        let now = self.local(node);
        match &mut self.hosts[node as usize].role {
            Some(Role::Primary(role)) => role.lost(now),
            Some(Role::Secondary(role)) => role.lost(now),
            None => {}
        }
    }

    /// This end is gone. What was sent before still arrives, and then the other end hears of it.
    fn end_line(&mut self, node: Node) {
        let Some(line) = self.hosts[node as usize].line.take() else { return };
        let other = if node == Node::Primary { Node::Secondary } else { Node::Primary };
        self.gone(node, other, line);
    }

    fn gone(&mut self, from: Node, to: Node, line: u32) {
        if !self.cuts[from as usize][to as usize] {
            let at = self.arrival(from, to);
            self.at(at, Event::Lost { to, line });
        }
    }

    fn arrival(&mut self, from: Node, to: Node) -> u64 {
        let delay = self.draw(self.delay_ns + 1);
        let last = &mut self.arrives[from as usize][to as usize];
        *last = (*last).max(self.now + delay);
        *last
    }

    fn send(&mut self, from: Node, to: Node, message: Message) {
        let now = self.local(from);
        self.watch.sent(from, to, &message, now);
        let line = match (from, to) {
            // The arbiter's connections end with the life of the process.
            (Node::Arbiter, host) | (host, Node::Arbiter) => self.hosts[host as usize].life,
            _ => match self.hosts[from as usize].line {
                Some(line) => line,
                None => return,
            },
        };
        let lost = self.loses.take_if(|loses| loses(&message)).is_some();
        if lost || self.cuts[from as usize][to as usize] {
            return;
        }
        if self.is_up(to) {
            let at = self.arrival(from, to);
            self.at(at, Event::Message { from, to, line, message });
        } else if from != Node::Arbiter {
            self.gone(to, from, line);
        }
    }
}

/// What the roles want.
impl World {
    /// Carries out everything that is wanted, until nothing is.
    fn settle(&mut self) {
        let mut effects = 0;
        loop {
            self.drained();
            let next = [Node::Primary, Node::Secondary].into_iter().find_map(|node| {
                let effect = match &mut self.hosts[node as usize].role {
                    Some(Role::Primary(role)) => role.poll(),
                    Some(Role::Secondary(role)) => role.poll(),
                    None => None,
                };
                effect.map(|effect| (node, effect))
            });
            if let Some((node, effect)) = next {
                self.carry_out(node, effect);
            } else if let Some((to, message)) = self.arbiter.poll() {
                self.send(Node::Arbiter, to, message);
            } else {
                break;
            }
            effects += 1;
            assert!(effects < 64, "one input makes a bounded number of effects");
        }
    }

    fn drained(&mut self) {
        for host in &mut self.hosts {
            let quiet = !host.runs && !host.in_flight;
            match &mut host.role {
                Some(Role::Primary(role)) if quiet && role.drains() => role.drained(),
                Some(Role::Secondary(role)) if quiet && role.drains() => role.drained(),
                _ => {}
            }
        }
    }

    fn carry_out(&mut self, node: Node, effect: Effect) {
        self.watch.wants(node, &effect, &self.hosts);
        let host = &mut self.hosts[node as usize];
        match effect {
            Effect::Send(to, message) => self.send(node, to, message),
            Effect::Resume => (host.runs, host.in_flight) = (true, true),
            Effect::Pause => {
                host.runs = false;
                host.pauses += 1;
                let pause = host.pauses;
                let at = self.now + self.draw(self.drain_ns + 1);
                self.at(at, Event::Quiet { node, pause });
            }
            Effect::Call(verb) => {
                host.verb = Some(verb);
                let fails_over = verb == Verb::Stop { failover: true };
                let ok = host.failing == 0 && (host.replicates || fails_over);
                host.failing = host.failing.saturating_sub(1);
                let (life, verb_ns) = (host.life, host.verb_ns);
                let at = self.now + self.draw(verb_ns + 1);
                self.at(at, Event::Answer { node, life, verb, ok });
            }
            Effect::HangUp => {
                host.hung_up = true;
                self.end_line(node);
            }
            Effect::Told(_) => {}
        }
    }
}
