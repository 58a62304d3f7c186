//! Exit codes, one for each kind of ending.

use std::process::ExitCode;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Everything ran and nothing is wrong.
    Clean = 0,
    /// An invariant was violated, or a host aborted.
    Violation = 1,
    /// The arguments or an input file are not usable.
    Usage = 2,
    /// The program itself failed.
    Bug = 3,
    /// Nothing ran, or too little to say anything.
    TooLittle = 4,
    /// The same plan ran differently twice.
    Nondeterminism = 5,
    /// Output could not be written.
    Unwritten = 74,
    /// It was told to end before it was done, and nothing is wrong so far.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Output that could not be written: where, and why.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {source}")]
pub(super) struct Unwritten {
    pub(super) path: String,
    pub(super) source: std::io::Error,
}

/// Output could not be written, or else the input was not usable.
pub(super) fn of_error(error: &anyhow::Error) -> Exit {
    if error.is::<super::run::NothingAsked>() || error.is::<super::conform::WithoutQemu>() {
        return Exit::TooLittle;
    }
    if error.chain().any(<dyn std::error::Error>::is::<Unwritten>) {
        Exit::Unwritten
    } else {
        Exit::Usage
    }
}

/// Writes to standard output. Somebody who stops reading is no error; a full disk is.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Unwritten { path: "standard output".to_owned(), source: error }.into())
        }
        _ => Ok(()),
    }
}

/// Writes a file, and says which if it cannot.
pub(super) fn write_file(path: &std::path::Path, contents: &str) -> anyhow::Result<()> {
    std::fs::write(path, contents)
        .map_err(|source| Unwritten { path: path.display().to_string(), source }.into())
}

/// Writes a file whole or not at all, so that whoever is interrupted leaves the one before.
pub(super) fn replace_file(path: &std::path::Path, contents: &str) -> anyhow::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".partial");
    let beside = std::path::Path::new(&beside);
    let replaced = std::fs::write(beside, contents).and_then(|()| std::fs::rename(beside, path));
    replaced.map_err(|source| Unwritten { path: path.display().to_string(), source }.into())
}
