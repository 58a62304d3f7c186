//! Every state that a power loss can leave, at every moment of a run.
//!
//! A [`System`] is anything that can be cloned, taken from event to event, and shows
//! the disks that lose power together. At each crash point, the moment before an event
//! and the one after the last, an [`Explorer`] enumerates what could be left on those
//! disks: each uncertain sector holds one of its distinct contents, independently of
//! every other. It hands each state that it has not seen yet to a judge, who crashes a
//! clone that way, recovers and looks.
//!
//! # What counts as the same state
//!
//! Two states are one if the disks hold the same bytes **and** the system expects the
//! same of them. What it expects it says in bytes of its own ([`System::expect`]); they
//! are kept whole and compared whole, so two expectations are never taken for one.
//! Contents are compared by a hash of 128 bits: if it mixes as well as chance does, a billion
//! states all have different ones but for one case in 10²⁰.
//!
//! # Bounds
//!
//! A crash point with too many combinations is sampled evenly, and a run that has shown
//! enough states shows no more. Nothing is left out silently: a [`Tally`] says how many
//! combinations were, and at which crash point that began.
//!
//! It knows no engine, and not what a recovery is. The order of events is the system's. Orders
//! are [`each_order`]'s, which knows no disk either.

mod orders;
mod seen;
mod survivors;

use crate::sim_disk::SimDisk;

pub use orders::{OrderBounds, OrdersTally, each_order};
use seen::Seen;
pub use survivors::{Kept, Survivors};

/// What can be explored.
pub trait System: Clone {
    /// Lets the next event happen. False if there is none.
    fn step(&mut self) -> bool;

    /// How many hosts can lose power, each on its own.
    fn hosts(&self) -> usize {
        1
    }

    /// The disks that lose power with this host.
    fn disks(&self, host: usize) -> Vec<&SimDisk>;

    /// Writes down everything but the contents of these disks that the judgement of a crash of this
    /// host depends on, right now. Systems that write the same have to be judged the same wherever
    /// their disks are equal.
    fn expect(&self, host: usize, into: &mut Vec<u8>);

    /// Asked before each state: whether to go on, or to end the exploration here.
    fn go_on(&self) -> bool {
        true
    }
}

/// Where an exploration may give up being complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Combinations enumerated at one crash point.
    pub combinations_max: u64,
    /// Distinct states in all.
    pub states_max: u64,
}

impl Default for Bounds {
    /// 65,536 combinations at a crash point, ten million states.
    fn default() -> Self {
        Self { combinations_max: 1 << 16, states_max: 10_000_000 }
    }
}

/// Counts of an exploration. `explored` is `distinct` and `known` together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Crash points: moments, times hosts.
    pub points: u64,
    /// Combinations that were enumerated.
    pub explored: u128,
    /// States among them that had not been seen before.
    pub distinct: u64,
    /// Those that had been: another crash point left the same, and expected the same of it.
    pub known: u128,
    /// Combinations that a bound left out.
    pub left_out: u128,
    /// The crash point at which that began.
    pub left_out_at: Option<Point>,
    /// Somebody ended it: crash points are missing, and nobody knows how many.
    pub ended: bool,
}

impl Tally {
    /// Whether every reachable state was seen.
    pub fn is_exhausted(&self) -> bool {
        self.left_out == 0 && !self.ended
    }

    /// Adds the counts of another exploration. What both have seen counts twice.
    pub fn add(&mut self, other: &Self) {
        self.points += other.points;
        self.explored = self.explored.saturating_add(other.explored);
        self.distinct += other.distinct;
        self.known = self.known.saturating_add(other.known);
        self.left_out = self.left_out.saturating_add(other.left_out);
        self.left_out_at = self.left_out_at.or(other.left_out_at);
        self.ended |= other.ended;
    }
}

/// A moment at which a host loses power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// How many events of this walk have happened.
    pub events: u64,
    /// Whose power fails.
    pub host: usize,
}

/// One crash: when, whose, and what is left.
#[derive(Debug, Clone, Copy)]
pub struct Crash<'a> {
    /// When and whose.
    pub point: Point,
    /// What is left.
    pub survivors: &'a Survivors,
    /// Whether this state is shown for the first time.
    pub new: bool,
}

/// Enumerates and counts. One explorer may walk several systems, or a recovery within a
/// judgement: it keeps in mind what it has seen.
#[derive(Debug, Default)]
pub struct Explorer {
    bounds: Bounds,
    seen: Seen,
    tally: Tally,
    expectation: Vec<u8>,
}

impl Explorer {
    /// One that has seen nothing.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// What it has counted so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Takes the system through all its events and crashes each host before the first one and
    /// after each; leaves it as it is after the last.
    pub fn walk<S: System>(
        &mut self,
        system: &mut S,
        judge: &mut impl FnMut(&mut Self, &S, Crash<'_>),
    ) {
        let mut events = 0;
        loop {
            for host in 0..system.hosts() {
                self.crash(system, Point { events, host }, judge);
                if self.tally.ended {
                    return;
                }
            }
            if !system.step() {
                return;
            }
            events += 1;
        }
    }

    /// Shows the judge what a crash at this point could leave. The first combination, in which
    /// nothing more reaches the disks, is shown always: so whatever a crash does besides is seen
    /// at every crash point.
    pub fn crash<S: System>(
        &mut self,
        system: &S,
        point: Point,
        judge: &mut impl FnMut(&mut Self, &S, Crash<'_>),
    ) {
        self.tally.points += 1;
        self.expectation.clear();
        system.expect(point.host, &mut self.expectation);
        let expectation = self.seen.expectation(&self.expectation);
        let mut survivors = Survivors::of(&system.disks(point.host));
        let combinations = survivors.combinations();
        if self.seen.knows_all(expectation, survivors.outline()) {
            self.tally.explored = self.tally.explored.saturating_add(combinations);
            self.tally.known = self.tally.known.saturating_add(combinations);
            return judge(self, system, Crash { point, survivors: &survivors, new: false });
        }
        let limit = combinations.min(u128::from(self.bounds.combinations_max));
        let stride = survivors.stride(limit);
        let mut shown = 0;
        while shown < limit {
            if !system.go_on() {
                self.tally.ended = true;
                return;
            }
            if self.tally.distinct >= self.bounds.states_max {
                break;
            }
            let new = self.seen.insert(expectation, survivors.hash());
            self.tally.explored = self.tally.explored.saturating_add(1);
            self.tally.distinct += u64::from(new);
            self.tally.known += u128::from(!new);
            if new || shown == 0 {
                judge(self, system, Crash { point, survivors: &survivors, new });
            }
            survivors.advance(stride);
            shown += 1;
        }
        if shown == combinations {
            self.seen.all_of(expectation, survivors.outline());
        } else {
            self.tally.left_out = self.tally.left_out.saturating_add(combinations - shown);
            self.tally.left_out_at.get_or_insert(point);
        }
    }
}
