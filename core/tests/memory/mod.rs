//! A disk in memory that takes every liberty its contract leaves it, and a slow twin of what a
//! disk may answer.
//!
//! Requests take effect when they are submitted or when they are answered, are answered in any
//! order, and a power loss keeps or drops every sector that no flush covers. Which of it happens
//! is drawn from a list of numbers, so that a test case is that list.

use colo_core::{Completion, Disk, Errno, Geometry, Layout, Op, Payload, Request, disk::in_bounds};

/// Bytes in a sector: one number.
pub(crate) const SECTOR: usize = 8;

/// Numbers to decide with, from the first again after the last.
#[derive(Debug, Clone)]
pub(crate) struct Draws {
    numbers: Vec<u16>,
    next: usize,
}

impl Draws {
    /// The same numbers, each `stream` from another place on.
    pub(crate) fn new(numbers: &[u16], stream: usize) -> Self {
        Self { numbers: numbers.to_vec(), next: stream * 7 }
    }

    /// A number below `bound`; 0 if there are no numbers.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.next += 1;
        let number = self.numbers.get(self.next % self.numbers.len().max(1));
        usize::from(number.copied().unwrap_or(0)) % bound
    }
}

/// One of the contents that a sector had since it was last durable.
#[derive(Debug, Clone, Copy)]
struct Version {
    number: u64,
    /// When the write was submitted; 0 for what was there before.
    write: u64,
    /// When it was answered with success.
    answered: Option<u64>,
}

#[derive(Debug, Clone)]
struct Pending {
    request: Request,
    submitted: u64,
    /// The answer, where the request took effect at once.
    early: Option<Result<Payload, Errno>>,
}

/// The disk.
#[derive(Debug, Clone)]
pub(crate) struct MemoryDisk {
    /// The versions of each sector: durable first, current last.
    sectors: Vec<Vec<Version>>,
    pending: Vec<Pending>,
    draws: Draws,
    /// One request in so many fails; 0: none.
    pub(crate) fail_one_in: usize,
    time: u64,
}

impl MemoryDisk {
    pub(crate) fn new(contents: &[u64], draws: Draws) -> Self {
        let durable = |&number| vec![Version { number, write: 0, answered: Some(0) }];
        let sectors = contents.iter().map(durable).collect();
        Self { sectors, pending: Vec::new(), draws, fail_one_in: 0, time: 0 }
    }

    /// A new overlay's disk.
    pub(crate) fn overlay(geometry: &Geometry, draws: Draws) -> Self {
        let sectors = Layout::new(geometry).disk_sectors(geometry) as usize;
        let mut contents = vec![0; sectors];
        contents[0] = numbers(&Layout::header(geometry))[0];
        Self::new(&contents, draws)
    }

    /// What every sector holds.
    pub(crate) fn contents(&self) -> Vec<u64> {
        let current = |versions: &Vec<Version>| versions[versions.len() - 1].number;
        self.sectors.iter().map(current).collect()
    }

    /// Whether no request is in flight.
    pub(crate) fn quiet(&self) -> bool {
        self.pending.is_empty()
    }

    /// The power goes: of what is not durable any part may stay.
    pub(crate) fn power_loss(&mut self) {
        self.pending.clear();
        for versions in &mut self.sectors {
            let Version { number, .. } = versions[self.draws.below(versions.len())];
            *versions = vec![Version { number, write: 0, answered: Some(0) }];
        }
    }

    fn perform(&mut self, op: &Op, submitted: u64) -> Result<Payload, Errno> {
        if !in_bounds(op, self.len(), SECTOR) {
            return Err(Errno::Invalid);
        }
        let fails = self.fail_one_in > 0 && self.draws.below(self.fail_one_in) == 0;
        match op {
            Op::Write { at, payload, .. } => {
                for (number, sector) in numbers(payload).into_iter().zip(*at as usize..) {
                    if !fails || self.draws.below(2) == 0 {
                        let version = Version { number, write: submitted, answered: None };
                        self.sectors[sector].push(version);
                    }
                }
            }
            Op::Flush if !fails => self.flush(submitted),
            Op::Flush | Op::Read { .. } => {}
        }
        if let Op::Write { at, payload, fua: true } = op
            && !fails
        {
            // It is answered now or later; either way nothing older comes back.
            let end = *at as usize + payload.len() / SECTOR;
            for versions in &mut self.sectors[*at as usize..end] {
                versions.drain(..versions.len() - 1);
            }
        }
        match op {
            _ if fails => Err(Errno::Io),
            Op::Read { at, len } => {
                let from = *at as usize;
                Ok(payload(&self.contents()[from..from + *len as usize]))
            }
            _ => Ok(Payload::EMPTY),
        }
    }

    fn flush(&mut self, submitted: u64) {
        for versions in &mut self.sectors {
            let covered = |version: &Version| version.answered.is_some_and(|at| at < submitted);
            let durable = versions.iter().rposition(covered);
            versions.drain(..durable.unwrap_or(0));
        }
    }

    fn answered(&mut self, write: u64) {
        for version in self.sectors.iter_mut().flatten().filter(|version| version.write == write) {
            version.answered = Some(self.time);
        }
    }
}

impl Disk for MemoryDisk {
    fn sector_size(&self) -> usize {
        SECTOR
    }

    fn len(&self) -> u64 {
        self.sectors.len() as u64
    }

    fn submit(&mut self, request: Request) {
        self.time += 1;
        let submitted = self.time;
        let at_once = self.draws.below(2) == 0;
        let early = at_once.then(|| self.perform(&request.op, submitted));
        self.pending.push(Pending { request, submitted, early });
    }

    fn poll(&mut self) -> Option<Completion> {
        if self.quiet() {
            return None;
        }
        let place = self.draws.below(self.pending.len());
        let Pending { request, submitted, early } = self.pending.remove(place);
        let result = early.unwrap_or_else(|| self.perform(&request.op, submitted));
        self.time += 1;
        if result.is_ok() {
            self.answered(submitted);
        }
        Some(Completion { id: request.id, result })
    }
}

/// Sectors as numbers.
pub(crate) fn numbers(bytes: &[u8]) -> Vec<u64> {
    let number = |sector: &[u8]| u64::from_le_bytes(sector.try_into().expect("whole sectors"));
    bytes.chunks(SECTOR).map(number).collect()
}

/// Numbers as sectors.
pub(crate) fn payload(numbers: &[u64]) -> Payload {
    Payload::from(numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>())
}

/// A write to one sector, and when it was under way.
#[derive(Debug, Clone, Copy)]
struct Write {
    number: u64,
    submitted: u64,
    /// Never, if it failed: then it may show for ever, or not at all.
    answered: Option<u64>,
}

/// The slow twin of a device: every write there ever was, sector by sector.
#[derive(Debug, Clone)]
pub(crate) struct Twin(Vec<Vec<Write>>);

impl Twin {
    pub(crate) fn new(contents: &[u64]) -> Self {
        let known = |&number| vec![Write { number, submitted: 0, answered: Some(0) }];
        Self(contents.iter().map(known).collect())
    }

    pub(crate) fn submitted(&mut self, at: u64, numbers: &[u64], now: u64) {
        for (&number, writes) in numbers.iter().zip(&mut self.0[at as usize..]) {
            writes.push(Write { number, submitted: now, answered: None });
        }
    }

    /// The write that was submitted then succeeded.
    pub(crate) fn answered(&mut self, submitted: u64, now: u64) {
        for write in self.0.iter_mut().flatten().filter(|write| write.submitted == submitted) {
            write.answered = Some(now);
        }
    }

    /// What a read that was submitted at `since` may find at `sector`: whatever no other write
    /// replaced, begun after it and over before the read.
    pub(crate) fn allowed(&self, sector: usize, since: u64) -> Vec<u64> {
        let writes = &self.0[sector];
        let replaced = |old: &Write| {
            writes.iter().any(|new| {
                old.answered.is_some_and(|end| end < new.submitted)
                    && new.answered.is_some_and(|end| end < since)
            })
        };
        writes.iter().filter(|write| !replaced(write)).map(|write| write.number).collect()
    }

    /// The first sector from `at` on that holds what it must not, and what it may hold.
    pub(crate) fn wrong(&self, at: u64, found: &[u64], since: u64) -> Option<String> {
        found.iter().zip(at as usize..).find_map(|(found, sector)| {
            let allowed = self.allowed(sector, since);
            (!allowed.contains(found))
                .then(|| format!("sector {sector} holds {found}, not one of {allowed:?}"))
        })
    }
}
