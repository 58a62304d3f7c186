//! Crashes and failing disks, by what the host was in the middle of.

use colo_core::{CommitPhase, DiskId, Phase, Stage};
use colo_sim::world::{Coverage, DiskOp, Side};

const CRASHES: [&str; 2] = ["power-loss", "process-death"];
const OPS: [DiskOp; 3] = [DiskOp::Read, DiskOp::Write, DiskOp::Flush];

pub(super) fn phases(side: Side) -> &'static [Phase] {
    match side {
        // A primary host opens at once, and has no job and no overlay.
        Side::Primary => &[
            Phase::Stage(Stage::None),
            Phase::Stage(Stage::Running),
            Phase::Stage(Stage::Done),
            Phase::Bare,
        ],
        // In FAILOVER the commit tells more than the stage.
        Side::Secondary => &[
            Phase::Opening,
            Phase::Stage(Stage::None),
            Phase::Stage(Stage::Running),
            Phase::Stage(Stage::FailoverFailed),
            Phase::Stage(Stage::Done),
            Phase::Checkpoint,
            Phase::BackupCancelling,
            Phase::Commit(CommitPhase::Copying),
            Phase::Commit(CommitPhase::Flushing),
            Phase::Commit(CommitPhase::Draining),
            Phase::Commit(CommitPhase::FinalFlush),
            Phase::Commit(CommitPhase::Marking),
            Phase::Commit(CommitPhase::Failing),
            Phase::Bare,
        ],
    }
}

pub(super) fn crashes() -> Vec<String> {
    let mut names = Vec::new();
    for side in Side::BOTH {
        for how in CRASHES {
            for phase in phases(side) {
                names.push(format!("crash/{}/{how}/{}", side.name(), phase.name()));
            }
        }
    }
    names
}

pub(super) fn crash(side: Side, power_loss: bool, phase: Phase) -> Option<usize> {
    let place = phases(side).iter().position(|other| *other == phase)?;
    let before =
        if side == Side::Secondary { CRASHES.len() * phases(Side::Primary).len() } else { 0 };
    Some(before + usize::from(!power_loss) * phases(side).len() + place)
}

/// What a failing disk is told apart by: stage and job. The parts of a checkpoint and of a commit have their
/// [sites](super::sites).
pub(super) const STATES: [&str; 7] =
    ["opening", "NONE", "RUNNING", "FAILOVER", "FAILOVER_FAILED", "DONE", "bare"];

pub(super) fn state(phase: Phase) -> usize {
    match phase {
        Phase::Opening => 0,
        Phase::Stage(Stage::None) => 1,
        Phase::Stage(Stage::Running) | Phase::Checkpoint | Phase::BackupCancelling => 2,
        Phase::Stage(Stage::Failover) | Phase::Commit(_) => 3,
        Phase::Stage(Stage::FailoverFailed) => 4,
        Phase::Stage(Stage::Done) => 5,
        Phase::Bare => 6,
    }
}

fn failing() -> impl Iterator<Item = (DiskId, DiskOp)> {
    DiskId::ALL.into_iter().flat_map(|disk| OPS.into_iter().map(move |op| (disk, op)))
}

pub(super) fn faults() -> Vec<String> {
    let name = |(disk, op): (DiskId, DiskOp)| {
        STATES.map(|state| format!("fault/{}/{}/{state}", disk.name(), op.name()))
    };
    failing().flat_map(name).collect()
}

/// Adds how often each happened.
pub(super) fn count_faults(coverage: &Coverage, hits: &mut [u32]) {
    for ((disk, op), hits) in failing().zip(hits.chunks_mut(STATES.len())) {
        for phase in Phase::ALL {
            hits[state(phase)] += coverage.faults(disk, op, phase);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_agree_with_names() {
        for side in Side::BOTH {
            for &phase in phases(side) {
                for (power_loss, how) in [(true, CRASHES[0]), (false, CRASHES[1])] {
                    let place = crash(side, power_loss, phase).expect("it is a combination");
                    let name = format!("crash/{}/{how}/{}", side.name(), phase.name());
                    assert_eq!(crashes()[place], name);
                }
            }
        }
    }
}
