//! Records from files: what can be read of them, and what cannot, by file and line.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use colo_reports::{Base, Header, Record, Summary, Timing, read_records};

use crate::cli::failing::{self, Plans};

/// Lines of one file that are told one by one.
const LINES_TOLD_MAX: usize = 10;

/// One file of records, folded.
pub(super) struct Source {
    pub(super) summary: Summary,
    /// As the run that wrote the records measured it, if its report lies beside them.
    pub(super) timing: Timing,
    /// Failures that a base has, too.
    pub(super) known: u64,
    /// The plans of the failures that it tells, as far as they lie beside the records.
    pub(super) plans: Plans,
}

/// The file of records that is meant: a run's directory has one.
fn file_of(path: &Path) -> PathBuf {
    if path.is_dir() { path.join("records.jsonl") } else { path.to_owned() }
}

/// Reads files of records, without what `base` has.
pub(super) fn read(
    paths: &[PathBuf],
    base: Option<&Base>,
    problems: &mut Vec<String>,
) -> Vec<Source> {
    let mut sources = Vec::new();
    for path in paths {
        let file = file_of(path);
        let mut source = None;
        each_record(&file, problems, |header, record| {
            let source = source.get_or_insert_with(|| Source {
                summary: Summary::new(header),
                timing: Timing::UNKNOWN,
                known: 0,
                plans: Plans::new(),
            });
            if let Some(mut record) = record {
                source.known += base.map_or(0, |base| base.take_known(&mut record));
                source.summary.add(&record);
            }
        });
        if let Some(mut source) = source {
            source.timing = timing(&file, &source.summary.digest_shown());
            source.plans = failing::beside(file.parent().unwrap_or(Path::new("")), &source.summary);
            sources.push(source);
        }
    }
    sources
}

/// Reads the files of a base.
pub(super) fn read_base(paths: &[PathBuf], problems: &mut Vec<String>) -> Base {
    let mut base = Base::default();
    for path in paths {
        each_record(&file_of(path), problems, |header, record| match record {
            None => base.open(header),
            Some(record) => base.add(&record),
        });
    }
    base
}

/// Shows the header, and then each record with it. What cannot be read becomes a problem.
fn each_record(
    file: &Path,
    problems: &mut Vec<String>,
    mut show: impl FnMut(&Header, Option<Record>),
) {
    let shown = file.display();
    let opened = match File::open(file) {
        Ok(opened) => opened,
        Err(error) => {
            return problems.push(format!(
                "cannot read {shown}: {error}; give the records.jsonl that `colosim run --out DIR` writes, or DIR"
            ));
        }
    };
    let (header, records) = match read_records(BufReader::new(opened)) {
        Ok(read) => read,
        Err(error) => return problems.push(format!("{shown}: {error}")),
    };
    show(&header, None);
    let mut wrong = 0;
    for record in records {
        match record {
            Ok(record) => show(&header, Some(record)),
            Err(error) => {
                wrong += 1;
                if wrong <= LINES_TOLD_MAX {
                    problems.push(format!("{shown}: {error}"));
                }
            }
        }
    }
    if wrong > LINES_TOLD_MAX {
        problems.push(format!("{shown}: {} more lines are wrong", wrong - LINES_TOLD_MAX));
    }
}

/// What the report beside the records says about time, if it is of these records: records have no clock.
fn timing(file: &Path, digest: &str) -> Timing {
    let report = std::fs::read_to_string(file.with_file_name("report.json"));
    let report: Option<serde_json::Value> =
        report.ok().and_then(|text| serde_json::from_str(&text).ok());
    let Some(report) = report.filter(|report| report["digest"] == digest) else {
        return Timing::UNKNOWN;
    };
    let seconds = report["seconds"].as_f64();
    let jobs = report["jobs"].as_u64().and_then(|jobs| usize::try_from(jobs).ok());
    Timing { seconds: seconds.unwrap_or(0.0), jobs: jobs.unwrap_or(0) }
}
