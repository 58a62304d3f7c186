//! `colosim shrink`: the smallest plan that fails in the same way, to keep and to paste.

use std::path::{Path, PathBuf};

use clap::Args;
use colo_core::Quirks;

use crate::cli::exit::{Exit, print, replace_file};
use crate::cli::interrupt::Interrupt;
use crate::cli::{BehaviourArgs, meant};
use crate::panics::PanicsKept;
use crate::plan::Plan;
use crate::shrink::{Limits, RUNS_MAX, Shrunk, rust, shrink_watched};

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct ShrinkArgs {
    /// A seed, the name of a scenario or of a finding, or a plan saved as JSON
    plan: String,
    /// Save the plan here [default: shrunk-NAME.json in the current directory, as in
    /// shrunk-seed-17.json]
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// End after about so many runs, with the smallest plan so far
    #[arg(long, value_name = "N", default_value_t = RUNS_MAX)]
    runs: u64,
    /// A saved plan has a behaviour of its own
    #[command(flatten)]
    behaviour: BehaviourArgs,
}

const AFTER_HELP: &str = "\
Examples:
  colosim shrink 17 --profile seed        a seed that fails; saved as shrunk-seed-17.json
  colosim shrink planned-stop --profile seed  a scenario
  colosim shrink plan.json -o small.json  a plan that somebody sent

A smaller plan is taken only if the same invariant is the first to break (or the same abort
or panic ends it), and for the same cause: the quirks without any one of which it does not
happen. Without any one of its steps the result no longer fails alike. The file is written
anew each time the search gets on. Ctrl-C ends the search with the smallest plan so far.

Exit codes: 0 shrunk, or as small as it can be; 2 usage, unreadable input, or a plan that is
clean, with which there is nothing to do; 74 could not write; 130 interrupted.";

pub(super) fn shrink(args: &ShrinkArgs) -> anyhow::Result<Exit> {
    let interrupt = Interrupt::listen();
    let (seed, plan) = meant::plan(&args.plan, &args.behaviour)?;
    let path = args.out.clone().unwrap_or_else(|| default_path(&args.plan, seed));
    let mut unwritten = None;
    let mut save = |plan: &Plan| {
        if let Err(error) = replace_file(&path, &named(plan, &path).to_json()) {
            unwritten.get_or_insert(error);
        }
    };
    let limits = Limits { runs_max: args.runs, go_on: &|| !interrupt.is_told() };
    let panics_kept = PanicsKept::begin();
    let shrunk = shrink_watched(&plan, &limits, &mut save);
    drop(panics_kept);
    let Some(shrunk) = shrunk else {
        anyhow::bail!("{}: this plan is clean; there is nothing to shrink", plan.name);
    };
    save(&shrunk.plan);
    let interrupted = interrupt.is_told() && !shrunk.finished;
    print(&report(&plan, &shrunk, interrupted, &path, unwritten.is_none()))?;
    let exit = if interrupted { Exit::Interrupted } else { Exit::Clean };
    unwritten.map_or(Ok(exit), Err)
}

fn default_path(argument: &str, seed: Option<u64>) -> PathBuf {
    let stem = Path::new(argument).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = seed.map_or(stem, |seed| format!("seed-{seed}"));
    let name = name.strip_prefix("shrunk-").unwrap_or(&name);
    PathBuf::from(format!("shrunk-{name}.json"))
}

/// A plan is named after its file.
pub(super) fn named(plan: &Plan, path: &Path) -> Plan {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Plan { name, ..plan.clone() }
}

/// Quirks by name, as the cause of something.
fn cause(quirks: Quirks) -> String {
    let names: Vec<_> = quirks.iter().map(colo_core::Quirk::name).collect();
    match names[..] {
        [] => "no quirk is the cause".to_owned(),
        _ => format!("because of {}", names.join(" and ")),
    }
}

fn report(plan: &Plan, shrunk: &Shrunk, interrupted: bool, path: &Path, saved: bool) -> String {
    let Shrunk { failure, runs, .. } = shrunk;
    let (from, to) = (plan.steps.len(), shrunk.plan.steps.len());
    let because = cause(shrunk.cause);
    let mut text = format!("{} {failure}, {because}\n", plan.name);
    text.push_str(&if from == to {
        format!("as many steps as before, {to}, in {runs} runs\n")
    } else {
        format!("shrunk from {from} to {to} steps in {runs} runs\n")
    });
    if interrupted {
        text.push_str("interrupted: shrink what was saved, and it may become smaller\n");
    } else if !shrunk.finished {
        text.push_str("the runs are spent: give more with --runs, and it may become smaller\n");
    }
    if saved {
        let path = path.display();
        text.push_str(&format!("saved as {path}\n\nreplay it:\n  "));
        text.push_str(&format!("cargo run --release -- replay {path} --trace\n"));
    }
    let about = format!("{failure}, {because}");
    text.push_str("\nas a scenario, for a file of scenarios/src/catalog/:\n\n");
    text.push_str(&rust::scenario(&named(&shrunk.plan, path), &about));
    text
}
