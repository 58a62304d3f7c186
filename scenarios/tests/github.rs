//! What a step of a workflow says to GitHub Actions, and that nobody else hears of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Exit code, standard output, standard error.
type Called = (i32, String, String);

/// A call in a step whose summary is this file; what the tests themselves run in does not matter.
fn in_step(summary: Option<&Path>, args: &[&str]) -> Called {
    let mut command = Command::new(env!("CARGO_BIN_EXE_colosim"));
    command.args(args).env("GITHUB_ACTIONS", "true").env_remove("GITHUB_STEP_SUMMARY");
    if let Some(path) = summary {
        command.env("GITHUB_STEP_SUMMARY", path);
    }
    called(&mut command)
}

fn called(command: &mut Command) -> Called {
    let output = command.output().expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("it is text");
    (output.status.code().expect("not killed"), text(output.stdout), text(output.stderr))
}

/// An empty directory of this name.
fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("github").join(name);
    if path.exists() {
        fs::remove_dir_all(&path).expect("an old run's directory can go");
    }
    fs::create_dir_all(&path).expect("there is room");
    path
}

fn annotated(err: &str) -> Vec<&str> {
    err.lines().filter(|line| line.starts_with("::")).collect()
}

const FAILING: [&str; 5] = ["run", "--profile", "seed", "--seeds", "60"];

#[test]
fn a_failing_campaign_annotates_each_invariant_and_the_summary_has_the_report() {
    let summary = directory("failing").join("summary.md");
    fs::write(&summary, "### What a command before it said\n").expect("there is room");
    let (code, out, err) = in_step(Some(&summary), &[&FAILING[..], &["--format", "json"]].concat());
    assert_eq!(code, 1);
    let report: serde_json::Value =
        serde_json::from_str(&out).expect("one object and nothing else");
    let invariants = report["invariants"].as_object().expect("an object");
    assert!(invariants.len() > 2, "{invariants:?}");
    let lines = annotated(&err);
    assert_eq!(lines.len(), 9.min(invariants.len()), "{err}");
    for (line, (name, broken)) in lines.iter().take(8).zip(invariants) {
        let count = broken["violations"].as_u64().expect("a number");
        let times = if count == 1 { "1 violation" } else { &format!("{count} violations") };
        let title = format!("::error title=colosim%3A {times} of {name}::");
        assert!(line.starts_with(&title), "{line}");
        assert!(line.ends_with(broken["replay"].as_str().expect("a command")), "{line}");
    }
    let text = fs::read_to_string(&summary).expect("it is there");
    assert!(text.starts_with("### What a command before it said\n### ❌ colosim: "), "{text}");
    assert!(text.contains(report["digest"].as_str().expect("text")), "{text}");
}

#[test]
fn a_clean_campaign_annotates_nothing_and_tells_its_report() {
    let summary = directory("clean").join("summary.md");
    let (code, _, err) = in_step(Some(&summary), &["run", "--seeds", "20"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let text = fs::read_to_string(&summary).expect("it was written");
    assert!(text.starts_with("### ✅ colosim: clean\n"), "{text}");
}

#[test]
fn merged_records_are_told_as_a_campaign_is() {
    let out = directory("merged");
    let (records, merged, summary) = (out.join("run"), out.join("merged"), out.join("summary.md"));
    let records = records.to_str().expect("it is text");
    in_step(None, &[&FAILING[..], &["--out", records]].concat());
    let args = ["report", records, "-o", merged.to_str().expect("it is text")];
    let (code, _, err) = in_step(Some(&summary), &args);
    assert!(code == 1 && annotated(&err).len() > 2, "{err}");
    let text = fs::read_to_string(&summary).expect("it was written");
    assert!(text.starts_with("### ❌ colosim: "), "{text}");
}

#[test]
fn an_error_is_annotated_on_one_line() {
    let (code, out, err) = in_step(None, &["report", "no/such/100%", "neither/this"]);
    assert_eq!((code, out.as_str()), (2, ""));
    let lines = annotated(&err);
    assert_eq!(lines.len(), 1, "{err}");
    assert!(lines[0].starts_with("::error title=colosim%3A error::cannot read no/such/100%25: "));
    assert!(lines[0].contains("%0Aerror: cannot read neither/this"), "{err}");
    assert!(err.starts_with("error: cannot read no/such/100%"), "people read it, too: {err}");
}

#[test]
fn a_summary_that_cannot_be_written_is_an_error_after_everything_else() {
    let out = directory("unwritable");
    let reports = out.join("reports");
    let args = ["run", "--seeds", "5", "--out", reports.to_str().expect("it is text")];
    let (code, said, err) = in_step(Some(&out.join("no/such/summary.md")), &args);
    assert_eq!(code, 74, "{err}");
    assert!(err.contains("cannot write ") && err.contains("summary.md"), "{err}");
    assert!(said.starts_with("CLEAN: "), "{said}");
    assert!(reports.join("junit.xml").exists());
}

#[test]
fn elsewhere_nothing_is_annotated_and_no_summary_is_written() {
    let summary = directory("elsewhere").join("summary.md");
    for value in [None, Some(""), Some("false")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_colosim"));
        command.args(FAILING).env_remove("GITHUB_ACTIONS").env("GITHUB_STEP_SUMMARY", &summary);
        if let Some(value) = value {
            command.env("GITHUB_ACTIONS", value);
        }
        let (code, out, err) = called(&mut command);
        assert_eq!(code, 1);
        assert_eq!((annotated(&out), annotated(&err)), (vec![], vec![]), "{err}");
        assert!(!summary.exists());
    }
}
