//! The guide: every command of docs/guide.md and docs/ci.md does what the page says, in the order of the page.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAM: &str = "cargo run --release -- ";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The commands in the `console` blocks of a page.
fn commands(page: &str) -> Vec<String> {
    let blocks = page.split("```console\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap_or_default().lines());
    let commands =
        lines.map(|line| line.strip_prefix("$ ").expect("a console shows commands only"));
    commands.map(str::to_owned).collect()
}

/// The command, and the exit code that a comment behind it expects.
fn with_code(line: &str) -> (&str, i32) {
    match line.split_once("# exit code ") {
        Some((command, code)) => (command.trim_end(), code.trim().parse().expect("a number")),
        None => (line, 0),
    }
}

/// Does what a shell would do with the few forms that a page has.
fn carry_out(line: &str, directory: &Path) {
    let (command, expected) = with_code(line);
    if let Some(paths) = command.strip_prefix("cp ") {
        let (from, to) = paths.split_once(' ').expect("from and to");
        let copied = fs::copy(directory.join(from), directory.join(to));
        copied.unwrap_or_else(|error| panic!("{line}: {error}"));
        return;
    }
    if let Some(example) = command.strip_prefix("cargo run --release -p colo-sim --example ") {
        // Another package: its own tests run what is in it.
        let test = fs::read_to_string(root().join(format!("sim/tests/{example}.rs")))
            .expect("it is there");
        assert!(test.contains(&format!("#[path = \"../examples/{example}.rs\"]")), "{line}");
        return;
    }
    let rest = command.strip_prefix(PROGRAM).unwrap_or_else(|| panic!("{line}: of what program?"));
    let (arguments, to) =
        rest.split_once(" > ").map_or((rest, None), |(rest, to)| (rest, Some(to)));
    let output = Command::new(env!("CARGO_BIN_EXE_colosim"))
        .args(arguments.split_whitespace())
        .current_dir(directory)
        .env_remove("GITHUB_ACTIONS")
        .output()
        .expect("the binary runs");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(expected), "{line}: {err}");
    assert!(!output.stdout.is_empty(), "{line} says nothing");
    if let Some(to) = to {
        fs::write(directory.join(to), &output.stdout).expect("there is room");
    }
}

/// Carries out a page in an empty directory, and gives that back.
fn follow(page: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guide").join(page);
    if directory.exists() {
        fs::remove_dir_all(&directory).expect("an old run's directory can go");
    }
    fs::create_dir_all(&directory).expect("there is room");
    let text = fs::read_to_string(root().join("docs").join(page)).expect("it is there");
    let commands = commands(&text);
    assert!(commands.len() > 2, "{page}: {commands:?}");
    for line in &commands {
        carry_out(line, &directory);
    }
    directory
}

#[test]
fn the_guide_can_be_followed() {
    let left = follow("guide.md");
    for file in ["nightly/report.html", "for-the-pull-request/report.md", "man/colosim-run.1"] {
        assert!(left.join(file).is_file(), "{file}");
    }
    let length = |file: &str| fs::metadata(left.join(file)).expect("it was written").len();
    assert!(length("small.json") < length("failure.json"), "it was shrunk");
    assert!(length("colosim.bash") > 1000);
}

#[test]
fn the_shares_of_the_page_for_ci_are_merged() {
    let left = follow("ci.md");
    for file in ["report.html", "report.md", "report.json", "junit.xml"] {
        assert!(left.join("report").join(file).is_file(), "{file}");
    }
}

#[test]
fn the_pages_have_no_command_outside_a_console() {
    for page in ["guide.md", "ci.md"] {
        let text = fs::read_to_string(root().join("docs").join(page)).expect("it is there");
        let shown = text.lines().filter(|line| line.contains(PROGRAM)).count();
        let run = commands(&text).iter().filter(|line| line.starts_with(PROGRAM)).count();
        assert_eq!(shown, run, "{page}: a command that no test runs");
    }
}
