//! The smallest plan so far, and the one question that is asked of a smaller one.

use colo_core::Quirks;

use crate::plan::Plan;
use crate::shrink::Shrunk;
use crate::shrink::failure::{Failure, Seen, shows, with_quirks};

pub(super) struct Search<'a> {
    best: Plan,
    failure: Failure,
    cause: Quirks,
    judge: &'a mut dyn FnMut(&Plan) -> Vec<Seen>,
    runs: u64,
    runs_max: u64,
}

impl<'a> Search<'a> {
    /// Looks at the plan that is to be shrunk; `None` if nothing is wrong with it.
    pub(super) fn begin(
        plan: &Plan,
        runs_max: u64,
        judge: &'a mut dyn FnMut(&Plan) -> Vec<Seen>,
    ) -> Option<Self> {
        let first = judge(plan).into_iter().next()?;
        let mut search = Self {
            best: plan.clone(),
            failure: first.failure.clone(),
            cause: Quirks::NONE,
            judge,
            runs: 1,
            runs_max,
        };
        search.cause = search.cause_of(plan, &first);
        Some(search)
    }

    pub(super) fn best(&self) -> &Plan {
        &self.best
    }

    /// Whether no run is left.
    pub(super) fn is_spent(&self) -> bool {
        self.runs >= self.runs_max
    }

    pub(super) fn end(self) -> Shrunk {
        let Self { best: plan, failure, cause, runs, runs_max, .. } = self;
        Shrunk { plan, failure, cause, runs, finished: runs < runs_max }
    }

    /// Takes a simpler plan if it fails alike. Whether it does.
    pub(super) fn take(&mut self, simpler: Plan) -> bool {
        let Some(first) = self.first(&simpler) else { return false };
        let alike = self.cause_of(&simpler, &first) == self.cause;
        if alike {
            self.best = simpler;
        }
        alike
    }

    /// The same for a plan with fewer quirks. Where one quirk did what another would have
    /// done, neither was a cause; the one that stays may become one.
    pub(super) fn take_with_fewer_quirks(&mut self, simpler: Plan) -> bool {
        let Some(first) = self.first(&simpler) else { return false };
        let cause = self.cause_of(&simpler, &first);
        let alike = self.cause.iter().all(|quirk| cause.has(quirk));
        if alike {
            (self.best, self.cause) = (simpler, cause);
        }
        alike
    }

    /// The quirks that are the cause.
    pub(super) fn cause(&self) -> Quirks {
        self.cause
    }

    /// What goes wrong first, if it is what the search is about.
    fn first(&mut self, plan: &Plan) -> Option<Seen> {
        if self.runs >= self.runs_max {
            return None;
        }
        let first = self.run(plan).into_iter().next()?;
        (first.failure == self.failure).then_some(first)
    }

    fn cause_of(&mut self, plan: &Plan, what: &Seen) -> Quirks {
        let all = plan.effective_quirks();
        let mut cause = Quirks::NONE;
        for quirk in all.iter() {
            if !shows(&self.run(&with_quirks(plan, all.without(quirk))), what) {
                cause = cause.iter().chain([quirk]).collect();
            }
        }
        cause
    }

    fn run(&mut self, plan: &Plan) -> Vec<Seen> {
        self.runs += 1;
        (self.judge)(plan)
    }
}
