//! Why a clean run means something: the defects that were found, and the kill matrix.

use std::collections::BTreeSet;

use maud::{Markup, html};

use crate::figures::{counted, grouped, printable};
use crate::html::part;
use crate::proof::{Found, Kill, KillMatrix, Proof};

pub(super) fn section(proof: &Proof) -> Markup {
    html! {
        @if !proof.findings.is_empty() { (findings(&proof.findings)) }
        @if !proof.kills.rows.is_empty() { (kill_matrix(&proof.kills)) }
    }
}

fn findings(findings: &[Found]) -> Markup {
    html! {
        section aria-labelledby="findings" {
            h2 id="findings" { "Findings" }
            p class="lead" {
                "Defects of the original, each with the seeds that it takes until the first plan breaks "
                "the invariant by it alone."
            }
            div class="scroll" tabindex="0" role="region" aria-label="Findings" {
                table {
                    caption class="unseen" { "Findings" }
                    thead { tr {
                        th scope="col" { "Quirk" } th scope="col" { "Breaks" }
                        th scope="col" class="number" { "Seeds to find" } th scope="col" class="number" { "Steps" }
                        th scope="col" { "Consequence" }
                    } }
                    tbody {
                        @for found in findings {
                            tr {
                                th scope="row" { code { (printable(&found.name)) } }
                                td { (printable(&found.invariant)) }
                                td class="number" { @match found.seeds { Some(seeds) => { (grouped(seeds)) } None => { "not by seeds" } } }
                                td class="number" { (grouped(found.steps)) }
                                td class="prose" { (printable(&found.consequence)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn kill_matrix(kills: &KillMatrix) -> Markup {
    let columns: BTreeSet<&str> = kills
        .rows
        .iter()
        .flat_map(|kill| kill.seeds.keys().chain(kill.scenarios.keys()))
        .map(String::as_str)
        .collect();
    let total = kills.rows.len();
    let noticed = kills.rows.iter().filter(|kill| kill.is_noticed()).count();
    let mut firsts: Vec<_> = kills.rows.iter().filter_map(Kill::first).collect();
    firsts.sort_unstable();
    html! {
        section aria-labelledby="kills" {
            h2 id="kills" { "Kill matrix" }
            p class="lead" {
                (noticed) " of " (counted(total as u64, "planted mistake", "planted mistakes"))
                " noticed, " (firsts.len()) " of them by " (grouped(kills.seeds)) " seeds"
                @if let Some(median) = firsts.get(firsts.len() / 2) { ", the median after " (grouped(*median)) }
                ". The stronger the colour, the fewer seeds it took; • is a scenario of the catalog."
            }
            details {
                summary { span class="name" { "By mistake and invariant" } span class="share" style={ "--part:" (noticed * 100 / total) "%" } { (noticed) "/" (total) } }
                div class="scroll" tabindex="0" role="region" aria-label="Kill matrix" {
                    table class="heat" {
                        caption class="unseen" { "Kill matrix" }
                        thead { tr { td {} @for column in &columns { th scope="col" { (printable(column)) } } } }
                        tbody { @for kill in &kills.rows { (kill_row(kill, &columns, kills.seeds)) } }
                    }
                }
            }
        }
    }
}

fn kill_row(kill: &Kill, columns: &BTreeSet<&str>, most: u64) -> Markup {
    html! {
        tr class=[(!kill.is_noticed()).then_some("survivor")] {
            th scope="row" title=(printable(&kill.breaks)) {
                (printable(&kill.mutant))
                @if !kill.is_noticed() { " (survives)" }
            }
            @for column in columns {
                @match (kill.seeds.get(*column), kill.scenarios.get(*column)) {
                    (Some(seeds), _) => {
                        td class="hit" style={ "--heat:" ((105 - part(*seeds, most)) * 3 / 5) "%" } { (grouped(*seeds)) }
                    }
                    (None, Some(scenario)) => { td class="hit" title=(printable(scenario)) { "•" } }
                    (None, None) => { td {} }
                }
            }
        }
    }
}
