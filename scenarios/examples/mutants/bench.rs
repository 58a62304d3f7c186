//! The bench on which mutants are judged: a copy of the sources, built with the mistake in it, and run.
//!
//! It never works on the tree itself. Mutants that can be are built together ([`plant`]), the others
//! one by one; then only what a mutant changes is built anew.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use colo_reports::read_records;

use crate::matrix::{NO_END, NO_START, Row};
use crate::patch::Mutant;
use crate::plant::{NUMBER, SWITCH, plant};

/// How long a mutant's campaign or its unit cases may take: some loop for ever. A thousand seeds take
/// some seconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long one plan may take; it needs some milliseconds.
const PATIENCE_PLAN: Duration = Duration::from_secs(5);

/// The programs, as they are built.
struct Built {
    colosim: PathBuf,
    /// QEMU's unit cases.
    cases: PathBuf,
}

/// The programs with many mutants in them, and the number of each.
pub(crate) struct Together {
    built: Built,
    names: BTreeMap<String, usize>,
}

impl Together {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }
}

/// A copy of the sources, and where it is built.
pub(crate) struct Bench {
    place: PathBuf,
    tree: PathBuf,
    build: PathBuf,
    out: PathBuf,
}

impl Bench {
    pub(crate) fn prepare(root: &Path) -> anyhow::Result<Self> {
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

    /// One program with all the mutants in it that can be in one.
    pub(crate) fn build_together(&self, mutants: &[&Mutant]) -> anyhow::Result<Together> {
        let mut files: BTreeMap<&Path, Vec<(usize, &Mutant)>> = BTreeMap::new();
        for (place, mutant) in mutants.iter().enumerate() {
            files.entry(&mutant.file).or_default().push((place + 1, mutant));
        }
        let mut sound = Vec::new();
        let mut names = BTreeMap::new();
        for (file, mutants) in files {
            let path = self.tree.join(file);
            let source = fs::read_to_string(&path)?;
            let planted = plant(&source, &mutants).map_err(anyhow::Error::msg)?;
            let of = |(number, mutant): &(usize, &Mutant)| {
                planted.numbers.contains(number).then(|| (mutant.name.clone(), *number))
            };
            names.extend(mutants.iter().filter_map(of));
            fs::write(&path, planted.text)?;
            sound.push((path, source));
        }
        let root = self.tree.join("core/src/lib.rs");
        let source = fs::read_to_string(&root)?;
        fs::write(&root, format!("{source}{SWITCH}"))?;
        sound.push((root, source));
        let built = self.build();
        for (path, source) in sound {
            fs::write(path, source)?;
        }
        // Those that are built alone go to the same place.
        let aside = |program: PathBuf, name: &str| {
            let copy = self.place.join(name);
            fs::copy(program, &copy).map(|_| copy)
        };
        let built = built?;
        let colosim = aside(built.colosim, "colosim-together")?;
        let cases = aside(built.cases, "conformance-together")?;
        Ok(Together { built: Built { colosim, cases }, names })
    }

    /// Runs a mutant and says who noticed; without one, the program that all of them are in.
    pub(crate) fn judge(
        &self,
        together: &Together,
        mutant: Option<&Mutant>,
        seeds: u64,
    ) -> anyhow::Result<Row> {
        let number = mutant.map(|mutant| together.names.get(&mutant.name).copied());
        let mut row = match number {
            None => self.run_all(&together.built, 0, seeds)?,
            Some(Some(number)) => self.run_all(&together.built, number, seeds)?,
            Some(None) => self.with(mutant, || self.run_all(&self.build()?, 0, seeds))?,
        };
        if let Some(mutant) = mutant {
            row.is_of(mutant);
        }
        Ok(row)
    }

    /// Whether the core is a program at all with the mistake in it.
    pub(crate) fn compiles(&self, mutant: &Mutant) -> anyhow::Result<bool> {
        self.with(Some(mutant), || {
            let mut check = self.cargo("check");
            check.args(["-p", "colo-core"]).stderr(Stdio::null());
            Ok(check.status()?.success())
        })
    }

    /// Puts the mistake in, does something, and takes it out again.
    fn with<T>(
        &self,
        mutant: Option<&Mutant>,
        act: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let Some(mutant) = mutant else { return act() };
        let path = self.tree.join(&mutant.file);
        let sound = fs::read_to_string(&path)?;
        fs::write(&path, mutant.apply(&sound).map_err(anyhow::Error::msg)?)?;
        let done = act();
        fs::write(&path, sound)?;
        done
    }

    fn run_all(&self, built: &Built, number: usize, seeds: u64) -> anyhow::Result<Row> {
        let run = Run { bench: self, built, number };
        let all = seeds.to_string();
        let campaign = run.campaign(["--seeds", &all])?;
        // The one waits for processors, the other for its files.
        let cases = run.spawn(&built.cases, [OsStr::new("the_thirteen_cases_hardened")])?;
        let patience = PATIENCE * u32::try_from(seeds.div_ceil(1000))?;
        let ended = ended_well(campaign, patience)?.is_some();
        let unit_cases = ended_well(cases, PATIENCE)? != Some(true);
        let mut row = Row { unit_cases, hung: !ended, ..self.read(ended)? };
        if !ended || row.scenarios.contains_key(NO_START) {
            run.search(seeds, &mut row)?;
        }
        Ok(row)
    }

    fn cargo(&self, command: &str) -> Command {
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args([command, "--locked", "--quiet"])
            .current_dir(&self.tree)
            .env("CARGO_TARGET_DIR", &self.build)
            .env("CARGO_PROFILE_DEV_DEBUG", "0");
        cargo
    }

    /// Builds the program and QEMU's unit cases; where they are.
    fn build(&self) -> anyhow::Result<Built> {
        let built = self
            .cargo("build")
            .args(["-p", "colo-scenarios", "-p", "colo-core"])
            .args(["--bin", "colosim", "--test", "conformance"])
            .args(["--message-format", "json-render-diagnostics"])
            .output()?;
        ensure!(
            built.status.success(),
            "it does not build; write the patch anew\n{}",
            String::from_utf8_lossy(&built.stderr)
        );
        let messages = String::from_utf8(built.stdout)?;
        let built = |wanted: &str| {
            let of = |line: &str| {
                let message: serde_json::Value = serde_json::from_str(line).ok()?;
                let named = message["target"]["name"] == wanted;
                message["executable"].as_str().filter(|_| named).map(PathBuf::from)
            };
            messages.lines().find_map(of).with_context(|| format!("cargo has built no `{wanted}`"))
        };
        Ok(Built { colosim: built("colosim")?, cases: built("conformance")? })
    }

    fn records(&self) -> PathBuf {
        self.out.join("records.jsonl")
    }

    /// What the campaign's records say; those of one that has not ended are not all there.
    fn read(&self, ended: bool) -> anyhow::Result<Row> {
        let mut row = Row::default();
        let records = File::open(self.records()).ok();
        let records = records.and_then(|file| read_records(BufReader::new(file)).ok());
        let Some((_, records)) = records else {
            if ended {
                // It reads the saved plans before anything else.
                row.scenarios.insert(NO_START.to_owned(), "the saved plans".to_owned());
            }
            return Ok(row);
        };
        for record in records {
            let record = match record {
                Ok(record) => record,
                Err(_) if !ended => break,
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

/// One mutant in one program.
struct Run<'a> {
    bench: &'a Bench,
    built: &'a Built,
    number: usize,
}

impl Run<'_> {
    /// Starts a campaign that leaves its records, and no other.
    fn campaign(&self, plans: [&str; 2]) -> anyhow::Result<Child> {
        let records = self.bench.records();
        if records.exists() {
            fs::remove_file(records)?;
        }
        let arguments = ["run", "--format", "json", plans[0], plans[1], "--out"].map(OsStr::new);
        let out = [self.bench.out.as_os_str()];
        self.spawn(&self.built.colosim, arguments.into_iter().chain(out))
    }

    /// Where the campaign does not come to its end, or not even to its beginning: one seed after
    /// another, up to the first that does not end, or that breaks something.
    fn search(&self, seeds: u64, row: &mut Row) -> anyhow::Result<()> {
        for seed in 0..row.seeds_to_kill().unwrap_or(seeds) {
            let plan = self.campaign(["--seed", &seed.to_string()])?;
            let Some(_) = ended_well(plan, PATIENCE_PLAN)? else {
                row.seeds.insert(NO_END.to_owned(), seed + 1);
                return Ok(());
            };
            let alone = self.bench.read(true)?;
            if alone.seeds_to_kill().is_some() {
                row.seeds.extend(alone.seeds);
                row.panicked = row.panicked.take().or(alone.panicked);
                return Ok(());
            }
        }
        Ok(())
    }

    fn spawn<'a>(
        &self,
        program: &Path,
        arguments: impl IntoIterator<Item = &'a OsStr>,
    ) -> anyhow::Result<Child> {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env(NUMBER, self.number.to_string())
            .current_dir(&self.bench.place)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        Ok(command.spawn()?)
    }
}

/// Whether it ended well; `None` if it did not end by itself, or took memory without end.
fn ended_well(mut child: Child, patience: Duration) -> anyhow::Result<Option<bool>> {
    let mut output = child.stdout.take().context("its output is caught")?;
    let (ended, ends) = mpsc::channel();
    // Its output ends when it does, or is made to.
    std::thread::spawn(move || {
        let read = output.read_to_end(&mut Vec::new());
        let _ = ended.send(read.is_ok());
    });
    if ends.recv_timeout(patience).is_err() {
        child.kill()?;
        child.wait()?;
        return Ok(None);
    }
    // One that a signal has ended has no code.
    Ok(child.wait()?.code().map(|code| code == 0))
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
