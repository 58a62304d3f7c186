//! What a person reads, word for word: timelines, a saved plan, and the errors of a plan that cannot be used.
//!
//! A change here is a change of what people see. After a change that is meant,
//! `INSTA_UPDATE=always cargo test -p colo-scenarios --test golden_traces` writes the
//! snapshots anew.

use std::path::Path;

use colo_scenarios::catalog::find;
use colo_scenarios::finding::Finding;
use colo_scenarios::plan::Plan;
use colo_scenarios::profile::Behaviour;
use colo_scenarios::run::run_traced;
use colo_scenarios::timeline::timeline;

fn plan(scenario: &str) -> Plan {
    find(scenario).expect("it is in the catalog").plan(&Behaviour::default())
}

fn told(plan: &Plan) -> String {
    let (outcome, trace) = run_traced(plan);
    let mut text = timeline(plan, trace.entries(), None);
    for violation in outcome.violations {
        text.push_str(&format!("VIOLATION of {}: {}\n", violation.invariant, violation.message));
    }
    text
}

#[test]
fn the_timeline_of_a_checkpoint_and_a_planned_stop() {
    insta::assert_snapshot!(told(&plan("start-checkpoint-stop")));
}

#[test]
fn the_timeline_of_a_failover() {
    insta::assert_snapshot!(told(&plan("failover")));
}

#[test]
fn the_timeline_of_a_backup_that_is_cancelled_in_a_copy() {
    insta::assert_snapshot!(told(&plan("backup-cancelled-in-copy")));
}

#[test]
fn the_timeline_of_a_forwarded_write_that_fails() {
    insta::assert_snapshot!(told(&plan("forwarded-write-error")));
}

#[test]
fn the_timeline_of_a_finding_with_its_quirk() {
    let file = "../fixtures/findings/planned-stop-cancels-first.json";
    let finding = Finding::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
    insta::assert_snapshot!(told(&finding.expect("it is committed").defective()));
}

#[test]
fn a_timeline_up_to_a_step_ends_before_the_next_one() {
    let plan = plan("failover");
    let (_, trace) = run_traced(&plan);
    let whole = timeline(&plan, trace.entries(), None);
    let part = timeline(&plan, trace.entries(), Some(2));
    assert!(whole.starts_with(&part));
    assert!(part.contains("── step 2") && !part.contains("── step 3"));
}

#[test]
fn a_plan_as_it_is_saved() {
    let plan = plan("commit-read-error");
    insta::assert_snapshot!(plan.to_json());
    assert_eq!(Plan::parse(&plan.to_json(), "it").expect("it can be read"), plan);
}

/// What is said of a saved plan in which some text was replaced.
fn complaint(from: &str, to: &str) -> String {
    let text = plan("failover").to_json();
    assert_eq!(text.matches(from).count(), 1, "`{from}` stands there once");
    told_of(&text.replace(from, to))
}

fn told_of(text: &str) -> String {
    Plan::parse(text, "plan.json").expect_err("it is not a plan").to_string()
}

#[test]
fn every_plan_that_cannot_be_used_says_why() {
    let complaints = [
        ("empty", told_of("")),
        ("not JSON", told_of("failover")),
        ("not a plan", told_of("[1, 2]")),
        ("another thing", told_of("{\"version\": 1}")),
        ("a newer version", complaint("\"version\": 3", "\"version\": 4")),
        ("a sector of 7 bytes", complaint("\"sector_size\":8", "\"sector_size\":7")),
        ("a granule of half a cluster", complaint("\"granule\":4,\"copy", "\"granule\":1,\"copy")),
        ("no sector", complaint("\"sectors\":24", "\"sectors\":0")),
        ("an unknown field", complaint("\"seed\": 0", "\"seed\": 0, \"sede\": 1")),
        ("an unknown step", complaint("\"settle\"", "\"setle\"")),
        (
            "a delay the wrong way round",
            complaint("\"min_ns\":20000,\"max_ns\":200000", "\"min_ns\":200000,\"max_ns\":20000"),
        ),
        ("a clock that runs away", complaint("\"drift_ppm\":[0,0]", "\"drift_ppm\":[0,200000]")),
    ];
    let lines = complaints.map(|(wrong, said)| format!("{wrong}\n    {said}\n"));
    insta::assert_snapshot!(lines.concat());
}
