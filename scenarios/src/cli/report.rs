//! `colosim report`: records of one run or of many, as reports.
//!
//! What can be read is reported, whatever cannot: that is said, by file and line, and the exit code is 2.

use std::path::{Path, PathBuf};

use clap::Args;
use colo_reports::{Base, Run, Summary, Timing, json, junit, markdown, terminal};

use crate::cli::exit::{Exit, Unwritten, print, write_file};
use crate::cli::failing::{self, Copies, Plans};
use crate::cli::films::page;
use crate::cli::github;
use crate::cli::run::first_line;
use crate::cli::source_lines;
use crate::cli::sources::{Source, read, read_base};
use crate::oracle::INVARIANTS;
use crate::plan::Plan;

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct ReportArgs {
    /// Records of runs: files, or the directories that were given to --out
    #[arg(required = true, value_name = "RECORDS")]
    records: Vec<PathBuf>,
    /// Where to write the reports
    #[arg(short, long, value_name = "DIR", default_value = "colosim-report")]
    out: PathBuf,
    /// Write report.html, one page that opens offline; without any of these four, all are written
    #[arg(long)]
    html: bool,
    /// Write report.json, for programs: see docs/report.schema.json
    #[arg(long)]
    json: bool,
    /// Write junit.xml, for a CI system
    #[arg(long)]
    junit: bool,
    /// Write report.md, for a pull request
    #[arg(long)]
    md: bool,
    /// Show only what is not in these records; may be given several times
    #[arg(long, value_name = "RECORDS")]
    base: Vec<PathBuf>,
    /// Write into the reports how long the runs took, too, added up: the same runs then no longer
    /// give the same bytes
    #[arg(long)]
    timing: bool,
    /// Show the lines of the core that seeds reach, and those that none does: files in lcov's format
    /// of a build that counts them, which add up; docs/ci.md says how they are made
    #[arg(long, value_name = "FILE")]
    lcov: Vec<PathBuf>,
    /// The same for regions, which are finer than lines: files in LLVM's JSON
    #[arg(long, value_name = "FILE", requires = "lcov")]
    regions: Vec<PathBuf>,
    /// Print the verdict in one line, and nothing else
    #[arg(short, long)]
    quiet: bool,
}

const AFTER_HELP: &str = "\
Examples:
  colosim report monday tuesday -o both   two runs, machines or versions as one
  colosim report tuesday --base monday    only what monday did not have
  colosim report share-1 share-2 --junit  the shares of a campaign, for a CI system

The order of RECORDS changes nothing, nor how the runs are shared among them: those of
--partition 1/4 to 4/4 give the same bytes as those of the whole run. Plans of failures that lie
beside the records are copied to DIR/plans. A failure is new if the same run did not break the same
invariant in the base; only what is new counts for the exit code.

Exit codes: 0 clean, or nothing new; 1 a violation; 2 usage, or records that could not be read
whole: what could be read is reported all the same; 4 no plan ran; 74 could not write.";

pub(super) fn report(args: &ReportArgs) -> anyhow::Result<Exit> {
    let mut problems = Vec::new();
    let base = (!args.base.is_empty()).then(|| read_base(&args.base, &mut problems));
    let mut sources = read(&args.records, base.as_ref(), &mut problems);
    sort(&mut sources);
    let plans = plans(&mut sources);
    let Some((mut summary, timing)) = merged(sources, base) else {
        anyhow::bail!("{}", problems.join("\nerror: "));
    };
    summary.lines = source_lines::read(&args.lcov, &args.regions, &mut problems);
    let copies = failing::adopt(&mut summary, &plans);
    let told = if args.timing { timing } else { Timing::UNKNOWN };
    let written = write(args, &copies, &summary, &told)?;
    let said = terminal(&summary, &timing, true);
    print(&if args.quiet { first_line(&said) } else { said + &written })?;
    github::tell(&summary, &timing)?;
    for problem in &problems {
        github::error(problem);
    }
    Ok(if !problems.is_empty() {
        Exit::Usage
    } else if summary.violation_count + summary.abort_count > 0 {
        Exit::Violation
    } else if summary.plans == 0 {
        github::error("the records hold no run; nothing ran");
        Exit::TooLittle
    } else {
        Exit::Clean
    })
}

/// Into an order that does not depend on that of the arguments: seconds do not add up to the same
/// in any order, and of the plans of a run the first counts.
fn sort(sources: &mut [Source]) {
    sources.sort_by(|a, b| {
        let order = a.summary.cmp(&b.summary);
        order.then(a.timing.seconds.total_cmp(&b.timing.seconds)).then(a.plans.cmp(&b.plans))
    });
}

/// Where the plans of failing runs lie.
fn plans(sources: &mut [Source]) -> Plans {
    let mut plans = Plans::new();
    for source in sources {
        for (run, path) in std::mem::take(&mut source.plans) {
            plans.entry(run).or_insert(path);
        }
    }
    plans
}

/// One summary of all, and how long the runs took one after the other.
fn merged(sources: Vec<Source>, base: Option<Base>) -> Option<(Summary, Timing)> {
    let known = sources.iter().map(|source| source.known).sum();
    let timed = sources.iter().all(|source| source.timing.is_known());
    let timing = if timed {
        Timing {
            seconds: sources.iter().map(|source| source.timing.seconds).sum(),
            jobs: sources.iter().map(|source| source.timing.jobs).max().unwrap_or(0),
        }
    } else {
        Timing::UNKNOWN
    };
    let mut summary = Summary::merged(sources.into_iter().map(|source| source.summary).collect())?;
    if let Some(base) = base {
        base.compare(&mut summary, known);
    }
    Some((summary, timing))
}

/// Writes what is asked for, or else everything, and says where.
fn write(
    args: &ReportArgs,
    copies: &Copies,
    summary: &Summary,
    timing: &Timing,
) -> anyhow::Result<String> {
    let names: Vec<_> = INVARIANTS.iter().map(|(name, _)| *name).collect();
    let all = !(args.html || args.json || args.junit || args.md);
    create(&args.out)?;
    let plan = |run: &Run| {
        let path = failing::plan_path(Path::new(""), &run.plan, "json");
        Plan::parse(copies.get(&path)?, &path.display().to_string()).ok()
    };
    let mut written = String::from("\n");
    let mut file = |wanted: bool, name: &str, contents: &dyn Fn() -> String| {
        if !wanted && !all {
            return Ok(());
        }
        let path = args.out.join(name);
        written.push_str(&format!("wrote {}\n", path.display()));
        write_file(&path, &contents())
    };
    file(args.html, "report.html", &|| page(summary, timing, plan))?;
    file(args.md, "report.md", &|| markdown(summary, timing))?;
    file(args.json, "report.json", &|| json(summary, timing))?;
    file(args.junit, "junit.xml", &|| junit(summary, timing, &names))?;
    failing::write(&args.out, copies)?;
    Ok(written)
}

fn create(directory: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(directory)
        .map_err(|source| Unwritten { path: directory.display().to_string(), source }.into())
}
