//! The catalog keeps its promises: each scenario is clean, and reaches what it is there for.
//!
//! The table says which coverage points a scenario must reach and what else must
//! be seen of it. A scenario whose timing moved past its moment fails here, not silently.

use std::collections::BTreeMap;
use std::process::Command;

use colo_core::{DiskId, Event, JobKind, JobState, Mode, Recovery, Stage, UserId, Verb};
use colo_scenarios::catalog::{SCENARIOS, find};
use colo_scenarios::points;
use colo_scenarios::profile::Behaviour;
use colo_scenarios::run::{Outcome, run_traced};
use colo_scenarios::timeline::timeline;
use colo_sim::world::{Connection, DiskOp, Entry, Side, What};

use Side::{Primary as P, Secondary as S};

mod checkpoint;
mod crash;
mod documented;
mod failover;
mod faults;
mod network;
mod operator;
mod primary;
mod start;
mod topology;
mod volumes;

const PROMISES: [&[Promise]; 11] = [
    start::PROMISES,
    topology::PROMISES,
    checkpoint::PROMISES,
    failover::PROMISES,
    crash::PROMISES,
    primary::PROMISES,
    operator::PROMISES,
    faults::PROMISES,
    volumes::PROMISES,
    documented::PROMISES,
    network::PROMISES,
];

fn promises() -> impl Iterator<Item = &'static Promise> {
    PROMISES.into_iter().flatten()
}

/// A scenario as it ran.
struct Ran {
    outcome: Outcome,
    entries: Vec<Entry>,
    /// As a person reads it.
    timeline: String,
}

/// What is to be seen, in words, and whether it was.
type Sign = (&'static str, fn(&Ran) -> bool);

struct Promise {
    scenario: &'static str,
    points: &'static [&'static str],
    signs: &'static [Sign],
    /// The text of every refusal, in alphabetical order.
    refusals: Option<&'static [&'static str]>,
    /// The last answers that each guest gets, as a timeline shows them.
    guests: [&'static [&'static str]; 2],
    /// Whether both sides start.
    pair: bool,
}

const fn promise(
    scenario: &'static str,
    points: &'static [&'static str],
    signs: &'static [Sign],
) -> Promise {
    Promise { scenario, points, signs, refusals: None, guests: [&[]; 2], pair: true }
}

impl Promise {
    const fn refuses(self, texts: &'static [&'static str]) -> Self {
        Self { refusals: Some(texts), ..self }
    }

    const fn primary_guest(self, answers: &'static [&'static str]) -> Self {
        Self { guests: [answers, self.guests[1]], ..self }
    }

    const fn secondary_guest(self, answers: &'static [&'static str]) -> Self {
        Self { guests: [self.guests[0], answers], ..self }
    }

    const fn without_a_pair(self) -> Self {
        Self { pair: false, ..self }
    }
}

const START: Verb = Verb::Start(Mode::Secondary);
const FAILOVER: Verb = Verb::Stop { failover: true };

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
const PRIMARY_HEARS_IN_THE_END: Sign =
    ("the last get_error tells the primary of the loss", |ran| {
        answers(ran, P, Verb::GetError).last() == Some(&false)
    });
const PRIMARY_GUEST_UNHARMED: Sign = ("the primary guest hears of no error", |ran| {
    !ran.entries.iter().any(|entry| entry.side == Some(P) && guest_answer(entry) == Some(false))
});

const NO_PIVOT_BEFORE_THE_RETRY: Sign = ("there is no pivot before it is tried again", |ran| {
    let again = place(ran, &|entry: &Entry| {
        let retried = (Stage::FailoverFailed, Stage::Failover);
        matches!(entry.what, What::Event(Event::Stage { from, to, .. }) if (from, to) == retried)
    });
    again < place(ran, &stage(Stage::Done))
});
const NOTHING_REFUSED: Sign = ("nothing is refused", |ran| ran.outcome.refusals.is_empty());
const UNTOUCHED: Sign = ("no image is opened otherwise and no job started", |ran| {
    !ran.entries
        .iter()
        .any(|entry| matches!(entry.what, What::Event(Event::ReadOnly { .. } | Event::Job { .. })))
});
const AS_BEFORE: Sign = ("hidden is read-only again and nothing is blocked", |ran| {
    let events = ran.entries.iter().filter_map(|entry| match &entry.what {
        What::Event(event @ (Event::ReadOnly { .. } | Event::Blocker { .. })) => Some(event),
        _ => None,
    });
    let events: Vec<_> = events.collect();
    matches!(events[..], [Event::ReadOnly { on: false, .. }, Event::ReadOnly { on: true, .. }])
});
const ENDED: Sign = ("the process ends in order", |ran| {
    ran.entries.iter().any(|entry| matches!(entry.what, What::Event(Event::Exited)))
});
const ORDERLY: Sign = ("the verbs are answered in the order of their calls", |ran| {
    let id = |entry: &Entry| match entry.what {
        What::Event(Event::VerbAnswered { id, .. }) => Some(id),
        _ => None,
    };
    ran.entries.iter().filter_map(id).is_sorted()
});
const FORWARDED_TWO: Sign = ("two of the three writes are forwarded", |ran| {
    ran.entries.iter().filter(|entry| export_answer(entry) == Some(true)).count() == 2
});
const STALLED: Sign = ("the forwarded write is answered after the stall", |ran| {
    let answered = ran.entries.iter().find(|entry| export_answer(entry).is_some());
    answered.is_some_and(|entry| entry.at.0 > 3_000_000)
});

fn run_scenario(name: &str) -> Ran {
    let scenario = find(name).unwrap_or_else(|| panic!("there is no scenario {name}"));
    let plan = scenario.plan(&Behaviour::default());
    let (outcome, trace) = run_traced(&plan);
    let timeline = timeline(&plan, trace.entries(), None);
    Ran { outcome, entries: trace.entries().to_vec(), timeline }
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

/// Whether a forwarded request was answered well.
fn export_answer(entry: &Entry) -> Option<bool> {
    match &entry.what {
        What::Event(Event::Answered { user: UserId::Export, result, .. }) => Some(result.is_ok()),
        _ => None,
    }
}

/// Who was told of an error, each once, in order.
fn told(ran: &Ran) -> Vec<String> {
    let mut told = Vec::new();
    for entry in &ran.entries {
        let Some(side) = entry.side.map(Side::name) else { continue };
        let party = match &entry.what {
            What::Event(Event::VerbAnswered { verb, result: Err(_), .. }) => {
                format!("{verb} of the {side}")
            }
            _ if guest_answer(entry) == Some(false) => format!("{side} guest"),
            _ => continue,
        };
        if !told.contains(&party) {
            told.push(party);
        }
    }
    told
}

/// What a guest was answered, as the timeline shows it.
fn shown_answers(ran: &Ran, side: Side) -> Vec<&str> {
    let stages = Stage::ALL.map(Stage::name);
    let lines = ran.timeline.lines().filter(|line| {
        let mut words = line.split_whitespace().skip(1);
        words.next() == Some(side.name()) && words.next() == Some("guest")
    });
    let answers = lines.filter_map(|line| line.split_once(" answered: ")).map(|(_, rest)| {
        // The stage stands in the last column.
        let (answer, last) = rest.rsplit_once(' ').unwrap_or((rest, ""));
        if last == "-" || stages.contains(&last) { answer.trim_end() } else { rest }
    });
    answers.collect()
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
    for Promise { scenario, points, pair, .. } in promises() {
        let Ran { outcome, .. } = run_scenario(scenario);
        let both = STARTED.iter().filter(|_| *pair);
        for point in points.iter().chain(both) {
            // A promise of `fault/active/write` is one of that in some state.
            let part = |name: &String| {
                name.strip_prefix(point)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            let named: Vec<_> =
                (0..points::names().len()).filter(|&index| part(&points::names()[index])).collect();
            assert!(!named.is_empty(), "{scenario}: there is no point {point}");
            if named.iter().all(|&index| outcome.points[index] == 0) {
                missed.push(format!("{scenario} does not reach {point}"));
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn every_scenario_shows_what_its_sentence_promises() {
    let mut missed = Vec::new();
    for Promise { scenario, signs, .. } in promises() {
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
fn every_refusal_says_what_is_promised() {
    let mut missed = Vec::new();
    for Promise { scenario, refusals, .. } in promises() {
        let ran = run_scenario(scenario);
        let texts: Vec<&str> = ran.outcome.refusals.keys().map(AsRef::as_ref).collect();
        if refusals.is_some_and(|refusals| refusals != texts) {
            missed.push(format!("{scenario}: the refusals are {texts:?}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn every_guest_is_answered_what_is_promised() {
    let mut missed = Vec::new();
    for Promise { scenario, guests, .. } in promises() {
        let ran = run_scenario(scenario);
        for (side, last) in Side::BOTH.into_iter().zip(guests) {
            let shown = shown_answers(&ran, side);
            if !shown.ends_with(last) {
                missed.push(format!("{scenario}: the {} guest: {shown:?}", side.name()));
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// All names of both tables.
fn promised() -> impl Iterator<Item = String> {
    let promises = promises().map(|promise| promise.scenario.to_owned());
    promises.chain(network::messages().map(|(name, ..)| name))
}

#[test]
fn every_scenario_has_one_promise_and_a_name_of_its_own() {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for scenario in SCENARIOS {
        *seen.entry(scenario.name).or_default() += 1;
        let promised = promised().filter(|name| *name == scenario.name);
        assert_eq!(promised.count(), 1, "{} needs one line in a table", scenario.name);
        assert!(!scenario.about.is_empty() && !scenario.about.ends_with('.'), "{}", scenario.name);
    }
    assert!(seen.values().all(|&times| times == 1), "{seen:?}");
    assert_eq!(promised().count(), SCENARIOS.len());
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
