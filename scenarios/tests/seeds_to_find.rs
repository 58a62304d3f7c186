//! How many seeds it takes to find each defect: `fixtures/seeds-to-find.json`, which the page shows.
//!
//! The number depends on the generator and the oracle. Where it was meant to change,
//! `COLOSIM_BLESS=1 cargo test -p colo-scenarios --test seeds_to_find` counts anew.

use std::collections::BTreeMap;
use std::path::Path;

use colo_scenarios::finding::{Finding, SEEDS_TRIED, all, seeds_to_find};
use colo_scenarios::generate::generate;
use colo_scenarios::profile::{Added, Behaviour, Topology};
use colo_scenarios::run::run;

fn breaks(finding: &Finding, seed: u64) -> bool {
    let added = Added::Named(vec![finding.quirk]);
    let topology = finding.plan.setup.pair.map(|_| Topology::Pair);
    let behaviour = Behaviour { added, topology, ..Behaviour::default() };
    let outcome = run(&generate(seed, &behaviour));
    outcome.violations.iter().any(|violation| violation.invariant == finding.invariant)
}

#[test]
fn each_defect_is_found_after_as_many_seeds_as_are_written_down() {
    let count = |finding: Finding| {
        let first = (0..SEEDS_TRIED).find(|&seed| breaks(&finding, seed));
        (finding.quirk.name().to_owned(), first.map(|seed| seed + 1))
    };
    let counted: BTreeMap<_, _> = all().map(count).collect();
    if std::env::var_os("COLOSIM_BLESS").is_some_and(|value| value == "1") {
        let json = serde_json::to_string_pretty(&counted).expect("plain shapes always serialise");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/seeds-to-find.json");
        std::fs::write(path, json + "\n").expect("there is room");
        return;
    }
    assert_eq!(
        seeds_to_find(),
        counted,
        "defects are found after other numbers of seeds: if generator or oracle were meant to \
         change, count anew with COLOSIM_BLESS=1"
    );
}
