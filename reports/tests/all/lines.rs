//! Lines and regions of LLVM's files: they add up in any order, and what is wrong with a file is said.

use colo_reports::{
    Lines, LinesError, NeverLines, Reached, Summary, json, lines_from_lcov, markdown,
    regions_from_json, terminal,
};

use crate::{cases, page};

const FOLDER: &str = "core/src/";

/// Of a campaign, and of `colosim list quirks`, which reaches what no campaign does; from LLVM.
const RUNS: &str = include_str!("../../../fixtures/lines/runs.lcov");
const LIST: &str = include_str!("../../../fixtures/lines/list.lcov");
const RUNS_REGIONS: &str = include_str!("../../../fixtures/lines/runs.json");

fn lcov(text: &str) -> Lines {
    lines_from_lcov(FOLDER, text.as_bytes()).expect("it is lcov")
}

fn regions(text: &str) -> Lines {
    regions_from_json(FOLDER, text).expect("it is LLVM's")
}

fn sum(parts: impl IntoIterator<Item = Lines>) -> Lines {
    let mut sum = Lines::below(FOLDER);
    parts.into_iter().for_each(|part| sum.merge(part));
    sum
}

fn of(reached: usize, total: usize) -> Reached {
    Reached { reached, total }
}

/// A clean campaign with lines.
pub(crate) fn summary() -> Summary {
    let lines = sum([lcov(RUNS), lcov(LIST), regions(RUNS_REGIONS)]);
    Summary { lines: Some(lines), ..cases::clean_fold() }
}

#[test]
fn a_line_is_reached_if_any_of_the_runs_reached_it() {
    let (runs, list, both) = (lcov(RUNS), lcov(LIST), sum([lcov(RUNS), lcov(LIST)]));
    let quirk = |lines: &Lines| lines.files()["quirk.rs"].lines();
    assert_eq!([quirk(&runs), quirk(&list), quirk(&both)], [of(6, 21), of(6, 21), of(12, 21)]);
    assert_eq!((both.lines(), both.regions()), (of(44, 59), of(0, 0)));
    let never: Vec<_> = both.files()["clock.rs"].never_lines();
    assert_eq!(never, [NeverLines { first: 24, last: 26, text: vec![] }]);
}

#[test]
fn the_order_of_the_files_shows_nowhere() {
    let parts = || [lcov(RUNS), lcov(LIST), regions(RUNS_REGIONS), lcov(RUNS)];
    for turn in 1..4 {
        let mut turned = parts();
        turned.rotate_left(turn);
        assert_eq!(sum(turned), sum(parts()), "turned by {turn}");
    }
}

#[test]
fn counts_add_up_and_never_overflow() {
    let line = |count: u64| format!("SF:core/src/a.rs\nDA:7,{count}\nDA:8,0\nend_of_record\n");
    let both = sum([lcov(&line(u64::MAX)), lcov(&line(u64::MAX))]);
    assert_eq!(both.lines(), of(1, 2));
}

#[test]
fn of_a_path_only_what_is_below_the_folder_is_kept() {
    let text = "SF:/home/somebody/colosim/core/src/a.rs\nDA:1,1\nend_of_record\n\
                SF:C:\\work\\core\\src\\verbs\\b.rs\nDA:1,1\nend_of_record\n\
                SF:/rustc/1/library/core/src/option.rs\nDA:1,1\nend_of_record\n\
                SF:/home/encore/src/c.rs\nDA:1,1\nend_of_record\n\
                SF:/home/sim/src/d.rs\nDA:1,1\nend_of_record\n";
    let lines = lcov(text);
    assert_eq!(lines.files().keys().collect::<Vec<_>>(), ["a.rs", "verbs/b.rs"]);
    let summary = summary();
    let all = [
        page::page(&summary),
        json(&summary, &cases::TIMING),
        markdown(&summary, &cases::TIMING),
        terminal(&summary, &cases::TIMING, false),
    ];
    for text in all {
        assert!(!text.contains("/build"), "{text}");
    }
}

#[test]
fn lines_without_code_between_two_that_were_never_reached_belong_to_them() {
    let text = "SF:core/src/a.rs\nDA:3,0\nDA:4,0\nDA:9,0\nDA:11,2\nDA:12,0\nend_of_record\n";
    let mut lines = lcov(text);
    let ranges = |lines: &Lines| -> Vec<(u32, u32, usize)> {
        let never = lines.files()["a.rs"].never_lines();
        never.iter().map(|range| (range.first, range.last, range.text.len())).collect()
    };
    assert_eq!(ranges(&lines), [(3, 9, 0), (12, 12, 0)]);
    // A source that is too short is another one.
    lines.quote(|_, _| Some("fn a() {}\n".repeat(11)));
    assert_eq!(ranges(&lines), [(3, 9, 0), (12, 12, 0)]);
    lines.quote(|name, paths| {
        assert_eq!(
            (name, paths.iter().collect::<Vec<_>>()),
            ("a.rs", vec![&"core/src/a.rs".to_owned()])
        );
        Some("fn a() {}\n".repeat(12))
    });
    assert_eq!(ranges(&lines), [(3, 9, 7), (12, 12, 1)]);
}

#[test]
fn a_region_that_was_never_reached_is_marked_in_its_line() {
    let lines = "SF:core/src/a.rs\nDA:1,2\nDA:2,0\nend_of_record\n";
    // A region, one that goes on behind another, a gap, and one in a line that is listed anyhow.
    let export = r#"{"data":[{"files":[{"filename":"/x/core/src/a.rs","segments":[
        [1,1,2,true,true,false],[1,8,0,true,true,false],[1,10,2,true,false,false],
        [1,12,0,true,true,true],[2,3,0,true,true,false]]}]}],"type":"llvm.coverage.json.export"}"#;
    let mut lines = sum([lcov(lines), regions(export)]);
    assert_eq!((lines.lines(), lines.regions()), (of(1, 2), of(1, 3)));
    lines.quote(|_, _| Some("may(x)?<b>; é\n  never\n".to_owned()));
    let parts = lines.files()["a.rs"].never_parts();
    assert_eq!(parts.len(), 1);
    let part = &parts[0];
    assert_eq!((part.line, part.column, part.text), (1, 8, ["may(x)?", "<b", ">; é"]));
    let summary = Summary { lines: Some(lines), ..cases::clean_fold() };
    let page = page::page(&summary);
    assert!(page.contains("may(x)?<mark>&lt;b</mark>&gt;; é"), "{page}");
    assert!(page.contains("<span class=\"nr\">2</span>  never"), "{page}");
}

#[test]
fn a_column_within_a_letter_or_behind_the_line_is_no_panic() {
    let lines = "SF:core/src/a.rs\nDA:1,2\nend_of_record\n";
    let export = r#"{"data":[{"files":[{"filename":"core/src/a.rs","segments":[
        [1,2,0,true,true,false],[1,90,0,true,true,false],[1,91,0,false,false,false]]}]}]}"#;
    let mut lines = sum([lcov(lines), regions(export)]);
    lines.quote(|_, _| Some("éa\n".to_owned()));
    let texts: Vec<_> = lines.files()["a.rs"].never_parts().iter().map(|part| part.text).collect();
    assert_eq!(texts, [["", "éa", ""], ["éa", "", ""]]);
}

#[test]
fn every_format_tells_what_was_never_reached() {
    let summary = summary();
    let told = "44 of 59 lines, 74.5 %, and 67 of 105 regions, 63.8 %";
    let (page, text) = (page::page(&summary), markdown(&summary, &cases::TIMING));
    assert!(terminal(&summary, &cases::TIMING, false).contains(&format!("\nreached {told}\n")));
    assert!(page.contains(told) && page.contains("<p>lines 24 to 26</p>"), "{page}");
    assert!(text.contains(told) && text.contains("- clock.rs: lines 24 to 26\n"), "{text}");
    let report: serde_json::Value =
        serde_json::from_str(&json(&summary, &cases::TIMING)).expect("it is JSON");
    let clock = &report["lines"]["files"]["clock.rs"];
    assert_eq!(clock["never"], serde_json::json!([[24, 26]]));
    assert_eq!(report["lines"]["folder"], FOLDER);
    // Without anybody who counted, nobody says so.
    let without = cases::clean_fold();
    assert!(!page::page(&without).contains("id=\"lines\""));
    assert!(!json(&without, &cases::TIMING).contains("\"lines\""));
    assert!(!markdown(&without, &cases::TIMING).contains("core/src"));
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_line() {
    let said = |text: &str| lines_from_lcov(FOLDER, text.as_bytes()).expect_err(text).to_string();
    let cases = [
        ("SF:core/src/a.rs\nDA:1,x\n", "at line 2"),
        ("SF:core/src/a.rs\nDA:1,-1\n", "at line 2"),
        ("never heard of\n", "at line 1"),
        ("TN:\nDA:1,1\n", "line 2 is of no file"),
        ("SF:core/src/a.rs\nDA:1,1\n", "ends within a file"),
        ("", "no source below core/src/"),
        ("SF:sim/src/a.rs\nDA:1,1\nend_of_record\n", "no source below core/src/"),
    ];
    for (text, error) in cases {
        assert!(said(text).contains(error), "{text}: {}", said(text));
    }
    let said = |text: &str| regions_from_json(FOLDER, text).expect_err(text).to_string();
    assert!(said("{").contains("--json") && said("{}").contains("missing field `data`"));
    assert!(said(r#"{"data":[]}"#).contains("no source below core/src/"));
    let place = r#"{"data":[{"files":[{"filename":"core/src/a.rs","segments":[[0,1,1,true,true,false]]}]}]}"#;
    let wrong = regions_from_json(FOLDER, place);
    assert!(matches!(wrong, Err(LinesError::Place { line: 0, column: 1, .. })));
}
