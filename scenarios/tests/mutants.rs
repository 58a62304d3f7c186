//! The mutants of `fixtures/mutants/` do not rot: each still fits the core, and has its row in the matrix.
//!
//! Whether they are noticed is not asked here; that takes a build for each
//! (`CONTRIBUTING.md`, "Prove that the net holds").

#[path = "../examples/mutants/matrix.rs"]
#[expect(dead_code, reason = "only the command that makes it puts rows into it")]
mod matrix;
#[path = "../examples/mutants/patch.rs"]
mod patch;

use std::path::Path;

use matrix::Matrix;
use patch::Mutant;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in a workspace")
}

fn mutants() -> Vec<Mutant> {
    Mutant::load_all(&root().join("fixtures/mutants")).expect("every patch is a mutant")
}

fn matrix() -> Matrix {
    let text = std::fs::read_to_string(root().join("fixtures/mutants/kill-matrix.json"));
    serde_json::from_str(&text.expect("there is a matrix")).expect("the matrix is JSON")
}

#[test]
fn every_mutant_fits_the_core() {
    let mutants = mutants();
    assert!(mutants.len() >= 40, "there are {} mutants; a proof needs at least 40", mutants.len());
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
         write `git diff core` below the head of fixtures/mutants/NAME.patch, take the mistake out, and renew its \
         row: cargo run -p colo-scenarios --example mutants -- --only NAME",
        misfits.join("\n")
    );
}

#[test]
fn the_matrix_has_a_row_for_each_mutant() {
    let rows: Vec<_> =
        matrix().rows.into_iter().map(|row| (row.mutant, row.breaks, row.survives)).collect();
    let all: Vec<_> =
        mutants().into_iter().map(|mutant| (mutant.name, mutant.breaks, mutant.survives)).collect();
    assert_eq!(
        rows, all,
        "run: cargo run -p colo-scenarios --example mutants -- --missing (or --only NAME for a head that was changed)"
    );
}

#[test]
fn the_net_holds_and_every_survivor_has_its_reason() {
    let matrix = matrix();
    let figures = matrix.figures();
    assert!(
        figures.by_seeds * 100 >= figures.mutants * 95,
        "at least 95 % are noticed by seeds: {figures:?}"
    );
    assert!(figures.median <= 100, "the median is noticed within 100 seeds: {figures:?}");
    for row in matrix.rows.iter().filter(|row| row.seeds_to_kill().is_none()) {
        assert!(
            row.survives.is_some(),
            "no seed notices {}: say why behind `Survives:`",
            row.mutant
        );
    }
    let page = std::fs::read_to_string(root().join("docs/mutants.md")).expect("there is a page");
    assert_eq!(page, matrix.markdown(), "docs/mutants.md is written with the matrix");
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
