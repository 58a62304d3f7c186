//! What was measured, as a page.

use std::collections::BTreeSet;
use std::fmt::Write;

use colo_core::Quirk;
use colo_scenarios::points;

use crate::{FIND_MAX, FIND_STARTS, Find, LOOKS, Measured, RATE, REACH_MAX, Reach, STARTS};

const HEAD: &str = "\
# Guided campaigns: mutations of plans that reached a new point

`run --guided --out DIR` begins as a plain campaign. After the first 1,024 plans it makes most plans from others: it keeps
each plan that reached a coverage point which none before it did, or reached one more often than any before it, and
changes such a plan in up to six places. Steps are put in, taken out, repeated, moved, or spliced with another plan; a
number in a step, the sizes, the schedule or the latencies change. Plans that reach the points that are reached least
often are preferred. What is put in comes from the generator or from the corpus, and any list of steps is a plan, so every
such plan is one that the hardened core has to survive. No seed makes it again: the ones that fail are saved as files.

**Verdict of 2026-11-24: it wins where plain chance has run dry, and is kept beside the plain campaign, not in place of it.** All
points but one take about a third of the plans and less than half of the steps, as such plans are longer, and only guided
campaigns reach the very last within the limit. The findings are found after as many plans as
before, because all of them come before the guiding begins; in a long run a guided campaign shows some defects up to four times
as often and others a quarter as often, so a plain one stays the default. And when it was new it met what plain campaigns of the
same size had not: plans that broke an invariant of the hardened core. What they showed is repaired, and such plans are in
`fixtures/plans/`; what they met that was said to be impossible is a point now, and seeds reach it. The tables
were measured on 2026-11-28; since then the generator strikes jobs at work, and there is a point for each kind of fault in each
phase, which these tables do not know.

This page is written by `cargo run --release -p colo-scenarios --example guided`; do not edit it.
";

/// The whole page.
pub(crate) fn write(measured: &[Measured]) -> String {
    let mut text = HEAD.to_owned();
    reached(&mut text, measured);
    beyond(&mut text, measured);
    found(&mut text, measured);
    text
}

fn row(text: &mut String, name: &str, cells: impl Iterator<Item = String>) {
    let cells: Vec<_> = cells.collect();
    let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
}

fn head(text: &mut String, first: &str, columns: &[String]) {
    row(text, first, columns.iter().cloned());
    let _ = writeln!(text, "|---|{}", "---|".repeat(columns.len()));
}

fn names(measured: &[Measured]) -> Vec<String> {
    measured.iter().map(|one| one.name.to_owned()).collect()
}

/// Plans and steps until something was reached.
type Of = fn(&Reach) -> Option<(u64, u64)>;

fn reached(text: &mut String, measured: &[Measured]) {
    let (starts, points) = (STARTS.len(), points::names_without_network().len());
    let _ = writeln!(
        text,
        "\n## All points\n\nUntil all {points} points are reached, in {starts} repetitions from independent seeds, of at most \
         {REACH_MAX} plans each. Medians; in brackets each repetition.\n"
    );
    head(text, "", &names(measured));
    let each = |of: &dyn Fn(&Reach) -> Option<u64>| {
        measured.iter().map(|one| told(one.reach.iter().map(of).collect())).collect::<Vec<_>>()
    };
    for (at, look) in LOOKS.iter().enumerate() {
        let cells = each(&|reach| Some(reach.looks[at] as u64));
        row(text, &format!("points after {look} plans"), cells.into_iter());
    }
    let (but_one, all): (Of, Of) = (|reach| reach.but_one, |reach| reach.all);
    for (what, of) in [("all but one", but_one), ("all", all)] {
        let plans = each(&|reach| of(reach).map(|(plans, _)| plans));
        row(text, &format!("plans until {what}"), plans.into_iter());
        let steps = each(&|reach| of(reach).map(|(_, steps)| steps));
        row(text, &format!("steps until {what}"), steps.into_iter());
    }
}

/// The median, and each. What is missing was not reached, and counts as more than anything.
fn told(mut numbers: Vec<Option<u64>>) -> String {
    let shown = |number: Option<u64>| number.map_or("-".to_owned(), |number| number.to_string());
    let each: Vec<_> = numbers.iter().map(|number| shown(*number)).collect();
    numbers.sort_by_key(|number| number.unwrap_or(u64::MAX));
    format!("{} ({})", shown(median(&numbers)), each.join(", "))
}

/// Of sorted numbers; of an even count the mean of the two in the middle.
fn median(sorted: &[Option<u64>]) -> Option<u64> {
    let (low, high) = (sorted[(sorted.len() - 1) / 2]?, sorted[sorted.len() / 2]?);
    Some(low.midpoint(high))
}

/// What neither the hardened core nor our list of reasons allows.
fn beyond(text: &mut String, measured: &[Measured]) {
    let _ = writeln!(
        text,
        "\n## What must not be\n\nIn the same plans: how many broke an invariant of the hardened core, each of which is a defect \
         of the core or of the oracle; and what was met that `points/unreachable.rs` says cannot be.\n"
    );
    head(text, "", &names(measured));
    let sum = |one: &Measured, of: fn(&Reach) -> u64| one.reach.iter().map(of).sum::<u64>();
    row(text, "plans", measured.iter().map(|one| sum(one, |reach| reach.plans).to_string()));
    let failed = |reach: &Reach| reach.failed.len() as u64;
    row(text, "broke an invariant", measured.iter().map(|one| sum(one, failed).to_string()));
    let impossible = measured.iter().map(|one| {
        let met: BTreeSet<_> = one.reach.iter().flat_map(|reach| &reach.impossible).collect();
        met.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join("<br>")
    });
    row(text, "said to be impossible", impossible);
}

fn found(text: &mut String, measured: &[Measured]) {
    let plans = |find: &Find, of: fn((u64, u64)) -> u64| {
        let mut numbers: Vec<_> = find.iter().map(|found| found.map(of)).collect();
        numbers.sort_by_key(|number| number.unwrap_or(u64::MAX));
        median(&numbers)
    };
    let _ = writeln!(
        text,
        "\n## Each finding\n\nBehind each quirk, alone in the hardened core: the median of the plans until one breaks the \
         finding's invariant, in {FIND_STARTS} repetitions of at most {FIND_MAX} plans; and, after the first 1,024, how many of \
         {RATE} plans do. Nothing is guided before plan 1,025, so what is found by then is found alike; the second number \
         says how often a guided campaign shows what it is not looking for. `stale-connection` and \
         `ungranted-failover` are not here: they take two hosts on a network, and these plans have none.\n"
    );
    let columns = names(measured).into_iter().map(|name| format!("{name}: first"));
    let rates = names(measured).into_iter().map(|name| format!("{name}: of {RATE}"));
    head(text, "quirk", &columns.chain(rates).collect::<Vec<_>>());
    for (at, quirk) in Quirk::ALL.iter().enumerate() {
        let firsts = measured.iter().map(|one| {
            let first = plans(&one.find[at], |(plans, _)| plans);
            first.map_or("-".to_owned(), |first| first.to_string())
        });
        let rates = measured.iter().map(|one| one.rate[at].to_string());
        row(text, &format!("`{}`", quirk.name()), firsts.chain(rates));
    }
    let total = |one: &Measured, of: fn((u64, u64)) -> u64| {
        let sum: Option<u64> = one.find.iter().map(|find| plans(find, of)).sum();
        sum.map_or("-".to_owned(), |sum| sum.to_string())
    };
    let firsts = measured.iter().map(|one| total(one, |(plans, _)| plans));
    let rates = measured.iter().map(|one| one.rate.iter().sum::<u64>().to_string());
    row(text, "together", firsts.chain(rates));
}
