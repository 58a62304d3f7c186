//! The oracle's own proof: in a whole plan a disk lies about one request, and the oracle, which is
//! told nothing of it, notices.
//!
//! `docs/lying-disks.md` says for each lie on each disk how many seeds it takes. After a change that
//! is meant to change that, `COLOSIM_BLESS=1 cargo test -p colo-scenarios --test lying`
//! writes its table anew, from [`SEEDS_TABLE`] seeds a row.

use std::path::{Path, PathBuf};

use colo_core::DiskId;
use colo_scenarios::generate::generate;
use colo_scenarios::oracle::INVARIANTS;
use colo_scenarios::plan::{Plan, Step};
use colo_scenarios::profile::{Behaviour, Lies};
use colo_scenarios::run::{Outcome, run, run_traced};
use colo_sim::lying::Lie;
use colo_sim::world::What;

/// Seeds of each row of the table.
const SEEDS_TABLE: u64 = 5_000;

fn behaviour(lie: Lie, disk: DiskId) -> Behaviour {
    Behaviour { lies: Some(Lies { lie: Some(lie), disk: Some(disk) }), ..Behaviour::default() }
}

/// Every lie on every disk.
fn cells() -> impl Iterator<Item = (Lie, DiskId)> {
    Lie::ALL.into_iter().flat_map(|lie| DiskId::ALL.map(|disk| (lie, disk)))
}

/// The first seed whose plan the oracle objects to, and what it objects to first.
fn first_catch(lie: Lie, disk: DiskId, seeds: u64) -> Option<(u64, Outcome)> {
    let behaviour = behaviour(lie, disk);
    let outcomes = (0..seeds).map(|seed| (seed, run(&generate(seed, &behaviour))));
    outcomes.into_iter().find(|(_, outcome)| !outcome.is_clean())
}

/// Runs a plan, and counts the lies that were told by its trace.
fn run_and_count(plan: &Plan) -> (Outcome, usize) {
    let (outcome, trace) = run_traced(plan);
    let lies = trace.entries().iter().filter(|entry| matches!(entry.what, What::Lie { .. }));
    (outcome, lies.count())
}

/// One row of the table.
fn row(lie: Lie, disk: DiskId) -> String {
    let behaviour = behaviour(lie, disk);
    let (mut lied, mut caught, mut first) = (0_u64, 0_u64, None);
    let mut by = vec![0_u64; INVARIANTS.len()];
    for seed in 0..SEEDS_TABLE {
        let (outcome, lies) = run_and_count(&generate(seed, &behaviour));
        lied += u64::from(lies > 0);
        if let Some(violation) = outcome.violations.first() {
            let name = violation.invariant;
            by[INVARIANTS.iter().position(|(known, _)| *known == name).expect("it is one")] += 1;
            caught += 1;
            first.get_or_insert(seed);
        }
    }
    let mut by: Vec<_> = INVARIANTS.iter().map(|(name, _)| *name).zip(by).collect();
    by.retain(|(_, count)| *count > 0);
    by.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let by: Vec<_> = by.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let first = first.map_or("-".to_owned(), |seed| (seed + 1).to_string());
    let by = if by.is_empty() { "-".to_owned() } else { by.join(", ") };
    format!("| {} | {} | {lied} | {caught} | {first} | {by} |\n", lie.name(), disk.name())
}

fn document() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/lying-disks.md")
}

const TABLE: [&str; 2] = ["<!-- table -->\n", "<!-- end of table -->\n"];

#[test]
fn the_table_has_a_row_for_every_lie_on_every_disk() {
    let text = std::fs::read_to_string(document()).expect("it is committed");
    let (before, rest) = text.split_once(TABLE[0]).expect("the table begins");
    let (table, after) = rest.split_once(TABLE[1]).expect("the table ends");
    if std::env::var_os("COLOSIM_BLESS").is_some_and(|value| value == "1") {
        let mut table = String::from(
            "| lie | disk | told in plans | caught in plans | seeds to the first catch | noticed first by |\n\
             |---|---|---|---|---|---|\n",
        );
        cells().for_each(|(lie, disk)| table.push_str(&row(lie, disk)));
        let text = [before, TABLE[0], &table, TABLE[1], after].concat();
        std::fs::write(document(), text).expect("the document can be written");
        return;
    }
    for (lie, disk) in cells() {
        let row = format!("| {} | {} | ", lie.name(), disk.name());
        assert!(table.lines().any(|line| line.starts_with(&row)), "no row {row}");
    }
}

/// Lies that no plan can tell on this disk: nobody writes there with FUA.
fn never_told(lie: Lie, disk: DiskId) -> bool {
    lie == Lie::IgnoredFua && disk != DiskId::Active
}

#[test]
fn every_lie_on_every_disk_is_caught_within_a_thousand_seeds() {
    for (lie, disk) in cells() {
        match first_catch(lie, disk, 1_000) {
            Some(_) if never_told(lie, disk) => panic!("{} on {}", lie.name(), disk.name()),
            None if !never_told(lie, disk) => {
                panic!("{} on the {} disk is not noticed", lie.name(), disk.name());
            }
            _ => {}
        }
    }
}

#[test]
fn what_double_and_missing_answers_are_caught_by() {
    for (lie, invariant) in [(Lie::DoubleAnswer, "no-abort"), (Lie::NoAnswer, "progress")] {
        let (_, outcome) = first_catch(lie, DiskId::Secondary, 100).expect("it is caught");
        assert_eq!(outcome.violations[0].invariant, invariant, "{}", lie.name());
    }
}

/// The steps of a plan without those that `--lies` has added.
fn honest(plan: &Plan) -> Vec<Step> {
    let lies = |step: &Step| match step {
        Step::On { step, .. } => matches!(**step, Step::Lie { .. }),
        step => matches!(step, Step::Lie { .. }),
    };
    plan.steps.iter().filter(|step| !lies(step)).cloned().collect()
}

#[test]
fn a_lie_is_added_to_a_plan_that_stays_what_it_is_without() {
    let lies = Behaviour { lies: Some(Lies::default()), ..Behaviour::default() };
    for seed in 0..300 {
        let (plan, lying) = (generate(seed, &Behaviour::default()), generate(seed, &lies));
        assert_eq!(
            Plan { steps: Vec::new(), ..lying.clone() },
            Plan { steps: Vec::new(), ..plan.clone() }
        );
        let (added, kept) = (lying.steps.len() - plan.steps.len(), honest(&lying));
        // A lie about what is durable brings its power loss and the coming back along.
        match added {
            1 => assert_eq!(kept, plan.steps, "seed {seed}"),
            3 => assert_eq!(kept.len(), plan.steps.len() + 2, "seed {seed}"),
            _ => panic!("seed {seed}: {added} steps more"),
        }
    }
}

#[test]
fn without_its_lie_the_same_plan_is_clean() {
    for lies in [Lie::SkippedFlush, Lie::IgnoredFua].map(|lie| Lies { lie: Some(lie), disk: None })
    {
        let behaviour = Behaviour { lies: Some(lies), ..Behaviour::default() };
        for seed in 0..1_000 {
            let mut plan = generate(seed, &behaviour);
            plan.steps = honest(&plan);
            assert!(run(&plan).is_clean(), "{} seed {seed} without the lie", lies.name());
        }
    }
}

#[test]
fn a_lie_that_is_not_told_changes_nothing() {
    for seed in 0..100 {
        let plan = generate(seed, &Behaviour::default());
        let mut lying = plan.clone();
        // At the very end, and about requests that do not come any more.
        let all = DiskId::ALL.into_iter().zip(Lie::ALL);
        lying.steps.extend(all.map(|(disk, lie)| Step::Lie {
            disk,
            lie,
            skip: u32::MAX - 1,
            times: None,
        }));
        let (honest, untold) = (run(&plan), run(&lying));
        assert_eq!(honest.violations, untold.violations, "seed {seed}");
        assert_eq!(honest.simulated, untold.simulated, "seed {seed}");
    }
}

#[test]
fn the_names_of_lies_are_read_as_they_are_written() {
    for (lie, disk) in cells() {
        for disk in [None, Some(disk)] {
            let lies = Lies { lie: Some(lie), disk };
            assert_eq!(Lies::parse(&lies.name()), Ok(lies));
        }
    }
    assert_eq!(Lies::parse("all"), Ok(Lies::default()));
    assert!(Lies::parse("white").is_err_and(|error| error.contains("lost-write")));
    assert!(Lies::parse("all:floppy").is_err_and(|error| error.contains("hidden")));
}

#[test]
fn a_timeline_shows_the_lie() {
    let behaviour = behaviour(Lie::LostWrite, DiskId::Secondary);
    let (seed, _) = first_catch(Lie::LostWrite, DiskId::Secondary, 100).expect("it is caught");
    let plan = generate(seed, &behaviour);
    let (_, trace) = run_traced(&plan);
    let text = colo_scenarios::timeline::timeline(&plan, trace.entries(), None);
    assert!(text.contains("LIE of secondary: lost-write on write"), "{text}");
    assert_eq!(Plan::parse(&plan.to_json(), "a plan").expect("it loads"), plan);
}
