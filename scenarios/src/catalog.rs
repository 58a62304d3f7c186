//! Named scenarios: an index of what can happen to such a pair of hosts.
//!
//! Each is a short plan that a person can read. A scenario says nothing of its
//! outcome; the oracle judges it as any plan, and tests say which point it must reach.

use colo_core::{CommitPhase, DiskId, JobKind, Mode, Phase, Verb};
use colo_sim::faulty::OpKind;
use colo_sim::world::Side;

use crate::plan::{FaultSpec, Plan, Step};
use crate::profile::{Added, Behaviour};

/// One scenario.
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What happens, in a sentence.
    pub about: &'static str,
    steps: fn() -> Vec<Step>,
}

impl Scenario {
    /// Its plan.
    pub fn plan(&self, behaviour: &Behaviour) -> Plan {
        let mut plan = Plan::new(self.name, behaviour.profile, (self.steps)());
        if let Added::Named(quirks) = &behaviour.added {
            plan.quirks.clone_from(quirks);
        }
        plan
    }
}

/// The scenario of this name.
pub fn find(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}

const P: Side = Side::Primary;
const S: Side = Side::Secondary;

fn write(side: Side, at: u64, len: u32) -> Step {
    Step::Write { side, at, len, wait: true }
}

fn write_in_flight(side: Side, at: u64, len: u32) -> Step {
    Step::Write { side, at, len, wait: false }
}

fn read(side: Side, at: u64, len: u32) -> Step {
    Step::Read { side, at, len, wait: true }
}

fn read_in_flight(side: Side, at: u64, len: u32) -> Step {
    Step::Read { side, at, len, wait: false }
}

fn flush(side: Side) -> Step {
    Step::Flush { side, wait: true }
}

fn call(side: Side, verb: Verb) -> Step {
    Step::Call { side, verb, wait: true }
}

fn stop(failover: bool) -> Step {
    call(S, Verb::Stop { failover })
}

const RECOVER: Step = Step::Recover { wait: true };

/// Both sides start, the secondary first.
fn started(rest: impl IntoIterator<Item = Step>) -> Vec<Step> {
    let mut steps =
        vec![call(S, Verb::Start(Mode::Secondary)), call(P, Verb::Start(Mode::Primary))];
    steps.extend(rest);
    steps
}

/// Writes on both sides after a checkpoint, so that hidden and active both hold something.
fn written(rest: impl IntoIterator<Item = Step>) -> Vec<Step> {
    let mut steps = started([
        write(P, 0, 6),
        Step::Checkpoint,
        write(P, 3, 8),
        write(S, 5, 3),
        write(S, 14, 1),
        flush(S),
    ]);
    steps.extend(rest);
    steps
}

/// A failover that a power loss cuts off so many nanoseconds into the commit.
fn crashed_in_commit(ns: u64) -> Vec<Step> {
    written([Step::Failover, Step::Pass(ns), Step::PowerLoss(S), RECOVER, read(S, 0, 24)])
}

/// A disk fails its first such request while a commit is in this phase.
fn commit_fault(disk: DiskId, op: OpKind, phase: CommitPhase) -> Step {
    let mut spec = FaultSpec::new(disk, op);
    (spec.times, spec.during) = (Some(1), Some(Phase::Commit(phase)));
    Step::Fault(spec)
}

fn fault(disk: DiskId, op: OpKind, times: u32) -> Step {
    Step::Fault(FaultSpec { times: Some(times), ..FaultSpec::new(disk, op) })
}

/// The catalog.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "start-checkpoint-stop",
        about: "both sides start, write, take a checkpoint and stop as planned",
        steps: || {
            written([
                Step::Checkpoint,
                read(S, 0, 24),
                stop(false),
                call(P, Verb::Stop { failover: false }),
                read(S, 0, 24),
            ])
        },
    },
    Scenario {
        name: "failover",
        about: "the primary is given up; the secondary commits its overlays and goes on alone",
        steps: || written([Step::Failover, Step::Settle, read(S, 0, 24), write(S, 7, 4), flush(S)]),
    },
    Scenario {
        name: "failover-then-power-loss",
        about: "after DONE the secondary disk alone is true: power loss, recovery, nothing old comes back",
        steps: || {
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
    },
    Scenario {
        name: "planned-stop",
        about: "stop(failover=0): the guest goes on with what the primary wrote",
        steps: || {
            written([Step::Checkpoint, stop(false), read(S, 0, 24), write(S, 3, 4), flush(S)])
        },
    },
    Scenario {
        name: "backup-cancelled-in-copy",
        about: "the backup job is cancelled with a copy in flight; the forwarded write still ends",
        steps: || {
            started([
                write_in_flight(P, 2, 5),
                Step::Pass(60_000),
                Step::Cancel(JobKind::Backup),
                Step::Settle,
                read(S, 0, 24),
                Step::Checkpoint,
            ])
        },
    },
    Scenario {
        name: "forward-after-lost-backup",
        about: "writes keep coming after the job that protects the last checkpoint is gone",
        steps: || {
            started([
                write(P, 0, 6),
                Step::Cancel(JobKind::Backup),
                Step::Settle,
                write(P, 10, 5),
                read(S, 0, 24),
                call(S, Verb::GetError),
                call(P, Verb::GetError),
                Step::Failover,
                Step::Settle,
                read(S, 0, 24),
            ])
        },
    },
    Scenario {
        name: "crash-in-commit-copying",
        about: "power loss while the commit copies; the view is recovered",
        steps: || crashed_in_commit(150_000),
    },
    Scenario {
        name: "crash-in-commit-writing",
        about: "power loss while the commit's writes reach the secondary disk",
        steps: || crashed_in_commit(250_000),
    },
    Scenario {
        name: "crash-in-commit-flushing",
        about: "power loss while the commit makes the secondary disk durable",
        steps: || crashed_in_commit(350_000),
    },
    Scenario {
        name: "crash-before-pivot",
        about: "power loss in the last moments before the pivot",
        steps: || crashed_in_commit(550_000),
    },
    Scenario {
        name: "crash-in-recovery",
        about: "power loss in mid-commit, and again in mid-recovery",
        steps: || {
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
        },
    },
    Scenario {
        name: "killed-in-commit",
        about: "the process dies in mid-commit, its disks keep their caches",
        steps: || {
            written([Step::Failover, Step::Pass(250_000), Step::Kill(S), RECOVER, read(S, 0, 24)])
        },
    },
    Scenario {
        name: "crash-while-running",
        about: "power loss before any failover: the guest's memory is gone, its view is void",
        steps: || {
            written([
                Step::PowerLoss(S),
                RECOVER,
                Step::Restart(S),
                call(S, Verb::Start(Mode::Secondary)),
            ])
        },
    },
    Scenario {
        name: "crash-in-checkpoint",
        about: "power loss while a checkpoint empties the overlays",
        steps: || {
            written([
                Step::Call { side: S, verb: Verb::Checkpoint, wait: false },
                Step::Pass(120_000),
                Step::PowerLoss(S),
                RECOVER,
                Step::Restart(S),
            ])
        },
    },
    Scenario {
        name: "checkpoint-cannot-empty-active",
        about: "active cannot be emptied: the checkpoint fails, the view stays, the next one succeeds",
        steps: || {
            written([
                fault(DiskId::Active, OpKind::Write, 1),
                Step::Checkpoint,
                read(S, 0, 24),
                Step::Checkpoint,
                read(S, 0, 24),
            ])
        },
    },
    Scenario {
        name: "checkpoint-cannot-empty-hidden",
        about: "active is emptied and hidden cannot be: no mixture of two epochs, or it is told",
        steps: || {
            written([
                fault(DiskId::Hidden, OpKind::Write, 1),
                Step::Checkpoint,
                read(S, 0, 24),
                call(S, Verb::GetError),
                Step::Failover,
                Step::Settle,
                read(S, 0, 24),
            ])
        },
    },
    Scenario {
        name: "start-cannot-empty-active",
        about: "an overlay cannot be emptied at the start: the start fails without a trace",
        steps: || {
            vec![
                fault(DiskId::Active, OpKind::Write, 1),
                call(S, Verb::Start(Mode::Secondary)),
                read(S, 0, 4),
                call(S, Verb::Start(Mode::Secondary)),
                read(S, 0, 4),
            ]
        },
    },
    Scenario {
        name: "commit-read-error",
        about: "the commit cannot read hidden: the view stays readable, a second stop is refused, a crash finds the view",
        steps: || {
            written([
                commit_fault(DiskId::Hidden, OpKind::Read, CommitPhase::Copying),
                Step::Failover,
                Step::Settle,
                read(S, 0, 24),
                write(S, 4, 9),
                read(S, 0, 24),
                stop(true),
                flush(S),
                Step::PowerLoss(S),
                RECOVER,
                read(S, 0, 24),
            ])
        },
    },
    Scenario {
        name: "commit-write-error",
        about: "the commit cannot write the secondary disk; a crash then finds the view all the same",
        steps: || {
            written([
                commit_fault(DiskId::Secondary, OpKind::Write, CommitPhase::Copying),
                Step::Failover,
                Step::Settle,
                read(S, 0, 24),
                write(S, 20, 2),
                flush(S),
                Step::PowerLoss(S),
                RECOVER,
                read(S, 0, 24),
            ])
        },
    },
    Scenario {
        name: "commit-flush-error",
        about: "the last flush before the pivot fails: no pivot",
        steps: || {
            written([
                commit_fault(DiskId::Secondary, OpKind::Flush, CommitPhase::FinalFlush),
                Step::Failover,
                Step::Settle,
                read(S, 0, 24),
                stop(true),
                Step::Settle,
            ])
        },
    },
    Scenario {
        name: "commit-cancelled",
        about: "an operator cancels the commit before it is ready",
        steps: || {
            written([
                Step::Failover,
                Step::Cancel(JobKind::Commit),
                Step::Settle,
                read(S, 0, 24),
                stop(true),
                Step::Settle,
            ])
        },
    },
    Scenario {
        name: "commit-under-guest-writes",
        about: "the guest keeps writing what the commit has copied",
        steps: || {
            let mut steps = written([Step::Failover]);
            for at in [5, 14, 6, 0, 5] {
                steps.extend([write_in_flight(S, at, 3), Step::Pass(90_000)]);
            }
            steps.extend([Step::Settle, read(S, 0, 24)]);
            steps
        },
    },
    Scenario {
        name: "guest-write-races-copy",
        about: "a guest reads and writes through hidden while a forwarded write saves the old contents there",
        steps: || {
            started([
                write_in_flight(P, 4, 4),
                read_in_flight(S, 4, 4),
                write_in_flight(S, 5, 1),
                Step::Pass(40_000),
                read_in_flight(S, 4, 4),
                write_in_flight(P, 5, 2),
                Step::Pass(110_000),
                read_in_flight(S, 4, 4),
                Step::Pass(70_000),
                read_in_flight(S, 4, 4),
                Step::Settle,
                read(S, 0, 24),
            ])
        },
    },
    Scenario {
        name: "copies-overlap",
        about: "forwarded writes to the same granule wait for one copy, and one retries what failed",
        steps: || {
            started([
                fault(DiskId::Hidden, OpKind::Write, 2),
                write_in_flight(P, 4, 2),
                write_in_flight(P, 5, 2),
                write_in_flight(P, 6, 2),
                Step::Settle,
                read(S, 0, 24),
                call(P, Verb::GetError),
            ])
        },
    },
    Scenario {
        name: "copy-read-error",
        about: "the old contents cannot be read: the forwarded write fails, the primary guest goes on",
        steps: || {
            started([
                fault(DiskId::Secondary, OpKind::Read, 1),
                write(P, 4, 4),
                read(S, 0, 24),
                call(P, Verb::GetError),
                Step::Checkpoint,
            ])
        },
    },
    Scenario {
        name: "forwarded-write-error",
        about: "the secondary disk fails a forwarded write: the guest goes on, get_error tells",
        steps: || {
            started([
                fault(DiskId::Secondary, OpKind::Write, 1),
                write(P, 4, 4),
                read(P, 0, 24),
                call(P, Verb::GetError),
                Step::Checkpoint,
                read(S, 0, 24),
            ])
        },
    },
    Scenario {
        name: "primary-disk-error",
        about: "the primary's own disk fails a write: its guest is told",
        steps: || {
            started([
                write(P, 4, 4),
                fault(DiskId::Local, OpKind::Write, 1),
                write(P, 4, 4),
                read(P, 0, 24),
            ])
        },
    },
    Scenario {
        name: "primary-flush-error",
        about: "the primary's own disk fails a flush, then its host loses power",
        steps: || {
            started([
                write(P, 4, 4),
                fault(DiskId::Local, OpKind::Flush, 1),
                flush(P),
                Step::PowerLoss(P),
                Step::Restart(P),
                read(P, 0, 24),
            ])
        },
    },
    Scenario {
        name: "connection-lost",
        about: "the connection is cut under forwarded writes, and comes back",
        steps: || {
            started([
                write_in_flight(P, 0, 8),
                Step::Pass(70_000),
                Step::Cut(true),
                Step::Settle,
                call(P, Verb::GetError),
                Step::Cut(false),
                write(P, 8, 4),
                Step::Checkpoint,
            ])
        },
    },
    Scenario {
        name: "start-over-owed-view",
        about: "after a crash in mid-commit somebody starts replication again instead of recovering",
        steps: || {
            written([
                Step::Failover,
                Step::Pass(150_000),
                Step::PowerLoss(S),
                Step::Restart(S),
                call(S, Verb::Start(Mode::Secondary)),
                Step::PowerLoss(S),
                RECOVER,
                read(S, 0, 24),
            ])
        },
    },
    Scenario {
        name: "close-while-running",
        about: "the filter is closed while it replicates",
        steps: || {
            written([call(S, Verb::Close), read(S, 0, 4), call(P, Verb::Close), read(P, 0, 4)])
        },
    },
    Scenario {
        name: "close-in-commit",
        about: "the filter is closed while its commit runs",
        steps: || written([Step::Failover, call(S, Verb::Close), Step::Settle]),
    },
    Scenario {
        name: "promoted-secondary-told-again",
        about: "a promoted secondary is told to start, checkpoint and stop once more: all silently ok",
        steps: || {
            written([
                Step::Failover,
                Step::Settle,
                call(S, Verb::Start(Mode::Primary)),
                call(S, Verb::Checkpoint),
                stop(true),
                call(S, Verb::GetError),
                read(S, 0, 24),
            ])
        },
    },
];
