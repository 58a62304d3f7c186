//! The mutants of `fixtures/mutants/` do not rot: each still fits the core.
//!
//! Whether they are noticed is not asked here; that takes a build for each
//! (`CONTRIBUTING.md`, "Prove that the net holds").

#[path = "../examples/mutants/patch.rs"]
mod patch;

use std::path::Path;

use patch::Mutant;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in a workspace")
}

fn mutants() -> Vec<Mutant> {
    Mutant::load_all(&root().join("fixtures/mutants")).expect("every patch is a mutant")
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
fn a_mutant_finds_its_place_when_lines_move() {
    let text = "Mutant: m\nBreaks: it.\n\n--- a/f\n+++ b/f\n@@ -2,3 +2,3 @@\n b\n-c\n+x\n d\n";
    let mutant = Mutant::parse(text).expect("it is a mutant");
    assert_eq!(mutant.apply("a\nb\nc\nd\n").as_deref(), Ok("a\nb\nx\nd\n"));
    assert_eq!(mutant.apply("0\na\nb\nc\nd\n").as_deref(), Ok("0\na\nb\nx\nd\n"));
    assert!(mutant.apply("a\nb\nC\nd\n").is_err(), "its lines are gone");
    assert!(mutant.apply("b\nc\nd\nb\nc\nd\n").is_err(), "its lines are there twice");
}
