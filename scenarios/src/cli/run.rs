//! `colosim run`: a campaign, and everything it writes.

use std::cell::Cell;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::{Args, ValueEnum};
use colo_reports::{Header, Point, Summary, Timing, json, junit, markdown, terminal};
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::campaign::{Options, Plans, Ran, campaign, campaign_guided};
use crate::catalog;
use crate::cli::budget::Budget;
use crate::cli::clock::WallClock;
use crate::cli::exit::{Exit, print, write_file};
use crate::cli::films::page;
use crate::cli::github;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::{Output, plan_of};
use crate::cli::{BehaviourArgs, seeds};
use crate::corpus;
use crate::guided::Setting;
use crate::oracle::INVARIANTS;
use crate::panics::PanicsKept;
use crate::points;
use crate::profile::{Behaviour, Topology};

/// Seeds of a run that says nothing else: about a minute on two cores.
const SEEDS_DEFAULT: u64 = 1_000_000;

/// A campaign of so many seeds must be a real one: see [`too_little`].
const SEEDS_TELLING: u64 = 1_000;

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct RunArgs {
    /// How many seeds from 0 on, or which: A..B, or A+N; A may be a commit id
    #[arg(long, value_name = "N|A..B|A+N", value_parser = seeds::seeds)]
    seeds: Option<std::ops::Range<u64>>,
    /// One seed: decimal, 0x…, or a commit id
    #[arg(long, value_parser = seeds::seed, conflicts_with = "seeds")]
    seed: Option<u64>,
    #[command(flatten)]
    behaviour: BehaviourArgs,
    /// Only these scenarios of the catalog, and no seeds unless they are asked for
    #[arg(long, value_name = "NAME")]
    scenario: Vec<String>,
    /// End after so long, with everything reported: 90s, 8m
    #[arg(long, value_name = "TIME", value_parser = seeds::time)]
    time_budget: Option<Duration>,
    /// Threads; the result does not depend on it [default: one for each core]
    #[arg(long, value_name = "J", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Only the K-th of N equal shares of the plans, K from 1 on
    #[arg(long, value_name = "K/N", value_parser = seeds::share)]
    partition: Option<(u64, u64)>,
    /// After the first plans of the seeds make most from those that reached a new point: see docs/guided.md.
    /// No seed makes such a plan again, so it needs --out, where those that fail are saved
    #[arg(long, requires = "out", conflicts_with_all = ["seed", "scenario", "partition", "require_points", "lies", "without"])]
    guided: bool,
    /// Run every plan twice and compare; ends at the first that differs, and shows its first entry
    /// that does
    #[arg(long)]
    check_determinism: bool,
    /// Fail, with exit code 4, unless so many of the coverage points are reached, and name those that are not
    #[arg(long, value_name = "PERCENT", value_parser = seeds::percent)]
    require_points: Option<u8>,
    /// Write records, reports and failing plans into this directory, the first of them also
    /// shrunk; a record takes about 1,400 bytes
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Keep no record of each run in DIR, only what they come to, in folded.json: for as many
    /// seeds as there is time for. `colosim report` merges it like records
    #[arg(long, requires = "out")]
    no_records: bool,
    /// Write a JUnit report
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// For people, or one JSON object for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Show no progress, and print the verdict in one line only
    #[arg(short, long)]
    quiet: bool,
}

const AFTER_HELP: &str = "\
Examples:
  colosim run                             the catalog and 1,000,000 seeds, about a minute
  colosim run --seeds 20000 --out DIR     records, reports and failing plans in DIR
  colosim run --seeds 5000..6000          these seeds
  colosim run --profile seed --seeds 500  QEMU's behaviour, defects and all: it violates
  colosim run --quirks swarm --seeds 2000  another subset of the quirks in each seed
  colosim run --scenario failover         one scenario of the catalog
  colosim run --guided --seeds 100000 --out DIR  mutations of plans that reached a new point
  colosim run --time-budget 8m --partition 1/4 --no-records --out share-1  a share, for CI

Exit codes: 0 clean; 1 a violation; 2 usage; 3 a bug in colosim; 4 nothing or too little ran;
5 nondeterminism; 74 could not write; 130 interrupted. Ctrl-C ends it with a full report of what
ran, a second one at once.";

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Human,
    Json,
}

pub(super) fn run(args: &RunArgs) -> anyhow::Result<Exit> {
    let interrupt = Interrupt::listen();
    let plans = plans(args)?;
    let guided = if args.guided { " --guided" } else { "" };
    let name = plans.behaviour.name() + guided;
    let points =
        if without_network(args) { points::names_without_network() } else { points::names() };
    let header = Header::new(env!("CARGO_PKG_VERSION"), &name, points.to_vec());
    let output = args.out.as_deref().map(|path| Output::create(path, &header, !args.no_records));
    let mut output = output.transpose()?;
    let mut summary = Summary::new(&header);
    let (mut panics, mut differing) = (0_u64, Vec::new());
    let mut unwritten = None;
    let progress =
        if args.quiet { Progress::Quiet } else { progress(plans.len(), args.time_budget) };
    let clock = WallClock::start();
    // What differs once makes every other result doubtful: what has begun is the last.
    let differs = AtomicBool::new(false);
    let budget = Budget::new(args.time_budget, output.is_some());
    let stopped = || differs.load(Ordering::Relaxed) || interrupt.is_told();
    let go_on = || budget.allows_plan(clock.elapsed()) && !stopped();
    let jobs = args.jobs.map_or_else(cores, usize::from);
    let options =
        Options { jobs, go_on: &go_on, twice: args.check_determinism, each: budget.is_limited() };
    let panics_kept = PanicsKept::begin();
    let take = |ran: &mut Ran| {
        if let Some(output) = &mut output
            && let Err(error) = output.take(ran)
        {
            unwritten.get_or_insert(error);
        }
        panics += u64::from(ran.panicked);
        if ran.differs {
            differs.store(true, Ordering::Relaxed);
            let shown = ran.difference.take().map(|difference| difference.to_string());
            differing.push((ran.record.plan.clone(), shown));
        }
        summary.add(&ran.record);
        progress.inc(&summary);
    };
    if args.guided {
        campaign_guided(&plans, Setting::default(), &options, take);
    } else {
        campaign(&plans, &options, take);
    }
    progress.finish();
    summary.interrupted = interrupt.is_told() && summary.plans < plans.len();
    let timing = Timing { seconds: clock.elapsed().as_secs_f64(), jobs };
    if let Some(output) = &mut output
        && let Err(error) = output.shrink_first(&plans, &mut summary, &|| {
            budget.allows_shrinking(clock.elapsed()) && !interrupt.is_told()
        })
    {
        unwritten.get_or_insert(error);
    }
    drop(panics_kept);
    report(args, &plans, &summary, &timing, output)?;
    if let Some(error) = unwritten {
        return Err(error);
    }
    for (index, (plan, shown)) in differing.iter().enumerate() {
        github::error(&format!("{plan} ran differently twice"));
        match shown {
            Some(shown) if index == 0 => anstream::eprintln!("{shown}"),
            Some(_) => {}
            // The digest is made of the entries, so this one was not even computed the same.
            None => anstream::eprintln!("its entries are the same, the digests are not"),
        }
    }
    if summary.interrupted {
        anstream::eprintln!("interrupted after {} of {} plans", summary.plans, plans.len());
    }
    let hardened = plans.behaviour == Behaviour::default();
    let whole = hardened && args.time_budget.is_none() && args.partition.is_none() && !args.guided;
    let telling = whole && plans.seeds.end - plans.seeds.start >= SEEDS_TELLING;
    let exit = verdict(&summary, panics, !differing.is_empty(), telling);
    let missing =
        args.require_points.and_then(|percent| missing(&summary, percent, !plans.seeds.is_empty()));
    if let (Exit::Clean, Some(missing)) = (exit, missing) {
        github::error(&missing);
        return Ok(Exit::TooLittle);
    }
    Ok(exit)
}

/// What to say if fewer of the points were reached. Where seeds ran, by seeds: the scenarios of the catalog reach
/// much by themselves, and would hide what the generator has lost.
fn missing(summary: &Summary, percent: u8, seeds: bool) -> Option<String> {
    let is_reached =
        |point: &&Point| if seeds { point.first_seed.is_some() } else { point.is_reached() };
    let (reached, total) = (summary.points.iter().filter(is_reached).count(), summary.points.len());
    if reached * 100 >= total * usize::from(percent) {
        return None;
    }
    let never = summary.points.iter().filter(|point| !is_reached(point));
    let names: Vec<_> = never.map(|point| format!("\n  {}", point.name)).collect();
    let by = if seeds { " by seeds" } else { "" };
    Some(format!(
        "{reached} of {total} points were reached{by}, --require-points asks for {percent} %; never reached:{}",
        names.concat()
    ))
}

/// Everything is written before the verdict is told.
fn report(
    args: &RunArgs,
    plans: &Plans,
    summary: &Summary,
    timing: &Timing,
    output: Option<Output>,
) -> anyhow::Result<()> {
    match args.format {
        Format::Human if args.quiet => print(&quiet(summary, timing))?,
        Format::Human => print(&terminal(summary, timing, true))?,
        Format::Json => print(&(json(summary, timing) + "\n"))?,
    }
    let names: Vec<_> = INVARIANTS.iter().map(|(name, _)| *name).collect();
    if let Some(path) = &args.junit {
        write_file(path, &junit(summary, timing, &names))?;
    }
    let told = github::tell(summary, timing);
    let Some(output) = output else { return told };
    let directory = output.finish(summary)?;
    write_file(
        &directory.join("report.html"),
        &page(summary, timing, |run| plan_of(&directory, plans, run)),
    )?;
    write_file(&directory.join("report.md"), &markdown(summary, timing))?;
    write_file(&directory.join("report.json"), &(json(summary, timing) + "\n"))?;
    write_file(&directory.join("junit.xml"), &junit(summary, timing, &names))?;
    told
}

/// The verdict, and how the first failure is seen again.
fn quiet(summary: &Summary, timing: &Timing) -> String {
    let verdict = first_line(&terminal(summary, timing, true));
    let violation = summary.violations.first().map(|one| (&one.run, &one.what.replay));
    let abort = summary.aborts.first().map(|one| (&one.run, &one.what.replay));
    match [violation, abort].into_iter().flatten().min() {
        None => verdict,
        Some((_, replay)) => format!("{}; the first: {replay}\n", verdict.trim_end()),
    }
}

/// The verdict and what it rests on.
pub(super) fn first_line(said: &str) -> String {
    said.lines().take(1).map(|line| line.to_owned() + "\n").collect()
}

fn verdict(summary: &Summary, panics: u64, differs: bool, telling: bool) -> Exit {
    if panics > 0 {
        return Exit::Bug;
    }
    if differs {
        return Exit::Nondeterminism;
    }
    if summary.violation_count + summary.abort_count > 0 {
        return Exit::Violation;
    }
    if summary.interrupted {
        return Exit::Interrupted;
    }
    if summary.plans == 0 {
        github::error("nothing ran; give more seeds, or more time");
        return Exit::TooLittle;
    }
    if telling && let Some(why) = too_little(summary) {
        github::error(&format!("too little ran: {why}"));
        return Exit::TooLittle;
    }
    Exit::Clean
}

/// A clean campaign must not be an empty one: failovers have to end, and to be crashed.
fn too_little(summary: &Summary) -> Option<String> {
    let counts = &summary.counts;
    let asked = counts.plans_asking_failover;
    let percent = |part: u64| (part * 100).checked_div(asked).unwrap_or(0);
    let (done, crashing) = (percent(counts.plans_done), percent(counts.plans_crashing_commit));
    (done < 60 || crashing < 10).then(|| {
        format!(
            "of {asked} plans that ask for a failover {done} % reach DONE (at least 60 are expected) and {crashing} % crash in mid-commit (at least 10)"
        )
    })
}

fn plans(args: &RunArgs) -> anyhow::Result<Plans> {
    let behaviour = args.behaviour.behaviour()?;
    let named = !args.scenario.is_empty();
    let mut scenarios = Vec::new();
    for name in &args.scenario {
        let Some(scenario) = catalog::find(name) else {
            anyhow::bail!("there is no scenario `{name}`; `colosim list scenarios` shows them");
        };
        scenarios.push(scenario.plan(&behaviour));
    }
    if !named && args.seeds.as_ref().is_some_and(std::ops::Range::is_empty) {
        return Err(NothingAsked.into());
    }
    let seeds = match (args.seed, &args.seeds) {
        (Some(seed), _) => seed..seed.saturating_add(1),
        (None, Some(seeds)) => seeds.clone(),
        (None, None) if named => 0..0,
        (None, None) => 0..SEEDS_DEFAULT,
    };
    if seeds.is_empty() && !behaviour.without.is_empty() {
        anyhow::bail!(
            "--without leaves faults out of the plans of seeds, and none is to run; give --seeds"
        );
    }
    if !named && args.seed.is_none() {
        // What failed once comes first.
        scenarios.extend(corpus::all(&behaviour));
        scenarios.extend(catalog::SCENARIOS.iter().map(|scenario| scenario.plan(&behaviour)));
    }
    if without_network(args) {
        scenarios.retain(|plan| plan.setup.pair.is_none());
    }
    Ok(Plans { scenarios, seeds, behaviour, share: args.partition.unwrap_or((0, 1)) })
}

/// Whether no plan is of two hosts on a network, so that no point of it is asked for.
fn without_network(args: &RunArgs) -> bool {
    let single = args.behaviour.topology() == Some(Topology::Single);
    args.guided || single && args.scenario.is_empty()
}

/// A campaign of no seed and no scenario by name.
#[derive(Debug, thiserror::Error)]
#[error("no seed was asked for; give --seeds a number from 1 on, or name a scenario")]
pub(super) struct NothingAsked;

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A bar on a terminal, a line for each tenth elsewhere; on standard error.
enum Progress {
    Bar(ProgressBar),
    Lines { total: u64, tenths: Cell<u64> },
    Quiet,
}

fn progress(total: u64, budget: Option<Duration>) -> Progress {
    if !std::io::stderr().is_terminal() {
        return Progress::Lines { total, tenths: Cell::new(0) };
    }
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
    // With a budget the plans are not what ends it.
    let left = match budget {
        Some(budget) => format!("{{elapsed}} of {}", humantime::format_duration(budget)),
        None => "{eta} left".to_owned(),
    };
    let style = format!("{{bar:32}} {{human_pos}}/{{human_len}} plans, {{rate}}, {{msg}}, {left}");
    let style = ProgressStyle::with_template(&style).expect("the template is right");
    let rate = |state: &ProgressState, line: &mut dyn std::fmt::Write| {
        // A line that cannot be written is not shown.
        let _ = write!(line, "{}/s", HumanCount(state.per_sec() as u64));
    };
    bar.set_style(style.with_key("rate", rate));
    bar.set_message("0 failed");
    Progress::Bar(bar)
}

impl Progress {
    fn inc(&self, summary: &Summary) {
        let done = summary.plans;
        let failed = summary.plans - summary.clean;
        match self {
            Self::Bar(bar) if done.is_multiple_of(256) => {
                bar.set_position(done);
                bar.set_message(format!("{failed} failed"));
            }
            Self::Bar(_) | Self::Quiet => {}
            Self::Lines { total, tenths } => {
                let now = done * 10 / total;
                if now > tenths.replace(now) && *total >= SEEDS_TELLING {
                    anstream::eprintln!("{done} of {total} plans, {failed} failed");
                }
            }
        }
    }

    fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_that_differ_decide_the_exit_code_but_for_a_bug_of_ours() {
        let summary = Summary::new(&Header::new("", "", Vec::new()));
        assert_eq!(verdict(&summary, 0, true, false), Exit::Nondeterminism);
        assert_eq!(verdict(&summary, 1, true, false), Exit::Bug);
    }

    #[test]
    fn what_was_found_decides_the_exit_code_of_an_interrupted_campaign() {
        let mut summary = Summary::new(&Header::new("", "", Vec::new()));
        summary.interrupted = true;
        // Nothing ran, or too little: of course.
        assert_eq!(verdict(&summary, 0, false, true), Exit::Interrupted);
        summary.violation_count = 1;
        assert_eq!(verdict(&summary, 0, false, true), Exit::Violation);
        assert_eq!(verdict(&summary, 0, true, true), Exit::Nondeterminism);
        assert_eq!(verdict(&summary, 1, false, true), Exit::Bug);
    }
}
