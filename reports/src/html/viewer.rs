//! Timelines in a page: their data, the places where the script puts them, and what was left out.

use maud::{Markup, PreEscaped, html};
use serde::Serialize;

use crate::figures::{counted, grouped};
use crate::html::Page;
use crate::summary::Run;
use crate::timeline::Lane;

/// Bytes of timelines in a page: with them it stays below a megabyte.
const BYTES_MAX: usize = 768 * 1024;

/// So many fewer where the page quotes sources, which take the place.
const BYTES_OF_SOURCES: usize = 128 * 1024;

/// The timelines that are shown.
pub(super) struct Shown<'a> {
    timelines: Vec<(&'a Run, String, usize)>,
    /// Those that did not fit.
    too_large: usize,
    bytes_max: usize,
    untold: &'a str,
}

/// What the script reads.
#[derive(Serialize)]
struct Lanes {
    lanes: [&'static str; 6],
}

impl<'a> Shown<'a> {
    pub(super) fn new(page: &Page<'a>) -> Self {
        let of_sources = if page.summary.lines.is_some() { BYTES_OF_SOURCES } else { 0 };
        let bytes_max = BYTES_MAX - of_sources;
        let mut shown =
            Self { timelines: Vec::new(), too_large: 0, bytes_max, untold: page.untold };
        let mut bytes = 0;
        for timeline in page.timelines {
            let json = embedded(timeline);
            if bytes + json.len() > bytes_max {
                shown.too_large += 1;
                continue;
            }
            bytes += json.len();
            shown.timelines.push((&timeline.run, json, timeline.moments.len()));
        }
        shown
    }

    /// The number of the timeline of this run.
    pub(super) fn of(&self, run: &Run) -> Option<usize> {
        self.timelines.iter().position(|(of, ..)| *of == run)
    }

    /// Where the script draws a timeline.
    pub(super) fn place(&self, number: usize) -> Markup {
        let moments = self.timelines[number].2 as u64;
        html! {
            details class="story" open[number == 0] data-timeline=(number) {
                summary { span class="name" { "Timeline" } span class="note" { (counted(moments, "moment", "moments")) } }
                div class="viewer" { noscript { p class="lead" { "The timeline needs the page's script; the command above shows the same with --trace." } } }
            }
        }
    }

    /// What is not there, in a sentence.
    pub(super) fn left_out(&self) -> Markup {
        html! {
            @if !self.untold.is_empty() { p class="lead" { (self.untold) } }
            @if self.too_large > 0 {
                p class="lead" {
                    (counted(self.too_large as u64, "timeline is", "timelines are"))
                    " left out: a page holds " (grouped(self.bytes_max as u64)) " bytes of them."
                }
            }
        }
    }

    /// The data, which no browser shows.
    pub(super) fn data(&self) -> Markup {
        html! {
            @if !self.timelines.is_empty() {
                script type="application/json" id="lanes" { (PreEscaped(embedded(&Lanes { lanes: Lane::NAMES }))) }
                @for (number, (_, json, _)) in self.timelines.iter().enumerate() {
                    script type="application/json" id={ "timeline-" (number) } { (PreEscaped(json)) }
                }
            }
        }
    }
}

/// JSON that ends no script element, whatever it holds.
fn embedded(data: &impl Serialize) -> String {
    let json = serde_json::to_string(data).expect("plain shapes always serialise");
    json.replace('<', "\\u003c")
}
