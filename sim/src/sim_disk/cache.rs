//! A volatile cache over a medium: which version of a sector a reader sees, which is durable, and
//! which a crash may leave. It knows no requests and no time.

use std::ops::Range;

use colo_core::Payload;

use crate::crash::Choose;
use crate::pages::Pages;

/// A write that has not been answered yet.
pub(super) const UNANSWERED: u64 = u64::MAX;

/// See the module's head.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    /// What a reader sees.
    seen: Pages,
    /// What a power loss cannot take back.
    durable: Pages,
    /// What took effect and is not durable yet, in order of effect. Where a later
    /// version of a sector is durable the earlier ones are cut away.
    unflushed: Vec<Version>,
    unflushed_max: usize,
}

/// One write, or what is left of it, in the cache.
#[derive(Debug, Clone)]
struct Version {
    at: u64,
    end: u64,
    payload: Payload,
    /// Which submission it belongs to; pieces of one write lie next to each other.
    seq: u64,
    /// How many requests had been answered when this was, itself included, or [`UNANSWERED`].
    answered: u64,
}

/// Writes that have not taken effect, in order of submission: first sector and contents.
pub(super) type InFlight<'a> = [(u64, &'a Payload)];

impl Cache {
    /// Of a disk of zeroes; with more than `unflushed_max` unflushed writes the older half is written back.
    pub(super) fn new(zeroes: Pages, unflushed_max: usize) -> Self {
        let unflushed_max = unflushed_max.max(1);
        Self { seen: zeroes.clone(), durable: zeroes, unflushed: Vec::new(), unflushed_max }
    }

    /// What a reader sees.
    #[inline]
    pub(super) fn seen(&self) -> &Pages {
        &self.seen
    }

    /// What a power loss cannot take back.
    pub(super) fn durable(&self) -> &Pages {
        &self.durable
    }

    /// Contents that were always there.
    pub(super) fn preload(&mut self, at: u64, bytes: &[u8]) {
        self.seen.write(at, bytes);
        self.durable.write(at, bytes);
    }

    /// A write takes effect.
    #[inline]
    pub(super) fn write(&mut self, at: u64, payload: Payload, seq: u64, answered: u64) {
        self.seen.write(at, &payload);
        if self.unflushed.len() >= self.unflushed_max {
            self.write_back();
        }
        let end = at + (payload.len() / self.sector_size()) as u64;
        self.unflushed.push(Version { at, end, payload, seq, answered });
    }

    /// A write takes effect and is durable at once.
    pub(super) fn write_through(&mut self, at: u64, payload: &Payload) {
        self.seen.write(at, payload);
        self.durable.write(at, payload);
        let end = at + (payload.len() / self.sector_size()) as u64;
        let size = self.sector_size();
        cut(&mut self.unflushed, at..end, size);
    }

    /// A write that took effect before is answered, as that of so many requests.
    pub(super) fn answered(&mut self, seq: u64, answered: u64) {
        let pieces = self.pieces(seq);
        for version in &mut self.unflushed[pieces] {
            version.answered = answered;
        }
    }

    /// Makes one cached write durable, and earlier versions of its sectors void.
    pub(super) fn force(&mut self, seq: u64) {
        let pieces = self.pieces(seq);
        if pieces.is_empty() {
            return;
        }
        let size = self.sector_size();
        let mut forced = self.unflushed.split_off(pieces.start);
        let later = forced.split_off(pieces.len());
        for version in forced {
            self.durable.write(version.at, &version.payload);
            cut(&mut self.unflushed, version.at..version.end, size);
        }
        self.unflushed.extend(later);
    }

    /// Makes durable what was among the first `answered_max` answers.
    pub(super) fn flush(&mut self, answered_max: u64) {
        if self.unflushed.iter().all(|version| version.answered <= answered_max) {
            for version in self.unflushed.drain(..) {
                self.durable.write(version.at, &version.payload);
            }
            return;
        }
        let size = self.sector_size();
        let mut kept = Vec::new();
        for version in std::mem::take(&mut self.unflushed) {
            if version.answered <= answered_max {
                self.durable.write(version.at, &version.payload);
                cut(&mut kept, version.at..version.end, size);
            } else {
                kept.push(version);
            }
        }
        self.unflushed = kept;
    }

    /// The distinct contents that a power loss could leave in a sector: the durable ones, then those
    /// of unflushed writes in order of effect, then those in flight.
    pub(super) fn survivors<'a>(&'a self, sector: u64, in_flight: &InFlight<'a>) -> Vec<&'a [u8]> {
        let mut found = vec![self.durable.sector(sector)];
        for (at, bytes) in self.unflushed().chain(in_flight.iter().copied()) {
            if let Some(contents) = sector_of(at, bytes.as_slice(), sector, self.sector_size())
                && !found.contains(&contents)
            {
                found.push(contents);
            }
        }
        found
    }

    /// Shows each sector of which a power loss could leave one of several contents, in order of
    /// sectors, and these contents as [`Cache::survivors`] orders them.
    pub(super) fn each_uncertain<'a>(
        &'a self,
        in_flight: &InFlight<'a>,
        show: impl FnMut(u64, &[&'a [u8]]),
    ) {
        each_uncertain(&self.durable, self.unflushed().chain(in_flight.iter().copied()), show);
    }

    /// The power fails: of each uncertain sector the chosen version is left, and durable.
    pub(super) fn power_loss(&mut self, in_flight: &InFlight<'_>, choose: &mut Choose<'_>) {
        let writes = self.unflushed().chain(in_flight.iter().copied());
        let left = choices(&self.durable, writes, choose);
        self.unflushed.clear();
        for (sector, contents) in left {
            self.durable.write(sector, &contents);
        }
        self.seen = self.durable.clone();
    }

    /// The process dies, and so many requests were answered: of each sector in flight the chosen
    /// version lands, as a write of its own, numbered from `seq` on. Gives the number after the last.
    pub(super) fn process_death(
        &mut self,
        in_flight: &InFlight<'_>,
        answered: u64,
        mut seq: u64,
        choose: &mut Choose<'_>,
    ) -> u64 {
        let landed = choices(&self.seen, in_flight.iter().copied(), choose);
        // A new process finds all of this in the cache: its first flush covers it.
        for version in &mut self.unflushed {
            version.answered = answered;
        }
        for (sector, contents) in landed {
            self.write(sector, contents, seq, answered);
            seq += 1;
        }
        seq
    }

    fn sector_size(&self) -> usize {
        self.seen.sector_size()
    }

    fn unflushed(&self) -> impl Iterator<Item = (u64, &Payload)> {
        self.unflushed.iter().map(|version| (version.at, &version.payload))
    }

    /// The cache is full: the older half goes to the medium.
    fn write_back(&mut self) {
        let older = self.unflushed.len().div_ceil(2);
        for version in self.unflushed.drain(..older) {
            self.durable.write(version.at, &version.payload);
        }
    }

    /// What is left in the cache of one write: nothing, if later ones made it durable or void.
    fn pieces(&self, seq: u64) -> Range<usize> {
        let Some(last) = self.unflushed.iter().rposition(|version| version.seq == seq) else {
            return 0..0;
        };
        let count = self.unflushed[..last].iter().rev().take_while(|v| v.seq == seq).count();
        last - count..last + 1
    }
}

/// Asks for each sector that has versions other than `base` which one is left, and
/// gives those that are not `base`'s, in order of sectors.
fn choices<'a>(
    base: &'a Pages,
    writes: impl Iterator<Item = (u64, &'a Payload)>,
    choose: &mut Choose<'_>,
) -> Vec<(u64, Payload)> {
    let mut left = Vec::new();
    each_uncertain(base, writes, |sector, contents| {
        let chosen = choose(sector, contents.len());
        if chosen > 0 {
            left.push((sector, Payload::copy_from(contents[chosen])));
        }
    });
    left
}

/// Shows each sector that has versions other than `base`'s, in order of sectors, with the distinct
/// contents that it may have: `base`'s first, the others in order of the writes.
fn each_uncertain<'a>(
    base: &'a Pages,
    writes: impl Iterator<Item = (u64, &'a Payload)>,
    mut show: impl FnMut(u64, &[&'a [u8]]),
) {
    let size = base.sector_size();
    let mut versions: Vec<(u64, &[u8])> = writes
        .flat_map(|(at, payload)| (at..).zip(payload.as_slice().chunks_exact(size)))
        .collect();
    versions.sort_by_key(|&(sector, _)| sector);
    let mut distinct: Vec<&[u8]> = Vec::new();
    for group in versions.chunk_by(|a, b| a.0 == b.0) {
        let sector = group[0].0;
        distinct.clear();
        distinct.push(base.sector(sector));
        for &(_, contents) in group {
            if !distinct.contains(&contents) {
                distinct.push(contents);
            }
        }
        if distinct.len() > 1 {
            show(sector, &distinct);
        }
    }
}

/// The bytes of `sector` in a write of `bytes` from sector `at` on, if it is there.
fn sector_of(at: u64, bytes: &[u8], sector: u64, size: usize) -> Option<&[u8]> {
    let from = usize::try_from(sector.checked_sub(at)?).ok()? * size;
    bytes.get(from..from + size)
}

/// Cuts the sectors of `range` out of `versions`, in whose place something later is durable.
fn cut(versions: &mut Vec<Version>, range: Range<u64>, size: usize) {
    let overlaps = |version: &Version| version.at < range.end && range.start < version.end;
    if !versions.iter().any(overlaps) {
        return;
    }
    for version in std::mem::take(versions) {
        if !overlaps(&version) {
            versions.push(version);
            continue;
        }
        for piece in [version.at..range.start, range.end..version.end] {
            if piece.start < piece.end {
                let from = (piece.start - version.at) as usize * size;
                let to = (piece.end - version.at) as usize * size;
                let payload = version.payload.slice(from, to);
                versions.push(Version { at: piece.start, end: piece.end, payload, ..version });
            }
        }
    }
}
