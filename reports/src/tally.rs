//! The rows and sentences that every sink for people shows, said once.
//!
//! How they are laid out, coloured or escaped is for the sink.

use crate::base::Compared;
use crate::figures::{counted, duration, grouped, rate, share};
use crate::lines::{Lines, NeverLines, Reached};
use crate::record::{Abort, Violation};
use crate::summary::{Defect, OfRun, Summary, Verdict};
use crate::timing::Timing;

/// One line of a table of counts.
pub(crate) struct Row {
    pub(crate) label: &'static str,
    pub(crate) value: String,
    /// A rate or a share, or empty.
    pub(crate) note: String,
}

impl Row {
    fn new(label: &'static str, count: u64) -> Self {
        Self { label, value: grouped(count), note: String::new() }
    }

    fn note(mut self, note: Option<String>) -> Self {
        self.note = note.unwrap_or_default();
        self
    }
}

/// The verdict in a few words: `clean`, `2 violations and 1 abort`, `nothing ran`; and whether
/// that is of all plans.
pub(crate) fn verdict(summary: &Summary) -> String {
    let of_what_ran = of_what_ran(summary);
    match summary.verdict() {
        _ if !summary.interrupted => of_what_ran,
        Verdict::Clean => "interrupted, clean so far".into(),
        Verdict::Failed | Verdict::Empty => format!("interrupted, {of_what_ran}"),
    }
}

fn of_what_ran(summary: &Summary) -> String {
    let new = if summary.compared.is_some() { "new " } else { "" };
    let violations =
        counted(summary.violation_count, &format!("{new}violation"), &format!("{new}violations"));
    let aborts = counted(summary.abort_count, &format!("{new}abort"), &format!("{new}aborts"));
    match summary.verdict() {
        Verdict::Clean if summary.compared.is_some() => "nothing new".into(),
        Verdict::Clean => "clean".into(),
        Verdict::Empty => "nothing ran".into(),
        Verdict::Failed if summary.abort_count == 0 => violations,
        Verdict::Failed if summary.violation_count == 0 => aborts,
        Verdict::Failed => format!("{violations} and {aborts}"),
    }
}

/// What the verdict rests on, in one sentence without a full stop.
pub(crate) fn grounds(summary: &Summary) -> String {
    let (new, an) = if summary.compared.is_some() { ("a new", "a new") } else { ("a", "an") };
    let known = known(summary);
    match summary.verdict() {
        Verdict::Empty => "no plan was run, which says nothing about the core".into(),
        Verdict::Clean => {
            let plans = counted(summary.plans, "plan", "plans");
            format!("{plans} ran without {new} violation and without {an} abort{known}")
        }
        Verdict::Failed => {
            let plans = counted(summary.plans, "plan", "plans");
            let failed = grouped(summary.plans - summary.clean);
            let anew = if summary.compared.is_some() { " in a new way" } else { "" };
            format!("{failed} of {plans} failed{anew}{known}")
        }
    }
}

/// `3 of 4 lines, 75.0 %`, and regions, if somebody has counted them.
pub(crate) fn lines(lines: &Lines) -> String {
    let reached = |Reached { reached, total }: Reached, one, many| {
        let percent = share(reached as u64, total as u64)?;
        let total = counted(total as u64, one, many);
        Some(format!("{} of {total}, {percent}", grouped(reached as u64)))
    };
    let lines_reached = reached(lines.lines(), "line", "lines");
    let regions_reached = reached(lines.regions(), "region", "regions");
    let all: Vec<_> = lines_reached.into_iter().chain(regions_reached).collect();
    all.join(", and ")
}

/// `line 3`, `lines 3 to 7`.
pub(crate) fn line_numbers(range: &NeverLines<'_>) -> String {
    match (range.first, range.last) {
        (first, last) if first == last => format!("line {first}"),
        (first, last) => format!("lines {first} to {last}"),
    }
}

/// What the plans were compared with: `; compared with 5 plans, 3 known failures are left out`.
fn known(summary: &Summary) -> String {
    let Some(Compared { plans, known, .. }) = &summary.compared else { return String::new() };
    let plans = counted(*plans, "plan", "plans");
    let left_out = match known {
        0 => "nothing is left out".to_owned(),
        1 => "1 known failure is left out".to_owned(),
        known => format!("{} known failures are left out", grouped(*known)),
    };
    format!("; compared with {plans}, {left_out}")
}

/// What is new beside failures: a title and the names, without what is empty.
pub(crate) fn news(compared: &Compared) -> Vec<(&'static str, &[String])> {
    let Compared { points_new, points_gone, refusals_new, .. } = compared;
    let lists = [
        ("points reached for the first time", &points_new[..]),
        ("points not reached any more", points_gone),
        ("refusals for the first time", refusals_new),
    ];
    lists.into_iter().filter(|(_, names)| !names.is_empty()).collect()
}

/// How much was run, and how fast.
pub(crate) fn effort(summary: &Summary, timing: &Timing) -> Vec<Row> {
    let per_second = |count| timing.per_second(count).map(|each| format!("{}/s", rate(each)));
    vec![
        Row::new("plans", summary.plans).note(per_second(summary.plans)),
        Row::new("guest requests", summary.guest_requests).note(per_second(summary.guest_requests)),
        Row::new("steps", summary.steps).note(per_second(summary.steps)),
        Row {
            label: "simulated time",
            value: duration(summary.simulated_ns),
            note: faster_than_real(summary, timing),
        },
    ]
}

/// What happened in the runs.
pub(crate) fn events(summary: &Summary) -> Vec<Row> {
    let counts = &summary.counts;
    let of_asking = |part| share(part, counts.plans_asking_failover);
    vec![
        Row::new("checkpoints", counts.checkpoints),
        Row::new("failovers asked", counts.failovers_asked),
        Row::new("failovers done", counts.failovers_done)
            .note(share(counts.failovers_done, counts.failovers_asked)),
        Row::new("commits crashed", counts.commits_crashed),
        Row::new("recoveries", counts.recoveries),
        Row::new("recoveries refused", counts.recoveries_refused),
        Row::new("power losses", counts.power_losses),
        Row::new("process deaths", counts.process_deaths),
        Row::new("backups cancelled", counts.backups_cancelled),
        Row::new("faults fired", counts.faults_fired),
        Row::new("plans asking for a failover", counts.plans_asking_failover)
            .note(share(counts.plans_asking_failover, summary.plans)),
        Row::new("of these, reaching DONE", counts.plans_done).note(of_asking(counts.plans_done)),
        Row::new("of these, crashing in mid-commit", counts.plans_crashing_commit)
            .note(of_asking(counts.plans_crashing_commit)),
    ]
}

/// How far failures are explained: `12 failing plans by 3 defects; nothing is unexplained`.
pub(crate) fn explained(summary: &Summary) -> String {
    let plans = counted(summary.explained, "failing plan", "failing plans");
    let defects = counted(summary.defects.len() as u64, "known defect", "known defects");
    let rest = match &summary.unexplained {
        None => "nothing is unexplained".to_owned(),
        Some(broken) => {
            format!("{} with something unexplained", counted(broken.count, "plan", "plans"))
        }
    };
    format!("{plans} by {defects}; {rest}")
}

/// The defects that explain something, the most frequent first: name, plans, the first seed.
pub(crate) fn defects(summary: &Summary) -> Vec<(&str, String, String)> {
    let mut defects: Vec<_> = summary.defects.iter().collect();
    defects.sort_by_key(|(_, defect)| std::cmp::Reverse(defect.runs.count));
    let rows = defects.into_iter().map(|(name, Defect { runs, first_seed })| {
        let first = match first_seed {
            Some(seed) => format!("first seed {seed}"),
            None => format!("first {}", runs.first.name()),
        };
        (name.as_str(), counted(runs.count, "plan", "plans"), first)
    });
    rows.collect()
}

/// How seldom a point can be that no plan reached: with 95 % confidence in less than 3 of N plans.
pub(crate) fn seldom(summary: &Summary) -> Option<String> {
    let every = summary.plans / 3;
    (summary.points_never().next().is_some() && every > 1).then(|| {
        format!(
            "what was never reached is met by less than 1 in {} plans (95 % confidence)",
            grouped(every)
        )
    })
}

/// Refusals, the most frequent first, then by text.
pub(crate) fn refusals(summary: &Summary) -> Vec<(&str, u64)> {
    let mut rows: Vec<_> = summary.refusals.iter().map(|(text, n)| (text.as_ref(), *n)).collect();
    // The map is sorted by text and the sort is stable.
    rows.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    rows
}

/// Where a violation was seen: `seed 0x2a, step 17, on secondary, at 1.204 ms`.
pub(crate) fn place_of_violation(violation: &OfRun<Violation>) -> String {
    let step = violation.what.step.map(|step| format!("step {step}"));
    place(&violation.run.name(), step, &violation.what.host, violation.what.at_ns)
}

/// Where an abort was seen: `seed 0x2a, on secondary, at 1.204 ms`.
pub(crate) fn place_of_abort(abort: &OfRun<Abort>) -> String {
    place(&abort.run.name(), None, &abort.what.host, abort.what.at_ns)
}

/// `1.204 s on 2 jobs`, or that nobody measured it.
pub(crate) fn wall_time(timing: &Timing) -> String {
    if !timing.is_known() {
        return "not measured".into();
    }
    let jobs = counted(timing.jobs as u64, "job", "jobs");
    format!("{:.1} s on {jobs}", timing.seconds)
}

/// Which program and profile: `profile hardened, colosim 0.1.0`.
pub(crate) fn origin(summary: &Summary) -> String {
    format!("profile {}, colosim {}", summary.profile, summary.version)
}

fn place(run: &str, step: Option<String>, host: &str, at_ns: u64) -> String {
    let mut parts = vec![run.to_owned()];
    parts.extend(step);
    if !host.is_empty() {
        parts.push(format!("on {host}"));
    }
    parts.push(format!("at {}", duration(at_ns)));
    parts.join(", ")
}

fn faster_than_real(summary: &Summary, timing: &Timing) -> String {
    timing
        .per_second(summary.simulated_ns)
        .map(|ns_per_second| format!("{} x real time", rate(ns_per_second / 1e9)))
        .unwrap_or_default()
}
