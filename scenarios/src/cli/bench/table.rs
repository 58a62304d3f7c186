//! The rows of a bench, for people and for programs.

use std::time::Duration;

use serde::Serialize;

use crate::cli::bench::measure::{cores, median};

/// What a row promises.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

/// One thing that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    /// For programs.
    pub(super) name: &'static str,
    /// For people, with the unit.
    pub(super) what: &'static str,
    /// The median; nothing if this machine does not show it.
    pub(super) measured: Option<f64>,
    pub(super) target: Option<Target>,
    pub(super) met: Option<bool>,
    /// What it was measured on.
    pub(super) note: String,
    /// All that the median was taken of.
    pub(super) samples: Vec<f64>,
}

impl Row {
    pub(super) fn new(name: &'static str, what: &'static str, samples: Vec<f64>) -> Self {
        let measured = median(&samples);
        Self { name, what, measured, target: None, met: None, note: String::new(), samples }
    }

    pub(super) fn target(mut self, target: Target) -> Self {
        self.target = Some(target);
        self.met = self.measured.map(|measured| match target {
            Target::AtLeast(least) => measured >= least,
            Target::AtMost(most) => measured <= most,
        });
        self
    }

    pub(super) fn note(mut self, note: String) -> Self {
        self.note = note;
        self
    }

    fn line(&self, width: usize) -> String {
        let measured = self.measured.map_or("-".to_owned(), figure);
        let target = match self.target {
            None => "reported".to_owned(),
            Some(Target::AtLeast(least)) => format!("≥ {}", figure(least)),
            Some(Target::AtMost(most)) => format!("≤ {}", figure(most)),
        };
        let met = self.met.map_or("", |met| if met { "met" } else { "missed" });
        let line = format!("{:<width$}  {measured:>12}  {target:>12}  {met:<6}", self.what);
        let range = self.samples.iter().copied();
        let (low, high) = (range.clone().reduce(f64::min), range.reduce(f64::max));
        let spread = match (low, high) {
            (Some(low), Some(high)) if self.samples.len() > 1 => {
                format!("; {} to {} in {}", figure(low), figure(high), self.samples.len())
            }
            _ => String::new(),
        };
        format!("{}\n{:<width$}    {}{spread}\n", line.trim_end(), "", self.note)
    }
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    version: &'static str,
    quick: bool,
    cores: usize,
    seconds: f64,
    rows: Vec<Row>,
}

impl Report {
    pub(super) fn new(rows: Vec<Row>, quick: bool, took: Duration) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        Self { version, quick, cores: cores(), seconds: took.as_secs_f64(), rows }
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain shapes always serialise") + "\n"
    }

    pub(super) fn to_text(&self) -> String {
        let width = self.rows.iter().map(|row| row.what.chars().count()).max().unwrap_or(0);
        let head = format!("{:<width$}  {:>12}  {:>12}\n", "", "measured", "target");
        let rows: String = self.rows.iter().map(|row| row.line(width)).collect();
        let cores = self.cores;
        let took = format!("\ncolosim {}, {cores} cores, in {:.0} s", self.version, self.seconds);
        let quick = if self.quick { "; --quick, so not to be quoted\n" } else { "\n" };
        head + &rows + &took + quick
    }
}

/// Three digits or so; whole numbers in groups.
fn figure(number: f64) -> String {
    if number >= 1000.0 {
        let digits = format!("{number:.0}");
        let first = digits.len() % 3;
        let (first, rest) = digits.split_at(first);
        let rest = rest.as_bytes().chunks(3).map(|group| String::from_utf8_lossy(group));
        let groups: Vec<_> = [first.into()].into_iter().chain(rest).collect();
        return groups.join(",").trim_start_matches(',').to_owned();
    }
    let decimals = match number {
        100.0.. => 0,
        1.0.. => 2,
        _ => 3,
    };
    let text = format!("{number:.decimals$}");
    if text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_grouped() {
        for (number, text) in [
            (0.0, "0"),
            (1.9, "1.9"),
            (0.0567, "0.057"),
            (12.345, "12.35"),
            (100.0, "100"),
            (999.6, "1000"),
            (1000.0, "1,000"),
            (12_345.6, "12,346"),
            (123_456.0, "123,456"),
            (1_000_000.0, "1,000,000"),
        ] {
            assert_eq!(figure(number), text);
        }
    }

    #[test]
    fn a_target_is_met_by_the_median_and_by_nothing_if_there_is_none() {
        let row = |samples: &[f64], target| Row::new("", "", samples.to_vec()).target(target).met;
        assert_eq!(row(&[1.0, 9.0, 2.0], Target::AtLeast(2.0)), Some(true));
        assert_eq!(row(&[1.0, 9.0, 1.9], Target::AtLeast(2.0)), Some(false));
        assert_eq!(row(&[3.0, 1.0], Target::AtMost(2.0)), Some(true), "between two: their mean");
        assert_eq!(row(&[], Target::AtMost(2.0)), None);
    }
}
