//! The command line as a program or a script meets it: exit codes, errors, and what is written where.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use colo_reports::read_records;
use colo_scenarios::plan::Plan;
use serde_json::Value;

/// What a call left.
struct Called {
    code: i32,
    out: String,
    err: String,
}

fn colosim(args: &[&str]) -> Called {
    // What is tested is what it says to anybody, also where the tests are a step of a workflow.
    let mut command = Command::new(env!("CARGO_BIN_EXE_colosim"));
    let output = command.args(args).env_remove("GITHUB_ACTIONS").output();
    let output = output.expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("it is text");
    let code = output.status.code().expect("it is not killed");
    Called { code, out: text(output.stdout), err: text(output.stderr) }
}

/// An empty directory of this name.
fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if path.exists() {
        std::fs::remove_dir_all(&path).expect("an old run's directory can go");
    }
    std::fs::create_dir_all(&path).expect("there is room");
    path
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("it is text")
}

fn json(args: &[&str]) -> Value {
    let called = colosim(args);
    serde_json::from_str(&called.out).unwrap_or_else(|error| panic!("{error}: {}", called.out))
}

#[test]
fn a_clean_campaign_says_so_and_exits_0() {
    let called = colosim(&["run", "--seeds", "50"]);
    assert_eq!(called.code, 0, "{}", called.err);
    assert!(called.out.starts_with("CLEAN: "), "{}", called.out);
    assert!(called.err.is_empty(), "{}", called.err);
}

#[test]
fn the_seed_profile_fails_and_each_replay_command_that_it_prints_fails_too() {
    let called = colosim(&["run", "--profile", "seed", "--seeds", "300"]);
    assert_eq!(called.code, 1, "{}", called.err);
    let commands: Vec<Vec<&str>> = called
        .out
        .lines()
        .filter_map(|line| line.trim().strip_prefix("cargo run --release -- "))
        .map(|arguments| arguments.split_whitespace().collect())
        .collect();
    assert!(commands.len() >= 5, "{}", called.out);
    for arguments in commands {
        let replayed = colosim(&arguments);
        assert_eq!(replayed.code, 1, "{arguments:?}: {}{}", replayed.out, replayed.err);
        assert!(replayed.out.contains("VIOLATION of "), "{arguments:?}: {}", replayed.out);
    }
}

#[test]
fn the_replay_command_of_every_violation_shows_it_again() {
    for behaviour in [&["--profile", "seed"], &["--quirks", "swarm"]] {
        let mut args = vec!["run", "--seeds", "40", "--format", "json"];
        args.extend(behaviour);
        let report = json(&args);
        let violations = report["violations"].as_array().expect("a list");
        assert!(!violations.is_empty());
        for violation in violations.iter().take(12) {
            let replay = violation["replay"].as_str().expect("a command");
            let words = replay.split_whitespace();
            let arguments: Vec<_> = words.skip_while(|&word| word != "replay").collect();
            let replayed = colosim(&arguments);
            assert_eq!(replayed.code, 1, "{replay}");
            let line = format!("VIOLATION of {}", violation["invariant"].as_str().expect("a name"));
            assert!(replayed.out.contains(&line), "{replay}: {}", replayed.out);
        }
    }
}

#[test]
fn what_cannot_be_used_exits_2_and_says_what_can() {
    let wrong: [(&[&str], &str); 18] = [
        (&["replay", "nonsense"], "colosim list scenarios"),
        (&["replay", "nonsense"], "colosim list findings"),
        (&["replay", "no/such/plan.json"], "cannot read no/such/plan.json"),
        (&["shrink", "nonsense"], "colosim list findings"),
        (&["shrink", "no/such/plan.json"], "cannot read no/such/plan.json"),
        (&["shrink", "failover"], "this plan is clean; there is nothing to shrink"),
        (&["shrink", "torn-checkpoint", "--profile", "hardened"], "nothing to shrink"),
        (&["shrink", "torn-checkpoint", "--quirks", "swarm"], "name the quirks"),
        (&["replay", "Cargo.toml"], "is what `colosim run --out DIR` saves"),
        (&["replay", "src"], "holds no plan"),
        (&["run", "--scenario", "nonsense"], "colosim list scenarios"),
        (&["run", "--quirks", "nonsense"], "colosim list quirks"),
        (
            &["run", "--quirks", "swarm", "--profile", "seed"],
            "leave --quirks or --profile seed out",
        ),
        (&["run", "--profile", "nonsense"], "possible values: hardened, seed"),
        (&["run", "--seeds", "many"], "give a decimal number"),
        (&["run", "--partition", "0/3"], "K from 1 to N"),
        (&["run", "--time-budget", "long"], "90s or 8m"),
        (&["walk"], "Usage"),
    ];
    for (args, expected) in wrong {
        let called = colosim(args);
        assert_eq!(called.code, 2, "{args:?}: {}", called.err);
        assert!(called.err.contains(expected), "{args:?}: {}", called.err);
        assert!(called.out.is_empty(), "{args:?}: {}", called.out);
    }
}

#[test]
fn a_campaign_of_nothing_exits_4() {
    // Share 2 of a single plan is empty.
    let called = colosim(&["run", "--seed", "1", "--partition", "2/2"]);
    assert_eq!(called.code, 4, "{}", called.out);
    assert!(called.err.contains("nothing ran"), "{}", called.err);
    let called = colosim(&["run", "--seeds", "5..5", "--partition", "1000/1000"]);
    assert_eq!(called.code, 4, "{}", called.out);
}

#[test]
fn a_report_that_cannot_be_written_exits_74_and_the_result_is_told_all_the_same() {
    let file = directory("unwritable").join("regular-file");
    std::fs::write(&file, "").expect("there is room");
    let below = file.join("junit.xml");
    let called = colosim(&["run", "--seeds", "5", "--junit", shown(&below)]);
    assert_eq!(called.code, 74, "{}", called.err);
    assert!(called.out.starts_with("CLEAN: "), "{}", called.out);
    assert!(called.err.contains(&format!("cannot write {}", shown(&below))), "{}", called.err);
}

#[test]
fn a_directory_that_cannot_be_made_exits_74() {
    let file = directory("no-directory").join("regular-file");
    std::fs::write(&file, "").expect("there is room");
    let below = file.join("out");
    let called = colosim(&["run", "--seeds", "5", "--out", shown(&below)]);
    assert_eq!(called.code, 74, "{}", called.err);
    assert!(called.err.contains(&format!("cannot write {}", shown(&below))), "{}", called.err);
}

#[test]
fn the_report_for_programs_has_every_field_that_is_promised() {
    let report = json(&["run", "--seeds", "20", "--format", "json"]);
    for number in
        ["plans", "guest_requests", "guest_requests_per_second", "plans_per_second", "seconds"]
    {
        assert!(report[number].as_f64().is_some_and(|value| value > 0.0), "{number}: {report}");
    }
    assert_eq!(report["clean"], Value::Bool(true));
    assert_eq!(report["violations"], Value::Array(vec![]));
    assert_eq!(report["aborts"], Value::Array(vec![]));
    assert!(report["counts"]["failovers_asked"].as_u64().is_some_and(|asked| asked > 0));
    assert!(report["counts"]["refusals"].is_object());
    let points = |name: &str| report["points"][name].as_u64().expect("a number");
    assert!(0 < points("reached") && points("reached") <= points("total"));
    assert_eq!(report["digest"].as_str().map(str::len), Some(16));
}

/// The numbers of a report that add up.
fn sums(report: &Value) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    let top = ["plans", "clean_plans", "steps", "guest_requests", "simulated_ns"];
    for name in top {
        sums.insert(name.to_owned(), report[name].as_u64().expect("a number"));
    }
    for group in [&report["counts"], &report["counts"]["refusals"], &report["points"]["hits"]] {
        for (name, value) in group.as_object().expect("an object") {
            if let Some(value) = value.as_u64() {
                sums.insert(name.clone(), value);
            }
        }
    }
    sums
}

#[test]
fn the_shares_of_a_campaign_add_up_to_it() {
    let whole = sums(&json(&["run", "--seeds", "100", "--format", "json"]));
    let mut added: BTreeMap<String, u64> = BTreeMap::new();
    for share in ["1/3", "2/3", "3/3"] {
        let report = json(&["run", "--seeds", "100", "--format", "json", "--partition", share]);
        for (name, value) in sums(&report) {
            *added.entry(name).or_default() += value;
        }
    }
    assert_eq!(added, whole);
}

#[test]
fn neither_threads_nor_format_change_the_result() {
    let digest = |jobs| json(&["run", "--seeds", "80", "--jobs", jobs, "--format", "json"]);
    let (one, four) = (digest("1"), digest("4"));
    assert_eq!(one["digest"], four["digest"]);
    assert_eq!(sums(&one), sums(&four));
    let human = colosim(&["run", "--seeds", "80", "--check-determinism"]).out;
    assert!(human.contains(one["digest"].as_str().expect("text")), "{human}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    for args in
        [&["list", "points"][..], &["replay", "failover", "--trace"], &["run", "--seeds", "5"]]
    {
        let mut child = Command::new(env!("CARGO_BIN_EXE_colosim"))
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {err}");
        assert!(err.is_empty(), "{args:?}: {err}");
    }
}

#[test]
fn a_campaign_leaves_its_records_its_reports_and_the_plans_that_failed() {
    let out = directory("campaign");
    let args =
        ["run", "--profile", "seed", "--seeds", "30", "--out", shown(&out), "--format", "json"];
    let called = colosim(&args);
    assert_eq!(called.code, 1, "{}", called.err);
    let read = |name: &str| {
        let text = std::fs::read_to_string(out.join(name));
        text.unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let report: Value = serde_json::from_str(&called.out).expect("an object");
    let saved: Value = serde_json::from_str(&read("report.json")).expect("an object");
    assert_eq!(sums(&saved), sums(&report));
    assert!(read("report.html").contains("<html"));
    assert!(read("report.md").starts_with('#'));
    assert!(read("junit.xml").contains("<testsuite"));

    let file = read("records.jsonl");
    let (_, records) = read_records(file.as_bytes()).expect("a header");
    let records: Vec<_> = records.map(|record| record.expect("a record")).collect();
    assert_eq!(Some(records.len() as u64), report["plans"].as_u64());
    let failed: Vec<_> = records.iter().filter(|record| !record.is_clean()).collect();
    let (shrunk, plans): (Vec<_>, Vec<_>) =
        files(&out.join("plans")).into_iter().partition(|path| shown(path).ends_with(".min.json"));
    assert_eq!((plans.len(), shrunk.len()), (failed.len(), 3));
    for record in failed {
        let violation = &record.violations[0];
        Plan::load(Path::new(&violation.plan)).expect("a plan");
        let replayed = colosim(&["replay", &violation.plan]);
        assert_eq!(replayed.code, 1);
        assert!(
            replayed.out.contains(&format!("VIOLATION of {}", violation.invariant)),
            "{}: {}",
            violation.plan,
            replayed.out
        );
        assert!(replayed.out.contains(&violation.message), "{}", replayed.out);
        assert!(replayed.out.contains(&format!("{:016x}", record.digest)), "{}", replayed.out);
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let files = directory.read_dir().expect("a directory").map(|file| file.expect("a file").path());
    let mut files: Vec<_> = files.collect();
    files.sort();
    files
}

#[test]
fn a_campaign_shrinks_the_failures_that_it_lists_first_and_names_them() {
    let out = directory("campaign-shrunk");
    let args = ["run", "--profile", "seed", "--seeds", "30", "--out", shown(&out)];
    let called = colosim(&args);
    assert_eq!(called.code, 1, "{}", called.err);
    let lines: Vec<_> = called.out.lines().map(str::trim).collect();
    let named = lines.iter().filter_map(|line| line.strip_prefix("shrunk to "));
    let named: Vec<_> = named.map(|line| line.split_once(": ").expect("a path")).collect();
    assert_eq!(named.len(), 3, "{}", called.out);
    for (steps, path) in named {
        let plan = Plan::load(Path::new(path)).expect("a plan");
        let counted = if plan.steps.len() == 1 { "1 step" } else { "steps" };
        assert!(steps.ends_with(counted) && steps.starts_with(&plan.steps.len().to_string()));
        assert_eq!(colosim(&["replay", path]).code, 1);
        let whole = Plan::load(Path::new(&path.replace(".min.json", ".json"))).expect("a plan");
        assert!(plan.steps.len() < whole.steps.len(), "{path}");
    }

    // Without a directory nothing is shrunk, and nothing else differs.
    let called = colosim(&args[..5]);
    assert_eq!(called.code, 1, "{}", called.err);
    assert!(!called.out.contains("shrunk"), "{}", called.out);
}

#[test]
fn a_directory_of_plans_is_replayed_as_a_table_with_the_worst_exit_code() {
    let plans = directory("plans");
    let save = |scenario: &str, profile: &str| {
        let path = plans.join(format!("{scenario}.json"));
        let called = colosim(&["replay", scenario, "--profile", profile, "--save", shown(&path)]);
        assert!(called.code <= 1, "{}", called.err);
    };
    let lines = |called: &Called| called.out.lines().map(str::to_owned).collect::<Vec<_>>();

    save("failover", "hardened");
    let called = colosim(&["replay", shown(&plans)]);
    assert_eq!((called.code, lines(&called).len()), (0, 1), "{}", called.out);
    assert!(lines(&called)[0].starts_with("failover ") && called.out.contains("clean"));

    save("planned-stop", "seed");
    let called = colosim(&["replay", shown(&plans)]);
    assert_eq!((called.code, lines(&called).len()), (1, 2), "{}", called.out);
    assert!(lines(&called)[1].contains("violates planned-stop"), "{}", called.out);

    std::fs::write(plans.join("broken.json"), "{").expect("there is room");
    let called = colosim(&["replay", shown(&plans)]);
    assert_eq!((called.code, lines(&called).len()), (2, 3), "{}", called.out);
    assert!(lines(&called)[0].contains("cannot be run"), "{}", called.out);
}

#[test]
fn a_saved_plan_runs_as_its_scenario_does() {
    let path = directory("saved").join("plan.json");
    let named = colosim(&["replay", "crash-in-recovery", "--save", shown(&path)]);
    let saved = colosim(&["replay", shown(&path)]);
    assert_eq!((named.code, saved.code), (0, 0));
    assert_eq!(named.out, saved.out);
}

#[test]
fn a_seed_is_the_same_in_every_notation() {
    let decimal = colosim(&["replay", "255"]);
    assert_eq!(decimal.out, colosim(&["replay", "0xff"]).out);
    let commit = colosim(&["replay", "00000000000000ff0123456789abcdef01234567"]);
    assert_eq!(decimal.out, commit.out);
}

#[test]
fn every_list_has_its_lines() {
    for (what, line) in [
        ("scenarios", "failover"),
        ("invariants", "no-abort"),
        ("quirks", "unfenced-export"),
        ("findings", "torn-checkpoint             checkpoint "),
        ("faults", "power_loss"),
        ("points", "edge/secondary/FAILOVER->DONE"),
    ] {
        let called = colosim(&["list", what]);
        assert_eq!(called.code, 0, "{}", called.err);
        assert!(called.out.lines().any(|found| found.starts_with(line)), "{what}: {}", called.out);
    }
}

#[test]
fn a_finding_is_replayed_by_its_name_and_both_ways() {
    let called = colosim(&["replay", "torn-checkpoint"]);
    assert_eq!(called.code, 1, "{}", called.err);
    assert!(called.out.contains("VIOLATION of checkpoint"), "{}", called.out);
    let called = colosim(&["replay", "torn-checkpoint", "--profile", "hardened"]);
    assert_eq!(called.code, 0, "{}", called.out);
}

/// Shrinks what the arguments mean, in a directory of its own; what was saved, too.
fn shrink(name: &str, args: &[&str]) -> (Called, PathBuf, Plan) {
    let path = directory(name).join("small.json");
    let mut all = vec!["shrink"];
    all.extend(args);
    all.extend(["--out", shown(&path)]);
    let called = colosim(&all);
    assert_eq!(called.code, 0, "{}", called.err);
    let plan = Plan::load(&path).expect("a plan");
    (called, path, plan)
}

#[test]
fn a_shrunk_plan_is_told_saved_printed_and_replayed() {
    let args = ["planned-stop", "--profile", "seed"];
    let (called, path, plan) = shrink("shrink", &args);
    let out = &called.out;
    assert!(
        out.starts_with(
            "planned-stop breaks planned-stop first, because of planned-stop-cancels-first\n"
        ),
        "{out}"
    );
    let counted = format!("to {} steps in ", plan.steps.len());
    assert!(out.contains(&counted), "{out}");
    assert!(out.contains(&format!("saved as {}\n", shown(&path))), "{out}");
    assert!(out.contains("            vec![\n                call(S, START),\n"), "{out}");
    assert_eq!(plan.name, "small");

    let command = out.lines().find_map(|line| line.trim().strip_prefix("cargo run --release -- "));
    let arguments: Vec<_> = command.expect("a command").split_whitespace().collect();
    let replayed = colosim(&arguments);
    assert_eq!(replayed.code, 1, "{}", replayed.err);
    assert!(replayed.out.contains("VIOLATION of planned-stop"), "{}", replayed.out);

    let directory = path.parent().expect("one").read_dir().expect("a directory");
    assert_eq!(directory.count(), 1, "nothing is left beside the plan");
}

#[test]
fn every_way_to_name_a_plan_can_be_shrunk_and_a_saved_one_keeps_its_behaviour() {
    let saved = directory("shrink-saved").join("plan.json");
    let args = ["replay", "4", "--profile", "seed", "--save", shown(&saved)];
    assert_eq!(colosim(&args).code, 1, "seed 4 breaks something");
    let (of_seed, _, one) = shrink("shrink-seed", &["4", "--profile", "seed"]);
    let (_, path, other) = shrink("shrink-file", &[shown(&saved)]);
    assert_eq!(one, other);
    assert!(of_seed.out.starts_with("seed 4 breaks "), "{}", of_seed.out);
    let (again, _, same) = shrink("shrink-again", &[shown(&path)]);
    assert_eq!(same, one);
    assert!(again.out.contains("as many steps as before"), "{}", again.out);
    let (_, _, finding) = shrink("shrink-finding", &["blocker-left-set"]);
    assert!(finding.steps.len() <= 4);
}

#[test]
fn a_shrink_without_a_file_saves_in_the_current_directory() {
    let directory = directory("shrink-here");
    let here = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_colosim"));
        let output = command.args(args).current_dir(&directory).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("it is text")
    };
    let out = here(&["shrink", "4", "--profile", "seed"]);
    assert!(out.contains("saved as shrunk-seed-4.json\n"), "{out}");
    Plan::load(&directory.join("shrunk-seed-4.json")).expect("a plan");
    let out = here(&["shrink", "shrunk-seed-4.json"]);
    assert!(out.contains("saved as shrunk-seed-4.json\n"), "{out}");
}

#[test]
fn a_shrunk_plan_that_cannot_be_saved_exits_74_and_is_told_all_the_same() {
    let file = directory("shrink-unwritable").join("regular-file");
    std::fs::write(&file, "").expect("there is room");
    let below = file.join("small.json");
    let called = colosim(&["shrink", "torn-checkpoint", "-o", shown(&below)]);
    assert_eq!(called.code, 74, "{}", called.err);
    assert!(called.err.contains(&format!("cannot write {}", shown(&below))), "{}", called.err);
    assert!(called.out.contains("scenario("), "{}", called.out);
    assert!(!called.out.contains("saved as"), "{}", called.out);
}

#[test]
fn a_shrink_whose_runs_are_spent_says_so_and_saves_what_it_has() {
    let (called, _, plan) = shrink("shrink-spent", &["4", "--profile", "seed", "--runs", "30"]);
    assert!(called.out.contains("give more with --runs"), "{}", called.out);
    let (_, _, smallest) = shrink("shrink-unspent", &["4", "--profile", "seed"]);
    assert!(plan.steps.len() > smallest.steps.len());
}

#[test]
fn a_shrink_that_is_killed_leaves_a_plan_that_can_be_read_and_fails() {
    let path = directory("shrink-killed").join("small.json");
    let mut child = Command::new(env!("CARGO_BIN_EXE_colosim"))
        .args(["shrink", "commit-write-error", "--profile", "seed", "-o", shown(&path)])
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary runs");
    // As soon as there is a file, in the middle of the search.
    while !path.exists() && child.try_wait().expect("it can be asked").is_none() {
        std::thread::yield_now();
    }
    child.kill().expect("it is ours");
    child.wait().expect("it ends");
    Plan::load(&path).expect("a plan");
    assert_eq!(colosim(&["replay", shown(&path)]).code, 1);
}
