//! Which requests fail, what a failed write leaves, and what the record says.

use colo_core::real::FileDisk;
use colo_core::{Completion, Disk, Errno, Op, Payload, Request, RequestId};
use colo_sim::faulty::{Damage, Faulty, Label, OpKind, Rates, Rule, RuleKind};
use colo_sim::sim_disk::{SimDisk, SimDiskOptions};
use colo_sim::stream::{Ratio, Seed};

const SECTORS: u64 = 16;

fn disk(seed: u64) -> Faulty<SimDisk> {
    let options = SimDiskOptions { sectors: SECTORS, ..SimDiskOptions::default() };
    let disk = SimDisk::new(options, Seed(seed).stream("disk"));
    Faulty::new(disk, Seed(seed).stream("faults"))
}

fn finish(disk: &mut Faulty<SimDisk>) -> Vec<Completion> {
    let mut completions = Vec::new();
    while let Some(due) = disk.inner().next_due() {
        disk.inner_mut().advance(due);
        completions.extend(std::iter::from_fn(|| disk.poll()));
    }
    completions
}

fn ask(disk: &mut Faulty<SimDisk>, op: Op) -> Result<Payload, Errno> {
    disk.submit(Request { id: RequestId(1), op });
    let mut completions = finish(disk);
    assert_eq!(completions.len(), 1, "one answer");
    completions.remove(0).result
}

fn read(at: u64, len: u32) -> Op {
    Op::Read { at, len }
}

fn write(at: u64, len: usize, byte: u8) -> Op {
    Op::Write { at, payload: Payload::from(vec![byte; len * 8]), fua: false }
}

#[test]
fn a_rule_fails_the_request_it_names_and_no_other() {
    let mut disk = disk(1);
    let rule = Rule {
        op: OpKind::Write,
        range: Some(4..6),
        skip: 1,
        times: Some(1),
        errno: Errno::NoSpace,
        ..Rule::default()
    };
    let id = disk.add_rule(rule);
    assert_eq!(ask(&mut disk, write(0, 4, 1)), Ok(Payload::EMPTY), "beside the range");
    assert_eq!(ask(&mut disk, write(3, 2, 2)), Ok(Payload::EMPTY), "skipped");
    assert!(ask(&mut disk, read(4, 1)).is_ok(), "not a write");
    assert!(ask(&mut disk, Op::Flush).is_ok(), "touches no sector");
    assert_eq!(ask(&mut disk, write(5, 4, 3)), Err(Errno::NoSpace));
    assert_eq!(ask(&mut disk, write(4, 1, 4)), Ok(Payload::EMPTY), "used up");
    assert_eq!(disk.inner().peek(5), [0; 8], "a failed write without damage");
    let fired: Vec<_> = disk.drain_fired().collect();
    assert_eq!(fired.len(), 1);
    let hit = fired[0];
    assert_eq!((hit.rule, hit.id, hit.op), (Some(id), RequestId(1), OpKind::Write));
    assert_eq!((hit.at, hit.len, hit.errno, hit.landed), (5, 4, Errno::NoSpace, 0));
    assert_eq!((disk.fired(), disk.drain_fired().len()), (1, 0));
}

#[test]
fn the_first_ripe_rule_fires_and_all_count() {
    let mut disk = disk(2);
    let first = Rule { skip: 1, times: Some(1), errno: Errno::NoSpace, ..Rule::default() };
    let second = Rule { skip: 1, times: Some(1), errno: Errno::NoMedium, ..Rule::default() };
    disk.add_rule(first);
    disk.add_rule(second);
    let results: Vec<_> = (0..4).map(|_| ask(&mut disk, Op::Flush)).collect();
    let ok = Ok(Payload::EMPTY);
    assert_eq!(results, [ok.clone(), Err(Errno::NoSpace), Err(Errno::NoMedium), ok]);
}

#[test]
fn a_label_gates_a_rule_and_removal_ends_it() {
    let mut disk = disk(3);
    let id = disk.add_rule(Rule { when: Some(Label(7)), op: OpKind::Flush, ..Rule::default() });
    assert!(ask(&mut disk, Op::Flush).is_ok());
    disk.set_label(Label(7));
    assert_eq!(ask(&mut disk, Op::Flush), Err(Errno::Io));
    disk.submit(Request { id: RequestId(1), op: Op::Flush });
    assert!(disk.remove_rule(id));
    assert!(!disk.remove_rule(id));
    assert_eq!(finish(&mut disk)[0].result, Err(Errno::Io), "failed before the removal");
    assert!(ask(&mut disk, Op::Flush).is_ok());
}

#[test]
fn a_failed_flush_makes_nothing_durable() {
    let mut disk = disk(4);
    assert!(ask(&mut disk, write(2, 1, 9)).is_ok());
    disk.add_rule(Rule { op: OpKind::Flush, times: Some(1), ..Rule::default() });
    assert_eq!(ask(&mut disk, Op::Flush), Err(Errno::Io));
    assert_eq!(disk.inner().peek_durable(2), [0; 8]);
    assert!(ask(&mut disk, Op::Flush).is_ok());
    assert_eq!(disk.inner().peek_durable(2), [9; 8]);
}

#[test]
fn latent_sectors_fail_to_read_until_they_are_written() {
    let mut disk = disk(5);
    let range = Some(4..8);
    disk.add_rule(Rule { kind: RuleKind::Latent, range, ..Rule::default() });
    assert!(ask(&mut disk, read(0, 4)).is_ok());
    assert_eq!(ask(&mut disk, read(3, 2)), Err(Errno::Io));
    assert!(ask(&mut disk, write(5, 2, 1)).is_ok());
    assert_eq!(ask(&mut disk, read(5, 2)), Ok(Payload::from(vec![1; 16])));
    assert_eq!(ask(&mut disk, read(4, 2)), Err(Errno::Io));
    assert_eq!(ask(&mut disk, read(7, 1)), Err(Errno::Io));
    let all_fail = disk.add_rule(Rule { op: OpKind::Write, ..Rule::default() });
    assert!(ask(&mut disk, write(4, 4, 2)).is_err());
    disk.remove_rule(all_fail);
    assert_eq!(ask(&mut disk, read(7, 1)), Err(Errno::Io), "a failed write heals nothing");
    assert!(ask(&mut disk, write(0, 16, 3)).is_ok());
    assert!(ask(&mut disk, read(0, 16)).is_ok());
}

/// The sectors, of 10 from 3 on, that a failed write of ones has changed.
fn landed(seed: u64, damage: Damage) -> Vec<bool> {
    let mut disk = disk(seed);
    disk.add_rule(Rule { op: OpKind::Write, damage, ..Rule::default() });
    assert_eq!(ask(&mut disk, write(3, 10, 1)), Err(Errno::Io));
    let reported = disk.drain_fired().next().expect("it fired").landed;
    let whole = |sector| match disk.inner().peek(sector) {
        [1, 1, 1, 1, 1, 1, 1, 1] => true,
        [0, 0, 0, 0, 0, 0, 0, 0] => false,
        other => panic!("a torn sector: {other:?}"),
    };
    let landed: Vec<bool> = (0..SECTORS).map(whole).collect();
    assert_eq!(landed.iter().filter(|&&landed| landed).count() as u64, reported);
    assert!(!landed[..3].iter().chain(&landed[13..]).any(|&landed| landed), "beside the write");
    landed[3..13].to_vec()
}

#[test]
fn damage_is_nothing_a_prefix_or_any_subset() {
    let (mut prefixes, mut subsets) = (vec![], vec![]);
    for seed in 0..300 {
        assert_eq!(landed(seed, Damage::None), [false; 10]);
        let prefix = landed(seed, Damage::Prefix);
        assert!(prefix.is_sorted_by(|a, b| a >= b), "not a prefix: {prefix:?}");
        prefixes.push(prefix);
        subsets.push(landed(seed, Damage::Subset));
    }
    prefixes.sort_unstable();
    prefixes.dedup();
    subsets.sort_unstable();
    subsets.dedup();
    assert_eq!(prefixes.len(), 11, "every prefix is met");
    assert!(subsets.len() > 200, "only {} subsets are met", subsets.len());
}

#[test]
fn rates_hold_and_draw_every_errno() {
    let mut disk = disk(6);
    let errnos = vec![Errno::Io, Errno::NoSpace];
    disk.set_rates(Rates { write: Ratio::new(1, 4), errnos, ..Rates::default() });
    let results: Vec<_> = (0..1000).map(|_| ask(&mut disk, write(0, 2, 1))).collect();
    for errno in [Errno::Io, Errno::NoSpace] {
        let count = results.iter().filter(|result| **result == Err(errno)).count();
        assert!((80..170).contains(&count), "{errno} {count} times of 1000");
    }
    assert!(ask(&mut disk, read(0, 1)).is_ok());
    assert!(disk.drain_fired().all(|fired| fired.rule.is_none()));
    disk.clear();
    assert!((0..100).all(|_| ask(&mut disk, write(0, 1, 1)).is_ok()));
}

#[test]
fn a_request_that_is_not_on_the_disk_is_invalid_and_no_occurrence() {
    let mut disk = disk(7);
    disk.add_rule(Rule { times: Some(1), ..Rule::default() });
    assert_eq!(ask(&mut disk, read(SECTORS, 1)), Err(Errno::Invalid));
    assert_eq!(disk.fired(), 0);
    assert_eq!(ask(&mut disk, read(0, 1)), Err(Errno::Io));
}

#[test]
fn every_request_is_answered_once_under_heavy_faults() {
    for seed in 0..50 {
        let mut disk = disk(seed);
        let rate = Ratio::new(1, 2);
        disk.set_rates(Rates { read: rate, write: rate, flush: rate, errnos: vec![] });
        let mut stream = Seed(seed).stream("workload");
        for id in 0..100 {
            let at = stream.below(SECTORS - 5);
            let op = match stream.below(3) {
                0 => read(at, 5),
                1 => write(at, 5, id as u8),
                _ => Op::Flush,
            };
            disk.submit(Request { id: RequestId(id), op });
        }
        let mut ids: Vec<u64> = finish(&mut disk).iter().map(|answer| answer.id.0).collect();
        ids.sort_unstable();
        assert!(ids.into_iter().eq(0..100));
        assert_eq!(disk.fired(), disk.drain_fired().len() as u64);
    }
}

#[test]
fn faults_work_over_a_file() {
    let name = format!("faulty-{}.img", std::process::id());
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let file = FileDisk::create(&path, 8, SECTORS).expect("a file in the test directory");
    let mut disk = Faulty::new(file, Seed(0).stream("faults"));
    let damage = Damage::Subset;
    disk.add_rule(Rule { op: OpKind::Write, damage, times: Some(1), ..Rule::default() });
    disk.submit(Request { id: RequestId(1), op: write(0, 16, 1) });
    disk.submit(Request { id: RequestId(2), op: Op::Flush });
    let mut answers: Vec<_> = std::iter::from_fn(|| disk.poll()).collect();
    answers.sort_by_key(|answer| answer.id);
    assert_eq!(answers.len(), 2);
    assert_eq!((&answers[0].result, answers[1].result.is_ok()), (&Err(Errno::Io), true));
    disk.submit(Request { id: RequestId(3), op: read(0, 16) });
    let left = disk.poll().expect("a file answers at once").result.expect("no rule is left");
    let ones = left.chunks_exact(8).filter(|sector| *sector == [1; 8]).count() as u64;
    assert_eq!(ones, disk.drain_fired().next().expect("it fired").landed);
    std::fs::remove_file(path).expect("it was there");
}

#[test]
fn saved_rules_keep_their_field_names() {
    let rule: Rule = serde_json::from_str(
        r#"{"kind":"latent","op":"read","range":{"start":1,"end":3},"skip":2,"times":1,
            "errno":"ENOSPC","damage":"subset","when":4}"#,
    )
    .expect("the names are stable");
    let expected = Rule {
        kind: RuleKind::Latent,
        op: OpKind::Read,
        range: Some(1..3),
        skip: 2,
        times: Some(1),
        errno: Errno::NoSpace,
        damage: Damage::Subset,
        when: Some(Label(4)),
    };
    assert_eq!(rule, expected);
    let written = serde_json::to_string(&rule).expect("it can be written");
    assert_eq!(serde_json::from_str::<Rule>(&written).expect("and read"), rule);
    assert_eq!(serde_json::from_str::<Rule>("{}").expect("all have defaults"), Rule::default());
    let rates: Rates =
        serde_json::from_str(r#"{"write":{"num":1,"den":50},"errnos":["EIO"]}"#).expect("rates");
    assert_eq!((rates.write, rates.read), (Ratio::new(1, 50), Ratio::NEVER));
    assert!(serde_json::from_str::<Rule>(r#"{"opp":"read"}"#).is_err(), "a misspelt field");
}
