//! How a world goes on: deadlines, what arrives, and what the roles want.

use super::{Event, Role, TRUE_RATE, World};
use crate::clock::Time;
use crate::colo::tests::watch::Watch;
use crate::colo::{Effect, Message, Node};
use crate::verb::Verb;

/// Time.
impl World {
    /// Lets so much true time pass.
    pub(in crate::colo::tests) fn run(&mut self, ns: u64) {
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
            // With the first message of a new connection the last one is over.
            (_, Node::Arbiter) if line < self.known[from as usize] => return,
            (_, Node::Arbiter) => self.known[from as usize] = line,
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

    pub(super) fn answered(&mut self, node: Node, verb: Verb, ok: bool) {
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

    pub(super) fn lost(&mut self, node: Node) {
        let now = self.local(node);
        match &mut self.hosts[node as usize].role {
            Some(Role::Primary(role)) => role.lost(now),
            Some(Role::Secondary(role)) => role.lost(now),
            None => {}
        }
    }

    /// This end is gone. What was sent before still arrives, and then the other end hears of it.
    pub(super) fn end_line(&mut self, node: Node) {
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
            (Node::Arbiter, host) => self.known[host as usize],
            (host, Node::Arbiter) => self.hosts[host as usize].life,
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
    pub(super) fn settle(&mut self) {
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
