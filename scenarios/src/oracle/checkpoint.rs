//! `checkpoint`: what a checkpoint leaves, successful or not.

use colo_core::{Event, Stage, UserId, Verb};
use colo_sim::world::{Side, What};

use crate::oracle::model::in_view;
use crate::oracle::{Findings, Sight};

pub(super) const HOLDS: &str = "after a successful checkpoint the view is everything the primary has forwarded; after a \
     failed one nothing changed, or get_error tells and failover refuses";

const NAME: &str = "checkpoint";

pub(super) fn check(sight: &Sight<'_>, findings: &mut Findings) {
    let (What::Event(event), Some(Side::Secondary)) = (&sight.entry.what, sight.entry.side) else {
        return;
    };
    let model = sight.model;
    let running = model.stage_of(Side::Secondary) == Some(Stage::Running);
    match event {
        Event::VerbAnswered { verb: Verb::Start(_), result: Ok(()), .. }
            if running && model.view.is_none() =>
        {
            view_is_forwarded(sight, findings);
        }
        Event::VerbAnswered { verb: Verb::Checkpoint, result: Ok(()), .. } if running => {
            view_is_forwarded(sight, findings);
        }
        Event::VerbAnswered { verb: Verb::GetError, result: Ok(()), .. } => {
            if let Some(sector) = model.view_lost {
                let message = format!(
                    "a checkpoint failed after it had changed sector {sector} of the view, and get_error says ok"
                );
                findings.report_at(NAME, Side::Secondary, sector, message);
            }
        }
        Event::Stage { to: Stage::Failover, .. } => {
            if let Some(sector) = model.view_lost {
                let message = format!(
                    "a failover began though a failed checkpoint had changed sector {sector} of the view; expected a refusal"
                );
                findings.report_at(NAME, Side::Secondary, sector, message);
            }
        }
        _ => {}
    }
}

fn view_is_forwarded(sight: &Sight<'_>, findings: &mut Findings) {
    let model = sight.model;
    if sight.world.peek(Side::Secondary, UserId::Guest, 0).is_none() {
        // The filter was closed in the same moment: there is nothing left to see.
        return;
    }
    let called = model.verbs.iter().find(|open| open.side == Side::Secondary);
    let called = called.map_or(model.now, |open| open.called);
    for sector in 0..model.forwarded.len() {
        let seen = in_view(sight.world, sector);
        // A guest that was not paused may have written since the call.
        let own = model.view.as_ref().is_some_and(|view| view.recent(sector, called, seen));
        if !own && !model.forwarded.may_show(sector, model.now, seen) {
            let message = format!(
                "after a checkpoint sector {sector} of the secondary guest shows {}; the primary forwarded {}",
                model.describe(sector, seen),
                model.describe_any(sector, &model.forwarded.possible(sector, model.now)),
            );
            return findings.report_at(NAME, Side::Secondary, sector, message);
        }
    }
}
