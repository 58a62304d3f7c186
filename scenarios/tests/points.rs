//! Coverage: what cannot be reached is not, and what is asked for is demanded.

use std::process::Command;

use colo_scenarios::catalog::SCENARIOS;
use colo_scenarios::generate::generate;
use colo_scenarios::plan::FAULTS;
use colo_scenarios::points::{impossible, names, names_without_network};
use colo_scenarios::profile::{Behaviour, Fault, Topology};
use colo_scenarios::run::run;

fn colosim(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_colosim")).args(args).output();
    let output = output.expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().expect("it ends"), text(&output.stdout), text(&output.stderr))
}

#[test]
fn nothing_happens_that_cannot() {
    let behaviour = Behaviour::default();
    let pair = Behaviour { topology: Some(Topology::Pair), ..Behaviour::default() };
    let seeds = (0..4000).map(|seed| generate(seed, &behaviour));
    let seeds = seeds.chain((0..300).map(|seed| generate(seed, &pair)));
    for plan in SCENARIOS.iter().map(|scenario| scenario.plan(&behaviour)).chain(seeds) {
        let met = run(&plan).impossible;
        assert!(met.is_empty(), "{} meets {met:?}: take it out of unreachable.rs", plan.name);
    }
}

#[test]
fn the_list_has_every_point_and_every_reason() {
    let (code, text, _) = colosim(&["list", "points"]);
    assert_eq!(code, 0);
    for name in names() {
        assert!(text.lines().any(|line| line == name), "{name}");
    }
    for (name, reason) in impossible() {
        let line = text.lines().find(|line| line.split("  ").next() == Some(name));
        assert!(line.is_some_and(|line| line.ends_with(reason)), "{name}");
    }
}

#[test]
fn points_that_are_required_are_named_where_they_are_missing() {
    let few = ["run", "--scenario", "failover", "--require-points"];
    let (code, _, said) = colosim(&[&few[..], &["100%"]].concat());
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("--require-points asks for 100 %; never reached:"), "{said}");
    assert!(said.contains("\n  crash/secondary/power-loss/commit-copying\n"), "{said}");
    assert!(!said.contains("edge/secondary/FAILOVER->DONE"), "{said}");
    let (code, _, said) = colosim(&[&few[..], &["1"]].concat());
    assert_eq!(code, 0, "{said}");
    let (code, _, said) = colosim(&[&few[..], &["101%"]].concat());
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("give a number from 0 to 100"), "{said}");
}

/// What the plans of these seeds reach.
fn reached(behaviour: &Behaviour, seeds: u64) -> Vec<&'static str> {
    let mut hits = vec![0; names().len()];
    for plan in (0..seeds).map(|seed| generate(seed, behaviour)) {
        for (sum, of_plan) in hits.iter_mut().zip(run(&plan).points) {
            *sum += of_plan;
        }
    }
    names().iter().zip(hits).filter(|(_, hits)| *hits > 0).map(|(name, _)| name.as_str()).collect()
}

#[test]
fn without_a_kind_of_fault_its_points_are_missing_and_only_then() {
    // A disk that lies is asked for, and what a power loss leaves is a saved plan's to say.
    let drawn = FAULTS.iter().filter(|(kind, _)| !["lie", "power_loss_with"].contains(kind));
    let single = Behaviour { topology: Some(Topology::Single), ..Behaviour::default() };
    let pair = Behaviour { topology: Some(Topology::Pair), ..Behaviour::default() };
    let all = [reached(&single, 300), reached(&pair, 30)].concat();
    for (kind, _) in drawn {
        let is_its = |name: &&str| match *kind {
            "power_loss" => name.starts_with("crash/") && name.contains("/power-loss/"),
            "kill" => name.starts_with("crash/") && name.contains("/process-death/"),
            _ => {
                let name = name.strip_prefix("misfortune/").and_then(|rest| rest.split('/').next());
                name.is_some_and(|name| name.split('-').next() == Some(kind))
            }
        };
        assert!(all.iter().any(is_its), "{kind} has no point that is reached");
        let without = vec![Fault::parse(kind).expect("it is one")];
        let [single, pair] =
            [&single, &pair].map(|with| Behaviour { without: without.clone(), ..with.clone() });
        let left = [reached(&single, 300), reached(&pair, 30)].concat();
        let met: Vec<_> = left.iter().filter(|name| is_its(name)).collect();
        assert!(met.is_empty(), "without {kind} there is still {met:?}");
    }
}

#[test]
fn points_that_a_fault_left_out_would_reach_are_named() {
    let args = ["run", "--seeds", "100", "--without", "stall,cut", "--require-points", "100%"];
    let (code, text, said) = colosim(&args);
    assert_eq!(code, 4, "{said}");
    assert!(text.contains("hardened --without stall,cut"), "{text}");
    for missing in ["misfortune/stall/secondary/RUNNING", "misfortune/cut/primary/RUNNING"] {
        assert!(said.contains(&format!("\n  {missing}\n")), "{said}");
    }
    assert!(!said.contains("misfortune/cancel-backup/secondary/RUNNING"), "{said}");
    let (code, _, said) = colosim(&["run", "--scenario", "failover", "--without", "stall"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("none is to run"), "{said}");
    let (code, _, said) = colosim(&["replay", "failover", "--without", "stall"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("`failover` is not one"), "{said}");
    let (code, _, said) = colosim(&["run", "--without", "stal"]);
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("there is no kind of fault `stal`; give some of fault, rates,"),
        "{said}"
    );
}

#[test]
fn a_campaign_without_a_network_asks_for_no_point_of_it() {
    let all = names().len();
    let single = names_without_network().len();
    assert!(names()[single..].iter().any(|name| name == "told/secondary/takes-over"));
    for (topology, points) in [("single", single), ("pair", all)] {
        let args = ["run", "--topology", topology, "--seeds", "20"];
        let (code, text, said) = colosim(&args);
        assert_eq!(code, 0, "{said}");
        assert!(text.contains(&format!("/{points} points")), "{topology}: {text}");
    }
}
