//! All that a sector may hold: the slow side of the contract suite.

use std::collections::BTreeMap;

use super::{Breach, Clause, CrashKind};

/// All that one sector may hold.
pub(super) struct Sector {
    /// In order of submission, since the disk was made or found after a crash.
    pub(super) writes: Vec<Write>,
    /// What a read saw while no write was in flight, and when the last write had been answered.
    pub(super) settled: Option<(u32, u64)>,
}

/// One write to one sector.
#[derive(Debug, Clone, Copy)]
pub(super) struct Write {
    pub(super) number: u32,
    pub(super) submitted: u64,
    pub(super) answered: Option<u64>,
    /// Which clause promises that it survives.
    pub(super) promised: Option<Clause>,
}

/// Why a read may not see what it saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Void {
    /// Nobody wrote it there.
    Unwritten,
    /// It had been overwritten before the read.
    Overwritten,
    /// An earlier read saw another, and nothing was written since.
    Unsettled,
}

impl Sector {
    pub(super) fn holding(write: Write) -> Self {
        Self { writes: vec![write], settled: None }
    }

    /// Judges a read: it may see any write that was not, for certain, overwritten by
    /// one that began after its answer and was answered before the read began.
    pub(super) fn read(&mut self, found: Option<u32>, submitted: u64) -> Result<(), Void> {
        let before = |write: &Write| write.answered.is_some_and(|answered| answered < submitted);
        let overwritten = self.newest(before).map_or(0, |write| write.submitted);
        let seen = self.writes.iter().rev().find(|write| Some(write.number) == found);
        let seen = *seen.ok_or(Void::Unwritten)?;
        if seen.answered.is_some_and(|answered| answered < overwritten) {
            return Err(Void::Overwritten);
        }
        if let Some((number, at)) = self.settled
            && number != seen.number
            && at < submitted
            && seen.answered.is_some_and(|answered| answered <= at)
        {
            return Err(Void::Unsettled);
        }
        if self.writes.iter().all(before) {
            let last_answer = self.writes.iter().filter_map(|write| write.answered).max();
            self.settled = last_answer.map(|at| (seen.number, at));
        }
        Ok(())
    }

    /// Judges what a crash left: any write that was not overwritten by a promised one.
    pub(super) fn judge_crash(&self, found: Option<u32>, kind: CrashKind) -> Result<u32, Clause> {
        let seen = self.writes.iter().rev().find(|write| Some(write.number) == found);
        let seen = seen.ok_or(Clause::CrashRange)?;
        let promised = self.newest(|write| match kind {
            CrashKind::PowerLoss => write.promised.is_some(),
            _ => write.answered.is_some(),
        });
        match promised {
            Some(other) if seen.answered.is_some_and(|answered| answered < other.submitted) => {
                match kind {
                    CrashKind::PowerLoss => Err(other.promised.unwrap_or(Clause::CrashRange)),
                    _ => Err(Clause::AnsweredSurvives),
                }
            }
            _ => Ok(seen.number),
        }
    }

    /// The last write, if nothing else was being written when it was submitted.
    pub(super) fn last_alone(&self) -> Option<&Write> {
        let (last, others) = self.writes.split_last()?;
        let before = |other: &Write| other.answered.is_some_and(|at| at < last.submitted);
        others.iter().all(before).then_some(last)
    }

    /// The last submitted of the writes that are `such`.
    pub(super) fn newest(&self, such: impl Fn(&Write) -> bool) -> Option<&Write> {
        self.writes.iter().rfind(|write| such(write))
    }
}

/// The contents that write `number` gives to a sector: unlike those of any other write, and
/// of any other sector. Number 0 is zeroes.
pub(super) fn stamp(number: u32, sector: u64, size: usize) -> impl Iterator<Item = u8> {
    let seed = (u64::from(number) << 32) | (sector & 0xffff_ffff);
    (0..size as u64).map(move |at| {
        if number == 0 {
            return 0;
        }
        let word = seed ^ (at / 8).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        word.to_be_bytes()[(at % 8) as usize]
    })
}

/// Which write these are the contents of, if of any.
pub(super) fn number_of(bytes: &[u8], sector: u64) -> Option<u32> {
    let head = bytes.first_chunk::<4>().expect("a sector of eight bytes at least");
    let number = u32::from_be_bytes(*head);
    stamp(number, sector, bytes.len()).eq(bytes.iter().copied()).then_some(number)
}

pub(super) fn told(number: Option<u32>) -> String {
    match number {
        None => "what nobody wrote there".into(),
        Some(0) => "zeroes".into(),
        Some(number) => format!("write {number}"),
    }
}

/// What became of the unflushed sectors, over all seeds.
#[derive(Debug, Default)]
pub(super) struct CrashOutcomes {
    kept: u64,
    lost: u64,
    torn: u64,
}

impl CrashOutcomes {
    /// Counts what was found, sector by sector, of writes that nothing promised.
    pub(super) fn count(&mut self, sectors: &[Sector], found: &[u32]) {
        let mut landed: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
        for (sector, &found) in sectors.iter().zip(found) {
            let Some(last) = sector.last_alone().filter(|last| last.promised.is_none()) else {
                continue;
            };
            let (hits, of) = landed.entry(last.number).or_default();
            *hits += u64::from(found == last.number);
            *of += 1;
            if last.number > 0 && last.answered.is_some() {
                self.kept += u64::from(found == last.number);
                self.lost += u64::from(found != last.number);
            }
        }
        landed.remove(&0);
        self.torn += landed.values().filter(|(hits, of)| (1..*of).contains(hits)).count() as u64;
    }

    pub(super) fn check(&self) -> Result<(), Breach> {
        if self.kept > 0 && self.lost > 0 && self.torn > 0 {
            return Ok(());
        }
        let Self { kept, lost, torn } = self;
        let detail = format!(
            "of answered, unflushed sectors {kept} were kept and {lost} lost, and {torn} requests torn"
        );
        Err(Breach { clause: Clause::CrashVaries, detail })
    }
}
