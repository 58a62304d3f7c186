//! The fold: any number of records become one summary.
//!
//! Its size depends on the number of coverage points, of distinct refusal texts
//! and of invariants, never on the number of records. Which records are folded,
//! and how much is too little to count as a run, is for the caller to decide.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::Compared;
use crate::coverage::{self, Group, Point};
use crate::digest::RunsDigest;
use crate::lines::Lines;
use crate::record::{Abort, Counts, Header, Record, Violation};

/// Violations, and aborts, that a summary keeps word for word. All are counted.
pub const KEPT_MAX: usize = 100;

/// Names a run. Runs without a seed come first, by name; then by seed.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Run {
    /// [`Record::seed`].
    pub seed: Option<u64>,
    /// [`Record::plan`].
    pub plan: String,
}

impl Run {
    /// The run that left a record.
    pub fn of(record: &Record) -> Self {
        Self { seed: record.seed, plan: record.plan.clone() }
    }

    /// The name of the plan, or, if it has none, its seed.
    pub fn name(&self) -> Cow<'_, str> {
        match self.seed {
            Some(seed) if self.plan.is_empty() => Cow::Owned(format!("seed {seed:#x}")),
            _ => Cow::Borrowed(&self.plan),
        }
    }
}

/// Something that happened in one run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OfRun<T> {
    /// The run.
    pub run: Run,
    /// What happened.
    pub what: T,
}

/// How often something was seen, an invariant violated for example, and where to look.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Broken {
    /// How often, over all runs.
    pub count: u64,
    /// The first run of them, in the order of [`Run`].
    pub first: Run,
    /// The command line that shows the first violation again.
    pub replay: String,
}

impl Broken {
    fn add(&mut self, more: Self) {
        self.count += more.count;
        if more.first < self.first {
            self.first = more.first;
            self.replay = more.replay;
        }
    }
}

/// A known defect, and the runs in which it explains something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Defect {
    /// How many, and the first of all.
    pub runs: Broken,
    /// The lowest seed among them: how long chance took to find it.
    pub first_seed: Option<u64>,
}

/// What a campaign comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Plans ran, nothing was objected to, nobody aborted.
    Clean,
    /// At least one violation or abort.
    Failed,
    /// No plan ran, which says nothing.
    Empty,
}

/// Any number of runs, folded. The order of adding shows in the digest only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Summary {
    /// Version of `colosim`; several, joined by ` + `, if records of several were merged.
    pub version: String,
    /// Profile of the plans; several, joined by ` + `, if records of several were merged.
    pub profile: String,
    /// Whoever ran the plans was told to end before the last one.
    pub interrupted: bool,
    /// Plans run.
    pub plans: u64,
    /// Plans without violation and abort.
    pub clean: u64,
    /// Steps run.
    pub steps: u64,
    /// Reads, writes and flushes that guests submitted.
    pub guest_requests: u64,
    /// Simulated time, in nanoseconds, at most `u64::MAX`.
    pub simulated_ns: u64,
    /// What happened, added up.
    pub counts: Counts,
    /// Text of a refusal, and how often it was given.
    pub refusals: BTreeMap<Cow<'static, str>, u64>,
    /// The coverage points, in the order of the header.
    pub points: Vec<Point>,
    /// Violations in the order of [`Run`], then as they happened: the first of each invariant, and the first others,
    /// up to [`KEPT_MAX`].
    pub violations: Vec<OfRun<Violation>>,
    /// All violations.
    pub violation_count: u64,
    /// Every invariant that was violated, by name.
    pub invariants: BTreeMap<String, Broken>,
    /// The same of aborts, by their reason.
    pub aborts: Vec<OfRun<Abort>>,
    /// All aborts.
    pub abort_count: u64,
    /// Failing runs that somebody tried to explain by known defects.
    pub explained: u64,
    /// Every defect that explains something, by name, and the runs in which it does.
    pub defects: BTreeMap<String, Defect>,
    /// Runs in which something is not explained.
    pub unexplained: Option<Broken>,
    /// Digest over the digests of all runs, in the order of adding.
    pub digest: RunsDigest,
    /// Folded from files of records: in which order the runs came, and from how many files, is lost.
    pub merged: bool,
    /// What was compared with, if only what is new counts.
    #[serde(skip)]
    pub compared: Option<Compared>,
    /// The lines of source that were reached, if somebody counted them: not by these runs, but by
    /// the same or others in another build.
    #[serde(skip)]
    pub lines: Option<Lines>,
}

impl Summary {
    /// The fold of no record.
    pub fn new(header: &Header) -> Self {
        Self {
            version: header.version.clone(),
            profile: header.profile.clone(),
            interrupted: false,
            plans: 0,
            clean: 0,
            steps: 0,
            guest_requests: 0,
            simulated_ns: 0,
            counts: Counts::default(),
            refusals: BTreeMap::new(),
            points: header.points.iter().map(|name| Point::new(name)).collect(),
            violations: Vec::new(),
            violation_count: 0,
            invariants: BTreeMap::new(),
            aborts: Vec::new(),
            abort_count: 0,
            explained: 0,
            defects: BTreeMap::new(),
            unexplained: None,
            digest: RunsDigest::EMPTY,
            merged: false,
            compared: None,
            lines: None,
        }
    }

    /// The fold of files of records, the same whatever their order and however the runs are shared
    /// among them; `None` of none.
    pub fn merged(mut files: Vec<Self>) -> Option<Self> {
        // Where a run, or a name, stands in several of them, the first one counts.
        files.sort();
        let mut files = files.into_iter();
        let mut whole = files.next()?;
        files.for_each(|file| whole.merge(file));
        whole.merged = true;
        Some(whole)
    }

    /// Adds one run. Its points must be those of the header.
    pub fn add(&mut self, record: &Record) {
        self.plans += 1;
        self.clean += u64::from(record.is_clean());
        self.steps += u64::from(record.steps);
        self.guest_requests += record.guest_requests;
        self.simulated_ns = self.simulated_ns.saturating_add(record.simulated_ns);
        self.counts += &record.counts;
        for (text, times) in &record.refusals {
            self.add_refusal(text, *times);
        }
        self.add_points(record);
        self.digest.push(record.digest);
        self.violation_count += record.violations.len() as u64;
        self.abort_count += record.aborts.len() as u64;
        for violation in &record.violations {
            let run = Run::of(record);
            add_broken(
                &mut self.invariants,
                &violation.invariant,
                Broken { count: 1, first: run.clone(), replay: violation.replay.clone() },
            );
            keep(&mut self.violations, OfRun { run, what: violation.clone() }, invariant);
        }
        for abort in &record.aborts {
            keep(&mut self.aborts, OfRun { run: Run::of(record), what: abort.clone() }, reason);
        }
        self.add_explained(record);
    }

    /// Adds all runs of `other`, as if they had been added here one by one.
    ///
    /// Points are matched by name; those that only `other` has come last.
    pub fn merge(&mut self, other: Self) {
        join_names(&mut self.version, &other.version);
        join_names(&mut self.profile, &other.profile);
        self.interrupted |= other.interrupted;
        self.plans += other.plans;
        self.clean += other.clean;
        self.steps += other.steps;
        self.guest_requests += other.guest_requests;
        self.simulated_ns = self.simulated_ns.saturating_add(other.simulated_ns);
        self.counts += &other.counts;
        for (text, times) in &other.refusals {
            self.add_refusal(text, *times);
        }
        self.merge_points(other.points);
        self.digest.append(&other.digest);
        self.violation_count += other.violation_count;
        self.abort_count += other.abort_count;
        for (invariant, broken) in other.invariants {
            add_broken(&mut self.invariants, &invariant, broken);
        }
        self.explained += other.explained;
        for (name, defect) in other.defects {
            self.add_defect(&name, defect);
        }
        if let Some(runs) = other.unexplained {
            add_unexplained(&mut self.unexplained, runs);
        }
        for violation in other.violations {
            keep(&mut self.violations, violation, invariant);
        }
        for abort in other.aborts {
            keep(&mut self.aborts, abort, reason);
        }
    }

    /// What it comes to.
    pub fn verdict(&self) -> Verdict {
        if self.violation_count > 0 || self.abort_count > 0 {
            return Verdict::Failed;
        }
        if self.plans == 0 { Verdict::Empty } else { Verdict::Clean }
    }

    /// The digest as it is shown: in the order of the runs, or of files of records in any order.
    pub fn digest_shown(&self) -> String {
        let digest = &self.digest;
        let value = if self.merged { digest.value_in_any_order() } else { digest.value() };
        format!("{value:016x}")
    }

    /// Whether plans ran, nothing was objected to and nobody aborted.
    pub fn is_clean(&self) -> bool {
        self.verdict() == Verdict::Clean
    }

    /// How many coverage points were reached.
    pub fn points_reached(&self) -> usize {
        self.points.iter().filter(|point| point.is_reached()).count()
    }

    /// The coverage points that no run reached, in the order of the header.
    pub fn points_never(&self) -> impl Iterator<Item = &Point> {
        self.points.iter().filter(|point| !point.is_reached())
    }

    /// The coverage points by the part of their names before the first `/`.
    pub fn groups(&self) -> Vec<Group<'_>> {
        coverage::groups(&self.points)
    }

    #[expect(
        clippy::ptr_arg,
        reason = "a clone of a static text copies nothing, one of a `str` would"
    )]
    fn add_refusal(&mut self, text: &Cow<'static, str>, times: u64) {
        match self.refusals.get_mut(text) {
            Some(sum) => *sum += times,
            None => {
                self.refusals.insert(text.clone(), times);
            }
        }
    }

    fn add_points(&mut self, record: &Record) {
        assert!(
            record.points.len() <= self.points.len(),
            "{} counts {} points of {}",
            record.plan,
            record.points.len(),
            self.points.len()
        );
        for (point, &hits) in self.points.iter_mut().zip(&record.points) {
            if hits == 0 {
                continue;
            }
            point.hits += u64::from(hits);
            point.first_seed = lowest(point.first_seed, record.seed);
            let key = (record.seed, record.plan.as_str());
            // Compared before it is cloned: in a campaign in order nearly no run is the first.
            if point.first.as_ref().is_none_or(|first| key < (first.seed, first.plan.as_str())) {
                point.first = Some(Run::of(record));
            }
        }
    }

    fn merge_points(&mut self, others: Vec<Point>) {
        for (i, other) in others.into_iter().enumerate() {
            // Nearly always the two universes are the same, and then so are the places.
            let same_place = self.points.get(i).is_some_and(|point| point.name == other.name);
            let place = if same_place {
                Some(i)
            } else {
                self.points.iter().position(|point| point.name == other.name)
            };
            let Some(place) = place else {
                self.points.push(other);
                continue;
            };
            let point = &mut self.points[place];
            point.hits += other.hits;
            point.first = [point.first.take(), other.first].into_iter().flatten().min();
            point.first_seed = lowest(point.first_seed, other.first_seed);
        }
    }

    fn add_explained(&mut self, record: &Record) {
        let Some(explained) = &record.explained else { return };
        self.explained += 1;
        let failures = record.violations.iter().map(|violation| &violation.replay);
        let replay = failures.chain(record.aborts.iter().map(|abort| &abort.replay)).next();
        let replay = replay.cloned().unwrap_or_default();
        let run = || Broken { count: 1, first: Run::of(record), replay: replay.clone() };
        for name in &explained.defects {
            self.add_defect(name, Defect { runs: run(), first_seed: record.seed });
        }
        if explained.unexplained > 0 {
            add_unexplained(&mut self.unexplained, run());
        }
    }

    fn add_defect(&mut self, name: &str, more: Defect) {
        let Some(defect) = self.defects.get_mut(name) else {
            self.defects.insert(name.into(), more);
            return;
        };
        defect.runs.add(more.runs);
        defect.first_seed = lowest(defect.first_seed, more.first_seed);
    }
}

fn lowest(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    [one, other].into_iter().flatten().min()
}

fn add_broken(all: &mut BTreeMap<String, Broken>, name: &str, more: Broken) {
    match all.get_mut(name) {
        Some(broken) => broken.add(more),
        None => {
            all.insert(name.into(), more);
        }
    }
}

fn add_unexplained(all: &mut Option<Broken>, more: Broken) {
    match all {
        Some(broken) => broken.add(more),
        None => *all = Some(more),
    }
}

/// Keeps the first of each kind, and then the first of them, in the order of runs, and within a run as they came.
fn keep<T>(kept: &mut Vec<OfRun<T>>, one: OfRun<T>, kind: fn(&T) -> &str) {
    let place = kept.partition_point(|other| other.run <= one.run);
    let known =
        |kept: &[OfRun<T>], what: &T| kept.iter().any(|other| kind(&other.what) == kind(what));
    if place >= KEPT_MAX && known(kept, &one.what) {
        return;
    }
    kept.insert(place, one);
    if kept.len() > KEPT_MAX {
        let again = |at: &usize| known(&kept[..*at], &kept[*at].what);
        let last = (0..kept.len()).rev().find(again);
        last.map(|last| kept.remove(last));
    }
}

fn invariant(violation: &Violation) -> &str {
    &violation.invariant
}

fn reason(abort: &Abort) -> &str {
    &abort.reason
}

fn join_names(names: &mut String, more: &str) {
    for name in more.split(" + ") {
        if !names.split(" + ").any(|known| known == name) {
            names.push_str(" + ");
            names.push_str(name);
        }
    }
}
