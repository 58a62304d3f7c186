//! What an exploration finds, and the plan that does it again.

use colo_sim::world::Side;

use crate::explore::walk::{Loss, crash_steps, recover_steps};
use crate::plan::{Kept, Plan, Step};
use crate::run::{Crashed, Flat};

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which invariant.
    pub invariant: &'static str,
    /// What was seen and what was expected.
    pub message: String,
    /// The power losses that led to it; none if the plan alone did.
    pub losses: Vec<PowerLoss>,
    /// Does it again.
    pub plan: Plan,
}

/// One power loss that led to a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PowerLoss {
    /// Whose.
    pub side: Side,
    /// How many events had happened.
    pub events: u64,
    /// The step of the plan that was under way or had just ended; none before the first.
    pub step: Option<u32>,
    /// How many events of a recovery it cut off; none if none ran.
    pub in_recovery: Option<u64>,
    /// What the host was in the middle of.
    pub phase: &'static str,
    /// Which sectors were left with another version than the durable one.
    pub keep: Vec<Kept>,
}

/// An invariant and what is to be said.
pub(super) type Named = (&'static str, String);

/// Violations and aborts alike.
pub(super) fn named(crashed: &Crashed) -> Vec<Named> {
    let violations = crashed.violations.iter().map(|v| (v.invariant, v.message.clone()));
    // The oracle reports an abort as a violation, too, unless one was reported before.
    let told = crashed.violations.iter().any(|violation| violation.invariant == "no-abort");
    let aborts = crashed.aborts.iter().filter(|_| !told);
    let aborts = aborts
        .map(|(side, _, abort)| ("no-abort", format!("the {} host aborted: {abort}", side.name())));
    violations.chain(aborts).collect()
}

impl Found {
    /// Of a run of `plan`, as it is flat, that was crashed so.
    pub(super) fn new(
        plan: &Plan,
        flat: &Flat,
        losses: &[Loss],
        (invariant, message): Named,
    ) -> Self {
        let first = &losses[0];
        let step = first.flat_steps.checked_sub(1).map(|last| flat.of[last]);
        let mut steps = flat.up_to(plan, first.flat_steps);
        let faulty = steps.iter().any(|step| matches!(step, Step::Fault(_) | Step::Rates { .. }));
        for (index, loss) in losses.iter().enumerate() {
            if let Some(events) = loss.in_recovery {
                steps.push(Step::Recover { wait: false });
                steps.extend((events > 0).then_some(Step::Events(events)));
            }
            // Faults that never were need not end.
            let crash = crash_steps(loss.side, loss.keep.clone());
            let needed = |step: &Step| faulty && index == 0 || *step != Step::FaultsEnd;
            steps.extend(crash.into_iter().filter(needed));
        }
        steps.extend(recover_steps(losses[losses.len() - 1].side));
        let name = format!("{}-crash-{}", plan.name, first.events);
        let losses = losses.iter().map(|loss| PowerLoss {
            side: loss.side,
            events: loss.events,
            step,
            in_recovery: loss.in_recovery,
            phase: loss.phase,
            keep: loss.keep.clone(),
        });
        let losses = losses.collect();
        Self { invariant, message, losses, plan: Plan { name, steps, ..plan.clone() } }
    }

    /// Of the plan as it is.
    pub(super) fn without_crash(plan: &Plan, (invariant, message): Named) -> Self {
        Self { invariant, message, losses: Vec::new(), plan: plan.clone() }
    }
}
