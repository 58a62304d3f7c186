//! The kill matrix: which invariant noticed which mutant, and after how many seeds. As JSON, as a page.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::patch::Mutant;

/// What was seen of one mutant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Its name.
    pub(crate) mutant: String,
    /// The file it changes.
    pub(crate) file: String,
    /// What is wrong with it.
    pub(crate) breaks: String,
    /// Invariants that generated plans broke, each with the seeds up to the first that broke it; also
    /// [`NO_END`].
    pub(crate) seeds: BTreeMap<String, u64>,
    /// Invariants that scenarios of the catalog broke, each with the first scenario.
    pub(crate) scenarios: BTreeMap<String, String>,
    /// The campaign panicked: the place and the words of the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) panicked: Option<String>,
    /// The campaign did not come to its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) hung: bool,
    /// Whether QEMU's own cases notice.
    pub(crate) unit_cases: bool,
    /// Why it may survive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) survives: Option<String>,
    /// Why it behaves as the core does, if it does: then there is nothing to notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) equivalent: Option<String>,
}

/// Stands among the invariants for a plan that does not come to its end.
pub(crate) const NO_END: &str = "no end";

/// Stands among them for saved plans that the program cannot read.
pub(crate) const NO_START: &str = "no start";

impl Row {
    /// Takes over what its patch says of a mutant.
    pub(crate) fn is_of(&mut self, mutant: &Mutant) {
        self.mutant.clone_from(&mutant.name);
        self.file = mutant.file.display().to_string();
        self.breaks.clone_from(&mutant.breaks);
        self.survives.clone_from(&mutant.survives);
        self.equivalent.clone_from(&mutant.equivalent);
    }

    /// Seeds up to the first that noticed.
    pub(crate) fn seeds_to_kill(&self) -> Option<u64> {
        self.seeds.values().copied().min()
    }

    /// Whether a seed noticed, or a scenario.
    pub(crate) fn is_killed(&self) -> bool {
        self.seeds_to_kill().is_some() || !self.scenarios.is_empty() || self.hung
    }
}

/// All mutants, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Matrix {
    /// Seeds that each was given.
    pub(crate) seeds: u64,
    /// One for each mutant.
    pub(crate) rows: Vec<Row>,
}

/// The matrix in a few numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Mutants.
    pub(crate) mutants: usize,
    /// Those that behave as the core does.
    pub(crate) equivalent: usize,
    /// Those that a seed noticed.
    pub(crate) by_seeds: usize,
    /// Those that a seed or a scenario noticed.
    pub(crate) killed: usize,
    /// Those that QEMU's own cases notice.
    pub(crate) unit_cases: usize,
    /// Median of the seeds to kill, over those that a seed noticed.
    pub(crate) median: u64,
}

impl Figures {
    /// Those that somebody could notice.
    pub(crate) fn real(&self) -> usize {
        self.mutants - self.equivalent
    }
}

impl Matrix {
    /// Takes a row in, in place of the one that it had.
    pub(crate) fn put(&mut self, row: Row) {
        self.rows.retain(|other| other.mutant != row.mutant);
        self.rows.push(row);
        self.rows.sort_by(|a, b| a.mutant.cmp(&b.mutant));
    }

    /// See [`Figures`].
    pub(crate) fn figures(&self) -> Figures {
        let count =
            |wanted: &dyn Fn(&Row) -> bool| self.rows.iter().filter(|row| wanted(row)).count();
        let mut seeds: Vec<_> = self.rows.iter().filter_map(Row::seeds_to_kill).collect();
        seeds.sort_unstable();
        Figures {
            mutants: self.rows.len(),
            equivalent: count(&|row| row.equivalent.is_some()),
            by_seeds: seeds.len(),
            killed: count(&Row::is_killed),
            unit_cases: count(&|row| row.unit_cases),
            median: seeds.get(seeds.len() / 2).copied().unwrap_or(0),
        }
    }

    /// Those that no seed notices although they behave differently.
    pub(crate) fn survivors(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.seeds_to_kill().is_none() && row.equivalent.is_none())
    }

    /// The numbers in sentences, and who survived.
    pub(crate) fn summary(&self) -> String {
        let figures = self.figures();
        let Figures { mutants, equivalent, by_seeds, killed, unit_cases, median } = figures;
        let share = |part: usize, of: usize| (part * 100).checked_div(of).unwrap_or(0);
        let percent = |part| share(part, figures.real());
        let seeds = self.seeds;
        let mut text = match equivalent {
            0 => format!("Of {mutants} mutants"),
            _ => format!(
                "Of {mutants} mutants {equivalent} behave as the core does, and nobody can notice them. Of the other {}",
                figures.real()
            ),
        };
        let _ = write!(
            text,
            " {by_seeds} ({} %) are noticed within {seeds} seeds, the median after {median}; \
             with the scenarios {killed} ({} %). QEMU's 13 unit cases notice {unit_cases} ({} %).",
            percent(by_seeds),
            percent(killed),
            percent(unit_cases)
        );
        if equivalent > 0 {
            let raw = share(by_seeds, mutants);
            let _ = write!(text, " Of all {mutants}, those included, seeds notice {raw} %.");
        }
        text += "\n";
        for row in self.survivors() {
            let by = if row.is_killed() {
                "no seed notices"
            } else {
                "neither seed nor scenario notices"
            };
            let why = row.survives.as_deref().unwrap_or("no reason is known");
            let _ = writeln!(text, "- {by} `{}`: {why}", row.mutant);
        }
        for row in &self.rows {
            let Some(why) = &row.equivalent else { continue };
            let _ = writeln!(text, "- `{}` is no mistake: {why}", row.mutant);
        }
        text
    }

    fn table(&self) -> String {
        let mut text = COLUMNS.to_owned();
        for row in &self.rows {
            let name = &row.mutant;
            let cell = |found: String| if found.is_empty() { "-".to_owned() } else { found };
            let mut seeds: Vec<_> = row.seeds.iter().collect();
            seeds.sort_by_key(|(name, seeds)| (**seeds, (*name).clone()));
            let seeds: Vec<_> =
                seeds.iter().map(|(name, seeds)| format!("{name} {seeds}")).collect();
            let mut seeds = seeds.join(", ");
            if row.panicked.is_some() {
                seeds += " (panics)";
            }
            if row.hung {
                seeds += " (hangs)";
            }
            let scenarios: Vec<_> = row.scenarios.keys().cloned().collect();
            let (seeds, scenarios) = (cell(seeds), cell(scenarios.join(", ")));
            let unit = if row.unit_cases { "yes" } else { "-" };
            let breaks = row.breaks.replace('|', "\\|");
            let _ = writeln!(text, "| `{name}` | {breaks} | {seeds} | {scenarios} | {unit} |");
        }
        text
    }
}

/// The page `docs/mutants.md`.
pub(crate) fn page(by_hand: &Matrix, sampled: &Matrix) -> String {
    let of = |matrix: &Matrix| format!("{}\n{}", matrix.summary(), matrix.table());
    format!("{HEAD}\n{}\n{SAMPLED}\n{}", of(by_hand), of(sampled))
}

const HEAD: &str = "# Mutants: what the net catches

Each row is a small mistake in the core, as a patch, and what became of it in a campaign of the hardened
profile. Behind an invariant stands how many seeds it took until the first plan that broke it. This page is
written by the command that makes the matrix ([`CONTRIBUTING.md`](../CONTRIBUTING.md#prove-that-the-net-holds));
do not edit it.

## By hand

Mistakes that somebody could make who knows the protocol: a message, an order of steps, a blocker, a flush that is
dropped. They are in [`fixtures/mutants/`](../fixtures/mutants).
";

const SAMPLED: &str = "## A sample of what cargo mutants makes

150 of the changes that [cargo mutants](https://mutants.rs) makes of the core without knowing what it does, drawn
with a fixed seed from all of them. They are in [`fixtures/mutants/sampled/`](../fixtures/mutants/sampled); the
number is the place in the draw. What is left out of it, `scenarios/examples/mutants/sample.rs` says.
";

const COLUMNS: &str = "| mutant | breaks | noticed by seeds, and after how many | by scenarios | by QEMU's unit cases |
|---|---|---|---|---|
";
