//! The summary as one page that opens offline: no font, no image, no address outside.
//!
//! Each section is a function of what it shows, in a file of its own; a section without content
//! leaves itself out. The page says nothing that it was not handed. Without its script it is whole
//! but for the timelines.

mod coverage;
mod failures;
mod lines;
mod proof;
mod rows;
mod viewer;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::figures::{compact, grouped, printable, rate, sentence, share};
use crate::proof::Proof;
use crate::summary::{Summary, Verdict};
use crate::tally;
use crate::timeline::Timeline;
use crate::timing::Timing;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("viewer.js");

/// What a page is made of.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// The runs.
    pub summary: &'a Summary,
    /// How long they took.
    pub timing: &'a Timing,
    /// Failing runs, moment by moment; those that do not fit into a page are left out, and it says so.
    pub timelines: &'a [Timeline],
    /// Failing runs for which nobody made a timeline, in a sentence; empty if there is none.
    pub untold: &'a str,
    /// What shows that the net holds.
    pub proof: &'a Proof,
}

/// The page, as HTML.
pub fn html(page: &Page<'_>) -> String {
    let Page { summary, timing, .. } = *page;
    let title = format!("colosim: {}", tally::verdict(summary));
    let timelines = viewer::Shown::new(page);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // Whatever a message holds, nothing is fetched and nothing is sent.
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";
                // Keeps browsers from asking for a favicon.
                link rel="icon" href="data:,";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (verdict(summary))
                main {
                    (failures::section(summary, &timelines))
                    (key_figures(summary, timing))
                    @match &summary.compared {
                        Some(compared) => { (rows::news(compared)) }
                        None => {
                            (coverage::stage_machines(summary))
                            (coverage::grids(summary))
                            (coverage::never(summary))
                        }
                    }
                    (lines::section(summary))
                    (proof::section(page.proof))
                    div class="pair" {
                        (rows::throughput(summary, timing))
                        @if summary.compared.is_none() { (rows::refusals(summary)) }
                        (rows::events(summary))
                    }
                    @if summary.compared.is_none() { (coverage::groups(summary)) }
                }
                (origin(summary))
                (timelines.data())
                script { (PreEscaped(SCRIPT)) }
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

fn origin(summary: &Summary) -> Markup {
    html! {
        footer {
            p { "Digest " code { (summary.digest_shown()) } ", " (printable(&tally::origin(summary))) }
            @if summary.merged {
                p { "The same runs give the same digest, whatever their order and the files that they come from." }
            } @else {
                p { "The same runs in the same order give the same digest." }
            }
        }
    }
}

/// How far a count is on the way to the most, by order of magnitude: counts differ by powers of ten.
fn part(count: u64, most: u64) -> u32 {
    let bits = |n: u64| n.checked_ilog2().map_or(0, |bits| bits + 1);
    bits(count) * 100 / bits(most).max(1)
}
