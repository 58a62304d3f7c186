//! What a campaign leaves in its directory: records, plans that failed, the first of them shrunk.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use colo_reports::{Header, KEPT_MAX, Record, RecordWriter, Run, Shrunk, Summary, to_folded};

use crate::campaign::{Plans, Ran};
use crate::cli::exit::{Unwritten, replace_file, write_file};
use crate::cli::failing::{self, plan_path};
use crate::cli::shrink::named;
use crate::plan::Plan;
use crate::shrink::{Limits, shrink_watched};

/// What a campaign writes as it goes.
pub(super) struct Output {
    directory: PathBuf,
    /// None if the runs are only folded.
    records: Option<RecordWriter<BufWriter<File>>>,
    saved: Saved,
    /// The same of plans that were made from others.
    made: Saved,
}

/// Plans of seeds that were saved, by what is wrong with them.
#[derive(Default)]
struct Saved {
    violating: usize,
    aborting: usize,
    differing: usize,
    /// Invariants that were broken, and reasons of aborts.
    kinds: BTreeSet<String>,
}

/// Where the records of a run lie in its directory.
pub(super) const RECORDS: &str = "records.jsonl";

/// Where, without records, what they came to lies.
pub(super) const FOLDED: &str = "folded.json";

/// Runs that it takes for one: a fraction of a second.
const SHRINK_RUNS_MAX: u64 = 3_000;

impl Output {
    /// Begins, with a record for each run or without, where nothing of an earlier run is left that
    /// would be taken for one of this.
    pub(super) fn create(directory: &Path, header: &Header, with: bool) -> anyhow::Result<Self> {
        let create = || {
            std::fs::create_dir_all(directory.join("plans"))?;
            for old in [RECORDS, FOLDED] {
                match std::fs::remove_file(directory.join(old)) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error)?,
                    _ => {}
                }
            }
            with.then(|| File::create(directory.join(RECORDS))).transpose()
        };
        let file = create()
            .map_err(|source| Unwritten { path: directory.display().to_string(), source })?;
        let writer = |file| RecordWriter::new(BufWriter::new(file), header);
        let records = file.map(writer).transpose()?;
        Ok(Self {
            directory: directory.to_owned(),
            records,
            saved: Saved::default(),
            made: Saved::default(),
        })
    }

    /// Saves the plan of a failure, and the record that names it.
    pub(super) fn take(&mut self, ran: &mut Ran) -> anyhow::Result<()> {
        if let Some(plan) = &ran.plan {
            let path = self.path(plan, "json");
            let numbered = ran.made || ran.record.seed.is_some();
            let saved = if ran.made { &mut self.made } else { &mut self.saved };
            if saved.wants(&ran.record, numbered) {
                write_file(&path, &plan.to_json())?;
                for violation in &mut ran.record.violations {
                    violation.plan = path.display().to_string();
                }
            }
            if ran.made {
                // Its file is all that there is of it; the file says with which behaviour.
                let command = format!("cargo run --release -- replay {}", path.display());
                let record = &mut ran.record;
                let of_violations = record.violations.iter_mut().map(|one| &mut one.replay);
                let of_aborts = record.aborts.iter_mut().map(|one| &mut one.replay);
                of_violations.chain(of_aborts).for_each(|replay| replay.clone_from(&command));
            }
        }
        let Some(records) = &mut self.records else { return Ok(()) };
        records.write(&ran.record).map_err(|error| {
            let path = self.directory.join(RECORDS).display().to_string();
            Unwritten { path, source: error.source }.into()
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
        for run in failing::first(summary) {
            let Some(plan) = plan_of(&self.directory, plans, &run) else { continue };
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

    /// Ends the records, or writes what the runs came to.
    pub(super) fn finish(self, summary: &Summary) -> anyhow::Result<PathBuf> {
        match self.records {
            None => write_file(&self.directory.join(FOLDED), &to_folded(summary))?,
            Some(records) => {
                let path = self.directory.join(RECORDS).display().to_string();
                records.finish().map_err(|error| Unwritten { path, source: error.source })?;
            }
        }
        Ok(self.directory)
    }
}

/// The plan of a run of the campaign that writes into this directory: made again, or, if it cannot be, as it was saved.
pub(super) fn plan_of(directory: &Path, plans: &Plans, run: &Run) -> Option<Plan> {
    let saved = || Plan::load(&plan_path(directory, &run.plan, "json")).ok();
    plans.named(run.seed, &run.plan).or_else(saved)
}

impl Saved {
    /// Whether the plan of this record is to be saved, too: those of the catalog, and of those that are numbered
    /// without end the first of each kind and as many as a report tells. So every failure that it tells has its
    /// plan, and the same ones have it however the plans are shared among machines.
    fn wants(&mut self, record: &Record, numbered: bool) -> bool {
        let (violating, aborting) = (!record.violations.is_empty(), !record.aborts.is_empty());
        let counts = [
            (violating, &mut self.violating),
            (aborting, &mut self.aborting),
            (!violating && !aborting, &mut self.differing),
        ];
        let mut wanted = !numbered;
        let kinds = record.violations.iter().map(|one| &one.invariant);
        for kind in kinds.chain(record.aborts.iter().map(|one| &one.reason)) {
            wanted |= self.kinds.insert(kind.clone());
        }
        for (_, count) in counts.into_iter().filter(|(is, _)| *is && numbered) {
            wanted |= *count < KEPT_MAX;
            *count += 1;
        }
        wanted
    }
}
