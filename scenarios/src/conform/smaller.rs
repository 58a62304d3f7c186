//! The smallest plan on which the two sides still disagree about the same thing.

use std::io;

use crate::conform::qemu::Programs;
use crate::conform::{Conformance, conform};
use crate::plan::Plan;

/// Runs that a search may take: each starts processes.
const RUNS_MAX: u32 = 120;

/// Leaves out halves, quarters and so on down to single steps, as long as the first thing that differs stays of
/// the same kind, and as long as `go_on` says so.
///
/// # Errors
/// If a file or a process cannot be made.
pub fn smaller(
    found: Conformance,
    programs: &Programs,
    go_on: &dyn Fn() -> bool,
) -> io::Result<Conformance> {
    let mut best = found;
    let mut runs = 0;
    let mut size = best.plan.steps.len().div_ceil(2);
    while size > 0 {
        let mut end = best.plan.steps.len();
        let mut changed = false;
        while end > 0 && runs < RUNS_MAX && go_on() {
            let from = end.saturating_sub(size);
            runs += 1;
            if let Some(shorter) = without(&best, from..end, programs)?
                && go_on()
            {
                (best, changed) = (shorter, true);
            }
            end = from.min(best.plan.steps.len());
        }
        if !changed || size > 1 {
            size /= 2;
        }
    }
    Ok(best)
}

fn without(
    best: &Conformance,
    steps: std::ops::Range<usize>,
    programs: &Programs,
) -> io::Result<Option<Conformance>> {
    let mut kept = best.plan.steps.clone();
    kept.drain(steps);
    let shorter = Plan { steps: kept, ..best.plan.clone() };
    // What QEMU can express depends on what comes before.
    let Ok(shorter) = super::expressible::expressible(&shorter) else { return Ok(None) };
    let run = conform(&shorter, programs, &mut |_| ())?;
    let kind = |of: &Conformance| of.disagreements.first().map(|first| first.subject.kind());
    Ok((kind(&run).is_some() && kind(&run) == kind(best)).then_some(run))
}
