//! A write-ahead log that forgets its flush, and how that is found.
//!
//! `cargo run -p colo-sim --example wal`
//!
//! The log appends one sector for each record and acknowledges it. It is correct if it
//! flushes in between. Both variants run on a simulated disk that loses power after
//! some answer, and every acknowledged record must be there afterwards.

use colo_core::{Completion, Disk, Op, Payload, Request, RequestId};
use colo_sim::sim_disk::{SimDisk, SimDiskOptions};
use colo_sim::stream::Seed;

const SECTORS: u64 = 32;
const SECTOR_SIZE: usize = 16;

/// What happens between the write of a record and its acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// The disk is flushed.
    Flush,
    /// Nothing: the mistake.
    Nothing,
}

/// A log on a disk, appending one record after the other.
struct Log<D> {
    disk: D,
    before: Before,
    /// Records written or being written.
    appended: u64,
    /// Records promised to be there for ever.
    acknowledged: u64,
    ids: u64,
}

impl<D: Disk> Log<D> {
    fn new(disk: D, before: Before) -> Self {
        let mut log = Self { disk, before, appended: 0, acknowledged: 0, ids: 0 };
        log.append();
        log
    }

    fn append(&mut self) {
        if self.appended < self.disk.len() {
            let (at, payload) = (self.appended, record(self.appended));
            self.appended += 1;
            self.submit(Op::Write { at, payload, fua: false });
        }
    }

    fn submit(&mut self, op: Op) {
        self.ids += 1;
        self.disk.submit(Request { id: RequestId(self.ids), op });
    }

    /// Takes an answer: each write asks for a flush, each flush acknowledges.
    fn take(&mut self, answer: &Completion) {
        assert!(answer.result.is_ok(), "this disk has no faults");
        let was_write = self.before == Before::Nothing || answer.id.0 % 2 == 1;
        if was_write && self.before == Before::Flush {
            self.submit(Op::Flush);
        } else {
            self.acknowledged = self.appended;
            self.append();
        }
    }
}

fn record(number: u64) -> Payload {
    let mut bytes = [0; SECTOR_SIZE];
    bytes[..8].copy_from_slice(&(number + 1).to_le_bytes());
    bytes[8..].copy_from_slice(&(number * number).to_le_bytes());
    Payload::copy_from(&bytes)
}

/// How many records a reader of the log finds: up to the first that is missing.
fn recover(disk: &SimDisk) -> u64 {
    let there = |&number: &u64| disk.peek(number) == record(number).as_slice();
    (0..SECTORS).take_while(there).count() as u64
}

/// An acknowledged record that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) seed: Seed,
    pub(crate) record: u64,
    pub(crate) acknowledged: u64,
}

/// Runs the log until the power fails, and looks what is left.
pub(crate) fn run(seed: Seed, before: Before) -> Result<(), Lost> {
    let options =
        SimDiskOptions { sectors: SECTORS, sector_size: SECTOR_SIZE, ..SimDiskOptions::default() };
    let mut log = Log::new(SimDisk::new(options, seed.stream("disk")), before);
    let mut crash = seed.stream("crash");
    for _ in 0..crash.range(1..=2 * SECTORS) {
        let Some(due) = log.disk.next_due() else { break };
        log.disk.advance(due);
        let answer = log.disk.poll().expect("an answer is due");
        log.take(&answer);
    }
    log.disk.power_loss_random(&mut crash);
    let (record, acknowledged) = (recover(&log.disk), log.acknowledged);
    if record < acknowledged { Err(Lost { seed, record, acknowledged }) } else { Ok(()) }
}

/// The first of so many seeds that loses a record.
pub(crate) fn hunt(seeds: u64, before: Before) -> Result<(), Lost> {
    (0..seeds).try_for_each(|seed| run(Seed(seed), before))
}

fn main() {
    for (before, name) in [(Before::Flush, "with the flush"), (Before::Nothing, "without it")] {
        match hunt(300, before) {
            Ok(()) => println!("{name}: 300 power losses, every acknowledged record survives"),
            Err(Lost { seed, record, acknowledged }) => {
                println!(
                    "{name}: seed {seed} loses record {record} of {acknowledged} acknowledged"
                );
            }
        }
    }
}
