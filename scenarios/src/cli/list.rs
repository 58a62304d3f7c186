//! `colosim list`: what there is.

use clap::{Args, ValueEnum};
use colo_core::Quirk;

use crate::cli::exit::{Exit, print};
use crate::oracle::INVARIANTS;
use crate::plan::FAULTS;
use crate::{catalog, finding, points};

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct ListArgs {
    /// Of what
    what: What,
}

const AFTER_HELP: &str = "\
Examples:
  colosim list scenarios                  what `replay NAME` and `run --scenario NAME` take
  colosim list invariants                 what can be violated
  colosim list quirks                     what `--quirks NAME` takes";

#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// Named plans of the catalog
    Scenarios,
    /// What the oracle checks
    Invariants,
    /// Defects of the seed that the core can show
    Quirks,
    /// Defects of the seed that plans have shown: quirk, invariant, steps, day, consequence
    Findings,
    /// What a plan can inject
    Faults,
    /// Coverage points
    Points,
}

pub(super) fn list(args: &ListArgs) -> anyhow::Result<Exit> {
    let text = match args.what {
        What::Scenarios => table(catalog::SCENARIOS.iter().map(|entry| (entry.name, entry.about))),
        What::Invariants => table(INVARIANTS.iter().copied()),
        What::Quirks => table(Quirk::ALL.iter().map(|quirk| (quirk.name(), quirk.about().trim()))),
        What::Findings => findings(),
        What::Faults => table(FAULTS.iter().copied()),
        What::Points => points(),
    };
    print(&text)?;
    Ok(Exit::Clean)
}

/// Every point, then what is none and why.
fn points() -> String {
    let mut text = points::names().join("\n")
        + "\n\nNot points, since the hardened core cannot reach them:\n\n";
    text.push_str(&table(points::impossible().collect::<Vec<_>>().into_iter()));
    text
}

fn table<'a>(rows: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> String {
    let width = rows.clone().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines: Vec<_> = rows.map(|(name, about)| format!("{name:<width$}  {about}\n")).collect();
    lines.concat()
}

/// A line for each finding: its quirk, the invariant, the steps of its plan, its day, what follows.
fn findings() -> String {
    let mut text = String::new();
    let mut row = |quirk: &str, invariant: &str, steps: &str, found: &str, consequence: &str| {
        text.push_str(&format!(
            "{quirk:<26}  {invariant:<12}  {steps:>5}  {found:<10}  {consequence}\n"
        ));
    };
    row("QUIRK", "INVARIANT", "STEPS", "FOUND", "CONSEQUENCE");
    for finding in finding::all() {
        let steps = finding.plan.steps.len().to_string();
        let quirk = finding.quirk.name();
        row(quirk, &finding.invariant, &steps, &finding.found, &finding.consequence);
    }
    text
}
