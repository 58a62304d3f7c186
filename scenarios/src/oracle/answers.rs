//! `answers`: what a verb may say where its stage alone decides it (spec 2.3, 2.4).

use colo_core::{Event, Mode, Stage, Verb, VerbError};
use colo_sim::world::What;

use crate::oracle::{Findings, Sight};

pub(super) const HOLDS: &str =
    "a verb that its stage gives nothing to do says what the table says for that stage";

const NAME: &str = "answers";

/// What the table says, where it depends on nothing but mode and stage.
fn decided(mode: Mode, stage: Stage, verb: Verb) -> Option<Result<(), VerbError>> {
    let over = matches!(stage, Stage::Done | Stage::Failover);
    match verb {
        Verb::Start(_) if over => Some(Ok(())),
        Verb::Start(_) if stage != Stage::None => Some(Err(VerbError::AlreadyRunning)),
        Verb::Start(got) if got != mode => Some(Err(VerbError::WrongMode { needs: mode, got })),
        Verb::Start(_) => (mode == Mode::Primary).then_some(Ok(())),
        Verb::Checkpoint if over || mode == Mode::Primary => Some(Ok(())),
        Verb::Checkpoint if stage != Stage::Running => Some(Err(VerbError::BackupLost)),
        Verb::GetError if stage == Stage::None => Some(Err(VerbError::NotRunning)),
        Verb::Stop { .. } if over => Some(Ok(())),
        Verb::Stop { .. } if stage != Stage::Running => Some(Err(VerbError::NotRunning)),
        Verb::Stop { .. } if mode == Mode::Primary => Some(Ok(())),
        Verb::Checkpoint | Verb::GetError | Verb::Stop { .. } | Verb::Close => None,
    }
}

pub(super) fn check(sight: &Sight<'_>, findings: &mut Findings) {
    let (What::Event(Event::VerbAnswered { id, verb, result }), Some(side)) =
        (&sight.entry.what, sight.entry.side)
    else {
        return;
    };
    let open = sight.model.verbs.iter().find(|open| (open.side, open.id) == (side, *id));
    // A process that ends may still answer what was queued.
    let Some(open) = open else { return };
    // Behind another verb, what it met is that one's doing.
    let Some(stage) = open.stage.filter(|_| open.alone) else { return };
    if let Some(expected) = decided(side.mode(), stage, *verb)
        && *result != expected
    {
        let say = |answer: &Result<(), VerbError>| {
            answer.as_ref().map_or_else(ToString::to_string, |()| "ok".to_owned())
        };
        let message = format!(
            "{verb} in {} on the {} host answered: {}; expected: {}",
            stage.name(),
            side.name(),
            say(result),
            say(&expected)
        );
        findings.report(NAME, side, message);
    }
}
