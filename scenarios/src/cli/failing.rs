//! The plans of failing runs: where they lie beside records, and their copies beside a report.
//!
//! A report names the copies by their path from its own directory, so that its bytes depend
//! neither on where the records lie nor on how the runs are shared among files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use colo_reports::{Run, Shrunk, Summary};

use crate::cli::exit::{Unwritten, replace_file};
use crate::plan::Plan;

/// Failures that a campaign shrinks by itself, and that a report shows as shrunk.
pub(super) const SHRUNK_MAX: usize = 3;

/// The plan files of failing runs.
pub(super) type Plans = BTreeMap<Run, PathBuf>;

/// Where a run saves the plan of this name.
pub(super) fn plan_path(directory: &Path, name: &str, extension: &str) -> PathBuf {
    let name = name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    directory.join("plans").join(format!("{name}.{extension}"))
}

/// The plans of the failures that a summary tells, as far as they lie in a run's directory.
pub(super) fn beside(directory: &Path, summary: &Summary) -> Plans {
    let with_path = |run: &Run| (run.clone(), plan_path(directory, &run.plan, "json"));
    told(summary).map(with_path).filter(|(_, path)| path.is_file()).collect()
}

/// The runs whose failures a summary tells; one may come twice.
fn told(summary: &Summary) -> impl Iterator<Item = &Run> {
    let violations = summary.violations.iter().map(|violation| &violation.run);
    violations.chain(summary.aborts.iter().map(|abort| &abort.run))
}

/// The first runs in which an invariant was violated: the ones that are shrunk.
pub(super) fn first(summary: &Summary) -> Vec<Run> {
    let mut runs: Vec<_> = summary.violations.iter().map(|violation| &violation.run).collect();
    runs.dedup();
    runs.into_iter().take(SHRUNK_MAX).cloned().collect()
}

/// A file to be written beside a report: its path from there, and what is in it.
pub(super) type Copies = BTreeMap<PathBuf, String>;

/// Names in a summary, by their path from the report, the plans that lie beside the records, and of
/// the first failures the shrunk ones; these files are given back to be copied.
pub(super) fn adopt(summary: &mut Summary, plans: &Plans) -> Copies {
    let copies: Copies = told(summary).filter_map(|run| copy(plans, run, "json")).collect();
    for violation in &mut summary.violations {
        let path = plan_path(Path::new(""), &violation.run.plan, "json");
        let copied = copies.contains_key(&path);
        violation.what.plan = if copied { path.display().to_string() } else { String::new() };
        violation.what.shrunk = None;
    }
    let mut shrunk = Copies::new();
    for run in first(summary) {
        let Some((path, contents)) = copy(plans, &run, "min.json") else { continue };
        let plan = path.display().to_string();
        let Ok(Plan { steps, .. }) = Plan::parse(&contents, &plan) else { continue };
        let first = summary.violations.iter_mut().find(|violation| violation.run == run);
        let steps = steps.len() as u32;
        first.expect("it was listed").what.shrunk = Some(Shrunk { plan, steps });
        shrunk.insert(path, contents);
    }
    shrunk.extend(copies);
    shrunk
}

/// The plan of a run, or the shrunk one. What cannot be read is as good as not there.
fn copy(plans: &Plans, run: &Run, extension: &str) -> Option<(PathBuf, String)> {
    let contents = std::fs::read_to_string(plans.get(run)?.with_extension(extension)).ok()?;
    Some((plan_path(Path::new(""), &run.plan, extension), contents))
}

/// Writes the copies into the directory of a report. One that lies there already is read by then.
pub(super) fn write(directory: &Path, copies: &Copies) -> anyhow::Result<()> {
    for (path, contents) in copies {
        let path = directory.join(path);
        let plans = path.parent().unwrap_or(directory);
        std::fs::create_dir_all(plans)
            .map_err(|source| Unwritten { path: plans.display().to_string(), source })?;
        replace_file(&path, contents)?;
    }
    Ok(())
}
