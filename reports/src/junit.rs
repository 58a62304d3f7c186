//! The summary for a CI system: each invariant is a test case of one suite.
//!
//! No time stamp and no random id is written, so that the same runs in the same
//! time give the same bytes.

use std::fmt::Write;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use crate::figures::{counted, printable};
use crate::summary::{Summary, Verdict};
use crate::tally;
use crate::timing::Timing;

/// The invariant that a typed abort violates.
const NO_ABORT: &str = "no-abort";

/// The summary as JUnit XML: a test case for each of `invariants`, in that order,
/// then for each that was violated without being named, then for aborts.
///
/// A case fails with its violations and their replay commands; if nothing ran,
/// all are skipped.
pub fn junit(summary: &Summary, timing: &Timing, invariants: &[&str]) -> String {
    let mut suite = TestSuite::new("colosim");
    let time = Duration::try_from_secs_f64(timing.seconds).unwrap_or_default();
    suite.set_time(time).add_properties(properties(summary));
    let mut names = invariants.to_vec();
    let violated = summary.invariants.keys().map(String::as_str);
    for name in violated.chain([NO_ABORT]) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    for name in names {
        let mut case = TestCase::new(printable(name), status(summary, name));
        case.set_classname("colosim");
        suite.add_test_case(case);
    }
    let mut report = Report::new("colosim");
    report.set_time(time).add_test_suite(suite);
    let xml = report.to_string().expect("a report of plain text always serialises");
    without_skipped_at_root(xml)
}

/// The schema of Jenkins's xUnit plugin knows `skipped` on a suite and refuses it on the root.
fn without_skipped_at_root(xml: String) -> String {
    let Some((before, root)) = xml.split_once("<testsuites ") else { return xml };
    let Some((root, after)) = root.split_once('>') else { return xml };
    // Names and numbers of ours, without a blank in them.
    let kept: Vec<_> = root.split(' ').filter(|part| !part.starts_with("skipped=")).collect();
    format!("{before}<testsuites {}>{after}", kept.join(" "))
}

fn properties(summary: &Summary) -> Vec<Property> {
    let property = |name, value: String| Property::new(name, printable(&value));
    vec![
        property("version", summary.version.clone()),
        property("profile", summary.profile.clone()),
        property("interrupted", summary.interrupted.to_string()),
        property("plans", summary.plans.to_string()),
        property("clean_plans", summary.clean.to_string()),
        property("guest_requests", summary.guest_requests.to_string()),
        property("points_reached", summary.points_reached().to_string()),
        property("points_total", summary.points.len().to_string()),
        property("digest", summary.digest_shown()),
    ]
}

fn status(summary: &Summary, invariant: &str) -> TestCaseStatus {
    let broken = summary.invariants.get(invariant);
    let violations = broken.map_or(0, |broken| broken.count);
    let aborts = if invariant == NO_ABORT { summary.abort_count } else { 0 };
    if violations + aborts == 0 {
        if summary.verdict() == Verdict::Empty {
            let mut skipped = TestCaseStatus::skipped();
            skipped.set_message("nothing ran");
            return skipped;
        }
        return TestCaseStatus::success();
    }
    let mut text = String::new();
    describe_violations(&mut text, summary, invariant);
    if aborts > 0 {
        describe_aborts(&mut text, summary);
    }
    let mut parts = Vec::new();
    if violations > 0 {
        parts.push(counted(violations, "violation", "violations"));
    }
    if aborts > 0 {
        parts.push(counted(aborts, "abort", "aborts"));
    }
    let mut failed = TestCaseStatus::non_success(NonSuccessKind::Failure);
    failed.set_type("violation").set_message(parts.join(" and ")).set_description(printable(&text));
    failed
}

fn describe_violations(text: &mut String, summary: &Summary, invariant: &str) {
    let Some(broken) = summary.invariants.get(invariant) else { return };
    let mut shown = 0;
    for violation in summary.violations.iter().filter(|v| v.what.invariant == invariant) {
        let place = tally::place_of_violation(violation);
        describe(text, &place, &violation.what.message, &violation.what.replay);
        shown += 1;
    }
    if shown == 0 {
        // Others filled what a summary keeps; the command is kept for each invariant.
        describe(text, &broken.first.name(), "not kept word for word", &broken.replay);
        shown = 1;
    }
    more(text, broken.count - shown);
}

fn describe_aborts(text: &mut String, summary: &Summary) {
    for abort in &summary.aborts {
        let place = tally::place_of_abort(abort);
        describe(text, &place, &abort.what.reason, &abort.what.replay);
    }
    more(text, summary.abort_count - summary.aborts.len() as u64);
}

fn describe(text: &mut String, place: &str, message: &str, replay: &str) {
    write!(text, "\n{place}\n{message}\n    {replay}\n").expect("a string takes everything");
}

fn more(text: &mut String, count: u64) {
    if count > 0 {
        write!(text, "\n… and {}\n", counted(count, "more", "more"))
            .expect("a string takes everything");
    }
}
