//! What a host is in the middle of: for fault rules, coverage and traces.

use serde::{Deserialize, Serialize};

use crate::commit::CommitPhase;
use crate::verb::Stage;

/// What a host is in the middle of. A job tells more than a stage, and goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Reading its images.
    Opening,
    /// Nothing but its stage to tell.
    Stage(Stage),
    /// A checkpoint, or the start, empties overlays.
    Checkpoint,
    /// The backup job waits for its last requests.
    BackupCancelling,
    /// A commit runs.
    Commit(CommitPhase),
    /// No filter: closed, or recovered.
    Bare,
}

impl Phase {
    /// Every phase there is, in order of [`Phase::index`].
    pub const ALL: [Self; 15] = [
        Self::Opening,
        Self::Stage(Stage::None),
        Self::Stage(Stage::Running),
        Self::Stage(Stage::Failover),
        Self::Stage(Stage::FailoverFailed),
        Self::Stage(Stage::Done),
        Self::Checkpoint,
        Self::BackupCancelling,
        Self::Commit(CommitPhase::Copying),
        Self::Commit(CommitPhase::Flushing),
        Self::Commit(CommitPhase::Draining),
        Self::Commit(CommitPhase::FinalFlush),
        Self::Commit(CommitPhase::Marking),
        Self::Commit(CommitPhase::Failing),
        Self::Bare,
    ];

    /// Its place in [`Phase::ALL`].
    pub fn index(self) -> usize {
        match self {
            Self::Opening => 0,
            Self::Stage(stage) => 1 + stage as usize,
            Self::Checkpoint => 6,
            Self::BackupCancelling => 7,
            Self::Commit(commit) => 8 + commit as usize,
            Self::Bare => 14,
        }
    }

    /// The name in traces and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Stage(stage) => stage.name(),
            Self::Checkpoint => "checkpoint",
            Self::BackupCancelling => "backup-cancelling",
            Self::Commit(commit) => commit.name(),
            Self::Bare => "bare",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_is_in_its_place() {
        for (index, phase) in Phase::ALL.into_iter().enumerate() {
            assert_eq!(phase.index(), index, "{}", phase.name());
        }
    }
}
