//! What `colosim shrink` prints, pasted into a file of the catalog as a person would do it:
//! it compiles, and means the plan it was printed for.
//!
//! A test demands that the text below is what is printed; its message is the text to paste.

use colo_core::{
    Admin, CommitPhase, DiskId, EmptyFailure, Errno, Format, JobKind, JobType, Mode, Name,
    OptionsText, Phase, Stage, TOP, UserKind, Verb, VolumeId,
};
use colo_sim::faulty::{Damage, OpKind};
use colo_sim::lying::Lie;
use colo_sim::world::{Delay, Schedule, Side};

use super::{Scenario, scenario};
use crate::plan::{FaultSpec, Further, FurtherVolume, Plan, Step};
use crate::profile::{Behaviour, Profile};
use crate::shrink::rust;

const ABOUT: &str = "says here what \"happens\"";

#[rustfmt::skip]
const SCENARIOS: &[Scenario] = &[
    scenario(
        "shrunk-seed-34",
        "says here what \"happens\"",
        || {
            use colo_core::DiskId;
            use colo_sim::faulty::OpKind;
            use crate::plan::Step;
            use super::steps::{RECOVER, S, START, call, fault, flush, write};
            vec![
                call(S, START),
                write(S, 5, 3),
                fault(DiskId::Secondary, OpKind::Write, 1),
                Step::Failover,
                Step::Settle,
                flush(S),
                Step::PowerLoss(S),
                RECOVER,
            ]
        },
    )
    .scheduled(|| {
            use colo_sim::world::Schedule;
            Schedule::Chosen(vec![0, 2])
    }),
    scenario(
        "every-step",
        "says here what \"happens\"",
        || {
            use colo_core::{Admin, CommitPhase, DiskId, EmptyFailure, Errno, GUEST, JobKind, JobType, Name, Phase, Stage, TOP, UserKind, Verb, VolumeId};
            use colo_sim::faulty::{Damage, OpKind};
            use colo_sim::lying::Lie;
            use crate::plan::{FaultSpec, Step};
            use super::steps::{HIDDEN, JOB, P, RECOVER, S, START, START_PRIMARY, attach, call, call_all, call_in_flight, command, commit_fault, delete, detach, empty_fails, fault, flush, on, read, read_in_flight, reopen, start_job, stop, write, write_in_flight};
            vec![
                Step::Recover { wait: false },
                RECOVER,
                Step::Checkpoint,
                Step::Failover,
                Step::Cancel(JobKind::Backup),
                Step::Rates { disk: DiskId::Local, read: 1, write: 20, flush: 300 },
                Step::Eject(DiskId::Active),
                Step::FaultsEnd,
                Step::Stall { disk: DiskId::Hidden, ns: 123_456_789 },
                Step::PowerLoss(P),
                Step::Kill(S),
                Step::Restart(P),
                Step::Cut(true),
                Step::CutFrom { side: S, cut: false },
                Step::Hold(false),
                Step::Pass(1000),
                Step::Settle,
                empty_fails(DiskId::Active, EmptyFailure::Half),
                Step::EmptyFails { disk: DiskId::Hidden, how: EmptyFailure::All, errno: Errno::NoSpace },
                read(P, 18_446_744_073_709_551_615, 1_000_000),
                write(P, 5, 3),
                flush(P),
                call(P, START_PRIMARY),
                call(P, START),
                call(P, Verb::Stop { failover: true }),
                call(P, Verb::Stop { failover: false }),
                call(P, Verb::Checkpoint),
                call(P, Verb::GetError),
                call(P, Verb::Close),
                Step::Admin { side: P, command: Admin::Attach { user: Name::new("it's \\ odd"), kind: UserKind::ReadOnlyExport, node: HIDDEN }, wait: true },
                Step::Admin { side: P, command: Admin::Detach { user: GUEST }, wait: true },
                Step::Admin { side: P, command: Admin::DeleteNode { node: TOP }, wait: true },
                Step::Admin { side: P, command: Admin::StartJob { job: JOB, kind: JobType::Mirror, node: HIDDEN }, wait: true },
                Step::Admin { side: P, command: Admin::StartJob { job: Name::new("job1"), kind: JobType::Backup, node: HIDDEN }, wait: true },
                Step::Admin { side: P, command: Admin::CancelJob { job: Name::new("job1") }, wait: true },
                Step::Admin { side: P, command: Admin::Reopen { node: HIDDEN, read_only: true }, wait: true },
                Step::Admin { side: P, command: Admin::Open, wait: true },
                Step::Admin { side: P, command: Admin::Remove, wait: true },
                Step::Admin { side: P, command: Admin::Quit, wait: true },
                call_all(P, Verb::Checkpoint),
                on(1, flush(P)),
                Step::PowerLossWith { side: P, keep: vec![(VolumeId(1), DiskId::Hidden, 12_345, 2)] },
                Step::Events(7),
                Step::Lie { disk: DiskId::Local, lie: Lie::BitRot, skip: 4, times: Some(1) },
                read(S, 18_446_744_073_709_551_615, 1_000_000),
                write(S, 5, 3),
                flush(S),
                call(S, START_PRIMARY),
                call(S, START),
                stop(true),
                stop(false),
                call(S, Verb::Checkpoint),
                call(S, Verb::GetError),
                call(S, Verb::Close),
                attach(Name::new("it's \\ odd"), UserKind::ReadOnlyExport, HIDDEN),
                detach(GUEST),
                delete(TOP),
                start_job(JobType::Mirror, HIDDEN),
                command(Admin::StartJob { job: Name::new("job1"), kind: JobType::Backup, node: HIDDEN }),
                command(Admin::CancelJob { job: Name::new("job1") }),
                reopen(HIDDEN, true),
                command(Admin::Open),
                command(Admin::Remove),
                command(Admin::Quit),
                call_all(S, Verb::Checkpoint),
                on(2, flush(S)),
                Step::PowerLossWith { side: S, keep: vec![(VolumeId(1), DiskId::Hidden, 12_345, 2)] },
                Step::Events(7),
                Step::Lie { disk: DiskId::Local, lie: Lie::BitRot, skip: 4, times: Some(2) },
                read_in_flight(P, 18_446_744_073_709_551_615, 1_000_000),
                write_in_flight(P, 5, 3),
                Step::Flush { side: P, wait: false },
                call_in_flight(P, START_PRIMARY),
                call_in_flight(P, START),
                call_in_flight(P, Verb::Stop { failover: true }),
                call_in_flight(P, Verb::Stop { failover: false }),
                call_in_flight(P, Verb::Checkpoint),
                call_in_flight(P, Verb::GetError),
                call_in_flight(P, Verb::Close),
                Step::Admin { side: P, command: Admin::Attach { user: Name::new("it's \\ odd"), kind: UserKind::ReadOnlyExport, node: HIDDEN }, wait: false },
                Step::Admin { side: P, command: Admin::Detach { user: GUEST }, wait: false },
                Step::Admin { side: P, command: Admin::DeleteNode { node: TOP }, wait: false },
                Step::Admin { side: P, command: Admin::StartJob { job: JOB, kind: JobType::Mirror, node: HIDDEN }, wait: false },
                Step::Admin { side: P, command: Admin::StartJob { job: Name::new("job1"), kind: JobType::Backup, node: HIDDEN }, wait: false },
                Step::Admin { side: P, command: Admin::CancelJob { job: Name::new("job1") }, wait: false },
                Step::Admin { side: P, command: Admin::Reopen { node: HIDDEN, read_only: true }, wait: false },
                Step::Admin { side: P, command: Admin::Open, wait: false },
                Step::Admin { side: P, command: Admin::Remove, wait: false },
                Step::Admin { side: P, command: Admin::Quit, wait: false },
                Step::CallAll { side: P, verb: Verb::Checkpoint, wait: false },
                on(1, Step::Flush { side: P, wait: false }),
                Step::PowerLossWith { side: P, keep: vec![(VolumeId(1), DiskId::Hidden, 12_345, 2)] },
                Step::Events(7),
                Step::Lie { disk: DiskId::Local, lie: Lie::BitRot, skip: 4, times: Some(1) },
                read_in_flight(S, 18_446_744_073_709_551_615, 1_000_000),
                write_in_flight(S, 5, 3),
                Step::Flush { side: S, wait: false },
                call_in_flight(S, START_PRIMARY),
                call_in_flight(S, START),
                call_in_flight(S, Verb::Stop { failover: true }),
                call_in_flight(S, Verb::Stop { failover: false }),
                call_in_flight(S, Verb::Checkpoint),
                call_in_flight(S, Verb::GetError),
                call_in_flight(S, Verb::Close),
                Step::Admin { side: S, command: Admin::Attach { user: Name::new("it's \\ odd"), kind: UserKind::ReadOnlyExport, node: HIDDEN }, wait: false },
                Step::Admin { side: S, command: Admin::Detach { user: GUEST }, wait: false },
                Step::Admin { side: S, command: Admin::DeleteNode { node: TOP }, wait: false },
                Step::Admin { side: S, command: Admin::StartJob { job: JOB, kind: JobType::Mirror, node: HIDDEN }, wait: false },
                Step::Admin { side: S, command: Admin::StartJob { job: Name::new("job1"), kind: JobType::Backup, node: HIDDEN }, wait: false },
                Step::Admin { side: S, command: Admin::CancelJob { job: Name::new("job1") }, wait: false },
                Step::Admin { side: S, command: Admin::Reopen { node: HIDDEN, read_only: true }, wait: false },
                Step::Admin { side: S, command: Admin::Open, wait: false },
                Step::Admin { side: S, command: Admin::Remove, wait: false },
                Step::Admin { side: S, command: Admin::Quit, wait: false },
                Step::CallAll { side: S, verb: Verb::Checkpoint, wait: false },
                on(2, Step::Flush { side: S, wait: false }),
                Step::PowerLossWith { side: S, keep: vec![(VolumeId(1), DiskId::Hidden, 12_345, 2)] },
                Step::Events(7),
                Step::Lie { disk: DiskId::Local, lie: Lie::BitRot, skip: 4, times: Some(2) },
                Step::Fault(FaultSpec::new(DiskId::Secondary, OpKind::Write)),
                fault(DiskId::Secondary, OpKind::Write, 2),
                Step::Fault(FaultSpec { skip: 1, times: Some(2), ..FaultSpec::new(DiskId::Secondary, OpKind::Write) }),
                commit_fault(DiskId::Secondary, OpKind::Write, CommitPhase::Copying),
                Step::Fault(FaultSpec { during: Some(Phase::Commit(CommitPhase::Copying)), ..FaultSpec::new(DiskId::Secondary, OpKind::Write) }),
                Step::Fault(FaultSpec { during: Some(Phase::Stage(Stage::FailoverFailed)), ..FaultSpec::new(DiskId::Secondary, OpKind::Write) }),
                Step::Fault(FaultSpec { during: Some(Phase::BackupCancelling), ..FaultSpec::new(DiskId::Secondary, OpKind::Write) }),
                Step::Fault(FaultSpec { range: Some((2, 9)), errno: Errno::NoMedium, damage: Damage::Prefix, latent: true, ..FaultSpec::new(DiskId::Local, OpKind::Any) }),
            ]
        },
    )
    .seeded(3)
    .scheduled(|| {
            use colo_sim::world::Schedule;
            Schedule::Pct { depth: 3, events: 40 }
    }),
    scenario(
        "odd-hosts",
        "says here what \"happens\"",
        || {
            vec![
            ]
        },
    )
    .on(|setup| {
            use colo_core::{Format, OptionsText, TOP, UserKind};
            use colo_sim::world::Delay;
            use crate::plan::{Further, FurtherVolume};
            setup.geometry.sector_size = 512;
            setup.geometry.sectors = 131_072;
            setup.geometry.cluster = 3;
            setup.geometry.granule = 6;
            setup.geometry.copy_max = 12;
            setup.geometry.commit_granule = 5;
            setup.geometry.commit_max = 10;
            setup.secondary_quorum = false;
            setup.wiring.guest = UserKind::Device;
            setup.wiring.top_id = TOP;
            setup.wiring.options = Some(OptionsText::new("mode=\"secondary\""));
            setup.wiring.active = Format::Fixed;
            setup.wiring.hidden = Format::Raw;
            setup.wiring.parent = Some(UserKind::DriveDevice);
            setup.wiring.guest_owns_top = false;
            setup.wiring.hidden_is_short = true;
            setup.wiring.export = false;
            setup.wiring.filter_read_only = true;
            setup.wiring.hidden_read_only = false;
            setup.wiring.secondary_read_only = true;
            setup.wiring.hidden_protected = true;
            setup.wiring.secondary_protected = true;
            setup.further = Further::new([FurtherVolume::default(), { let mut volume = FurtherVolume::default(); volume.wiring.hidden = Format::Fixed; volume.later = true; volume }]);
            setup.reconnect_delay_ns = 5_000_000;
            setup.disk_delay = Delay { min_ns: 1, max_ns: 2_000_000 };
            setup.link_delay = Delay { min_ns: 0, max_ns: 9999 };
            setup.drift_ppm = [-7, 100_000];
    }),
];

/// A plan as shrinking leaves it, every kind of step, and every difference of hosts.
fn plans() -> [Plan; 3] {
    let plan = |name, steps| Plan::new(name, Profile::Hardened, steps);
    let schedule = Schedule::Chosen(vec![0, 2]);
    let small = Plan { schedule, ..plan("shrunk-seed-34", small()) };
    let schedule = Schedule::Pct { depth: 3, events: 40 };
    let every = Plan { seed: 3, schedule, ..plan("every-step", every_step()) };
    [small, every, odd_hosts()]
}

fn small() -> Vec<Step> {
    let side = Side::Secondary;
    vec![
        Step::Call { side, verb: Verb::Start(Mode::Secondary), wait: true },
        Step::Write { side, at: 5, len: 3, wait: true },
        Step::Fault(FaultSpec {
            times: Some(1),
            ..FaultSpec::new(DiskId::Secondary, OpKind::Write)
        }),
        Step::Failover,
        Step::Settle,
        Step::Flush { side, wait: true },
        Step::PowerLoss(side),
        Step::Recover { wait: true },
    ]
}

fn odd_hosts() -> Plan {
    let mut odd = Plan::new("odd-hosts", Profile::Hardened, Vec::new());
    let setup = &mut odd.setup;
    (setup.geometry.sectors, setup.geometry.sector_size) = (131_072, 512);
    (setup.geometry.cluster, setup.geometry.granule, setup.geometry.copy_max) = (3, 6, 12);
    (setup.geometry.commit_granule, setup.geometry.commit_max) = (5, 10);
    (setup.secondary_quorum, setup.reconnect_delay_ns) = (false, 5_000_000);
    setup.disk_delay = Delay { min_ns: 1, max_ns: 2_000_000 };
    setup.link_delay = Delay { min_ns: 0, max_ns: 9_999 };
    setup.drift_ppm = [-7, 100_000];
    let wiring = &mut setup.wiring;
    (wiring.guest, wiring.top_id, wiring.parent) =
        (UserKind::Device, TOP, Some(UserKind::DriveDevice));
    wiring.options = Some(OptionsText::new("mode=\"secondary\""));
    (wiring.active, wiring.hidden) = (Format::Fixed, Format::Raw);
    (wiring.guest_owns_top, wiring.export, wiring.hidden_is_short) = (false, false, true);
    (wiring.filter_read_only, wiring.hidden_read_only) = (true, false);
    wiring.secondary_read_only = true;
    (wiring.hidden_protected, wiring.secondary_protected) = (true, true);
    let mut last = FurtherVolume { later: true, ..FurtherVolume::default() };
    last.wiring.hidden = Format::Fixed;
    setup.further = Further::new([FurtherVolume::default(), last]);
    odd
}

fn every_step() -> Vec<Step> {
    let [primary, secondary] = Side::BOTH;
    let mut steps = vec![
        Step::Recover { wait: false },
        Step::Recover { wait: true },
        Step::Checkpoint,
        Step::Failover,
        Step::Cancel(JobKind::Backup),
        Step::Rates { disk: DiskId::Local, read: 1, write: 20, flush: 300 },
        Step::Eject(DiskId::Active),
        Step::FaultsEnd,
        Step::Stall { disk: DiskId::Hidden, ns: 123_456_789 },
        Step::PowerLoss(primary),
        Step::Kill(secondary),
        Step::Restart(primary),
        Step::Cut(true),
        Step::CutFrom { side: secondary, cut: false },
        Step::Hold(false),
        Step::Pass(1_000),
        Step::Settle,
        Step::EmptyFails { disk: DiskId::Active, how: EmptyFailure::Half, errno: Errno::Io },
        Step::EmptyFails { disk: DiskId::Hidden, how: EmptyFailure::All, errno: Errno::NoSpace },
    ];
    for (side, wait) in [(primary, true), (secondary, true), (primary, false), (secondary, false)] {
        steps.push(Step::Read { side, at: u64::MAX, len: 1_000_000, wait });
        steps.push(Step::Write { side, at: 5, len: 3, wait });
        steps.push(Step::Flush { side, wait });
        let start = [Verb::Start(Mode::Primary), Verb::Start(Mode::Secondary)];
        let stop = [Verb::Stop { failover: true }, Verb::Stop { failover: false }];
        let other = [Verb::Checkpoint, Verb::GetError, Verb::Close];
        let verbs = start.into_iter().chain(stop).chain(other);
        steps.extend(verbs.map(|verb| Step::Call { side, verb, wait }));
        steps.extend(commands().map(|command| Step::Admin { side, command, wait }));
        steps.push(Step::CallAll { side, verb: Verb::Checkpoint, wait });
        let step = Box::new(Step::Flush { side, wait });
        steps.push(Step::On { volume: 1 + side as u8, step });
        let keep = vec![(VolumeId(1), DiskId::Hidden, 12_345, 2)];
        steps.extend([Step::PowerLossWith { side, keep }, Step::Events(7)]);
        let (disk, lie) = (DiskId::Local, Lie::BitRot);
        steps.push(Step::Lie { disk, lie, skip: 4, times: Some(1 + side as u32) });
    }
    steps.extend(faults().map(Step::Fault));
    steps
}

fn commands() -> impl Iterator<Item = Admin> {
    let [hidden, guest, odd] = ["hidden", "colo-disk0", "it's \\ odd"].map(Name::new);
    let (first, second) = (Name::new("job0"), Name::new("job1"));
    let commands = [
        Admin::Attach { user: odd, kind: UserKind::ReadOnlyExport, node: hidden },
        Admin::Detach { user: guest },
        Admin::DeleteNode { node: TOP },
        Admin::StartJob { job: first, kind: JobType::Mirror, node: hidden },
        Admin::StartJob { job: second, kind: JobType::Backup, node: hidden },
        Admin::CancelJob { job: second },
        Admin::Reopen { node: hidden, read_only: true },
        Admin::Open,
        Admin::Remove,
        Admin::Quit,
    ];
    commands.into_iter()
}

fn faults() -> impl Iterator<Item = FaultSpec> {
    let new = FaultSpec::new(DiskId::Secondary, OpKind::Write);
    let during = |phase| FaultSpec { during: Some(phase), ..new.clone() };
    let commit = during(Phase::Commit(CommitPhase::Copying));
    let specs = [
        new.clone(),
        FaultSpec { times: Some(2), ..new.clone() },
        FaultSpec { times: Some(2), skip: 1, ..new.clone() },
        FaultSpec { times: Some(1), ..commit.clone() },
        commit,
        during(Phase::Stage(Stage::FailoverFailed)),
        during(Phase::BackupCancelling),
        FaultSpec {
            range: Some((2, 9)),
            errno: Errno::NoMedium,
            damage: Damage::Prefix,
            latent: true,
            ..FaultSpec::new(DiskId::Local, OpKind::Any)
        },
    ];
    specs.into_iter()
}

#[test]
fn what_is_printed_compiles_and_is_the_plan() {
    let pasted = include_str!("pasted.rs");
    for (index, plan) in plans().iter().enumerate() {
        let printed = rust::scenario(plan, ABOUT);
        assert!(pasted.contains(&printed), "paste this:\n{printed}");
        let scenario = SCENARIOS[index].plan(&Behaviour::default());
        assert_eq!((&scenario, SCENARIOS[index].about), (plan, ABOUT));
    }
}
