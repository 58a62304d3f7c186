//! Records made by hand, for every test of this crate. No run produced them.

use colo_reports::{Abort, Counts, Explained, Header, Record, Summary, Timing, Violation};

/// Points of two machines and of two more groups.
pub(crate) fn header() -> Header {
    let points = [
        "edge/secondary/NONE->RUNNING",
        "edge/secondary/RUNNING->FAILOVER",
        "edge/secondary/RUNNING->DONE",
        "edge/secondary/FAILOVER->DONE",
        "edge/secondary/FAILOVER->FAILOVER_FAILED",
        "edge/secondary/FAILOVER_FAILED->FAILOVER",
        "edge/primary/NONE->RUNNING",
        "edge/primary/RUNNING->DONE",
        "fault/read-EIO",
        "fault/flush-EIO",
        "message/not-running",
    ];
    Header::new("0.1.0", "hardened", points.map(String::from).to_vec())
}

/// What measured the time of every snapshot.
pub(crate) const TIMING: Timing = Timing { seconds: 1.25, jobs: 2 };

/// A clean run that depends on nothing but its seed.
pub(crate) fn clean(seed: u64) -> Record {
    let counts = Counts {
        checkpoints: 3 + seed % 2,
        failovers_asked: 1,
        failovers_done: seed % 2,
        commits_crashed: 1,
        recoveries: 1,
        power_losses: 1,
        faults_fired: 2,
        plans_asking_failover: 1,
        plans_done: seed % 2,
        plans_crashing_commit: 1,
        ..Counts::default()
    };
    Record {
        seed: Some(seed),
        plan: format!("seed {seed:#x}"),
        digest: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        steps: 40,
        guest_requests: 1_000 + seed % 1_000,
        simulated_ns: 250_000_000 + seed % 1_000,
        counts,
        refusals: [("The COLO job is not running".into(), 2)].into(),
        points: vec![1, 1, 0, seed as u32 % 2, 0, 0, 1, 1, 900],
        ..Record::default()
    }
}

/// A scenario: a run without a seed, with a refusal and a point of its own.
pub(crate) fn scenario() -> Record {
    Record {
        seed: None,
        plan: "scenario planned stop".into(),
        digest: 0x0123_4567_89ab_cdef,
        steps: 6,
        guest_requests: 12,
        simulated_ns: 1_500_000,
        refusals: [("Top disk & its <backing> | are 'busy'".into(), 1)].into(),
        points: vec![1, 0, 1, 0, 0, 0, 1, 1, 0, 0, 1],
        ..Record::default()
    }
}

/// A run with `violations` of `failover`, the last of which has awkward text.
pub(crate) fn violating(seed: u64, violations: u32) -> Record {
    let violation = |i: u32| Violation {
        invariant: "failover".into(),
        step: Some(17 + i),
        at_ns: 1_204_331 + u64::from(i),
        host: "secondary".into(),
        message: format!(
            "sector {i} of the secondary disk holds 0x00, the promised view 0x41\n\
             after a power loss in mid-commit"
        ),
        replay: format!("colosim replay {seed:#x}"),
        ..Violation::default()
    };
    let defects = vec!["torn-checkpoint".into(), "failover-not-durable".into()];
    Record {
        violations: (0..violations).map(violation).collect(),
        explained: Some(Explained { defects, unexplained: 0 }),
        ..clean(seed)
    }
}

/// A scenario that breaks another invariant, in words that every format must escape.
pub(crate) fn awkward() -> Record {
    let violation = Violation {
        invariant: "answers".into(),
        step: None,
        at_ns: 0,
        host: String::new(),
        message: "expected `ok`, got <b>\"*no*\"</b> & a bell\u{7} in red\u{1b}[31m | @all #1"
            .into(),
        plan: "out/answers.json".into(),
        replay: "colosim replay 'out/answers.json'".into(),
        ..Violation::default()
    };
    let explained = Explained { defects: vec!["torn-checkpoint".into()], unexplained: 1 };
    Record { violations: vec![violation], explained: Some(explained), ..scenario() }
}

/// A run in which a host gave up.
pub(crate) fn aborting(seed: u64) -> Record {
    let abort = Abort {
        host: "primary".into(),
        at_ns: 61_000_000_000,
        reason: "request of a node that is gone".into(),
        replay: format!("colosim replay {seed:#x}"),
    };
    Record { aborts: vec![abort], ..clean(seed) }
}

/// The fold of `records`, in their order.
pub(crate) fn fold(records: &[Record]) -> Summary {
    let mut summary = Summary::new(&header());
    for record in records {
        summary.add(record);
    }
    summary
}

/// A clean campaign.
pub(crate) fn clean_fold() -> Summary {
    fold(&[scenario(), clean(1), clean(2), clean(3)])
}

/// A campaign with everything that can go wrong in it.
pub(crate) fn failing_fold() -> Summary {
    fold(&[awkward(), clean(1), violating(42, 2), aborting(43)])
}
