//! Records from files: what can be read of them, and what cannot, by file and line.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use colo_reports::{Base, Header, Record, Summary, Timing, from_folded, read_records};

use crate::cli::failing::{self, Plans};
use crate::cli::output::{FOLDED, RECORDS};

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

/// The file that is meant: a run's directory has records, or what they came to.
fn file_of(path: &Path) -> PathBuf {
    let folded = path.join(FOLDED);
    match path.is_dir() {
        true if folded.is_file() => folded,
        true => path.join(RECORDS),
        false => path.to_owned(),
    }
}

/// Whether it is no file of records, but of what they came to, by its first bytes.
fn is_folded(file: &Path) -> bool {
    let mut text = String::new();
    let read = File::open(file).and_then(|file| file.take(32).read_to_string(&mut text));
    let rest = text.split_once(',').map_or("", |(_, rest)| rest);
    read.is_ok() && rest.starts_with("\"folded\":")
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
        if is_folded(&file) {
            match folded(&file, base.is_some()) {
                Ok(summary) => source = Some(Source::new(summary)),
                Err(problem) => problems.push(problem),
            }
        } else {
            each_record(&file, problems, |header, record| {
                let source = source.get_or_insert_with(|| Source::new(Summary::new(header)));
                if let Some(mut record) = record {
                    source.known += base.map_or(0, |base| base.take_known(&mut record));
                    source.summary.add(&record);
                }
            });
        }
        if let Some(mut source) = source {
            source.timing = timing(&file, &source.summary.digest_shown());
            source.plans = failing::beside(file.parent().unwrap_or(Path::new("")), &source.summary);
            sources.push(source);
        }
    }
    sources
}

impl Source {
    fn new(summary: Summary) -> Self {
        Self { summary, timing: Timing::UNKNOWN, known: 0, plans: Plans::new() }
    }
}

/// What the runs came to of which no records were kept.
fn folded(file: &Path, compared: bool) -> Result<Summary, String> {
    let shown = file.display();
    if compared {
        return Err(format!(
            "{shown}: without a record of each run nothing can be compared with a base; leave --base out, or run without --no-records"
        ));
    }
    let text = std::fs::read_to_string(file).map_err(|error| {
        format!("cannot read {shown}: {error}; give what `colosim run --out DIR` writes, or DIR")
    })?;
    from_folded(&text).map_err(|error| format!("{shown}: {error}"))
}

/// Reads the files of a base.
pub(super) fn read_base(paths: &[PathBuf], problems: &mut Vec<String>) -> Base {
    let mut base = Base::default();
    for path in paths {
        let file = file_of(path);
        if is_folded(&file) {
            problems.push(format!(
                "{}: a base is made of records; give those of a run without --no-records",
                file.display()
            ));
            continue;
        }
        each_record(&file, problems, |header, record| match record {
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
