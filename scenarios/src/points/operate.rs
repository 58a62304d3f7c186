//! What operators command, and how the emptying of overlays fails.

use colo_core::{Admin, DiskId, EmptyFailure};
use colo_sim::world::Side;

use crate::points::verbs::ANSWERS;

const OVERLAYS: [DiskId; 2] = [DiskId::Hidden, DiskId::Active];

const COMMANDS: [&str; 9] = [
    "attach",
    "detach",
    "delete-node",
    "start-job",
    "cancel-job",
    "reopen",
    "open",
    "remove",
    "quit",
];

fn number(admin: &Admin) -> usize {
    match admin {
        Admin::Attach { .. } => 0,
        Admin::Detach { .. } => 1,
        Admin::DeleteNode { .. } => 2,
        Admin::StartJob { .. } => 3,
        Admin::CancelJob { .. } => 4,
        Admin::Reopen { .. } => 5,
        Admin::Open => 6,
        Admin::Remove => 7,
        Admin::Quit => 8,
    }
}

pub(super) fn commands() -> Vec<String> {
    let mut names = Vec::new();
    for side in Side::BOTH {
        for command in COMMANDS {
            for answer in ANSWERS {
                names.push(format!("command/{}/{command}/{answer}", side.name()));
            }
        }
    }
    names
}

pub(super) fn command(side: Side, admin: &Admin, ok: bool) -> usize {
    let before = side as usize * COMMANDS.len() * ANSWERS.len();
    before + number(admin) * ANSWERS.len() + usize::from(!ok)
}

pub(super) fn emptyings() -> Vec<String> {
    let mut names = Vec::new();
    for disk in OVERLAYS {
        for failure in EmptyFailure::ALL {
            names.push(format!("emptying/{}/{}", disk.name(), failure.name()));
        }
    }
    names
}

pub(super) fn emptying(disk: DiskId, failure: EmptyFailure) -> Option<usize> {
    let overlay = OVERLAYS.iter().position(|overlay| *overlay == disk)?;
    Some(overlay * EmptyFailure::ALL.len() + failure as usize)
}
