//! `colosim conform`: the same plan on QEMU itself.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use crate::cli::clock::WallClock;
use crate::cli::exit::{Exit, Unwritten, print, write_file};
use crate::cli::interrupt::Interrupt;
use crate::cli::{BehaviourArgs, meant, seeds};
use crate::conform::confirmed::{confirmable, file, text, transcript};
use crate::conform::expressible::{expressible, reduced};
use crate::conform::known::known;
use crate::conform::qemu::{Act, Programs};
use crate::conform::{Conformance, Phase, conform, report, script, side_by_side, smaller};
use crate::finding;
use crate::generate::generate_for_qemu;
use crate::plan::Plan;

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct ConformArgs {
    /// Scenarios, findings, or plans saved as JSON
    #[arg(value_name = "PLAN", required_unless_present_any = ["seeds", "fixtures"])]
    plans: Vec<String>,
    /// Plans that are made for QEMU: a number of them from 0 on, A..B, or A+N
    #[arg(long, value_name = "SEEDS", value_parser = seeds::seeds)]
    seeds: Option<Range<u64>>,
    /// Every finding and scenario that QEMU can express, and what it said when it was asked before
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = "fixtures/conform")]
    fixtures: Option<PathBuf>,
    /// The emulator, if it is in no usual place; its tools are beside it
    #[arg(long, value_name = "PATH")]
    qemu: Option<PathBuf>,
    /// Leave out what QEMU cannot be made to do, in place of refusing the plan
    #[arg(long)]
    reduce: bool,
    /// Show what could be seen on QEMU after every step
    #[arg(long)]
    transcript: bool,
    /// Save each plan on which the two disagree, as small as it gets, and both transcripts
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Save one run as a script that needs QEMU and Python alone, and a report beside it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seeds", "fixtures"])]
    export: Option<PathBuf>,
    /// Show no plan that agrees
    #[arg(long)]
    quiet: bool,
}

const AFTER_HELP: &str = "\
The plan runs on QEMU, over its monitor, and on the seed profile; what can be seen from outside after
every step is compared. See docs/conform.md.

Examples:
  colosim conform failover                     a scenario
  colosim conform torn-checkpoint --transcript a finding, and what QEMU shows
  colosim conform plan.json --reduce           a plan, without what QEMU cannot be made to do
  colosim conform --seeds 500                  plans that are made for QEMU
  colosim conform --fixtures                   everything that QEMU was asked before
  colosim conform torn-checkpoint --export torn.py   a script for those who have QEMU and nothing else

Exit codes: 0 both sides agree; 1 they do not; 2 usage, or a plan that QEMU cannot be made to run;
4 there is no QEMU, or nothing to compare; 74 could not write; 130 interrupted, with what was compared until then.";

/// There is nothing to compare with.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) struct WithoutQemu(#[from] crate::conform::qemu::NoQemu);

pub(super) fn conform_command(args: &ConformArgs) -> anyhow::Result<Exit> {
    let mut plans = Vec::new();
    for name in &args.plans {
        plans.push((name.clone(), meant::plan(name, &BehaviourArgs::default())?.1));
    }
    if args.export.is_some() && plans.len() != 1 {
        anyhow::bail!("--export saves one run; name one plan");
    }
    if args.export.as_ref().is_some_and(|path| path.extension().is_some_and(|e| e == "md")) {
        anyhow::bail!("--export FILE.md would be the report's own file; name the script FILE.py");
    }
    let programs = Programs::find(args.qemu.as_deref()).map_err(WithoutQemu)?;
    let mut run = Comparing::new(args, programs);
    // What was compared is told whatever ends it.
    let ended = run.all(plans);
    let exit = run.end()?;
    ended.map(|()| exit)
}

struct Comparing<'a> {
    args: &'a ConformArgs,
    programs: Programs,
    interrupt: Interrupt,
    agreed: u64,
    known: u64,
    differ: u64,
    refused: u64,
    /// Seeds of which nothing is left that QEMU can run.
    without_plan: u64,
    spent: Spent,
}

/// What the plans took on each side.
#[derive(Default)]
struct Spent {
    /// Commands and requests that QEMU was given.
    commands: u64,
    simulation: Duration,
    qemu: Duration,
    /// Of that, until its processes ran.
    starts: Duration,
}

impl<'a> Comparing<'a> {
    fn new(args: &'a ConformArgs, programs: Programs) -> Self {
        let interrupt = Interrupt::listen();
        let spent = Spent::default();
        Self {
            args,
            programs,
            interrupt,
            agreed: 0,
            known: 0,
            differ: 0,
            refused: 0,
            without_plan: 0,
            spent,
        }
    }

    fn all(&mut self, plans: Vec<(String, Plan)>) -> anyhow::Result<()> {
        if let Some(folder) = &self.args.out {
            std::fs::create_dir_all(folder)
                .map_err(|source| Unwritten { path: folder.display().to_string(), source })?;
        }
        for (name, plan) in plans {
            match if self.args.reduce { reduced(&plan) } else { expressible(&plan) } {
                Ok(plan) => {
                    self.compare(&name, &plan)?;
                }
                Err(refusal) => {
                    self.refused += 1;
                    let hint = if refusal.step.is_some() { "; --reduce leaves it out" } else { "" };
                    print(&format!("{name}: {refusal}{hint}\n"))?;
                }
            }
        }
        for seed in self.args.seeds.clone().unwrap_or_default() {
            // It is made to fit, but for what only the whole plan shows.
            let Ok(plan) = reduced(&generate_for_qemu(seed)) else {
                self.without_plan += 1;
                continue;
            };
            if self.compare(&format!("conform seed {seed}"), &plan)?.is_none() {
                break;
            }
        }
        match &self.args.fixtures {
            Some(folder) => self.fixtures(folder),
            None => Ok(()),
        }
    }

    /// Runs a plan on both sides and tells what came of it; nothing if somebody wants this to end, since a
    /// signal may have ended QEMU, too.
    fn compare(&mut self, name: &str, plan: &Plan) -> anyhow::Result<Option<Conformance>> {
        if self.interrupt.is_told() {
            return Ok(None);
        }
        let found = self.spent.measure(plan, &self.programs);
        // Files, a folder, a process: none of it is the plan's fault.
        let found =
            found.map_err(|source| Unwritten { path: "a run's folder".to_owned(), source })?;
        if self.interrupt.is_told() {
            return Ok(None);
        }
        if self.args.transcript {
            print(&found.theirs.text())?;
        }
        let steps = plan.steps.len();
        if found.disagreements.is_empty() {
            self.agreed += 1;
            if !self.args.quiet {
                print(&format!("{name}: agrees, {steps} steps\n"))?;
            }
        } else if let Some(known) = known(&self.programs.version, &found.disagreements) {
            self.known += 1;
            print(&format!("{name}: differs as known, {}\n", known.name))?;
        } else {
            self.differ += 1;
            let go_on = || !self.interrupt.is_told();
            let found = smaller(found.clone(), &self.programs, &go_on)?;
            let left = found.plan.steps.len();
            print(&format!(
                "{name}: DIFFERS, {left} of {steps} steps are left, at\n{}",
                found.text()
            ))?;
            if let Some(folder) = &self.args.out {
                self.save(folder, name, &found)?;
            }
        }
        if let Some(path) = &self.args.export {
            self.export(path, name, &found)?;
        }
        Ok(Some(found))
    }

    fn save(&self, folder: &Path, name: &str, found: &Conformance) -> anyhow::Result<()> {
        let name = name.replace([' ', '/'], "-");
        let path = folder.join(format!("{name}.json"));
        write_file(&path, &found.plan.to_json())?;
        let sides = side_by_side(found, &self.programs.version);
        write_file(&folder.join(format!("{name}.txt")), &sides)?;
        print(&format!("  again: colosim conform {}\n", path.display()))
    }

    fn export(&self, path: &Path, name: &str, found: &Conformance) -> anyhow::Result<()> {
        let version = &self.programs.version;
        write_file(path, &script(found, version))?;
        let finding = finding::find(name);
        let beside = path.with_extension("md");
        write_file(&beside, &report(found, version, finding.as_ref()))?;
        print(&format!("saved {} and {}\n", path.display(), beside.display()))
    }

    /// Everything that can be confirmed agrees, and QEMU says what is kept. `COLOSIM_BLESS=1` keeps what it says.
    fn fixtures(&mut self, folder: &Path) -> anyhow::Result<()> {
        let bless = std::env::var_os("COLOSIM_BLESS").is_some_and(|value| value == "1");
        for (name, plan) in confirmable() {
            let Some(found) = self.compare(&name, &plan)? else { break };
            let (path, now) = (file(folder, &name), found.theirs.text());
            if bless && found.disagreements.is_empty() {
                write_file(&path, &text(&self.programs.version, &now))?;
                continue;
            }
            let shown = path.display();
            let trouble = match std::fs::read_to_string(&path) {
                Ok(kept) if transcript(&kept) == now => continue,
                Ok(_) if !found.disagreements.is_empty() => continue,
                Ok(_) => format!("QEMU does not say what it said in {shown}"),
                Err(error) => format!("what QEMU said cannot be read from {shown}: {error}"),
            };
            // The two sides agreed, and that was not the question.
            self.agreed -= u64::from(found.disagreements.is_empty());
            self.differ += 1;
            print(&format!("{name}: {trouble}\n"))?;
        }
        Ok(())
    }

    fn end(self) -> anyhow::Result<Exit> {
        let Self {
            agreed, known, differ, refused, without_plan, programs, interrupt, spent, ..
        } = self;
        print(&spent.text())?;
        if without_plan > 0 {
            print(&format!("{without_plan} seeds give no plan that can be run there\n"))?;
        }
        print(&format!(
            "{agreed} plans agree with QEMU {}, {differ} do not, {known} differ as known, {refused} cannot be run there\n",
            programs.version
        ))?;
        if interrupt.is_told() {
            print("interrupted: what was left was not compared\n")?;
        }
        Ok(match (differ, refused) {
            (0, _) if interrupt.is_told() => Exit::Interrupted,
            (0, 0) if agreed + known == 0 => Exit::TooLittle,
            (0, 0) => Exit::Clean,
            (0, _) => Exit::Usage,
            _ => Exit::Violation,
        })
    }
}

impl Spent {
    fn measure(&mut self, plan: &Plan, programs: &Programs) -> std::io::Result<Conformance> {
        let clock = WallClock::start();
        let (mut simulated, mut started) = (Duration::ZERO, Duration::ZERO);
        let found = conform(plan, programs, &mut |phase| match phase {
            Phase::Simulated => simulated = clock.elapsed(),
            Phase::Started => started = clock.elapsed(),
        })?;
        self.simulation += simulated;
        self.starts += started.saturating_sub(simulated);
        self.qemu += clock.elapsed().saturating_sub(simulated);
        let given = found.log.acts.iter().filter(|act| matches!(act, Act::Command { .. }));
        self.commands += given.count() as u64;
        Ok(found)
    }

    /// How much longer QEMU took.
    fn text(&self) -> String {
        let Self { commands, simulation, qemu, starts } = self;
        let running = qemu.saturating_sub(*starts).as_secs_f64();
        let (here, starts) = (simulation.as_secs_f64(), starts.as_secs_f64());
        if *commands == 0 || here == 0.0 {
            return String::new();
        }
        format!(
            "{commands} commands and requests took QEMU {running:.1} s, after {starts:.1} s of starts, and the simulation {here:.3} s, 1 : {:.0}\n",
            running / here
        )
    }
}
