//! Draws the sample of what `cargo mutants` makes of the core, with a fixed seed.
//!
//! What it draws is data from then on: the patches shift with the code only as far as those made by
//! hand do, and need no other tool. It does not judge them.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use colo_sim::stream::Seed;
use serde::Deserialize;

use crate::bench::Bench;
use crate::patch::Mutant;

/// How many there are.
const SIZE: usize = 150;

/// Files that are left out: no campaign runs them, or what they do is no behaviour.
const FILES_LEFT_OUT: [&str; 5] = [
    // Real files, the real clock, and the loop around them: those are what the unit cases are for.
    "core/src/real/",
    "core/src/driver.rs",
    // The defects of the seed by name: the hardened profile has none.
    "core/src/quirk.rs",
    // What a run counts of itself, and tests.
    "core/src/probe.rs",
    "core/src/laws.rs",
];

/// Functions that are left out, wherever they are: they count, or show to who debugs.
const FUNCTIONS_LEFT_OUT: [&str; 4] = ["probe", "probes", "probe_hits", "impl std::fmt::Debug"];

/// What `cargo mutants --list --json --diff` says of one mutant.
#[derive(Debug, Deserialize)]
struct Listed {
    file: String,
    /// File, line, column, and what is changed.
    name: String,
    function: Option<Function>,
    diff: String,
}

#[derive(Debug, Deserialize)]
struct Function {
    function_name: String,
}

/// Writes the patches of a new sample in place of those that are there.
pub(crate) fn draw(list: &Path, folder: &Path, bench: &Bench) -> anyhow::Result<()> {
    let text = fs::read_to_string(list).with_context(|| list.display().to_string())?;
    let listed: Vec<Listed> = serde_json::from_str(&text)
        .context("it is no list of `cargo mutants --list --json --diff -p colo-core`")?;
    let count = listed.len();
    let mut urn: Vec<Listed> = listed.into_iter().filter(matters).collect();
    urn.sort_by(|a, b| a.name.cmp(&b.name));
    println!("{} of {count} mutants may be drawn", urn.len());
    let known = Mutant::load_all(folder).unwrap_or_default();
    let mut sample: Vec<(String, String)> = Vec::new();
    let mut stream = Seed(0).stream("cargo-mutants");
    while sample.len() < SIZE {
        if urn.is_empty() {
            bail!("{} mutants compile; the sample needs {SIZE}", sample.len());
        }
        let drawn = urn.swap_remove(stream.below(urn.len() as u64) as usize);
        let name = format!("{:03}-{}", sample.len() + 1, drawn.place());
        let head = format!("Mutant: {name}\nBreaks: {}\n", drawn.breaks());
        let diff = drawn.diff()?;
        let mutant = Mutant::parse(&format!("{head}{diff}")).map_err(anyhow::Error::msg)?;
        if !bench.compiles(&mutant)? {
            println!("does not compile: {}", drawn.name);
            continue;
        }
        // What was found out about it stays with it.
        let reasons = known.iter().find(|old| old.is_like(&mutant)).map(reasons);
        sample.push((name, format!("{head}{}\n{diff}", reasons.unwrap_or_default())));
    }
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    for (name, text) in &sample {
        fs::write(folder.join(format!("{name}.patch")), text)?;
    }
    println!("drawn; now run them: --sampled");
    Ok(())
}

fn matters(listed: &Listed) -> bool {
    let function = listed.function.as_ref().map_or("", |function| &function.function_name);
    let named = |left_out: &&str| {
        function.rsplit("::").next() == Some(left_out) || function.contains(&format!("<{left_out}"))
    };
    !FILES_LEFT_OUT.iter().any(|file| listed.file.starts_with(file))
        && !FUNCTIONS_LEFT_OUT.iter().any(named)
}

fn reasons(known: &Mutant) -> String {
    let line = |name, why: &Option<String>| why.as_ref().map(|why| format!("{name}: {why}\n"));
    let lines = [line("Survives", &known.survives), line("Equivalent", &known.equivalent)];
    lines.into_iter().flatten().collect()
}

impl Listed {
    /// What is changed: its name without line and column, which move.
    fn breaks(&self) -> &str {
        let rest = self.name.strip_prefix(&self.file).unwrap_or(&self.name);
        rest.splitn(4, ':').last().unwrap_or(rest).trim()
    }

    /// The file and the function, as a part of a file's name.
    fn place(&self) -> String {
        let file = self.file.trim_start_matches("core/src/").trim_end_matches(".rs");
        let function = self.function.as_ref().map_or("", |function| &function.function_name);
        let function = function.rsplit("::").next().unwrap_or_default();
        format!("{file}-{function}").replace(['/', '_'], "-")
    }

    /// The diff with a head that names the file as those of git do.
    fn diff(&self) -> anyhow::Result<String> {
        let hunks = self.diff.find("@@ ").with_context(|| format!("{} has no diff", self.name))?;
        let (file, hunks) = (&self.file, &self.diff[hunks..]);
        Ok(format!("--- a/{file}\n+++ b/{file}\n{hunks}"))
    }
}
