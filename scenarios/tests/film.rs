//! The timelines of failing runs: that filming changes nothing, and that a film shows what was there.

use std::collections::BTreeSet;

use colo_core::Quirk;
use colo_reports::{Kind, Lane, Timeline, Writer};
use colo_scenarios::catalog::find;
use colo_scenarios::finding::all;
use colo_scenarios::generate::generate;
use colo_scenarios::plan::Plan;
use colo_scenarios::profile::{Added, Behaviour, Profile};
use colo_scenarios::run::{run, run_filmed, run_traced};

const LONG: usize = 100_000;

fn behaviour(added: Added) -> Behaviour {
    Behaviour { added, ..Behaviour::default() }
}

/// The example of the README: a power loss takes what a flush had promised.
fn flushed_and_lost() -> Plan {
    let quirk = Added::Named(vec![Quirk::FlushMissesSplitWrites]);
    find("commit-write-error").expect("it is in the catalog").plan(&behaviour(quirk))
}

fn film(plan: &Plan, moments_max: usize) -> Timeline {
    run_filmed(plan, None, moments_max).1.expect("it violates something")
}

/// What the disks hold after each moment, by strip and sector; and before the first.
fn states(timeline: &Timeline) -> Vec<Vec<u32>> {
    let mut now: Vec<u32> = timeline.strips.iter().flat_map(|strip| strip.start.clone()).collect();
    let mut states = vec![now.clone()];
    for moment in &timeline.moments {
        for cell in moment.cells.as_chunks::<2>().0 {
            now[cell[0] as usize] = cell[1];
        }
        states.push(now.clone());
    }
    states
}

/// Who wrote a sector of a disk, and the number of the write, at the end.
fn at_the_end(timeline: &Timeline, disk: &str, sector: usize) -> (Writer, u32) {
    let strip = timeline.strips.iter().position(|strip| strip.name == disk).expect("a disk");
    let codes = states(timeline).pop().expect("there are moments");
    let code = codes[strip * timeline.sectors.len() + sector];
    let content = &timeline.contents[code as usize / 2];
    (content.writer, content.number)
}

#[test]
fn filming_changes_nothing() {
    let seed = Behaviour { profile: Profile::Seed, ..behaviour(Added::Nothing) };
    let findings = all().map(|finding| finding.defective());
    for plan in findings.chain((0..60).map(|n| generate(n, &seed))) {
        let (outcome, film) = run_filmed(&plan, None, 500);
        let without = run(&plan);
        assert_eq!(outcome.digest, without.digest, "{}", plan.name);
        assert_eq!(outcome.violations, without.violations, "{}", plan.name);
        assert_eq!(outcome.points, without.points, "{}", plan.name);
        assert_eq!(film.is_some(), !without.violations.is_empty(), "{}", plan.name);
        if let Some(film) = film {
            let first = &without.violations[0];
            assert_eq!((&film.invariant[..], film.sector), (first.invariant, first.sector));
        }
    }
}

#[test]
fn the_disks_are_as_the_violation_says() {
    let film = film(&flushed_and_lost(), LONG);
    // "sector 20 of the secondary disk holds the initial contents; expected secondary write #3".
    assert_eq!((&film.invariant[..], film.host, film.sector), ("crash", 1, Some(20)));
    assert_eq!(at_the_end(&film, "secondary", 20), (Writer::Initial, 0));
    assert_eq!(at_the_end(&film, "secondary", 21), (Writer::Secondary, 3), "this one was kept");
    assert_eq!(at_the_end(&film, "secondary", 0), (Writer::Primary, 1));
    let last = film.moments.last().expect("there are some");
    assert_eq!(
        (last.lane, &last.text[..]),
        (Lane::SecondaryHost, "recovered: the view is written down")
    );
    // Before the power failed it was there, and not flushed.
    let place = film.sectors.len() as u32 + 20;
    let written = film.moments.iter().flat_map(|moment| moment.cells.as_chunks::<2>().0);
    let written: Vec<_> = written.filter(|cell| cell[0] == place).map(|cell| cell[1]).collect();
    let names =
        written.iter().map(|code| (film.contents[*code as usize / 2].writer, code % 2 == 0));
    assert_eq!(names.collect::<Vec<_>>(), [(Writer::Secondary, false), (Writer::Initial, true)]);
}

#[test]
fn moments_are_the_entries_of_the_trace_up_to_the_violation() {
    let plan = flushed_and_lost();
    let film = film(&plan, LONG);
    let (outcome, trace) = run_traced(&plan);
    let end = outcome.violations[0].at;
    // The two hosts are switched on before a film begins.
    let on = trace
        .entries()
        .iter()
        .take_while(|entry| !matches!(entry.what, colo_sim::world::What::Step(_)));
    let entries: Vec<_> = trace.entries().iter().skip(on.count()).collect();
    assert!(film.moments.len() <= entries.len());
    for (moment, entry) in film.moments.iter().zip(&entries) {
        assert_eq!(moment.at_ns, entry.at.0, "{}", moment.text);
    }
    assert_eq!(film.moments.last().map(|moment| moment.at_ns), Some(end.0));
    let steps: Vec<_> = film.moments.iter().filter(|moment| moment.kind == Kind::Step).collect();
    assert_eq!(steps.len(), 16, "steps 0 to 15 had begun");
    assert!(
        steps[14].text.starts_with("step 14: {\"power_loss\":\"secondary\"}"),
        "{}",
        steps[14].text
    );
}

#[test]
fn a_short_film_ends_like_a_long_one() {
    let plan = flushed_and_lost();
    let (whole, short) = (film(&plan, LONG), film(&plan, 20));
    assert_eq!(short.moments.len(), 20);
    assert_eq!(short.left_out as usize, whole.moments.len() - 20);
    let first = whole.moments.len() - 20;
    assert_eq!(states(&short), states(&whole)[first..]);
    assert_eq!(short.moments, whole.moments[first..]);
    assert!(short.spans.iter().all(|&(_, from, to)| from < to && to < 20), "{:?}", short.spans);
    // What was under way when it begins is there from the beginning.
    let under_way =
        |&&(_, from, to): &&(u8, u32, u32)| (from as usize) < first && (to as usize) > first;
    let before = whole.spans.iter().filter(under_way).count();
    assert_eq!(short.spans.iter().filter(|(_, from, _)| *from == 0).count(), before);
}

#[test]
fn every_number_in_a_film_means_something() {
    let seed = Behaviour { profile: Profile::Seed, ..behaviour(Added::Nothing) };
    let mut lanes = BTreeSet::new();
    let mut films = 0;
    for film in (0..300).filter_map(|n| run_filmed(&generate(n, &seed), None, 2_000).1) {
        films += 1;
        let places = film.strips.len() * film.sectors.len();
        for state in states(&film) {
            assert!(state.iter().all(|code| (*code as usize) < 2 * film.contents.len()));
        }
        for moment in &film.moments {
            lanes.insert(moment.lane);
            let places_used = moment.cells.as_chunks::<2>().0.iter().map(|cell| cell[0] as usize);
            assert!(places_used.clone().all(|place| place < places), "{}", moment.text);
            assert!(!moment.text.is_empty() && moment.text.trim() == moment.text);
        }
        let last = film.moments.len() as u32;
        assert!(film.labels.iter().all(|(from, ..)| *from < last));
        assert!(film.spans.iter().all(|&(lane, from, to)| lane < 6 && from < to && to < last));
        assert!(film.sector.is_none_or(|sector| film.sectors.contains(&sector)));
    }
    assert!(films > 50, "{films} films");
    assert_eq!(lanes.len(), 7, "each lane is used");
}

#[test]
fn a_clean_run_has_no_film() {
    let plan = find("failover").expect("it is in the catalog").plan(&Behaviour::default());
    assert_eq!(run_filmed(&plan, None, LONG).1, None);
    assert_eq!(run_filmed(&flushed_and_lost(), Some("view"), LONG).1, None);
}

#[test]
fn a_film_goes_on_to_the_violation_that_is_asked_for() {
    let seed = Behaviour { profile: Profile::Seed, ..behaviour(Added::Nothing) };
    let mut later = 0;
    for plan in (0..100).map(|n| generate(n, &seed)) {
        for violation in run(&plan).violations.iter().skip(1) {
            let film = run_filmed(&plan, Some(violation.invariant), LONG).1.expect("it is there");
            let end = film.moments.last().map(|moment| moment.at_ns);
            assert!(end <= Some(violation.at.0), "{}", plan.name);
            assert_eq!((&film.invariant[..], film.sector), (violation.invariant, violation.sector));
            later += 1;
        }
    }
    assert!(later > 10, "{later} later violations");
}
