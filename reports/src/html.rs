//! The summary as one page that opens offline: no script, no font, no address outside.
//!
//! Each section is a function of the summary; a section without content leaves
//! itself out. The page says nothing that the summary does not hold.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::coverage::{Group, Point};
use crate::figures::{compact, counted, grouped, printable, rate, sentence, share};
use crate::stages;
use crate::summary::{Summary, Verdict};
use crate::tally::{self, Row};
use crate::timing::Timing;

const STYLE: &str = include_str!("html.css");

/// The summary as an HTML page.
pub fn html(summary: &Summary, timing: &Timing) -> String {
    let title = format!("colosim: {}", tally::verdict(summary));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // Keeps browsers from asking for a favicon.
                link rel="icon" href="data:,";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (verdict(summary))
                main {
                    (key_figures(summary, timing))
                    (failures(summary))
                    (stage_machines(summary))
                    (coverage(summary))
                    div class="pair" {
                        (events(summary))
                        (refusals(summary))
                    }
                    (throughput(summary, timing))
                }
                (origin(summary))
            }
        }
    };
    page.into_string()
}

fn verdict(summary: &Summary) -> Markup {
    let (class, mark) = match summary.verdict() {
        Verdict::Clean if summary.interrupted => ("empty", "?"),
        Verdict::Clean => ("clean", "✓"),
        Verdict::Failed => ("failed", "✗"),
        Verdict::Empty => ("empty", "?"),
    };
    html! {
        header class=(class) {
            p class="brand" {
                strong { "colosim" } " " (printable(&summary.version))
                " · profile " (printable(&summary.profile))
            }
            h1 { span class="mark" aria-hidden="true" { (mark) } " " (sentence(&tally::verdict(summary))) }
            p { (sentence(&tally::grounds(summary))) "." }
        }
    }
}

fn key_figures(summary: &Summary, timing: &Timing) -> Markup {
    let counts = &summary.counts;
    let (reached, total) = (summary.points_reached() as u64, summary.points.len() as u64);
    let per_second = |count| timing.per_second(count).map(|each| format!("{}/s", rate(each)));
    let of = |part, whole: u64, name: &str| {
        share(part, whole).map(|percent| format!("{percent} of {} {name}", grouped(whole)))
    };
    html! {
        section aria-label="Key figures" {
            dl class="figures" {
                (figure("Plans", summary.plans, per_second(summary.plans)))
                (figure("Guest requests", summary.guest_requests, per_second(summary.guest_requests)))
                (figure("Checkpoints", counts.checkpoints, None))
                (figure("Failovers done", counts.failovers_done,
                    of(counts.failovers_done, counts.failovers_asked, "asked")))
                (figure("Commits crashed", counts.commits_crashed, None))
                (figure("Points reached", reached, of(reached, total, "points")))
            }
        }
    }
}

fn figure(label: &str, count: u64, note: Option<String>) -> Markup {
    html! {
        div {
            dt { (label) }
            dd { (compact(count)) }
            @if let Some(note) = note { dd class="note" { (note) } }
        }
    }
}

fn failures(summary: &Summary) -> Markup {
    let shown = (summary.violations.len() + summary.aborts.len()) as u64;
    let more = summary.violation_count + summary.abort_count - shown;
    html! {
        @if shown > 0 {
            section aria-labelledby="failures" {
                h2 id="failures" { "Failures" }
                (broken_invariants(summary))
                ol class="failures" {
                    @for violation in &summary.violations {
                        (failure(
                            &violation.what.invariant,
                            &tally::place_of_violation(violation),
                            &violation.what.message,
                            &violation.what.plan,
                            &violation.what.replay,
                        ))
                    }
                    @for abort in &summary.aborts {
                        (failure("abort", &tally::place_of_abort(abort), &abort.what.reason, "", &abort.what.replay))
                    }
                }
                @if more > 0 { p { "… and " (counted(more, "more", "more")) "." } }
            }
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
                    thead { tr { th scope="col" { "Invariant" } th scope="col" class="number" { "Violations" } th scope="col" { "First" } } }
                    tbody {
                        @for (invariant, broken) in &summary.invariants {
                            tr {
                                th scope="row" { (printable(invariant)) }
                                td class="number" { (grouped(broken.count)) }
                                td { (printable(&broken.first.name())) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn failure(name: &str, place: &str, message: &str, plan: &str, replay: &str) -> Markup {
    html! {
        li {
            h3 { (printable(name)) }
            p class="place" { (printable(place)) }
            p class="message" { (printable(message)) }
            @if !plan.is_empty() { p class="place" { "Plan saved as " code { (printable(plan)) } } }
            pre tabindex="0" aria-label="Command that shows it again" { code { (printable(replay)) } }
        }
    }
}

fn stage_machines(summary: &Summary) -> Markup {
    let machines = stages::machines(&summary.points);
    html! {
        @if !machines.is_empty() {
            section aria-labelledby="stages" {
                h2 id="stages" { "Stages" }
                p class="lead" {
                    "Stage changes that the runs went through: the thicker, the more often. "
                    "Dashed and grey ones were never taken."
                }
                div class="machines" {
                    @for (i, machine) in machines.iter().enumerate() {
                        figure {
                            figcaption {
                                strong { (printable(machine.name)) } " "
                                (machine.taken()) " of " (counted(machine.len() as u64, "edge", "edges")) " taken"
                            }
                            (machine.drawing(&format!("machine-{i}")))
                        }
                    }
                }
            }
        }
    }
}

fn coverage(summary: &Summary) -> Markup {
    let never: Vec<_> = summary.points_never().collect();
    let most = summary.points.iter().map(|point| point.hits).max().unwrap_or(0);
    html! {
        @if !summary.points.is_empty() {
            section aria-labelledby="coverage" {
                h2 id="coverage" { "Coverage points" }
                @if never.is_empty() {
                    p class="lead" { "Every point was reached." }
                } @else {
                    h3 { "Never reached (" (never.len()) ")" }
                    ul class="never" { @for point in never { li { code { (printable(&point.name)) } } } }
                }
                @for group in summary.groups() { (coverage_group(&group, most)) }
            }
        }
    }
}

fn coverage_group(group: &Group<'_>, most: u64) -> Markup {
    let (reached, total) = (group.reached(), group.points.len());
    let percent = format!("--part: {}%", reached * 100 / total);
    html! {
        // Complete groups are folded: what is missing is what people look for.
        details open[reached < total] {
            summary {
                span class="name" { (printable(group.name)) }
                span class="share" style=(percent) { (reached) "/" (total) }
            }
            table {
                caption class="unseen" { "Coverage points of group " (printable(group.name)) }
                thead { tr { th scope="col" { "Point" } th scope="col" class="number" { "Hits" } th scope="col" { "First" } } }
                tbody { @for point in &group.points { (coverage_row(point, most)) } }
            }
        }
    }
}

fn coverage_row(point: &Point, most: u64) -> Markup {
    let name = point.name.split_once('/').map_or(point.name.as_str(), |(_, rest)| rest);
    html! {
        tr class=[(!point.is_reached()).then_some("never")] {
            th scope="row" { code { (printable(name)) } }
            td class="number bar" style=(bar(point.hits, most)) { (grouped(point.hits)) }
            td { @if let Some(run) = &point.first { (printable(&run.name())) } @else { "never" } }
        }
    }
}

fn events(summary: &Summary) -> Markup {
    rows("events", "What happened", &tally::events(summary))
}

fn throughput(summary: &Summary, timing: &Timing) -> Markup {
    let mut effort = tally::effort(summary, timing);
    effort.push(Row { label: "wall time", value: tally::wall_time(timing), note: String::new() });
    rows("throughput", "Throughput", &effort)
}

fn rows(id: &str, title: &str, rows: &[Row]) -> Markup {
    html! {
        section aria-labelledby=(id) {
            h2 id=(id) { (title) }
            table {
                caption class="unseen" { (title) }
                thead class="unseen" { tr { th scope="col" { "What" } th scope="col" { "Value" } th scope="col" { "Rate or share" } } }
                tbody {
                    @for row in rows {
                        tr {
                            th scope="row" { (row.label) }
                            td class="number" { (row.value) }
                            td class="number note" { (row.note) }
                        }
                    }
                }
            }
        }
    }
}

fn refusals(summary: &Summary) -> Markup {
    let refusals = tally::refusals(summary);
    let most = refusals.first().map_or(0, |(_, times)| *times);
    html! {
        section aria-labelledby="refusals" {
            h2 id="refusals" { "Refusals" }
            @if refusals.is_empty() {
                p class="lead" { "Nothing was refused." }
            } @else {
                table {
                    caption class="unseen" { "Refusals by reason" }
                    thead { tr { th scope="col" { "Reason" } th scope="col" class="number" { "Times" } } }
                    tbody {
                        @for (reason, times) in refusals {
                            tr {
                                th scope="row" { (printable(reason)) }
                                td class="number bar" style=(bar(times, most)) { (grouped(times)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn origin(summary: &Summary) -> Markup {
    html! {
        footer {
            p { "Digest " code { (format!("{:016x}", summary.digest.value())) } ", " (printable(&tally::origin(summary))) }
            p { "The same runs in the same order give the same digest." }
        }
    }
}

/// How long a bar is, by order of magnitude: counts differ by powers of ten.
fn bar(count: u64, most: u64) -> String {
    let bits = |n: u64| n.checked_ilog2().map_or(0, |bits| bits + 1);
    format!("--part: {}%", bits(count) * 100 / bits(most).max(1))
}
