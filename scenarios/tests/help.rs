//! What the program says about itself: help by example, completions, manual pages; and how to make it say less.

use std::path::Path;
use std::process::Command;

use clap::{CommandFactory, Parser};
use colo_scenarios::cli::Args;

const COMMANDS: [&str; 10] = [
    "run",
    "replay",
    "shrink",
    "explore",
    "report",
    "conform",
    "bench",
    "list",
    "completions",
    "man",
];

/// Exit code, standard output, standard error.
fn colosim(args: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_colosim"));
    for name in ["GITHUB_ACTIONS", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    let output = command.args(args).envs(variables.iter().copied()).output();
    let output = output.expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("it is text");
    (output.status.code().expect("not killed"), text(output.stdout), text(output.stderr))
}

/// The command lines among examples; what they do stands two spaces behind.
fn examples(help: &str) -> Vec<&str> {
    let after = help.split_once("Examples:\n").expect("there are examples").1;
    let lines = after.lines().take_while(|line| line.starts_with("  colosim "));
    lines.map(|line| line.trim_start().split("  ").next().expect("a command")).collect()
}

#[test]
fn every_command_has_examples_that_it_takes() {
    let known: Vec<_> =
        Args::command().get_subcommands().map(|one| one.get_name().to_owned()).collect();
    for name in &known {
        assert!(name == "help" || COMMANDS.contains(&name.as_str()), "{name} is tested");
    }
    for command in COMMANDS.into_iter().map(Some).chain([None]) {
        let args: Vec<_> = command.into_iter().chain(["--help"]).collect();
        let (code, help, _) = colosim(&args, &[]);
        assert_eq!(code, 0, "{args:?}");
        let examples = examples(&help);
        assert!(examples.len() >= 2, "{args:?}: {help}");
        for example in examples {
            let line = example.split(['>', '|']).next().expect("a command");
            if line.contains("--help") {
                continue;
            }
            let taken = Args::try_parse_from(line.split_whitespace());
            assert!(taken.is_ok(), "{example}: {}", taken.expect_err("it is not taken"));
            assert!(
                command.is_none_or(|name| line.split_whitespace().nth(1) == Some(name)),
                "{example}"
            );
        }
    }
}

#[test]
fn completions_know_every_command_in_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (code, script, err) = colosim(&["completions", shell], &[]);
        assert_eq!((code, err.as_str()), (0, ""));
        for command in COMMANDS {
            assert!(script.contains(command), "{shell}: {command}");
        }
        for option in ["partition", "no-records", "time-budget"] {
            assert!(script.contains(option), "{shell}: {option}");
        }
    }
    let (code, _, err) = colosim(&["completions", "sh"], &[]);
    assert!(code == 2 && err.contains("possible values: bash"), "{err}");
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("help-man");
    if out.exists() {
        std::fs::remove_dir_all(&out).expect("an old run's directory can go");
    }
    let (code, said, err) = colosim(&["man", "-o", out.to_str().expect("it is text")], &[]);
    assert_eq!((code, err.as_str()), (0, ""));
    let read = |name: &str| std::fs::read_to_string(out.join(name)).expect("it was written");
    for command in COMMANDS {
        let name = format!("colosim-{command}.1");
        let page = read(&name);
        assert!(said.contains(&name), "{said}");
        assert!(page.contains(&format!(".TH colosim-{command} 1")), "{page}");
        assert!(
            page.contains(&format!("colosim {command}")),
            "{name} shows how it is called: {page}"
        );
    }
    let (code, first, _) = colosim(&["man"], &[]);
    assert_eq!((code, first), (0, read("colosim.1")));
    let below = out.join("colosim.1").join("below");
    assert_eq!(colosim(&["man", "-o", below.to_str().expect("it is text")], &[]).0, 74);
}

#[test]
fn colour_is_for_those_who_want_it() {
    let failing = ["run", "--profile", "seed", "--seeds", "5"];
    let coloured = |variables: &[(&str, &str)]| {
        let (code, out, err) = colosim(&failing, variables);
        assert_eq!(code, 1);
        (out + &err).contains('\u{1b}')
    };
    assert!(!coloured(&[]), "nobody watches");
    assert!(coloured(&[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
}

#[test]
fn quiet_is_one_line_with_a_replay_and_the_exit_code() {
    let (code, out, err) = colosim(&["run", "--seeds", "1200", "--quiet"], &[]);
    assert_eq!((code, err.as_str()), (0, ""), "no progress");
    assert!(out.starts_with("CLEAN: ") && out.lines().count() == 1, "{out}");
    let (_, _, err) = colosim(&["run", "--seeds", "1200"], &[]);
    assert!(err.contains(" plans, 0 failed\n"), "without it there is progress: {err}");
    let (code, out, _) = colosim(&["run", "--profile", "seed", "--seeds", "5", "-q"], &[]);
    assert!(code == 1 && out.contains(" VIOLATION") && out.lines().count() == 1, "{out}");
    assert!(out.contains("; the first: cargo run --release -- replay "), "{out}");
    let args = ["run", "--seeds", "5", "-q", "--format", "json"];
    let (_, out, _) = colosim(&args, &[]);
    let report: serde_json::Value = serde_json::from_str(&out).expect("what is asked for is said");
    assert_eq!(report["clean"], true);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("help-quiet");
    let directory = directory.to_str().expect("it is text");
    colosim(&["run", "--seeds", "5", "--out", directory], &[]);
    let (code, out, err) = colosim(&["report", directory, "-o", directory, "-q"], &[]);
    assert_eq!((code, err.as_str(), out.lines().count()), (0, "", 1), "{out}");
}
