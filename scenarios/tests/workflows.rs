//! Workflow files, ours and those of docs/ci.md: they can be read, their parts fit together, and every
//! command line of colosim in them is one that this version takes.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use colo_scenarios::cli::Args;
use saphyr::{LoadableYamlNode, Yaml};

/// What stands for a commit id.
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml<'a>(name: &str, text: &'a str) -> Yaml<'a> {
    let mut documents = Yaml::load_from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(documents.len(), 1, "{name}");
    documents.remove(0)
}

/// The fenced blocks of a page in this language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let parts = page.split(fence.as_str()).skip(1);
    parts.map(|part| part.split("```").next().unwrap_or_default().to_owned()).collect()
}

/// The arguments of each call of colosim, as a shell would split them; variables have values.
fn calls(text: &str) -> Vec<Vec<String>> {
    let values = [
        ("${{ matrix.share }}", "1"),
        ("$GITHUB_SHA", COMMIT),
        ("$GIT_COMMIT", COMMIT),
        ("$CI_NODE_INDEX", "1"),
        ("$CI_NODE_TOTAL", "4"),
        ("$SEEDS", "5"),
        ("$BUDGET", "3m"),
        ("$SHARE", "1"),
        ("$seeds", "5"),
        ("$fifth", "1"),
        ("$out", "out"),
        (")", " "),
    ];
    let mut text = text.replace("\\\n", " ");
    for (variable, value) in values {
        text = text.replace(variable, value);
    }
    let mut calls = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let words: Vec<_> =
            line.split_whitespace().map(|word| word.replace(['"', '\''], "")).collect();
        let is_program = |word: &String| word == "colosim" || word.ends_with("/colosim");
        let Some(at) = words.iter().position(is_program) else { continue };
        let goes_on = |word: &&String| !word.starts_with(['|', '>', '&']);
        let arguments: Vec<_> = words[at + 1..].iter().take_while(goes_on).cloned().collect();
        let is_command =
            |word: &String| ["run", "report", "replay", "explore"].contains(&word.as_str());
        if arguments.first().is_some_and(is_command) {
            calls.push(arguments);
        }
    }
    calls
}

/// Takes every call, and gives back how many there were.
fn accepted(name: &str, text: &str) -> usize {
    let calls = calls(text);
    for arguments in &calls {
        let line = std::iter::once("colosim").chain(arguments.iter().map(String::as_str));
        assert!(
            !arguments.concat().contains('$'),
            "{name}: a variable without a value: {arguments:?}"
        );
        if let Err(error) = Args::try_parse_from(line) {
            panic!("{name}: {arguments:?}: {error}");
        }
    }
    calls.len()
}

/// The scripts of a workflow of GitHub's, after a look at each job and step.
fn scripts(name: &str, workflow: &Yaml<'_>) -> Vec<String> {
    let mut scripts = Vec::new();
    for (job, body) in workflow["jobs"].as_mapping().expect("jobs") {
        let job = job.as_str().expect("a name");
        assert!(body["runs-on"].as_str().is_some(), "{name}: {job} runs nowhere");
        assert!(body["timeout-minutes"].as_integer().is_some(), "{name}: {job} may hang for hours");
        for step in body["steps"].as_sequence().expect("steps") {
            let (run, uses) = (field(step, "run"), field(step, "uses"));
            assert!(run.is_some() != uses.is_some(), "{name}: a step of {job} does one thing");
            assert!(uses.is_none_or(|uses| uses.contains('@')), "{name}: an action has a version");
            scripts.extend(run.map(str::to_owned));
        }
    }
    scripts
}

fn field<'a>(of: &'a Yaml<'_>, name: &str) -> Option<&'a str> {
    of.as_mapping_get(name).and_then(Yaml::as_str)
}

#[test]
fn every_workflow_can_be_read_and_its_calls_are_taken() {
    let mut seen = Vec::new();
    for entry in fs::read_dir(root().join(".github/workflows")).expect("it is there") {
        let name = entry.expect("it is there").file_name().into_string().expect("it is text");
        let text = read(&format!(".github/workflows/{name}"));
        let workflow = yaml(&name, &text);
        let scripts = scripts(&name, &workflow);
        let taken: usize = scripts.iter().map(|script| accepted(&name, script)).sum();
        seen.push((name, taken));
    }
    seen.sort();
    let expected = [("ci.yml", 0), ("nightly.yml", 2), ("pull-request.yml", 2)];
    assert_eq!(seen, expected.map(|(name, taken)| (name.to_owned(), taken)));
    assert!(accepted(".ci/run", &read(".ci/run")) > 8);
    assert_eq!(accepted(".ci/lines", &read(".ci/lines")), 4);
}

#[test]
fn the_shares_of_a_campaign_are_all_of_it_and_all_are_merged() {
    for name in ["nightly.yml", "pull-request.yml"] {
        let text = read(&format!(".github/workflows/{name}"));
        let workflow = yaml(name, &text);
        let jobs = &workflow["jobs"];
        let strategy = &jobs["share"]["strategy"];
        assert_eq!(strategy["fail-fast"].as_bool(), Some(false), "{name}: a failure hides others");
        let shares = strategy["matrix"]["share"].as_sequence().expect("a list");
        let shares: Vec<_> = shares.iter().filter_map(Yaml::as_integer).collect();
        assert_eq!(shares, [1, 2, 3, 4], "{name}");
        let scripts = scripts(name, &workflow);
        let share = format!("--partition ${{{{ matrix.share }}}}/{} ", shares.len());
        assert!(scripts.iter().any(|script| script.contains(&share)), "{name}: {scripts:?}");
        let merged = "report share-1 share-2 share-3 share-4 ";
        assert!(scripts.iter().any(|script| script.contains(merged)), "{name}: {scripts:?}");
        // Whatever the shares found, it is reported.
        let when = field(&jobs["report"], "if").expect("a condition");
        assert!(when.starts_with("always()"), "{name}: {when}");
        assert!(text.contains(if name == "nightly.yml" {
            "$GITHUB_SHA+"
        } else {
            "--seeds 1000000 "
        }));
    }
}

#[test]
fn the_page_for_other_systems_is_taken_too() {
    let page = read("docs/ci.md");
    let gitlab = blocks(&page, "yaml");
    assert_eq!(gitlab.len(), 1);
    let pipeline = yaml("GitLab", &gitlab[0]);
    let stages: Vec<_> =
        pipeline["stages"].as_sequence().expect("a list").iter().filter_map(Yaml::as_str).collect();
    let mut taken = 0;
    for stage in &stages {
        assert_eq!(field(&pipeline[*stage], "stage"), Some(*stage));
        for line in pipeline[*stage]["script"].as_sequence().expect("a list") {
            taken += accepted("GitLab", line.as_str().expect("a line"));
        }
    }
    assert_eq!((stages.len(), taken), (3, 2));
    assert_eq!(pipeline["share"]["parallel"].as_integer(), Some(4));
    let jenkins = blocks(&page, "groovy");
    assert_eq!(accepted("Jenkins", &jenkins.concat()), 2);
    assert_eq!(jenkins[0].matches('{').count(), jenkins[0].matches('}').count());
}

#[test]
fn a_call_that_nobody_takes_is_noticed() {
    let refused = |line: &str| {
        let calls = calls(line);
        let line = std::iter::once("colosim").chain(calls[0].iter().map(String::as_str));
        Args::try_parse_from(line).is_err()
    };
    assert!(refused("  ./colosim run --seeds \"$GITHUB_SHA-5\""));
    assert!(refused("target/release/colosim run --partition 5/4 || true"));
    assert!(refused("GITHUB_ACTIONS='' ./colosim report share-1 --output report"));
    assert!(!refused(
        "./colosim run --seeds \"$GITHUB_SHA+5\" --partition ${{ matrix.share }}/4 > x"
    ));
}
