//! The words in which scenarios are written.

use colo_core::{Admin, CommitPhase, DiskId, EmptyFailure, Errno, JobType, Mode, Name, Phase};
use colo_core::{UserKind, Verb};
use colo_sim::faulty::OpKind;
use colo_sim::world::Side;

use crate::plan::{FaultSpec, Step};

pub(super) const P: Side = Side::Primary;
pub(super) const S: Side = Side::Secondary;

pub(super) const START: Verb = Verb::Start(Mode::Secondary);
pub(super) const START_PRIMARY: Verb = Verb::Start(Mode::Primary);
pub(super) const RECOVER: Step = Step::Recover { wait: true };

pub(super) const SECONDARY: Name = Name::new("secondary");
pub(super) const HIDDEN: Name = Name::new("hidden");
pub(super) const ACTIVE: Name = Name::new("active");
/// A device, a drive or an export of the operator's own.
pub(super) const OTHER: Name = Name::new("other0");
/// A job of the operator's own.
pub(super) const JOB: Name = Name::new("job0");

pub(super) fn write(side: Side, at: u64, len: u32) -> Step {
    Step::Write { side, at, len, wait: true }
}

pub(super) fn write_in_flight(side: Side, at: u64, len: u32) -> Step {
    Step::Write { side, at, len, wait: false }
}

pub(super) fn read(side: Side, at: u64, len: u32) -> Step {
    Step::Read { side, at, len, wait: true }
}

pub(super) fn read_in_flight(side: Side, at: u64, len: u32) -> Step {
    Step::Read { side, at, len, wait: false }
}

pub(super) fn flush(side: Side) -> Step {
    Step::Flush { side, wait: true }
}

pub(super) fn call(side: Side, verb: Verb) -> Step {
    Step::Call { side, verb, wait: true }
}

pub(super) fn call_in_flight(side: Side, verb: Verb) -> Step {
    Step::Call { side, verb, wait: false }
}

/// A verb on all filters of a host.
pub(super) fn call_all(side: Side, verb: Verb) -> Step {
    Step::CallAll { side, verb, wait: true }
}

/// A step on another volume than the first.
pub(super) fn on(volume: u8, step: Step) -> Step {
    Step::On { volume, step: Box::new(step) }
}

pub(super) fn stop(failover: bool) -> Step {
    call(S, Verb::Stop { failover })
}

/// Asks both sides whether something was lost.
pub(super) fn get_errors() -> [Step; 2] {
    [call(P, Verb::GetError), call(S, Verb::GetError)]
}

pub(super) fn command(command: Admin) -> Step {
    Step::Admin { side: S, command, wait: true }
}

pub(super) fn attach(user: Name, kind: UserKind, node: Name) -> Step {
    command(Admin::Attach { user, kind, node })
}

pub(super) fn detach(user: Name) -> Step {
    command(Admin::Detach { user })
}

pub(super) fn start_job(kind: JobType, node: Name) -> Step {
    command(Admin::StartJob { job: JOB, kind, node })
}

pub(super) fn delete(node: Name) -> Step {
    command(Admin::DeleteNode { node })
}

pub(super) fn reopen(node: Name, read_only: bool) -> Step {
    command(Admin::Reopen { node, read_only })
}

/// Both sides start, the secondary first.
pub(super) fn started(rest: impl IntoIterator<Item = Step>) -> Vec<Step> {
    let mut steps = vec![call(S, START), call(P, START_PRIMARY)];
    steps.extend(rest);
    steps
}

/// Writes on both sides after a checkpoint, so that hidden and active both hold something.
pub(super) fn written(rest: impl IntoIterator<Item = Step>) -> Vec<Step> {
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

/// A failover whose commit cannot write the secondary disk, once.
pub(super) fn failed_over(rest: impl IntoIterator<Item = Step>) -> Vec<Step> {
    let fails = commit_fault(DiskId::Secondary, OpKind::Write, CommitPhase::Copying);
    let mut steps = written([fails, Step::Failover, Step::Settle]);
    steps.extend(rest);
    steps
}

/// A failover that succeeds.
pub(super) fn promoted(rest: impl IntoIterator<Item = Step>) -> Vec<Step> {
    let mut steps = written([Step::Failover, Step::Settle]);
    steps.extend(rest);
    steps
}

/// A disk fails its first such request while a commit is in this phase.
pub(super) fn commit_fault(disk: DiskId, op: OpKind, phase: CommitPhase) -> Step {
    let mut spec = FaultSpec::new(disk, op);
    (spec.times, spec.during) = (Some(1), Some(Phase::Commit(phase)));
    Step::Fault(spec)
}

pub(super) fn fault(disk: DiskId, op: OpKind, times: u32) -> Step {
    Step::Fault(FaultSpec { times: Some(times), ..FaultSpec::new(disk, op) })
}

/// The next emptying of this overlay fails.
pub(super) fn empty_fails(disk: DiskId, how: EmptyFailure) -> Step {
    Step::EmptyFails { disk, how, errno: Errno::Io }
}
