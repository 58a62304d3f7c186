//! Every disk passes the one contract suite, and every lying one is rejected by name.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use colo_core::Time;
use colo_core::real::FileDisk;
use colo_sim::contract::{self, Clause, CrashKind, Rig, check};
use colo_sim::crash::CrashDisk;
use colo_sim::faulty::{Faulty, Rates, Rule};
use colo_sim::lying::{Lie, Lying};
use colo_sim::sim_disk::{SimDisk, SimDiskOptions};
use colo_sim::stream::{Seed, Stream};

/// A stack of wrappers around a simulated disk.
trait Stack: CrashDisk + Sized {
    fn bottom(&mut self) -> &mut SimDisk;
}

impl Stack for SimDisk {
    fn bottom(&mut self) -> &mut SimDisk {
        self
    }
}

impl<D: Stack> Stack for Faulty<D> {
    fn bottom(&mut self) -> &mut SimDisk {
        self.inner_mut().bottom()
    }
}

impl<D: Stack> Stack for Lying<D> {
    fn bottom(&mut self) -> &mut SimDisk {
        self.inner_mut().bottom()
    }
}

type CrashOf<D> = fn(D, &mut Stream) -> D;

/// Simulated disks: time goes to the next answer, the power fails.
struct Simulated<D, W> {
    wrap: W,
    crash_kind: CrashKind,
    crash: CrashOf<D>,
}

impl<D: Stack, W: Fn(SimDisk, Seed) -> D> Simulated<D, W> {
    fn losing_power(wrap: W) -> Self {
        Self { wrap, crash_kind: CrashKind::PowerLoss, crash: contract::power_loss }
    }

    fn dying(wrap: W) -> Self {
        Self { wrap, crash_kind: CrashKind::ProcessDeath, crash: contract::process_death }
    }
}

impl<D: Stack, W: Fn(SimDisk, Seed) -> D> Rig for Simulated<D, W> {
    type Disk = D;

    fn make(&mut self, sectors: u64, sector_size: usize, seed: Seed) -> D {
        let options = SimDiskOptions { sectors, sector_size, ..SimDiskOptions::default() };
        (self.wrap)(SimDisk::new(options, seed.stream("disk")), seed)
    }

    fn settle(&mut self, disk: &mut D) {
        let disk = disk.bottom();
        if let Some(due) = disk.next_due() {
            disk.advance(due.max(disk.now()));
        }
    }

    fn crash_kind(&self) -> CrashKind {
        self.crash_kind
    }

    fn crash(&mut self, disk: D, stream: &mut Stream) -> D {
        (self.crash)(disk, stream)
    }
}

/// Disks in a file, which is removed with the rig; a crash closes and opens it.
struct InFile<W> {
    path: PathBuf,
    sector_size: usize,
    wrap: W,
}

impl<W> InFile<W> {
    fn new(wrap: W) -> Self {
        static RIGS: AtomicU32 = AtomicU32::new(0);
        let number = RIGS.fetch_add(1, Ordering::Relaxed);
        let name = format!("contract-{}-{number}.img", std::process::id());
        Self { path: PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name), sector_size: 0, wrap }
    }
}

impl<W> Drop for InFile<W> {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl<D: colo_core::Disk, W: Fn(FileDisk) -> D> Rig for InFile<W> {
    type Disk = D;

    fn make(&mut self, sectors: u64, sector_size: usize, _: Seed) -> D {
        self.sector_size = sector_size;
        let disk = FileDisk::create(&self.path, sector_size, sectors);
        (self.wrap)(disk.expect("a file in the test directory can be made"))
    }

    fn crash_kind(&self) -> CrashKind {
        CrashKind::ProcessDeath
    }

    fn crash(&mut self, disk: D, _: &mut Stream) -> D {
        drop(disk);
        let disk = FileDisk::open(&self.path, self.sector_size);
        (self.wrap)(disk.expect("the file is still there"))
    }
}

/// Rules and rates that never fire, so that the wrapper's slow path is taken.
fn armed<D: colo_core::Disk>(disk: D, seed: Seed) -> Faulty<D> {
    let mut faulty = Faulty::new(disk, seed.stream("faults"));
    faulty.add_rule(Rule { skip: u32::MAX, ..Rule::default() });
    faulty.set_rates(Rates::default());
    faulty
}

fn passes<R: Rig>(mut rig: R, seeds: u64) {
    if let Err(breach) = check(&mut rig, seeds) {
        panic!("{breach}");
    }
}

#[test]
fn simulated_disk_keeps_the_contract() {
    passes(Simulated::losing_power(|disk, _| disk), 300);
    passes(Simulated::dying(|disk, _| disk), 300);
}

#[test]
fn simulated_disk_that_writes_back_early_keeps_the_contract() {
    let wrap = |disk: SimDisk, seed: Seed| {
        let options = SimDiskOptions { unflushed_max: 3, latency_min_ns: 0, ..*disk.options() };
        SimDisk::new(options, seed.stream("disk"))
    };
    passes(Simulated::losing_power(wrap), 300);
    passes(Simulated::dying(wrap), 100);
}

#[test]
fn stalled_disk_keeps_the_contract() {
    passes(
        Simulated::losing_power(|mut disk: SimDisk, _| {
            disk.stall(Time(5_000_000));
            disk
        }),
        100,
    );
}

#[test]
fn faultless_wrapper_keeps_the_contract() {
    passes(Simulated::losing_power(|disk, seed| Faulty::new(disk, seed.stream("faults"))), 100);
    passes(Simulated::losing_power(armed::<SimDisk>), 100);
    passes(Simulated::dying(armed::<SimDisk>), 100);
    passes(Simulated::losing_power(|disk, seed| armed(armed(disk, seed), seed)), 100);
}

#[test]
fn file_keeps_the_contract() {
    passes(InFile::new(|disk| disk), 20);
}

#[test]
fn faultless_wrapper_of_a_file_keeps_the_contract() {
    passes(InFile::new(|disk| Faulty::new(disk, Seed(0).stream("faults"))), 5);
    passes(InFile::new(|disk| armed(disk, Seed(0))), 5);
}

/// The clause that a lie breaks first, in the suite's order.
fn clause_broken_by(lie: Lie) -> Clause {
    match lie {
        Lie::LostWrite
        | Lie::MisdirectedWrite
        | Lie::MisdirectedRead
        | Lie::BitRot
        | Lie::StaleRead => Clause::ReadYourWrites,
        Lie::SkippedFlush => Clause::FlushSurvives,
        Lie::IgnoredFua => Clause::FuaSurvives,
        Lie::DoubleAnswer | Lie::NoAnswer => Clause::Answers,
    }
}

#[test]
fn every_lie_is_caught_by_name() {
    for lie in Lie::ALL {
        for every in [1, 5] {
            let mut rig = Simulated::losing_power(move |disk, _| Lying::new(disk, lie, every));
            match check(&mut rig, 200) {
                Ok(()) => panic!("{lie:?} on every {every}th request passes"),
                Err(breach) => {
                    assert_eq!(breach.clause, clause_broken_by(lie), "{lie:?}: {breach}");
                }
            }
        }
    }
}

#[test]
fn lies_of_a_file_are_caught() {
    for lie in [Lie::LostWrite, Lie::StaleRead, Lie::DoubleAnswer] {
        let breach = check(&mut InFile::new(|disk| Lying::new(disk, lie, 5)), 2);
        let breach = breach.expect_err("a lying file passes");
        assert_eq!(breach.clause, clause_broken_by(lie), "{lie:?}: {breach}");
    }
}

/// Rejects simulated disks whose crash goes wrong in this way, and gives the clause.
fn rejected_crash(crash: CrashOf<SimDisk>) -> Clause {
    let mut rig = Simulated::losing_power(|disk, _| disk);
    rig.crash = crash;
    check(&mut rig, 200).expect_err("a wrong crash passes").clause
}

#[test]
fn wrong_crashes_are_caught() {
    let too_kind: CrashOf<SimDisk> = |mut disk, _| {
        disk.power_loss(&mut |_, versions| versions - 1);
        disk
    };
    let all_or_nothing: CrashOf<SimDisk> = |mut disk, stream| {
        let keep = stream.below(2) as usize;
        disk.power_loss(&mut |_, versions| keep * (versions - 1));
        disk
    };
    let none_at_all: CrashOf<SimDisk> = |disk, _| disk;
    let forgets_all: CrashOf<SimDisk> =
        |disk, _| SimDisk::new(*disk.options(), Seed(9).stream("disk"));
    let tears_within = |disk: SimDisk, stream: &mut Stream| {
        let mut disk = contract::power_loss(disk, stream);
        let mut whole = SimDisk::new(*disk.options(), Seed(9).stream("disk"));
        for sector in 0..disk.options().sectors {
            let mut bytes = disk.peek(sector).to_vec();
            bytes[..4].fill(0);
            whole.preload(sector, &bytes);
        }
        disk = whole;
        disk
    };
    assert_eq!(rejected_crash(too_kind), Clause::CrashVaries);
    assert_eq!(rejected_crash(all_or_nothing), Clause::CrashVaries);
    assert_eq!(rejected_crash(none_at_all), Clause::Answers);
    assert!([Clause::FlushSurvives, Clause::FuaSurvives].contains(&rejected_crash(forgets_all)));
    assert_eq!(rejected_crash(tears_within), Clause::CrashRange);
}

#[test]
fn death_that_is_a_power_loss_is_caught() {
    let mut rig = Simulated::dying(|disk, _| disk);
    rig.crash = contract::power_loss;
    let breach = check(&mut rig, 200).expect_err("a lost cache passes as a process death");
    assert_eq!(breach.clause, Clause::AnsweredSurvives);
}
