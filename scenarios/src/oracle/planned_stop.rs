//! `planned-stop`: what DONE means after stop(failover=0).

use colo_core::{DiskId, Event, Stage, UserId, Verb};
use colo_sim::world::{Side, What};

use crate::oracle::model::in_view;
use crate::oracle::{Findings, Sight};

pub(super) const HOLDS: &str = "DONE after stop(failover=0) means the secondary disk alone is what the guest sees, \
     overlays dropped, no error";

const NAME: &str = "planned-stop";

pub(super) fn check(sight: &Sight<'_>, findings: &mut Findings) {
    let (What::Event(event), Some(Side::Secondary)) = (&sight.entry.what, sight.entry.side) else {
        return;
    };
    let model = sight.model;
    match event {
        Event::Stage { from: Stage::Running, to: Stage::Done, .. } => {
            let called = model.verbs.iter().find(|open| open.side == Side::Secondary);
            let called = called.map_or(model.now, |open| open.called);
            for sector in 0..model.forwarded.len() {
                let whole = sight.world.peek(Side::Secondary, UserId::Guest, sector).is_some();
                let seen = in_view(sight.world, sector);
                // A guest that was not paused may have written since the call.
                let own = model.view.as_ref().is_some_and(|view| view.recent(sector, called, seen));
                if whole && !own && !model.forwarded.may_show(sector, model.now, seen) {
                    let message = format!(
                        "at DONE sector {sector} of the secondary guest shows {}; the secondary disk was left with {}",
                        model.describe(sector, seen),
                        model.describe_any(sector, &model.forwarded.possible(sector, model.now)),
                    );
                    return findings.report_at(NAME, Side::Secondary, sector, message);
                }
            }
            let host = sight.world.on(Side::Secondary);
            let through = host.and_then(|host| host.locate(UserId::Guest, 0));
            if let Some((disk, _)) = through
                && disk != DiskId::Secondary
            {
                let message = format!("at DONE the guest still reads the {} disk", disk.name());
                findings.report(NAME, Side::Secondary, message);
            }
        }
        Event::VerbAnswered {
            verb: Verb::Stop { failover: false }, result: Err(error), ..
        } if model.stage_of(Side::Secondary) == Some(Stage::Done) => {
            let message = format!("stop(failover=0) reached DONE and answered an error: {error}");
            findings.report(NAME, Side::Secondary, message);
        }
        _ => {}
    }
}
