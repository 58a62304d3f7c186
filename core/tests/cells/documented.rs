//! `docs/answers.md` has every message that the core can produce, and the tables as they are here.

use colo_core::{
    Abort, AdminError, Conflict, Errno, FilterOptions, JobType, Mode, Name, OpenError, Permission,
    Reason, Verb, VerbError,
};

use crate::bench::Cell;
use crate::messages::*;
use crate::table::*;
use crate::{ends, operators, start, verbs};

pub(crate) const DOCUMENT: &str = include_str!("../../../docs/answers.md");

/// By their numbers.
#[rustfmt::skip]
const NUMBERED: &[(&str, &str)] = &[
    ("M1", M1), ("M2", M2), ("M3", M3), ("M4", M4), ("M5", M5), ("M6", M6_PRIMARY),
    ("M6", M6_SECONDARY), ("M7", M7), ("M8", M8), ("M9", M9), ("M10", M10), ("M11", M11),
    ("M12", M12), ("M13", M13), ("M14", M14_NODE), ("M14", M14_DEVICE), ("M15", M15), ("M17", M17),
    ("M18", M18_ACTIVE), ("M18", M18_HIDDEN), ("M19", M19), ("M21", M21), ("M22", M22), ("M23", M23),
    ("M24", M24),
];

/// Every kind of error, with its text. A new kind does not compile before it is written here.
fn verb_text(error: &VerbError) -> &'static str {
    match error {
        VerbError::AlreadyRunning => M5,
        VerbError::WrongMode { .. } => M6_SECONDARY,
        VerbError::ActiveHasNoBacking => M7,
        VerbError::HiddenHasNoBacking => M8,
        VerbError::SecondaryUnused => M9,
        VerbError::LengthsDiffer => M10,
        VerbError::CannotBeEmptied => M11,
        VerbError::ActiveReadOnly => READ_ONLY,
        VerbError::Reopen { .. } => M12,
        VerbError::NoTop => M13,
        VerbError::Busy { .. } => M14_NODE,
        VerbError::BackupLost => M15,
        VerbError::ActiveEjected => M17,
        VerbError::HiddenEjected => M19,
        VerbError::PermissionConflict(_) => M24,
        VerbError::EmptyFailed { .. } => M18_ACTIVE,
        VerbError::ViewOwed => OWED,
        VerbError::MarkFailed { .. } => MARK,
        VerbError::NotDurable { .. } => SECONDARY_NOT_DURABLE,
        VerbError::OtherFailed => OTHER_FAILED,
        VerbError::Apart => APART,
        VerbError::NotRunning => M21,
        VerbError::IoError => M22,
        VerbError::Closed => CLOSED,
    }
}

fn admin_text(error: &AdminError) -> &'static str {
    match error {
        AdminError::NotFound { .. } => NOT_FOUND,
        AdminError::NoUser { .. } => NO_DEVICE,
        AdminError::NameTaken { .. } => DUPLICATE_JOB,
        AdminError::NoJob { .. } => NO_JOB,
        AdminError::Busy { .. } => M23,
        AdminError::InUse { .. } => IN_USE,
        AdminError::HasParents { .. } => HAS_PARENTS,
        AdminError::NotRoot => NOT_ROOT,
        AdminError::ReadOnly => NODE_READ_ONLY,
        AdminError::HasWriter => HAS_WRITER,
        AdminError::Reopen { .. } => NOT_AN_IMAGE,
        AdminError::Conflict(_) => M24,
        AdminError::Options(_) => M4,
        AdminError::Image { .. } => IMAGE,
    }
}

fn open_text(error: &OpenError) -> &'static str {
    match error {
        OpenError::MissingMode => M1,
        OpenError::TopIdOnPrimary => M2,
        OpenError::MissingTopId => M3,
        OpenError::InvalidMode => M4,
        OpenError::UnknownOption { .. } => {
            "Block format 'replication' does not support the option 'speed'"
        }
    }
}

const CONFLICT: Conflict = Conflict {
    node: Name::new("hidden"),
    permission: Permission::ConsistentRead,
    taken_by: Name::new("ro0"),
    unshared_by: Name::new("commit job"),
};

#[rustfmt::skip]
const VERB_ERRORS: [VerbError; 24] = [
    VerbError::AlreadyRunning,
    VerbError::WrongMode { needs: Mode::Secondary, got: Mode::Primary },
    VerbError::ActiveHasNoBacking, VerbError::HiddenHasNoBacking, VerbError::SecondaryUnused,
    VerbError::LengthsDiffer, VerbError::CannotBeEmptied, VerbError::ActiveReadOnly,
    VerbError::Reopen { errno: Errno::Access },
    VerbError::NoTop,
    VerbError::Busy { name: Name::new("secondary"), reason: Reason::Job(JobType::Backup) },
    VerbError::BackupLost, VerbError::ActiveEjected, VerbError::HiddenEjected,
    VerbError::PermissionConflict(CONFLICT),
    VerbError::EmptyFailed { node: "active", errno: Errno::NoSpace },
    VerbError::ViewOwed,
    VerbError::MarkFailed { errno: Errno::NoSpace },
    VerbError::NotDurable { node: "secondary", errno: Errno::NoSpace },
    VerbError::OtherFailed, VerbError::Apart,
    VerbError::NotRunning, VerbError::IoError, VerbError::Closed,
];

const NOBODY: Name = Name::new("nobody");

#[rustfmt::skip]
const ADMIN_ERRORS: [AdminError; 14] = [
    AdminError::NotFound { name: NOBODY },
    AdminError::NoUser { name: NOBODY },
    AdminError::NameTaken { name: Name::new("job0") },
    AdminError::NoJob { name: Name::new("job0") },
    AdminError::Busy { name: Name::new("colo-disk0"), reason: Reason::InternalBackup },
    AdminError::InUse { name: Name::new("top") },
    AdminError::HasParents { name: Name::new("active") },
    AdminError::NotRoot,
    AdminError::ReadOnly,
    AdminError::HasWriter,
    AdminError::Reopen { errno: Errno::Invalid },
    AdminError::Conflict(CONFLICT),
    AdminError::Options(OpenError::InvalidMode),
    AdminError::Image { errno: Errno::NoSpace },
];

/// M1 to M4: a host is made of options that were read before.
const OPTIONS: [&str; 5] = [
    "top-id=x",
    "mode=primary,top-id=x",
    "mode=secondary",
    "mode=both,top-id=x",
    "mode=primary,speed=1",
];

fn is_documented(text: &str) {
    assert!(DOCUMENT.contains(&format!("`{text}`")), "docs/answers.md lacks `{text}`");
}

#[test]
fn every_error_has_its_text_in_the_document() {
    for error in VERB_ERRORS {
        assert_eq!(error.to_string(), verb_text(&error));
        is_documented(verb_text(&error));
    }
    for error in ADMIN_ERRORS {
        assert_eq!(error.to_string(), admin_text(&error));
        is_documented(admin_text(&error));
    }
    for (options, number) in OPTIONS.into_iter().zip(1..) {
        let error = FilterOptions::parse(options).expect_err(options);
        assert_eq!(error.to_string(), open_text(&error), "message {number}");
        is_documented(open_text(&error));
    }
    for abort in Abort::ALL {
        is_documented(&abort.to_string());
    }
}

#[test]
fn every_answer_of_the_tables_is_in_the_document() {
    let tables = [
        verbs::PRIMARY,
        verbs::SECONDARY,
        start::REFUSED,
        start::ACCEPTED,
        start::AGAIN,
        ends::CHECKPOINT_ORDER,
        ends::BACKUP_ENDS,
        ends::COMMIT_ENDS,
        ends::WAITS,
        operators::COMMANDS,
    ];
    for cell in tables.into_iter().flatten().flat_map(Row::cells) {
        if !["-", "waits", OK].contains(&cell.answer) {
            is_documented(cell.answer);
        }
    }
    for (number, text) in NUMBERED {
        let line = |line: &&str| line.starts_with(&format!("| {number} |"));
        let line = DOCUMENT.lines().find(line).unwrap_or_default();
        assert!(line.contains(&format!("`{text}`")), "{number} is `{text}`, not {line}");
    }
}

/// What the document says of one cell.
fn text(cell: &Cell<&'static str>) -> String {
    let number = NUMBERED.iter().find(|(_, text)| *text == cell.answer);
    let answer = number.map_or(cell.answer, |(number, _)| number);
    let stages = cell.seen.split(' ').next().filter(|stages| stages.contains('>'));
    stages.map_or(answer.to_owned(), |stages| format!("{answer}, {stages}"))
}

/// One line of the document: a verb in all places. Hardened, what differs is bold.
fn line(rows: &[Row], places: &[Place], verb: Verb, hardened: bool) -> String {
    let cell = |place: &Place| {
        let row = rows.iter().find(|row| row.is_of(place, verb)).expect("every cell has its row");
        let [seed, repaired] = row.cells().map(|cell| text(&cell));
        match hardened {
            true if repaired != seed => format!("**{repaired}**"),
            true => repaired,
            false => seed,
        }
    };
    let cells: Vec<String> = places.iter().map(cell).collect();
    format!("| {verb} | {} |", cells.join(" | "))
}

#[test]
fn the_documents_tables_of_verbs_are_these() {
    let primary: &[Place] = &[PN, PR, PD];
    let secondary: &[Place] = &[SN, SR, SR_LOST, SF, SFF, SD, SD_PLANNED];
    let mut missing = Vec::new();
    for hardened in [false, true] {
        for (rows, places) in [(verbs::PRIMARY, primary), (verbs::SECONDARY, secondary)] {
            let lines = Verb::ALL.map(|verb| line(rows, places, verb, hardened)).join("\n");
            if !DOCUMENT.contains(&lines) {
                missing.push(lines);
            }
        }
    }
    assert!(missing.is_empty(), "docs/answers.md lacks\n{}", missing.join("\n\n"));
}
