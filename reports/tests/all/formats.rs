//! Every format, clean and failing, as it looks; and what must hold of it whatever it looks like.

use colo_reports::{Record, Summary, Timing, json, junit, markdown, terminal};
use quick_junit::{Report, TestCase, TestCaseStatus};

use crate::cases;

/// The catalog that snapshots are made with: one that is violated is not in it.
const INVARIANTS: [&str; 3] = ["stage-edges", "failover", "view"];

/// More violations and aborts than any format spells out.
pub(crate) fn many() -> Summary {
    let mut records: Vec<Record> = (0..60).map(|seed| cases::violating(seed, 2)).collect();
    records.extend((100..250).map(cases::aborting));
    // Its seed is the last, so it is counted but not kept.
    let mut last = cases::violating(999, 1);
    last.violations[0].invariant = "view".into();
    records.push(last);
    cases::fold(&records)
}

fn parsed(summary: &Summary) -> serde_json::Value {
    serde_json::from_str(&json(summary, &cases::TIMING)).expect("it is JSON")
}

fn parsed_junit(summary: &Summary) -> Report {
    let xml = junit(summary, &cases::TIMING, &INVARIANTS);
    Report::deserialize_from_str(&xml).expect("it is JUnit")
}

fn case<'a>(report: &'a Report, name: &str) -> &'a TestCase {
    let mut cases = report.test_suites[0].test_cases.iter();
    cases.find(|case| case.name.as_str() == name).expect("the case is there")
}

#[test]
fn terminal_as_it_looks() {
    insta::assert_snapshot!(
        "terminal_clean",
        terminal(&cases::clean_fold(), &cases::TIMING, false)
    );
    insta::assert_snapshot!(
        "terminal_failing",
        terminal(&cases::failing_fold(), &cases::TIMING, false)
    );
    insta::assert_snapshot!("terminal_empty", terminal(&cases::fold(&[]), &Timing::UNKNOWN, false));
    insta::assert_snapshot!("terminal_many", terminal(&many(), &cases::TIMING, false));
}

#[test]
fn colour_changes_nothing_but_colour() {
    let plain = terminal(&many(), &cases::TIMING, false);
    let coloured = terminal(&many(), &cases::TIMING, true);
    let mut stripped = String::new();
    for (i, part) in coloured.split("\u{1b}[").enumerate() {
        stripped.push_str(if i == 0 { part } else { part.split_once('m').expect("a colour").1 });
    }
    assert!(
        coloured.starts_with("\u{1b}[1;31m121 VIOLATIONS AND 150 ABORTS\u{1b}[0m"),
        "{coloured}"
    );
    assert_eq!(stripped, plain);
    assert!(!plain.contains('\u{1b}'));
}

#[test]
fn every_format_says_that_a_campaign_was_interrupted() {
    for (records, verdict) in [
        (vec![cases::clean(1)], "interrupted, clean so far"),
        (vec![cases::clean(1), cases::violating(2, 1)], "interrupted, 1 violation"),
        (Vec::new(), "interrupted, nothing ran"),
    ] {
        let whole = cases::fold(&records);
        let cut = Summary { interrupted: true, ..whole.clone() };
        let people: [fn(&Summary) -> String; 3] = [
            |summary| terminal(summary, &cases::TIMING, false),
            |summary| crate::page::page(summary),
            |summary| markdown(summary, &cases::TIMING),
        ];
        for format in people {
            assert!(format(&cut).to_lowercase().contains(verdict), "{}", format(&cut));
            assert!(!format(&whole).to_lowercase().contains("interrupted"), "{}", format(&whole));
        }
        assert_eq!(parsed(&cut)["interrupted"], true);
        assert_eq!(parsed(&whole)["interrupted"], false);
        let xml = junit(&cut, &cases::TIMING, &INVARIANTS);
        assert!(xml.contains(r#"<property name="interrupted" value="true"/>"#), "{xml}");
        // And what it is merged with is no whole either.
        let mut merged = whole;
        merged.merge(cut);
        assert!(merged.interrupted);
    }
}

#[test]
fn json_as_it_looks() {
    insta::assert_snapshot!("json_clean", json(&cases::clean_fold(), &cases::TIMING));
    insta::assert_snapshot!("json_failing", json(&cases::failing_fold(), &cases::TIMING));
}

#[test]
fn json_counts_what_it_does_not_spell_out() {
    let report = parsed(&many());
    assert_eq!(report["violations_total"], 121);
    assert_eq!(report["violations"].as_array().map(Vec::len), Some(100));
    assert_eq!(report["aborts_total"], 150);
    assert_eq!(report["invariants"]["view"]["replay"], "colosim replay 0x3e7");
    assert_eq!(report["plans_per_second"], 168.8);
}

#[test]
fn json_without_a_time_has_no_rates_and_without_plans_is_not_clean() {
    for seconds in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let timing = Timing { seconds, jobs: 1 };
        let text = json(&cases::fold(&[]), &timing);
        let report: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        assert!(report["plans_per_second"].is_null(), "{seconds}");
        assert_eq!((&report["clean"], &report["verdict"]), (&false.into(), &"empty".into()));
    }
}

#[test]
fn junit_as_it_looks() {
    insta::assert_snapshot!(
        "junit_clean",
        junit(&cases::clean_fold(), &cases::TIMING, &INVARIANTS)
    );
    insta::assert_snapshot!(
        "junit_failing",
        junit(&cases::failing_fold(), &cases::TIMING, &INVARIANTS)
    );
}

#[test]
fn junit_reads_back_with_a_case_for_each_invariant() {
    let report = parsed_junit(&cases::failing_fold());
    let names: Vec<_> =
        report.test_suites[0].test_cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names, ["stage-edges", "failover", "view", "answers", "no-abort"]);
    assert_eq!((report.tests, report.failures, report.skipped), (5, 3, 0));
    assert!(matches!(case(&report, "view").status, TestCaseStatus::Success { .. }));
    let TestCaseStatus::NonSuccess { message, description, .. } = &case(&report, "failover").status
    else {
        panic!("failover was violated");
    };
    assert_eq!(message.as_deref(), Some("2 violations"));
    let description = description.as_ref().expect("it says what").as_str();
    assert_eq!(description.matches("\n    colosim replay 0x2a").count(), 2, "{description}");
}

#[test]
fn junit_holds_nothing_that_xml_forbids() {
    let mut record = cases::awkward();
    record.violations[0].message.extend(['\0', '\u{fffe}', '\u{ffff}', '\u{b}']);
    let xml = junit(&cases::fold(&[record]), &cases::TIMING, &INVARIANTS);
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    assert!(xml.chars().all(allowed), "{xml:?}");
    assert!(xml.contains("&lt;b&gt;"), "{xml}");
    Report::deserialize_from_str(&xml).expect("it is JUnit");
}

#[test]
fn junit_fails_for_what_comes_behind_all_that_is_kept() {
    let report = parsed_junit(&many());
    let TestCaseStatus::NonSuccess { description, .. } = &case(&report, "view").status else {
        panic!("view was violated");
    };
    let description = description.as_ref().expect("it says where").as_str();
    assert!(description.contains("colosim replay 0x3e7"), "{description}");
    let TestCaseStatus::NonSuccess { description, .. } = &case(&report, "failover").status else {
        panic!("failover was violated");
    };
    assert!(description.as_ref().is_some_and(|text| text.contains("… and 21 more")));
}

#[test]
fn junit_skips_all_cases_if_nothing_ran() {
    let report = parsed_junit(&cases::fold(&[]));
    let suite = &report.test_suites[0];
    assert_eq!((suite.tests, suite.failures, suite.skipped), (4, 0, 4));
}

#[test]
fn markdown_as_it_looks() {
    insta::assert_snapshot!("markdown_clean", markdown(&cases::clean_fold(), &cases::TIMING));
    insta::assert_snapshot!("markdown_failing", markdown(&cases::failing_fold(), &cases::TIMING));
}

#[test]
fn markdown_commands_cannot_leave_their_fence() {
    let mut record = cases::violating(1, 1);
    record.violations[0].replay = "colosim replay '```\n# out'".into();
    let text = markdown(&cases::fold(&[record]), &cases::TIMING);
    assert!(text.contains("\n````sh\ncolosim replay '``` # out'\n````\n"), "{text}");
}
