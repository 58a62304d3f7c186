//! A write-ahead log, explored whole, and the same log without one of its flushes.
//!
//! `cargo run --release -p colo-sim --example wal`
//!
//! A transaction changes three cells at once. It writes three records to the log,
//! flushes, writes a commit record, flushes, acknowledges, and only then changes the
//! cells themselves, without a flush of their own. Whoever recovers repeats every
//! transaction that has a commit record. So after a power loss at any moment the
//! cells are those after some number of whole transactions, and none that was
//! acknowledged is missing. Every state of the disk that can be left is tried.

use colo_core::{Completion, Disk, Op, Payload, Request, RequestId};
use colo_sim::crash::{CrashDisk, at_random};
use colo_sim::explore::{Bounds, Crash, Explorer, System, Tally};
use colo_sim::sim_disk::{SimDisk, SimDiskOptions};
use colo_sim::stream::Seed;

const CELLS: u64 = 6;
const RECORDS: u64 = 3;
const TRANSACTIONS: u64 = 8;
const SECTORS: u64 = CELLS + TRANSACTIONS * (RECORDS + 1);
const COMMIT: u64 = u64::MAX;

/// Which flush is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// None.
    None,
    /// The one between the records and the commit record.
    BeforeCommit,
    /// The one between the commit record and the acknowledgement.
    BeforeAcknowledgement,
}

/// What the log waits for.
#[derive(Debug, Clone, Copy)]
enum Doing {
    Logging { unanswered: u64 },
    FlushingRecords,
    Committing,
    FlushingCommit,
    ChangingCells { unanswered: u64 },
    Nothing,
}

/// A log on a disk, carrying out one transaction after the other.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    disk: SimDisk,
    flaw: Flaw,
    doing: Doing,
    /// The transaction under way, from 1 on.
    transaction: u64,
    /// How many are promised to be there for ever.
    acknowledged: u64,
    ids: u64,
}

/// Where a transaction's part of the log begins: three records, then the commit record.
fn log_at(transaction: u64) -> u64 {
    CELLS + (transaction - 1) * (RECORDS + 1)
}

/// Which cell the `index`-th record of a transaction changes.
fn cell(transaction: u64, index: u64) -> u64 {
    (transaction * 2 + index) % CELLS
}

/// A record, or a cell: what it is for, and the transaction.
fn sector(what: u64, transaction: u64) -> Payload {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&what.to_le_bytes());
    bytes[8..].copy_from_slice(&transaction.to_le_bytes());
    Payload::copy_from(&bytes)
}

impl Log {
    pub(crate) fn new(seed: Seed, flaw: Flaw) -> Self {
        let options =
            SimDiskOptions { sectors: SECTORS, sector_size: 16, ..SimDiskOptions::default() };
        let mut disk = SimDisk::new(options, seed.stream("disk"));
        for number in 0..CELLS {
            disk.preload(number, &sector(number, 0));
        }
        let doing = Doing::Nothing;
        let mut log = Self { disk, flaw, doing, transaction: 0, acknowledged: 0, ids: 0 };
        log.begin();
        log
    }

    fn begin(&mut self) {
        if self.transaction == TRANSACTIONS {
            return self.doing = Doing::Nothing;
        }
        self.transaction += 1;
        let transaction = self.transaction;
        for index in 0..RECORDS {
            self.write(log_at(transaction) + index, sector(cell(transaction, index), transaction));
        }
        self.doing = Doing::Logging { unanswered: RECORDS };
    }

    fn commit(&mut self) {
        self.write(log_at(self.transaction) + RECORDS, sector(COMMIT, self.transaction));
        self.doing = Doing::Committing;
    }

    fn acknowledge(&mut self) {
        self.acknowledged = self.transaction;
        for index in 0..RECORDS {
            let number = cell(self.transaction, index);
            self.write(number, sector(number, self.transaction));
        }
        self.doing = Doing::ChangingCells { unanswered: RECORDS };
    }

    fn write(&mut self, at: u64, payload: Payload) {
        self.submit(Op::Write { at, payload, fua: false });
    }

    fn submit(&mut self, op: Op) {
        self.ids += 1;
        self.disk.submit(Request { id: RequestId(self.ids), op });
    }

    fn take(&mut self, answer: &Completion) {
        assert!(answer.result.is_ok(), "this disk has no faults");
        match self.doing {
            Doing::Logging { unanswered: 1 } if self.flaw == Flaw::BeforeCommit => self.commit(),
            Doing::Logging { unanswered: 1 } => {
                self.submit(Op::Flush);
                self.doing = Doing::FlushingRecords;
            }
            Doing::Logging { unanswered } => {
                self.doing = Doing::Logging { unanswered: unanswered - 1 };
            }
            Doing::FlushingRecords => self.commit(),
            Doing::Committing if self.flaw == Flaw::BeforeAcknowledgement => self.acknowledge(),
            Doing::Committing => {
                self.submit(Op::Flush);
                self.doing = Doing::FlushingCommit;
            }
            Doing::FlushingCommit => self.acknowledge(),
            Doing::ChangingCells { unanswered: 1 } => self.begin(),
            Doing::ChangingCells { unanswered } => {
                self.doing = Doing::ChangingCells { unanswered: unanswered - 1 };
            }
            Doing::Nothing => unreachable!("nothing is in flight"),
        }
    }
}

impl System for Log {
    fn step(&mut self) -> bool {
        let Some(due) = self.disk.next_due() else { return false };
        self.disk.advance(due);
        let answer = self.disk.poll().expect("an answer is due");
        self.take(&answer);
        true
    }

    fn disks(&self, _host: usize) -> Vec<&SimDisk> {
        vec![&self.disk]
    }

    fn expect(&self, _host: usize, into: &mut Vec<u8>) {
        into.extend(self.acknowledged.to_le_bytes());
    }
}

/// The cells as somebody finds them who repeats what was committed.
fn recover(disk: &SimDisk) -> Vec<Vec<u8>> {
    let mut cells: Vec<_> = (0..CELLS).map(|number| disk.peek(number).to_vec()).collect();
    for transaction in 1..=TRANSACTIONS {
        let log = log_at(transaction);
        if disk.peek(log + RECORDS) != sector(COMMIT, transaction).as_slice() {
            continue;
        }
        for index in 0..RECORDS {
            let record = disk.peek(log + index);
            let number = u64::from_le_bytes(*record.first_chunk().expect("it has 16 bytes"));
            if let Some(cell) = cells.get_mut(number as usize) {
                *cell = record.to_vec();
            }
        }
    }
    cells
}

/// The cells after so many whole transactions.
fn after(transactions: u64) -> Vec<Vec<u8>> {
    let mut cells: Vec<_> = (0..CELLS).map(|number| sector(number, 0)).collect();
    for transaction in 1..=transactions {
        for index in 0..RECORDS {
            let number = cell(transaction, index);
            cells[number as usize] = sector(number, transaction);
        }
    }
    cells.iter().map(|cell| cell.as_slice().to_vec()).collect()
}

/// What is wrong with a disk that is left when so many transactions were acknowledged.
fn judge(disk: &SimDisk, acknowledged: u64, whole: &[Vec<Vec<u8>>]) -> Option<String> {
    let found = recover(disk);
    match whole.iter().position(|cells| *cells == found) {
        Some(there) if there as u64 >= acknowledged => None,
        Some(there) => Some(format!("{acknowledged} were acknowledged, {there} are there")),
        None => Some("part of a transaction is there, part of it is not".to_owned()),
    }
}

fn all_whole() -> Vec<Vec<Vec<u8>>> {
    (0..=TRANSACTIONS).map(after).collect()
}

/// A state that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    /// After how many events the power failed.
    pub(crate) events: u64,
    /// Which sectors were left with other than their durable contents.
    pub(crate) kept: Vec<u64>,
    pub(crate) what: String,
}

/// Tries every state that a power loss can leave at any moment of this run.
pub(crate) fn explore(seed: Seed, flaw: Flaw) -> (Tally, Vec<Broken>) {
    let (whole, mut broken) = (all_whole(), Vec::new());
    let mut explorer = Explorer::new(Bounds::default());
    explorer.walk(&mut Log::new(seed, flaw), &mut |_, log, crash: Crash<'_>| {
        if !crash.new {
            return;
        }
        let mut disk = log.disk.clone();
        disk.power_loss(&mut |sector, _| crash.survivors.choose(0, sector));
        if let Some(what) = judge(&disk, log.acknowledged, &whole) {
            let kept = crash.survivors.kept().map(|kept| kept.sector).collect();
            broken.push(Broken { events: crash.point.events, kept, what });
        }
    });
    (*explorer.tally(), broken)
}

/// One power loss at a random moment, leaving whatever it leaves.
pub(crate) fn crash_once(seed: Seed, flaw: Flaw) -> Option<String> {
    let mut log = Log::new(seed, flaw);
    let mut stream = seed.stream("crash");
    for _ in 0..stream.below(9 * TRANSACTIONS) {
        log.step();
    }
    log.disk.power_loss(&mut at_random(&mut stream));
    judge(&log.disk, log.acknowledged, &all_whole())
}

fn main() {
    let flaws = [
        (Flaw::None, "with both flushes"),
        (Flaw::BeforeCommit, "without the flush before the commit record"),
        (Flaw::BeforeAcknowledgement, "without the flush before the acknowledgement"),
    ];
    let seeds: u64 = std::env::args().nth(1).and_then(|seeds| seeds.parse().ok()).unwrap_or(20);
    for (flaw, name) in flaws {
        let (mut sum, mut wrong, mut first) = (Tally::default(), 0, None);
        for seed in 0..seeds {
            let (tally, broken) = explore(Seed(seed), flaw);
            sum.add(&tally);
            wrong += broken.len();
            first = first.or(broken.into_iter().next());
        }
        println!(
            "{name}: {} crash points, {} combinations, {} distinct states, {wrong} of them wrong",
            sum.points, sum.explored, sum.distinct
        );
        if let Some(Broken { events, kept, what }) = first {
            println!(
                "  first after event {events}, of the unflushed sectors {kept:?} left: {what}"
            );
        }
        let by_chance = (0..1000).filter(|&seed| crash_once(Seed(seed), flaw).is_some()).count();
        println!("  of 1,000 power losses at random {by_chance} show it");
    }
}
