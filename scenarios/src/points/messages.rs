//! Every message of verbs, commands and openings.
//!
//! The matches have no arm for the rest: a message that is added does not compile until it is here.

use colo_core::{AdminError, OpenError, VerbError};

const OF_VERBS: [&str; 24] = [
    "already-running",
    "wrong-mode",
    "active-has-no-backing",
    "hidden-has-no-backing",
    "secondary-unused",
    "lengths-differ",
    "cannot-be-emptied",
    "active-read-only",
    "reopen",
    "no-top",
    "busy",
    "backup-lost",
    "active-ejected",
    "hidden-ejected",
    "permission-conflict",
    "empty-failed",
    "view-owed",
    "mark-failed",
    "not-durable",
    "other-failed",
    "apart",
    "not-running",
    "io-error",
    "closed",
];

const OF_COMMANDS: [&str; 13] = [
    "not-found",
    "no-user",
    "name-taken",
    "no-job",
    "busy",
    "in-use",
    "has-parents",
    "read-only",
    "has-writer",
    "reopen",
    "conflict",
    "image",
    "not-root",
];

const OF_OPENINGS: [&str; 5] =
    ["missing-mode", "top-id-on-primary", "missing-top-id", "invalid-mode", "unknown-option"];

pub(super) fn names() -> Vec<String> {
    let verbs = OF_VERBS.iter().map(|name| format!("message/verb/{name}"));
    let commands = OF_COMMANDS.iter().map(|name| format!("message/command/{name}"));
    let openings = OF_OPENINGS.iter().map(|name| format!("message/opening/{name}"));
    verbs.chain(commands).chain(openings).collect()
}

pub(super) fn of_verb(error: &VerbError) -> usize {
    match error {
        VerbError::AlreadyRunning => 0,
        VerbError::WrongMode { .. } => 1,
        VerbError::ActiveHasNoBacking => 2,
        VerbError::HiddenHasNoBacking => 3,
        VerbError::SecondaryUnused => 4,
        VerbError::LengthsDiffer => 5,
        VerbError::CannotBeEmptied => 6,
        VerbError::ActiveReadOnly => 7,
        VerbError::Reopen { .. } => 8,
        VerbError::NoTop => 9,
        VerbError::Busy { .. } => 10,
        VerbError::BackupLost => 11,
        VerbError::ActiveEjected => 12,
        VerbError::HiddenEjected => 13,
        VerbError::PermissionConflict(_) => 14,
        VerbError::EmptyFailed { .. } => 15,
        VerbError::ViewOwed => 16,
        VerbError::MarkFailed { .. } => 17,
        VerbError::NotDurable { .. } => 18,
        VerbError::OtherFailed => 19,
        VerbError::Apart => 20,
        VerbError::NotRunning => 21,
        VerbError::IoError => 22,
        VerbError::Closed => 23,
    }
}

pub(super) fn of_command(error: &AdminError) -> usize {
    let place = match error {
        AdminError::NotFound { .. } => 0,
        AdminError::NoUser { .. } => 1,
        AdminError::NameTaken { .. } => 2,
        AdminError::NoJob { .. } => 3,
        AdminError::Busy { .. } => 4,
        AdminError::InUse { .. } => 5,
        AdminError::HasParents { .. } => 6,
        AdminError::ReadOnly => 7,
        AdminError::HasWriter => 8,
        AdminError::Reopen { .. } => 9,
        AdminError::Conflict(_) => 10,
        AdminError::Image { .. } => 11,
        AdminError::NotRoot => 12,
        AdminError::Options(error) => return of_opening(error),
    };
    OF_VERBS.len() + place
}

pub(super) fn of_opening(error: &OpenError) -> usize {
    let place = match error {
        OpenError::MissingMode => 0,
        OpenError::TopIdOnPrimary => 1,
        OpenError::MissingTopId => 2,
        OpenError::InvalidMode => 3,
        OpenError::UnknownOption { .. } => 4,
    };
    OF_VERBS.len() + OF_COMMANDS.len() + place
}
