//! The mutants of `fixtures/mutants/` do not rot: each still fits the core, and has its row in its matrix.
//!
//! Whether they are noticed is not asked here; that takes a build for each
//! (`CONTRIBUTING.md`, "Prove that the net holds").

#[path = "../examples/mutants/matrix.rs"]
#[expect(dead_code, reason = "only the command that makes it puts rows into it")]
mod matrix;
#[path = "../examples/mutants/patch.rs"]
#[expect(dead_code, reason = "only the command that draws the sample compares mutants")]
mod patch;

use std::path::Path;

use matrix::{Matrix, Row, page};
use patch::Mutant;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in a workspace")
}

/// Those made by hand, and the sample of `cargo mutants`; how many there have to be.
const SETS: [(&str, usize); 2] = [("fixtures/mutants", 80), ("fixtures/mutants/sampled", 150)];

fn mutants(folder: &str) -> Vec<Mutant> {
    Mutant::load_all(&root().join(folder)).expect("every patch is a mutant")
}

fn matrix(folder: &str) -> Matrix {
    let text = std::fs::read_to_string(root().join(folder).join("kill-matrix.json"));
    serde_json::from_str(&text.expect("there is a matrix")).expect("the matrix is JSON")
}

#[test]
fn every_mutant_fits_the_core() {
    let mutants: Vec<_> = SETS.iter().flat_map(|(folder, _)| mutants(folder)).collect();
    let misfit = |mutant: &Mutant| {
        let path = root().join(&mutant.file);
        let applied = std::fs::read_to_string(&path)
            .map_err(|error| error.to_string())
            .and_then(|source| Ok(mutant.apply(&source)? != source));
        match applied {
            Ok(true) => None,
            Ok(false) => Some(format!("{} changes nothing", mutant.name)),
            Err(error) => Some(format!("{} in {}: {error}", mutant.name, mutant.file.display())),
        }
    };
    let misfits: Vec<_> = mutants.iter().filter_map(misfit).collect();
    assert!(
        misfits.is_empty(),
        "these mutants do not fit the core any more:\n{}\nMake each mistake again by hand in the core as it is, \
         write `git diff core` below the head of its patch, take the mistake out, and renew its row: \
         cargo run -p colo-scenarios --example mutants -- --only NAME, with --sampled for one of the sample",
        misfits.join("\n")
    );
}

#[test]
fn each_matrix_has_a_row_for_each_mutant() {
    for (folder, least) in SETS {
        let head =
            |mutant: Mutant| (mutant.name, mutant.breaks, mutant.survives, mutant.equivalent);
        let all: Vec<_> = mutants(folder).into_iter().map(head).collect();
        assert!(all.len() >= least, "{folder} has {} mutants; {least} are the proof", all.len());
        let head = |row: Row| (row.mutant, row.breaks, row.survives, row.equivalent);
        let rows: Vec<_> = matrix(folder).rows.into_iter().map(head).collect();
        let differ = all.iter().filter(|one| !rows.contains(one));
        let differ = differ.chain(rows.iter().filter(|one| !all.contains(one)));
        let differ: Vec<_> = differ.map(|(name, ..)| name.as_str()).collect();
        assert!(
            differ.is_empty() && rows.len() == all.len(),
            "in {folder} these have no row, or one that says something else: {differ:?}\n\
             run: cargo run -p colo-scenarios --example mutants -- --missing (with --sampled for the sample)"
        );
    }
}

#[test]
fn the_net_holds_and_every_survivor_has_its_reason() {
    let [by_hand, sampled] = SETS.map(|(folder, _)| matrix(folder));
    for matrix in [&by_hand, &sampled] {
        let figures = matrix.figures();
        assert!(
            figures.by_seeds * 100 >= figures.real() * 95,
            "at least 95 % of those that matter are noticed by seeds: {figures:?}"
        );
        assert!(figures.median <= 100, "the median is noticed within 100 seeds: {figures:?}");
        for row in matrix.survivors() {
            let name = &row.mutant;
            assert!(row.survives.is_some(), "no seed notices {name}: say why behind `Survives:`");
        }
        for row in matrix.rows.iter().filter(|row| row.equivalent.is_some()) {
            let name = &row.mutant;
            assert!(!row.is_killed(), "{name} was noticed, so it does not behave as the core does");
        }
    }
    let written = std::fs::read_to_string(root().join("docs/mutants.md")).expect("there is a page");
    assert_eq!(written, page(&by_hand, &sampled), "docs/mutants.md is written with the matrices");
}

#[test]
fn a_mutant_finds_its_place_when_lines_move() {
    let text = "Mutant: m\nBreaks: it.\n\n--- a/f\n+++ b/f\n@@ -2,3 +2,3 @@\n b\n-c\n+x\n d\n";
    let mutant = Mutant::parse(text).expect("it is a mutant");
    assert_eq!(mutant.apply("a\nb\nc\nd\n").as_deref(), Ok("a\nb\nx\nd\n"));
    assert_eq!(mutant.apply("0\na\nb\nc\nd\n").as_deref(), Ok("0\na\nb\nx\nd\n"));
    assert!(mutant.apply("a\nb\nC\nd\n").is_err(), "its lines are gone");
    assert!(mutant.apply("b\nc\nd\nb\nc\nd\n").is_err(), "its lines are there twice");
}
