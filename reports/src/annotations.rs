//! What fails, as GitHub Actions shows it beside a change: one line for each broken invariant.
//!
//! GitHub keeps ten of them for a step and drops the rest without a word, so there are never more,
//! and the last one names what there was no room for. Whether anybody listens is for the caller to know.

use crate::figures::{counted, printable};
use crate::summary::{Broken, OfRun, Summary};
use crate::tally;

/// One less than GitHub keeps of one step: an error of another kind needs room, too.
const SHOWN_MAX: usize = 9;

/// Workflow commands for what is wrong, a line each; empty if nothing is.
pub fn annotations(summary: &Summary) -> String {
    let mut failures: Vec<(String, String)> = Vec::new();
    for (invariant, broken) in &summary.invariants {
        let times = counted(broken.count, "violation", "violations");
        failures.push((format!("{times} of {invariant}"), first_of(summary, invariant, broken)));
    }
    if let Some(first) = summary.aborts.first() {
        let times = counted(summary.abort_count, "abort", "aborts");
        let OfRun { what, .. } = first;
        failures.push((times, message(&tally::place_of_abort(first), &what.reason, &what.replay)));
    }
    if failures.len() > SHOWN_MAX {
        let rest = failures.split_off(SHOWN_MAX - 1);
        let titles: Vec<_> = rest.into_iter().map(|(title, _)| title).collect();
        failures.push((format!("{} more", titles.len()), titles.join("\n")));
    }
    failures.iter().map(|(title, message)| annotation(title, message)).collect()
}

/// One error as a workflow command, with a newline at its end.
pub fn annotation(title: &str, message: &str) -> String {
    // What ends a property.
    let title = escaped(title).replace(':', "%3A").replace(',', "%2C");
    format!("::error title=colosim%3A {title}::{}\n", escaped(message))
}

/// The first violation, word for word if the summary keeps it.
fn first_of(summary: &Summary, invariant: &str, broken: &Broken) -> String {
    let first = summary.violations.iter().find(|violation| violation.what.invariant == invariant);
    match first {
        Some(first) => {
            message(&tally::place_of_violation(first), &first.what.message, &broken.replay)
        }
        None => message(&broken.first.name(), "not kept word for word", &broken.replay),
    }
}

fn message(place: &str, said: &str, replay: &str) -> String {
    format!("{place}\n{said}\n{replay}")
}

/// What would end the command, or is a sign of its own, as GitHub's runner reads it back.
fn escaped(text: &str) -> String {
    // A carriage return is not printable.
    printable(text).replace('%', "%25").replace('\n', "%0A")
}
