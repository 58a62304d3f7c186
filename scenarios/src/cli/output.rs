//! What a campaign leaves in its directory: records, plans that failed, the first of them shrunk.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use colo_reports::{Header, RecordWriter, Shrunk, Summary};

use crate::campaign::{Plans, Ran};
use crate::cli::exit::{Unwritten, replace_file, write_file};
use crate::cli::shrink::named;
use crate::cli::sources::plan_path;
use crate::plan::Plan;
use crate::shrink::{Limits, shrink_watched};

/// What a campaign writes as it goes.
pub(super) struct Output {
    directory: PathBuf,
    records: RecordWriter<BufWriter<File>>,
    plans_saved: usize,
}

/// Failing plans saved by one run; more of them tell no more.
const PLANS_SAVED_MAX: usize = 100;

/// Failures that a campaign shrinks by itself.
const SHRUNK_MAX: usize = 3;

/// Runs that it takes for one: a fraction of a second.
const SHRINK_RUNS_MAX: u64 = 3_000;

impl Output {
    pub(super) fn create(directory: &Path, header: &Header) -> anyhow::Result<Self> {
        let create = || {
            std::fs::create_dir_all(directory.join("plans"))?;
            File::create(directory.join("records.jsonl"))
        };
        let file = create()
            .map_err(|source| Unwritten { path: directory.display().to_string(), source })?;
        let records = RecordWriter::new(BufWriter::new(file), header)?;
        Ok(Self { directory: directory.to_owned(), records, plans_saved: 0 })
    }

    /// Saves the plan of a failure, and the record that names it.
    pub(super) fn take(&mut self, ran: &mut Ran) -> anyhow::Result<()> {
        if let Some(plan) = &ran.plan {
            let path = self.path(plan, "json");
            if self.plans_saved < PLANS_SAVED_MAX {
                self.plans_saved += 1;
                write_file(&path, &plan.to_json())?;
                for violation in &mut ran.record.violations {
                    violation.plan = path.display().to_string();
                }
            }
        }
        self.records.write(&ran.record).map_err(|error| {
            Unwritten {
                path: self.directory.join("records.jsonl").display().to_string(),
                source: error.source,
            }
            .into()
        })
    }

    fn path(&self, plan: &Plan, extension: &str) -> PathBuf {
        plan_path(&self.directory, &plan.name, extension)
    }

    /// Shrinks the plans of the failures that the summary lists first, saves what they come
    /// to beside them, and says so in the summary.
    pub(super) fn shrink_first(
        &self,
        plans: &Plans,
        summary: &mut Summary,
        go_on: &dyn Fn() -> bool,
    ) -> anyhow::Result<()> {
        let limits = Limits { runs_max: SHRINK_RUNS_MAX, go_on };
        let mut runs: Vec<_> = summary.violations.iter().map(|violation| &violation.run).collect();
        runs.dedup();
        let first: Vec<_> = runs.into_iter().take(SHRUNK_MAX).cloned().collect();
        for run in first {
            let Some(plan) = plans.named(run.seed, &run.plan) else { continue };
            if !go_on() {
                break;
            }
            let Some(shrunk) = shrink_watched(&plan, &limits, &mut |_| ()) else { continue };
            let path = self.path(&plan, "min.json");
            replace_file(&path, &named(&shrunk.plan, &path).to_json())?;
            let steps = shrunk.plan.steps.len() as u32;
            let shrunk = Shrunk { plan: path.display().to_string(), steps };
            let first = summary.violations.iter_mut().find(|violation| violation.run == run);
            first.expect("it was listed").what.shrunk = Some(shrunk);
        }
        Ok(())
    }

    pub(super) fn finish(self) -> anyhow::Result<PathBuf> {
        let path = self.directory.join("records.jsonl").display().to_string();
        self.records.finish().map_err(|error| Unwritten { path, source: error.source })?;
        Ok(self.directory)
    }
}
