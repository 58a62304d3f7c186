//! The same plan twice, and the first thing that differs.
//!
//! Two runs of a plan have to publish the same entries. Whatever makes them differ (an order of a
//! map, a clock of the machine, an address, another thread) shows first in one entry, and that one
//! with its neighbours is where to look; everything after it follows from it. How a plan is run is
//! the caller's: see [`first_difference`].

use std::fmt::Write;

use colo_sim::world::{Entry, What};

use crate::plan::Plan;
use crate::timeline::timeline;

/// Entries shown before the first that differs, and after it.
const NEIGHBOURS: usize = 3;

/// Where two runs of a plan part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Which entry, from 0 on: those before it are the same in both runs.
    pub index: usize,
    /// In which step of the plan, if one had begun.
    pub step: Option<u32>,
    /// Both runs around it, as a timeline shows them.
    pub shown: String,
}

/// Runs a plan in two ways, and gives the first entry in which they differ.
pub fn first_difference(
    plan: &Plan,
    mut run_a: impl FnMut(&Plan) -> Vec<Entry>,
    mut run_b: impl FnMut(&Plan) -> Vec<Entry>,
) -> Option<Difference> {
    compare(plan, &run_a(plan), &run_b(plan))
}

/// The first entry in which two traces of a plan differ; that one of them is longer is a difference.
pub fn compare(plan: &Plan, a: &[Entry], b: &[Entry]) -> Option<Difference> {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    if same == a.len() && same == b.len() {
        return None;
    }
    let step = a[..same].iter().rev().find_map(|entry| match entry.what {
        What::Step(number) => Some(number),
        _ => None,
    });
    let mut shown = String::new();
    for (run, entries) in [("first", a), ("second", b)] {
        let _ = writeln!(shown, "the {run} run, {} entries:", entries.len());
        show(&mut shown, plan, entries, same);
    }
    Some(Difference { index: same, step, shown })
}

/// The entries around `index`, a line each, that one marked.
fn show(text: &mut String, plan: &Plan, entries: &[Entry], index: usize) {
    let end = (index + 1 + NEIGHBOURS).min(entries.len());
    // A timeline has a heading, and then a line for each entry: it knows the stages only from
    // the beginning on.
    let lines = timeline(plan, &entries[..end], None);
    let from = index.saturating_sub(NEIGHBOURS);
    for (number, line) in lines.lines().skip(1).enumerate().skip(from) {
        let mark = if number == index { '>' } else { ' ' };
        let _ = writeln!(text, "{mark} {number:>5} {line}");
    }
    if index >= entries.len() {
        let _ = writeln!(text, "> {index:>5} (it has ended)");
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let step = self.step.map_or("before the first step".to_owned(), |n| format!("in step {n}"));
        write!(f, "the first difference is entry {}, {step}\n{}", self.index, self.shown)
    }
}
