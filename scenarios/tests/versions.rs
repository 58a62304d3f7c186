//! Plans outlive the program: what an old version saved means the same now, or is refused with the reason.

use std::path::{Path, PathBuf};

use colo_scenarios::finding::{FINDINGS, Finding};
use colo_scenarios::plan::{Plan, VERSION};
use colo_scenarios::run::run;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/versions").join(name)
}

fn load(name: &str) -> Plan {
    Plan::load(&fixture(name)).unwrap_or_else(|error| panic!("{error}"))
}

/// For each version before this one, a plan as its program saved it, and as it is saved now.
#[test]
fn a_plan_of_every_old_version_means_the_same_now() {
    for version in 1..VERSION {
        let old = load(&format!("plan-{version}.json"));
        let text = std::fs::read_to_string(fixture(&format!("plan-{version}.json")));
        let written = format!("\"version\": {version},");
        assert!(text.expect("it is there").contains(&written), "it was not written anew");
        assert_eq!(old, load(&format!("plan-{version}-now.json")), "version {version}");
        assert_eq!(old.version, VERSION, "what is saved from now on is of this version");
        assert!(old.steps.len() > 40, "it has much in it");
        assert_eq!(run(&old).violations, []);
    }
}

#[test]
fn what_is_saved_now_is_read_as_it_is() {
    for version in 1..VERSION {
        let text = std::fs::read_to_string(fixture(&format!("plan-{version}-now.json")));
        let text = text.expect("it is there");
        assert_eq!(Plan::parse(&text, "it").expect("it is a plan").to_json(), text);
    }
}

#[test]
fn what_cannot_be_upgraded_says_why() {
    let old = std::fs::read_to_string(fixture("plan-1.json")).expect("it is there");
    let with_schedule = old.replacen("\"seed\"", "\"schedule\": \"random\", \"seed\"", 1);
    let said = Plan::parse(&with_schedule, "plan.json").expect_err("it cannot be read").to_string();
    assert_eq!(
        said,
        "plan.json is a plan of version 1 and cannot become one of version 2: it has a `schedule`, which version 1 did not know; write \"version\": 2, or take the schedule out"
    );
    for version in [0, VERSION + 1] {
        let other = old.replacen("\"version\": 1", &format!("\"version\": {version}"), 1);
        let said = Plan::parse(&other, "plan.json").expect_err("it cannot be read").to_string();
        assert!(said.contains(&format!("version {version}, this program reads versions 1 to 3")));
    }
}

/// A finding holds a plan, and goes the same way.
#[test]
fn the_plan_of_an_old_finding_is_upgraded_before_it_is_read() {
    let (_, text) = FINDINGS[0];
    let old = text.replacen("\"version\": 1", "\"version\":1", 1);
    assert!(old.contains("\"version\":1,"), "it was not written anew: {old}");
    assert_eq!(Finding::parse(text, "it").expect("it is one").plan.version, VERSION);
    let odd = old.replacen("\"version\":1,", "\"version\":1,\"schedule\":\"random\",", 1);
    let said = Finding::parse(&odd, "it").expect_err("version 1 had no schedule").to_string();
    assert!(said.contains("a plan of version 1 and cannot become one of version 2"), "{said}");
}
