//! `colosim explore`: every crash of one plan, or of all small workloads.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use colo_sim::explore::{Bounds, Tally};
use colo_sim::world::Side;

use crate::catalog;
use crate::cli::exit::{Exit, Unwritten, print, write_file};
use crate::cli::{BehaviourArgs, replay};
use crate::explore::{Found, Options, explore};
use crate::plan::Plan;

/// Findings that are shown in full; the others are counted, and saved with `--out`.
const SHOWN_MAX: u64 = 10;

/// Plans saved by one exploration; more of them tell no more.
const PLANS_SAVED_MAX: u64 = 100;

#[derive(Debug, Args)]
pub(super) struct ExploreArgs {
    /// A seed, the name of a scenario, or a plan saved as JSON
    #[arg(required_unless_present = "scenario")]
    plan: Option<String>,
    /// A scenario of the catalog
    #[arg(long, value_name = "NAME", conflicts_with = "plan")]
    scenario: Option<String>,
    /// Whose power fails: one host's, or each in turn
    #[arg(long, value_enum, default_value_t)]
    side: SideArg,
    /// Crash the recovery, too, at each of its events
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    depth: u8,
    /// Give up after so many distinct states
    #[arg(long, value_name = "N", default_value_t = Bounds::default().states_max)]
    states_max: u64,
    /// Try at most so many combinations at one crash point
    #[arg(long, value_name = "N", default_value_t = Bounds::default().combinations_max)]
    combinations_max: u64,
    /// Save what is found into this directory, as it is found
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// A saved plan has a behaviour of its own
    #[command(flatten)]
    behaviour: BehaviourArgs,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum SideArg {
    Primary,
    Secondary,
    #[default]
    Both,
}

impl SideArg {
    fn sides(self) -> Vec<Side> {
        match self {
            Self::Primary => vec![Side::Primary],
            Self::Secondary => vec![Side::Secondary],
            Self::Both => Side::BOTH.to_vec(),
        }
    }
}

pub(super) fn explore_command(args: &ExploreArgs) -> anyhow::Result<Exit> {
    let plan = plan(args)?;
    let options = Options {
        bounds: Bounds { combinations_max: args.combinations_max, states_max: args.states_max },
        sides: args.side.sides(),
        depth: args.depth,
    };
    let mut findings = Findings::new(args.out.as_deref())?;
    let tally = explore(&plan, &options, &mut |found| findings.take(&found));
    let mut text = format!("{}\n\n", plan.name);
    text.push_str(&table(&tally));
    text.push_str(&findings.report());
    print(&text)?;
    findings.finish()
}

fn plan(args: &ExploreArgs) -> anyhow::Result<Plan> {
    match (&args.scenario, &args.plan) {
        (Some(name), _) => {
            let Some(scenario) = catalog::find(name) else {
                anyhow::bail!("there is no scenario `{name}`; `colosim list scenarios` shows them");
            };
            Ok(scenario.plan(&args.behaviour.behaviour()?))
        }
        (None, Some(text)) => Ok(replay::find(text, &args.behaviour)?.1),
        (None, None) => unreachable!("one of them is required"),
    }
}

fn table(tally: &Tally) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: String| text.push_str(&format!("{name:<14}{value:>16}\n"));
    row("crash points", tally.points.to_string());
    row("explored", tally.explored.to_string());
    row("distinct", tally.distinct.to_string());
    row("pruned", tally.known.to_string());
    let exhausted = if tally.is_exhausted() { "yes" } else { "no" };
    row("exhausted", exhausted.to_owned());
    if let Some(point) = tally.left_out_at {
        row("left out", tally.left_out.to_string());
        text.push_str(&format!(
            "a bound was reached first at crash point {}; --states-max and --combinations-max raise it\n",
            point.events
        ));
    }
    text
}

/// What was found: told, counted, and saved as it comes.
pub(super) struct Findings {
    directory: Option<PathBuf>,
    list: Option<File>,
    found: u64,
    shown: String,
    unwritten: Option<anyhow::Error>,
}

impl Findings {
    pub(super) fn new(directory: Option<&Path>) -> anyhow::Result<Self> {
        let create = |directory: &Path| {
            std::fs::create_dir_all(directory.join("plans"))?;
            File::create(directory.join("found.txt"))
        };
        let list = directory.map(|directory| {
            create(directory)
                .map_err(|source| Unwritten { path: directory.display().to_string(), source })
        });
        let list = list.transpose()?;
        let directory = directory.map(Path::to_owned);
        Ok(Self { directory, list, found: 0, shown: String::new(), unwritten: None })
    }

    /// Saves the plan first, then the lines that name it.
    pub(super) fn take(&mut self, found: &Found) {
        self.found += 1;
        let saved = match self.save(found) {
            Ok(saved) => saved,
            Err(error) => {
                self.unwritten.get_or_insert(error);
                None
            }
        };
        if self.found > SHOWN_MAX && self.list.is_none() {
            return;
        }
        let text = describe(found, saved.as_deref());
        if self.found <= SHOWN_MAX {
            self.shown.push_str(&text);
        }
        if let Some(list) = &mut self.list
            && let Err(source) = list.write_all(text.as_bytes())
        {
            let path = "found.txt".to_owned();
            self.unwritten.get_or_insert(Unwritten { path, source }.into());
        }
    }

    fn save(&self, found: &Found) -> anyhow::Result<Option<PathBuf>> {
        let Some(directory) = self.directory.as_ref().filter(|_| self.found <= PLANS_SAVED_MAX)
        else {
            return Ok(None);
        };
        let name: String = found.plan.name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let path = directory.join("plans").join(format!("{:03}-{name}.json", self.found));
        write_file(&path, &found.plan.to_json())?;
        Ok(Some(path))
    }

    pub(super) fn report(&self) -> String {
        let more = self.found.saturating_sub(SHOWN_MAX);
        match (self.found, more) {
            (0, _) => "\nclean\n".to_owned(),
            (_, 0) => self.shown.clone(),
            _ => format!("{}\nand {more} more\n", self.shown),
        }
    }

    pub(super) fn finish(self) -> anyhow::Result<Exit> {
        match self.unwritten {
            Some(error) => Err(error),
            None if self.found > 0 => Ok(Exit::Violation),
            None => Ok(Exit::Clean),
        }
    }
}

fn describe(found: &Found, saved: Option<&Path>) -> String {
    let mut text = format!("\nVIOLATION of {} in {}\n", found.invariant, found.plan.name);
    if found.losses.is_empty() {
        text.push_str("  without a crash\n");
    }
    for loss in &found.losses {
        let step = loss.step.map_or("before the first step".into(), |step| format!("step {step}"));
        let place = match loss.in_recovery {
            None => format!("after event {}, {step}", loss.events),
            Some(events) => format!("after event {events} of the recovery"),
        };
        let keep: Vec<_> = loss
            .keep
            .iter()
            .map(|(disk, sector, version)| format!("{} {sector} (version {version})", disk.name()))
            .collect();
        let keep = if keep.is_empty() { "nothing".to_owned() } else { keep.join(", ") };
        text.push_str(&format!(
            "  power loss of the {} host {place}, in {}; left of what was not durable: {keep}\n",
            loss.side.name(),
            loss.phase,
        ));
    }
    text.push_str(&format!("  {}\n", found.message));
    if let Some(path) = saved {
        text.push_str(&format!("  cargo run --release -- replay {}\n", path.display()));
    }
    text
}
