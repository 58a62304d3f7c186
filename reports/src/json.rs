//! The summary for programs: one JSON object, its fields in a fixed order.
//!
//! It repeats no record: who wants every run reads the records themselves.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::base::Compared;
use crate::lines::{Lines, LinesOfFile, Reached};
use crate::record::{Counts, SCHEMA, Shrunk};
use crate::summary::{Broken, OfRun, Summary, Verdict};
use crate::timing::Timing;

/// The summary as pretty JSON, with a newline at its end.
///
/// Rates are `null` if the time is not known. Seeds are numbers; a reader that
/// keeps only 53 bits of them takes the `replay` line instead.
pub fn json(summary: &Summary, timing: &Timing) -> String {
    let report = Report {
        schema: SCHEMA,
        version: &summary.version,
        profile: &summary.profile,
        clean: summary.is_clean(),
        verdict: match summary.verdict() {
            Verdict::Clean => "clean",
            Verdict::Failed => "failed",
            Verdict::Empty => "empty",
        },
        interrupted: summary.interrupted,
        plans: summary.plans,
        clean_plans: summary.clean,
        steps: summary.steps,
        guest_requests: summary.guest_requests,
        simulated_ns: summary.simulated_ns,
        seconds: timing.seconds,
        jobs: timing.jobs,
        plans_per_second: timing.per_second(summary.plans).map(tenths),
        guest_requests_per_second: timing.per_second(summary.guest_requests).map(tenths),
        digest: summary.digest_shown(),
        violations_total: summary.violation_count,
        violations: violations(summary),
        invariants: invariants(summary),
        aborts_total: summary.abort_count,
        aborts: aborts(summary),
        explained: (summary.explained > 0).then(|| ExplainedRow::of(summary)),
        merged: summary.merged,
        compared: summary.compared.as_ref().map(ComparedRow::of),
        counts: AllCounts { counts: &summary.counts, refusals: &summary.refusals },
        points: Points {
            reached: summary.points_reached(),
            total: summary.points.len(),
            never: summary.points_never().map(|point| point.name.as_str()).collect(),
            first_seeds: summary
                .points
                .iter()
                .filter_map(|point| Some((point.name.as_str(), point.first_seed?)))
                .collect(),
            hits: summary.points.iter().map(|point| (point.name.as_str(), point.hits)).collect(),
        },
        lines: summary.lines.as_ref().map(LinesRow::of),
    };
    let mut text = serde_json::to_string_pretty(&report).expect("plain shapes always serialise");
    text.push('\n');
    text
}

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    version: &'a str,
    profile: &'a str,
    clean: bool,
    verdict: &'static str,
    interrupted: bool,
    plans: u64,
    clean_plans: u64,
    steps: u64,
    guest_requests: u64,
    simulated_ns: u64,
    seconds: f64,
    jobs: usize,
    plans_per_second: Option<f64>,
    guest_requests_per_second: Option<f64>,
    digest: String,
    violations_total: u64,
    violations: Vec<ViolationRow<'a>>,
    invariants: BTreeMap<&'a str, InvariantRow<'a>>,
    aborts_total: u64,
    aborts: Vec<AbortRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explained: Option<ExplainedRow<'a>>,
    merged: bool,
    compared: Option<ComparedRow<'a>>,
    counts: AllCounts<'a>,
    points: Points<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<LinesRow<'a>>,
}

#[derive(Serialize)]
struct ViolationRow<'a> {
    invariant: &'a str,
    seed: Option<u64>,
    run: Cow<'a, str>,
    step: Option<u32>,
    at_ns: u64,
    host: &'a str,
    sector: Option<u64>,
    message: &'a str,
    plan: &'a str,
    replay: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    shrunk: Option<&'a Shrunk>,
}

#[derive(Serialize)]
struct InvariantRow<'a> {
    violations: u64,
    first: Cow<'a, str>,
    replay: &'a str,
}

#[derive(Serialize)]
struct AbortRow<'a> {
    seed: Option<u64>,
    run: Cow<'a, str>,
    at_ns: u64,
    host: &'a str,
    reason: &'a str,
    replay: &'a str,
}

#[derive(Serialize)]
struct ComparedRow<'a> {
    plans: u64,
    known: u64,
    points_new: &'a [String],
    points_gone: &'a [String],
    refusals_new: &'a [String],
}

impl<'a> ComparedRow<'a> {
    fn of(compared: &'a Compared) -> Self {
        let Compared { plans, known, points_new, points_gone, refusals_new } = compared;
        Self { plans: *plans, known: *known, points_new, points_gone, refusals_new }
    }
}

#[derive(Serialize)]
struct ExplainedRow<'a> {
    plans: u64,
    defects: BTreeMap<&'a str, DefectRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unexplained: Option<DefectRow<'a>>,
}

#[derive(Serialize)]
struct DefectRow<'a> {
    plans: u64,
    first: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_seed: Option<u64>,
    replay: &'a str,
}

impl<'a> ExplainedRow<'a> {
    fn of(summary: &'a Summary) -> Self {
        let defects = summary.defects.iter();
        Self {
            plans: summary.explained,
            defects: defects
                .map(|(name, defect)| {
                    (name.as_str(), DefectRow::of(&defect.runs, defect.first_seed))
                })
                .collect(),
            unexplained: summary.unexplained.as_ref().map(|runs| DefectRow::of(runs, None)),
        }
    }
}

impl<'a> DefectRow<'a> {
    fn of(runs: &'a Broken, first_seed: Option<u64>) -> Self {
        let Broken { count, first, replay } = runs;
        Self { plans: *count, first: first.name(), first_seed, replay }
    }
}

#[derive(Serialize)]
struct AllCounts<'a> {
    #[serde(flatten)]
    counts: &'a Counts,
    refusals: &'a BTreeMap<Cow<'static, str>, u64>,
}

#[derive(Serialize)]
struct Points<'a> {
    reached: usize,
    total: usize,
    never: Vec<&'a str>,
    first_seeds: BTreeMap<&'a str, u64>,
    hits: BTreeMap<&'a str, u64>,
}

#[derive(Serialize)]
struct LinesRow<'a> {
    folder: &'a str,
    lines: Reached,
    #[serde(skip_serializing_if = "Option::is_none")]
    regions: Option<Reached>,
    files: BTreeMap<&'a str, LinesOfFileRow>,
}

#[derive(Serialize)]
struct LinesOfFileRow {
    lines: Reached,
    #[serde(skip_serializing_if = "Option::is_none")]
    regions: Option<Reached>,
    /// First and last.
    never: Vec<[u32; 2]>,
    /// Line and column.
    never_within: Vec<[u32; 2]>,
}

impl<'a> LinesRow<'a> {
    fn of(lines: &'a Lines) -> Self {
        let regions = |regions: Reached| (lines.regions().total > 0).then_some(regions);
        let row = |file: &LinesOfFile| LinesOfFileRow {
            lines: file.lines(),
            regions: regions(file.regions()),
            never: file.never_lines().iter().map(|range| [range.first, range.last]).collect(),
            never_within: file.never_parts().iter().map(|part| [part.line, part.column]).collect(),
        };
        Self {
            folder: lines.folder(),
            lines: lines.lines(),
            regions: regions(lines.regions()),
            files: lines.files().iter().map(|(name, file)| (name.as_str(), row(file))).collect(),
        }
    }
}

fn violations(summary: &Summary) -> Vec<ViolationRow<'_>> {
    let mut rows = Vec::new();
    for OfRun { run, what } in &summary.violations {
        rows.push(ViolationRow {
            invariant: &what.invariant,
            seed: run.seed,
            run: run.name(),
            step: what.step,
            at_ns: what.at_ns,
            host: &what.host,
            sector: what.sector,
            message: &what.message,
            plan: &what.plan,
            replay: &what.replay,
            shrunk: what.shrunk.as_ref(),
        });
    }
    rows
}

fn invariants(summary: &Summary) -> BTreeMap<&str, InvariantRow<'_>> {
    let mut rows = BTreeMap::new();
    for (invariant, broken) in &summary.invariants {
        let Broken { count, first, replay } = broken;
        rows.insert(
            invariant.as_str(),
            InvariantRow { violations: *count, first: first.name(), replay },
        );
    }
    rows
}

fn aborts(summary: &Summary) -> Vec<AbortRow<'_>> {
    let mut rows = Vec::new();
    for OfRun { run, what } in &summary.aborts {
        rows.push(AbortRow {
            seed: run.seed,
            run: run.name(),
            at_ns: what.at_ns,
            host: &what.host,
            reason: &what.reason,
            replay: &what.replay,
        });
    }
    rows
}

/// One decimal is more than a wall time is good for.
fn tenths(rate: f64) -> f64 {
    (rate * 10.0).round() / 10.0
}
