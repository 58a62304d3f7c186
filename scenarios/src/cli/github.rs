//! GitHub Actions: errors as annotations, and the report for a pull request as the step's summary.
//!
//! Elsewhere nothing here says anything. Annotations go to standard error, which the runner reads
//! as it reads standard output, so that `--format json` stays one object.

use std::fs::OpenOptions;
use std::io::Write;

use colo_reports::{Summary, Timing, annotation, annotations, markdown};

use crate::cli::exit::Unwritten;

/// Whether this is a step of a workflow.
fn is_here() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// Annotates what fails, and appends the report to the summary of the step.
pub(super) fn tell(summary: &Summary, timing: &Timing) -> anyhow::Result<()> {
    if !is_here() {
        return Ok(());
    }
    anstream::eprint!("{}", annotations(summary));
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    // Other commands of the step may have told theirs before.
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let text = markdown(summary, timing) + "\n";
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|source| Unwritten { path: path.to_string_lossy().into_owned(), source }.into())
}

/// An error that is no violation: it is said for people, and annotated.
pub(super) fn error(text: &str) {
    anstream::eprintln!("error: {text}");
    if is_here() {
        anstream::eprint!("{}", annotation("error", text));
    }
}
