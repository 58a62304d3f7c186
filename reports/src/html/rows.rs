//! Tables of one number a line, and lists of what is new against a base.

use maud::{Markup, html};

use crate::base::Compared;
use crate::figures::{grouped, printable, sentence};
use crate::html::part;
use crate::summary::Summary;
use crate::tally::{self, Row};
use crate::timing::Timing;

pub(super) fn events(summary: &Summary) -> Markup {
    rows("events", "What happened", &tally::events(summary))
}

pub(super) fn throughput(summary: &Summary, timing: &Timing) -> Markup {
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

pub(super) fn refusals(summary: &Summary) -> Markup {
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
                                td class="number bar" style={ "--part:" (part(times, most)) "%" } { (grouped(times)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn news(compared: &Compared) -> Markup {
    let news = tally::news(compared);
    html! {
        section aria-labelledby="news" {
            h2 id="news" { "New against the base" }
            @if news.is_empty() { p class="lead" { "Neither points nor refusals are new." } }
            @for (title, names) in news {
                h3 { (sentence(title)) " (" (names.len()) ")" }
                ul class="never" { @for name in names { li { code { (printable(name)) } } } }
            }
        }
    }
}
