//! `no-abort`: no plan makes a host die of itself.

use colo_core::Event;
use colo_sim::world::What;

use crate::oracle::{Findings, Sight};

pub(super) const HOLDS: &str = "no abort, no panic, for any plan";

const NAME: &str = "no-abort";

pub(super) fn check(sight: &Sight<'_>, findings: &mut Findings) {
    let Some(side) = sight.entry.side else { return };
    match &sight.entry.what {
        What::Event(Event::Aborted(reason)) => {
            findings.report(NAME, side, format!("the process died: {reason}"));
        }
        // No engine can go on with it: its driver asserts that it does not happen.
        What::Unasked { disk } => {
            let message = format!(
                "the {} disk answered a request that nobody waits for; a driver dies of that",
                disk.name()
            );
            findings.report(NAME, side, message);
        }
        _ => {}
    }
}
