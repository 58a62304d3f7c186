//! Exploring: complete where it is said to be, clean where it should be, and what it finds happens again.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use colo_core::Quirk;
use colo_scenarios::catalog::{SCENARIOS, find};
use colo_scenarios::explore::{Found, Options, explore};
use colo_scenarios::generate::generate;
use colo_scenarios::plan::{Plan, Step};
use colo_scenarios::profile::{Added, Behaviour, Profile};
use colo_scenarios::run::{flatten, run, run_traced};
use colo_sim::explore::{Bounds, Tally};
use colo_sim::world::{Entry, Side, What};

fn with_quirk(quirk: Quirk) -> Behaviour {
    Behaviour { added: Added::Named(vec![quirk]), ..Behaviour::default() }
}

fn scenario(name: &str, behaviour: &Behaviour) -> Plan {
    find(name).expect("it is in the catalog").plan(behaviour)
}

fn few() -> Options {
    let bounds = Bounds { combinations_max: 16, states_max: 2000 };
    Options { bounds, ..Options::default() }
}

fn explored(plan: &Plan, options: &Options) -> (Tally, Vec<Found>) {
    let mut found = Vec::new();
    let tally = explore(plan, options, &mut |new| found.push(new));
    (tally, found)
}

#[test]
fn a_plan_taken_apart_does_the_same() {
    let events = |plan: &Plan| -> Vec<Entry> {
        let (_, trace) = run_traced(plan);
        let entries = trace.entries().iter();
        entries.filter(|entry| !matches!(entry.what, What::Step(_))).cloned().collect()
    };
    let scenarios = SCENARIOS.iter().map(|scenario| scenario.plan(&Behaviour::default()));
    let seeds = (0..150).map(|seed| generate(seed, &Behaviour::default()));
    let broken = (0..50).map(|seed| generate(seed, &Profile::Seed.into()));
    // On a network hosts do things by themselves.
    let all = scenarios.chain(seeds).chain(broken).filter(|plan| plan.setup.pair.is_none());
    for plan in all {
        let (whole, flat, _) = flatten(&plan);
        let expected = events(&whole);
        let single = Plan { steps: flat.steps.clone(), ..whole.clone() };
        assert_eq!(events(&single), expected, "{}", plan.name);
        // And half of it, as a finding is written down, begins the same.
        let half = flat.steps.len() / 2;
        let begun = Plan { steps: flat.up_to(&whole, half), ..whole.clone() };
        let happened =
            |steps: &[Step]| steps.iter().filter(|step| matches!(step, Step::Events(_))).count();
        let done = Plan { steps: flat.steps[..half].to_vec(), ..whole };
        assert_eq!(events(&begun), events(&done), "{}: {}", plan.name, happened(&done.steps));
    }
}

#[test]
fn a_handful_of_scenarios_is_clean_in_every_state_that_is_tried() {
    for name in ["failover", "planned-stop", "crash-in-checkpoint", "commit-write-error"] {
        let (tally, found) = explored(&scenario(name, &Behaviour::default()), &few());
        assert_eq!(found, [], "{name}");
        assert!(tally.distinct > 200 && tally.points > 60, "{name}: {tally:?}");
        assert_eq!(tally.explored, tally.known + u128::from(tally.distinct));
    }
}

#[test]
fn a_quirk_is_found_and_what_was_found_happens_again() {
    let cases =
        [("failover", Quirk::FailoverNotDurable), ("crash-while-running", Quirk::UnmarkedOverlays)];
    for (name, quirk) in cases {
        let (_, found) = explored(&scenario(name, &with_quirk(quirk)), &few());
        assert!(!found.is_empty(), "{name} with {}", quirk.name());
        for found in found.iter().filter(|found| !found.losses.is_empty()).take(40) {
            let saved = Plan::parse(&found.plan.to_json(), "saved").expect("it can be read");
            let violations = run(&saved).violations;
            let same = violations.iter().any(|violation| {
                (violation.invariant, &violation.message) == (found.invariant, &found.message)
            });
            assert!(same, "{violations:?} in place of {found:?}");
            let repaired = run(&Plan { quirks: Vec::new(), ..saved });
            assert!(repaired.is_clean(), "{:?}", repaired.violations);
        }
    }
}

#[test]
fn a_recovery_can_be_crashed_in_its_turn() {
    let options = Options { sides: vec![Side::Secondary], depth: 2, ..few() };
    let plan = scenario("crash-before-pivot", &Behaviour::default());
    let (deep, found) = explored(&plan, &options);
    assert_eq!(found, []);
    let (flat, _) = explored(&plan, &Options { depth: 1, ..options.clone() });
    assert!(deep.points > 2 * flat.points, "{deep:?} and {flat:?}");
    // What a crash of a recovery breaks happens again as well.
    let plan = scenario("failover", &with_quirk(Quirk::FailoverNotDurable));
    let (_, found) = explored(&plan, &options);
    let deep = found.iter().filter(|found| found.losses.len() == 2).take(20);
    for found in deep.clone() {
        let violations = run(&found.plan).violations;
        assert!(violations.iter().any(|v| v.message == found.message), "{found:?}");
    }
    assert!(deep.count() > 0);
}

#[test]
fn exploring_twice_gives_the_same() {
    let plan = scenario("failover", &Profile::Seed.into());
    assert_eq!(explored(&plan, &few()), explored(&plan, &few()));
}

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

/// No directory of this name, yet.
fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if path.exists() {
        std::fs::remove_dir_all(&path).expect("an old run's directory can go");
    }
    path
}

fn plans(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory.join("plans")).into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension() == Some("json".as_ref())).collect();
    files.sort();
    files
}

#[test]
fn the_program_tells_saves_and_exits_as_it_found() {
    let clean = colosim(&["explore", "--scenario", "failover", "--combinations-max", "20"]);
    assert_eq!(clean.code, 0, "{}{}", clean.out, clean.err);
    assert!(clean.out.contains("exhausted") && clean.out.ends_with("\nclean\n"), "{}", clean.out);
    let out = directory("explore-saves");
    let shown = out.to_str().expect("it is text");
    let args = ["explore", "failover", "--quirks", "failover-not-durable", "--side", "secondary"];
    let args = [&args[..], &["--combinations-max", "20", "--out", shown]].concat();
    let found = colosim(&args);
    assert_eq!(found.code, 1, "{}{}", found.out, found.err);
    assert!(found.out.contains("VIOLATION of crash in failover-crash-"), "{}", found.out);
    for plan in plans(&out).iter().take(10) {
        let replayed = colosim(&["replay", plan.to_str().expect("it is text")]);
        assert_eq!(replayed.code, 1, "{}", replayed.out);
        assert!(replayed.out.contains("VIOLATION of crash"), "{}", replayed.out);
    }
    assert_eq!(colosim(&["explore"]).code, 2);
    assert_eq!(colosim(&["explore", "no-such-thing"]).code, 2);
    assert_eq!(colosim(&["explore", "failover", "--states-max", "0"]).code, 4);
    assert_eq!(colosim(&["explore", "failover", "--out", "/dev/null/x"]).code, 74);
}

#[test]
fn workloads_come_to_the_same_with_one_thread_and_with_two() {
    for behaviour in [&["--profile", "hardened"], &["--profile", "seed"]] {
        let args = [&["explore", "--workloads", "--ops-max", "1", "--jobs"][..], &["1"], behaviour];
        let (one, two) = (args.concat(), [args[0], &["2"], behaviour].concat());
        let (one, two) = (colosim(&one), colosim(&two));
        assert_eq!(one.out, two.out);
        assert!(one.out.contains("exhausted                  yes"), "{}", one.out);
        assert_eq!(one.code, i32::from(behaviour[1] == "seed"), "{}{}", one.out, one.err);
    }
}

#[test]
fn an_exploration_that_is_ended_leaves_what_it_had_found() {
    let out = directory("explore-ended");
    let mut child = Command::new(env!("CARGO_BIN_EXE_colosim"))
        .args(["explore", "failover", "--quirks", "failover-not-durable"])
        .args(["--side", "secondary", "--combinations-max", "3000", "--out"])
        .arg(&out)
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary runs");
    while plans(&out).len() < 3 && child.try_wait().expect("it can be asked").is_none() {
        std::thread::yield_now();
    }
    child.kill().expect("it runs, or has ended");
    child.wait().expect("it ends");
    let found = plans(&out);
    assert!(found.len() >= 3);
    for plan in found {
        Plan::load(&plan).expect("a plan is whole under its name");
    }
    let told = std::fs::read_to_string(out.join("found.txt")).expect("it is there");
    assert!(told.contains("VIOLATION of crash"), "{told}");
}
