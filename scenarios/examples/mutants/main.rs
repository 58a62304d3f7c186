//! Puts one small mistake after another into the core and looks who notices: the kill matrix.
//!
//! `cargo run -p colo-scenarios --example mutants -- [--only NAME]… [--seeds 1000]`
//!
//! It works on a copy of the sources below `target/`, never on the tree itself. Results
//! are written after each mutant, so that a run that is interrupted leaves what it had.

mod matrix;
mod patch;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Parser;
use colo_reports::read_records;

use matrix::{Matrix, Row};
use patch::Mutant;

/// How long a mutant's campaign or its unit cases may take: some loop for ever.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Debug, Parser)]
struct Args {
    /// Only these mutants; the rows of the others stay
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// How many seeds each mutant is given
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// Only those that have no row yet: goes on with a run that was interrupted
    #[arg(long)]
    missing: bool,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the package is in a workspace")?;
    let fixtures = root.join("fixtures/mutants");
    let mutants = Mutant::load_all(&fixtures).map_err(anyhow::Error::msg)?;
    for name in &args.only {
        ensure!(mutants.iter().any(|mutant| mutant.name == *name), "there is no mutant `{name}`");
    }
    let results = fixtures.join("kill-matrix.json");
    let mut matrix = Matrix { seeds: args.seeds, rows: Vec::new() };
    if args.missing || !args.only.is_empty() {
        matrix = serde_json::from_str(&fs::read_to_string(&results)?)?;
        ensure!(matrix.seeds == args.seeds, "the matrix there is of {} seeds", matrix.seeds);
        matrix.rows.retain(|row| mutants.iter().any(|mutant| mutant.name == row.mutant));
    }
    let bench = Bench::prepare(root)?;
    // A mutant proves something only if the tree that it is put into is clean.
    let sound = bench.judge(None, args.seeds).context("the tree without a mutant")?;
    ensure!(
        !sound.is_killed() && !sound.unit_cases,
        "the tree without a mutant is not clean: {sound:?}"
    );
    for mutant in &mutants {
        let known = args.missing && matrix.rows.iter().any(|row| row.mutant == mutant.name);
        if known || !args.only.is_empty() && !args.only.contains(&mutant.name) {
            continue;
        }
        let row = bench.judge(Some(mutant), args.seeds).with_context(|| mutant.name.clone())?;
        println!("{:36} {}", row.mutant, told(&row));
        matrix.put(row);
        fs::write(&results, serde_json::to_string_pretty(&matrix)? + "\n")?;
        fs::write(root.join("docs/mutants.md"), matrix.markdown())?;
    }
    println!("\n{}", matrix.summary());
    Ok(())
}

fn told(row: &Row) -> String {
    let seeds = row.seeds.iter().min_by_key(|(_, seeds)| **seeds);
    let seeds = seeds.map(|(invariant, seeds)| format!("{invariant} after {seeds}"));
    let scenario = row.scenarios.iter().next();
    let scenario = || scenario.map(|(invariant, name)| format!("{invariant} in scenario {name}"));
    let hung = || row.hung.then(|| "it hangs".to_owned());
    seeds.or_else(scenario).or_else(hung).unwrap_or_else(|| "survives".to_owned())
}

/// A copy of the sources, and where it is built.
struct Bench {
    place: PathBuf,
    tree: PathBuf,
    build: PathBuf,
    out: PathBuf,
}

impl Bench {
    fn prepare(root: &Path) -> anyhow::Result<Self> {
        let place = root.join("target/mutants");
        let (tree, build, out) = (place.join("tree"), place.join("build"), place.join("out"));
        fs::create_dir_all(&tree)?;
        for file in ["Cargo.toml", "Cargo.lock"] {
            update(&root.join(file), &tree.join(file))?;
        }
        // The program has findings and saved plans in it.
        for folder in ["core", "sim", "scenarios", "reports", "fixtures"] {
            let copy = tree.join(folder);
            if copy.exists() {
                remove_gone(&root.join(folder), &copy)?;
            }
            copy_folder(&root.join(folder), &copy)?;
        }
        Ok(Self { place, tree, build, out })
    }

    /// Puts the mistake in, builds, runs, and takes it out again.
    fn judge(&self, mutant: Option<&Mutant>, seeds: u64) -> anyhow::Result<Row> {
        let changed = mutant.map(|mutant| self.tree.join(&mutant.file));
        let sound = changed.as_ref().map(fs::read_to_string).transpose()?;
        if let (Some(mutant), Some(path), Some(sound)) = (mutant, &changed, &sound) {
            fs::write(path, mutant.apply(sound).map_err(anyhow::Error::msg)?)?;
        }
        let seen = self.build_and_run(seeds);
        if let (Some(path), Some(sound)) = (&changed, &sound) {
            fs::write(path, sound)?;
        }
        let mut row = seen?;
        if let Some(mutant) = mutant {
            row.mutant.clone_from(&mutant.name);
            row.file = mutant.file.display().to_string();
            row.breaks.clone_from(&mutant.breaks);
            row.survives.clone_from(&mutant.survives);
        }
        Ok(row)
    }

    fn build_and_run(&self, seeds: u64) -> anyhow::Result<Row> {
        let (colosim, cases) = self.build()?;
        let seeds = seeds.to_string();
        let out = self.out.as_os_str();
        let arguments = ["run", "--format", "json", "--seeds", &seeds, "--out"].map(OsStr::new);
        let campaign = self.spawn(&colosim, arguments.into_iter().chain([out]))?;
        // The one waits for processors, the other for its files.
        let cases = self.spawn(&cases, [OsStr::new("the_thirteen_cases_hardened")])?;
        let hung = ended_well(campaign)?.is_none();
        let unit_cases = ended_well(cases)? != Some(true);
        Ok(Row { unit_cases, ..self.read(hung)? })
    }

    fn spawn<'a>(
        &self,
        program: &Path,
        arguments: impl IntoIterator<Item = &'a OsStr>,
    ) -> anyhow::Result<Child> {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.place)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        Ok(command.spawn()?)
    }

    /// Builds the program and QEMU's unit cases; where they are.
    fn build(&self) -> anyhow::Result<(PathBuf, PathBuf)> {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--locked", "--quiet", "-p", "colo-scenarios", "-p", "colo-core"])
            .args(["--bin", "colosim", "--test", "conformance"])
            .args(["--message-format", "json-render-diagnostics"])
            .current_dir(&self.tree)
            .env("CARGO_TARGET_DIR", &self.build)
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .stderr(Stdio::inherit())
            .output()?;
        ensure!(built.status.success(), "it does not build; write the patch anew");
        let messages = String::from_utf8(built.stdout)?;
        let built = |wanted: &str| {
            let of = |line: &str| {
                let message: serde_json::Value = serde_json::from_str(line).ok()?;
                let named = message["target"]["name"] == wanted;
                message["executable"].as_str().filter(|_| named).map(PathBuf::from)
            };
            messages.lines().find_map(of).with_context(|| format!("cargo has built no `{wanted}`"))
        };
        Ok((built("colosim")?, built("conformance")?))
    }

    /// What the campaign's records say; those of one that was ended are not all there.
    fn read(&self, hung: bool) -> anyhow::Result<Row> {
        let mut row = Row {
            mutant: String::new(),
            file: String::new(),
            breaks: String::new(),
            seeds: std::collections::BTreeMap::new(),
            scenarios: std::collections::BTreeMap::new(),
            panicked: None,
            hung,
            unit_cases: false,
            survives: None,
        };
        let file = File::open(self.out.join("records.jsonl"))?;
        let Ok((_, records)) = read_records(BufReader::new(file)) else {
            ensure!(hung, "the campaign left no records");
            return Ok(row);
        };
        for record in records {
            let record = match record {
                Ok(record) => record,
                Err(_) if hung => break,
                Err(error) => bail!(error),
            };
            for violation in record.violations {
                if violation.message.starts_with("the program panicked") {
                    row.panicked.get_or_insert_with(|| violation.message.clone());
                }
                let invariant = violation.invariant;
                match record.seed {
                    Some(seed) => drop(row.seeds.entry(invariant).or_insert(seed + 1)),
                    None => drop(row.scenarios.entry(invariant).or_insert(record.plan.clone())),
                }
            }
        }
        Ok(row)
    }
}

/// Whether it ended well; `None` if it did not end and was ended.
fn ended_well(mut child: Child) -> anyhow::Result<Option<bool>> {
    let mut output = child.stdout.take().context("its output is caught")?;
    let (ended, ends) = mpsc::channel();
    // Its output ends when it does, or is made to.
    std::thread::spawn(move || {
        let read = output.read_to_end(&mut Vec::new());
        let _ = ended.send(read.is_ok());
    });
    if ends.recv_timeout(PATIENCE).is_err() {
        child.kill()?;
        child.wait()?;
        return Ok(None);
    }
    Ok(Some(child.wait()?.success()))
}

/// Copies what differs: cargo builds anew what has a new date.
fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let copy = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &copy)?;
        } else {
            update(&entry.path(), &copy)?;
        }
    }
    Ok(())
}

fn update(from: &Path, to: &Path) -> anyhow::Result<()> {
    let bytes = fs::read(from)?;
    if fs::read(to).ok().as_ref() != Some(&bytes) {
        fs::write(to, bytes)?;
    }
    Ok(())
}

/// Removes from the copy what is in the tree no more.
fn remove_gone(from: &Path, copy: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(copy)? {
        let entry = entry?;
        let original = from.join(entry.file_name());
        match (entry.file_type()?.is_dir(), original.exists()) {
            (true, true) => remove_gone(&original, &entry.path())?,
            (true, false) => fs::remove_dir_all(entry.path())?,
            (false, false) => fs::remove_file(entry.path())?,
            (false, true) => {}
        }
    }
    Ok(())
}
