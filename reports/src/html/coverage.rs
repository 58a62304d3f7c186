//! What was reached: the stage machines, grids of points as heat maps, and what was never reached.

use maud::{Markup, html};

use crate::coverage::{Group, Point};
use crate::figures::{compact, counted, grouped, printable, sentence};
use crate::grid::{Grid, Row};
use crate::html::part;
use crate::stages;
use crate::summary::Summary;
use crate::tally;

pub(super) fn stage_machines(summary: &Summary) -> Markup {
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

pub(super) fn grids(summary: &Summary) -> Markup {
    let groups = summary.groups();
    // A machine's edges are drawn.
    let groups = groups.iter().filter(|group| group.name != "edge");
    let grids: Vec<_> = groups.filter_map(Grid::of).collect();
    html! {
        @if !grids.is_empty() {
            section aria-labelledby="heat" {
                h2 id="heat" { "Heat maps" }
                p class="lead" {
                    "How often each combination was met: the stronger the colour, the more often, by order of magnitude. "
                    "A dashed 0 was never met; where nothing stands, there is no such point."
                }
                div class="maps" { @for grid in &grids { (heat_map(grid)) } }
            }
        }
    }
}

fn heat_map(grid: &Grid<'_>) -> Markup {
    let title = match grid.name {
        "verb" => "Stage × verb".to_owned(),
        "crash" => "Crash × phase".to_owned(),
        "misfortune" => "Fault × phase".to_owned(),
        name => sentence(&printable(name)),
    };
    let most = grid.most();
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(title) {
            table class="heat" {
                caption { (title) }
                thead {
                    tr {
                        td {}
                        @for column in &grid.columns { th scope="col" { (printable(column)) } }
                    }
                }
                tbody { @for row in &grid.rows { (heat_row(row, most)) } }
            }
        }
    }
}

fn heat_row(row: &Row<'_>, most: u64) -> Markup {
    html! {
        tr {
            th scope="row" { (printable(&row.name)) }
            @for cell in &row.cells {
                @match cell {
                    None => { td {} }
                    Some(point) if point.is_reached() => {
                        td class="hit" style={ "--heat:" (part(point.hits, most) * 3 / 5) "%" } title=(tip(point)) { (compact(point.hits)) }
                    }
                    Some(_) => { td class="miss" { "0" } }
                }
            }
        }
    }
}

fn tip(point: &Point) -> String {
    let first = point.first.as_ref().map(|run| format!(", first by {}", run.name()));
    printable(&format!("{}{}", counted(point.hits, "time", "times"), first.unwrap_or_default()))
}

pub(super) fn never(summary: &Summary) -> Markup {
    let never: Vec<_> = summary.points_never().collect();
    html! {
        @if !summary.points.is_empty() {
            section aria-labelledby="never" {
                h2 id="never" { "Never reached" }
                @if never.is_empty() {
                    p class="lead" { "Every point was reached." }
                } @else {
                    p class="lead" { (never.len()) " of " (counted(summary.points.len() as u64, "point", "points")) "." }
                    @if let Some(bound) = tally::seldom(summary) { p { (bound) "." } }
                    ul class="never" { @for point in never { li { code { (printable(&point.name)) } } } }
                }
            }
        }
    }
}

/// Every point with its hits and its first run.
pub(super) fn groups(summary: &Summary) -> Markup {
    let most = summary.points.iter().map(|point| point.hits).max().unwrap_or(0);
    html! {
        @if !summary.points.is_empty() {
            section aria-labelledby="coverage" {
                h2 id="coverage" { "Coverage points" }
                @for group in summary.groups() { (coverage_group(&group, most)) }
            }
        }
    }
}

fn coverage_group(group: &Group<'_>, most: u64) -> Markup {
    let (reached, total) = (group.reached(), group.points.len());
    let percent = format!("--part: {}%", reached * 100 / total);
    html! {
        details {
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
            td class="number bar" style={ "--part:" (part(point.hits, most)) "%" } { (grouped(point.hits)) }
            td { @if let Some(run) = &point.first { (printable(&run.name())) } @else { "never" } }
        }
    }
}
