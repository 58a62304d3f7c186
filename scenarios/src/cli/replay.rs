//! `colosim replay`: one plan again.

use std::path::Path;

use clap::Args;
use colo_reports::Record;

use crate::campaign::record;
use crate::cli::exit::{Exit, print, write_file};
use crate::cli::{BehaviourArgs, meant};
use crate::perfetto::perfetto;
use crate::plan::Plan;
use crate::run::{Outcome, run, run_traced};
use crate::timeline::timeline;

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct ReplayArgs {
    /// A seed, the name of a scenario or of a finding, a plan saved as JSON, or a directory of
    /// such plans
    plan: String,
    /// Show everything that happened
    #[arg(long)]
    trace: bool,
    /// Show it up to this step only
    #[arg(long, value_name = "STEP", requires = "trace")]
    until: Option<u32>,
    /// Save the run as a trace that Perfetto shows, at ui.perfetto.dev
    #[arg(long, value_name = "FILE")]
    perfetto: Option<std::path::PathBuf>,
    /// Save the plan as JSON, to send or to change it
    #[arg(long, value_name = "FILE")]
    save: Option<std::path::PathBuf>,
    /// A saved plan has a behaviour of its own
    #[command(flatten)]
    behaviour: BehaviourArgs,
}

const AFTER_HELP: &str = "\
Examples:
  colosim replay 17                       a seed
  colosim replay failover --trace         a scenario, with everything that happened
  colosim replay plan.json                a plan that a campaign saved; the file is enough
  colosim replay fixtures/plans           every plan of a directory
  colosim replay 17 --perfetto run.json   for ui.perfetto.dev
  colosim replay failover --save plan.json  a plan to change

Exit codes: 0 clean; 1 a violation; 2 usage, or a plan that cannot be read; 74 could not write.";

pub(super) fn replay(args: &ReplayArgs) -> anyhow::Result<Exit> {
    let path = Path::new(&args.plan);
    if path.is_dir() {
        if args.perfetto.is_some() {
            anyhow::bail!("--perfetto saves one run; name a plan of {}", path.display());
        }
        return replay_directory(path);
    }
    let (seed, plan) = meant::plan(&args.plan, &args.behaviour)?;
    if let Some(path) = &args.save {
        write_file(path, &plan.to_json())?;
    }
    let mut text = String::new();
    let outcome = if args.trace || args.perfetto.is_some() {
        let (outcome, trace) = run_traced(&plan);
        if args.trace {
            text.push_str(&timeline(&plan, trace.entries(), args.until));
        }
        if let Some(path) = &args.perfetto {
            write_file(path, &perfetto(&plan, trace.entries()))?;
        }
        outcome
    } else {
        run(&plan)
    };
    let clean = outcome.is_clean();
    text.push_str(&report(&record(seed, &plan, outcome, &args.behaviour.behaviour()?)));
    print(&text)?;
    Ok(if clean { Exit::Clean } else { Exit::Violation })
}

fn report(record: &Record) -> String {
    let mut text = format!(
        "{}: {} steps, {} guest requests, {}.{:03} ms simulated, digest {:016x}\n",
        record.plan,
        record.steps,
        record.guest_requests,
        record.simulated_ns / 1_000_000,
        record.simulated_ns / 1_000 % 1_000,
        record.digest
    );
    for violation in &record.violations {
        let step = violation.step.map_or("before the first step".into(), |n| format!("step {n}"));
        text.push_str(&format!(
            "\nVIOLATION of {} at {} µs, {step}, {} host\n  {}\n",
            violation.invariant,
            violation.at_ns / 1000,
            violation.host,
            violation.message
        ));
    }
    for abort in &record.aborts {
        text.push_str(&format!(
            "\nABORT at {} µs, {} host\n  {}\n",
            abort.at_ns / 1000,
            abort.host,
            abort.reason
        ));
    }
    if record.is_clean() {
        text.push_str("clean\n");
    }
    text
}

/// Replays every plan of a directory and prints a table.
fn replay_directory(path: &Path) -> anyhow::Result<Exit> {
    let entries = std::fs::read_dir(path)
        .map_err(|error| anyhow::anyhow!("cannot read {}: {error}", path.display()))?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    if files.is_empty() {
        anyhow::bail!("{} holds no plan; a plan is a file that ends in .json", path.display());
    }
    let (mut text, mut exit) = (String::new(), Exit::Clean);
    for file in &files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let (verdict, plan_exit) = match Plan::load(file) {
            Ok(plan) => verdict(&run(&plan)),
            Err(error) => (format!("cannot be run: {error}"), Exit::Usage),
        };
        exit = exit.max(plan_exit);
        text.push_str(&format!("{name:<40}  {verdict}\n"));
    }
    print(&text)?;
    Ok(exit)
}

fn verdict(outcome: &Outcome) -> (String, Exit) {
    if outcome.is_clean() {
        return (format!("clean  {:016x}", outcome.digest), Exit::Clean);
    }
    let broken: Vec<_> = outcome.violations.iter().map(|violation| violation.invariant).collect();
    (format!("violates {}", broken.join(", ")), Exit::Violation)
}
