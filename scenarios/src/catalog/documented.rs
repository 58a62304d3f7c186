//! The seven failures that the documentation of block replication lists, each alone.
//!
//! After each both sides are asked for errors and both guests go on, so that one
//! sees who was told and who was not.

use colo_core::{CommitPhase, DiskId, Verb};
use colo_sim::faulty::OpKind;

use super::steps::{P, RECOVER, S, call, commit_fault, fault, get_errors, read, write, written};
use super::{Scenario, scenario};
use crate::plan::Step;

/// A failure on a pair that replicates; then errors are asked for, and both guests read.
fn failing(what: impl IntoIterator<Item = Step>) -> Vec<Step> {
    let mut steps = written(what);
    steps.extend(get_errors());
    steps.extend([read(P, 0, 24), read(S, 0, 24)]);
    steps
}

pub(super) const SCENARIOS: &[Scenario] = &[
    scenario("documented-1-primary-disk-error", "the primary's own disk fails a write", || {
        failing([fault(DiskId::Local, OpKind::Write, 1), write(P, 16, 4)])
    }),
    scenario("documented-2-forwarding-error", "a write cannot be forwarded", || {
        failing([fault(DiskId::Secondary, OpKind::Write, 1), write(P, 16, 4)])
    }),
    scenario(
        "documented-3-backup-error",
        "the old contents cannot be saved before a forwarded write",
        || failing([fault(DiskId::Hidden, OpKind::Write, 1), write(P, 16, 4)]),
    ),
    scenario("documented-4-active-disk-error", "active fails a write of the guest", || {
        failing([fault(DiskId::Active, OpKind::Write, 1), write(S, 5, 3)])
    }),
    scenario("documented-5-emptying-error", "a checkpoint cannot empty hidden", || {
        failing([fault(DiskId::Hidden, OpKind::Write, 1), Step::Checkpoint])
    }),
    scenario(
        "documented-6-failover-after-emptying-error",
        "a checkpoint cannot empty hidden; then the secondary takes over, and loses power",
        || {
            let mut steps = failing([fault(DiskId::Hidden, OpKind::Write, 1), Step::Checkpoint]);
            steps.extend([
                Step::Failover,
                Step::Settle,
                call(S, Verb::GetError),
                read(S, 0, 24),
                Step::PowerLoss(S),
                RECOVER,
                read(S, 0, 24),
            ]);
            steps
        },
    ),
    scenario("documented-7-commit-error", "the commit cannot write the secondary disk", || {
        failing([
            commit_fault(DiskId::Secondary, OpKind::Write, CommitPhase::Copying),
            Step::Failover,
            Step::Settle,
        ])
    }),
];
