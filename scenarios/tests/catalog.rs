//! The catalog keeps its promises: each scenario is clean, and reaches what it is there for.
//!
//! The table says which coverage points a scenario must reach and what else must
//! be seen of it. A scenario whose timing moved past its moment fails here, not silently.

use std::collections::BTreeMap;
use std::process::Command;

use colo_core::{DiskId, Event, JobKind, JobState, Recovery, Stage, UserId, Verb};
use colo_scenarios::catalog::{SCENARIOS, find};
use colo_scenarios::points;
use colo_scenarios::profile::Behaviour;
use colo_scenarios::run::{Outcome, run_traced};
use colo_sim::world::{Connection, DiskOp, Entry, Side, What};

use Side::{Primary as P, Secondary as S};

/// A scenario as it ran.
struct Ran {
    outcome: Outcome,
    entries: Vec<Entry>,
}

/// What is to be seen, in words, and whether it was.
type Sign = (&'static str, fn(&Ran) -> bool);

struct Promise {
    scenario: &'static str,
    points: &'static [&'static str],
    signs: &'static [Sign],
}

const fn promise(
    scenario: &'static str,
    points: &'static [&'static str],
    signs: &'static [Sign],
) -> Promise {
    Promise { scenario, points, signs }
}

const STARTED: [&str; 2] = ["edge/secondary/NONE->RUNNING", "edge/primary/NONE->RUNNING"];
const FAILING_OVER: &str = "edge/secondary/RUNNING->FAILOVER";
const PROMOTED: &str = "edge/secondary/FAILOVER->DONE";
const FAILED: &str = "edge/secondary/FAILOVER->FAILOVER_FAILED";
const STOPPED: &str = "edge/secondary/RUNNING->DONE";

const RECOVERED: Sign = ("the last recovery writes the view down", |ran| {
    recoveries(ran).last() == Some(&Recovery::Committed)
});
const DISK_ALONE: Sign = ("the last recovery finds the disk alone true", |ran| {
    recoveries(ran).last() == Some(&Recovery::DiskAlone)
});
const VOID: Sign =
    ("the recovery is refused, the view is void", |ran| recoveries(ran) == [Recovery::Refused]);
const GUEST_READS_AT_END: Sign =
    ("the last request of the secondary guest succeeds", |ran| last_answer(ran, S) == Some(true));
const NO_PIVOT: Sign = ("there is no pivot", |ran| ran.outcome.counts.failovers_done == 0);
const COMMIT_WRITES_IN_FLIGHT: Sign =
    ("some of the commit's writes are done at the crash", |ran| {
        let begun = place(ran, &stage(Stage::Failover));
        let crashed =
            place(ran, &|entry: &Entry| matches!(entry.what, What::PowerLost | What::ProcessDied));
        ran.entries[begun..crashed].iter().any(|entry| {
            matches!(entry.what, What::Disk { disk: DiskId::Secondary, op: DiskOp::Write, .. })
        })
    });
const PRIMARY_HEARS_OF_LOSS: Sign = ("get_error tells the primary of the loss", |ran| {
    answers(ran, P, Verb::GetError).first() == Some(&false)
});
const PRIMARY_GUEST_UNHARMED: Sign = ("the primary guest hears of no error", |ran| {
    !ran.entries.iter().any(|entry| entry.side == Some(P) && guest_answer(entry) == Some(false))
});

const PROMISES: &[Promise] = &[
    promise(
        "start-checkpoint-stop",
        &[STOPPED, "edge/primary/RUNNING->DONE", "verb/secondary/checkpoint/RUNNING"],
        &[
            ("two checkpoints succeed", |ran| ran.outcome.counts.checkpoints == 2),
            ("nothing is refused", |ran| ran.outcome.refusals.is_empty()),
            GUEST_READS_AT_END,
        ],
    ),
    promise(
        "failover",
        &[FAILING_OVER, PROMOTED, "probe/commit/granules-merged"],
        &[
            ("both overlays are read by the commit", |ran| {
                let from = place(ran, &stage(Stage::Failover));
                [DiskId::Active, DiskId::Hidden].into_iter().all(|wanted| {
                ran.entries[from..].iter().any(|entry| {
                    matches!(entry.what, What::Disk { disk, op: DiskOp::Read, .. } if disk == wanted)
                })
            })
            }),
            GUEST_READS_AT_END,
        ],
    ),
    promise(
        "failover-then-power-loss",
        &[PROMOTED, "crash/secondary/power-loss/DONE"],
        &[DISK_ALONE, GUEST_READS_AT_END],
    ),
    promise(
        "planned-stop",
        &[STOPPED, "verb/secondary/stop(failover=0)/RUNNING"],
        &[
            ("the stop says ok", |ran| answers(ran, S, Verb::Stop { failover: false }) == [true]),
            GUEST_READS_AT_END,
        ],
    ),
    promise(
        "backup-cancelled-in-copy",
        &["probe/backup/cancelled-with-copy-in-flight"],
        &[
            ("the forwarded write ends well", |ran| {
                ran.entries.iter().any(|entry| {
                    matches!(
                        &entry.what,
                        What::Event(Event::Answered { user: UserId::Export, result: Ok(_), .. })
                    )
                })
            }),
            ("the job is gone", |ran| {
                ran.entries.iter().any(|entry| {
                    matches!(
                        entry.what,
                        What::Event(Event::Job {
                            kind: JobKind::Backup,
                            state: JobState::Concluded(Err(_))
                        })
                    )
                })
            }),
            ("the checkpoint after it is refused", |ran| ran.outcome.counts.checkpoints == 0),
        ],
    ),
    promise(
        "forward-after-lost-backup",
        &[
            "probe/backup/cancelled-idle",
            "probe/copy/forwarded-write-fenced",
            FAILING_OVER,
            PROMOTED,
        ],
        &[
            PRIMARY_HEARS_OF_LOSS,
            ("get_error tells the secondary", |ran| answers(ran, S, Verb::GetError) == [false]),
        ],
    ),
    promise(
        "crash-in-commit-copying",
        &["crash/secondary/power-loss/commit-copying"],
        &[RECOVERED, GUEST_READS_AT_END],
    ),
    promise(
        "crash-in-commit-writing",
        &["crash/secondary/power-loss/commit-copying"],
        &[COMMIT_WRITES_IN_FLIGHT, RECOVERED, GUEST_READS_AT_END],
    ),
    promise(
        "crash-in-commit-flushing",
        &["crash/secondary/power-loss/commit-flushing"],
        &[RECOVERED, GUEST_READS_AT_END],
    ),
    promise(
        "crash-before-pivot",
        &["crash/secondary/power-loss/commit-marking"],
        &[NO_PIVOT, GUEST_READS_AT_END],
    ),
    promise(
        "crash-in-recovery",
        &["crash/secondary/power-loss/commit-copying"],
        &[
            ("it crashes twice in mid-commit", |ran| ran.outcome.counts.commits_crashed == 2),
            RECOVERED,
            GUEST_READS_AT_END,
        ],
    ),
    promise(
        "killed-in-commit",
        &["crash/secondary/process-death/commit-copying"],
        &[COMMIT_WRITES_IN_FLIGHT, RECOVERED, GUEST_READS_AT_END],
    ),
    promise(
        "crash-while-running",
        &["crash/secondary/power-loss/RUNNING"],
        &[
            VOID,
            ("it starts anew", |ran| {
                answers(ran, S, Verb::Start(colo_core::Mode::Secondary)) == [true, true]
            }),
        ],
    ),
    promise("crash-in-checkpoint", &["crash/secondary/power-loss/checkpoint"], &[VOID]),
    promise(
        "checkpoint-cannot-empty-active",
        &["fault/active/write", "probe/overlay/empty-failed"],
        &[
            ("the checkpoint fails, the next one succeeds", |ran| {
                answers(ran, S, Verb::Checkpoint) == [true, false, true]
            }),
            GUEST_READS_AT_END,
        ],
    ),
    promise(
        "checkpoint-cannot-empty-hidden",
        &["fault/hidden/write", "probe/overlay/empty-failed", FAILING_OVER, PROMOTED],
        &[
            ("the checkpoint fails", |ran| answers(ran, S, Verb::Checkpoint) == [true, false]),
            GUEST_READS_AT_END,
        ],
    ),
    promise(
        "start-cannot-empty-active",
        &[
            "fault/active/write",
            "probe/overlay/empty-failed",
            "probe/filter/request-refused-by-stage",
        ],
        &[
            ("the second start succeeds", |ran| {
                answers(ran, S, Verb::Start(colo_core::Mode::Secondary)) == [false, true]
            }),
            GUEST_READS_AT_END,
        ],
    ),
    promise(
        "commit-read-error",
        &[
            FAILED,
            "fault/hidden/read",
            "probe/commit/read-failed",
            "probe/filter/split-write",
            "verb/secondary/stop(failover=1)/FAILOVER_FAILED",
            "crash/secondary/power-loss/FAILOVER_FAILED",
        ],
        &[
            ("the second stop is refused", |ran| {
                answers(ran, S, Verb::Stop { failover: true }) == [true, false]
            }),
            NO_PIVOT,
            RECOVERED,
            GUEST_READS_AT_END,
        ],
    ),
    promise(
        "commit-write-error",
        &[
            FAILED,
            "fault/secondary/write",
            "probe/commit/write-failed",
            "crash/secondary/power-loss/FAILOVER_FAILED",
        ],
        &[RECOVERED, GUEST_READS_AT_END],
    ),
    promise(
        "commit-flush-error",
        &[FAILED, "fault/secondary/flush", "probe/commit/flush-failed"],
        &[NO_PIVOT, GUEST_READS_AT_END],
    ),
    promise(
        "commit-cancelled",
        &[FAILED, "probe/commit/cancelled-before-ready"],
        &[NO_PIVOT, GUEST_READS_AT_END],
    ),
    promise(
        "commit-under-guest-writes",
        &[
            PROMOTED,
            "probe/commit/guest-write-dirties-again",
            "probe/commit/dirty-granule-in-flight",
        ],
        &[GUEST_READS_AT_END],
    ),
    promise(
        "guest-write-races-copy",
        &["probe/copy/started", "probe/node/read-waits-for-copy", "probe/node/copy-waits-for-read"],
        &[GUEST_READS_AT_END],
    ),
    promise(
        "copies-overlap",
        &[
            "probe/copy/waits-for-copy-of-another-write",
            "probe/copy/save-failed",
            "probe/copy/retried-after-failure-of-another-write",
        ],
        &[PRIMARY_HEARS_OF_LOSS, PRIMARY_GUEST_UNHARMED, GUEST_READS_AT_END],
    ),
    promise(
        "copy-read-error",
        &["fault/secondary/read", "probe/copy/read-failed", "probe/filter/forward-failed"],
        &[PRIMARY_HEARS_OF_LOSS, PRIMARY_GUEST_UNHARMED],
    ),
    promise(
        "forwarded-write-error",
        &["fault/secondary/write", "probe/filter/forward-failed"],
        &[PRIMARY_HEARS_OF_LOSS, PRIMARY_GUEST_UNHARMED, GUEST_READS_AT_END],
    ),
    promise(
        "primary-disk-error",
        &["fault/local/write", "probe/quorum/local-write-failed"],
        &[("the guest is told of one failed write", |ran| {
            let mine = ran.entries.iter().filter(|entry| entry.side == Some(P));
            mine.filter_map(guest_answer).collect::<Vec<_>>() == [true, false, true]
        })],
    ),
    promise(
        "primary-flush-error",
        &["fault/local/flush", "crash/primary/power-loss/RUNNING"],
        &[("its guest reads after the restart", |ran| last_answer(ran, P) == Some(true))],
    ),
    promise(
        "connection-lost",
        &["probe/filter/forward-failed"],
        &[
            ("the connection goes and comes back", |ran| {
                let changes = ran.entries.iter().filter_map(|entry| match entry.what {
                    What::Connection(change) => Some(change),
                    _ => None,
                });
                changes.collect::<Vec<_>>() == [Connection::Up, Connection::Down, Connection::Up]
            }),
            PRIMARY_HEARS_OF_LOSS,
            PRIMARY_GUEST_UNHARMED,
        ],
    ),
    promise(
        "start-over-owed-view",
        &["probe/verb/start-refused-view-owed", "crash/secondary/power-loss/NONE"],
        &[RECOVERED, GUEST_READS_AT_END],
    ),
    promise(
        "close-while-running",
        &["probe/verb/close-while-running", STOPPED, "edge/primary/RUNNING->DONE"],
        &[("both closes say ok", |ran| {
            [P, S].into_iter().all(|side| answers(ran, side, Verb::Close) == [true])
        })],
    ),
    promise(
        "close-in-commit",
        &["probe/verb/close-while-committing", "verb/secondary/close/FAILOVER"],
        &[("the close says ok", |ran| answers(ran, S, Verb::Close) == [true]), NO_PIVOT],
    ),
    promise(
        "promoted-secondary-told-again",
        &[
            PROMOTED,
            "verb/secondary/start(primary)/DONE",
            "verb/secondary/checkpoint/DONE",
            "verb/secondary/stop(failover=1)/DONE",
            "verb/secondary/get_error/DONE",
        ],
        &[("nothing is refused", |ran| ran.outcome.refusals.is_empty()), GUEST_READS_AT_END],
    ),
];

fn run_scenario(name: &str) -> Ran {
    let scenario = find(name).unwrap_or_else(|| panic!("there is no scenario {name}"));
    let (outcome, trace) = run_traced(&scenario.plan(&Behaviour::default()));
    Ran { outcome, entries: trace.entries().to_vec() }
}

fn stage(wanted: Stage) -> impl Fn(&Entry) -> bool {
    move |entry| {
        entry.side == Some(S)
            && matches!(entry.what, What::Event(Event::Stage { to, .. }) if to == wanted)
    }
}

/// Where the first such entry is, or the end.
fn place(ran: &Ran, wanted: &dyn Fn(&Entry) -> bool) -> usize {
    ran.entries.iter().position(wanted).unwrap_or(ran.entries.len())
}

/// Which of the calls of a verb were answered ok, in order.
fn answers(ran: &Ran, side: Side, wanted: Verb) -> Vec<bool> {
    let answer = |entry: &Entry| match &entry.what {
        What::Event(Event::VerbAnswered { verb, result, .. })
            if entry.side == Some(side) && *verb == wanted =>
        {
            Some(result.is_ok())
        }
        _ => None,
    };
    ran.entries.iter().filter_map(answer).collect()
}

fn recoveries(ran: &Ran) -> Vec<Recovery> {
    let recovery = |entry: &Entry| match entry.what {
        What::Event(Event::Recovered(recovery)) => Some(recovery),
        _ => None,
    };
    ran.entries.iter().filter_map(recovery).collect()
}

/// Whether a guest was told that its request succeeded.
fn guest_answer(entry: &Entry) -> Option<bool> {
    match &entry.what {
        What::Event(Event::Answered { user: UserId::Guest, result, .. }) => Some(result.is_ok()),
        _ => None,
    }
}

fn last_answer(ran: &Ran, side: Side) -> Option<bool> {
    ran.entries.iter().rev().filter(|entry| entry.side == Some(side)).find_map(guest_answer)
}

#[test]
fn every_scenario_is_clean_on_the_hardened_core() {
    for scenario in SCENARIOS {
        let Ran { outcome, .. } = run_scenario(scenario.name);
        assert!(
            outcome.is_clean(),
            "{}: {:?} {:?}",
            scenario.name,
            outcome.violations,
            outcome.aborts
        );
    }
}

#[test]
fn every_scenario_reaches_the_points_that_it_is_there_for() {
    let mut missed = Vec::new();
    for Promise { scenario, points, .. } in PROMISES {
        let Ran { outcome, .. } = run_scenario(scenario);
        let both = STARTED.iter().filter(|_| *scenario != "start-cannot-empty-active");
        for point in points.iter().chain(both) {
            let index = points::names().iter().position(|name| name == point);
            let index = index.unwrap_or_else(|| panic!("{scenario}: there is no point {point}"));
            if outcome.points[index] == 0 {
                missed.push(format!("{scenario} does not reach {point}"));
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn every_scenario_shows_what_its_sentence_promises() {
    let mut missed = Vec::new();
    for Promise { scenario, signs, .. } in PROMISES {
        let ran = run_scenario(scenario);
        for (words, seen) in *signs {
            if !seen(&ran) {
                missed.push(format!("{scenario}: not so: {words}"));
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn every_scenario_has_one_promise_and_a_name_of_its_own() {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for scenario in SCENARIOS {
        *seen.entry(scenario.name).or_default() += 1;
        let promises = PROMISES.iter().filter(|promise| promise.scenario == scenario.name);
        assert_eq!(promises.count(), 1, "{} needs one line in the table", scenario.name);
        assert!(!scenario.about.is_empty() && !scenario.about.ends_with('.'), "{}", scenario.name);
    }
    assert!(seen.values().all(|&times| times == 1), "{seen:?}");
    assert_eq!(PROMISES.len(), SCENARIOS.len());
}

#[test]
fn the_command_line_lists_every_scenario_with_its_sentence() {
    let output = Command::new(env!("CARGO_BIN_EXE_colosim"))
        .args(["list", "scenarios"])
        .output()
        .expect("the binary runs");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("it is text");
    let listed: Vec<_> = text.lines().filter_map(|line| line.split_once("  ")).collect();
    assert_eq!(listed.len(), SCENARIOS.len());
    for (scenario, (name, about)) in SCENARIOS.iter().zip(listed) {
        assert_eq!((name, about.trim()), (scenario.name, scenario.about));
    }
}
