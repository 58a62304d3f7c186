//! A campaign that prefers what led to something new: a corpus of plans that reached a new point, and the plans
//! that come of them by mutation.
//!
//! Plans come in generations of a fixed size, each made from what the generations before it left. So the plan of a
//! number depends on no thread, and within its generation it can be made again at any time: nothing keeps it. It
//! decides nothing about a plan but its contents, and judges nothing.

mod mutate;

use std::ops::Range;

use colo_sim::stream::{Ratio, Seed, Stream};

use crate::generate::generate;
use crate::plan::Plan;
use crate::points;
use crate::profile::{Behaviour, Topology};
use mutate::mutate;

/// Plans of a generation.
pub const GENERATION: u64 = 256;

/// Points that count as rare: so many of those that were reached, the least often.
const RARE: usize = 40;

/// How plans are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The generator's own plans come first, so many: as long as those reach new points by themselves,
    /// there is nothing to guide.
    pub plain_first: u64,
    /// Of a hundred plans after that, how many are the generator's own.
    pub fresh: u32,
    /// Whether plans that reach a rare point are preferred.
    pub rare: bool,
    /// Whether a plan is also kept for reaching a point twice as often as any before it, and so on.
    pub counts: bool,
}

impl Setting {
    /// A plain campaign.
    pub const PLAIN: Self = Self { plain_first: 0, fresh: 100, rare: false, counts: false };
}

impl Default for Setting {
    /// What did best: `docs/guided.md`.
    fn default() -> Self {
        Self { plain_first: 1024, fresh: 10, rare: true, counts: true }
    }
}

/// Edits of a plan, at most.
const EDITS_MAX: u64 = 6;

/// The state of a guided campaign.
#[derive(Debug)]
pub struct Guided {
    setting: Setting,
    behaviour: Behaviour,
    /// The plan of a number is that of the seed of this number, if it is a fresh one.
    first_seed: u64,
    /// Plans that reached something new, in the order in which they were found.
    corpus: Vec<Plan>,
    /// Of each point, the plans of the corpus that reach it.
    reaching: Vec<Vec<usize>>,
    /// How much of the corpus this generation is made from, and the points that are rare for it.
    parents: usize,
    rare: Vec<usize>,
    /// Of each point, how many plans reached it.
    plans: Vec<u64>,
    /// Of each point, which powers of two its hits in one run have been between, as bits.
    counts: Vec<u64>,
}

impl Guided {
    /// One that has seen nothing.
    pub fn new(setting: Setting, behaviour: Behaviour, first_seed: u64) -> Self {
        let points = points::names().len();
        Self {
            setting,
            // Plans of two hosts take too long to be tried by the thousand, and an edit may not fit them.
            behaviour: Behaviour { topology: Some(Topology::Single), ..behaviour },
            first_seed,
            corpus: Vec::new(),
            reaching: vec![Vec::new(); points],
            parents: 0,
            rare: Vec::new(),
            plans: vec![0; points],
            counts: vec![0; points],
        }
    }

    /// Of each point, how many plans reached it.
    pub fn plans_of_points(&self) -> &[u64] {
        &self.plans
    }

    /// Plans that are kept for what they reached.
    pub fn kept(&self) -> usize {
        self.corpus.len()
    }

    /// The numbers of the generation's plans that has this one. What was learned up to now counts for it.
    pub fn begin_generation(&mut self, number: u64) -> Range<u64> {
        self.parents = self.corpus.len();
        let mut reached: Vec<_> = (0..self.plans.len()).filter(|&at| self.plans[at] > 0).collect();
        reached.sort_by_key(|&at| (self.plans[at], at));
        reached.truncate(RARE);
        self.rare = reached;
        let begin = number / GENERATION * GENERATION;
        begin..begin + GENERATION
    }

    /// The plan of this number, with its seed if it is the generator's own; the same at any time of its generation.
    pub fn plan(&self, number: u64) -> (Option<u64>, Plan) {
        let seed = self.first_seed.wrapping_add(number);
        let mut stream = Seed(seed).stream("guided");
        let fresh = stream.chance(Ratio::new(self.setting.fresh, 100));
        if fresh || number < self.setting.plain_first || self.parents == 0 {
            return (Some(seed), generate(seed, &self.behaviour));
        }
        let base = self.parent(&mut stream);
        let from_generator = stream.chance(Ratio::new(1, 2));
        let fresh = from_generator.then(|| generate(seed, &self.behaviour));
        let donor = fresh.as_ref().unwrap_or_else(|| self.parent(&mut stream));
        let edits = 1 + stream.below(EDITS_MAX);
        let mut plan = mutate(base, donor, edits, &mut stream);
        // Of one length, so that they are told in the order in which they ran.
        plan.name = format!("guided-{seed:010}");
        (None, plan)
    }

    fn parent(&self, stream: &mut Stream) -> &Plan {
        let corpus = &self.corpus[..self.parents];
        if self.setting.rare && stream.chance(Ratio::new(3, 4)) {
            let reaching = &self.reaching[*stream.pick(&self.rare)];
            // Without those of this generation.
            let known = reaching.partition_point(|&at| at < self.parents);
            if known > 0 {
                return &corpus[*stream.pick(&reaching[..known])];
            }
        }
        stream.pick(corpus)
    }

    /// Takes note of the points that the plan of this number reached, by their hits. Numbers come in order.
    pub fn learn(&mut self, number: u64, points: &[u32]) {
        let (mut new_point, mut new_count) = (false, false);
        let hit = || points.iter().enumerate().filter(|(_, hits)| **hits > 0);
        for (at, hits) in hit() {
            let bit = 1 << hits.ilog2();
            new_point |= self.plans[at] == 0;
            new_count |= self.counts[at] & bit == 0;
            self.plans[at] += 1;
            self.counts[at] |= bit;
        }
        if new_point || (new_count && self.setting.counts) {
            for (at, _) in hit() {
                self.reaching[at].push(self.corpus.len());
            }
            let (_, plan) = self.plan(number);
            self.corpus.push(plan);
        }
    }
}
