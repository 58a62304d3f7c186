//! How many states a power loss can leave, against numbers counted by hand.
//!
//! Every answer here takes exactly one nanosecond, so requests are answered in the order in
//! which they were sent, and what a flush covers can be read off the test.

use std::cell::Cell;
use std::collections::BTreeSet;

use colo_core::{Disk, Op, Payload, Request, RequestId};
use colo_sim::crash::{Choices, CrashDisk};
use colo_sim::explore::{Bounds, Explorer, Point, Survivors, System, Tally};
use colo_sim::sim_disk::{SimDisk, SimDiskOptions};
use colo_sim::stream::Seed;

/// Disks without an engine: on one host each, or all on one.
#[derive(Clone)]
struct Plain {
    disks: Vec<SimDisk>,
    one_host: bool,
    ids: u64,
    answered: u64,
    /// Whether it expects something else after each answer.
    demanding: bool,
}

impl Plain {
    fn new(disks: u64) -> Self {
        let options = SimDiskOptions {
            sectors: 200,
            latency_min_ns: 1,
            latency_max_ns: 1,
            ..SimDiskOptions::default()
        };
        let disk = |n| SimDisk::new(options, Seed(7).stream_n("disk", n));
        let disks = (0..disks).map(disk).collect();
        Self { disks, one_host: true, ids: 0, answered: 0, demanding: false }
    }

    fn submit(mut self, disk: usize, op: Op) -> Self {
        self.ids += 1;
        self.disks[disk].submit(Request { id: RequestId(self.ids), op });
        self
    }

    /// A write of `len` sectors full of `byte`, in flight.
    fn write(self, at: u64, len: usize, byte: u8) -> Self {
        self.submit(0, write(at, len, byte, false))
    }

    fn fua(self, at: u64, byte: u8) -> Self {
        self.submit(0, write(at, 1, byte, true))
    }

    fn flush(self) -> Self {
        self.submit(0, Op::Flush)
    }

    /// Everything in flight is answered.
    fn answered(mut self) -> Self {
        while self.step() {}
        self
    }

    /// Combinations, and states, of a crash of the first host right now.
    fn now(&self) -> (u128, u64) {
        let tally = self.tally_now(Bounds::default());
        assert!(tally.is_exhausted());
        (tally.explored, tally.distinct)
    }

    fn tally_now(&self, bounds: Bounds) -> Tally {
        let mut explorer = Explorer::new(bounds);
        explorer.crash(self, Point { events: 0, host: 0 }, &mut |_, _, _| ());
        *explorer.tally()
    }

    fn walk(mut self) -> Tally {
        let mut explorer = Explorer::new(Bounds::default());
        explorer.walk(&mut self, &mut |_, _, _| ());
        *explorer.tally()
    }
}

impl System for Plain {
    fn step(&mut self) -> bool {
        let due = self.disks.iter().filter_map(SimDisk::next_due).min();
        let Some(due) = due else { return false };
        self.disks.iter_mut().for_each(|disk| disk.advance(due.max(disk.now())));
        self.answered += 1;
        self.disks.iter_mut().any(|disk| disk.poll().is_some())
    }

    fn hosts(&self) -> usize {
        if self.one_host { 1 } else { self.disks.len() }
    }

    fn disks(&self, host: usize) -> Vec<&SimDisk> {
        if self.one_host { self.disks.iter().collect() } else { vec![&self.disks[host]] }
    }

    fn expect(&self, host: usize, into: &mut Vec<u8>) {
        into.push(host as u8);
        if self.demanding {
            into.extend(self.answered.to_le_bytes());
        }
    }
}

fn write(at: u64, len: usize, byte: u8, fua: bool) -> Op {
    Op::Write { at, payload: Payload::from(vec![byte; len * 8]), fua }
}

fn one() -> Plain {
    Plain::new(1)
}

#[test]
fn an_idle_disk_has_one_state() {
    assert_eq!(one().now(), (1, 1));
}

#[test]
fn one_unflushed_sector_has_two() {
    // Old or new, whether the write is in flight or answered.
    assert_eq!(one().write(3, 1, 1).now(), (2, 2));
    assert_eq!(one().write(3, 1, 1).answered().now(), (2, 2));
}

#[test]
fn independent_sectors_multiply() {
    // Each of n sectors is old or new by itself: 2^n.
    for n in 0..=10 {
        let written = (0..n).fold(one(), |disk, n| disk.write(2 * n, 1, 1)).answered();
        assert_eq!(written.now(), (1 << n, 1 << n));
    }
}

#[test]
fn a_write_tears_at_every_sector() {
    // One write of five sectors tears into any of its subsets: 2^5.
    assert_eq!(one().write(10, 5, 1).now(), (32, 32));
}

#[test]
fn a_sector_written_twice_has_three_versions() {
    // The initial one, the first, the second.
    assert_eq!(one().write(3, 1, 1).answered().write(3, 1, 2).answered().now(), (3, 3));
    assert_eq!(one().write(3, 1, 1).write(3, 1, 2).now(), (3, 3));
}

#[test]
fn overlapping_writes_multiply_where_they_overlap() {
    // Sectors 0 and 3 have one writer: 2 versions. Sectors 1 and 2 have both: 3. 2·3·3·2.
    assert_eq!(one().write(0, 3, 1).write(1, 3, 2).now(), (36, 36));
}

#[test]
fn a_flush_makes_certain_what_was_answered_before_it() {
    // The first write is durable: the sector holds it or the second.
    let flushed = one().write(3, 1, 1).answered().flush().answered();
    assert_eq!(flushed.now(), (1, 1));
    assert_eq!(flushed.write(3, 1, 2).answered().now(), (2, 2));
}

#[test]
fn a_flush_in_flight_has_made_nothing_certain() {
    assert_eq!(one().write(3, 1, 1).answered().flush().now(), (2, 2));
}

#[test]
fn a_flush_does_not_cover_a_write_that_was_in_flight_when_it_was_sent() {
    // The write is answered after the flush was sent, so old and new are both possible.
    assert_eq!(one().write(3, 1, 1).flush().answered().now(), (2, 2));
}

#[test]
fn a_write_after_the_flush_is_uncertain() {
    // Sector 3 is durable; sector 4, written after the flush, is old or new.
    let flushed = one().write(3, 1, 1).answered().flush().answered();
    assert_eq!(flushed.write(4, 1, 1).answered().now(), (2, 2));
}

#[test]
fn a_forced_write_is_certain_once_it_is_answered() {
    assert_eq!(one().fua(3, 1).now(), (2, 2), "in flight: old or new");
    assert_eq!(one().fua(3, 1).answered().now(), (1, 1), "answered");
    // What was in the cache of that sector is void; another sector's stays uncertain.
    let cached = one().write(3, 2, 1).answered();
    assert_eq!(cached.fua(3, 2).answered().now(), (2, 2), "sector 3 certain, sector 4 not");
}

#[test]
fn equal_contents_count_once() {
    // The sector holds zeroes already.
    assert_eq!(one().write(3, 1, 0).now(), (1, 1));
    // The same bytes twice: initial, or these.
    assert_eq!(one().write(3, 1, 1).answered().write(3, 1, 1).answered().now(), (2, 2));
    // There, away, and there again: initial, 1, 2.
    let back = one().write(3, 1, 1).answered().write(3, 1, 2).answered().write(3, 1, 1);
    assert_eq!(back.now(), (3, 3));
    // Back to the initial bytes: initial, 1.
    assert_eq!(one().write(3, 1, 1).answered().write(3, 1, 0).now(), (2, 2));
}

#[test]
fn disks_of_one_host_multiply_and_hosts_add_up() {
    // Two versions on one disk, three on the other.
    let mut two = Plain::new(2).write(3, 1, 1);
    two = two.submit(1, write(3, 1, 1, false)).submit(1, write(3, 1, 2, false));
    assert_eq!(two.now(), (6, 6), "both lose power together: 2·3");
    two.one_host = false;
    let tally = two.answered().walk();
    assert_eq!((tally.points, tally.explored, tally.distinct), (2, 5, 5), "each alone: 2 + 3");
}

#[test]
fn the_same_sector_of_another_disk_is_another_state() {
    // Without the disk in the hash, "new on the first" and "new on the second" would be one: 2·2 is 4.
    let two = Plain::new(2).write(3, 1, 1).submit(1, write(3, 1, 1, false));
    assert_eq!(two.now(), (4, 4));
}

#[test]
fn a_walk_counts_a_state_once_for_each_expectation() {
    // Three crash points: the write in flight {0, 1}, answered {0, 1}, flushed {1}. Explored 2+2+1.
    // Expecting the same throughout leaves the states 0 and 1.
    let mut disk = one().write(3, 1, 1);
    assert!(disk.step());
    let disk = disk.flush();
    let tally = disk.clone().walk();
    assert_eq!((tally.points, tally.explored), (2, 3), "the write is answered already");
    assert_eq!((tally.distinct, tally.known), (2, 1));
    // Expecting something else at each leaves all: {0, 1} and {1}.
    let tally = Plain { demanding: true, ..disk }.walk();
    assert_eq!((tally.distinct, tally.known), (3, 0));
    let whole = one().write(3, 1, 1).walk();
    assert_eq!((whole.points, whole.explored, whole.distinct, whole.known), (2, 4, 2, 2));
}

#[test]
fn what_a_bound_leaves_out_is_counted_and_placed() {
    // 2^10 combinations, of which 100 are shown.
    let written = one().write(0, 10, 1);
    let tally = written.tally_now(Bounds { combinations_max: 100, ..Bounds::default() });
    assert_eq!((tally.explored, tally.distinct, tally.left_out), (100, 100, 924));
    assert_eq!(tally.left_out_at, Some(Point { events: 0, host: 0 }));
    assert!(!tally.is_exhausted());
    // 1,000 states in all: the same, and no more.
    let tally = written.tally_now(Bounds { states_max: 1000, ..Bounds::default() });
    assert_eq!((tally.distinct, tally.left_out), (1000, 24));
    // 3^20 is counted exactly, 2^150 is more than the largest number.
    let thrice = one().write(0, 20, 1).write(0, 20, 2);
    let tally = thrice.tally_now(Bounds { combinations_max: 10, ..Bounds::default() });
    assert_eq!(tally.left_out, 3u128.pow(20) - 10);
    let huge = one().write(0, 150, 1);
    let tally = huge.tally_now(Bounds { combinations_max: 10, ..Bounds::default() });
    assert_eq!((tally.explored, tally.left_out), (10, u128::MAX - 10));
}

#[test]
fn a_sample_varies_every_sector() {
    let written = one().write(0, 40, 1);
    let mut explorer = Explorer::new(Bounds { combinations_max: 200, ..Bounds::default() });
    let mut left = vec![BTreeSet::new(); 40];
    explorer.crash(&written, Point { events: 0, host: 0 }, &mut |_, _, crash| {
        for (sector, versions) in left.iter_mut().enumerate() {
            versions.insert(crash.survivors.choose(0, sector as u64));
        }
    });
    assert!(left.iter().all(|versions| versions.len() == 2), "{left:?}");
    assert_eq!(explorer.tally().distinct, 200);
}

/// The slow way: every combination of choices on a clone, kept as bytes.
fn images(disk: &SimDisk) -> BTreeSet<Vec<u8>> {
    let (mut images, mut choices) = (BTreeSet::new(), Choices::default());
    loop {
        let mut after = disk.clone();
        after.power_loss(&mut |_, versions| choices.choose(versions));
        images.insert(after.durable().read(0, 200).as_slice().to_vec());
        if !choices.advance() {
            return images;
        }
    }
}

#[test]
fn the_states_shown_are_those_of_the_slow_way() {
    for seed in 0..200 {
        let mut draws = Seed(seed).stream("draws");
        let mut disk = one();
        for _ in 0..draws.range(1..=12) {
            let (at, len) = (draws.below(5), 1 + draws.below(2) as usize);
            disk = match draws.below(6) {
                0 => disk.flush(),
                1 => disk.fua(at, draws.below(3) as u8),
                2 => disk.answered(),
                _ => disk.write(at, len, draws.below(3) as u8),
            };
        }
        let expected = images(&disk.disks[0]);
        let (mut shown, mut hashes) = (BTreeSet::new(), BTreeSet::new());
        let mut explorer = Explorer::new(Bounds::default());
        explorer.crash(&disk, Point { events: 0, host: 0 }, &mut |_, system: &Plain, crash| {
            let mut after = system.disks[0].clone();
            after.power_loss(&mut |sector, _| crash.survivors.choose(0, sector));
            shown.insert(after.durable().read(0, 200).as_slice().to_vec());
            assert_eq!(Survivors::of(&[&after]).hash(), crash.survivors.hash(), "seed {seed}");
            hashes.insert(crash.survivors.hash());
        });
        assert_eq!(shown, expected, "seed {seed}");
        assert_eq!(hashes.len(), expected.len(), "seed {seed}");
        assert_eq!(explorer.tally().explored, expected.len() as u128, "seed {seed}");
    }
}

/// Tells the explorer to end after so many states.
#[derive(Clone)]
struct Limited<'a> {
    plain: Plain,
    left: &'a Cell<u64>,
}

impl System for Limited<'_> {
    fn step(&mut self) -> bool {
        self.plain.step()
    }

    fn disks(&self, host: usize) -> Vec<&SimDisk> {
        self.plain.disks(host)
    }

    fn expect(&self, host: usize, into: &mut Vec<u8>) {
        self.plain.expect(host, into);
    }

    fn go_on(&self) -> bool {
        self.left.replace(self.left.get().saturating_sub(1)) > 0
    }
}

#[test]
fn an_exploration_that_is_ended_says_so_and_shows_nothing_more() {
    let plain = one().write(0, 3, 1).write(1, 3, 2);
    let whole = plain.clone().walk();
    assert!(whole.is_exhausted() && whole.explored > 20, "{whole:?}");
    for states in [0, 1, 5, 20] {
        let left = Cell::new(states);
        let mut system = Limited { plain: plain.clone(), left: &left };
        let (mut explorer, mut shown) = (Explorer::new(Bounds::default()), 0);
        explorer.walk(&mut system, &mut |_, _, _| shown += 1);
        let tally = explorer.tally();
        assert!(tally.ended && !tally.is_exhausted(), "{tally:?}");
        assert_eq!(tally.explored, u128::from(states));
        assert!(shown <= states && (shown > 0) == (states > 0));
        // And whoever adds it up knows it of the sum.
        let mut sum = whole;
        sum.add(tally);
        assert!(!sum.is_exhausted());
    }
}
