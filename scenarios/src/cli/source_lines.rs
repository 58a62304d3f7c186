//! Lines of the core that seeds reach, from the files of LLVM's that were given.
//!
//! A file that is not whole is named, and nothing of it counts. The texts of the lines come from the
//! sources, where they lie; where they do not, line numbers have to do.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use colo_reports::{Lines, LinesError, lines_from_lcov, regions_from_json};

/// Of the sources that were compiled, these are reported.
const FOLDER: &str = "core/src/";

/// What the files add up to; `None` if there are none, or none that can be read.
pub(super) fn read(
    lcov: &[PathBuf],
    regions: &[PathBuf],
    problems: &mut Vec<String>,
) -> Option<Lines> {
    let lcov = lcov.iter().map(|path| (path, read_one(path, lines_of)));
    let regions = regions.iter().map(|path| (path, read_one(path, regions_of)));
    let mut whole: Option<Lines> = None;
    for (path, read) in lcov.chain(regions) {
        match read {
            Ok(lines) => whole.get_or_insert_with(|| Lines::below(FOLDER)).merge(lines),
            Err(problem) => problems.push(format!("{}: {problem}", path.display())),
        }
    }
    let mut whole = whole?;
    whole.quote(text);
    Some(whole)
}

type Reader = fn(File) -> Result<Lines, Unread>;

#[derive(Debug, thiserror::Error)]
enum Unread {
    #[error("cannot be read: {0}; docs/ci.md says how such a file is made")]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Lines(#[from] LinesError),
}

fn read_one(path: &Path, reader: Reader) -> Result<Lines, Unread> {
    reader(File::open(path)?)
}

fn lines_of(file: File) -> Result<Lines, Unread> {
    Ok(lines_from_lcov(FOLDER, BufReader::new(file))?)
}

fn regions_of(file: File) -> Result<Lines, Unread> {
    Ok(regions_from_json(FOLDER, &std::io::read_to_string(file)?)?)
}

/// The text of a source: where it was compiled, or else below this directory.
fn text(name: &str, paths: &BTreeSet<String>) -> Option<String> {
    let here = Path::new(FOLDER).join(name);
    let mut all = paths.iter().map(PathBuf::from).chain([here]);
    all.find_map(|path| std::fs::read_to_string(path).ok())
}
