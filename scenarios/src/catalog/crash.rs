//! Hosts that lose power or whose process dies, and what is recovered from their disks.

use colo_core::Verb;

use super::steps::{RECOVER, S, START, call, flush, read, write, written};
use super::{Scenario, scenario};
use crate::plan::Step;

/// A failover that a power loss cuts off so many nanoseconds into the commit.
fn crashed_in_commit(ns: u64) -> Vec<Step> {
    written([Step::Failover, Step::Pass(ns), Step::PowerLoss(S), RECOVER, read(S, 0, 24)])
}

pub(super) const SCENARIOS: &[Scenario] = &[
    scenario(
        "failover-then-power-loss",
        "after DONE the secondary disk alone is true: power loss, recovery, nothing old comes back",
        || {
            written([
                Step::Failover,
                Step::Settle,
                write(S, 4, 4),
                flush(S),
                Step::PowerLoss(S),
                RECOVER,
                read(S, 0, 24),
            ])
        },
    ),
    scenario(
        "crash-in-commit-copying",
        "power loss while the commit copies; the view is recovered",
        || crashed_in_commit(150_000),
    ),
    scenario(
        "crash-in-commit-writing",
        "power loss while the commit's writes reach the secondary disk",
        || crashed_in_commit(250_000),
    ),
    scenario(
        "crash-in-commit-flushing",
        "power loss while the commit makes the secondary disk durable",
        || crashed_in_commit(350_000),
    ),
    scenario("crash-before-pivot", "power loss in the last moments before the pivot", || {
        crashed_in_commit(550_000)
    }),
    scenario("crash-in-recovery", "power loss in mid-commit, and again in mid-recovery", || {
        written([
            Step::Failover,
            Step::Pass(200_000),
            Step::PowerLoss(S),
            Step::Recover { wait: false },
            Step::Pass(400_000),
            Step::PowerLoss(S),
            RECOVER,
            read(S, 0, 24),
        ])
    }),
    scenario(
        "killed-in-commit",
        "the process dies in mid-commit, its disks keep their caches",
        || written([Step::Failover, Step::Pass(250_000), Step::Kill(S), RECOVER, read(S, 0, 24)]),
    ),
    scenario(
        "crash-while-running",
        "power loss before any failover: the guest's memory is gone, its view is void",
        || written([Step::PowerLoss(S), RECOVER, Step::Restart(S), call(S, START)]),
    ),
    scenario("crash-in-checkpoint", "power loss while a checkpoint empties the overlays", || {
        written([
            Step::Call { side: S, verb: Verb::Checkpoint, wait: false },
            Step::Pass(120_000),
            Step::PowerLoss(S),
            RECOVER,
            Step::Restart(S),
        ])
    }),
];
