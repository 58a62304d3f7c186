//! Who comes next of what may come next.
//!
//! Latencies decide by default: what is due first happens first. But how fast a disk is
//! says little about which orders are possible, and a rare order stays rare however many
//! latencies are drawn. So a world can decide otherwise: at each event anything in
//! flight may be answered, and a [`Schedule`] says what is. Every answer is then one of
//! a legal device, and takes the same time.
//!
//! What is kept in order all the same: messages in one direction of the connection. A disk
//! that is stalled and a timer wait for their time.

use colo_core::{DiskId, Time, VolumeId};
use serde::{Deserialize, Serialize};

use crate::hash::hash_128;
use crate::stream::Stream;
use crate::world::advance::Source;
use crate::world::{Side, World};

/// How it is decided what happens next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// Each request draws how long it takes.
    #[default]
    Latency,
    /// Whatever may come next is equally likely.
    Random,
    /// Each request draws a priority, and the highest comes first; at `depth - 1` moments among the first
    /// `events` the highest becomes the lowest. This is PCT (Burckhardt et al., ASPLOS 2010) with
    /// requests for threads: an order that `depth` constraints between requests bring about is met with
    /// a likelihood of at least 1 in `n · events^(depth - 1)`, of `n` requests in flight.
    Pct {
        /// Constraints, at least 1.
        depth: u32,
        /// Among how many events priorities change.
        events: u32,
    },
    /// At each event at which several may come next, the one of this number: disks first, in order, and of
    /// a disk what was submitted first; then the connection; then timers. When the list is over, or has
    /// too high a number, the first, or the last.
    Chosen(Vec<u16>),
}

impl Schedule {
    /// Whether latencies decide.
    pub fn is_latency(&self) -> bool {
        *self == Self::Latency
    }
}

/// A moment at which several things may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// How many.
    pub of: u16,
    /// What led there. Two moments of one plan with the same key differ at most in the order of
    /// events on different hosts, which share nothing but the connection, and what was done then,
    /// which counts as an event of both: they go on alike.
    pub key: u128,
}

/// Something that may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) source: Source,
    /// Of this source, which: a disk numbers its requests, of the others there is one.
    pub(super) seq: u64,
}

impl Candidate {
    /// The host that it changes.
    fn side(&self) -> Side {
        match self.source {
            Source::Disk(_, disk) => Side::of(disk),
            // A request arrives at the secondary, an answer at the primary.
            Source::Lane(lane) => Side::BOTH[1 - lane],
            Source::Timer(side) => side,
        }
    }

    /// A number that nothing else has that may come next on its host.
    fn identity(&self) -> u64 {
        let source = match self.source {
            Source::Disk(VolumeId(volume), disk) => u64::from(volume) * 4 + disk as u64,
            Source::Lane(_) => 254,
            Source::Timer(_) => 255,
        };
        self.seq << 8 | source
    }
}

/// What happened on each host, hashed.
#[derive(Debug, Clone, Copy, Default)]
struct History([u128; 2]);

impl History {
    fn happened(&mut self, candidate: Candidate) {
        let side = &mut self.0[candidate.side() as usize];
        *side = hash(*side, u128::from(candidate.identity()));
    }

    /// Something is done: what happened before it on either host did so.
    fn done(&mut self) {
        self.0 = [hash(self.0[0], self.0[1]), hash(self.0[1], self.0[0])];
    }

    fn key(self) -> u128 {
        hash(self.0[0], self.0[1])
    }
}

fn hash(a: u128, b: u128) -> u128 {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&a.to_le_bytes());
    bytes[16..].copy_from_slice(&b.to_le_bytes());
    hash_128(0, &bytes)
}

/// Carries a schedule out.
#[derive(Debug, Clone)]
pub(super) struct Scheduler {
    schedule: Schedule,
    stream: Stream,
    history: History,
    /// What there was to choose, if the plan chooses, and in any case what was chosen.
    choices: Vec<Choice>,
    chosen: Vec<u16>,
    events: u64,
    /// PCT: what is in flight, with its priority, and at which events the highest becomes the lowest.
    priorities: Vec<(Candidate, u64)>,
    changes: Vec<u64>,
}

impl Scheduler {
    /// None if latencies decide.
    pub(super) fn new(schedule: &Schedule, mut stream: Stream) -> Option<Self> {
        let changes = match *schedule {
            Schedule::Latency => return None,
            Schedule::Random | Schedule::Chosen(_) => Vec::new(),
            Schedule::Pct { depth, events } => {
                let events = u64::from(events.max(1));
                (1..depth).map(|_| stream.below(events)).collect()
            }
        };
        let schedule = schedule.clone();
        Some(Self {
            schedule,
            stream,
            history: History::default(),
            choices: Vec::new(),
            chosen: Vec::new(),
            events: 0,
            priorities: Vec::new(),
            changes,
        })
    }

    /// Which of these comes next; there is at least one.
    fn choose(&mut self, candidates: &[Candidate]) -> Candidate {
        let place = match &self.schedule {
            Schedule::Latency => unreachable!("then there is no scheduler"),
            Schedule::Random => self.stream.below(candidates.len() as u64) as usize,
            Schedule::Pct { .. } => self.highest(candidates),
            Schedule::Chosen(_) => self.listed(candidates),
        };
        if candidates.len() > 1 {
            self.chosen.push(place as u16);
        }
        self.events += 1;
        candidates[place]
    }

    fn listed(&mut self, candidates: &[Candidate]) -> usize {
        let Schedule::Chosen(list) = &self.schedule else { unreachable!("it was looked at") };
        let mut place = 0;
        if candidates.len() > 1 {
            let listed = list.get(self.choices.len()).copied().unwrap_or(0);
            place = usize::from(listed).min(candidates.len() - 1);
            self.choices.push(Choice { of: candidates.len() as u16, key: self.history.key() });
        }
        self.history.happened(candidates[place]);
        place
    }

    fn highest(&mut self, candidates: &[Candidate]) -> usize {
        self.priorities.retain(|(known, _)| candidates.contains(known));
        for candidate in candidates {
            if !self.priorities.iter().any(|(known, _)| known == candidate) {
                // Below this are those that have been lowered.
                let priority = u64::from(u32::MAX) + self.stream.below(1 << 62);
                self.priorities.push((*candidate, priority));
            }
        }
        for change in 0..self.changes.len() {
            if self.changes[change] == self.events {
                let highest = self.priorities.iter_mut().max_by_key(|(_, priority)| *priority);
                highest.expect("there is a candidate").1 = (self.changes.len() - change) as u64;
            }
        }
        let highest = self.priorities.iter().max_by_key(|(_, priority)| *priority);
        let (highest, _) = highest.expect("there is a candidate");
        let place = candidates.iter().position(|candidate| candidate == highest);
        place.expect("all others were forgotten")
    }
}

impl World {
    /// From now on this decides what happens next.
    pub fn set_schedule(&mut self, schedule: &Schedule, stream: Stream) {
        self.scheduler = Scheduler::new(schedule, stream).map(Box::new);
    }

    /// What there was to choose so far, if all is chosen.
    pub fn choices(&self) -> &[Choice] {
        self.scheduler.as_ref().map_or(&[], |scheduler| &scheduler.choices)
    }

    /// Which of them was chosen, each time there were several, unless latencies decided.
    pub fn chosen(&self) -> &[u16] {
        self.scheduler.as_ref().map_or(&[], |scheduler| &scheduler.chosen)
    }

    /// Somebody does something: where an order is chosen, a moment that is the same for both hosts.
    pub(super) fn schedule_notes_act(&mut self) {
        if let Some(scheduler) = &mut self.scheduler {
            scheduler.history.done();
        }
    }

    /// What may come next, if latencies do not decide, and when. It is empty if nothing is under way.
    pub(super) fn candidates(&self) -> (Time, Vec<Candidate>) {
        let tick = self.options.disk_delay.min_ns.min(self.options.link_delay.min_ns).max(1);
        let at = self.now.after(tick);
        let candidates = self.candidates_at(at);
        if !candidates.is_empty() {
            return (at, candidates);
        }
        // Everything waits for its time.
        match self.first_due() {
            Some((due, _)) => (due, self.candidates_at(due)),
            None => (at, candidates),
        }
    }

    fn candidates_at(&self, at: Time) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for (volume, disks) in self.disks.iter().enumerate() {
            for (disk, device) in DiskId::ALL.into_iter().zip(disks) {
                let source = Source::Disk(VolumeId(volume as u8), disk);
                let first = candidates.len();
                let pending = device.medium().pending(at);
                candidates.extend(pending.map(|seq| Candidate { source, seq }));
                candidates[first..].sort_unstable_by_key(|candidate| candidate.seq);
            }
        }
        let lanes = (0..2).filter(|&lane| self.link.next_due(lane).is_some());
        candidates.extend(lanes.map(|lane| Candidate { source: Source::Lane(lane), seq: 0 }));
        let timers =
            Side::BOTH.into_iter().filter(|&side| self.timer(side).is_some_and(|due| due <= at));
        candidates.extend(timers.map(|side| Candidate { source: Source::Timer(side), seq: 0 }));
        candidates
    }

    /// Lets the next thing happen, as the schedule has it, unless it is later than `until`.
    pub(super) fn step_scheduled(&mut self, until: Time) -> bool {
        let (at, candidates) = self.candidates();
        if candidates.is_empty() || at > until {
            return false;
        }
        let scheduler = self.scheduler.as_mut().expect("a schedule decides");
        let Candidate { source, seq } = scheduler.choose(&candidates);
        if let Source::Disk(volume, disk) = source {
            let device = &mut self.disks[usize::from(volume.0)][disk as usize];
            device.medium_mut().make_due(seq, at);
        }
        self.happens(at, source);
        true
    }
}
