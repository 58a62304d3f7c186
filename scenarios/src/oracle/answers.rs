//! `answers`: what verbs and commands may say (spec 2.1 to 2.4, 2.9).
//!
//! The table of the profile that runs, as far as stage, graph and what was lost
//! decide it. It holds the messages a second time, as text. An answer is judged
//! when nothing else was open on the host: behind another verb, what it met is
//! that one's doing.

use colo_core::{Admin, Event, JobKind, JobState, Mode, Quirk, Quirks, Stage, Verb, VerbError};
use colo_sim::world::{Side, VolumeView, What};

use crate::oracle::desk::{ACTIVE, HIDDEN};
use crate::oracle::model::{Model, Owed};
use crate::oracle::{Findings, Sight};

pub(super) const HOLDS: &str = "every verb and command answers once, with what the profile's table says for its stage and graph; nothing is refused without a reason";

const NAME: &str = "answers";

const NOT_RUNNING: &str = "Block replication is not running";
const RUNNING: &str = "Block replication is running or done";
const BACKUP_LOST: &str = "Backup job was cancelled unexpectedly";
const ACTIVE_EJECTED: &str = "Active disk active is ejected";
const HIDDEN_EJECTED: &str = "Hidden disk hidden is ejected";
const VIEW_OWED: &str =
    "Active disk holds a view that is owed to its guest, recover it before starting anew";

/// What a verb is to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expected {
    /// This.
    Ok,
    /// This error.
    Error(&'static str),
    /// This error, with names in it.
    Refused(String),
    /// Ok, but for what a failing disk or a job that was cancelled does to it.
    OkUnlessFaulted,
    /// That this overlay is ejected; or what a checkpoint meets before it looks at it.
    Ejected(&'static str),
    /// The table does not say.
    Anything,
}

/// What the table says now.
pub(crate) fn expect(
    model: &Model,
    world: VolumeView<'_>,
    side: Side,
    stage: Stage,
    verb: Verb,
) -> Expected {
    let quirks = world.options().quirks;
    let mode = side.mode();
    let over = matches!(stage, Stage::Done | Stage::Failover);
    match verb {
        Verb::Start(_) | Verb::Checkpoint | Verb::Stop { .. } if over => Expected::Ok,
        Verb::Start(_) if stage != Stage::None => Expected::Error(RUNNING),
        Verb::Start(got) if got != mode => {
            let (needs, got) =
                (u8::from(mode == Mode::Secondary), u8::from(got == Mode::Secondary));
            Expected::Refused(format!(
                "The parameter mode's value is invalid, needs {needs}, but got {got}"
            ))
        }
        Verb::Start(Mode::Primary) => Expected::Ok,
        Verb::Start(Mode::Secondary) => expect_start(model, quirks),
        Verb::Checkpoint if mode == Mode::Primary => Expected::Ok,
        Verb::Checkpoint if !model.backup => Expected::Error(BACKUP_LOST),
        Verb::Checkpoint if model.desks[side as usize].is_ejected(ACTIVE) => {
            Expected::Ejected(ACTIVE_EJECTED)
        }
        Verb::Checkpoint if model.desks[side as usize].is_ejected(HIDDEN) => {
            Expected::Ejected(HIDDEN_EJECTED)
        }
        Verb::Checkpoint => Expected::OkUnlessFaulted,
        Verb::GetError if stage == Stage::None => Expected::Error(NOT_RUNNING),
        Verb::Stop { .. } if stage == Stage::None => Expected::Error(NOT_RUNNING),
        Verb::Stop { .. } if mode == Mode::Primary => Expected::Ok,
        Verb::Stop { failover } => expect_stop(model, quirks, stage, failover),
        // The filter is closed in any case; but the overlays may call owed what is not.
        Verb::Close if side == Side::Secondary && model.mark_in_doubt => Expected::OkUnlessFaulted,
        Verb::Close => Expected::Ok,
        Verb::GetError => Expected::Anything,
    }
}

fn expect_start(model: &Model, quirks: Quirks) -> Expected {
    let desk = &model.desks[Side::Secondary as usize];
    // Of a view that is owed nobody may be told before the graph is looked at; the images are
    // opened for writing after that.
    let refused = desk.start_refused(quirks.has(Quirk::EmptiesWithoutWrite));
    let by_graph = refused.as_deref().is_some_and(|text| {
        !["Could not", "No top_bs", "Node '"].iter().any(|late| text.starts_with(late))
    });
    let marked = !quirks.has(Quirk::UnmarkedOverlays);
    match (refused, model.owed) {
        (Some(text), _) if by_graph => Expected::Refused(text),
        (_, Owed::View) if marked => Expected::Error(VIEW_OWED),
        (_, Owed::Perhaps) if marked => Expected::Anything,
        (Some(text), _) => Expected::Refused(text),
        (None, _) => Expected::OkUnlessFaulted,
    }
}

fn expect_stop(model: &Model, quirks: Quirks, stage: Stage, failover: bool) -> Expected {
    let again = stage == Stage::FailoverFailed;
    if again && (!failover || quirks.has(Quirk::FailedFailoverIsFinal)) {
        return Expected::Error(NOT_RUNNING);
    }
    if !failover {
        let lost = quirks.has(Quirk::PlannedStopCancelsFirst);
        return if lost { Expected::Error(BACKUP_LOST) } else { Expected::OkUnlessFaulted };
    }
    let conflict = model.desks[Side::Secondary as usize].commit_conflict();
    conflict.map_or(Expected::OkUnlessFaulted, Expected::Refused)
}

/// What only a failing disk, or the loss of a job on the way, may make a verb say.
fn is_fault(text: &str) -> bool {
    ["Failed to ", BACKUP_LOST, ACTIVE_EJECTED, HIDDEN_EJECTED]
        .iter()
        .any(|fault| text.starts_with(fault))
}

pub(super) fn check(sight: &Sight<'_>, findings: &mut Findings) {
    let (What::Event(event), Some(side)) = (&sight.entry.what, sight.entry.side) else { return };
    match event {
        Event::VerbAnswered { id, verb, result } => {
            let verbs = &sight.model.verbs;
            let open = verbs.iter().find(|open| (open.side, open.id) == (side, *id));
            // A process that ends may still answer what was queued.
            let Some(open) = open else { return };
            // That another filter has failed, `all` judges.
            let given_up = open.of_all && matches!(result, Err(VerbError::OtherFailed));
            if !given_up {
                check_verb(sight.model, side, *verb, &open.expected, *result, findings);
            }
        }
        Event::Job {
            kind: JobKind::Commit,
            state: JobState::Concluded(Ok(())) | JobState::Ready,
        } if sight.model.desks[side as usize].quits_commit => {
            let message =
                "quit or close left the commit job to itself; expected it to be cancelled";
            findings.report(NAME, side, message.to_owned());
        }
        Event::OpenRefused(error) => {
            check_opening(sight, side, Some(&error.to_string()), findings);
        }
        Event::Opened(Ok(())) => check_opening(sight, side, None, findings),
        Event::AdminAnswered { id, admin, result } => {
            let desk = &sight.model.desks[side as usize];
            if let (Admin::Detach { user }, Ok(())) = (admin, result)
                && desk.outlives(*user)
            {
                let message = format!(
                    "\"{admin}\" answered ok, and the backup job goes on; expected it to be cancelled with its device"
                );
                return findings.report(NAME, side, message);
            }
            let open = desk.open.iter().find(|open| open.id == *id);
            let Some(expected) = open.and_then(|open| open.expected.as_ref()) else { return };
            let said = result.map_err(|error| error.to_string());
            if said != *expected {
                let text = |answer: &Result<(), String>| match answer {
                    Ok(()) => "ok".to_owned(),
                    Err(text) => text.clone(),
                };
                let (said, expected) = (text(&said), text(expected));
                let message = format!(
                    "\"{admin}\" on the {} host answered: {said}; expected: {expected}",
                    side.name()
                );
                findings.report(NAME, side, message);
            }
        }
        _ => {}
    }
}

/// A secondary's filter is opened if its options are right, and else is refused for the first that is not.
fn check_opening(sight: &Sight<'_>, side: Side, said: Option<&str>, findings: &mut Findings) {
    let text = sight.world.setup().wiring.options;
    // A recovery opens no filter.
    let filtered = side == Side::Secondary && sight.model.stage_of(side).is_some();
    let Some(text) = text.filter(|_| filtered) else { return };
    let wanted = refused_options(text.as_str());
    if said != wanted.as_deref() {
        let (said, wanted) = (said.unwrap_or("ok"), wanted.as_deref().unwrap_or("ok"));
        let message =
            format!("opening a filter with \"{text}\" answered: {said}; expected: {wanted}");
        findings.report(NAME, side, message);
    }
}

fn refused_options(text: &str) -> Option<String> {
    let given = |key: &str| {
        let mut fields = text.split(',').filter_map(|field| field.split_once('='));
        fields.rfind(|(name, _)| *name == key).map(|(_, value)| value)
    };
    let refused = match (given("mode"), given("top-id")) {
        (None, _) => "Missing the option mode",
        (Some("primary"), Some(_)) => "The primary side does not support option top-id",
        (Some("secondary"), None) => "Missing the option top-id",
        (Some("primary" | "secondary"), _) => {
            let mut keys = text.split(',').map(|field| field.split('=').next().unwrap_or(field));
            let unknown = keys.find(|key| !key.is_empty() && !["mode", "top-id"].contains(key))?;
            return Some(format!(
                "Block format 'replication' does not support the option '{unknown}'"
            ));
        }
        _ => "The option mode's value should be primary or secondary",
    };
    Some(refused.to_owned())
}

fn check_verb(
    model: &Model,
    side: Side,
    verb: Verb,
    expected: &Expected,
    result: Result<(), VerbError>,
    findings: &mut Findings,
) {
    let said = result.err().map(|error| error.to_string());
    let wanted = match expected {
        Expected::Anything => return,
        Expected::Ok => None,
        Expected::Error(text) => Some(*text),
        Expected::Refused(text) => Some(text.as_str()),
        Expected::Ejected(which) => {
            let second = *which == HIDDEN_EJECTED;
            let before = |text: &str| second && text.starts_with("Failed to empty active");
            let lost = |text: &str| model.backup_disturbed && text == BACKUP_LOST;
            // Active may have been ejected, too, while the checkpoint waited for copies.
            let meanwhile = |text: &str| {
                text == ACTIVE_EJECTED && model.desks[side as usize].is_ejected(ACTIVE)
            };
            if said.as_deref().is_some_and(|text| before(text) || lost(text) || meanwhile(text)) {
                return;
            }
            Some(*which)
        }
        Expected::OkUnlessFaulted => {
            let disturbed = model.faulted[side as usize] || model.backup_disturbed;
            if said.as_deref().is_some_and(|text| disturbed && is_fault(text)) {
                return;
            }
            None
        }
    };
    if said.as_deref() != wanted {
        let (said, wanted) = (said.as_deref().unwrap_or("ok"), wanted.unwrap_or("ok"));
        let message =
            format!("{verb} on the {} host answered: {said}; expected: {wanted}", side.name());
        findings.report(NAME, side, message);
    }
}
