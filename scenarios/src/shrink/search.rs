//! The smallest plan so far, and the one question that is asked of a smaller one.

use colo_core::Quirks;

use crate::plan::Plan;
use crate::shrink::failure::{Failure, Seen, shows, with_quirks};
use crate::shrink::{Limits, Shrunk};

pub(super) struct Search<'a> {
    best: Plan,
    failure: Failure,
    cause: Quirks,
    judge: &'a mut dyn FnMut(&Plan) -> Vec<Seen>,
    runs: u64,
    limits: Limits<'a>,
    /// A limit has kept a plan from being tried.
    limited: bool,
}

impl<'a> Search<'a> {
    /// Looks at the plan that is to be shrunk; `None` if nothing is wrong with it.
    pub(super) fn begin(
        plan: &Plan,
        limits: Limits<'a>,
        judge: &'a mut dyn FnMut(&Plan) -> Vec<Seen>,
    ) -> Option<Self> {
        let first = judge(plan).into_iter().next()?;
        let mut search = Self {
            best: plan.clone(),
            failure: first.failure.clone(),
            cause: Quirks::NONE,
            judge,
            runs: 1,
            limits,
            limited: false,
        };
        search.cause = search.cause_of(plan, &first);
        Some(search)
    }

    pub(super) fn best(&self) -> &Plan {
        &self.best
    }

    pub(super) fn end(self) -> Shrunk {
        let Self { best: plan, failure, cause, runs, limited, .. } = self;
        Shrunk { plan, failure, cause, runs, finished: !limited }
    }

    /// Whether a limit has been met: nothing more will be taken.
    pub(super) fn is_over(&self) -> bool {
        self.limited
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
        self.limited |= self.runs >= self.limits.runs_max || !(self.limits.go_on)();
        if self.limited {
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
