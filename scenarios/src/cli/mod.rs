//! The command line: arguments in, exit code out.

mod about;
mod bench;
mod budget;
mod clock;
mod conform;
mod exit;
mod explore;
mod failing;
mod films;
mod github;
mod interrupt;
mod list;
mod meant;
mod output;
mod proof;
mod replay;
mod report;
mod run;
mod seeds;
mod shrink;
mod source_lines;
mod sources;

use clap::{Parser, Subcommand, ValueEnum};

pub use exit::Exit;

use colo_core::Quirk;

use crate::profile::{Added, Behaviour, Fault, Lies, Profile, Schedules, Topology};

/// Deterministic simulation of a block replication core.
///
/// Seeded plans run the core on simulated disks and clocks, with I/O errors, cancelled
/// jobs, power losses and crashes in mid-commit; an oracle judges every one of them.
#[derive(Debug, Parser)]
#[command(name = "colosim", version, after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  colosim run                             a campaign of about a minute
  colosim run --seeds 100000 --jobs 2     a longer or shorter one
  colosim run --profile seed --seeds 500  the behaviour of QEMU's code, defects and all
  colosim replay 17 --trace               one seed again, with everything that happened
  colosim replay failover --trace         the same for a scenario of the catalog
  colosim shrink planned-stop --profile seed  the smallest plan that fails like this one
  colosim explore failover                every crash of a plan, in every way
  colosim report DIR1 DIR2 -o DIR         the records of two runs as one page, and more
  colosim conform failover                the same plan on QEMU itself, compared step by step
  colosim bench                           speed, memory and more, with their targets
  colosim list scenarios                  what is in the catalog
  colosim run --help                      more of each command, by example

Without colour if NO_COLOR is set, or if nobody watches.

Exit codes: 0 clean, 1 violation, 2 usage or unreadable input, 3 a bug in colosim,
4 nothing or too little ran, 5 nondeterminism, 74 could not write, 130 interrupted.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a campaign of generated plans and of the catalog's scenarios
    Run(run::RunArgs),
    /// Run one plan again: a seed, a scenario, a finding, a saved plan, or a directory of them
    Replay(replay::ReplayArgs),
    /// Make a failing plan as small as it can be: a seed, a scenario, a finding, or a saved plan
    Shrink(shrink::ShrinkArgs),
    /// Crash one plan at every moment, in every way
    Explore(explore::ExploreArgs),
    /// Make reports of the records of one run or of many
    Report(report::ReportArgs),
    /// Run plans on QEMU itself, too, and compare step by step
    Conform(conform::ConformArgs),
    /// Measure what is promised: speed, memory, how well failures shrink
    Bench(bench::BenchArgs),
    /// Show what there is
    List(list::ListArgs),
    /// Print a script that completes command lines in a shell
    Completions(about::CompletionsArgs),
    /// Print the manual page, or write all of them
    Man(about::ManArgs),
}

/// The profile on the command line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum ProfileArg {
    /// Every invariant holds
    #[default]
    Hardened,
    /// As QEMU's code does it, wrong or not
    Seed,
}

/// The behaviour of the core, on the command line.
#[derive(Debug, Default, clap::Args)]
struct BehaviourArgs {
    /// Behaviour of the core [default: hardened]
    #[arg(long, value_enum)]
    profile: Option<ProfileArg>,
    /// Defects of the seed that the hardened core is to have: names, or `swarm` for another
    /// subset in each seed; `colosim list quirks` shows them
    #[arg(long, value_name = "NAME,…|swarm", value_delimiter = ',')]
    quirks: Vec<String>,
    /// In the plan of every seed a disk lies once: KIND, KIND:DISK or `all`. What is reported then
    /// is what the oracle has caught: see docs/lying-disks.md
    #[arg(long, value_name = "KIND[:DISK]|all", value_parser = Lies::parse)]
    lies: Option<Lies>,
    /// What decides the order of events in the plan of every seed: latency, random, pct or pct:DEPTH
    /// [default: drawn for each; see docs/schedules.md]
    #[arg(long, value_name = "KIND", value_parser = Schedules::parse)]
    schedule: Option<Schedules>,
    /// What lies between the hosts in the plan of every seed: a connection, or a network with an
    /// arbiter: see docs/pair.md [default: a network in one of 400]
    #[arg(long, value_enum, conflicts_with = "schedule")]
    topology: Option<Topology>,
    /// Kinds of fault to leave out of the plan of every seed: is it still found without? `colosim list
    /// faults` shows them
    #[arg(long, value_name = "KIND,…", value_delimiter = ',', value_parser = Fault::parse)]
    without: Vec<Fault>,
}

impl BehaviourArgs {
    fn topology(&self) -> Option<Topology> {
        self.topology
    }

    fn behaviour(&self) -> anyhow::Result<Behaviour> {
        let profile = Profile::from(self.profile.unwrap_or_default());
        let with = |added| {
            let Self { lies, schedule, topology, .. } = *self;
            let without = self.without.clone();
            Ok(Behaviour { profile, added, lies, schedule, topology, without })
        };
        if self.quirks.is_empty() {
            return with(Added::Nothing);
        }
        if profile == Profile::Seed {
            anyhow::bail!("the seed profile has all quirks; leave --quirks or --profile seed out");
        }
        if self.quirks == ["swarm"] {
            return with(Added::Swarm);
        }
        let find = |name: &String| {
            let quirk = Quirk::ALL.iter().copied().find(|quirk| quirk.name() == name);
            quirk.ok_or_else(|| {
                anyhow::anyhow!("there is no quirk `{name}`; `colosim list quirks` shows them")
            })
        };
        let quirks = self.quirks.iter().map(find).collect::<anyhow::Result<_>>()?;
        with(Added::Named(quirks))
    }
}

impl From<ProfileArg> for Profile {
    fn from(arg: ProfileArg) -> Self {
        match arg {
            ProfileArg::Hardened => Self::Hardened,
            ProfileArg::Seed => Self::Seed,
        }
    }
}

/// Does what the arguments say. Errors are printed here; the exit code says which kind.
pub fn main(args: &Args) -> Exit {
    let result = match &args.command {
        Command::Run(args) => run::run(args),
        Command::Replay(args) => replay::replay(args),
        Command::Shrink(args) => shrink::shrink(args),
        Command::Explore(args) => explore::explore_command(args),
        Command::Report(args) => report::report(args),
        Command::Conform(args) => conform::conform_command(args),
        Command::Bench(args) => bench::bench(args),
        Command::List(args) => list::list(args),
        Command::Completions(args) => about::completions(args),
        Command::Man(args) => about::man(args),
    };
    result.unwrap_or_else(|error| {
        github::error(&error.to_string());
        exit::of_error(&error)
    })
}
