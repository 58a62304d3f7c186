//! What failed: the command that shows it again first, then its story.

use maud::{Markup, html};

use crate::figures::{counted, grouped, one_line, printable};
use crate::html::viewer::Shown;
use crate::summary::{Run, Summary};
use crate::tally;

/// Failures that are seen at once; the others are folded.
const OPEN_MAX: usize = 10;

/// One violation or abort, as a card shows it.
struct Failure<'a> {
    name: &'a str,
    run: &'a Run,
    place: String,
    message: &'a str,
    plan: &'a str,
    shrunk: Option<String>,
    replay: &'a str,
}

pub(super) fn section(summary: &Summary, timelines: &Shown<'_>) -> Markup {
    let failures = failures(summary);
    let more = summary.violation_count + summary.abort_count - failures.len() as u64;
    let (open, folded) = failures.split_at(failures.len().min(OPEN_MAX));
    html! {
        @if !failures.is_empty() {
            section aria-labelledby="failures" {
                h2 id="failures" { "Failures" }
                (broken_invariants(summary))
                (explained(summary))
                ol class="failures" {
                    @for (index, failure) in open.iter().enumerate() { (card(failure, index, &failures, timelines)) }
                }
                @if !folded.is_empty() {
                    details class="more" {
                        summary { span class="name" { (counted(folded.len() as u64, "more failure", "more failures")) } }
                        ol class="failures" start=(OPEN_MAX + 1) {
                            @for (index, failure) in folded.iter().enumerate() {
                                (card(failure, OPEN_MAX + index, &failures, timelines))
                            }
                        }
                    }
                }
                @if more > 0 { p class="lead" { "… and " (counted(more, "more", "more")) ", which the records name." } }
                (timelines.left_out())
            }
        }
    }
}

fn failures(summary: &Summary) -> Vec<Failure<'_>> {
    let violations = summary.violations.iter().map(|violation| {
        let what = &violation.what;
        let shrunk = what.shrunk.as_ref().map(|shrunk| {
            let steps = counted(u64::from(shrunk.steps), "step", "steps");
            format!("shrunk to {steps}: {}", shrunk.plan)
        });
        Failure {
            name: &what.invariant,
            run: &violation.run,
            place: tally::place_of_violation(violation),
            message: &what.message,
            plan: &what.plan,
            shrunk,
            replay: &what.replay,
        }
    });
    let aborts = summary.aborts.iter().map(|abort| Failure {
        name: "abort",
        run: &abort.run,
        place: tally::place_of_abort(abort),
        message: &abort.what.reason,
        plan: "",
        shrunk: None,
        replay: &abort.what.replay,
    });
    violations.chain(aborts).collect()
}

fn card(failure: &Failure<'_>, index: usize, all: &[Failure<'_>], timelines: &Shown<'_>) -> Markup {
    // The story of a run is told once, at its first failure.
    let first = all[..index].iter().all(|other| other.run != failure.run);
    let timeline = timelines.of(failure.run).filter(|_| first);
    let replay = one_line(failure.replay);
    html! {
        li {
            h3 { (printable(failure.name)) }
            p class="place" { (printable(&failure.place)) }
            p class="message" { (printable(failure.message)) }
            div class="replay" {
                pre tabindex="0" aria-label="Command that shows it again" { code { (replay) } }
                button type="button" class="copy" data-copy=(replay) { "Copy" span class="unseen" { " the command that shows it again" } }
            }
            @if !failure.plan.is_empty() { p class="place" { "Plan saved as " code { (printable(failure.plan)) } } }
            @if let Some(shrunk) = &failure.shrunk { p class="place" { (printable(shrunk)) } }
            @if let Some(number) = timeline { (timelines.place(number)) }
        }
    }
}

/// Worth a table only where it is shorter than the list below it.
fn broken_invariants(summary: &Summary) -> Markup {
    html! {
        @if summary.violation_count > summary.invariants.len() as u64 {
            div class="scroll" tabindex="0" role="region" aria-label="Violated invariants" {
                table {
                    caption { "Violated invariants" }
                    thead { tr { th scope="col" { "Invariant" } th scope="col" class="number" { "Violations" } th scope="col" { "First" } th scope="col" { "Replay" } } }
                    tbody {
                        @for (invariant, broken) in &summary.invariants {
                            tr {
                                th scope="row" { (printable(invariant)) }
                                td class="number" { (grouped(broken.count)) }
                                td { (printable(&broken.first.name())) }
                                td { code { (one_line(&broken.replay)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// By which known defects, if somebody asked.
fn explained(summary: &Summary) -> Markup {
    html! {
        @if summary.explained > 0 {
            div class="scroll" tabindex="0" role="region" aria-label="Explained" {
                table {
                    caption { "Explained: " (tally::explained(summary)) }
                    thead { tr { th scope="col" { "Defect" } th scope="col" { "Plans" } th scope="col" { "First" } } }
                    tbody {
                        @for (name, plans, first) in tally::defects(summary) {
                            tr { th scope="row" { code { (printable(name)) } } td { (plans) } td { (printable(&first)) } }
                        }
                        @if let Some(unexplained) = &summary.unexplained {
                            tr { th scope="row" { "unexplained" } td { (counted(unexplained.count, "plan", "plans")) } td { code { (one_line(&unexplained.replay)) } } }
                        }
                    }
                }
            }
        }
    }
}
