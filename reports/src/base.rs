//! What is known already: records of earlier runs, to leave out of a report what they hold.
//!
//! A failure is known if the same run broke the same invariant, or gave up for the same
//! reason, in the base; what the messages say is not compared, they hold numbers of the plan.
//! It keeps a line for each failure of the base, and nothing else that grows.

use std::collections::BTreeSet;

use crate::record::{Header, Record};
use crate::summary::{Run, Summary};

/// Records of earlier runs, as far as newer ones are compared with them.
#[derive(Debug, Clone, Default)]
pub struct Base {
    failures: BTreeSet<(Run, String)>,
    files: Vec<Summary>,
}

/// What a report of newer records leaves out, and what is new in them beside failures.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Compared {
    /// Plans of the base.
    pub plans: u64,
    /// Violations and aborts that the base has, too.
    pub known: u64,
    /// Coverage points that were reached now and not in the base.
    pub points_new: Vec<String>,
    /// Coverage points that were reached in the base and not now.
    pub points_gone: Vec<String>,
    /// Refusals that the base does not have.
    pub refusals_new: Vec<String>,
}

impl Base {
    /// Begins another file of the base.
    pub fn open(&mut self, header: &Header) {
        self.files.push(Summary::new(header));
    }

    /// Adds a run of the file that was begun last.
    pub fn add(&mut self, record: &Record) {
        let file = self.files.last_mut().expect("a file is begun before its records come");
        file.add(record);
        for name in failures(record) {
            self.failures.insert((Run::of(record), name));
        }
    }

    /// Takes out of a record what is known, and tells how much that was.
    pub fn take_known(&self, record: &mut Record) -> u64 {
        if record.is_clean() {
            return 0;
        }
        let run = Run::of(record);
        let known = |name: String| self.failures.contains(&(run.clone(), name));
        let before = record.violations.len() + record.aborts.len();
        record.violations.retain(|violation| !known(violation.invariant.clone()));
        record.aborts.retain(|abort| !known(aborted(&abort.reason)));
        (before - record.violations.len() - record.aborts.len()) as u64
    }

    /// Says in a summary what is new in it, after `known` failures were left out.
    pub fn compare(self, summary: &mut Summary, known: u64) {
        let base = Summary::merged(self.files);
        let reached = |summary: &Summary| -> BTreeSet<String> {
            let points = summary.points.iter().filter(|point| point.is_reached());
            points.map(|point| point.name.clone()).collect()
        };
        let now = reached(summary);
        let then = base.as_ref().map(reached).unwrap_or_default();
        let refused = |text: &str| base.as_ref().is_some_and(|b| b.refusals.contains_key(text));
        let refusals = summary.refusals.keys().filter(|text| !refused(text));
        summary.compared = Some(Compared {
            plans: base.as_ref().map_or(0, |base| base.plans),
            known,
            points_new: now.difference(&then).cloned().collect(),
            points_gone: then.difference(&now).cloned().collect(),
            refusals_new: refusals.map(ToString::to_string).collect(),
        });
    }
}

/// What went wrong in a run, by name.
fn failures(record: &Record) -> impl Iterator<Item = String> {
    let violations = record.violations.iter().map(|violation| violation.invariant.clone());
    violations.chain(record.aborts.iter().map(|abort| aborted(&abort.reason)))
}

/// No invariant has such a name.
fn aborted(reason: &str) -> String {
    format!("abort: {reason}")
}
