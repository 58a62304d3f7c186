//! What one run of one plan leaves behind: the only thing reports are made of.
//!
//! Plain serde shapes. Unknown fields are skipped and, but for the few that make
//! a line a record at all, missing ones default, so that old readers take new
//! files and new readers old ones. How records lie in a file is not said here.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// Version of the shapes in this module. Raised only when an old reader would misread a file.
pub const SCHEMA: u32 = 1;

/// The first line of a records file: the frame that a fold needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The [`SCHEMA`] of the writer. A line without it is no header.
    pub schema: u32,
    /// Version of the `colosim` that ran the plans.
    #[serde(default)]
    pub version: String,
    /// Name of the profile the plans ran under.
    #[serde(default)]
    pub profile: String,
    /// The universe of coverage points; the index is the position in [`Record::points`].
    ///
    /// A point is named `group/rest`. Those of the group `edge` are named
    /// `edge/MACHINE/FROM->TO` and are drawn as a stage machine.
    #[serde(default)]
    pub points: Vec<String>,
}

impl Header {
    /// A header of the present [`SCHEMA`].
    pub fn new(version: &str, profile: &str, points: Vec<String>) -> Self {
        Self { schema: SCHEMA, version: version.into(), profile: profile.into(), points }
    }
}

/// One run of one plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The seed the plan was generated from; `None` for a scenario or a plan file.
    #[serde(default)]
    pub seed: Option<u64>,
    /// What people call the plan: `seed 0x2a`, `scenario failover`, or a file name.
    #[serde(default)]
    pub plan: String,
    /// Digest of the trace, as 16 lower-case hex digits. A line without it is no record.
    #[serde(with = "hex")]
    pub digest: u64,
    /// Steps of the plan that were run.
    #[serde(default)]
    pub steps: u32,
    /// Reads, writes and flushes that guests submitted.
    #[serde(default)]
    pub guest_requests: u64,
    /// Simulated time the run took, in nanoseconds.
    #[serde(default)]
    pub simulated_ns: u64,
    /// What happened, counted.
    #[serde(default)]
    pub counts: Counts,
    /// Text of a refusal, and how often it was given.
    #[serde(default)]
    pub refusals: BTreeMap<Cow<'static, str>, u64>,
    /// Hits by index into [`Header::points`]; what is missing at the end was not hit.
    #[serde(default)]
    pub points: Vec<u32>,
    /// What the oracle objected to, in the order in which it happened.
    #[serde(default)]
    pub violations: Vec<Violation>,
    /// Hosts that gave up with a typed abort, in the order in which they did.
    #[serde(default)]
    pub aborts: Vec<Abort>,
    /// Why all this went wrong, if somebody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explained: Option<Explained>,
}

/// The known defects by which a failing run is explained.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Explained {
    /// Names of the defects without which something that went wrong does not, each once.
    pub defects: Vec<String>,
    /// How many things went wrong that no defect explains.
    pub unexplained: u32,
}

impl Record {
    /// Whether nothing was objected to and nobody aborted.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty() && self.aborts.is_empty()
    }
}

/// What happened in a run, or, added up, in many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Checkpoints completed.
    pub checkpoints: u64,
    /// Failovers asked for.
    pub failovers_asked: u64,
    /// Failovers that reached DONE.
    pub failovers_done: u64,
    /// Commit jobs that a crash interrupted.
    pub commits_crashed: u64,
    /// Recoveries that gave the promised view.
    pub recoveries: u64,
    /// Recoveries that were refused.
    pub recoveries_refused: u64,
    /// Power losses of a host.
    pub power_losses: u64,
    /// Deaths of a host's process, its disk caches kept.
    pub process_deaths: u64,
    /// Backup jobs cancelled from outside.
    pub backups_cancelled: u64,
    /// Faults that took effect.
    pub faults_fired: u64,
    /// 1 if the plan asks for a failover at all.
    pub plans_asking_failover: u64,
    /// 1 if the plan asks for a failover and reaches DONE.
    pub plans_done: u64,
    /// 1 if the plan asks for a failover and crashes in mid-commit.
    pub plans_crashing_commit: u64,
}

impl AddAssign<&Self> for Counts {
    fn add_assign(&mut self, other: &Self) {
        // Taken apart by name, so that a new count that is not added does not compile.
        let Self {
            checkpoints,
            failovers_asked,
            failovers_done,
            commits_crashed,
            recoveries,
            recoveries_refused,
            power_losses,
            process_deaths,
            backups_cancelled,
            faults_fired,
            plans_asking_failover,
            plans_done,
            plans_crashing_commit,
        } = other;
        self.checkpoints += checkpoints;
        self.failovers_asked += failovers_asked;
        self.failovers_done += failovers_done;
        self.commits_crashed += commits_crashed;
        self.recoveries += recoveries;
        self.recoveries_refused += recoveries_refused;
        self.power_losses += power_losses;
        self.process_deaths += process_deaths;
        self.backups_cancelled += backups_cancelled;
        self.faults_fired += faults_fired;
        self.plans_asking_failover += plans_asking_failover;
        self.plans_done += plans_done;
        self.plans_crashing_commit += plans_crashing_commit;
    }
}

/// One objection of the oracle.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Violation {
    /// Name of the invariant that did not hold.
    pub invariant: String,
    /// Position of the step in the plan that brought it about, if one did.
    pub step: Option<u32>,
    /// Simulated time, in nanoseconds since the run began.
    pub at_ns: u64,
    /// Name of the host it was seen on.
    pub host: String,
    /// The sector that holds what it must not, as the guest counts them, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sector: Option<u64>,
    /// What was expected and what was there.
    pub message: String,
    /// Path of the saved plan, or empty if the seed is enough.
    pub plan: String,
    /// The one command line that shows it again.
    pub replay: String,
    /// A smaller plan that fails in the same way, for the few violations that have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shrunk: Option<Shrunk>,
}

/// A plan that was made as small as it can be.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Shrunk {
    /// Path of the saved plan.
    pub plan: String,
    /// Its steps.
    pub steps: u32,
}

/// A host that reported a typed abort, where a process would have died.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Abort {
    /// Name of the host.
    pub host: String,
    /// Simulated time, in nanoseconds since the run began.
    pub at_ns: u64,
    /// Why.
    pub reason: String,
    /// The one command line that shows it again.
    pub replay: String,
}

/// Digests as 16 lower-case hex digits: JSON numbers of that size get rounded by many readers.
mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    pub(super) fn serialize<S: Serializer>(digest: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{digest:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let text = String::deserialize(from)?;
        // `from_str_radix` alone would take a sign and any length.
        if text.len() != 16 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(D::Error::custom(format_args!("`{text}` is not 16 hex digits")));
        }
        u64::from_str_radix(&text, 16).map_err(D::Error::custom)
    }
}
