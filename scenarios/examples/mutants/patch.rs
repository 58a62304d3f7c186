//! A mutant as data: a small mistake in the core, as a unified diff with a few lines in front.
//!
//! `Mutant:` and `Breaks:` say what it is, `Survives:` why it may, `Equivalent:` why it is none. The diff is read and put in here and
//! not by another program, so that a test can ask for every mutant whether it still fits.

use std::path::{Path, PathBuf};

/// One mutant of `fixtures/mutants/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mutant {
    /// Its name, which is that of its file.
    pub(crate) name: String,
    /// What is wrong with it, in a sentence.
    pub(crate) breaks: String,
    /// Why it may survive, if it may.
    pub(crate) survives: Option<String>,
    /// Why it behaves as the core does, if it does.
    pub(crate) equivalent: Option<String>,
    /// The file it changes, from the root of the repository.
    pub(crate) file: PathBuf,
    hunks: Vec<Hunk>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Hunk {
    /// The line that it begins at, from 0.
    at: usize,
    old: Vec<String>,
    new: Vec<String>,
}

impl Mutant {
    /// Every mutant in a directory, by name.
    ///
    /// # Errors
    /// What is wrong with the directory or with the first file that is no mutant.
    pub(crate) fn load_all(directory: &Path) -> Result<Vec<Self>, String> {
        let files = std::fs::read_dir(directory)
            .map_err(|error| format!("{}: {error}", directory.display()))?;
        let files = files.filter_map(Result::ok).map(|entry| entry.path());
        let mut files: Vec<_> =
            files.filter(|path| path.extension().is_some_and(|ext| ext == "patch")).collect();
        files.sort();
        files.iter().map(|path| Self::load(path)).collect()
    }

    fn load(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let mutant = Self::parse(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        if path.file_stem().is_none_or(|stem| *stem != *mutant.name) {
            return Err(format!(
                "{}: the file is not named after `{}`",
                path.display(),
                mutant.name
            ));
        }
        Ok(mutant)
    }

    /// Reads a mutant.
    ///
    /// # Errors
    /// What is missing or wrong in it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let field = |name: &str| {
            let mut head = text.lines().take_while(|line| !line.starts_with("--- "));
            let found = head.find_map(|line| line.strip_prefix(name));
            found.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let name = field("Mutant:").ok_or("there is no line `Mutant: NAME`")?;
        let breaks = field("Breaks:").ok_or("there is no line `Breaks: SENTENCE`")?;
        let mut files = text.lines().filter_map(|line| line.strip_prefix("+++ b/"));
        let file = files.next().ok_or("there is no line `+++ b/FILE`")?;
        if files.next().is_some() {
            return Err("it changes two files; a mutant is one small mistake".to_owned());
        }
        let hunks = hunks(text)?;
        if hunks.iter().all(|hunk| hunk.old == hunk.new) {
            return Err("it changes nothing".to_owned());
        }
        let (survives, equivalent) = (field("Survives:"), field("Equivalent:"));
        Ok(Self { name, breaks, survives, equivalent, file: PathBuf::from(file), hunks })
    }

    /// Whether it is the same mistake as another, wherever its lines are.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let lines = |mutant: &Self| {
            let hunks = mutant.hunks.iter().map(|hunk| (hunk.old.clone(), hunk.new.clone()));
            hunks.collect::<Vec<_>>()
        };
        self.file == other.file && lines(self) == lines(other)
    }

    /// The file with the mistake in it.
    ///
    /// # Errors
    /// Which of its places is not in the file, or there more than once.
    pub(crate) fn apply(&self, source: &str) -> Result<String, String> {
        let mut lines: Vec<&str> = source.lines().collect();
        // From the end on, so that a hunk does not move the next one.
        for hunk in self.hunks.iter().rev() {
            let at = hunk.place(&lines)?;
            lines.splice(at..at + hunk.old.len(), hunk.new.iter().map(String::as_str));
        }
        Ok(lines.join("\n") + "\n")
    }
}

impl Hunk {
    /// Where its old lines are: at the line it names, else the only place where they are.
    fn place(&self, lines: &[&str]) -> Result<usize, String> {
        let fits = |at: &usize| lines[*at..].iter().zip(&self.old).all(|(line, old)| line == old);
        let last = lines.len().saturating_sub(self.old.len());
        let mut places = (0..=last).filter(fits);
        if self.at <= last && fits(&self.at) {
            return Ok(self.at);
        }
        match (places.next(), places.next()) {
            (Some(place), None) => Ok(place),
            (None, _) => Err(format!("the lines from {} on are not in the file", self.at + 1)),
            (Some(_), Some(_)) => {
                Err(format!("the lines from {} on are in the file twice", self.at + 1))
            }
        }
    }
}

fn hunks(text: &str) -> Result<Vec<Hunk>, String> {
    let mut hunks: Vec<Hunk> = Vec::new();
    for line in text.lines().skip_while(|line| !line.starts_with("@@ ")) {
        if let Some(head) = line.strip_prefix("@@ -") {
            let at = head.split([',', ' ']).next().and_then(|number| number.parse::<usize>().ok());
            let at = at.ok_or_else(|| format!("`{line}` names no line"))?;
            hunks.push(Hunk { at: at.saturating_sub(1), ..Hunk::default() });
            continue;
        }
        let hunk = hunks.last_mut().ok_or("there is no hunk")?;
        let (sign, rest) = line.split_at(line.len().min(1));
        match sign {
            "-" => hunk.old.push(rest.to_owned()),
            "+" => hunk.new.push(rest.to_owned()),
            " " | "" => {
                hunk.old.push(rest.to_owned());
                hunk.new.push(rest.to_owned());
            }
            _ => return Err(format!("`{line}` is no line of a diff")),
        }
    }
    if hunks.is_empty() { Err("there is no hunk".to_owned()) } else { Ok(hunks) }
}
