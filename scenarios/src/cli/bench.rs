//! `colosim bench`: what the program promises to be, measured in this run.
//!
//! Every row is measured anew and compared with its target; nothing is remembered from another
//! day or machine. What other work on the machine disturbs is measured in processor time, or as
//! the median of interleaved pairs. It judges no plan, and no test depends on its numbers.

mod alone;
mod campaigns;
mod measure;
mod plans;
mod searches;
mod table;

use clap::{Args, ValueEnum};

use crate::cli::clock::WallClock;
use crate::cli::exit::{Exit, print};

use table::{Report, Row};

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct BenchArgs {
    /// Less of everything, once: to see that it works, not to quote
    #[arg(long)]
    quick: bool,
    /// For people, or one JSON object for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// What a process of its own runs, as this program calls itself: threads and seeds
    #[arg(long, hide = true, value_name = "JOBS,SEEDS", value_parser = alone::Asked::parse)]
    alone: Option<alone::Asked>,
}

const AFTER_HELP: &str = "\
Examples:
  colosim bench                           every row with its target
  colosim bench --quick --format json     less of everything, for a program

Takes some minutes, and a release build: `cargo run --release -- bench`.

Exit codes: 0 measured, whether the targets are met or not; 2 usage, or a measurement that this
machine does not allow; 74 could not write.";

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Human,
    Json,
}

/// How much of everything.
struct Sizes {
    /// Of each measurement, for the median.
    repetitions: usize,
    /// Of a campaign that is timed.
    seeds: u64,
    /// Of those of two hosts.
    seeds_pair: u64,
    /// Of the two campaigns whose memory is compared.
    seeds_memory: [u64; 2],
    /// Plans whose entries are hashed again.
    plans_hashed: u64,
    /// Runs of the busy and of the idle plan.
    runs_of_plan: u64,
    /// Operations of the workloads that are explored.
    ops_max: usize,
    /// Of the findings each so-manieth is shrunk.
    finding_every: usize,
    /// Processes that replay a plan.
    replays: usize,
}

const WHOLE: Sizes = Sizes {
    repetitions: 5,
    seeds: 20_000,
    seeds_pair: 500,
    seeds_memory: [10_000, 100_000],
    plans_hashed: 3_000,
    runs_of_plan: 300,
    ops_max: 2,
    finding_every: 1,
    replays: 31,
};

const QUICK: Sizes = Sizes {
    repetitions: 1,
    seeds: 100,
    seeds_pair: 3,
    seeds_memory: [50, 500],
    plans_hashed: 50,
    runs_of_plan: 5,
    ops_max: 1,
    finding_every: 7,
    replays: 3,
};

pub(super) fn bench(args: &BenchArgs) -> anyhow::Result<Exit> {
    if let Some(asked) = &args.alone {
        print(&(alone::run(asked) + "\n"))?;
        return Ok(Exit::Clean);
    }
    let sizes = if args.quick { &QUICK } else { &WHOLE };
    let clock = WallClock::start();
    let mut rows = Vec::new();
    rows.extend(campaigns::speed(sizes)?);
    rows.extend(plans::simulated_to_real(sizes));
    rows.extend(plans::pair(sizes));
    rows.extend(searches::explore(sizes));
    rows.extend(campaigns::memory(sizes)?);
    rows.extend(plans::digest(sizes));
    rows.extend(searches::shrink(sizes));
    rows.extend(plans::replay(sizes)?);
    let report = Report::new(rows, args.quick, clock.elapsed());
    print(&match args.format {
        Format::Human => report.to_text(),
        Format::Json => report.to_json(),
    })?;
    Ok(Exit::Clean)
}
