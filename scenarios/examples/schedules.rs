//! Which findings need which schedule: tries them all and writes `docs/schedules.md`.
//!
//! ```text
//! cargo run --release -p colo-scenarios --example schedules
//! ```
//!
//! For each quirk, alone: how many seeds it takes under each schedule, and in how many of its
//! orders the plan of its finding fails. A minute or two.

use std::fmt::Write;
use std::path::Path;

use colo_core::Quirk;
use colo_scenarios::explore::explore_orders;
use colo_scenarios::finding::find;
use colo_scenarios::generate::generate;
use colo_scenarios::profile::{Added, Behaviour, Schedules};
use colo_scenarios::run::run;
use colo_sim::explore::OrderBounds;

const SEEDS: u64 = 20_000;

const KINDS: [Schedules; 5] = [
    Schedules::Latency,
    Schedules::Random,
    Schedules::Pct(Some(1)),
    Schedules::Pct(Some(2)),
    Schedules::Pct(Some(3)),
];

/// Deviations from the order of submission within which the orders of a finding are tried.
const BOUNDS: OrderBounds = OrderBounds { orders_max: 1_000_000, deviations_max: Some(3) };

const HEAD: &str = "\
# Schedules: which findings need which order of events

A plan's `schedule` says what decides what happens next: `latency` (each request draws how long it
takes), `random` (whatever may come next is equally likely), `pct` (priorities, lowered at `depth - 1` moments: few
reorderings, each of them far-reaching) or `chosen` (a list). The generator draws `latency` for seven plans of eight and
`random` or `pct` for the others; `run --schedule KIND` has one for all. `explore --orders` tries every order of a
plan, or with `--deviations N` every one that differs in at most N places from that in which
everything is answered as it was asked for.

This page is written by `cargo run --release -p colo-scenarios --example schedules`; do not edit it.

";

fn main() -> std::io::Result<()> {
    let mut text = HEAD.to_owned();
    let _ = writeln!(
        text,
        "Behind each quirk, alone in the hardened core: the first seed that fails and how many of {SEEDS} do, under each \
         schedule; and in how many of its orders of up to three deviations the plan of its finding fails.\n"
    );
    let names: Vec<_> = KINDS.iter().map(|kind| format!("`{}`", kind.name())).collect();
    let _ = writeln!(text, "| quirk | {} | orders that fail |", names.join(" | "));
    let _ = writeln!(text, "|---|{}---|", "---|".repeat(KINDS.len()));
    for &quirk in Quirk::ALL {
        let cells: Vec<_> = KINDS.iter().map(|&kind| seeds(quirk, kind)).collect();
        let line = format!("| `{}` | {} | {} |", quirk.name(), cells.join(" | "), orders(quirk));
        println!("{line}");
        let _ = writeln!(text, "{line}");
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schedules.md");
    std::fs::write(page, text)
}

/// The first seed that fails, and how many do.
fn seeds(quirk: Quirk, schedule: Schedules) -> String {
    let added = Added::Named(vec![quirk]);
    let behaviour = Behaviour { added, schedule: Some(schedule), ..Behaviour::default() };
    let failing = (0..SEEDS).filter(|&seed| !run(&generate(seed, &behaviour)).is_clean());
    let failing: Vec<_> = failing.collect();
    failing.first().map_or("-".to_owned(), |first| format!("{first} ({})", failing.len()))
}

fn orders(quirk: Quirk) -> String {
    let plan = find(quirk.name()).expect("every quirk has its finding").defective();
    let (mut failing, mut last) = (0, String::new());
    let tally = explore_orders(&plan, BOUNDS, &|| true, &mut |found| {
        failing += u64::from(found.plan.name != last);
        last = found.plan.name;
    });
    format!("{failing} of {}", tally.orders)
}
