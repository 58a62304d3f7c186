//! Guided campaigns: the plans that they make, and `run --guided`.

use std::path::{Path, PathBuf};
use std::process::Command;

use colo_scenarios::campaign::{Options, Plans, campaign_guided};
use colo_scenarios::generate::generate;
use colo_scenarios::guided::{GENERATION, Guided, Setting};
use colo_scenarios::plan::Plan;
use colo_scenarios::profile::Behaviour;
use colo_scenarios::run::run;

/// Guided from the second generation on.
const EARLY: Setting = Setting { plain_first: GENERATION, fresh: 10, rare: true, counts: true };

fn colosim(args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_colosim"));
    let output = command.args(args).env_remove("GITHUB_ACTIONS").output();
    let output = output.expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().expect("it ends"), text(&output.stdout), text(&output.stderr))
}

fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guided").join(name);
    let _ = std::fs::remove_dir_all(&path);
    path
}

/// Two generations, with every plan and whether a seed makes it.
fn two_generations(behaviour: &Behaviour) -> Vec<(Option<u64>, Plan)> {
    let mut guided = Guided::new(EARLY, behaviour.clone(), 7);
    let mut plans = Vec::new();
    for _ in 0..2 {
        for number in guided.begin_generation(plans.len() as u64) {
            let one = guided.plan(number);
            guided.learn(number, &run(&one.1).points);
            assert_eq!(guided.plan(number), one, "learning changes no plan of its generation");
            plans.push(one);
        }
    }
    assert!(guided.kept() > 50, "{} plans of the first generation are kept", guided.kept());
    plans
}

#[test]
fn the_first_plans_are_those_of_the_seeds_and_most_of_the_others_of_none() {
    let behaviour = Behaviour::default();
    let plans = two_generations(&behaviour);
    let (first, second) = plans.split_at(GENERATION as usize);
    for (seed, (of, plan)) in (7..).zip(first) {
        assert_eq!((of, plan), (&Some(seed), &generate(seed, &behaviour)));
    }
    let made = second.iter().filter(|(seed, _)| seed.is_none()).count() as u64;
    assert!(GENERATION * 8 / 10 < made && made < GENERATION, "{made} are made");
}

#[test]
fn what_is_made_can_be_saved_and_the_hardened_core_survives_it() {
    let plans = two_generations(&Behaviour::default());
    let made = plans.iter().filter(|(seed, _)| seed.is_none());
    for (_, plan) in made {
        assert_eq!(Plan::parse(&plan.to_json(), "it").expect("it is a plan"), *plan);
        let outcome = run(plan);
        assert!(outcome.is_clean(), "{:?}\n{}", outcome.violations, plan.to_json());
        let sectors = plan.setup.geometry.sectors;
        assert!(plan.steps.len() <= 160 && sectors > 0);
    }
}

#[test]
fn threads_do_not_change_a_guided_campaign() {
    let campaign = |jobs, each| {
        let seeds = 3..3 + GENERATION * 5 / 2;
        let behaviour = Behaviour::default();
        let plans = Plans { scenarios: Vec::new(), seeds, behaviour, share: (0, 1) };
        let options = Options { jobs, go_on: &|| true, twice: false, each };
        let mut digests = Vec::new();
        campaign_guided(&plans, EARLY, &options, |ran| {
            assert_eq!(ran.made, ran.record.seed.is_none());
            digests.push((ran.record.plan.clone(), ran.record.digest));
        });
        digests
    };
    let one = campaign(1, false);
    assert_eq!(one.len() as u64, GENERATION * 5 / 2);
    assert!(one.iter().any(|(name, _)| name.starts_with("guided-")));
    assert_eq!(campaign(2, false), one);
    assert_eq!(campaign(3, true), one);
}

#[test]
fn a_guided_campaign_that_is_stopped_keeps_what_ran() {
    let asked = std::sync::atomic::AtomicU64::new(0);
    let go_on = || asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < GENERATION + 9;
    let (behaviour, seeds) = (Behaviour::default(), 0..GENERATION * 4);
    let plans = Plans { scenarios: Vec::new(), seeds, behaviour, share: (0, 1) };
    let options = Options { jobs: 1, go_on: &go_on, twice: false, each: true };
    let mut ran = 0;
    campaign_guided(&plans, EARLY, &options, |_| ran += 1);
    // The generation's last worker asks once more before it goes.
    assert!((GENERATION..GENERATION + 10).contains(&ran), "{ran}");
}

#[test]
fn a_made_plan_that_fails_is_saved_and_its_replay_command_shows_it_again() {
    let out = directory("failing");
    let out = out.to_str().expect("it is text");
    let quirk = ["--quirks", "unmarked-overlays", "--seeds", "1100", "--jobs", "2"];
    let (code, said, _) = colosim(&[&["run", "--guided", "--out", out][..], &quirk].concat());
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("profile hardened --quirks unmarked-overlays --guided"), "{said}");
    let made = Path::new(out).join("plans");
    let files = std::fs::read_dir(&made).expect("it is there").map(|file| file.expect("so").path());
    let mut files: Vec<_> =
        files.filter(|path| path.to_string_lossy().contains("guided-")).collect();
    files.retain(|path| !path.to_string_lossy().ends_with(".min.json"));
    assert!(!files.is_empty(), "some of the plans that fail are made");
    let records =
        std::fs::read_to_string(Path::new(out).join("records.jsonl")).expect("they are there");
    for file in files {
        let file = file.to_str().expect("it is text");
        assert!(records.contains(&format!("cargo run --release -- replay {file}")), "{file}");
        let (code, said, _) = colosim(&["replay", file]);
        assert_eq!(code, 1, "{said}");
    }
}

#[test]
fn what_a_guided_campaign_cannot_have_is_refused() {
    let (code, _, said) = colosim(&["run", "--guided", "--seeds", "10"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("--out"), "{said}");
    let out = directory("refused");
    let out = out.to_str().expect("it is text");
    for other in [
        &["--partition", "1/2"][..],
        &["--require-points", "10"],
        &["--seed", "3"],
        &["--scenario", "failover"],
        &["--lies", "all"],
    ] {
        let (code, _, said) = colosim(&[&["run", "--guided", "--out", out][..], other].concat());
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(other[0]), "{said}");
    }
}

#[test]
fn a_guided_campaign_is_run_twice_and_does_not_differ() {
    let out = directory("twice");
    let out = out.to_str().expect("it is text");
    let args = ["run", "--guided", "--out", out, "--seeds", "1100", "--check-determinism", "-q"];
    let (code, said, error) = colosim(&args);
    assert_eq!(code, 0, "{said}{error}");
    assert!(said.starts_with("CLEAN"), "{said}");
}
