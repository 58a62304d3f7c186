//! The secondary's role: it follows, and takes over if it may.

use std::collections::VecDeque;

use crate::clock::Time;
use crate::colo::message::{Message, Node};
use crate::colo::{Effect, Options, Told, with_margin};
use crate::verb::Verb;

/// The secondary's role. See the module's head.
#[derive(Debug, Clone)]
pub struct Secondary {
    options: Options,
    /// Of this process.
    own_life: u32,
    phase: Phase,
    epoch: u32,
    replicates: bool,
    /// When the primary was last heard.
    heard: Option<Time>,
    /// The life of the primary's process that is followed.
    life: Option<u32>,
    /// Until when the primary's guest may run, as far as this one has promised.
    promised: Time,
    /// When a claim is sent again.
    next_claim: Time,
    /// Whether a verb was called and is not answered.
    calling: bool,
    /// The epoch that it takes the disks to, if it does.
    loading: Option<u32>,
    paused: bool,
    effects: VecDeque<Effect>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    /// The guest does as the primary's, or nothing is replicated.
    Following,
    /// The guest stands still; its requests, and those forwarded, end.
    Draining(Purpose),
    /// The filters are asked for errors.
    AskingErrors { epoch: u32 },
    /// The memory has not come. `ok` is what the filters said.
    Prepared { epoch: u32, ok: bool },
    /// The filters take the checkpoint. Until they have, the guest's memory is that of the last one.
    Loading { epoch: u32 },
    /// They stop as planned.
    Stopping,
    /// They could not, and the primary does not know yet.
    StopFailed,
    /// They have. The disk is the primary's, the guest's memory that of the last epoch: it does not go on.
    Stopped,
    /// The arbiter was asked, and the primary's guest may still run.
    Claiming { granted: bool, yielded: bool },
    /// The filters fail over.
    TakingOver,
    /// This one is the only one left.
    Leader,
    /// The primary is.
    Fenced,
}

/// What the guest stands still for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Checkpoint { epoch: u32 },
    Stop,
}

impl Secondary {
    /// A role that replicates nothing yet. `life` is another number for each life of this process. What the
    /// last one promised, a moment ago perhaps, it keeps.
    pub fn new(options: Options, life: u32, now: Time) -> Self {
        Self {
            options,
            own_life: life,
            phase: Phase::Following,
            epoch: 0,
            replicates: false,
            heard: None,
            life: None,
            promised: now.after(with_margin(options.lease_ns)),
            next_claim: Time::ZERO,
            calling: false,
            loading: None,
            paused: false,
            effects: VecDeque::new(),
        }
    }

    /// Whether anything is under way that ends by itself.
    pub fn is_busy(&self) -> bool {
        use Phase::{Fenced, Following, Leader, Stopped};
        !matches!(self.phase, Following | Stopped | Leader | Fenced)
    }

    /// Whether it waits for the arbiter, who may never be reached.
    pub fn claims(&self) -> bool {
        matches!(self.phase, Phase::Claiming { granted: false, .. })
    }

    /// Whether guest and export are to end their requests, and [`Secondary::drained`] is waited for.
    pub fn drains(&self) -> bool {
        matches!(self.phase, Phase::Draining(_))
    }

    /// Whether the primary may connect to the export, and write to it.
    pub fn serves(&self) -> bool {
        !self.is_apart()
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

    /// Nothing the primary says matters any more, but that it yields.
    fn is_apart(&self) -> bool {
        use Phase::{Claiming, Fenced, Leader, Stopped, TakingOver};
        matches!(self.phase, Claiming { .. } | TakingOver | Leader | Fenced | Stopped)
    }
}

/// What goes in.
impl Secondary {
    /// The filters replicate, or do not any more.
    pub fn replicates(&mut self, now: Time, replicates: bool) {
        if std::mem::replace(&mut self.replicates, replicates) != replicates {
            self.heard = self.heard.map(|heard| heard.max(now));
            if replicates {
                self.tell_ready();
            } else {
                self.send(Node::Primary, Message::Ready { replicating: false });
            }
        }
    }

    /// A failover is asked for. Where nothing is replicated there is none.
    pub fn failover(&mut self, now: Time) {
        match self.phase {
            Phase::Leader => {
                self.phase = Phase::TakingOver;
                self.call(Verb::Stop { failover: true });
            }
            _ if self.is_apart() || !self.replicates => {}
            _ => {
                // A primary that still hears it stands still at once.
                self.send(Node::Primary, Message::Yield);
                self.claim(now);
            }
        }
    }

    fn claim(&mut self, now: Time) {
        self.phase = Phase::Claiming { granted: self.options.ungranted, yielded: false };
        self.send(Node::Arbiter, Message::Claim);
        self.next_claim = now.after(self.options.beat_ns());
        self.take_over_if_due(now);
    }

    fn peer_lost(&mut self, now: Time) {
        if !self.replicates {
            // It has nothing to take over with. A verb that is under way ends first.
            if !self.calling {
                self.phase = Phase::Following;
            }
            return;
        }
        self.effects.push_back(Effect::Told(Told::PeerLost));
        self.effects.push_back(Effect::HangUp);
        self.claim(now);
    }

    /// A verb that the filters are still at comes first: its answer must not be taken for the failover's.
    fn take_over_if_due(&mut self, now: Time) {
        if self.due().is_some_and(|due| due <= now) {
            self.phase = Phase::TakingOver;
            // Whatever of the primary is still on its way belongs to no guest any more.
            self.effects.push_back(Effect::HangUp);
            self.effects.push_back(Effect::Told(Told::TakesOver));
            self.call(Verb::Stop { failover: true });
        }
    }

    /// From when on this one may take over, once it is granted and no verb is under way.
    fn due(&self) -> Option<Time> {
        let Phase::Claiming { granted: true, yielded } = self.phase else { return None };
        let at_once = yielded || self.options.ungranted;
        (!self.calling).then_some(if at_once { Time::ZERO } else { self.promised })
    }

    /// Guest and export stand still, and nothing is under way.
    pub fn drained(&mut self) {
        match self.phase {
            Phase::Draining(Purpose::Checkpoint { epoch }) => {
                self.phase = Phase::AskingErrors { epoch };
                self.call(Verb::GetError);
            }
            Phase::Draining(Purpose::Stop) => {
                self.phase = Phase::Stopping;
                self.call(Verb::Stop { failover: false });
            }
            _ => {}
        }
    }

    /// The verb that was called is answered.
    pub fn verb_answered(&mut self, ok: bool) {
        if !std::mem::take(&mut self.calling) {
            return;
        }
        // Whatever has become of the pair meanwhile: memory and disks are of one epoch.
        if let Some(epoch) = self.loading.take().filter(|_| ok) {
            self.epoch = epoch;
            self.effects.push_back(Effect::Told(Told::Loaded { epoch }));
        }
        match self.phase {
            Phase::AskingErrors { epoch } => {
                self.phase = Phase::Prepared { epoch, ok };
                self.send(Node::Primary, Message::CheckpointReply { epoch, ok });
            }
            Phase::Loading { epoch } => {
                self.phase = Phase::Following;
                self.send(Node::Primary, Message::CheckpointDone { epoch, ok });
            }
            Phase::Stopping => {
                self.phase = if ok { Phase::Stopped } else { Phase::StopFailed };
                self.send(Node::Primary, Message::Stopped { ok });
            }
            Phase::TakingOver => self.phase = Phase::Leader,
            _ => {}
        }
        self.settle_guest();
    }

    /// A message has come.
    pub fn received(&mut self, now: Time, from: Node, message: Message) {
        match from {
            Node::Primary => self.received_from_primary(now, message),
            Node::Arbiter => self.received_from_arbiter(now, &message),
            Node::Secondary => {}
        }
        self.settle_guest();
    }

    fn received_from_primary(&mut self, now: Time, message: Message) {
        if let (Phase::Claiming { yielded, .. }, Message::Yielded) = (&mut self.phase, &message) {
            *yielded = true;
            return self.take_over_if_due(now);
        }
        if (&self.phase, &message) == (&Phase::Stopped, &Message::Stop) {
            return self.send(Node::Primary, Message::Stopped { ok: true });
        }
        if self.is_apart() {
            return;
        }
        self.heard = Some(now);
        match message {
            Message::Hello { node: Node::Primary, life } => self.met(now, life),
            Message::Heartbeat { number } => {
                self.promised = now.after(with_margin(self.options.lease_ns));
                self.send(Node::Primary, Message::Alive { number, life: self.own_life });
            }
            Message::CheckpointRequest { epoch } => self.requested(epoch),
            Message::VmState { epoch, writes } => self.has_memory(epoch, writes),
            Message::Abandon { epoch } => self.abandoned(epoch),
            Message::Stop => self.told_to_stop(),
            _ => {}
        }
    }

    fn requested(&mut self, epoch: u32) {
        match self.phase {
            Phase::Following if epoch == self.epoch + 1 => {
                self.phase = Phase::Draining(Purpose::Checkpoint { epoch });
            }
            // The answer was lost.
            Phase::Prepared { epoch: asked, ok } if asked == epoch => {
                self.send(Node::Primary, Message::CheckpointReply { epoch, ok });
            }
            // A life of this process that the primary does not know, or an old request.
            Phase::Following => {
                self.send(Node::Primary, Message::CheckpointReply { epoch, ok: false });
            }
            _ => {}
        }
    }

    fn has_memory(&mut self, epoch: u32, writes: Vec<u32>) {
        match self.phase {
            Phase::Prepared { epoch: asked, .. } if asked == epoch => {
                self.phase = Phase::Loading { epoch };
                self.loading = Some(epoch);
                self.effects.push_back(Effect::Told(Told::Received { epoch, writes }));
                self.call(Verb::Checkpoint);
            }
            // The answer was lost, whatever it was.
            Phase::Following if epoch == self.epoch || epoch == self.epoch + 1 => {
                let ok = epoch == self.epoch;
                self.send(Node::Primary, Message::CheckpointDone { epoch, ok });
            }
            _ => {}
        }
    }

    fn abandoned(&mut self, epoch: u32) {
        match self.phase {
            Phase::Prepared { epoch: asked, .. } if asked == epoch => self.phase = Phase::Following,
            Phase::StopFailed => self.phase = Phase::Following,
            _ => {}
        }
        self.tell_ready();
    }

    /// Nothing of an attempt is left, and the next may begin. Until then the primary abandons what is left
    /// with every heartbeat.
    fn tell_ready(&mut self) {
        if self.phase == Phase::Following {
            self.send(Node::Primary, Message::Ready { replicating: self.replicates });
        }
    }

    fn told_to_stop(&mut self) {
        match self.phase {
            Phase::Following => self.phase = Phase::Draining(Purpose::Stop),
            Phase::StopFailed => self.send(Node::Primary, Message::Stopped { ok: false }),
            _ => {}
        }
    }

    /// Another life of the primary's process: the guest that was followed is gone with the last one.
    fn met(&mut self, now: Time, life: u32) {
        let other = self.life.replace(life).is_some_and(|known| known != life);
        if other && self.replicates {
            return self.peer_lost(now);
        }
        self.tell_ready();
    }

    fn received_from_arbiter(&mut self, now: Time, message: &Message) {
        let Phase::Claiming { granted, .. } = &mut self.phase else { return };
        match message {
            Message::Granted => {
                *granted = true;
                self.effects.push_back(Effect::Told(Told::Granted));
                self.take_over_if_due(now);
            }
            Message::Denied => {
                self.phase = Phase::Fenced;
                self.effects.push_back(Effect::Told(Told::Denied));
            }
            _ => {}
        }
    }

    /// The control connection to the primary is lost. In the middle of something nobody knows how far
    /// the other one came.
    pub fn lost(&mut self, now: Time) {
        match self.phase {
            Phase::Following | Phase::Stopping => {}
            // Nothing has changed here, and no repeated stop can come any more.
            Phase::StopFailed => self.phase = Phase::Following,
            _ if self.is_apart() => {}
            _ => self.peer_lost(now),
        }
        self.settle_guest();
    }
}

/// Time.
impl Secondary {
    /// When [`Secondary::timeout`] is to be called, if ever.
    pub fn deadline(&self) -> Option<Time> {
        match self.phase {
            Phase::Claiming { granted: true, .. } => self.due(),
            Phase::Claiming { .. } => Some(self.next_claim),
            _ => self.silence(),
        }
    }

    /// When the primary will have been silent for too long. It holds out a little longer than the
    /// primary, whose guest is the one that people see.
    fn silence(&self) -> Option<Time> {
        let listens = match self.phase {
            Phase::Following => self.replicates,
            // This ends by itself.
            Phase::Stopping => false,
            _ => !self.is_apart() && (self.replicates || !self.calling),
        };
        let heard = self.heard.filter(|_| listens)?;
        Some(heard.after(with_margin(self.options.lease_ns)).after(self.options.beat_ns()))
    }

    /// Time has passed. Calling it too early, or without need, changes nothing.
    pub fn timeout(&mut self, now: Time) {
        match self.phase {
            Phase::Claiming { granted: true, .. } => self.take_over_if_due(now),
            Phase::Claiming { .. } if self.next_claim <= now => {
                // The first one may have been lost.
                self.next_claim = now.after(self.options.beat_ns());
                self.send(Node::Arbiter, Message::Claim);
            }
            _ if self.silence().is_some_and(|silence| silence <= now) => self.peer_lost(now),
            _ => {}
        }
        self.settle_guest();
    }

    /// Lets the guest run or stand still, as it may and must now. Until it is decided who goes on it does
    /// as it did: nobody sees what it does, and in the middle of a checkpoint it must not.
    fn settle_guest(&mut self) {
        let runs = match &self.phase {
            Phase::Claiming { .. } => return,
            Phase::Following | Phase::Leader => true,
            Phase::Draining(_) | Phase::AskingErrors { .. } | Phase::Prepared { .. } => false,
            Phase::Loading { .. } | Phase::Stopping | Phase::StopFailed => false,
            Phase::Stopped | Phase::TakingOver | Phase::Fenced => false,
        };
        if runs == self.paused {
            self.paused = !runs;
            self.effects.push_back(if runs { Effect::Resume } else { Effect::Pause });
        }
    }
}
