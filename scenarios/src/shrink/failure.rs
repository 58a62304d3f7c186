//! What it means that two plans fail alike.
//!
//! A failure is the first thing that goes wrong in a run: an invariant, by its name; a host
//! that aborts, by its reason; a panic of ours, by its place. Its cause is the set of
//! quirks without any one of which it does not happen. What is wrong further on follows
//! from the first, or hides behind it; it is nobody's business here.

use colo_core::{Abort, Quirks};

use crate::panics::{Panic, caught};
use crate::plan::Plan;
use crate::profile::Profile;
use crate::run::{Outcome, run};

/// What goes wrong first.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// An invariant does not hold.
    Invariant(&'static str),
    /// A host dies of itself.
    Abort(Abort),
    /// The program itself fails.
    Panic(Panic),
}

impl Failure {
    /// The invariant that does not hold.
    pub fn invariant(&self) -> &'static str {
        match self {
            Self::Invariant(name) => name,
            Self::Abort(_) | Self::Panic(_) => "no-abort",
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Invariant(name) => write!(f, "breaks {name} first"),
            Self::Abort(reason) => write!(f, "breaks no-abort first: {reason}"),
            Self::Panic(Panic { place, said }) => write!(f, "panics at {place}: {said}"),
        }
    }
}

/// One thing that goes wrong in a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// What.
    pub failure: Failure,
    /// During which step, if one had begun.
    pub step: Option<u32>,
}

/// Everything that goes wrong with a plan, in order.
pub fn seen(plan: &Plan) -> Vec<Seen> {
    match caught(|| run(plan)) {
        Ok(outcome) => seen_in(&outcome),
        Err(panic) => vec![Seen { failure: Failure::Panic(panic), step: None }],
    }
}

/// Everything that went wrong in a run, in order.
pub(crate) fn seen_in(outcome: &Outcome) -> Vec<Seen> {
    let mut all = Vec::new();
    for violation in &outcome.violations {
        let step = violation.step;
        if violation.invariant != "no-abort" {
            all.push(Seen { failure: Failure::Invariant(violation.invariant), step });
            continue;
        }
        // The violation is of the first abort; of the others no step is known.
        let aborts = outcome.aborts.iter();
        all.extend(aborts.map(|(_, _, reason)| Seen { failure: Failure::Abort(*reason), step }));
    }
    all
}

/// Whether this went wrong by the end of that step. What comes later is another case of it:
/// the one that is asked about is gone.
pub(crate) fn shows(all: &[Seen], what: &Seen) -> bool {
    all.iter().any(|other| other.failure == what.failure && other.step <= what.step)
}

/// The same plan with exactly these quirks.
pub(crate) fn with_quirks(plan: &Plan, quirks: Quirks) -> Plan {
    Plan { profile: Profile::Hardened, quirks: quirks.iter().collect(), ..plan.clone() }
}
