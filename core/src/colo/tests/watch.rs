//! Who looks at a world and says what must not be.
//!
//! It judges by what went in and what came out, in true time, and never asks a role what it
//! thinks.

use std::collections::BTreeMap;

use super::world::Host;
use crate::clock::Time;
use crate::colo::{Effect, Message, Node, Options, Told};
use crate::verb::Verb;

/// What has become of one host's process, in this life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) granted: bool,
    pub(super) denied: bool,
    pub(super) yielded: bool,
    /// A planned stop's verb was answered with ok.
    pub(super) stopped: bool,
    pub(super) took_over: bool,
    pub(super) leads: bool,
}

/// See the module's head.
#[derive(Debug)]
pub(super) struct Watch {
    options: Options,
    pub(super) fates: [Fate; 2],
    /// How often each process has died.
    pub(super) deaths: [u32; 2],
    /// Whether the secondary has ever called the failover.
    taken_over: bool,
    /// Whether the pair has ever come to its planned end.
    pub(super) ended: bool,
    /// How often both have written, in true time.
    pub(super) two_writers: u32,
    pub(super) arbiter_granted: [bool; 2],
    /// Whether a claim of the secondary has reached the arbiter.
    pub(super) secondary_claimed: bool,
    /// When each numbered message of the primary's life was sent, by its clock.
    sent: BTreeMap<u32, Time>,
    lease: Time,
    pub(super) told: Vec<(Node, Told)>,
    pub(super) calls: Vec<(Node, Verb)>,
    /// The epochs that each side is at.
    pub(super) epochs: [u32; 2],
    /// Which epoch's memory the secondary has last said to have got.
    received: u32,
    /// How often it has loaded one.
    pub(super) loads: u32,
    /// The last epoch that the secondary has said to be at.
    done: u32,
    /// How often the secondary had died when it last replied that its guest stands still.
    replied: u32,
    /// Whether each guest has stood still since the primary's filters were called.
    still: [bool; 2],
    remembered: [Vec<Message>; 2],
    /// Whether what is delivered now must have no effect.
    pub(super) quiet_expected: bool,
}

impl Watch {
    pub(super) fn new(options: Options) -> Self {
        Self {
            options,
            fates: [Fate::default(); 2],
            deaths: [0; 2],
            taken_over: false,
            ended: false,
            two_writers: 0,
            arbiter_granted: [false; 2],
            secondary_claimed: false,
            sent: BTreeMap::new(),
            lease: Time::ZERO,
            told: Vec::new(),
            calls: Vec::new(),
            epochs: [0; 2],
            received: 0,
            loads: 0,
            done: 0,
            replied: 0,
            still: [false; 2],
            remembered: [Vec::new(), Vec::new()],
            quiet_expected: false,
        }
    }

    pub(super) fn born(&mut self, node: Node) {
        self.fates[node as usize] = Fate::default();
        self.epochs[node as usize] = 0;
        self.remembered[node as usize].clear();
        self.still[node as usize] = false;
        if node == Node::Primary {
            self.sent.clear();
            self.lease = Time::ZERO;
        } else {
            self.received = 0;
        }
    }

    pub(super) fn died(&mut self, node: Node) {
        self.deaths[node as usize] += 1;
        self.fates[node as usize] = Fate::default();
    }

    /// How often a role has called this verb.
    pub(super) fn called(&self, node: Node, verb: Verb) -> usize {
        self.calls.iter().filter(|call| **call == (node, verb)).count()
    }

    pub(super) fn was_told(&self, node: Node, told: &Told) -> bool {
        self.told.iter().any(|(by, what)| *by == node && what == told)
    }
}

/// One writer.
impl Watch {
    pub(super) fn sent(&mut self, from: Node, to: Node, message: &Message, now: Time) {
        match message {
            Message::Heartbeat { number } | Message::Renew { number } => {
                self.sent.insert(*number, now);
            }
            Message::Granted => {
                self.arbiter_granted[to as usize] = true;
                assert_ne!(self.arbiter_granted, [true; 2], "the arbiter grants one");
            }
            Message::CheckpointReply { .. } => self.replied = self.deaths[1],
            Message::CheckpointDone { epoch, ok: true } => {
                assert_eq!(*epoch, self.epochs[1], "what is said to be done is");
                self.done = *epoch;
            }
            Message::Yielded => self.fates[from as usize].yielded = true,
            _ => {}
        }
    }

    pub(super) fn delivered(&mut self, from: Node, to: Node, message: &Message) {
        self.secondary_claimed |= (from, message) == (Node::Secondary, &Message::Claim);
        let grant = match message {
            Message::Alive { number, .. } | Message::Lease { number, granted: true } => *number,
            _ => return,
        };
        if let (Node::Primary, Some(sent)) = (to, self.sent.get(&grant)) {
            self.lease = self.lease.max(sent.after(self.options.lease_ns));
        }
    }

    /// A moment, before anything happens in it: what runs has run until now.
    pub(super) fn looks(&self, now: Time, primary_runs: bool) {
        let Fate { granted, stopped, .. } = self.fates[Node::Primary as usize];
        if primary_runs && !granted && !stopped {
            // The next moment of a clock that runs fast is up to two nanoseconds later.
            assert!(
                now <= self.lease.after(2),
                "the primary runs without a lease: {now:?} {:?}",
                self.lease
            );
        }
    }

    fn writers(&mut self, primary_runs: bool) {
        // After the planned end each is on its own, and nobody's work is anybody else's.
        if self.taken_over && primary_runs && !self.ended {
            self.two_writers += 1;
            assert!(self.options.ungranted, "the primary's guest runs after the failover began");
        }
    }
}

/// Checkpoints.
impl Watch {
    pub(super) fn wants(&mut self, node: Node, effect: &Effect, hosts: &[Host; 2]) {
        let here = &hosts[node as usize];
        let quiet = !self.quiet_expected || matches!(effect, Effect::Send(..));
        assert!(quiet, "an old message made {node:?} want {effect:?}");
        match effect {
            Effect::Call(verb) => {
                assert_eq!(here.verb, None, "{node:?} calls {verb} before an answer");
                self.calls.push((node, *verb));
                self.calls_verb(node, *verb, hosts);
            }
            Effect::Resume => {
                assert!(!here.runs, "a guest that runs is resumed");
                self.still[node as usize] = false;
                self.writers(hosts[0].runs || node == Node::Primary);
            }
            Effect::Pause => {}
            Effect::Told(told) => {
                self.told.push((node, told.clone()));
                self.is_told(node, told);
            }
            Effect::Send(..) | Effect::HangUp => {}
        }
    }

    fn calls_verb(&mut self, node: Node, verb: Verb, hosts: &[Host; 2]) {
        let here = &hosts[node as usize];
        match (node, verb) {
            (_, Verb::Stop { failover: true }) if node == Node::Secondary => {
                self.taken_over = true;
                self.fates[1].took_over = true;
                self.writers(hosts[0].runs);
            }
            (_, Verb::Stop { failover: true }) => {}
            _ => {
                assert!(!here.runs && !here.in_flight, "{node:?} calls {verb} undrained");
                if (node, verb) == (Node::Primary, Verb::Checkpoint) {
                    self.still =
                        [0, 1].map(|side: usize| !hosts[side].runs && !hosts[side].in_flight);
                    // Where nothing is replicated any more nobody will be told that this is complete.
                    let died = self.replied != self.deaths[1];
                    let gone = died || !hosts[1].replicates || self.taken_over;
                    assert!(self.still[1] || gone, "the secondary's guest stands still, too");
                }
            }
        }
    }

    fn is_told(&mut self, node: Node, told: &Told) {
        match told {
            Told::Received { epoch, .. } => self.received = *epoch,
            Told::Loaded { epoch } => {
                self.loads += 1;
                assert_eq!(*epoch, self.epochs[1], "the memory and the disks are of one epoch");
            }
            Told::Checkpointed { epoch } => {
                self.epochs[0] += 1;
                assert_eq!(*epoch, self.epochs[0], "epochs count up by one");
                assert_eq!(*epoch, self.done, "the secondary is at the same epoch");
                assert!(self.still[0], "the primary's guest stood still all the time");
            }
            Told::Granted => self.fates[node as usize].granted = true,
            Told::Denied => self.fates[node as usize].denied = true,
            Told::PeerLost | Told::TakesOver => {}
        }
    }

    pub(super) fn answered(&mut self, node: Node, verb: Verb, ok: bool) {
        let fate = &mut self.fates[node as usize];
        match (node, verb) {
            (Node::Secondary, Verb::Checkpoint) if ok => {
                self.epochs[1] += 1;
                assert_eq!(
                    self.received, self.epochs[1],
                    "the memory came before the disks follow"
                );
                assert!(
                    self.still[1],
                    "the secondary's guest stood still until its verb was answered"
                );
            }
            (_, Verb::Stop { failover: false }) => {
                fate.stopped = ok || node == Node::Primary;
                self.ended |= fate.stopped && node == Node::Primary;
            }
            (Node::Secondary, Verb::Stop { failover: true }) => fate.leads = true,
            _ => {}
        }
    }
}

/// Messages that come again.
impl Watch {
    /// The epoch that a message of a checkpoint is about.
    fn epoch(message: &Message) -> Option<u32> {
        match message {
            Message::CheckpointRequest { epoch }
            | Message::CheckpointReply { epoch, .. }
            | Message::VmState { epoch, .. }
            | Message::CheckpointDone { epoch, .. }
            | Message::Abandon { epoch } => Some(*epoch),
            _ => None,
        }
    }

    pub(super) fn is_of_a_checkpoint(message: &Message) -> bool {
        Self::epoch(message).is_some()
    }

    pub(super) fn remember(&mut self, to: Node, message: &Message) {
        self.remembered[to as usize].push(message.clone());
    }

    /// A message of an epoch that has begun where it went, or the one that came last.
    pub(super) fn old_message(&self, to: Node, choice: usize) -> Option<Message> {
        let all = &self.remembered[to as usize];
        let begun = self.epochs[to as usize];
        let old = |message: &&Message| Self::epoch(message).is_some_and(|epoch| epoch <= begun);
        let mut old = all.iter().filter(old).chain(all.last()).rev();
        old.nth(choice).or(all.last()).cloned()
    }
}
