//! The one suite that every disk must pass: file, simulated, and each wrapper.
//!
//! It checks the contract of [`colo_core::Disk`] from outside, through requests and
//! answers alone, against a slow model that keeps every write that may still be seen. A
//! disk that can crash is crashed, too, and then both ways: what was promised must
//! survive, and what was not must be seen to be lost, since a disk that is too kind
//! hides missing flushes.
//!
//! What it cannot see: whether a file survives a real power loss. For a file, a
//! crash is the death of the process.

mod model;
mod session;

use colo_core::{Disk, Op, Payload};

use self::model::CrashOutcomes;
use self::session::{Asked, Session};
use crate::crash::{CrashDisk, at_random};
use crate::stream::{Ratio, Seed, Stream};

/// What a crash of the disk under test is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashKind {
    /// It cannot crash.
    None,
    /// Its user dies: answered writes stay, those in flight may land.
    ProcessDeath,
    /// The power fails: answered writes stay if they were flushed.
    PowerLoss,
}

/// How the suite makes, runs and crashes the disks under test.
pub trait Rig {
    /// The disk under test.
    type Disk: Disk;

    /// A disk of zeroes.
    fn make(&mut self, sectors: u64, sector_size: usize, seed: Seed) -> Self::Disk;

    /// Lets time pass until the next answer can be polled, if one is to come.
    fn settle(&mut self, disk: &mut Self::Disk) {
        let _ = disk;
    }

    /// What [`Rig::crash`] does.
    fn crash_kind(&self) -> CrashKind {
        CrashKind::None
    }

    /// Crashes the disk and gives it back as it is found afterwards, with the same contents.
    fn crash(&mut self, disk: Self::Disk, stream: &mut Stream) -> Self::Disk {
        let _ = stream;
        disk
    }
}

/// A [`Rig`]'s crash for disks that can lose power: any possible outcome, each alike.
pub fn power_loss<D: CrashDisk>(mut disk: D, stream: &mut Stream) -> D {
    disk.power_loss(&mut at_random(stream));
    disk
}

/// A [`Rig`]'s crash for disks whose user can die: any possible outcome, each alike.
pub fn process_death<D: CrashDisk>(mut disk: D, stream: &mut Stream) -> D {
    disk.process_death(&mut at_random(stream));
    disk
}

/// The clauses of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Clause {
    /// A disk has the size it was made with.
    Geometry,
    /// A new disk is all zero.
    Zeroes,
    /// Every request is answered exactly once, and none after a crash.
    Answers,
    /// A request on the disk succeeds; a read answers the length it asked for, others nothing.
    Success,
    /// A request that is not on the disk fails as invalid and changes nothing.
    Bounds,
    /// A read holds what the last write answered before it left.
    ReadYourWrites,
    /// Requests of several sectors change and read exactly those.
    Runs,
    /// Requests of a megabyte work as small ones do.
    Large,
    /// Of requests in flight together each sector shows the old or the new.
    Overlap,
    /// All of that, mixed.
    Workload,
    /// Contents change by writes only.
    Stable,
    /// What was answered before a flush survives the crash after it.
    FlushSurvives,
    /// A write with `fua` survives once it is answered.
    FuaSurvives,
    /// An answered write survives the death of the process.
    AnsweredSurvives,
    /// After a crash a sector holds one of the versions that it had.
    CrashRange,
    /// Unflushed writes are kept, lost and torn, each at times.
    CrashVaries,
}

impl Clause {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Geometry => "geometry",
            Self::Zeroes => "zeroes",
            Self::Answers => "answers",
            Self::Success => "success",
            Self::Bounds => "bounds",
            Self::ReadYourWrites => "read-your-writes",
            Self::Runs => "runs",
            Self::Large => "large",
            Self::Overlap => "overlap",
            Self::Workload => "workload",
            Self::Stable => "stable",
            Self::FlushSurvives => "flush-survives",
            Self::FuaSurvives => "fua-survives",
            Self::AnsweredSurvives => "answered-survives",
            Self::CrashRange => "crash-range",
            Self::CrashVaries => "crash-varies",
        }
    }
}

/// A clause that a disk does not keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// Which one.
    pub clause: Clause,
    /// How it was seen.
    pub detail: String,
}

impl std::fmt::Display for Breach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.clause.name(), self.detail)
    }
}

impl std::error::Error for Breach {}

/// Checks every clause, the random ones with each of so many seeds.
///
/// # Errors
/// The first clause that the disk does not keep.
pub fn check<R: Rig>(rig: &mut R, seeds: u64) -> Result<(), Breach> {
    check_fresh(rig)?;
    check_bounds(rig)?;
    check_read_your_writes(rig)?;
    check_runs(rig)?;
    check_large(rig)?;
    for seed in (0..seeds).map(Seed) {
        check_overlap(rig, seed)?;
        check_workload(rig, seed)?;
    }
    if rig.crash_kind() == CrashKind::None {
        return Ok(());
    }
    let mut outcomes = CrashOutcomes::default();
    for seed in (0..seeds).map(Seed) {
        check_crash(rig, seed, &mut outcomes)?;
    }
    if rig.crash_kind() == CrashKind::PowerLoss { outcomes.check() } else { Ok(()) }
}

const SECTORS: u64 = 24;
const SECTOR_SIZE: usize = 16;

fn check_fresh<R: Rig>(rig: &mut R) -> Result<(), Breach> {
    for (sectors, sector_size) in [(1, 8), (SECTORS, SECTOR_SIZE), (200, 8), (4096, 512)] {
        let mut session = Session::new(rig, sectors, sector_size, Seed(0), Clause::Zeroes);
        let shape = (session.disk.len(), session.disk.sector_size(), session.disk.is_empty());
        if shape != (sectors, sector_size, false) {
            let detail = format!("made {sectors} of {sector_size} bytes, got {shape:?}");
            return Err(Breach { clause: Clause::Geometry, detail });
        }
        session.read(0, sectors as u32);
        session.drain()?;
    }
    Ok(())
}

fn check_bounds<R: Rig>(rig: &mut R) -> Result<(), Breach> {
    let mut session = Session::new(rig, SECTORS, SECTOR_SIZE, Seed(0), Clause::Bounds);
    let write = |at, bytes| Op::Write { at, payload: Payload::from(vec![7; bytes]), fua: false };
    for op in [
        Op::Read { at: SECTORS, len: 1 },
        Op::Read { at: 0, len: SECTORS as u32 + 1 },
        Op::Read { at: SECTORS - 1, len: 2 },
        Op::Read { at: u64::MAX, len: 1 },
        Op::Read { at: u64::MAX, len: 2 },
        Op::Read { at: 3, len: 0 },
        write(SECTORS, SECTOR_SIZE),
        write(SECTORS - 1, 2 * SECTOR_SIZE),
        write(0, (SECTORS as usize + 1) * SECTOR_SIZE),
        write(u64::MAX, SECTOR_SIZE),
        write(3, 0),
        write(3, SECTOR_SIZE - 1),
        write(3, SECTOR_SIZE + 1),
    ] {
        session.submit(op, Asked::Impossible);
    }
    session.drain()?;
    session.read(0, SECTORS as u32);
    session.drain()?;
    session.clause = Clause::ReadYourWrites;
    session.write(SECTORS - 1, 1, false);
    session.drain()?;
    session.read(SECTORS - 1, 1);
    session.drain()
}

fn check_read_your_writes<R: Rig>(rig: &mut R) -> Result<(), Breach> {
    let mut session = Session::new(rig, SECTORS, SECTOR_SIZE, Seed(0), Clause::ReadYourWrites);
    for round in 0..3 {
        for at in 0..SECTORS {
            session.write(at, 1, round == 1);
            session.drain()?;
            session.read(at, 1);
            session.drain()?;
        }
        session.flush();
        session.drain()?;
        session.read(0, SECTORS as u32);
        session.drain()?;
    }
    Ok(())
}

fn check_runs<R: Rig>(rig: &mut R) -> Result<(), Breach> {
    let mut session = Session::new(rig, SECTORS, SECTOR_SIZE, Seed(0), Clause::Runs);
    for at in 0..SECTORS {
        for len in 1..=(SECTORS - at) as u32 {
            session.write(at, len, false);
            session.drain()?;
            session.read(0, SECTORS as u32);
            session.read(at, len);
            session.drain()?;
        }
    }
    Ok(())
}

fn check_large<R: Rig>(rig: &mut R) -> Result<(), Breach> {
    const SIZE: u64 = 64 << 20;
    let (sectors, megabyte) = (SIZE / 512, (1 << 20) / 512);
    let mut session = Session::new(rig, sectors, 512, Seed(0), Clause::Large);
    for at in [0, 12_345, sectors - u64::from(megabyte)] {
        session.write(at, megabyte, false);
    }
    session.drain()?;
    session.write(12_400, 1, true);
    session.flush();
    session.drain()?;
    for at in [0, 11_111, 12_345, 13_000, sectors - u64::from(megabyte)] {
        session.read(at, megabyte);
    }
    session.drain()
}

fn check_overlap<R: Rig>(rig: &mut R, seed: Seed) -> Result<(), Breach> {
    let mut stream = seed.stream("contract/overlap");
    let mut session = Session::new(rig, SECTORS, SECTOR_SIZE, seed, Clause::Overlap);
    for _ in 0..8 {
        for _ in 0..3 {
            session.write(stream.below(4), stream.range(1..=6) as u32, false);
            session.read(stream.below(4), stream.range(1..=6) as u32);
        }
        session.drain()?;
        session.check_stable()?;
    }
    Ok(())
}

fn check_workload<R: Rig>(rig: &mut R, seed: Seed) -> Result<(), Breach> {
    let mut stream = seed.stream("contract/workload");
    let mut session = Session::new(rig, SECTORS, SECTOR_SIZE, seed, Clause::Workload);
    for _ in 0..4 {
        for _ in 0..40 {
            session.step(&mut stream)?;
        }
        session.drain()?;
        session.check_stable()?;
    }
    Ok(())
}

fn check_crash<R: Rig>(
    rig: &mut R,
    seed: Seed,
    outcomes: &mut CrashOutcomes,
) -> Result<(), Breach> {
    let mut stream = seed.stream("contract/crash");
    let kind = rig.crash_kind();
    let mut session = Session::new(rig, SECTORS, SECTOR_SIZE, seed, Clause::Workload);
    for _ in 0..4 {
        for _ in 0..stream.range(1..=24) {
            session.step(&mut stream)?;
        }
        session = session.crash(&mut stream, kind, Some(outcomes))?;
        if kind == CrashKind::PowerLoss && stream.chance(Ratio::new(1, 2)) {
            // What a power loss has left is durable: another one changes nothing.
            session = session.crash(&mut stream, kind, None)?;
        }
    }
    Ok(())
}
