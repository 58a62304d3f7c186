//! What a campaign leaves in its directory: records, plans that failed, the first of them shrunk.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use colo_reports::{Header, KEPT_MAX, Record, RecordWriter, Shrunk, Summary};

use crate::campaign::{Plans, Ran};
use crate::cli::exit::{Unwritten, replace_file, write_file};
use crate::cli::failing::{self, plan_path};
use crate::cli::shrink::named;
use crate::plan::Plan;
use crate::shrink::shrink;

/// What a campaign writes as it goes.
pub(super) struct Output {
    directory: PathBuf,
    records: RecordWriter<BufWriter<File>>,
    saved: Saved,
}

/// Plans of seeds that were saved, by what is wrong with them.
#[derive(Default)]
struct Saved {
    violating: usize,
    aborting: usize,
    differing: usize,
}

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
        Ok(Self { directory: directory.to_owned(), records, saved: Saved::default() })
    }

    /// Saves the plan of a failure, and the record that names it.
    pub(super) fn take(&mut self, ran: &mut Ran) -> anyhow::Result<()> {
        if let Some(plan) = &ran.plan {
            let path = self.path(plan, "json");
            if self.saved.wants(&ran.record) {
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
    pub(super) fn shrink_first(&self, plans: &Plans, summary: &mut Summary) -> anyhow::Result<()> {
        for run in failing::first(summary) {
            let Some(plan) = plans.named(run.seed, &run.plan) else { continue };
            let Some(shrunk) = shrink(&plan, SHRINK_RUNS_MAX) else { continue };
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

impl Saved {
    /// Whether the plan of this record is to be saved, too: those of the catalog, and of the seeds as
    /// many as a report tells. So every failure that it tells has its plan, and the same ones have
    /// it however the plans are shared among machines.
    fn wants(&mut self, record: &Record) -> bool {
        let (violating, aborting) = (!record.violations.is_empty(), !record.aborts.is_empty());
        let counts = [
            (violating, &mut self.violating),
            (aborting, &mut self.aborting),
            (!violating && !aborting, &mut self.differing),
        ];
        let mut wanted = record.seed.is_none();
        for (_, count) in counts.into_iter().filter(|(is, _)| *is && record.seed.is_some()) {
            wanted |= *count < KEPT_MAX;
            *count += 1;
        }
        wanted
    }
}
