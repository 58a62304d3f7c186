//! The primary's role: its guest's work counts until somebody else's does.

mod time;

use std::collections::VecDeque;

use crate::clock::Time;
use crate::colo::message::{Message, Node};
use crate::colo::{Effect, Options, Told};
use crate::verb::Verb;

/// The primary's role. See the module's head.
#[derive(Debug, Clone)]
pub struct Primary {
    options: Options,
    phase: Phase,
    epoch: u32,
    /// Whether the filters here replicate, and whether the secondary says that it does and is idle.
    ready: [bool; 2],
    /// Until when the guest may run.
    lease: Time,
    /// The life of the secondary that was heard last.
    peer: Option<u32>,
    /// The life of the secondary whose promises count.
    trusted: Option<u32>,
    /// One whose promises do not count yet, and since when it is known.
    met: Option<(u32, Time)>,
    /// When the secondary was last heard.
    heard: Option<Time>,
    /// Heartbeats without an answer of the secondary: number, and when they were sent.
    beats: VecDeque<(u32, Time)>,
    /// The same, of the arbiter.
    renewals: VecDeque<(u32, Time)>,
    next_beat: Time,
    next_number: u32,
    next_checkpoint: Option<Time>,
    /// What was sent to each volume before the checkpoint that the secondary loads.
    writes: Vec<u32>,
    /// Whether a verb was called and is not answered.
    calling: bool,
    paused: bool,
    effects: VecDeque<Effect>,
}

/// What the guest stands still for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Checkpoint,
    Stop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The guest runs while its lease lasts.
    Together,
    /// Its requests end.
    Draining(Purpose),
    /// The filters here are asked for errors.
    AskingErrors,
    /// The secondary drains and asks its own. `ok` is what the filters here said.
    Requested {
        ok: bool,
    },
    /// The filters here take the checkpoint.
    Checkpointing,
    /// The secondary loads and takes it.
    Loading,
    /// The secondary stops, then the filters here.
    StopAsked,
    Stopping,
    /// The planned end: both are on their own.
    Stopped,
    /// The secondary is held for gone, and the arbiter was asked.
    Claiming,
    /// This one goes on alone; its filters stop, or have, or are at another verb before.
    Alone {
        stops: bool,
    },
    /// The other one does.
    Fenced,
}

impl Primary {
    /// A role whose guest waits for its first lease.
    pub fn new(options: Options, now: Time) -> Self {
        let mut role = Self {
            options,
            phase: Phase::Together,
            epoch: 0,
            ready: [false; 2],
            lease: Time::ZERO,
            peer: None,
            trusted: None,
            met: None,
            heard: None,
            beats: VecDeque::new(),
            renewals: VecDeque::new(),
            next_beat: now,
            next_number: 0,
            next_checkpoint: None,
            writes: Vec::new(),
            calling: false,
            paused: true,
            effects: VecDeque::new(),
        };
        role.effects.push_back(Effect::Pause);
        role
    }

    /// Whether anything is under way that ends by itself.
    pub fn is_busy(&self) -> bool {
        !matches!(
            self.phase,
            Phase::Together | Phase::Stopped | Phase::Alone { .. } | Phase::Fenced
        )
    }

    /// Whether it waits for the arbiter, who may never be reached.
    pub fn claims(&self) -> bool {
        self.phase == Phase::Claiming
    }

    /// Whether the other host is to be connected to.
    pub fn dials(&self) -> bool {
        !self.is_apart()
    }

    /// Whether the guest is to end its requests, and [`Primary::drained`] is waited for.
    pub fn drains(&self) -> bool {
        matches!(self.phase, Phase::Draining(_))
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn send(&mut self, to: Node, message: Message) {
        self.effects.push_back(Effect::Send(to, message));
    }

    fn call(&mut self, verb: Verb) {
        self.calling = true;
        self.effects.push_back(Effect::Call(verb));
    }
}

/// What goes in.
impl Primary {
    /// The filters here replicate, or do not any more.
    pub fn replicates(&mut self, now: Time, replicates: bool) {
        if std::mem::replace(&mut self.ready[0], replicates) != replicates {
            self.plan_checkpoint(now);
        }
    }

    /// A checkpoint is asked for. Without a pair that replicates, and a lease, nothing happens.
    pub fn checkpoint(&mut self, now: Time) {
        self.begin(now, Purpose::Checkpoint);
    }

    /// The planned end is asked for. Without a pair that replicates, and a lease, nothing happens.
    pub fn stop(&mut self, now: Time) {
        self.begin(now, Purpose::Stop);
    }

    fn begin(&mut self, now: Time, purpose: Purpose) {
        let replicates = self.ready == [true; 2] && self.heard.is_some();
        // Without a lease an earlier life of the secondary may have taken over: then this guest goes on no more,
        // however the pair ends.
        if self.phase == Phase::Together && replicates && now < self.lease {
            self.phase = Phase::Draining(purpose);
            self.settle_guest(now);
        }
    }

    /// The guest stands still and nothing of it is under way.
    pub fn drained(&mut self) {
        match self.phase {
            Phase::Draining(Purpose::Checkpoint) => {
                self.phase = Phase::AskingErrors;
                self.call(Verb::GetError);
            }
            Phase::Draining(Purpose::Stop) => {
                self.phase = Phase::StopAsked;
                self.ask();
            }
            _ => {}
        }
    }

    /// The verb that was called is answered. `writes` counts what the guest has sent to each volume.
    pub fn verb_answered(&mut self, now: Time, ok: bool, writes: Vec<u32>) {
        if !std::mem::take(&mut self.calling) {
            return;
        }
        match self.phase {
            Phase::AskingErrors => {
                self.phase = Phase::Requested { ok };
                self.ask();
            }
            Phase::Checkpointing if ok => {
                self.phase = Phase::Loading;
                self.writes = writes;
                self.ask();
            }
            Phase::Checkpointing => self.abandon(now),
            Phase::Stopping => self.phase = Phase::Stopped,
            Phase::Alone { stops: false } => self.stop_alone(),
            _ => {}
        }
        self.settle_guest(now);
    }

    /// Says what this phase wants of the secondary. It is said again with every heartbeat, because what is
    /// lost with a connection that goes on would be waited for in vain.
    fn ask(&mut self) {
        let epoch = self.epoch + 1;
        let message = match self.phase {
            Phase::Together if !self.ready[1] => Message::Abandon { epoch },
            Phase::Requested { .. } => Message::CheckpointRequest { epoch },
            Phase::Loading => Message::VmState { epoch, writes: self.writes.clone() },
            Phase::StopAsked => Message::Stop,
            _ => return,
        };
        self.send(Node::Secondary, message);
    }

    /// The secondary is ready again when it says so, after everything that it has said before. An answer to
    /// this attempt can so not be taken for one to the next.
    fn abandon(&mut self, now: Time) {
        self.ready[1] = false;
        self.go_on(now);
        self.ask();
    }

    fn go_on(&mut self, now: Time) {
        self.phase = Phase::Together;
        self.plan_checkpoint(now);
        self.settle_guest(now);
    }

    fn plan_checkpoint(&mut self, now: Time) {
        let both = self.ready == [true; 2];
        self.next_checkpoint =
            self.options.checkpoint_ns.filter(|_| both).map(|ns| now.after(ns.max(1)));
    }

    /// A message has come.
    pub fn received(&mut self, now: Time, from: Node, message: Message) {
        match from {
            Node::Secondary => self.received_from_secondary(now, message),
            Node::Arbiter => self.received_from_arbiter(now, &message),
            Node::Primary => {}
        }
    }

    fn received_from_secondary(&mut self, now: Time, message: Message) {
        if self.is_apart() {
            return;
        }
        self.heard = Some(now);
        match message {
            Message::Ready { replicating } => {
                self.ready[1] = replicating;
                self.plan_checkpoint(now);
            }
            Message::Alive { life, .. } if self.is_another(life) => self.peer_lost(now),
            Message::Alive { number, life } => {
                let counts = self.ready[1] && self.trusts(now, life) || self.options.ungranted;
                let sent = time::answered(&mut self.beats, number).filter(|_| counts);
                self.lease_from(now, sent);
            }
            Message::CheckpointReply { epoch, ok } if epoch == self.epoch + 1 => {
                let Phase::Requested { ok: own } = self.phase else { return };
                if ok && own {
                    self.phase = Phase::Checkpointing;
                    self.call(Verb::Checkpoint);
                } else {
                    self.abandon(now);
                }
            }
            Message::CheckpointDone { epoch, ok }
                if epoch == self.epoch + 1 && self.phase == Phase::Loading =>
            {
                if ok {
                    self.epoch = epoch;
                    self.effects.push_back(Effect::Told(Told::Checkpointed { epoch }));
                }
                self.go_on(now);
            }
            Message::Stopped { ok } if self.phase == Phase::StopAsked => {
                if ok {
                    self.phase = Phase::Stopping;
                    self.call(Verb::Stop { failover: false });
                } else {
                    self.abandon(now);
                }
            }
            Message::Yield => {
                self.phase = Phase::Fenced;
                self.settle_guest(now);
                self.send(Node::Arbiter, Message::Release);
                self.send(Node::Secondary, Message::Yielded);
            }
            _ => {}
        }
    }

    fn received_from_arbiter(&mut self, now: Time, message: &Message) {
        match message {
            Message::Lease { number, granted } => {
                let sent = time::answered(&mut self.renewals, *number);
                if *granted {
                    self.meets(sent);
                    self.lease_from(now, sent);
                }
            }
            Message::Granted if self.phase == Phase::Claiming => {
                self.phase = Phase::Alone { stops: false };
                self.effects.push_back(Effect::Told(Told::Granted));
                self.stop_alone();
                self.settle_guest(now);
            }
            Message::Denied if self.phase == Phase::Claiming => {
                self.phase = Phase::Fenced;
                self.effects.push_back(Effect::Told(Told::Denied));
                self.settle_guest(now);
            }
            _ => {}
        }
    }

    /// Stops the filters here, after the verb that they are still at.
    fn stop_alone(&mut self) {
        if !self.calling {
            self.phase = Phase::Alone { stops: true };
            self.call(Verb::Stop { failover: true });
        }
    }

    /// The control connection to the secondary was made.
    pub fn connected(&mut self, now: Time) {
        if !self.is_apart() {
            self.heard = Some(now);
            self.next_beat = now;
        }
    }

    /// It is lost. In the middle of something nobody knows how far the other one came.
    pub fn lost(&mut self, now: Time) {
        self.ready[1] = false;
        self.next_checkpoint = None;
        match self.phase {
            Phase::Together | Phase::Draining(_) | Phase::AskingErrors => {}
            Phase::Stopping | Phase::Stopped => {}
            _ => self.peer_lost(now),
        }
    }

    fn peer_lost(&mut self, now: Time) {
        if self.is_apart() {
            return;
        }
        self.phase = Phase::Claiming;
        self.effects.push_back(Effect::Told(Told::PeerLost));
        self.effects.push_back(Effect::HangUp);
        self.send(Node::Arbiter, Message::Claim);
        self.settle_guest(now);
    }

    /// Nothing the secondary says matters any more.
    fn is_apart(&self) -> bool {
        use Phase::{Alone, Claiming, Fenced, Stopped};
        matches!(self.phase, Claiming | Alone { .. } | Fenced | Stopped)
    }
}
