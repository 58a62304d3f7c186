//! What lasts: requests, verbs, jobs and cuts, each from the entry that begins it to the one that ends it.
//!
//! Entries are moments; a picture of a run wants to show what is under way in between.

use colo_core::{Event, JobKind, JobState, UserId, UserRequest, VerbId, VolumeId};
use colo_sim::world::{Connection, Entry, Side, What};

/// Something that lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lasting {
    /// A user's request on a host.
    Request(Side, VolumeId, UserId, UserRequest),
    /// A verb or a command.
    Verb(Side, VerbId),
    /// A job.
    Job(VolumeId, JobKind),
    /// The connection is down, or nothing arrives on it.
    Disconnected,
}

impl Lasting {
    /// Whose process has it; it is gone with that.
    fn side(self) -> Option<Side> {
        match self {
            Self::Request(side, ..) | Self::Verb(side, _) => Some(side),
            Self::Job(..) => Some(Side::Secondary),
            Self::Disconnected => None,
        }
    }
}

/// Something that lasts, with its first and its last entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) what: Lasting,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// Spans in the order in which they begin, as entries come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spans {
    entries: u64,
    all: Vec<Span>,
    /// Places of those that have not ended.
    open: Vec<usize>,
}

impl Spans {
    /// Takes the next entry.
    pub(crate) fn take(&mut self, entry: &Entry) {
        let at = self.entries;
        self.entries += 1;
        let Some(side) = entry.side else { return self.connection(&entry.what, at) };
        match &entry.what {
            What::Submitted { user, request, .. } => {
                self.begin(Lasting::Request(side, entry.volume, *user, *request), at);
            }
            What::Called { id, .. }
            | What::CalledAll { id, .. }
            | What::Administered { id, .. } => {
                self.begin(Lasting::Verb(side, *id), at);
            }
            What::PowerLost
            | What::ProcessDied
            | What::Event(Event::Exited | Event::Aborted(_)) => {
                self.end(at, |what| what.side() == Some(side));
            }
            What::Event(Event::Answered { user, request, .. }) => {
                let answered = Lasting::Request(side, entry.volume, *user, *request);
                self.end(at, |what| what == answered);
            }
            What::Event(
                Event::VerbAnswered { id, .. }
                | Event::AllAnswered { id, .. }
                | Event::AdminAnswered { id, .. },
            ) => self.end(at, |what| what == Lasting::Verb(side, *id)),
            What::Event(Event::Job { kind, state: JobState::Started }) => {
                self.begin(Lasting::Job(entry.volume, *kind), at);
            }
            What::Event(Event::Job { kind, state: JobState::Concluded(_) }) => {
                self.end(at, |what| what == Lasting::Job(entry.volume, *kind));
            }
            What::Connection(_) => self.connection(&entry.what, at),
            _ => {}
        }
    }

    /// All of them; what has not ended lasts to the last entry.
    pub(crate) fn finish(mut self) -> Vec<Span> {
        let last = self.entries.saturating_sub(1);
        self.end(last, |_| true);
        self.all
    }

    fn connection(&mut self, what: &What, at: u64) {
        let What::Connection(connection) = what else { return };
        let down =
            matches!(connection, Connection::Down | Connection::Held | Connection::CutFrom(_));
        let known = self.open.iter().any(|&open| self.all[open].what == Lasting::Disconnected);
        match (down, known) {
            (true, false) => self.begin(Lasting::Disconnected, at),
            (false, true) => self.end(at, |what| what == Lasting::Disconnected),
            _ => {}
        }
    }

    fn begin(&mut self, what: Lasting, at: u64) {
        self.open.push(self.all.len());
        self.all.push(Span { what, from: at, to: at });
    }

    fn end(&mut self, at: u64, ends: impl Fn(Lasting) -> bool) {
        let spans = &mut self.all;
        self.open.retain(|&open| {
            let over = ends(spans[open].what);
            if over {
                spans[open].to = at;
            }
            !over
        });
    }
}
