//! Laws of every plan that can be written, sensible or not, found and shrunk by proptest.
//!
//! The campaign's plans have a shape; these have none: all steps in any order, beyond
//! the end of the disk, in the wrong stage, on either side. Numbers are drawn raw
//! and turned into steps, so that shrinking a number shrinks the plan.

use colo_core::{
    Admin, CommitPhase, DiskId, EmptyFailure, Errno, FILTER, Format, GUEST, Geometry, JobKind,
    JobType, Mode, Name, Phase, Quirk, Stage, TOP, UserKind, Verb, VolumeId, Wiring,
};
use colo_scenarios::plan::{FaultSpec, Further, FurtherVolume, Plan, Setup, Step};
use colo_scenarios::profile::Profile;
use colo_scenarios::run::{Outcome, run};
use colo_sim::faulty::{Damage, OpKind};
use colo_sim::world::{Delay, Schedule, Side, VOLUMES_MAX};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const SECTORS_MAX: u64 = 32;

/// Cases a law is tried on, if it is not told by `PROPTEST_CASES`.
const CASES: u32 = 2000;

fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: cases.unwrap_or(CASES),
        rng_seed: RngSeed::Fixed(0x0c01_051a),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// A step in numbers: which, four arguments.
type Raw = (u8, u8, u8, u8, u8);

fn pick<T: Copy>(from: &[T], number: u8) -> T {
    from[number as usize % from.len()]
}

fn side(number: u8) -> Side {
    pick(&[Side::Secondary, Side::Primary], number)
}

fn verb(number: u8) -> Verb {
    pick(
        &[
            Verb::Start(Mode::Secondary),
            Verb::Start(Mode::Primary),
            Verb::Stop { failover: true },
            Verb::Checkpoint,
            Verb::GetError,
            Verb::Stop { failover: false },
            Verb::Close,
        ],
        number,
    )
}

/// Mostly on the disk, sometimes over its end, sometimes far beyond it.
fn extent(at: u8, len: u8) -> (u64, u32) {
    let far = [u64::MAX, u64::MAX - 3, 1 << 40, u64::from(u32::MAX)];
    let at = if at < 248 { u64::from(at) % (SECTORS_MAX + 4) } else { pick(&far, at) };
    let long = [u32::MAX, 1 << 20, 64, 0];
    let len = if len < 248 { 1 + u32::from(len) % 12 } else { pick(&long, len) };
    (at, len)
}

/// From nothing to some milliseconds, dense where requests are.
fn time(coarse: u8, fine: u8) -> u64 {
    match coarse {
        0..200 => u64::from(coarse) * 3_000 + u64::from(fine),
        _ => u64::from(coarse - 199) * 100_000,
    }
}

fn phase(number: u8) -> Option<Phase> {
    pick(
        &[
            None,
            None,
            None,
            Some(Phase::Checkpoint),
            Some(Phase::BackupCancelling),
            Some(Phase::Stage(Stage::Running)),
            Some(Phase::Stage(Stage::FailoverFailed)),
            Some(Phase::Stage(Stage::Done)),
            Some(Phase::Commit(CommitPhase::Copying)),
            Some(Phase::Commit(CommitPhase::Flushing)),
            Some(Phase::Commit(CommitPhase::FinalFlush)),
            Some(Phase::Commit(CommitPhase::Marking)),
            Some(Phase::Commit(CommitPhase::Failing)),
            Some(Phase::Opening),
            Some(Phase::Bare),
        ],
        number,
    )
}

fn fault(a: u8, b: u8, c: u8, d: u8) -> FaultSpec {
    let op = pick(&[OpKind::Write, OpKind::Read, OpKind::Flush, OpKind::Any], b);
    FaultSpec {
        range: (d % 8 == 7).then(|| (u64::from(c % 16), u64::from(c % 16) + 1 + u64::from(d % 5))),
        skip: u32::from(c % 5),
        times: (d % 16 != 15).then_some(1 + u32::from(d % 3)),
        errno: pick(&[Errno::Io, Errno::NoSpace, Errno::NoMedium], a / 4),
        damage: pick(&[Damage::None, Damage::Prefix, Damage::Subset], b / 4),
        during: phase(d),
        latent: a >= 240 && d % 8 == 7,
        ..FaultSpec::new(pick(&DiskId::ALL, a), op)
    }
}

const KINDS: u8 = 46;

/// Every kind of step. What comes first is what shrinking goes to.
fn step((kind, a, b, c, d): Raw) -> Step {
    let (side, wait) = (side(a), d.is_multiple_of(2));
    let (at, len) = extent(b, c);
    match kind % KINDS {
        0 => Step::Settle,
        1..=3 => Step::Read { side, at, len, wait },
        4..=9 => Step::Write { side, at, len, wait },
        10 => Step::Flush { side, wait },
        11..=14 => Step::Call { side, verb: verb(b), wait },
        15 | 16 => Step::Checkpoint,
        17 | 18 => Step::Failover,
        19 => Step::Cancel(pick(&[JobKind::Backup, JobKind::Commit], a)),
        20..=22 => Step::Fault(fault(a, b, c, d)),
        23 => Step::Rates {
            disk: pick(&DiskId::ALL, a),
            read: u32::from(b),
            write: u32::from(c),
            flush: u32::from(d) * 4,
        },
        24 => Step::FaultsEnd,
        25 => Step::Stall { disk: pick(&DiskId::ALL, a), ns: time(b, c) },
        26 => Step::PowerLoss(side),
        27 => Step::Kill(side),
        28 => Step::Restart(side),
        29 | 30 => Step::Recover { wait },
        31 => Step::Cut(wait),
        32 => Step::Hold(wait),
        33..=38 => Step::Admin { side, command: command(kind, b, c), wait },
        39 => Step::EmptyFails {
            disk: pick(&DiskId::ALL, a),
            how: pick(&EmptyFailure::ALL, b),
            errno: pick(&[Errno::Io, Errno::NoSpace], c),
        },
        40 => match c % 6 {
            0 => Step::Eject(pick(&DiskId::ALL, a)),
            1 => Step::Events(u64::from(d)),
            2 => {
                let keep = (0..c % 9)
                    .map(|n| (VolumeId(n % 2), pick(&DiskId::ALL, n), u64::from(b % 40), 1));
                Step::PowerLossWith { side, keep: keep.collect() }
            }
            _ => Step::CutFrom { side, cut: wait },
        },
        41 | 42 => match verb(b) {
            Verb::Close => Step::Call { side, verb: Verb::Close, wait },
            verb => Step::CallAll { side, verb, wait },
        },
        43 => Step::WriteZeroes { side, at, len, wait },
        44 => Step::Discard { side, at, len, wait },
        _ => Step::Pass(time(b, c)),
    }
}

const NODES: [&str; 12] = [
    "secondary",
    "hidden",
    "active",
    "repl",
    "top",
    "parent0",
    "colo-disk0",
    "local",
    "remote",
    "cbw",
    "nbd0",
    "nowhere",
];

/// Everything an operator can ask for, of everything there is and of what there is not.
fn command(kind: u8, b: u8, c: u8) -> Admin {
    let node = Name::new(pick(&NODES, b));
    let user = Name::new(pick(&["colo-disk0", "nbd0", "parent0", "exp1", "hidden"], c));
    let job = Name::new(pick(&["job0", "job1"], c));
    match kind % KINDS - 33 {
        0 => Admin::Attach { user, kind: pick(&UserKind::ALL, c / 5), node },
        1 => Admin::Detach { user },
        2 => Admin::DeleteNode { node },
        3 if c < 160 => {
            Admin::StartJob { job, kind: pick(&[JobType::Backup, JobType::Mirror], c / 2), node }
        }
        3 => Admin::CancelJob { job },
        4 => Admin::Reopen { node, read_only: c.is_multiple_of(2) },
        _ => match c {
            0..64 => Admin::Quit,
            64..112 => Admin::Remove,
            112..192 => Admin::Open,
            _ => Admin::Detach { user },
        },
    }
}

/// Mostly right; else each thing that can be wrong, by itself or together.
fn wiring((kind, a, b, c, d): Raw) -> Wiring {
    let mut wiring = Wiring {
        guest: pick(&[UserKind::Drive, UserKind::DriveDevice, UserKind::Device], kind),
        guest_owns_top: a.is_multiple_of(2),
        top_id: pick(&[GUEST, GUEST, TOP, FILTER], b),
        parent: pick(&[None, Some(UserKind::Drive), Some(UserKind::DriveDevice)], c),
        hidden_read_only: d.is_multiple_of(2),
        ..Wiring::default()
    };
    if kind >= 224 {
        let formats = [Format::Overlay, Format::Overlay, Format::Fixed, Format::Raw];
        (wiring.active, wiring.hidden) = (pick(&formats, a), pick(&formats, b));
        (wiring.export, wiring.hidden_is_short) = (c % 3 != 0, d % 5 == 4);
        wiring.filter_read_only = a % 5 == 4;
        wiring.secondary_read_only = b % 3 == 2;
        (wiring.hidden_protected, wiring.secondary_protected) = (c % 5 == 4, d % 7 == 6);
    }
    wiring
}

fn setup((cluster, granule, commit, sectors, rest): Raw) -> Setup {
    let cluster = 1 + u32::from(cluster % 4);
    let granule = cluster * pick(&[1, 2, 4], granule);
    let commit_granule = pick(&[4, 1, 2, 5, 8], commit);
    let times = pick(&[1, 2, 16], rest);
    Setup {
        geometry: Geometry {
            sector_size: pick(&[8, 8, 8, 24], rest / 3),
            sectors: SECTORS_MAX - u64::from(sectors) % SECTORS_MAX,
            cluster,
            granule,
            copy_max: granule * times,
            commit_granule,
            commit_max: commit_granule * times,
        },
        secondary_quorum: rest.is_multiple_of(2),
        wiring: Wiring::default(),
        further: Further::default(),
        pair: None,
        reconnect_delay_ns: pick(&[0, 300_000, 5_000_000], rest / 16),
        disk_delay: Delay {
            min_ns: 20_000,
            max_ns: pick(&[200_000, 20_000, 2_000_000], rest / 32),
        },
        link_delay: Delay { min_ns: 10_000, max_ns: pick(&[50_000, 1_000_000], rest / 64) },
        drift_ppm: [i32::from(rest) - 128, 100 - i32::from(sectors)],
    }
}

/// A plan out of numbers: most begin as replication does, some do not.
fn plans() -> impl Strategy<Value = Plan> {
    let steps = vec(any::<Raw>(), 0..60);
    let further = vec(any::<Raw>(), 0..4);
    let order = (0..8_u8, vec(0..4_u16, 0..40));
    let inputs = (any::<u64>(), any::<Raw>(), any::<Raw>(), further, 0..6_u8, steps, order);
    inputs.prop_map(|(seed, sizes, wires, further, opening, raw, order)| {
        let mut steps = Vec::new();
        // Half of all plans have one volume.
        let further = further.into_iter().skip(1).take(VOLUMES_MAX - 1);
        let further = Further::new(
            further
                .map(|raw| FurtherVolume { wiring: wiring(raw), later: raw.1.is_multiple_of(8) }),
        );
        let volumes = 1 + further.iter().count() as u8;
        if opening == 0 {
            for (side, mode) in [(Side::Secondary, Mode::Secondary), (Side::Primary, Mode::Primary)]
            {
                steps.push(Step::CallAll { side, verb: Verb::Start(mode), wait: true });
            }
        } else if opening < 5 {
            for (side, mode) in [(Side::Secondary, Mode::Secondary), (Side::Primary, Mode::Primary)]
            {
                steps.push(Step::Call { side, verb: Verb::Start(mode), wait: true });
            }
        }
        let setup = Setup { wiring: wiring(wires), further, ..setup(sizes) };
        steps.extend(raw.into_iter().map(|raw| match (raw.4 / 2) % volumes {
            0 => step(raw),
            volume => Step::On { volume, step: Box::new(step(raw)) },
        }));
        let plan = Plan::new("any", Profile::Hardened, steps);
        Plan { seed, schedule: schedule(order), setup, ..plan }
    })
}

fn schedule((kind, chosen): (u8, Vec<u16>)) -> Schedule {
    match kind {
        0..4 => Schedule::Latency,
        4 => Schedule::Random,
        5 => Schedule::Pct { depth: 1 + chosen.len() as u32 / 10, events: 200 },
        _ => Schedule::Chosen(chosen),
    }
}

/// The invariants hold and nobody dies.
fn assert_clean(plan: &Plan, outcome: &Outcome) -> Result<(), TestCaseError> {
    prop_assert!(
        outcome.is_clean(),
        "{:?} {:?}\n{}",
        outcome.violations,
        outcome.aborts,
        plan.to_json()
    );
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_plan_breaks_an_invariant_of_the_hardened_core(plan in plans()) {
        assert_clean(&plan, &run(&plan))?;
    }

    #[test]
    fn no_plan_makes_the_seeds_core_panic(plan in plans()) {
        // It may break invariants, and may die as QEMU would; it may not fail an assertion of ours.
        run(&Plan { profile: Profile::Seed, ..plan });
    }

    #[test]
    fn no_plan_makes_a_core_with_one_quirk_panic(plan in plans(), quirk in 0..Quirk::ALL.len()) {
        run(&Plan { quirks: vec![Quirk::ALL[quirk]], ..plan });
    }

    #[test]
    fn a_saved_plan_is_the_same_plan(plan in plans()) {
        let saved = plan.to_json();
        let read = Plan::parse(&saved, "it").map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&read, &plan);
        prop_assert_eq!(read.to_json(), saved);
        prop_assert_eq!(run(&read).digest, run(&plan).digest);
    }

    #[test]
    fn a_plan_without_one_of_its_steps_is_a_plan(plan in plans(), which in any::<prop::sample::Index>()) {
        prop_assume!(!plan.steps.is_empty());
        let mut shorter = plan;
        shorter.steps.remove(which.index(shorter.steps.len()));
        let saved = Plan::parse(&shorter.to_json(), "it");
        prop_assert_eq!(saved.map_err(|error| TestCaseError::fail(error.to_string()))?, shorter.clone());
        assert_clean(&shorter, &run(&shorter))?;
    }
}

#[test]
fn an_empty_plan_and_every_single_step_run_clean() {
    let mut steps: Vec<Option<Step>> = vec![None];
    for kind in 0..KINDS {
        for a in 0..4 {
            for d in [0, 1, 7] {
                steps.push(Some(step((kind, a, 3, 5, d))));
            }
        }
    }
    for step in steps {
        let plan = Plan::new("one step", Profile::Hardened, step.into_iter().collect());
        let outcome = run(&plan);
        assert!(outcome.is_clean(), "{:?}: {:?}", plan.steps, outcome.violations);
    }
}
