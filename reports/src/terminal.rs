//! What a person sees at the end of a campaign: the verdict, then each failure
//! as a colleague would report it, then what the verdict rests on.
//!
//! It does not find out whether it writes to a terminal, nor how wide that is.

use std::fmt::Write;

use comfy_table::{CellAlignment, Table, presets::NOTHING};

use crate::base::Compared;
use crate::figures::{counted, grouped, one_line, printable, share};
use crate::summary::{Summary, Verdict};
use crate::tally::{self, Row};
use crate::timing::Timing;

/// Violations, and aborts, that are spelled out.
const SHOWN_MAX: usize = 10;
/// Refusals, and coverage points never reached, that are named.
const NAMED_MAX: usize = 10;

const RED: &str = "1;31";
const GREEN: &str = "1;32";
const YELLOW: &str = "1;33";
const BOLD: &str = "1";
const DIM: &str = "2";

/// The summary as text, with a newline at its end, and with ANSI colours if `color`.
pub fn terminal(summary: &Summary, timing: &Timing, color: bool) -> String {
    let paint = Paint { color };
    let mut text = String::new();
    verdict(&mut text, summary, paint);
    violations(&mut text, summary, paint);
    aborts(&mut text, summary, paint);
    explained(&mut text, summary, paint);
    ran(&mut text, summary, timing, paint);
    match &summary.compared {
        Some(compared) => news(&mut text, compared, paint),
        None => {
            refusals(&mut text, summary, paint);
            coverage(&mut text, summary, paint);
        }
    }
    if let Some(lines) = &summary.lines {
        heading(&mut text, "reached", &tally::lines(lines), paint);
    }
    heading(&mut text, "digest", &summary.digest_shown(), paint);
    text
}

fn verdict(text: &mut String, summary: &Summary, paint: Paint) {
    let style = match summary.verdict() {
        Verdict::Clean if summary.interrupted => YELLOW,
        Verdict::Clean => GREEN,
        Verdict::Failed => RED,
        Verdict::Empty => YELLOW,
    };
    let word = paint.with(style, &tally::verdict(summary).to_uppercase());
    let origin = paint.with(DIM, &format!("({})", printable(&tally::origin(summary))));
    line(text, &format!("{word}: {} {origin}", tally::grounds(summary)));
}

fn violations(text: &mut String, summary: &Summary, paint: Paint) {
    for (i, violation) in summary.violations.iter().take(SHOWN_MAX).enumerate() {
        let what = &violation.what;
        let invariant = paint.with(RED, &printable(&what.invariant));
        let place = printable(&tally::place_of_violation(violation));
        line(text, &format!("\n{:>3}. {invariant} violated: {place}", i + 1));
        indented(text, &what.message);
        if !what.plan.is_empty() {
            indented(text, &format!("plan saved as {}", what.plan));
        }
        if let Some(shrunk) = &what.shrunk {
            let steps = counted(u64::from(shrunk.steps), "step", "steps");
            indented(text, &format!("shrunk to {steps}: {}", shrunk.plan));
        }
        replay(text, &what.replay, paint);
    }
    let shown = summary.violations.len().min(SHOWN_MAX) as u64;
    if summary.violation_count == shown {
        return;
    }
    let more = summary.violation_count - shown;
    line(text, &format!("\n     … and {}; by invariant:", counted(more, "more", "more")));
    for (invariant, broken) in &summary.invariants {
        let name = printable(invariant);
        let first = printable(&broken.first.name());
        line(text, &format!("     {:>9}  {name}, first {first}", grouped(broken.count)));
    }
}

fn aborts(text: &mut String, summary: &Summary, paint: Paint) {
    for abort in summary.aborts.iter().take(SHOWN_MAX) {
        let place = printable(&tally::place_of_abort(abort));
        line(text, &format!("\n   - {}: {place}", paint.with(RED, "abort")));
        indented(text, &abort.what.reason);
        replay(text, &abort.what.replay, paint);
    }
    let shown = summary.aborts.len().min(SHOWN_MAX) as u64;
    if summary.abort_count > shown {
        let more = counted(summary.abort_count - shown, "more abort", "more aborts");
        line(text, &format!("\n     … and {more}"));
    }
}

fn explained(text: &mut String, summary: &Summary, paint: Paint) {
    if summary.explained == 0 {
        return;
    }
    heading(text, "explained", &tally::explained(summary), paint);
    let rows = tally::defects(summary).into_iter();
    table(text, rows.map(|(name, plans, first)| [one_line(name), plans, one_line(&first)]), 1);
    if let Some(unexplained) = &summary.unexplained {
        let plans = counted(unexplained.count, "plan", "plans");
        line(text, &format!("  {} in {plans}, first:", paint.with(RED, "unexplained")));
        replay(text, &unexplained.replay, paint);
    }
}

fn ran(text: &mut String, summary: &Summary, timing: &Timing, paint: Paint) {
    heading(text, "ran", &tally::wall_time(timing), paint);
    let mut rows = tally::effort(summary, timing);
    rows.extend(tally::events(summary));
    table(text, rows.into_iter().map(|Row { label, value, note }| [label.into(), value, note]), 1);
}

fn refusals(text: &mut String, summary: &Summary, paint: Paint) {
    let rows = tally::refusals(summary);
    let total = rows.iter().map(|(_, times)| times).sum();
    heading(text, "refused", &counted(total, "time", "times"), paint);
    let more = rows.len().saturating_sub(NAMED_MAX);
    let named = rows.into_iter().take(NAMED_MAX);
    // One line each, whatever a message holds.
    table(text, named.map(|(reason, times)| [grouped(times), one_line(reason)]), 0);
    if more > 0 {
        line(text, &format!("  +{more} more"));
    }
}

fn coverage(text: &mut String, summary: &Summary, paint: Paint) {
    let (reached, total) = (summary.points_reached() as u64, summary.points.len() as u64);
    let percent = share(reached, total).map(|share| format!(", {share}")).unwrap_or_default();
    let points = format!("{}/{} points{percent}", grouped(reached), grouped(total));
    heading(text, "reached", &points, paint);
    for point in summary.points_never().take(NAMED_MAX) {
        line(text, &format!("  never {}", one_line(&point.name)));
    }
    if let Some(bound) = tally::seldom(summary) {
        line(text, &format!("  {bound}"));
    }
    let more = summary.points_never().count().saturating_sub(NAMED_MAX);
    if more > 0 {
        line(text, &format!("  +{more} more"));
    }
}

fn news(text: &mut String, compared: &Compared, paint: Paint) {
    for (title, names) in tally::news(compared) {
        heading(text, title, &grouped(names.len() as u64), paint);
        for name in names.iter().take(NAMED_MAX) {
            line(text, &format!("  {}", one_line(name)));
        }
        if names.len() > NAMED_MAX {
            line(text, &format!("  +{} more", names.len() - NAMED_MAX));
        }
    }
}

fn heading(text: &mut String, name: &str, rest: &str, paint: Paint) {
    line(text, &format!("\n{} {rest}", paint.with(BOLD, name)));
}

fn replay(text: &mut String, command: &str, paint: Paint) {
    line(text, &format!("\n         {}", paint.with(BOLD, &one_line(command))));
}

/// Columns side by side, `right` of them flush right, two spaces in from the left.
fn table<const N: usize>(text: &mut String, rows: impl Iterator<Item = [String; N]>, right: usize) {
    let mut table = Table::new();
    table.load_style(NOTHING).force_no_tty().add_rows(rows);
    if table.is_empty() {
        return;
    }
    if let Some(column) = table.column_mut(right) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for row in table.lines() {
        line(text, &format!(" {}", row.trim_end()));
    }
}

fn indented(text: &mut String, paragraph: &str) {
    for part in printable(paragraph).lines() {
        line(text, &format!("     {part}"));
    }
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a string takes everything");
}

#[derive(Clone, Copy)]
struct Paint {
    color: bool,
}

impl Paint {
    fn with(self, style: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{style}m{text}\u{1b}[0m") } else { text.into() }
    }
}
