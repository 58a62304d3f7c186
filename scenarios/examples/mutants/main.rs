//! Puts one small mistake after another into the core and looks who notices: the kill matrix.
//!
//! `cargo run -p colo-scenarios --example mutants -- [--sampled] [--only NAME]… [--seeds 1000]`
//!
//! There are two sets of mutants: those made by hand, and a sample of what `cargo mutants` makes,
//! which `--draw` takes anew. Results are written after each mutant, so that a run that is
//! interrupted leaves what it had.

mod bench;
mod matrix;
mod patch;
mod plant;
mod sample;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Parser;

use bench::Bench;
use matrix::{Matrix, Row, page};
use patch::Mutant;

#[derive(Debug, Parser)]
struct Args {
    /// The sample of `cargo mutants`, not those made by hand
    #[arg(long)]
    sampled: bool,
    /// Only these mutants; the rows of the others stay
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// How many seeds each mutant is given
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// Only those that have no row yet: goes on with a run that was interrupted; rows that are there take
    /// over what their patches say
    #[arg(long)]
    missing: bool,
    /// Writes nothing: says who notices, however many seeds that are
    #[arg(long)]
    dry: bool,
    /// Judges nothing; draws the sample anew, from a list that `cargo mutants` has made
    #[arg(long, value_name = "LIST", conflicts_with_all = ["only", "missing", "sampled", "dry"])]
    draw: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the package is in a workspace")?;
    match &args.draw {
        Some(list) => sample::draw(list, &folder(root, true), &Bench::prepare(root)?),
        None => judge_all(root, &args),
    }
}

/// Where a set of mutants is, with its matrix.
fn folder(root: &Path, sampled: bool) -> PathBuf {
    root.join(if sampled { "fixtures/mutants/sampled" } else { "fixtures/mutants" })
}

fn matrix(folder: &Path) -> anyhow::Result<Matrix> {
    let path = folder.join("kill-matrix.json");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(serde_json::from_str(&text)?)
}

fn judge_all(root: &Path, args: &Args) -> anyhow::Result<()> {
    let folder = folder(root, args.sampled);
    let mutants = Mutant::load_all(&folder).map_err(anyhow::Error::msg)?;
    for name in &args.only {
        ensure!(mutants.iter().any(|mutant| mutant.name == *name), "there is no mutant `{name}`");
    }
    let mut known = Matrix { seeds: args.seeds, rows: Vec::new() };
    if args.missing || !args.only.is_empty() && !args.dry {
        known = matrix(&folder)?;
        ensure!(known.seeds == args.seeds, "the matrix there is of {} seeds", known.seeds);
        known.rows.retain(|row| mutants.iter().any(|mutant| mutant.name == row.mutant));
        for mutant in &mutants {
            let row = known.rows.iter_mut().find(|row| row.mutant == mutant.name);
            if let Some(row) = row {
                row.is_of(mutant);
            }
        }
    }
    let due = mutants.iter().filter(|mutant| {
        let has_row = args.missing && known.rows.iter().any(|row| row.mutant == mutant.name);
        !has_row && (args.only.is_empty() || args.only.contains(&mutant.name))
    });
    let due: Vec<_> = due.collect();
    let bench = Bench::prepare(root)?;
    let together = bench.build_together(&due)?;
    println!("{} of {} mutants are built together", together.len(), due.len());
    // A mutant proves something only if the tree that it is put into is clean.
    let sound = bench.judge(&together, None, args.seeds).context("the tree without a mutant")?;
    ensure!(
        !sound.is_killed() && !sound.unit_cases,
        "the tree without a mutant is not clean: {sound:?}"
    );
    for mutant in due {
        let row = bench.judge(&together, Some(mutant), args.seeds);
        let row = row.with_context(|| mutant.name.clone())?;
        println!("{:36} {}", row.mutant, told(&row));
        known.put(row);
        if !args.dry {
            write(root, &folder, &known)?;
        }
    }
    if !args.dry {
        write(root, &folder, &known)?;
    }
    println!("\n{}", known.summary());
    Ok(())
}

/// The matrix as data, and both on one page.
fn write(root: &Path, folder: &Path, known: &Matrix) -> anyhow::Result<()> {
    fs::write(folder.join("kill-matrix.json"), serde_json::to_string_pretty(known)? + "\n")?;
    let (by_hand, sampled) = (self::folder(root, false), self::folder(root, true));
    fs::write(root.join("docs/mutants.md"), page(&matrix(&by_hand)?, &matrix(&sampled)?))?;
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
