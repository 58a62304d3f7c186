//! Files of LLVM's that say which lines were reached: lcov for lines, its own JSON for regions.
//!
//! What is wrong with a file is said, and nothing of it is kept: half a file would call lines
//! unreached that are reached.

use std::io::BufRead;

use lcov::{Reader, Record};
use serde::Deserialize;
use thiserror::Error;

use crate::lines::Lines;

/// Why a file says nothing about lines.
#[derive(Debug, Error)]
pub enum LinesError {
    /// A line of it cannot be read.
    #[error("{source}; give what `cargo llvm-cov report --lcov` writes")]
    Lcov {
        /// What the parser said, with the number of the line.
        source: lcov::reader::Error,
    },
    /// A line number or a count stands where no file was named.
    #[error(
        "line {line} is of no file: no SF before it; give what `cargo llvm-cov report --lcov` writes"
    )]
    WithoutFile {
        /// The line of lcov's.
        line: usize,
    },
    /// The last file has no end.
    #[error("it ends within a file: no end_of_record; make it again")]
    Cut,
    /// It is no JSON of LLVM's.
    #[error(
        "this is no export of LLVM's ({source}); give what `cargo llvm-cov report --json` writes"
    )]
    Json {
        /// What the parser said.
        source: serde_json::Error,
    },
    /// Lines and columns count from 1.
    #[error("{file} has a region at {line}:{column}, which is no place in a file")]
    Place {
        /// The source.
        file: String,
        /// The line.
        line: u32,
        /// The column.
        column: u32,
    },
    /// No source of the folder is in it.
    #[error("it names no source below {folder}; was the file made of other sources?")]
    Elsewhere {
        /// The folder.
        folder: String,
    },
}

/// Reads lines from lcov. A line with number 0 is none, and is passed over.
///
/// # Errors
/// If a line of it cannot be read, or nothing in it is below `folder`.
pub fn lines_from_lcov(folder: &str, file: impl BufRead) -> Result<Lines, LinesError> {
    let mut lines = Lines::below(folder);
    let mut path: Option<String> = None;
    for (number, record) in Reader::new(file).enumerate() {
        match record.map_err(|source| LinesError::Lcov { source })? {
            Record::SourceFile { path: named } => {
                path = Some(named.to_string_lossy().into_owned());
            }
            Record::LineData { line, count, .. } => {
                let path = path.as_deref();
                let path = path.ok_or(LinesError::WithoutFile { line: number + 1 })?;
                if let Some(file) = lines.file_at(path).filter(|_| line > 0) {
                    file.add_line(line, count);
                }
            }
            Record::EndOfRecord => path = None,
            _ => {}
        }
    }
    if path.is_some() {
        return Err(LinesError::Cut);
    }
    some(lines)
}

#[derive(Deserialize)]
struct Export {
    data: Vec<Data>,
}

#[derive(Deserialize)]
struct Data {
    files: Vec<Source>,
}

#[derive(Deserialize)]
struct Source {
    filename: String,
    segments: Vec<Segment>,
}

/// Line and column at which it begins, how often it was reached, whether that was counted, whether a
/// region begins here (else one goes on behind another), and whether it is a gap between two.
#[derive(Deserialize)]
struct Segment(u32, u32, u64, bool, bool, bool);

/// Reads regions from LLVM's JSON. A region is taken for one place: where it begins.
///
/// # Errors
/// If it is none, or nothing in it is below `folder`.
pub fn regions_from_json(folder: &str, text: &str) -> Result<Lines, LinesError> {
    let export: Export =
        serde_json::from_str(text).map_err(|source| LinesError::Json { source })?;
    let mut lines = Lines::below(folder);
    for source in export.data.iter().flat_map(|data| &data.files) {
        let Some(file) = lines.file_at(&source.filename) else { continue };
        let ends = source.segments.iter().skip(1).map(|next| (next.0, next.1));
        let ends = ends.chain([(u32::MAX, u32::MAX)]);
        for (segment, end) in source.segments.iter().zip(ends) {
            let &Segment(line, column, count, is_counted, begins, is_gap) = segment;
            if line == 0 || column == 0 {
                return Err(LinesError::Place { file: source.filename.clone(), line, column });
            }
            if is_counted && begins && !is_gap {
                file.add_region((line, column), count, end);
            }
        }
    }
    some(lines)
}

fn some(lines: Lines) -> Result<Lines, LinesError> {
    if lines.files().is_empty() {
        return Err(LinesError::Elsewhere { folder: lines.folder().to_owned() });
    }
    Ok(lines)
}
