//! A run as a picture: what its disks held at each moment, up to the first violation.
//!
//! The film looks at the world after everything that the oracle looks at, and keeps what
//! changed. It judges nothing; what a page makes of it is in the reports.

use std::collections::{BTreeMap, VecDeque};

use colo_core::{DiskId, Event, Layout, Mark, UserId, VolumeId};
use colo_reports::{Content, Kind, Label, Lane, Moment, Run, Strip, Timeline, Writer};
use colo_sim::world::{Entry, Networked, Side, Stamp, VolumeView, What, World};

use crate::oracle::{Oracle, Violation};
use crate::plan::{Plan, Step};
use crate::spans::{Lasting, Span, Spans};
use crate::timeline::describe;

/// Sectors of a disk that are shown: all of them, or the first that the plan writes to.
const SECTORS_MAX: usize = 256;

/// A run that is being filmed.
#[derive(Debug, Clone)]
pub struct Film {
    /// Whose violation it ends with; any if absent.
    invariant: Option<String>,
    moments_max: usize,
    moments: VecDeque<Frame>,
    left_out: u64,
    /// The guest's sectors that are looked at.
    sectors: Vec<u64>,
    /// What each sector of each disk of each volume held at the first moment, and holds now.
    start: Vec<u32>,
    now: Vec<u32>,
    contents: Vec<Content>,
    codes: BTreeMap<(Writer, u32, Option<u32>, Option<u64>), u32>,
    /// What the labels of each volume say now.
    labels: Vec<[&'static str; 3]>,
    /// They say so from this moment on, counted with those that were left out.
    changes: Vec<(u64, VolumeId, Label, &'static str)>,
    spans: Spans,
    over: bool,
}

/// A moment, with the cells of all volumes.
#[derive(Debug, Clone)]
struct Frame {
    volume: VolumeId,
    step: Option<u32>,
    disk: Option<DiskId>,
    moment: Moment,
}

const LABELS: [Label; 3] = [Label::PrimaryStage, Label::SecondaryStage, Label::Mark];

impl Film {
    /// Begins with the world as it is; keeps the last `moments_max` moments.
    pub fn new(plan: &Plan, world: &World, invariant: Option<&str>, moments_max: usize) -> Self {
        let mut film = Self {
            invariant: invariant.map(str::to_owned),
            moments_max: moments_max.max(1),
            moments: VecDeque::new(),
            left_out: 0,
            sectors: sectors(plan),
            start: Vec::new(),
            now: Vec::new(),
            contents: Vec::new(),
            codes: BTreeMap::new(),
            labels: Vec::new(),
            changes: Vec::new(),
            spans: Spans::default(),
            over: false,
        };
        for volume in world.volumes() {
            film.labels.push([""; 3]);
            film.relabel(volume);
            for disk in DiskId::ALL {
                for index in 0..film.sectors.len() {
                    let code = film.code(volume, disk, film.sectors[index], None);
                    film.start.push(code);
                }
            }
        }
        film.now.clone_from(&film.start);
        film
    }

    /// Takes what happened since it looked last.
    pub(crate) fn take(&mut self, entries: &[Entry], world: &World, oracle: &Oracle) {
        // What changes without an entry is seen with the next one.
        if self.over || entries.is_empty() {
            return;
        }
        let sector_size = world.options().geometry.sector_size as usize;
        for entry in entries {
            self.spans.take(entry);
        }
        let from = self.moments.len();
        self.moments.extend(entries.iter().map(|entry| Frame::of(entry, sector_size)));
        for volume in world.volumes() {
            self.relabel(volume);
            for disk in DiskId::ALL {
                self.look(volume, disk, from, oracle);
            }
        }
        while self.moments.len() > self.moments_max {
            self.forget_first();
        }
        self.over = self.violation(oracle).is_some();
    }

    /// The violation that the film is about, once it is there.
    fn violation<'a>(&self, oracle: &'a Oracle) -> Option<&'a Violation> {
        let wanted = |violation: &&Violation| {
            self.invariant.as_ref().is_none_or(|name| name == violation.invariant)
        };
        oracle.violations().iter().find(wanted)
    }

    /// The timeline of that violation; `None` if there is none.
    pub(crate) fn finish(mut self, plan: &Plan, oracle: &Oracle) -> Option<Timeline> {
        let violation = self.violation(oracle)?;
        let volume = violation.volume;
        let (each, shown) = (DiskId::ALL.len() * self.sectors.len(), usize::from(volume.0));
        let cells = (shown * each) as u32..((shown + 1) * each) as u32;
        let frames = std::mem::take(&mut self.moments);
        let moments = frames.into_iter().map(|frame| frame.finish(plan, &cells));
        let strips = DiskId::ALL.iter().enumerate().map(|(index, disk)| {
            let from = shown * each + index * self.sectors.len();
            let start = self.start[from..from + self.sectors.len()].to_vec();
            Strip { name: disk.name().to_owned(), start }
        });
        let (strips, moments) = (strips.collect(), moments.collect());
        Some(Timeline {
            run: Run::default(),
            invariant: violation.invariant.to_owned(),
            host: violation.side as u8,
            sector: violation.sector,
            volume: (self.labels.len() > 1).then_some(volume.0),
            cluster: plan.setup.geometry.cluster,
            strips,
            moments,
            spans: std::mem::take(&mut self.spans)
                .finish()
                .iter()
                .filter_map(|span| self.shown(span))
                .collect(),
            labels: self.labels_of(volume),
            sectors: self.sectors,
            contents: self.contents,
            left_out: self.left_out,
        })
    }

    /// Notes what changed on a disk: at its own last answer, or else at the last moment.
    fn look(&mut self, volume: VolumeView<'_>, disk: DiskId, from: usize, oracle: &Oracle) {
        let first = self.place(volume.id(), disk);
        let mut cells = Vec::new();
        for index in 0..self.sectors.len() {
            let place = first + index;
            let code = self.code(volume, disk, self.sectors[index], Some(oracle));
            if std::mem::replace(&mut self.now[place], code) != code {
                cells.extend([place as u32, code]);
            }
        }
        if cells.is_empty() {
            return;
        }
        let of_disk = |frame: &Frame| (frame.volume, frame.disk) == (volume.id(), Some(disk));
        let frames = self.moments.range(from..);
        let at = frames.clone().rposition(of_disk).unwrap_or(frames.len() - 1);
        self.moments[from + at].moment.cells.extend(cells);
    }

    /// Where the sectors of a disk begin.
    fn place(&self, volume: VolumeId, disk: DiskId) -> usize {
        (usize::from(volume.0) * DiskId::ALL.len() + disk as usize) * self.sectors.len()
    }

    fn code(
        &mut self,
        volume: VolumeView<'_>,
        disk: DiskId,
        sector: u64,
        oracle: Option<&Oracle>,
    ) -> u32 {
        let (content, durable) = content(volume, disk, sector, oracle);
        let Content { writer, number, epoch, meant_for } = content;
        let contents = &mut self.contents;
        let code = self.codes.entry((writer, number, epoch, meant_for)).or_insert_with(|| {
            contents.push(content);
            contents.len() as u32 - 1
        });
        2 * *code + u32::from(!durable)
    }

    fn relabel(&mut self, volume: VolumeView<'_>) {
        let [primary, secondary] = Side::BOTH.map(|side| {
            let stage = volume.world().stage(side, volume.id());
            stage.map_or(if volume.world().host(side).is_some() { "-" } else { "off" }, |stage| {
                stage.name()
            })
        });
        let mark = match Layout::mark(volume.peek_disk(DiskId::Active, 0)) {
            Some(Mark::Void) => "void",
            Some(Mark::Owed) => "owed",
            Some(Mark::Retired) => "retired",
            None => "no header",
        };
        // The moment that the change belongs to is the last one so far.
        let moment = (self.left_out + self.moments.len() as u64).saturating_sub(1);
        let known = &mut self.labels[usize::from(volume.id().0)];
        for ((known, text), label) in known.iter_mut().zip([primary, secondary, mark]).zip(LABELS) {
            if *known != text {
                *known = text;
                self.changes.push((moment, volume.id(), label, text));
            }
        }
    }

    /// The labels of a volume, counted from the first moment that is left.
    fn labels_of(&self, volume: VolumeId) -> Vec<(u32, Label, String)> {
        let of_volume = self.changes.iter().filter(|(_, of, ..)| *of == volume);
        let from_first = |(at, _, label, text): &(u64, VolumeId, Label, &str)| {
            (at.saturating_sub(self.left_out) as u32, *label, (*text).to_owned())
        };
        of_volume.map(from_first).collect()
    }

    /// A span, as far as its moments are left.
    fn shown(&self, span: &Span) -> Option<(u8, u32, u32)> {
        let lane = match span.what {
            Lasting::Request(side, _, user, _) => lane_of(side, user),
            Lasting::Verb(side, _) => host(side),
            Lasting::Job(..) => Lane::Jobs,
            Lasting::Disconnected => Lane::Link,
        };
        let to = span.to.checked_sub(self.left_out)?;
        let from = span.from.saturating_sub(self.left_out);
        // What begins and ends at once is a moment.
        (from < to).then_some((lane as u8, from as u32, to as u32))
    }

    fn forget_first(&mut self) {
        let Some(first) = self.moments.pop_front() else { return };
        self.left_out += 1;
        for cell in first.moment.cells.as_chunks::<2>().0 {
            self.start[cell[0] as usize] = cell[1];
        }
    }
}

impl Frame {
    fn of(entry: &Entry, sector_size: usize) -> Self {
        let text = describe(&entry.what, sector_size).trim_start().to_owned();
        let text = match entry.volume {
            VolumeId::FIRST => text,
            volume => format!("[{volume}] {text}"),
        };
        let step = match entry.what {
            What::Step(number) => Some(number),
            _ => None,
        };
        let disk = match &entry.what {
            What::Disk { disk, .. } | What::Event(Event::Emptied(disk)) => Some(*disk),
            _ => None,
        };
        let (lane, kind) = place(entry);
        let moment = Moment { at_ns: entry.at.0, lane, kind, text, cells: Vec::new() };
        Self { volume: entry.volume, step, disk, moment }
    }

    /// The moment with its cells of the volume that is shown.
    fn finish(self, plan: &Plan, shown: &std::ops::Range<u32>) -> Moment {
        let mut moment = self.moment;
        if let Some(number) = self.step {
            let step = plan.steps.get(number as usize);
            let step = step.and_then(|step| serde_json::to_string(step).ok()).unwrap_or_default();
            moment.text = format!("step {number}: {step}");
        }
        let cells = moment.cells.as_chunks::<2>().0.iter();
        let cells = cells.filter(|[place, _]| shown.contains(place));
        moment.cells = cells.flat_map(|[place, code]| [place - shown.start, *code]).collect();
        moment
    }
}

/// All sectors of a small disk; of a large one those that guests write to.
fn sectors(plan: &Plan) -> Vec<u64> {
    let geometry = plan.setup.geometry;
    if geometry.sectors <= SECTORS_MAX as u64 {
        return (0..geometry.sectors).collect();
    }
    let mut sectors = std::collections::BTreeSet::new();
    for step in &plan.steps {
        let step = if let Step::On { step, .. } = step { step } else { step };
        let (Step::Write { at, len, .. } | Step::WriteZeroes { at, len, .. }) = step else {
            continue;
        };
        let to = (at + u64::from(*len)).min(geometry.sectors);
        sectors.extend((*at..to).take(SECTORS_MAX));
        if sectors.len() >= SECTORS_MAX {
            break;
        }
    }
    sectors.into_iter().take(SECTORS_MAX).collect()
}

/// What a sector of a disk holds for the guest, and whether a power loss would leave it.
fn content(
    volume: VolumeView<'_>,
    disk: DiskId,
    sector: u64,
    oracle: Option<&Oracle>,
) -> (Content, bool) {
    let of = |writer, number| Content { writer, number, epoch: None, meant_for: None };
    let mut at = sector;
    if matches!(disk, DiskId::Hidden | DiskId::Active) {
        if !holds(volume, disk, sector) {
            return (of(Writer::Nobody, 0), true);
        }
        at += Layout::new(&volume.options().geometry).data_at;
    }
    let bytes = volume.peek_disk(disk, at);
    let durable = bytes == volume.disk(disk).medium().peek_durable(at);
    let Some(stamp) = Stamp::of(bytes) else { return (of(Writer::Torn, 0), durable) };
    let number = stamp.number();
    let content = match stamp.writer() {
        _ if stamp == Stamp::ZERO => return (of(Writer::Zero, 0), durable),
        0 if number == Stamp::initial(volume.id()) => of(Writer::Initial, 0),
        0 => of(Writer::Foreign, number),
        writer if (writer - 1) / 2 != volume.id().0 => of(Writer::Foreign, number),
        writer => {
            let side = Side::BOTH[usize::from((writer - 1) % 2)];
            let epoch = oracle.and_then(|oracle| oracle.epoch(volume.id(), side, number));
            let writer = if side == Side::Primary { Writer::Primary } else { Writer::Secondary };
            Content { epoch, ..of(writer, number) }
        }
    };
    let meant_for = (stamp.sector() != sector).then_some(stamp.sector());
    (Content { meant_for, ..content }, durable)
}

/// Whether an overlay holds a sector: by its map in memory if it is open, else by the one on its disk.
fn holds(volume: VolumeView<'_>, disk: DiskId, sector: u64) -> bool {
    let geometry = &volume.options().geometry;
    let open = volume.on(Side::Secondary).and_then(|open| open.overlay_holds(disk, sector));
    open.unwrap_or_else(|| {
        let cluster = (sector / u64::from(geometry.cluster)) as usize;
        let each = Layout::new(geometry).clusters_per_sector;
        volume.peek_disk(disk, 1 + (cluster / each) as u64)[cluster % each] != 0
    })
}

fn host(side: Side) -> Lane {
    [Lane::PrimaryHost, Lane::SecondaryHost][side as usize]
}

/// Where a user's requests are drawn: what the export is asked came over the connection.
pub(crate) fn lane_of(side: Side, user: UserId) -> Lane {
    match user {
        UserId::Guest => [Lane::PrimaryGuest, Lane::SecondaryGuest][side as usize],
        UserId::Export => Lane::Link,
    }
}

/// In which lane something happens, and of what kind it is.
pub(crate) fn place(entry: &Entry) -> (Lane, Kind) {
    let Some(side) = entry.side else {
        return if matches!(entry.what, What::Step(_)) {
            (Lane::Plan, Kind::Step)
        } else {
            (Lane::Link, Kind::Link)
        };
    };
    let host = host(side);
    let user = |user: UserId| lane_of(side, user);
    let answer = |failed: bool, kind| if failed { Kind::Error } else { kind };
    match &entry.what {
        What::Step(_) => (Lane::Plan, Kind::Step),
        What::Submitted { user: who, .. } => (user(*who), Kind::Request),
        What::Called { .. } | What::CalledAll { .. } | What::Administered { .. } => {
            (host, Kind::Verb)
        }
        What::Disk { failed, .. } => (host, answer(failed.is_some(), Kind::Disk)),
        What::Fault { .. }
        | What::EmptyingFails { .. }
        | What::Lie { .. }
        | What::Unasked { .. } => (host, Kind::Fault),
        What::CancelAsked(_) => (Lane::Jobs, Kind::Job),
        What::Started { .. } | What::PowerLost | What::ProcessDied => (host, Kind::Crash),
        What::Connection(_) => (Lane::Link, Kind::Link),
        What::Networked(Networked::Ended { .. }) => (Lane::Link, Kind::Error),
        What::Networked(Networked::Forwarded { ok, .. }) => (Lane::Link, answer(!ok, Kind::Link)),
        What::Networked(_) => (host, Kind::Other),
        What::Event(event) => match event {
            Event::Answered { user: who, result, .. } => {
                (user(*who), answer(result.is_err(), Kind::Request))
            }
            Event::VerbAnswered { result, .. } => (host, answer(result.is_err(), Kind::Verb)),
            Event::AllAnswered { result, .. } => (host, answer(result.is_err(), Kind::Verb)),
            Event::AdminAnswered { result, .. } => (host, answer(result.is_err(), Kind::Verb)),
            Event::VerbBegun { .. } => (host, Kind::Verb),
            Event::Stage { .. } => (host, Kind::Stage),
            Event::Job { .. } => (Lane::Jobs, Kind::Job),
            Event::Exited | Event::Aborted(_) => (host, Kind::Crash),
            Event::Opened(Err(_)) | Event::OpenRefused(_) => (host, Kind::Error),
            _ => (host, Kind::Other),
        },
    }
}
