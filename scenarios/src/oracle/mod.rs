//! The oracle: judges a run by its entries and by what the disks hold.
//!
//! It never sees the core's private state. A model of what may be where moves with
//! the entries; one checker a file compares. A checker sees an entry before the
//! model does, and the world just after it. It reports the first violation of its
//! invariant in a run: what follows from a violation is not another one.

mod acknowledged;
mod answers;
mod available;
mod checkpoint;
mod crash;
mod desk;
mod error_report;
mod expectation;
mod failover;
mod mirror;
mod model;
mod no_abort;
mod planned_stop;
mod progress;
mod register;
mod release;
mod stage_edges;
mod view;
mod words;

use colo_core::{Extent, Time};
use colo_sim::world::{Entry, Side, What, World};

use model::Model;
pub use progress::BOUND_NS as PROGRESS_BOUND_NS;

/// Names and sentences of all invariants, in the order of reports.
pub const INVARIANTS: &[(&str, &str)] = &[
    ("stage-edges", stage_edges::HOLDS),
    ("answers", answers::HOLDS),
    ("view", view::HOLDS),
    ("checkpoint", checkpoint::HOLDS),
    ("failover", failover::HOLDS),
    ("planned-stop", planned_stop::HOLDS),
    ("mirror", mirror::HOLDS),
    ("acknowledged", acknowledged::HOLDS),
    ("error-report", error_report::HOLDS),
    ("crash", crash::HOLDS),
    ("release", release::HOLDS),
    ("no-abort", no_abort::HOLDS),
    ("progress", progress::HOLDS),
    ("available", available::HOLDS),
];

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which invariant.
    pub invariant: &'static str,
    /// During which step of the plan, if it had begun.
    pub step: Option<u32>,
    /// When.
    pub at: Time,
    /// On which host.
    pub side: Side,
    /// What was seen and what was expected.
    pub message: String,
}

/// The checkers that judge an entry; `view` and `progress` judge moments.
const CHECKS: &[fn(&Sight<'_>, &mut Findings)] = &[
    stage_edges::check,
    answers::check,
    checkpoint::check,
    failover::check,
    planned_stop::check,
    mirror::check,
    acknowledged::check,
    crash::check,
    error_report::check,
    available::check,
    release::check,
    no_abort::check,
];

/// What checkers look at.
struct Sight<'a> {
    model: &'a Model,
    world: &'a World,
    entry: &'a Entry,
}

/// Where checkers report.
#[derive(Debug, Clone, Default)]
struct Findings {
    step: Option<u32>,
    at: Time,
    violations: Vec<Violation>,
}

impl Findings {
    fn has(&self, invariant: &str) -> bool {
        self.violations.iter().any(|violation| violation.invariant == invariant)
    }

    fn report(&mut self, invariant: &'static str, side: Side, message: String) {
        if !self.has(invariant) {
            let (step, at) = (self.step, self.at);
            self.violations.push(Violation { invariant, step, at, side, message });
        }
    }
}

/// See the module's head.
#[derive(Debug, Clone)]
pub struct Oracle {
    model: Model,
    findings: Findings,
}

impl Oracle {
    /// An oracle for a world in which nothing has happened.
    pub fn new(world: &World) -> Self {
        Self { model: Model::new(world), findings: Findings::default() }
    }

    /// Judges what happened, and the sectors whose contents changed by it.
    pub fn observe(&mut self, entries: &[Entry], touched: &[Extent], world: &World) {
        for entry in entries {
            self.findings.at = entry.at;
            if let What::Step(number) = entry.what {
                self.findings.step = Some(number);
            }
            let sight = Sight { model: &self.model, world, entry };
            // Most entries are of disks, and no invariant is about those alone.
            let judged = matches!(entry.what, What::Event(_) | What::PowerLost | What::ProcessDied);
            for check in CHECKS.iter().filter(|_| judged) {
                check(&sight, &mut self.findings);
            }
            self.model.apply(entry, world);
        }
        view::check(&self.model, world, touched, &mut self.findings);
    }

    /// Judges the end: faults are over, and nothing more will happen by itself.
    pub fn end(&mut self, world: &World) {
        self.findings.at = world.now();
        view::check(&self.model, world, &[world.options().geometry.whole()], &mut self.findings);
        progress::check(&self.model, world, &mut self.findings);
    }

    /// What was found so far, at most one of each invariant.
    pub fn violations(&self) -> &[Violation] {
        &self.findings.violations
    }

    /// Whether a commit runs, by what was published.
    pub fn commit_runs(&self) -> bool {
        self.model.commit
    }
}
