//! `colosim bench` measures every row that it promises. What comes out is nobody's business here.

use std::process::Command;

use serde_json::Value;

/// Name and target of each.
const ROWS: [(&str, Option<(&str, f64)>); 12] = [
    ("guest-requests", Some(("at_least", 1_000_000.0))),
    ("two-threads", Some(("at_least", 1.9))),
    ("simulated-busy", None),
    ("simulated-idle", None),
    ("pair-plans", None),
    ("crash-states", Some(("at_least", 1_000_000.0))),
    ("peak-memory", Some(("at_most", 64.0))),
    ("memory-growth", Some(("at_most", 1.2))),
    ("digest", Some(("at_most", 10.0))),
    ("shrink-steps", Some(("at_most", 8.0))),
    ("shrink-seconds", Some(("at_most", 2.0))),
    ("replay", Some(("at_most", 20.0))),
];

fn bench(args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_colosim"));
    let output = command.args(["bench", "--quick"]).args(args).output().expect("it runs");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code(), String::from_utf8(output.stdout).expect("it is text"))
}

#[test]
fn every_row_is_measured_and_compared_with_its_target() {
    let (code, text) = bench(&["--format", "json"]);
    let report: Value = serde_json::from_str(&text).expect("an object");
    assert_eq!((code, &report["quick"]), (Some(0), &true.into()));
    let rows = report["rows"].as_array().expect("a list");
    let names: Vec<_> = rows.iter().map(|row| row["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ROWS.map(|(name, _)| name));
    for (row, (name, target)) in rows.iter().zip(ROWS) {
        let measured = row["measured"].as_f64().expect("Linux shows all of them");
        assert!(measured.is_finite() && measured > 0.0, "{row}");
        assert!(row["samples"].as_array().is_some_and(|samples| !samples.is_empty()), "{row}");
        let met = target.map(|(which, value)| {
            assert_eq!(row["target"][which].as_f64(), Some(value), "{name}");
            if which == "at_least" { measured >= value } else { measured <= value }
        });
        assert_eq!(row["met"].as_bool(), met, "{row}");
        let note = row["note"].as_str().expect("a note");
        assert!(note.contains(|c: char| c.is_ascii_digit()), "{name} says on what: {note}");
    }
}

#[test]
fn people_get_a_line_for_each_row() {
    let (code, text) = bench(&[]);
    assert_eq!(code, Some(0));
    let verdicts = text.lines().filter(|line| line.ends_with("  met") || line.ends_with("missed"));
    let targets = ROWS.iter().filter(|(_, target)| target.is_some());
    assert_eq!(verdicts.count(), targets.count(), "{text}");
    let reported = text.lines().filter(|line| line.ends_with("reported"));
    assert_eq!(
        reported.count(),
        ROWS.iter().filter(|(_, target)| target.is_none()).count(),
        "{text}"
    );
    assert!(text.ends_with("--quick, so not to be quoted\n"), "{text}");
}
