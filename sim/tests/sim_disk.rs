//! Time, stalls and the two moments of effect of the simulated disk.

use colo_core::{Disk, Op, Payload, Request, RequestId, Time};
use colo_sim::crash::{Choices, CrashDisk};
use colo_sim::sim_disk::{SimDisk, SimDiskOptions};
use colo_sim::stream::Seed;

fn disk(seed: u64) -> SimDisk {
    SimDisk::new(SimDiskOptions::default(), Seed(seed).stream("disk"))
}

fn write(disk: &mut SimDisk, id: u64, at: u64, byte: u8) {
    let op = Op::Write { at, payload: Payload::from(vec![byte; 8]), fua: false };
    disk.submit(Request { id: RequestId(id), op });
}

fn read(disk: &mut SimDisk, id: u64, at: u64) {
    disk.submit(Request { id: RequestId(id), op: Op::Read { at, len: 1 } });
}

/// Lets time go to the next answer and takes it.
fn answer(disk: &mut SimDisk) -> Option<(Time, RequestId, Option<u8>)> {
    let due = disk.next_due()?;
    disk.advance(due.max(disk.now()));
    let completion = disk.poll().expect("an answer is due");
    Some((due, completion.id, completion.result.expect("no faults").first().copied()))
}

#[test]
fn latencies_fill_their_range_and_answers_come_when_due() {
    let mut disk = disk(1);
    for id in 0..2000 {
        write(&mut disk, id, id % 64, 1);
    }
    assert_eq!((disk.in_flight(), disk.poll()), (2000, None));
    let answers: Vec<_> = std::iter::from_fn(|| answer(&mut disk)).collect();
    assert_eq!((answers.len(), disk.in_flight()), (2000, 0));
    let due = |index: usize| answers[index].0.0;
    assert!(answers.is_sorted_by_key(|answer| answer.0), "out of order");
    assert!(!answers.is_sorted_by_key(|answer| answer.1), "no request overtakes another");
    assert!((20_000..21_000).contains(&due(0)), "the first at {}", due(0));
    assert!((199_000..=200_000).contains(&due(1999)), "the last at {}", due(1999));
}

#[test]
fn equal_due_times_are_answered_in_order_of_submission() {
    let options = SimDiskOptions { latency_min_ns: 5, latency_max_ns: 5, ..Default::default() };
    let mut disk = SimDisk::new(options, Seed(0).stream("disk"));
    for id in 0..10 {
        read(&mut disk, id, 0);
    }
    disk.advance(Time(4));
    assert_eq!(disk.poll(), None);
    disk.advance(Time(5));
    let ids: Vec<u64> = std::iter::from_fn(|| disk.poll()).map(|answer| answer.id.0).collect();
    assert!(ids.into_iter().eq(0..10));
}

#[test]
fn a_stall_delays_and_a_hold_stops_every_answer() {
    let mut disk = disk(2);
    write(&mut disk, 1, 0, 1);
    let due = disk.next_due().expect("it is in flight");
    disk.hold();
    disk.advance(due.after(1_000_000));
    assert_eq!((disk.next_due(), disk.poll()), (None, None));
    disk.stall(disk.now().after(7));
    assert_eq!((disk.next_due(), disk.poll()), (Some(disk.now().after(7)), None));
    disk.stall(Time::ZERO);
    assert_eq!(disk.next_due(), Some(due), "what was due meanwhile is due at once");
    disk.hold();
    disk.release();
    assert!(disk.poll().is_some());
    assert_eq!(disk.next_due(), None);
}

#[test]
fn effects_come_at_submission_or_with_the_answer() {
    let (mut writes, mut reads) = ([0; 2], [0; 2]);
    for seed in 0..100 {
        let mut one = disk(seed);
        write(&mut one, 1, 0, 1);
        writes[usize::from(one.peek(0)[0])] += 1;
        let mut two = disk(seed);
        read(&mut two, 1, 0);
        // The read is answered last: does it see what is written in between?
        for id in 2..40 {
            write(&mut two, id, 0, 1);
        }
        let answers: Vec<_> = std::iter::from_fn(|| answer(&mut two)).collect();
        let position = answers.iter().position(|answer| answer.1 == RequestId(1));
        if position > Some(20) {
            let seen = answers.iter().find_map(|answer| answer.2).expect("the read's byte");
            reads[usize::from(seen)] += 1;
        }
    }
    assert!(writes.iter().all(|&count| count > 30), "writes that waited and did not: {writes:?}");
    assert!(reads.iter().all(|&count| count > 10), "reads that sampled early, late: {reads:?}");
}

#[test]
fn the_same_seed_gives_the_same_answers_and_a_clone_goes_on_alike() {
    let run = |mut disk: SimDisk| -> Vec<_> {
        for id in 0..50 {
            write(&mut disk, id, id % 7, id as u8);
            read(&mut disk, 100 + id, id % 5);
        }
        std::iter::from_fn(|| answer(&mut disk)).collect()
    };
    assert_eq!(run(disk(3)), run(disk(3)));
    assert_ne!(run(disk(3)), run(disk(4)));
    let mut used = disk(5);
    write(&mut used, 500, 1, 1);
    let fork = used.clone();
    assert_eq!(run(used), run(fork));
}

#[test]
fn a_write_with_fua_is_durable_and_its_neighbours_are_not() {
    for seed in 0..50 {
        let mut disk = disk(seed);
        write(&mut disk, 1, 0, 1);
        let op = Op::Write { at: 1, payload: Payload::from(vec![2; 8]), fua: true };
        disk.submit(Request { id: RequestId(2), op });
        while answer(&mut disk).is_some() {}
        assert_eq!((disk.peek(0), disk.peek_durable(0)), (&[1; 8][..], &[0; 8][..]));
        assert_eq!((disk.peek_durable(1), disk.survivors(1).count()), (&[2; 8][..], 1));
    }
}

#[test]
fn every_crash_state_can_be_enumerated() {
    let mut disk = disk(6);
    for (id, at) in [(1, 0), (2, 0), (3, 5), (4, 9)] {
        write(&mut disk, id, at, id as u8);
    }
    assert_eq!(disk.uncertain(), [(0, 3), (5, 2), (9, 2)]);
    let mut choices = Choices::default();
    let mut states = Vec::new();
    loop {
        let mut after = disk.clone();
        after.power_loss(&mut |_, versions| choices.choose(versions));
        states.push([0, 5, 9].map(|sector| after.peek(sector)[0]));
        if !choices.advance() {
            break;
        }
    }
    states.sort_unstable();
    states.dedup();
    assert_eq!(states.len(), 12);
}

#[test]
fn preloaded_contents_are_durable() {
    let mut disk = disk(7);
    disk.preload(3, &[8; 16]);
    disk.power_loss(&mut |sector, _| panic!("sector {sector} is certain"));
    assert_eq!((disk.peek(3), disk.peek(4), disk.peek(5)), (&[8; 8][..], &[8; 8][..], &[0; 8][..]));
}
