//! `no-abort`: no plan makes a host die of itself.

use colo_core::Event;
use colo_sim::world::What;

use crate::oracle::{Findings, Sight};

pub(super) const HOLDS: &str = "no abort, no panic, for any plan";

const NAME: &str = "no-abort";

pub(super) fn check(sight: &Sight<'_>, findings: &mut Findings) {
    if let (What::Event(Event::Aborted(reason)), Some(side)) = (&sight.entry.what, sight.entry.side)
    {
        findings.report(NAME, side, format!("the process died: {reason}"));
    }
}
