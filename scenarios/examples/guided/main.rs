//! Whether plans made from those that reached a new point find more than drawn ones: measures it and writes
//! `docs/guided.md`.
//!
//! ```text
//! cargo run --release -p colo-scenarios --example guided
//! ```
//!
//! The same work for a plain campaign and for guided ones, each from several independent first seeds: until all
//! points are reached, until each quirk alone is found, and how many plans show it. Some ten minutes, on one thread.

mod page;

use std::collections::BTreeSet;
use std::path::Path;

use colo_core::Quirk;
use colo_scenarios::finding::invariant_of;
use colo_scenarios::guided::{GENERATION, Guided, Setting};
use colo_scenarios::panics::caught;
use colo_scenarios::plan::Plan;
use colo_scenarios::points;
use colo_scenarios::profile::{Added, Behaviour};
use colo_scenarios::run::{Outcome, run};

/// What is compared, the plain campaign first.
const SETTINGS: [(&str, Setting); 3] = [
    ("plain", Setting::PLAIN),
    ("1 in 2 guided", Setting { plain_first: 1024, fresh: 50, rare: true, counts: true }),
    ("9 in 10 guided", Setting { plain_first: 1024, fresh: 10, rare: true, counts: true }),
];

/// Repetitions, each from a first seed of its own that no other comes near.
const STARTS: [u64; 4] = [0, 1 << 40, 2 << 40, 3 << 40];

/// Plans in which all points are to be reached.
const REACH_MAX: u64 = 150_000;

/// Numbers of plans at which the points that were reached are told.
const LOOKS: [u64; 4] = [3_000, 10_000, 30_000, 100_000];

/// Plans in which a quirk is to be found, and repetitions of that: it takes less.
const FIND_MAX: u64 = 20_000;
const FIND_STARTS: u64 = 10;

/// Plans, after the first that are plain in every setting, of which those are counted that show a quirk.
const RATE: u64 = 5_000;

/// How one campaign reached points.
#[derive(Default)]
struct Reach {
    /// At each of [`LOOKS`].
    looks: [usize; LOOKS.len()],
    /// Plans and steps until all points but one were reached, and all.
    but_one: Option<(u64, u64)>,
    all: Option<(u64, u64)>,
    plans: u64,
    /// Names of plans that broke an invariant.
    failed: Vec<String>,
    /// What was met that is said to be impossible.
    impossible: BTreeSet<&'static str>,
}

/// How a quirk was found: plans and steps until then, from each first seed.
type Find = Vec<Option<(u64, u64)>>;

/// What a setting came to.
struct Measured {
    name: &'static str,
    reach: Vec<Reach>,
    find: Vec<Find>,
    /// Plans that show each quirk.
    rate: Vec<u64>,
}

fn main() -> std::io::Result<()> {
    let measured = SETTINGS.map(|(name, setting)| {
        let told = |what: &str| eprintln!("{name}: {what}");
        told("points");
        let reach = STARTS.map(|start| reach(setting, start)).into();
        told("findings");
        let find = Quirk::ALL.iter().map(|&quirk| find(setting, quirk)).collect();
        told("rates");
        let rate = Quirk::ALL.iter().map(|&quirk| rate(setting, quirk)).collect();
        Measured { name, reach, find, rate }
    });
    let text = page::write(&measured);
    print!("{text}");
    std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guided.md"), text)
}

/// Runs a campaign and shows every plan with what came of it, until `take` has seen enough.
fn campaign(
    (setting, behaviour, start): (Setting, Behaviour, u64),
    plans: u64,
    mut take: impl FnMut(u64, &Guided, &Plan, &Outcome) -> bool,
) {
    let mut guided = Guided::new(setting, behaviour, start);
    for number in 0..plans {
        if number.is_multiple_of(GENERATION) {
            guided.begin_generation(number);
        }
        let (_, plan) = guided.plan(number);
        // A panic of ours is worth more than a page.
        let outcome = caught(|| run(&plan));
        let outcome = outcome.unwrap_or_else(|panic| panic!("{}\n{}", panic.said, plan.to_json()));
        guided.learn(number, &outcome.points);
        if take(number + 1, &guided, &plan, &outcome) {
            return;
        }
    }
}

fn reach(setting: Setting, start: u64) -> Reach {
    let (mut reach, mut steps) = (Reach::default(), 0);
    let points = points::names_without_network().len();
    campaign((setting, Behaviour::default(), start), REACH_MAX, |plans, guided, plan, outcome| {
        steps += plan.steps.len() as u64;
        let reached = guided.plans_of_points().iter().filter(|plans| **plans > 0).count();
        for (look, at) in reach.looks.iter_mut().zip(LOOKS) {
            *look = if plans <= at { reached } else { *look };
        }
        if reached + 1 >= points {
            reach.but_one.get_or_insert((plans, steps));
        }
        if !outcome.is_clean() {
            eprintln!("{}: {:?} {:?}", plan.name, outcome.violations, outcome.aborts);
            reach.failed.push(plan.name.clone());
        }
        reach.impossible.extend(&outcome.impossible);
        reach.plans = plans;
        reach.all = (reached == points).then_some((plans, steps));
        reach.all.is_some()
    });
    reach
}

/// Whether a plan shows this quirk: as a finding does, by breaking its invariant.
fn shows(outcome: &Outcome, quirk: Quirk) -> bool {
    outcome.violations.iter().any(|violation| violation.invariant == invariant_of(quirk))
}

fn with(quirk: Quirk) -> Behaviour {
    Behaviour { added: Added::Named(vec![quirk]), ..Behaviour::default() }
}

fn find(setting: Setting, quirk: Quirk) -> Find {
    let first = |start| {
        let (mut found, mut steps) = (None, 0);
        campaign((setting, with(quirk), start << 40), FIND_MAX, |plans, _, plan, outcome| {
            steps += plan.steps.len() as u64;
            found = shows(outcome, quirk).then_some((plans, steps));
            found.is_some()
        });
        found
    };
    (0..FIND_STARTS).map(first).collect()
}

fn rate(setting: Setting, quirk: Quirk) -> u64 {
    let plain = SETTINGS.iter().map(|(_, setting)| setting.plain_first).max().unwrap_or(0);
    let mut count = 0;
    campaign((setting, with(quirk), 0), plain + RATE, |plans, _, _, outcome| {
        count += u64::from(plans > plain && shows(outcome, quirk));
        false
    });
    count
}
