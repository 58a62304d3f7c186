//! A disk with a volatile cache, latency and simulated time.
//!
//! # Fault model
//!
//! - **Latency.** Each request takes between `latency_min_ns` and `latency_max_ns`,
//!   drawn alike, from the time of its submission. Completions come in order of due time, and of
//!   submission where that is equal; so requests overtake each other.
//! - **Effect.** Each request draws whether its effect, a write's change of the cached
//!   contents or a read's sample of them, happens as it is submitted or as it is answered. Both
//!   are within the contract, and they show different races. A write takes effect as a whole.
//! - **Cache.** A write changes the cached contents. A flush makes durable, as it is
//!   answered, the writes that were answered before it was submitted; a write with `fua` makes
//!   itself durable as it is answered. A write that has taken effect but was not answered when the
//!   flush was submitted is not covered by it.
//! - **Power loss.** Each sector is left with its durable version, with any
//!   version written since, or with that of a write in flight, independently of
//!   every other sector: requests tear at sector boundaries, never within.
//! - **Process death.** The cache is kept. Writes in flight that have taken effect
//!   stay; each sector of the others lands or does not.
//! - **Write-back.** With more than `unflushed_max` unflushed writes the older half
//!   goes to the medium, as a full cache would do. It bounds the memory of a run
//!   without flushes; below that nothing becomes durable unasked, since what could
//!   have been written back is chosen at the power loss.
//! - **Stall.** While it is stalled or held nothing is answered. Time still passes.
//!
//! It returns no errors but for ranges that are not on the disk, and keeps
//! the contract always: errors are [`crate::faulty`]'s, lies are [`crate::lying`]'s.

mod cache;

use std::collections::VecDeque;

use colo_core::disk::in_bounds;
use colo_core::{Completion, Disk, Errno, Op, Payload, Request, RequestId, Time};

use crate::crash::{Choose, CrashDisk, at_random};
use crate::pages::Pages;
use crate::stream::Stream;
use cache::{Cache, UNANSWERED};

/// The shape and the speed of a [`SimDisk`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SimDiskOptions {
    /// Length in sectors.
    pub sectors: u64,
    /// Bytes in a sector.
    pub sector_size: usize,
    /// The fastest answer, in nanoseconds after the submission.
    pub latency_min_ns: u64,
    /// The slowest answer, in nanoseconds after the submission.
    pub latency_max_ns: u64,
    /// How many writes the cache holds before it writes back the older half unasked.
    pub unflushed_max: usize,
}

impl Default for SimDiskOptions {
    /// 64 sectors of eight bytes, 20 to 200 microseconds.
    fn default() -> Self {
        Self {
            sectors: 64,
            sector_size: 8,
            latency_min_ns: 20_000,
            latency_max_ns: 200_000,
            unflushed_max: 1024,
        }
    }
}

/// See the module's head. A clone is an independent disk in the same state.
#[derive(Debug, Clone)]
pub struct SimDisk {
    options: SimDiskOptions,
    stream: Stream,
    now: Time,
    /// `Time::ZERO` when not stalled, [`HELD`] until further notice.
    stalled_until: Time,
    cache: Cache,
    /// Which slot is due when, soonest first, then in order of submission.
    due: VecDeque<Due>,
    slots: Vec<Slot>,
    slots_free: Vec<u32>,
    requests_submitted: u64,
    requests_answered: u64,
}

const HELD: Time = Time(u64::MAX);

#[derive(Debug, Clone, Copy)]
struct Due {
    at: Time,
    slot: u32,
}

#[derive(Debug, Clone)]
struct Slot {
    id: RequestId,
    seq: u64,
    work: Work,
}

/// What is left to do when a request is answered.
#[derive(Debug, Clone)]
enum Work {
    /// Nobody's slot.
    Free,
    /// Not on the disk.
    Refuse,
    /// Samples the contents then.
    Read { at: u64, len: u32 },
    /// Has sampled the contents already.
    ReadDone(Payload),
    /// Changes the contents then.
    Write { at: u64, payload: Payload, fua: bool },
    /// Has changed the contents already.
    WriteDone { fua: bool },
    /// Makes durable what was answered by then.
    Flush { answered_max: u64 },
}

impl SimDisk {
    /// A disk of zeroes at time zero. Latencies and effects follow `stream`.
    pub fn new(options: SimDiskOptions, stream: Stream) -> Self {
        assert!(options.latency_min_ns <= options.latency_max_ns, "latencies are the wrong way");
        let zeroes = Pages::new(options.sectors, options.sector_size);
        Self {
            options,
            stream,
            now: Time::ZERO,
            stalled_until: Time::ZERO,
            cache: Cache::new(zeroes, options.unflushed_max),
            due: VecDeque::new(),
            slots: Vec::new(),
            slots_free: Vec::new(),
            requests_submitted: 0,
            requests_answered: 0,
        }
    }

    /// The shape and the speed it was made with.
    pub fn options(&self) -> &SimDiskOptions {
        &self.options
    }

    /// Lets time pass. It never goes back.
    #[inline]
    pub fn advance(&mut self, now: Time) {
        assert!(self.now <= now, "time went back from {} to {now}", self.now);
        self.now = now;
    }

    /// The time it was told last.
    pub fn now(&self) -> Time {
        self.now
    }

    /// When the next answer can be polled, which may lie in the past; `None` if
    /// nothing is in flight or the disk is held.
    #[inline]
    pub fn next_due(&self) -> Option<Time> {
        let first = self.due.front()?;
        (self.stalled_until != HELD).then(|| first.at.max(self.stalled_until))
    }

    /// Requests submitted and not answered yet.
    #[inline]
    pub fn in_flight(&self) -> usize {
        self.due.len()
    }

    /// The numbers of the requests in flight, unless it is stalled beyond `at`; in no order.
    pub fn pending(&self, at: Time) -> impl Iterator<Item = u64> {
        let open = self.stalled_until <= at;
        self.due.iter().filter(move |_| open).map(|due| self.slots[due.slot as usize].seq)
    }

    /// The request of this number is the next to be answered, at this time, however long it would have taken.
    ///
    /// # Panics
    /// If none of this number is in flight.
    pub fn make_due(&mut self, seq: u64, at: Time) {
        let place = self.due.iter().position(|due| self.slots[due.slot as usize].seq == seq);
        let due = place.and_then(|place| self.due.remove(place)).expect("it is in flight");
        self.due.push_front(Due { at, ..due });
    }

    /// Answers nothing before `until`; replaces an earlier stall or hold.
    pub fn stall(&mut self, until: Time) {
        self.stalled_until = until;
    }

    /// Answers nothing until it is released or stalled for a while instead.
    pub fn hold(&mut self) {
        self.stalled_until = HELD;
    }

    /// Ends a stall or a hold: what was due meanwhile is due at once.
    pub fn release(&mut self) {
        self.stalled_until = Time::ZERO;
    }

    /// What a reader would see in this sector now, without a request.
    #[inline]
    pub fn peek(&self, sector: u64) -> &[u8] {
        self.cache.seen().sector(sector)
    }

    /// What a power loss cannot take back in this sector.
    pub fn peek_durable(&self, sector: u64) -> &[u8] {
        self.cache.durable().sector(sector)
    }

    /// All that readers see.
    pub fn cached(&self) -> &Pages {
        self.cache.seen()
    }

    /// All that a power loss cannot take back.
    pub fn durable(&self) -> &Pages {
        self.cache.durable()
    }

    /// Puts durable contents on a disk that has not been used yet.
    pub fn preload(&mut self, at: u64, bytes: &[u8]) {
        assert_eq!(self.requests_submitted, 0, "the disk is in use");
        self.cache.preload(at, bytes);
    }

    /// The distinct contents that a power loss right now could leave in this sector:
    /// the durable ones first, then unflushed ones in order of effect, then those
    /// of writes in flight in order of submission.
    pub fn survivors(&self, sector: u64) -> impl Iterator<Item = &[u8]> {
        self.cache.survivors(sector, &writes_in_flight(&self.slots)).into_iter()
    }

    /// The sectors of which a power loss right now could leave one of several contents,
    /// and how many, in order: what [`CrashDisk::power_loss`] would ask for.
    pub fn uncertain(&self) -> Vec<(u64, usize)> {
        let mut asked = Vec::new();
        self.clone().power_loss(&mut |sector, versions| {
            asked.push((sector, versions));
            0
        });
        asked
    }

    /// Shows each sector of which a power loss right now could leave one of several contents, in
    /// order of sectors, and these contents as [`SimDisk::survivors`] numbers them.
    pub fn each_uncertain<'a>(&'a self, show: impl FnMut(u64, &[&'a [u8]])) {
        self.cache.each_uncertain(&writes_in_flight(&self.slots), show);
    }

    /// A power loss that leaves any of the possible contents with the same likelihood.
    pub fn power_loss_random(&mut self, stream: &mut Stream) {
        self.power_loss(&mut at_random(stream));
    }

    /// A process death after which writes in flight have landed, or not, at random.
    pub fn process_death_random(&mut self, stream: &mut Stream) {
        self.process_death(&mut at_random(stream));
    }

    /// Draws how long a request takes and whether its effect comes at once. One draw:
    /// the lowest bit for the effect, the others for the latency by multiplication, which
    /// favours no latency by more than one in 2^63 / span.
    #[inline]
    fn draw(&mut self) -> (u64, bool) {
        let word = self.stream.next_u64();
        let span = u128::from(self.options.latency_max_ns - self.options.latency_min_ns) + 1;
        let offset = (u128::from(word >> 1) * span) >> 63;
        (self.options.latency_min_ns + offset as u64, word & 1 == 1)
    }

    /// Turns a request into what is left to do when it is answered.
    fn begin(&mut self, op: Op, seq: u64, at_once: bool) -> Work {
        if !in_bounds(&op, self.options.sectors, self.options.sector_size) {
            return Work::Refuse;
        }
        match op {
            Op::Read { at, len } if at_once => Work::ReadDone(self.cache.seen().read(at, len)),
            Op::Read { at, len } => Work::Read { at, len },
            Op::Write { at, payload, fua } if at_once => {
                self.cache.write(at, payload, seq, UNANSWERED);
                Work::WriteDone { fua }
            }
            Op::Write { at, payload, fua } => Work::Write { at, payload, fua },
            Op::Flush => Work::Flush { answered_max: self.requests_answered },
        }
    }

    /// Does what is left to do when a request is answered.
    fn finish(&mut self, work: Work, seq: u64) -> Result<Payload, Errno> {
        match work {
            Work::Free => unreachable!("a free slot is not due"),
            Work::Refuse => return Err(Errno::Invalid),
            Work::Read { at, len } => return Ok(self.cache.seen().read(at, len)),
            Work::ReadDone(payload) => return Ok(payload),
            Work::Write { at, payload, fua: true } => self.cache.write_through(at, &payload),
            Work::Write { at, payload, fua: false } => {
                self.cache.write(at, payload, seq, self.requests_answered);
            }
            Work::WriteDone { fua: true } => self.cache.force(seq),
            Work::WriteDone { fua: false } => self.cache.answered(seq, self.requests_answered),
            Work::Flush { answered_max } => self.cache.flush(answered_max),
        }
        Ok(Payload::EMPTY)
    }

    /// Forgets all requests in flight.
    fn abandon(&mut self) {
        self.due.clear();
        self.slots.clear();
        self.slots_free.clear();
    }
}

impl Disk for SimDisk {
    fn sector_size(&self) -> usize {
        self.options.sector_size
    }

    fn len(&self) -> u64 {
        self.options.sectors
    }

    fn submit(&mut self, request: Request) {
        let (latency_ns, at_once) = self.draw();
        let seq = self.requests_submitted;
        self.requests_submitted += 1;
        let work = self.begin(request.op, seq, at_once);
        let slot = Slot { id: request.id, seq, work };
        let index = if let Some(index) = self.slots_free.pop() {
            self.slots[index as usize] = slot;
            index
        } else {
            self.slots.push(slot);
            (self.slots.len() - 1) as u32
        };
        let due = Due { at: self.now.after(latency_ns), slot: index };
        let behind = self.due.iter().rev().take_while(|other| other.at > due.at).count();
        self.due.insert(self.due.len() - behind, due);
    }

    fn poll(&mut self) -> Option<Completion> {
        let first = self.due.front()?;
        if first.at > self.now || self.stalled_until > self.now {
            return None;
        }
        let index = first.slot;
        self.due.pop_front();
        self.slots_free.push(index);
        let slot = &mut self.slots[index as usize];
        let (id, seq) = (slot.id, slot.seq);
        let work = std::mem::replace(&mut slot.work, Work::Free);
        self.requests_answered += 1;
        Some(Completion { id, result: self.finish(work, seq) })
    }
}

impl CrashDisk for SimDisk {
    /// Versions are numbered as [`SimDisk::survivors`] gives them. Asks only where there
    /// is more than one, in order of sectors.
    fn power_loss(&mut self, choose: &mut Choose<'_>) {
        self.cache.power_loss(&writes_in_flight(&self.slots), choose);
        self.abandon();
    }

    /// Version 0 is what the sector holds, the others what the writes in flight that
    /// have not taken effect would put there, in order of submission.
    fn process_death(&mut self, choose: &mut Choose<'_>) {
        let in_flight = writes_in_flight(&self.slots);
        let (answered, submitted) = (self.requests_answered, self.requests_submitted);
        self.requests_submitted = self.cache.process_death(&in_flight, answered, submitted, choose);
        self.abandon();
    }
}

/// Writes that have not taken effect, in order of submission.
fn writes_in_flight(slots: &[Slot]) -> Vec<(u64, &Payload)> {
    let mut writes: Vec<_> = slots
        .iter()
        .filter_map(|slot| match &slot.work {
            Work::Write { at, payload, .. } => Some((slot.seq, (*at, payload))),
            _ => None,
        })
        .collect();
    writes.sort_unstable_by_key(|&(seq, _)| seq);
    writes.into_iter().map(|(_, write)| write).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Seed;

    #[test]
    fn slots_are_used_again() {
        let mut disk = SimDisk::new(SimDiskOptions::default(), Seed(0).stream("disk"));
        for id in 0..1000 {
            disk.submit(Request { id: RequestId(id), op: Op::Read { at: 0, len: 1 } });
            if disk.in_flight() == 3 {
                disk.advance(disk.next_due().expect("three are in flight"));
                assert!(disk.poll().is_some());
            }
        }
        assert_eq!(disk.slots.len(), 3);
    }
}
