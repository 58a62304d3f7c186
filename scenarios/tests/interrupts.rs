//! What somebody who presses Ctrl-C is left with: everything that was done until then, whole.
//!
//! The work is such that it takes minutes, and a signal is sent when files show that it is under
//! way, so nothing here depends on how fast a machine is.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use colo_core::{DiskId, Quirk};
use colo_reports::{Record, read_records};
use colo_scenarios::catalog::find;
use colo_scenarios::plan::{Plan, Step};
use colo_scenarios::profile::{Added, Behaviour};
use quick_junit::Report;
use serde_json::Value;

/// So many seeds take minutes. If nobody listens to the signal, the campaign ends after all, and the
/// test fails.
const MANY: &str = "300000";

/// The same for an exploration.
const MANY_STATES: &str = "3000000";

/// More than a pipe holds while nobody reads it.
const PIPE_MAX: usize = 1 << 16;

/// A run of the program that ends by a signal, or else with the test.
struct Running(Child);

impl Running {
    fn start(args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_colosim"));
        command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env_remove("GITHUB_ACTIONS");
        Self(command.spawn().expect("the binary runs"))
    }

    /// Until this holds; the program must not end before.
    fn wait_until(&mut self, mut holds: impl FnMut() -> bool) {
        while !holds() {
            let ended = self.0.try_wait().expect("it can be asked");
            assert_eq!(ended, None, "it ended too early");
            std::thread::yield_now();
        }
    }

    fn send(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.0.id());
        let status = Command::new("sh").args(["-c", &kill]).status().expect("there is a shell");
        assert!(status.success(), "{kill}");
    }

    /// What it leaves once it has ended.
    fn end(mut self) -> Ended {
        let (mut out, mut err) = (String::new(), String::new());
        let stdout = self.0.stdout.take().expect("it is piped");
        let stderr = self.0.stderr.take().expect("it is piped");
        // The little that goes to standard error fits into its pipe.
        std::io::BufReader::new(stdout).read_to_string(&mut out).expect("it is text");
        std::io::BufReader::new(stderr).read_to_string(&mut err).expect("it is text");
        Ended { status: self.0.wait().expect("it ends"), out, err }
    }
}

impl Drop for Running {
    /// A test that fails leaves nothing running.
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Ended {
    status: ExitStatus,
    out: String,
    err: String,
}

/// An empty directory of this name.
fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interrupts").join(name);
    if path.exists() {
        std::fs::remove_dir_all(&path).expect("an old run's directory can go");
    }
    std::fs::create_dir_all(&path).expect("there is room");
    path
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("it is text")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Whether at least so many lines are in a file.
fn has_lines(path: &Path, count: usize) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| text.lines().count() >= count)
}

fn saved_plans(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory.join("plans")).into_iter().flatten().flatten();
    let plans = entries.map(|entry| entry.path());
    plans.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect()
}

/// Everything in the directory of an interrupted campaign, read with parsers; its records.
fn campaign_in(out: &Path) -> Vec<Record> {
    let file = read(&out.join("records.jsonl"));
    let (_, records) = read_records(file.as_bytes()).expect("a header");
    let records: Vec<_> = records.map(|record| record.expect("a whole record")).collect();
    let report = value(&read(&out.join("report.json")));
    assert_eq!(report["interrupted"], true);
    assert_eq!(report["plans"].as_u64(), Some(records.len() as u64), "all that ran is on file");
    let junit = Report::deserialize_from_str(&read(&out.join("junit.xml"))).expect("it is JUnit");
    assert!(junit.tests > 0);
    assert!(read(&out.join("report.html")).ends_with("</html>"));
    assert!(read(&out.join("report.md")).contains("interrupted"));
    let failed = records.iter().filter(|record| !record.is_clean());
    for violation in failed.flat_map(|record| &record.violations) {
        if !violation.plan.is_empty() {
            Plan::load(Path::new(&violation.plan)).expect("a plan");
        }
    }
    records
}

#[test]
fn an_interrupted_campaign_is_a_whole_one_of_fewer_seeds() {
    for signal in ["INT", "TERM"] {
        let out = directory(&format!("run-{signal}"));
        let junit = out.join("elsewhere.xml");
        let args = ["run", "--seeds", MANY, "--out", shown(&out), "--junit", shown(&junit)];
        let mut running = Running::start(&args);
        running.wait_until(|| has_lines(&out.join("records.jsonl"), 300));
        running.send(signal);
        let ended = running.end();
        assert_eq!(ended.status.code(), Some(130), "{}", ended.err);
        assert!(ended.out.starts_with("INTERRUPTED, CLEAN SO FAR: "), "{}", ended.out);

        let records = campaign_in(&out);
        let told = format!("interrupted after {} of ", records.len());
        assert!(ended.err.contains(&told), "{}", ended.err);
        Report::deserialize_from_str(&read(&junit)).expect("it is JUnit");
        let seeds: Vec<_> = records.iter().filter_map(|record| record.seed).collect();
        assert!(!seeds.is_empty() && seeds.iter().copied().eq(0..seeds.len() as u64), "{seeds:?}");
        // The same seeds again, uninterrupted.
        let count = seeds.len().to_string();
        let again = Running::start(&["run", "--seeds", &count, "--format", "json"]).end();
        let (again, report) = (value(&again.out), value(&read(&out.join("report.json"))));
        assert_eq!(again["interrupted"], false);
        for what in ["digest", "plans", "guest_requests", "counts", "points"] {
            assert_eq!(report[what], again[what], "{what}");
        }
    }
}

#[test]
fn what_an_interrupted_campaign_has_found_decides_its_exit_code() {
    let out = directory("run-violating");
    let args = ["run", "--profile", "seed", "--seeds", MANY, "--out", shown(&out)];
    let mut running = Running::start(&[&args[..], &["--format", "json"]].concat());
    running.wait_until(|| has_lines(&out.join("records.jsonl"), 200));
    running.send("INT");
    let ended = running.end();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.err);
    assert_eq!(value(&ended.out)["interrupted"], true);
    let records = campaign_in(&out);
    assert!(records.iter().any(|record| !record.is_clean()));
    assert!(!saved_plans(&out).is_empty());
}

#[test]
fn the_second_signal_ends_at_once() {
    let out = directory("run-twice");
    // Nobody reads this pipe: a program that is to write its report into it does not go on.
    let pipe = out.join("junit.xml");
    make_pipe(&pipe);
    let args = ["run", "--seeds", MANY, "--out", shown(&out), "--junit", shown(&pipe)];
    let mut running = Running::start(&args);
    running.wait_until(|| has_lines(&out.join("records.jsonl"), 300));
    running.send("INT");
    // The summary is told before the file is written.
    let stdout = running.0.stdout.take().expect("it is piped");
    let mut first = [0; 11];
    std::io::BufReader::new(stdout).read_exact(&mut first).expect("a summary");
    assert_eq!(&first, b"INTERRUPTED");
    running.send("INT");
    // With a reader it could go on, if it had not been ended.
    let both = std::fs::File::options().read(true).write(true).open(&pipe).expect("a pipe");
    let status = running.0.wait().expect("it ends");
    drop(both);
    assert_eq!((status.code(), status.signal()), (None, Some(2)), "ended by SIGINT itself");
}

fn make_pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().expect("mkfifo is there");
    assert!(made.success());
}

#[test]
fn an_interrupted_exploration_tells_and_keeps_what_it_has_found() {
    let out = directory("explore");
    let args = ["explore", "failover", "--quirks", "unmarked-overlays", "--side", "secondary"];
    let bounds =
        ["--combinations-max", MANY_STATES, "--states-max", MANY_STATES, "--out", shown(&out)];
    let mut running = Running::start(&[&args[..], &bounds].concat());
    running.wait_until(|| saved_plans(&out).len() >= 3);
    running.send("INT");
    let ended = running.end();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.err);
    assert!(ended.out.contains("interrupted: crash points are missing"), "{}", ended.out);
    assert!(ended.out.contains("exhausted                   no"), "{}", ended.out);
    assert!(ended.out.contains("VIOLATION of crash in "), "{}", ended.out);
    for plan in saved_plans(&out) {
        Plan::load(&plan).expect("a plan is whole under its name");
    }
    assert!(read(&out.join("found.txt")).contains("VIOLATION of crash"));
}

#[test]
fn a_clean_exploration_that_is_interrupted_is_not_called_clean() {
    let bounds = ["--combinations-max", MANY_STATES, "--states-max", MANY_STATES];
    let args = [&["explore", "failover", "--depth", "2"][..], &bounds].concat();
    let mut running = Running::start(&args);
    let id = running.0.id();
    running.wait_until(|| listens(id));
    running.send("TERM");
    let ended = running.end();
    assert_eq!(ended.status.code(), Some(130), "{}{}", ended.out, ended.err);
    assert!(ended.out.ends_with("nothing found, and not all was explored\n"), "{}", ended.out);
}

/// Whether a process has a handler for SIGTERM, the second to be set.
fn listens(id: u32) -> bool {
    let status = read(Path::new(&format!("/proc/{id}/status")));
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = u64::from_str_radix(caught.expect("Linux says so").trim(), 16);
    caught.expect("a number") & 1 << 14 != 0
}

#[test]
fn interrupted_workloads_tell_how_many_were_seen() {
    let out = directory("workloads");
    let args = ["explore", "--workloads", "--all-blocks", "--profile", "seed"];
    let mut running = Running::start(&[&args[..], &["--out", shown(&out)]].concat());
    running.wait_until(|| saved_plans(&out).len() >= 3);
    running.send("INT");
    let ended = running.end();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.err);
    let number = |name: &str| {
        let line = ended.out.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.trim().parse::<u64>().ok())
    };
    let (all, seen) = (number("workloads"), number("of these seen"));
    assert!(seen > Some(0) && seen < all, "{seen:?} of {all:?}");
    for plan in saved_plans(&out) {
        Plan::load(&plan).expect("a plan is whole under its name");
    }
}

/// A plan that fails, behind so many steps that do nothing that it is longer than a pipe.
fn long_plan() -> Plan {
    let quirks = vec![Quirk::PlannedStopCancelsFirst, Quirk::UnfencedExport];
    let behaviour = Behaviour { added: Added::Named(quirks), ..Behaviour::default() };
    let failing = find("planned-stop").expect("it is in the catalog").plan(&behaviour);
    let nothing = Step::Stall { disk: DiskId::Local, ns: 1 };
    let steps = std::iter::repeat_n(nothing, 4_000).chain(failing.steps.iter().cloned());
    Plan { steps: steps.collect(), ..failing }
}

#[test]
fn an_interrupted_shrink_saves_the_smallest_plan_so_far() {
    let directory = directory("shrink");
    let (long, small) = (directory.join("long.json"), directory.join("small.json"));
    let plan = long_plan();
    assert!(plan.to_json().len() > 2 * PIPE_MAX);
    std::fs::write(&long, plan.to_json()).expect("there is room");
    // The first plan that it saves, with fewer quirks and all steps, it saves into a pipe, and is
    // in the middle of that until somebody reads.
    let pipe = directory.join("small.json.partial");
    make_pipe(&pipe);
    let running = Running::start(&["shrink", shown(&long), "-o", shown(&small)]);
    let mut reader = std::fs::File::open(&pipe).expect("the other end is opened by the program");
    running.send("INT");
    let mut first = String::new();
    reader.read_to_string(&mut first).expect("a plan");
    let first = Plan::parse(&first, "first").expect("a plan");
    let ended = running.end();
    assert_eq!(ended.status.code(), Some(130), "{}", ended.err);
    assert!(ended.out.contains("interrupted: shrink what was saved"), "{}", ended.out);
    let saved = Plan::load(&small).expect("a plan");
    assert_eq!(saved, first, "nothing more was tried");
    assert_eq!((saved.quirks.len(), saved.steps.len()), (1, plan.steps.len()));
    let replayed = Running::start(&["replay", shown(&small)]).end();
    assert_eq!(replayed.status.code(), Some(1), "{}", replayed.out);
}
