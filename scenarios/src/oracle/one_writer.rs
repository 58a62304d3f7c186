//! `one-writer`: between two hosts on a network only one guest's writes count at a time.

use colo_core::colo::Told;
use colo_core::{Event, UserId};
use colo_sim::world::{Networked, Side, What};

use crate::oracle::{Findings, Sight};

pub(super) const HOLDS: &str = "once the secondary takes over, no write that the primary's guest sends is acknowledged to it, and never do both go on alone";

const NAME: &str = "one-writer";

pub(super) fn check(sight: &Sight<'_>, findings: &mut Findings) {
    let network = &sight.model.network;
    match (&sight.entry.what, sight.entry.side) {
        (What::Networked(Networked::Told(Told::TakesOver)), _) if network.alone => {
            let message = "the secondary takes over, and the primary was let go on alone";
            findings.report(NAME, Side::Secondary, message.to_owned());
        }
        (What::Networked(Networked::Told(Told::Granted)), Some(Side::Primary))
            if network.taken_over.is_some() =>
        {
            let message = "the primary is let go on alone, and the secondary has taken over";
            findings.report(NAME, Side::Primary, message.to_owned());
        }
        (
            What::Event(Event::Answered { user: UserId::Guest, request, result: Ok(_) }),
            Some(Side::Primary),
        ) => {
            let Some(since) = network.taken_over else { return };
            if sight.model.primary.pending_write(*request).is_none() {
                return;
            }
            let pending = sight.model.primary.pending(*request);
            if let Some((_, extent)) = pending.filter(|(sent, _)| *sent > since) {
                let message = format!(
                    "the primary's guest was told that its write of {extent} is done, which it sent after the secondary had taken over",
                );
                findings.report_at(NAME, Side::Primary, extent.at, message);
            }
        }
        _ => {}
    }
}
