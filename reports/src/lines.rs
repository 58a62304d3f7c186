//! Lines and regions of source that runs went through, as LLVM counted them, and those that none did.
//!
//! It does not come from records: a build that counts lines runs the same plans at another time, and
//! hands over files (`lines_file.rs`). Counts of several are added up. How often a line was reached
//! shows nowhere, only whether it was: threads that count without locks lose some.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// Where something stands in a file: line and column, both from 1.
pub(crate) type Place = (u32, u32);

/// The sources below one folder, and what was reached of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lines {
    folder: String,
    files: BTreeMap<String, LinesOfFile>,
}

/// One file.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinesOfFile {
    /// Where it lay when it was compiled: for who looks for its text, and shown nowhere.
    paths: BTreeSet<String>,
    /// Every line with code, and how often it was reached.
    lines: BTreeMap<u32, u64>,
    /// Every place at which LLVM begins to count anew.
    regions: BTreeMap<Place, Region>,
    /// The text of lines that a report quotes.
    text: BTreeMap<u32, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Region {
    count: u64,
    end: Place,
}

/// Part of a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Reached {
    /// So many.
    pub reached: usize,
    /// Of so many.
    pub total: usize,
}

/// Lines one after the other with nothing reached in them. Lines without code may lie between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeverLines<'a> {
    /// The first.
    pub first: u32,
    /// The last.
    pub last: u32,
    /// Their text from the first to the last; empty if nobody has it.
    pub text: Vec<&'a str>,
}

/// A part of a line that was not reached although the line was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeverPart<'a> {
    /// The line.
    pub line: u32,
    /// The column at which it begins.
    pub column: u32,
    /// The text of the line before it, of it, and after it; empty if nobody has it.
    pub text: [&'a str; 3],
}

impl Lines {
    /// No line yet. Of a path that is read only what follows `folder` is kept, such as `core/src/`,
    /// and what lies elsewhere is left out.
    pub fn below(folder: &str) -> Self {
        Self { folder: folder.to_owned(), files: BTreeMap::new() }
    }

    /// The folder.
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// The files with code, by their path below the folder.
    pub fn files(&self) -> &BTreeMap<String, LinesOfFile> {
        &self.files
    }

    /// Lines of all files.
    pub fn lines(&self) -> Reached {
        self.files.values().map(LinesOfFile::lines).sum()
    }

    /// Regions of all files; none if nobody has counted them.
    pub fn regions(&self) -> Reached {
        self.files.values().map(LinesOfFile::regions).sum()
    }

    /// Adds what another run reached.
    pub fn merge(&mut self, other: Self) {
        for (name, file) in other.files {
            self.files.entry(name).or_default().merge(file);
        }
    }

    /// Shows where the files lay, each by its name below the folder, and takes their text.
    pub fn quote(&mut self, mut text: impl FnMut(&str, &BTreeSet<String>) -> Option<String>) {
        for (name, file) in &mut self.files {
            if let Some(text) = text(name, &file.paths) {
                file.quote(&text);
            }
        }
    }

    /// The file that lay at `path`, if it is below the folder.
    pub(crate) fn file_at(&mut self, path: &str) -> Option<&mut LinesOfFile> {
        let path = path.replace('\\', "/");
        let begin = path.rfind(&self.folder)?;
        let (before, name) = (&path[..begin], &path[begin + self.folder.len()..]);
        // Rust's own library has such folders, too.
        let is_ours = before.is_empty() || before.ends_with('/') && !before.ends_with("library/");
        if !is_ours {
            return None;
        }
        let file = self.files.entry(name.to_owned()).or_default();
        file.paths.insert(path);
        Some(file)
    }
}

impl LinesOfFile {
    /// Its lines.
    pub fn lines(&self) -> Reached {
        Reached::of(self.lines.values().copied())
    }

    /// Its regions.
    pub fn regions(&self) -> Reached {
        Reached::of(self.regions.values().map(|region| region.count))
    }

    /// The lines that nothing reached.
    pub fn never_lines(&self) -> Vec<NeverLines<'_>> {
        let text = |line: u32| self.text.get(&line).map_or("", String::as_str);
        let ranges = self.ranges().into_iter();
        ranges
            .map(|(first, last)| {
                let known = self.text.contains_key(&first);
                let text = if known { (first..=last).map(text).collect() } else { Vec::new() };
                NeverLines { first, last, text }
            })
            .collect()
    }

    /// The parts of reached lines that nothing reached.
    pub fn never_parts(&self) -> Vec<NeverPart<'_>> {
        let mut parts = Vec::new();
        for (&(line, column), region) in &self.regions {
            if self.is_part(line, region) {
                let text = self.text.get(&line).map_or("", String::as_str);
                let end = if region.end.0 == line { region.end.1 } else { u32::MAX };
                let [begin, end] = [column, end].map(|column| byte_of(text, column));
                let text = [&text[..begin], &text[begin..end.max(begin)], &text[end.max(begin)..]];
                parts.push(NeverPart { line, column, text });
            }
        }
        parts
    }

    fn is_part(&self, line: u32, region: &Region) -> bool {
        region.count == 0 && self.lines.get(&line).is_some_and(|count| *count > 0)
    }

    /// Lines that nothing reached, first and last of those between which nothing was.
    fn ranges(&self) -> Vec<(u32, u32)> {
        let mut ranges = Vec::<(u32, u32)>::new();
        let mut goes_on = false;
        for (&line, &count) in &self.lines {
            match ranges.last_mut() {
                Some(range) if goes_on && count == 0 => range.1 = line,
                _ if count == 0 => ranges.push((line, line)),
                _ => {}
            }
            goes_on = count == 0;
        }
        ranges
    }

    fn merge(&mut self, other: Self) {
        self.paths.extend(other.paths);
        for (line, count) in other.lines {
            self.add_line(line, count);
        }
        for (place, region) in other.regions {
            self.add_region(place, region.count, region.end);
        }
        self.text.extend(other.text);
    }

    /// Keeps of the file's text what is to be shown; of another file's nothing.
    fn quote(&mut self, text: &str) {
        let all: Vec<_> = text.lines().collect();
        let line_of = |number: u32| all.get(number as usize - 1);
        if self.lines.keys().next_back().is_some_and(|last| line_of(*last).is_none()) {
            return;
        }
        let parts = self.regions.iter().filter(|((line, _), region)| self.is_part(*line, region));
        let parts: Vec<_> = parts.map(|((line, _), _)| *line).collect();
        let ranges = self.ranges().into_iter().flat_map(|(first, last)| first..=last);
        for line in ranges.chain(parts).collect::<BTreeSet<_>>() {
            if let Some(text) = line_of(line) {
                self.text.insert(line, (*text).to_owned());
            }
        }
    }

    pub(crate) fn add_line(&mut self, line: u32, count: u64) {
        let sum = self.lines.entry(line).or_default();
        *sum = sum.saturating_add(count);
    }

    pub(crate) fn add_region(&mut self, begin: Place, count: u64, end: Place) {
        let region = self.regions.entry(begin).or_insert(Region { count: 0, end });
        region.count = region.count.saturating_add(count);
        region.end = region.end.min(end);
    }
}

impl Reached {
    fn of(counts: impl Iterator<Item = u64>) -> Self {
        counts.map(|count| Self { reached: usize::from(count > 0), total: 1 }).sum()
    }

    /// Whether nothing is missing.
    pub fn is_whole(self) -> bool {
        self.reached == self.total
    }
}

impl std::iter::Sum for Reached {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            reached: sum.reached + one.reached,
            total: sum.total + one.total,
        })
    }
}

/// The byte at which this column begins; LLVM counts bytes from 1, and text may be another file's.
fn byte_of(text: &str, column: u32) -> usize {
    let mut byte = (column as usize - 1).min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    byte
}
