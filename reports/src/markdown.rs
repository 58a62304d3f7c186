//! A short summary for a pull request: the verdict, how to see a failure again,
//! and a table of what the verdict rests on.
//!
//! It is written for GitHub's dialect and leaves the details to the page.

use std::fmt::Write;

use crate::base::Compared;
use crate::figures::{counted, grouped, one_line, sentence, share};
use crate::lines::LinesOfFile;
use crate::summary::{Summary, Verdict};
use crate::tally;
use crate::timing::Timing;

/// Violations, and aborts, that are spelled out.
const SHOWN_MAX: usize = 5;
/// Coverage points never reached that are named.
const NEVER_MAX: usize = 20;

/// The summary as Markdown, with a newline at its end.
pub fn markdown(summary: &Summary, timing: &Timing) -> String {
    let mut text = String::new();
    verdict(&mut text, summary);
    failures(&mut text, summary);
    ran(&mut text, summary, timing);
    match &summary.compared {
        Some(compared) => news(&mut text, compared),
        None => {
            refusals(&mut text, summary);
            coverage(&mut text, summary);
        }
    }
    lines(&mut text, summary);
    let digest = summary.digest_shown();
    push(&mut text, &format!("\nDigest `{digest}`, {}.", escaped(&tally::origin(summary))));
    text
}

fn verdict(text: &mut String, summary: &Summary) {
    let mark = match summary.verdict() {
        Verdict::Clean if summary.interrupted => "⚠️",
        Verdict::Clean => "✅",
        Verdict::Failed => "❌",
        Verdict::Empty => "⚠️",
    };
    push(text, &format!("### {mark} colosim: {}", tally::verdict(summary)));
    push(text, &format!("\n{}.", sentence(&tally::grounds(summary))));
}

fn failures(text: &mut String, summary: &Summary) {
    for violation in summary.violations.iter().take(SHOWN_MAX) {
        let what = &violation.what;
        let place = tally::place_of_violation(violation);
        failure(text, &what.invariant, &place, &what.message, &what.replay);
    }
    for abort in summary.aborts.iter().take(SHOWN_MAX) {
        let place = tally::place_of_abort(abort);
        failure(text, "abort", &place, &abort.what.reason, &abort.what.replay);
    }
    let shown = summary.violations.len().min(SHOWN_MAX) + summary.aborts.len().min(SHOWN_MAX);
    let more = summary.violation_count + summary.abort_count - shown as u64;
    if more > 0 {
        push(text, &format!("\n… and {}.", counted(more, "more", "more")));
    }
    if summary.explained > 0 {
        push(text, &format!("\nExplained: {}.", tally::explained(summary)));
    }
}

fn failure(text: &mut String, name: &str, place: &str, message: &str, replay: &str) {
    push(text, &format!("\n**{}**: {}  ", escaped(name), escaped(place)));
    push(text, &escaped(message));
    // A fence longer than any run of backticks inside cannot be closed from inside.
    let replay = one_line(replay);
    let fence = "`".repeat(longest_run(&replay, '`').max(2) + 1);
    push(text, &format!("\n{fence}sh\n{replay}\n{fence}"));
}

fn ran(text: &mut String, summary: &Summary, timing: &Timing) {
    push(text, &format!("\n| ran ({}) | | |", tally::wall_time(timing)));
    push(text, "| :-- | --: | --: |");
    for row in tally::effort(summary, timing).into_iter().chain(tally::events(summary)) {
        push(text, &format!("| {} | {} | {} |", row.label, row.value, row.note));
    }
}

fn refusals(text: &mut String, summary: &Summary) {
    if summary.refusals.is_empty() {
        return;
    }
    let reasons = counted(summary.refusals.len() as u64, "reason", "reasons");
    push(text, &format!("\n<details><summary>Refused for {reasons}</summary>\n"));
    push(text, "| times | reason |\n| --: | :-- |");
    for (reason, times) in tally::refusals(summary) {
        push(text, &format!("| {} | {} |", grouped(times), escaped(reason)));
    }
    push(text, "\n</details>");
}

fn coverage(text: &mut String, summary: &Summary) {
    let (reached, total) = (summary.points_reached() as u64, summary.points.len() as u64);
    let Some(percent) = share(reached, total) else { return };
    let points = format!("{} of {}", grouped(reached), counted(total, "point", "points"));
    push(text, &format!("\nReached {points}, {percent}."));
    let never: Vec<_> = summary.points_never().collect();
    if never.is_empty() {
        return;
    }
    push(text, "\n<details><summary>Never reached</summary>\n");
    for point in never.iter().take(NEVER_MAX) {
        push(text, &format!("- {}", escaped(&point.name)));
    }
    if never.len() > NEVER_MAX {
        push(text, &format!("- +{} more", never.len() - NEVER_MAX));
    }
    push(text, "\n</details>");
}

fn lines(text: &mut String, summary: &Summary) {
    let Some(lines) = &summary.lines else { return };
    let folder = escaped(lines.folder());
    push(text, &format!("\nOf {folder} reached {}.", tally::lines(lines)));
    let never = |file: &LinesOfFile| -> Vec<_> {
        file.never_lines().iter().map(tally::line_numbers).collect()
    };
    let files = lines.files().iter().map(|(name, file)| (name, never(file)));
    let files: Vec<_> = files.filter(|(_, never)| !never.is_empty()).collect();
    if files.is_empty() {
        return;
    }
    push(text, "\n<details><summary>Lines never reached</summary>\n");
    for (name, never) in files {
        push(text, &format!("- {}: {}", escaped(name), never.join(", ")));
    }
    push(text, "\n</details>");
}

fn news(text: &mut String, compared: &Compared) {
    for (title, names) in tally::news(compared) {
        let count = grouped(names.len() as u64);
        push(text, &format!("\n<details><summary>{}: {count}</summary>\n", sentence(title)));
        for name in names.iter().take(NEVER_MAX) {
            push(text, &format!("- {}", escaped(name)));
        }
        if names.len() > NEVER_MAX {
            push(text, &format!("- +{} more", names.len() - NEVER_MAX));
        }
        push(text, "\n</details>");
    }
}

/// `text` on one line, with everything that Markdown or HTML would act upon escaped.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in one_line(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            // A mention or a reference would notify somebody.
            '@' => safe.push_str("&#64;"),
            '#' => safe.push_str("&#35;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' => safe.extend(['\\', c]),
            _ => safe.push(c),
        }
    }
    safe
}

fn longest_run(text: &str, wanted: char) -> usize {
    text.split(|c| c != wanted).map(str::len).max().unwrap_or(0)
}

fn push(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a string takes everything");
}
