//! Lines of source that were reached, and the text of those that never were.

use maud::{Markup, html};

use crate::figures::{counted, printable};
use crate::lines::{Lines, LinesOfFile, NeverLines, NeverPart, Reached};
use crate::summary::Summary;
use crate::tally;

pub(super) fn section(summary: &Summary) -> Markup {
    html! {
        @if let Some(lines) = &summary.lines {
            section aria-labelledby="lines" {
                h2 id="lines" { "Lines of " code { (printable(lines.folder())) } }
                p class="lead" {
                    "Reached " (tally::lines(lines)) ", as LLVM counted them in runs of their own."
                    @if holes(lines).next().is_some() { " What follows was never reached." }
                }
                @for (name, file) in holes(lines) { (file_with_text(name, file)) }
                (by_file(lines))
            }
        }
    }
}

/// The files of which something was never reached.
fn holes(lines: &Lines) -> impl Iterator<Item = (&String, &LinesOfFile)> {
    lines.files().iter().filter(|(_, file)| !is_whole(file))
}

fn is_whole(file: &LinesOfFile) -> bool {
    file.lines().is_whole() && file.never_parts().is_empty()
}

fn file_with_text(name: &str, file: &LinesOfFile) -> Markup {
    let (never, parts) = (file.never_lines(), file.never_parts());
    html! {
        details {
            summary { span class="name" { (printable(name)) } (share(file.lines())) }
            div class="source" {
                @if !never.is_empty() { (lines_never(name, &never)) }
                @if !parts.is_empty() {
                    h3 { "Of lines that were reached" }
                    (parts_never(name, &parts))
                }
            }
        }
    }
}

fn share(reached: Reached) -> Markup {
    html! { span class="share" style={ "--part:" (percent(reached)) "%" } { (reached.reached) "/" (reached.total) } }
}

/// Rounded down, so that nothing looks whole that is not.
fn percent(Reached { reached, total }: Reached) -> usize {
    (reached * 100).checked_div(total).unwrap_or(0)
}

fn lines_never(name: &str, never: &[NeverLines<'_>]) -> Markup {
    if never.iter().all(|range| range.text.is_empty()) {
        let numbers: Vec<_> = never.iter().map(tally::line_numbers).collect();
        return html! { p { (numbers.join(", ")) } };
    }
    let ranges = html! {
        @for (place, range) in never.iter().enumerate() {
            @if place > 0 { (gap()) }
            @for (number, text) in (range.first..).zip(&range.text) { (line(number, html! { (printable(text)) })) }
        }
    };
    listing(&format!("Never reached of {name}"), ranges)
}

fn parts_never(name: &str, parts: &[NeverPart<'_>]) -> Markup {
    if parts.iter().all(|part| part.text == [""; 3]) {
        let place = |part: &NeverPart<'_>| format!("line {}, column {}", part.line, part.column);
        let places: Vec<_> = parts.iter().map(place).collect();
        return html! { p { (places.join("; ")) } };
    }
    let lines = html! {
        @for part in parts {
            @let [before, it, after] = part.text.map(printable);
            (line(part.line, html! { (before) mark { (it) } (after) }))
        }
    };
    listing(&format!("Never reached within lines of {name}"), lines)
}

fn listing(label: &str, lines: Markup) -> Markup {
    html! { div class="scroll" tabindex="0" role="region" aria-label=(printable(label)) { pre { (lines) } } }
}

fn gap() -> Markup {
    html! { span class="nr" { "⋮" } "\n" }
}

fn line(number: u32, text: Markup) -> Markup {
    html! { span class="nr" { (number) } (text) "\n" }
}

fn by_file(lines: &Lines) -> Markup {
    let whole = lines.files().len() - holes(lines).count();
    let counted_regions = lines.regions().total > 0;
    html! {
        details {
            summary {
                span class="name" { (counted(lines.files().len() as u64, "file", "files")) ", " (whole) " whole" }
                (share(lines.lines()))
            }
            table {
                caption class="unseen" { "Lines and regions reached, by file" }
                thead { tr {
                    th scope="col" { "File" } th scope="col" class="number" { "Lines" }
                    @if counted_regions { th scope="col" class="number" { "Regions" } }
                } }
                tbody {
                    @for (name, file) in lines.files() {
                        tr {
                            th scope="row" { code { (printable(name)) } }
                            (cell(file.lines()))
                            @if counted_regions { (cell(file.regions())) }
                        }
                    }
                }
            }
        }
    }
}

fn cell(reached: Reached) -> Markup {
    html! { td class="number bar" style={ "--part:" (percent(reached)) "%" } { (reached.reached) "/" (reached.total) } }
}
