//! A failing run, moment by moment: what a page needs to show it forward and back.
//!
//! The disks come as they were at the beginning, and each moment with what changed at it, so that
//! the size follows what happened and not the sizes of disks. Who fills it knows the simulator;
//! here are names, numbers and texts.

use serde::Serialize;

use crate::summary::Run;

/// A failing run. See the module's head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Timeline {
    /// The run; a page puts the timeline beside its failure.
    #[serde(skip)]
    pub run: Run,
    /// The invariant that is broken at the last moment.
    pub invariant: String,
    /// The host that broke it: 0 is the primary.
    pub host: u8,
    /// The sector that diverges, if it is about one.
    pub sector: Option<u64>,
    /// Which of the hosts' disks the strips show, where they have several.
    pub volume: Option<u8>,
    /// Sectors in a cluster of an overlay.
    pub cluster: u32,
    /// The guest's sectors that the strips show.
    pub sectors: Vec<u64>,
    /// The disks.
    pub strips: Vec<Strip>,
    /// Everything that a sector held at any time. A code is twice an index into it, and one more
    /// while a power loss might undo it.
    pub contents: Vec<Content>,
    /// What happened, the violation last.
    pub moments: Vec<Moment>,
    /// Requests, verbs, jobs and cuts from their first moment to their last, by lane.
    pub spans: Vec<(u8, u32, u32)>,
    /// Stages of the hosts and the mark of the overlays, as they change.
    pub labels: Vec<(u32, Label, String)>,
    /// Moments before the first of these, which were left out.
    pub left_out: u64,
}

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Strip {
    /// Its name.
    pub name: String,
    /// What it held before the first moment: a code for each of [`Timeline::sectors`].
    pub start: Vec<u32>,
}

/// What a sector holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Content {
    /// Whose.
    pub writer: Writer,
    /// Which of the writer's writes it was.
    pub number: u32,
    /// In which epoch it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u32>,
    /// Where it belongs, if that is not where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meant_for: Option<u64>,
}

/// Who wrote a sector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Writer {
    /// An overlay does not hold it: what is below shows through.
    Nobody,
    /// It is zero.
    Zero,
    /// It is what was there before anybody wrote.
    Initial,
    /// The primary guest.
    Primary,
    /// The secondary guest.
    Secondary,
    /// A guest, for another of its disks.
    Foreign,
    /// It is not of one write.
    Torn,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "Packed")]
pub struct Moment {
    /// When, in nanoseconds of simulated time.
    pub at_ns: u64,
    /// Where.
    pub lane: Lane,
    /// Of what kind.
    pub kind: Kind,
    /// What, in words.
    pub text: String,
    /// What the disks hold from now on: place and code in turn. A place is the number of the
    /// strip times the number of sectors shown, plus the place among those.
    pub cells: Vec<u32>,
}

/// As it is written: thousands of them are in a page.
type Packed = (u64, u8, u8, String, Vec<u32>);

impl From<Moment> for Packed {
    fn from(moment: Moment) -> Self {
        let Moment { at_ns, lane, kind, text, cells } = moment;
        (at_ns, lane as u8, kind as u8, text, cells)
    }
}

/// Where something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// The guest on the primary host.
    PrimaryGuest,
    /// The primary host.
    PrimaryHost,
    /// The connection, and what is forwarded on it.
    Link,
    /// The secondary host.
    SecondaryHost,
    /// The backup job and the commit job.
    Jobs,
    /// The guest on the secondary host.
    SecondaryGuest,
    /// The plan: a step of it begins.
    Plan,
}

impl Lane {
    /// The names of those that are drawn, in their order.
    pub const NAMES: [&str; 6] =
        ["primary guest", "primary host", "link", "secondary host", "jobs", "secondary guest"];
}

/// What kind of thing happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A step of the plan begins.
    Step,
    /// A request is sent, or answered with ok.
    Request,
    /// Something is answered with an error.
    Error,
    /// A disk answers.
    Disk,
    /// A fault is injected.
    Fault,
    /// A verb or a command.
    Verb,
    /// A stage changes.
    Stage,
    /// A job.
    Job,
    /// A host goes down or comes up.
    Crash,
    /// The connection.
    Link,
    /// Anything else that a host says.
    Other,
}

/// What a label is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// The stage of the primary.
    PrimaryStage,
    /// The stage of the secondary.
    SecondaryStage,
    /// What the header of the active overlay says the overlays are good for.
    Mark,
}
