//! `error-report`: what `get_error` may not keep to itself.

use colo_core::{Event, Stage, Verb};
use colo_sim::world::{Side, What};

use crate::oracle::{Findings, Sight};

pub(super) const HOLDS: &str = "get_error is not ok if and only if a forwarded write failed, the backup job was lost, a checkpoint or a failover failed, and that is not repaired since";

const NAME: &str = "error-report";

pub(super) fn check(sight: &Sight<'_>, findings: &mut Findings) {
    let What::Event(Event::VerbAnswered { id, verb: Verb::GetError, result }) = &sight.entry.what
    else {
        return;
    };
    let (model, Some(side)) = (sight.model, sight.entry.side) else { return };
    let Some(stage) = model.stage_of(side) else { return };
    if stage == Stage::None && result.is_ok() {
        let message = "get_error says ok before the start".to_owned();
        return findings.report(NAME, side, message);
    }
    let told = result.is_err();
    let losses = &model.losses;
    let (must, may) = match (side, stage) {
        (_, Stage::None) => return,
        // What a connection loses, no entry says; `mirror` looks at the data.
        (Side::Primary, _) => (None, losses.forwarding),
        (Side::Secondary, Stage::FailoverFailed) => (Some("the failover failed"), true),
        (Side::Secondary, _) => (losses.told(), losses.any()),
    };
    let alone = model.verbs.iter().any(|open| (open.side, open.id) == (side, *id) && open.alone);
    match must {
        Some(what) if !told => {
            findings.report(NAME, side, format!("get_error says ok, and {what}"));
        }
        _ if told && !may && alone => {
            let message =
                format!("get_error tells an error in {}, and nothing failed", stage.name());
            findings.report(NAME, side, message);
        }
        _ => {}
    }
}

/// What was lost since the start, or failed, and is not repaired.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Losses {
    /// A forwarded write may have failed.
    pub(crate) forwarding: bool,
    /// The backup job ended, and no verb that ends it went on.
    pub(crate) backup: bool,
    /// The same, when a verb that ends it was called and somebody else asked it to end, too.
    pub(crate) perhaps: bool,
    /// The last checkpoint failed.
    pub(crate) checkpoint: bool,
    /// A forwarded write was refused because nothing protects the view from it.
    pub(crate) fenced: bool,
}

impl Losses {
    /// What get_error must tell.
    fn told(self) -> Option<&'static str> {
        let told = [
            (self.backup, "the backup job is lost"),
            (self.checkpoint, "the last checkpoint failed"),
            (self.fenced, "a forwarded write was refused"),
        ];
        told.into_iter().find(|(is, _)| *is).map(|(_, what)| what)
    }

    /// Everything that the secondary had to tell is past.
    pub(crate) fn repaired(&mut self) {
        *self = Self { forwarding: self.forwarding, ..Self::default() };
    }

    fn any(self) -> bool {
        self.backup || self.perhaps || self.checkpoint || self.fenced
    }
}
