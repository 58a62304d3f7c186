//! All small workloads: up to three operations on four blocks, crossed with every verb.
//!
//! After both sides have started, up to three operations happen: a write of one block by
//! either guest, or a flush of the secondary guest. A verb is called before, between or
//! after them, and all of it comes either one after the other, each answered before the
//! next, or at once; then get_error is asked. A block is one cluster and one copy unit of two sectors, so that a
//! write of it can tear. Each of these plans is then crashed at every moment after the
//! start, on either host, in every way.
//!
//! With [`Alphabet::renamed`] off, blocks are named in the order in which they are used first: of all
//! workloads that differ only in the names of their blocks, one is run. That is sound as far as
//! blocks are alike, and they nearly are: all are whole clusters and whole copy units, no
//! operation touches two, and one map sector has a bit for each. What is not alike is the order
//! in which a commit copies them, and which two are neighbours that it may copy together. So the
//! reduced set is for a quick look, and the whole one is the proof.

use std::collections::BTreeMap;

use colo_core::{CommitPhase, DiskId, EmptyFailure, Errno, Geometry, Mode, Phase, Verb};
use colo_sim::explore::Tally;
use colo_sim::faulty::OpKind;
use colo_sim::world::Side;

use crate::explore::{Found, Options, explore_from};
use crate::plan::{FaultSpec, Plan, Setup, Step};
use crate::profile::{Added, Behaviour};

/// Operations of a workload.
pub const OPS_MAX: usize = 3;

const BLOCKS: u8 = 4;
const BLOCK_SECTORS: u32 = 2;

/// Findings of one workload that are handed over; the others are counted.
const FOUND_MAX: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Write(Side, u8),
    Flush,
}

impl Op {
    fn name(self) -> String {
        match self {
            Self::Write(Side::Primary, block) => format!("p{block}"),
            Self::Write(Side::Secondary, block) => format!("s{block}"),
            Self::Flush => "f".to_owned(),
        }
    }

    fn step(self, wait: bool) -> Step {
        match self {
            Self::Write(side, block) => {
                let at = u64::from(block) * u64::from(BLOCK_SECTORS);
                Step::Write { side, at, len: BLOCK_SECTORS, wait }
            }
            Self::Flush => Step::Flush { side: Side::Secondary, wait },
        }
    }
}

/// What is called in the midst of the operations.
const CALLS: [&str; 9] = [
    "checkpoint",
    "bare-checkpoint",
    "failover",
    "stop",
    "get_error",
    "close",
    "start",
    "failing-failover",
    "failing-checkpoint",
];

fn call(name: &str, wait: bool) -> Vec<Step> {
    let verb = |verb| Step::Call { side: Side::Secondary, verb, wait };
    let failover = Verb::Stop { failover: true };
    match name {
        "checkpoint" => vec![Step::Checkpoint],
        // The verb alone: nobody has drained the guests.
        "bare-checkpoint" => vec![verb(Verb::Checkpoint)],
        "failover" => vec![verb(failover)],
        "stop" => vec![verb(Verb::Stop { failover: false })],
        "get_error" => vec![verb(Verb::GetError)],
        "close" => vec![verb(Verb::Close)],
        "start" => vec![verb(Verb::Start(Mode::Secondary))],
        // The commit's first write fails: FAILOVER_FAILED, and the guest goes on.
        "failing-failover" => {
            let mut spec = FaultSpec::new(DiskId::Secondary, OpKind::Write);
            (spec.times, spec.during) = (Some(1), Some(Phase::Commit(CommitPhase::Copying)));
            let settled = wait.then_some(Step::Settle);
            [Step::Fault(spec), verb(failover)].into_iter().chain(settled).collect()
        }
        "failing-checkpoint" => {
            let (disk, how, errno) = (DiskId::Hidden, EmptyFailure::Nothing, Errno::Io);
            vec![Step::EmptyFails { disk, how, errno }, Step::Checkpoint]
        }
        _ => unreachable!("`{name}` is no call of a workload"),
    }
}

/// Which workloads there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alphabet {
    /// Operations at most.
    pub ops_max: usize,
    /// Also those that differ from another only in the names of the blocks.
    pub renamed: bool,
}

impl Default for Alphabet {
    /// Three operations, blocks in order of use.
    fn default() -> Self {
        Self { ops_max: OPS_MAX, renamed: false }
    }
}

impl Alphabet {
    /// The plans of all workloads, short ones first.
    pub fn plans(&self, behaviour: &Behaviour) -> Vec<Plan> {
        let mut plans = Vec::new();
        for len in 0..=self.ops_max {
            for ops in self.sequences(len) {
                for called in CALLS {
                    for place in 0..=len {
                        for at_once in [false, true] {
                            plans.push(plan(&ops, called, place, at_once, behaviour));
                        }
                    }
                }
            }
        }
        plans
    }

    fn sequences(&self, len: usize) -> Vec<Vec<Op>> {
        let mut sequences = vec![Vec::new()];
        for _ in 0..len {
            let longer = |ops: Vec<Op>| {
                let next = self.next(&ops);
                next.into_iter().map(move |op| ops.iter().copied().chain([op]).collect())
            };
            sequences = sequences.into_iter().flat_map(longer).collect();
        }
        sequences
    }

    /// What may follow: any block that was used, and the first that was not.
    fn next(&self, ops: &[Op]) -> Vec<Op> {
        let used = ops.iter().filter_map(|op| match op {
            Op::Write(_, block) => Some(block + 1),
            Op::Flush => None,
        });
        let blocks =
            if self.renamed { BLOCKS } else { used.max().map_or(1, |n| (n + 1).min(BLOCKS)) };
        let writes = Side::BOTH
            .into_iter()
            .flat_map(|side| (0..blocks).map(move |block| Op::Write(side, block)));
        writes.chain([Op::Flush]).collect()
    }
}

fn plan(ops: &[Op], called: &str, place: usize, at_once: bool, behaviour: &Behaviour) -> Plan {
    let wait = !at_once;
    let start = |side: Side| Step::Call { side, verb: Verb::Start(side.mode()), wait: true };
    let mut steps = vec![start(Side::Secondary), start(Side::Primary)];
    let mut names = Vec::new();
    for (index, op) in ops.iter().map(Some).chain([None]).enumerate() {
        if index == place {
            names.push(called.to_owned());
            steps.extend(call(called, wait));
        }
        if let Some(op) = op {
            names.push(op.name());
            steps.push(op.step(wait));
        }
    }
    // COLO asks before it goes on.
    steps.push(Step::Call { side: Side::Secondary, verb: Verb::GetError, wait: true });
    let manner = if at_once { "-at-once" } else { "" };
    let mut plan = Plan::new(names.join("-") + manner, behaviour.profile, steps);
    if let Added::Named(quirks) = &behaviour.added {
        plan.quirks.clone_from(quirks);
    }
    plan.setup = setup();
    plan
}

/// Four blocks, and nothing smaller or larger than a block is ever copied but by a commit, which may
/// take two.
fn setup() -> Setup {
    let geometry = Geometry {
        sector_size: 8,
        sectors: u64::from(BLOCK_SECTORS) * u64::from(BLOCKS),
        cluster: BLOCK_SECTORS,
        granule: BLOCK_SECTORS,
        copy_max: BLOCK_SECTORS,
        commit_granule: BLOCK_SECTORS,
        commit_max: 2 * BLOCK_SECTORS,
    };
    Setup { geometry, ..Setup::default() }
}

/// What came of one workload.
#[derive(Debug)]
pub struct Explored {
    /// Its counts.
    pub tally: Tally,
    /// The first findings.
    pub found: Vec<Found>,
    /// How many there were.
    pub found_count: u64,
    /// How many more than the first there were, by invariant.
    pub more: BTreeMap<&'static str, u64>,
}

/// Explores one workload, from after the start on.
pub fn explore_workload(plan: &Plan, options: &Options) -> Explored {
    let (mut found, mut found_count, mut more) = (Vec::new(), 0, BTreeMap::new());
    let tally = explore_from(plan, 2, options, &|| true, &mut |new| {
        found_count += 1;
        if found.len() < FOUND_MAX {
            found.push(new);
        } else {
            *more.entry(new.invariant).or_default() += 1;
        }
    });
    Explored { tally, found, found_count, more }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloads_are_as_many_as_by_hand() {
        let count = |alphabet: Alphabet| {
            (0..=alphabet.ops_max).map(|len| alphabet.sequences(len).len()).collect::<Vec<_>>()
        };
        // Nine letters: two guests times four blocks, and the flush.
        assert_eq!(count(Alphabet { renamed: true, ..Alphabet::default() }), [1, 9, 81, 729]);
        // With w writes there are 2^w sides, as many ways to name blocks in order of use as w
        // things can be put into groups (1, 1, 2, 5), and (len over w) places.
        // 2: 1·1·1 + 2·2·1 + 1·4·2 = 13. 3: 1 + 3·2·1 + 3·4·2 + 1·8·5 = 71.
        assert_eq!(count(Alphabet::default()), [1, 3, 13, 71]);
        // Nine calls at len + 1 places in two manners.
        let plans = Alphabet::default().plans(&Behaviour::default());
        assert_eq!(plans.len(), 18 * (1 + 3 * 2 + 13 * 3 + 71 * 4));
        let mut names: Vec<_> = plans.iter().map(|plan| &plan.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), plans.len());
    }
}
