//! A run that goes another way than its plan: what an exploration does at each moment.
//!
//! It does what steps of a plan would do, by the same functions, so that a plan with
//! these steps does the same again.

use colo_core::{Abort, Time, VolumeId};
use colo_sim::world::Side;

use crate::oracle::{Oracle, Violation};
use crate::plan::{Kept, Step};
use crate::run::{Lane, Run};

/// What came of a fork that its origin had not seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crashed {
    /// What must not have been.
    pub violations: Vec<Violation>,
    /// Processes that died of themselves.
    pub aborts: Vec<(Side, Time, Abort)>,
}

impl<L: Lane> Run<'_, L> {
    /// How much has happened by itself.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The step that comes next.
    pub fn next_step(&self) -> usize {
        self.next_step
    }

    /// What it was judged by.
    pub fn oracle(&self) -> &Oracle {
        &self.oracle
    }

    /// Whether a recovery of the secondary is under way.
    pub fn is_recovering(&self) -> bool {
        self.recovering.contains(&true)
    }

    /// One more event, whatever the plan says; false if there is none.
    pub fn let_one_happen(&mut self) -> bool {
        self.advance(Time(u64::MAX))
    }

    pub(super) fn let_happen(&mut self, count: u64) {
        for _ in 0..count {
            if !self.let_one_happen() {
                return;
            }
        }
    }
}

impl Run<'_> {
    /// A clone that does these steps in place of what is left of its plan.
    #[must_use]
    pub fn fork(&self, steps: &[Step]) -> Self {
        let mut fork = self.clone();
        fork.next_step = fork.plan.steps.len();
        for step in steps {
            fork.carry_out(VolumeId::FIRST, step);
            fork.observe();
        }
        fork
    }

    /// Ends everything that is under way in a fork, and tells what its origin had not seen.
    pub fn conclude(mut self, origin: &Self) -> Crashed {
        self.end();
        let known = origin.oracle.violations();
        let violations = self.oracle.violations().iter().filter(|found| !known.contains(found));
        let violations = violations.cloned().collect();
        Crashed { violations, aborts: self.aborts.split_off(origin.aborts.len()) }
    }

    /// What was found so far.
    pub(super) fn so_far(&self) -> Crashed {
        Crashed { violations: self.oracle.violations().to_vec(), aborts: self.aborts.clone() }
    }
}

impl<L: Lane> Run<'_, L> {
    pub(super) fn power_loss_with(&mut self, side: Side, keep: &[Kept]) {
        self.note_crash(side, true);
        self.lane.power_fails(side);
        self.world.power_loss_with(side, &mut |volume, disk, sector, versions| {
            let kept = keep.iter().find(|kept| (kept.0, kept.1, kept.2) == (volume, disk, sector));
            kept.map(|kept| kept.3 as usize).filter(|&version| version < versions).unwrap_or(0)
        });
        self.gone(side);
    }
}
