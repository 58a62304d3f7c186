//! The same plan on QEMU itself and on the seed profile, compared step by step.
//!
//! Fidelity is measured against the real thing, not against our reading of it. A plan is brought into
//! the form that QEMU can carry out ([`expressible`]), run on the simulation ([`ours`]) and on QEMU
//! (`theirs`), and what can be seen from outside after every step is compared as text ([`transcript`]).
//! Nothing in here is part of a simulation: it has processes, files, and real time.

mod answers;
mod columns;
pub mod confirmed;
mod export;
pub mod expressible;
pub mod known;
mod looks;
mod machine;
pub mod ours;
pub mod qemu;
mod report;
mod smaller;
mod theirs;
pub mod transcript;
mod words;

pub use export::script;
pub use report::{is_visible, report, side_by_side};
pub use smaller::smaller;

use crate::plan::Plan;
use qemu::{Log, Programs};
use transcript::{Disagreement, Transcript, compare};

/// What the same plan came to on both sides.
#[derive(Debug, Clone)]
pub struct Conformance {
    /// As it was run.
    pub plan: Plan,
    /// On the simulation.
    pub ours: Transcript,
    /// On QEMU.
    pub theirs: Transcript,
    /// All that was said to QEMU.
    pub log: Log,
    /// What differs, at the first step where anything does.
    pub disagreements: Vec<Disagreement>,
}

impl Conformance {
    /// The first step where anything differs, and each thing that does, both sides one above the other.
    pub fn text(&self) -> String {
        let Some(first) = self.disagreements.first() else { return String::new() };
        let mut text = format!("step {}, {}\n", first.moment, self.ours.moments[first.moment].step);
        for one in &self.disagreements {
            text.push_str(&format!(
                "  {}\n    simulation: {}\n    QEMU:       {}\n",
                one.subject, one.ours, one.theirs
            ));
        }
        text
    }
}

/// How far a comparison has come, for who measures it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The simulation is through.
    Simulated,
    /// QEMU's processes run, and the first step is next.
    Started,
}

/// Runs a plan that QEMU can express on both sides, and compares.
///
/// # Errors
/// If a file or a process cannot be made. What QEMU answers, dying included, is a result.
pub fn conform(
    plan: &Plan,
    programs: &Programs,
    watch: &mut dyn FnMut(Phase),
) -> std::io::Result<Conformance> {
    let ours = ours::ours(plan);
    watch(Phase::Simulated);
    let (theirs, log) = theirs::theirs(plan, programs, &ours, watch)?;
    let disagreements = compare(&ours, &theirs);
    Ok(Conformance { plan: plan.clone(), ours, theirs, log, disagreements })
}
