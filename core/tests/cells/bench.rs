//! A host on disks that answer at once, or wait, or fail, as a row says; and what can be seen of it.
//!
//! Nothing is drawn here: every row of a table is one sequence of steps with one outcome.

use std::collections::BTreeSet;

use colo_core::{
    Admin, DiskId, EmptyFailure, Errno, Event, Extent, FILTER, Geometry, GraphChange, Host,
    JobKind, JobState, Layout, Mode, Name, Op, Payload, Quirks, Reason, Request, RequestId, Stage,
    TOP, UserId, UserOp, UserRequest, Verb, VerbId, VolumeId, VolumeOptions, Wiring,
};

const FIRST: VolumeId = VolumeId::FIRST;

/// Eight sectors of eight bytes; overlays allocate one, copy-before-write copies two.
pub(crate) const GEOMETRY: Geometry = Geometry {
    sector_size: 8,
    sectors: 8,
    cluster: 1,
    granule: 2,
    copy_max: 8,
    commit_granule: 1,
    commit_max: 8,
};

/// What a disk is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    R,
    W,
    F,
}

/// One step of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Do {
    Call(Verb),
    Ask(Admin),
    Read(UserId, u64, u32),
    Write(UserId, u64, u32),
    Flush(UserId),
    Discard(UserId, u64, u32),
    /// Such requests to this disk are not answered, until they are released.
    Hold(DiskId, Kind),
    Release(DiskId, Kind),
    /// Such requests to this disk fail with ENOSPC, until everything is healed.
    Fail(DiskId, Kind),
    Heal,
    /// The next emptying of this overlay fails like that.
    FailEmptying(DiskId, EmptyFailure, Errno),
    Eject(DiskId),
    CancelBackup,
    CancelCommit,
    /// The process dies, and another one starts on the same disks.
    Restart,
}

/// What a row is compared by: an answer, what is seen, and what get_error says then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell<T> {
    pub(crate) answer: T,
    pub(crate) seen: T,
    pub(crate) get_error: T,
}

/// A host, its disks, and what it has told.
#[derive(Clone)]
pub(crate) struct Bench {
    options: VolumeOptions,
    host: Host,
    disks: Vec<(DiskId, Vec<u8>)>,
    held: BTreeSet<(DiskId, Kind)>,
    failing: BTreeSet<(DiskId, Kind)>,
    waiting: Vec<(DiskId, Kind, Request)>,
    next: u32,
    /// The answer to the last thing asked, `waits` before it comes, `-` if nothing was asked.
    answer: String,
    asked: u32,
    kind: Kind,
    /// Requests of the disks, in order.
    log: Vec<(Kind, &'static str, Option<Extent>)>,
    stages: Vec<Stage>,
    jobs: BTreeSet<JobKind>,
    top_blocked: bool,
    hidden_read_only: bool,
    secondary_read_only: bool,
    pivoted: bool,
    closed: bool,
    exited: bool,
    aborted: Option<String>,
}

impl Bench {
    pub(crate) fn new(mode: Mode, wiring: Wiring, quirks: Quirks) -> Self {
        let options = VolumeOptions {
            mode,
            geometry: GEOMETRY,
            quorum: mode == Mode::Secondary,
            wiring,
            later: false,
            recover: false,
            reconnect_delay_ns: 0,
            quirks,
        };
        let mut overlay = vec![0; 8 * Layout::new(&GEOMETRY).disk_sectors(&GEOMETRY) as usize];
        overlay[..8].copy_from_slice(&Layout::header(&GEOMETRY));
        let raw = vec![0; 8 * GEOMETRY.sectors as usize];
        let disks = vec![
            (DiskId::Local, raw.clone()),
            (DiskId::Secondary, raw),
            (DiskId::Hidden, overlay.clone()),
            (DiskId::Active, overlay),
        ];
        let mut bench = Self {
            options,
            host: Host::new([options]),
            disks,
            held: BTreeSet::new(),
            failing: BTreeSet::new(),
            waiting: Vec::new(),
            next: 0,
            answer: "-".into(),
            asked: 0,
            kind: Kind::R,
            log: Vec::new(),
            stages: Vec::new(),
            jobs: BTreeSet::new(),
            top_blocked: false,
            hidden_read_only: wiring.hidden_read_only,
            secondary_read_only: wiring.secondary_read_only,
            pivoted: false,
            closed: false,
            exited: false,
            aborted: None,
        };
        bench.settle();
        bench
    }

    /// Forgets what was seen so far: the row itself begins.
    pub(crate) fn begin(&mut self) {
        (self.answer, self.asked) = ("-".into(), 0);
        self.log.clear();
        self.stages = self.host.volume(FIRST).stage().into_iter().collect();
    }

    pub(crate) fn perform(&mut self, step: Do) {
        if self.aborted.is_some() {
            return;
        }
        match step {
            Do::Call(verb) => {
                let id = VerbId(self.ask());
                self.host.call(id, FIRST, verb);
            }
            Do::Ask(admin) => {
                let id = VerbId(self.ask());
                self.host.administer(id, FIRST, admin);
            }
            Do::Read(user, at, len) => {
                self.submit(user, Kind::R, UserOp::Read(Extent::new(at, len)));
            }
            Do::Write(user, at, len) => {
                let payload = Payload::from(vec![7; GEOMETRY.bytes(len)]);
                self.submit(user, Kind::W, UserOp::Write { at, payload });
            }
            Do::Flush(user) => self.submit(user, Kind::F, UserOp::Flush),
            Do::Discard(user, at, len) => {
                self.submit(user, Kind::W, UserOp::Discard(Extent::new(at, len)));
            }
            Do::Hold(disk, kind) => drop(self.held.insert((disk, kind))),
            Do::Release(disk, kind) => drop(self.held.remove(&(disk, kind))),
            Do::Fail(disk, kind) => drop(self.failing.insert((disk, kind))),
            Do::Heal => self.failing.clear(),
            Do::FailEmptying(disk, failure, errno) => {
                self.host.fail_emptying(FIRST, disk, failure, errno);
            }
            Do::Eject(disk) => self.host.eject(FIRST, disk),
            Do::CancelBackup => self.host.cancel(FIRST, JobKind::Backup),
            Do::CancelCommit => self.host.cancel(FIRST, JobKind::Commit),
            Do::Restart => {
                let disks = std::mem::take(&mut self.disks);
                let Self { options, .. } = *self;
                *self = Self::new(options.mode, options.wiring, options.quirks);
                self.disks = disks;
                self.host = Host::new([options]);
                self.stages = self.host.volume(FIRST).stage().into_iter().collect();
            }
        }
        self.settle();
    }

    fn ask(&mut self) -> u32 {
        self.next += 1;
        self.asked = self.next;
        self.answer = "waits".into();
        self.next
    }

    fn submit(&mut self, user: UserId, kind: Kind, op: UserOp) {
        let request = UserRequest(self.ask());
        self.kind = kind;
        self.host.submit(FIRST, user, request, op);
    }

    /// Answers everything that is not held.
    fn settle(&mut self) {
        self.host.link_connected();
        loop {
            while let Some((_, event)) = self.host.poll_event() {
                self.take(&event);
            }
            if let Some((_, disk, request)) = self.host.poll_disk() {
                let kind = self.log_disk(disk, &request.op);
                self.waiting.push((disk, kind, request));
                continue;
            }
            if let Some((_, id, op)) = self.host.poll_link() {
                self.answer_link(id, op);
                continue;
            }
            let free =
                |(disk, kind, _): &(DiskId, Kind, Request)| !self.held.contains(&(*disk, *kind));
            let Some(place) = self.waiting.iter().position(free) else { return };
            let (disk, kind, request) = self.waiting.remove(place);
            let result = self.answer_disk(disk, kind, request.op);
            self.host.disk_completed(FIRST, request.id, result);
        }
    }

    fn answer_disk(&mut self, disk: DiskId, kind: Kind, op: Op) -> Result<Payload, Errno> {
        if self.failing.contains(&(disk, kind)) {
            return Err(Errno::NoSpace);
        }
        let bytes = self.disks.iter_mut().find(|(other, _)| *other == disk);
        let (_, bytes) = bytes.expect("the host has these disks");
        match op {
            Op::Read { at, len } => {
                let from = 8 * at as usize;
                Ok(Payload::from(bytes[from..from + 8 * len as usize].to_vec()))
            }
            Op::Write { at, payload, .. } => {
                let from = 8 * at as usize;
                bytes[from..from + payload.len()].copy_from_slice(&payload);
                Ok(Payload::EMPTY)
            }
            Op::Flush => Ok(Payload::EMPTY),
        }
    }

    /// The other end of the link fails as the secondary disk does.
    fn answer_link(&mut self, id: RequestId, op: UserOp) {
        let (kind, extent) = match op {
            UserOp::Read(extent) => (Kind::R, Some(extent)),
            UserOp::Write { at, payload } => {
                (Kind::W, Some(Extent::new(at, payload.len() as u32 / 8)))
            }
            UserOp::Flush => (Kind::F, None),
            UserOp::Discard(_) => unreachable!("no discard is forwarded"),
        };
        self.note(kind, "link", extent);
        let fails = self.failing.contains(&(DiskId::Secondary, kind));
        let result = if fails { Err(Errno::NoSpace) } else { Ok(Payload::EMPTY) };
        self.host.link_completed(FIRST, id, result);
    }

    /// Headers and maps are left out of the log.
    fn log_disk(&mut self, disk: DiskId, op: &Op) -> Kind {
        let (kind, on_disk) = match op {
            Op::Read { at, len } => (Kind::R, Extent::new(*at, *len)),
            Op::Write { at, payload, .. } => (Kind::W, Extent::new(*at, payload.len() as u32 / 8)),
            Op::Flush => {
                self.note(Kind::F, disk.name(), None);
                return Kind::F;
            }
        };
        if let Some(extent) = self.host.volume(FIRST).guest_extent(disk, on_disk) {
            self.note(kind, disk.name(), Some(extent));
        }
        kind
    }

    /// One entry for neighbouring sectors, and for all flushes of a disk.
    fn note(&mut self, kind: Kind, place: &'static str, extent: Option<Extent>) {
        if extent.is_none() && self.log.contains(&(kind, place, None)) {
            return;
        }
        if let (Some((last_kind, last_place, Some(last))), Some(extent)) =
            (self.log.last_mut(), extent)
            && (*last_kind, *last_place, last.end()) == (kind, place, extent.at)
        {
            last.len += extent.len;
            return;
        }
        self.log.push((kind, place, extent));
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::VerbAnswered { id: VerbId(id), result, .. } => self.told(*id, result),
            Event::AdminAnswered { id: VerbId(id), result, .. } => self.told(*id, result),
            Event::Answered { request: UserRequest(id), result, .. } => self.told(*id, result),
            Event::Stage { to, .. } => self.stages.push(*to),
            Event::Job { kind, state: JobState::Started } => drop(self.jobs.insert(*kind)),
            Event::Job { kind, state: JobState::Concluded(_) } => drop(self.jobs.remove(kind)),
            Event::Blocker { node, reason: Reason::InternalBackup, set } => {
                assert!([TOP, FILTER].contains(node), "the blocker is on the top, not on {node}");
                self.top_blocked = *set;
            }
            Event::ReadOnly { node, on } if *node == Name::new("hidden") => {
                self.hidden_read_only = *on;
            }
            Event::ReadOnly { node, on } if *node == Name::new("secondary") => {
                self.secondary_read_only = *on;
            }
            Event::Graph(GraphChange::Pivoted) => self.pivoted = true,
            Event::Graph(GraphChange::FilterClosed) => self.closed = true,
            Event::Exited => self.exited = true,
            Event::Aborted(abort) => self.aborted = Some(abort.to_string()),
            _ => {}
        }
    }

    fn told<T, E: std::fmt::Display>(&mut self, id: u32, result: &Result<T, E>) {
        if id == self.asked {
            self.answer = result.as_ref().map_or_else(E::to_string, |_| "ok".into());
        }
    }

    /// Where requests of the last kind went, in order.
    pub(crate) fn place(&self) -> String {
        let of_kind = self.log.iter().filter(|(kind, ..)| *kind == self.kind);
        let places: Vec<String> =
            of_kind.map(|(_, place, extent)| sectors(place, *extent)).collect();
        if places.is_empty() { "-".into() } else { places.join(", ") }
    }

    /// The stages it went through, and everything that a verb sets up or takes away.
    pub(crate) fn state(&self) -> String {
        let letter = |stage: &Stage| match stage {
            Stage::None => "N",
            Stage::Running => "R",
            Stage::Failover => "F",
            Stage::FailoverFailed => "FF",
            Stage::Done => "D",
        };
        let stages: Vec<&str> = self.stages.iter().map(letter).collect();
        let aborted = self.aborted.as_ref().map(|abort| format!("ABORT {abort}"));
        let words = [
            (true, stages.join(">")),
            (self.jobs.contains(&JobKind::Backup), "backup".into()),
            (self.jobs.contains(&JobKind::Commit), "commit".into()),
            (self.top_blocked, "blocked".into()),
            (!self.hidden_read_only, "hidden-rw".into()),
            (self.secondary_read_only, "secondary-ro".into()),
            (self.pivoted, "pivoted".into()),
            (self.closed, "closed".into()),
            (self.exited, "exited".into()),
            (aborted.is_some(), aborted.unwrap_or_default()),
        ];
        let words = words.into_iter().filter(|(there, _)| *there).map(|(_, word)| word);
        words.collect::<Vec<_>>().join(" ")
    }

    /// What is compared; get_error is asked of a copy.
    pub(crate) fn cell(&self, seen: String) -> Cell<String> {
        let mut copy = self.clone();
        copy.perform(Do::Call(Verb::GetError));
        let dead = self.aborted.is_some() || self.exited;
        let get_error = if dead { "-".into() } else { copy.answer };
        Cell { answer: self.answer.clone(), seen, get_error }
    }
}

fn sectors(place: &str, extent: Option<Extent>) -> String {
    match extent {
        None => place.into(),
        Some(Extent { at, len: 1 }) => format!("{place} {at}"),
        Some(extent) => format!("{place} {}..{}", extent.at, extent.end()),
    }
}
