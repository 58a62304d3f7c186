//! A run as a trace for Perfetto: hosts are processes; guests, stages, verbs, jobs and disks are threads.
//!
//! It says what the text of a trace says, on tracks: what lasts is a slice, everything else a moment.

use colo_core::{Event, JobState, VolumeId};
use colo_reports::{Kind, Lane, Slice, Track};
use colo_sim::world::{Entry, Side, VOLUMES_MAX, What};

use crate::film::{lane_of, place};
use crate::plan::Plan;
use crate::spans::{Lasting, Span, Spans};
use crate::timeline::describe;

const fn track(process: &'static str, thread: &'static str) -> Track {
    Track { process, thread }
}

const STEPS: Track = track("plan", "steps");
const LINK: Track = track("link", "forwarded requests");
const CONNECTION: Track = track("link", "connection");
const JOBS: Track = track("secondary", "jobs");
const GUESTS: [Track; 2] = [track("primary", "guest"), track("secondary", "guest")];
const STAGES: [Track; 2] = [track("primary", "stage"), track("secondary", "stage")];
const VERBS: [Track; 2] = [track("primary", "verbs"), track("secondary", "verbs")];
const EVENTS: [Track; 2] = [track("primary", "host"), track("secondary", "host")];
const DISKS: [Track; 2] = [track("primary", "disks"), track("secondary", "disks")];

const TRACKS: [Track; 14] = [
    STEPS, GUESTS[0], STAGES[0], VERBS[0], EVENTS[0], DISKS[0], LINK, CONNECTION, GUESTS[1],
    STAGES[1], VERBS[1], JOBS, EVENTS[1], DISKS[1],
];

/// The entries of a run, as JSON.
pub fn perfetto(plan: &Plan, entries: &[Entry]) -> String {
    let sector_size = plan.setup.geometry.sector_size as usize;
    let mut spans = Spans::default();
    for entry in entries {
        spans.take(entry);
    }
    let spans = spans.finish();
    let mut slices: Vec<_> = spans.iter().map(|span| lasting(span, entries, sector_size)).collect();
    slices.extend(entries.iter().filter_map(|entry| moment(entry, sector_size)));
    slices.extend(steps(plan, entries));
    slices.extend(stages(entries));
    colo_reports::perfetto(&TRACKS, &slices)
}

fn words(entry: &Entry, sector_size: usize) -> String {
    let text = describe(&entry.what, sector_size).trim_start().to_owned();
    match entry.volume {
        VolumeId::FIRST => text,
        volume => format!("[{volume}] {text}"),
    }
}

fn lasting(span: &Span, entries: &[Entry], sector_size: usize) -> Slice {
    let (from, to) = (&entries[span.from as usize], &entries[span.to as usize]);
    let (track, category) = match span.what {
        Lasting::Request(side, _, user, _) => match lane_of(side, user) {
            Lane::Link => (LINK, "request"),
            _ => (GUESTS[side as usize], "request"),
        },
        Lasting::Verb(side, _) => (VERBS[side as usize], "verb"),
        Lasting::Job(..) => (JOBS, "job"),
        Lasting::Disconnected => (CONNECTION, "link"),
    };
    Slice {
        track,
        name: words(from, sector_size),
        category,
        from_ns: from.at.0,
        to_ns: Some(to.at.0),
        outcome: words(to, sector_size),
    }
}

/// What is neither the beginning nor the end of something that lasts, nor a stage.
fn moment(entry: &Entry, sector_size: usize) -> Option<Slice> {
    let (lane, kind) = place(entry);
    let side = entry.side.map(|side| side as usize);
    if is_drawn_otherwise(&entry.what) {
        return None;
    }
    let track = match (&entry.what, lane, side) {
        (What::Disk { .. } | What::Fault { .. } | What::Lie { .. }, _, Some(side)) => DISKS[side],
        (_, Lane::Jobs, _) => JOBS,
        (_, Lane::Link, _) => CONNECTION,
        (_, _, Some(side)) => EVENTS[side],
        (_, _, None) => return None,
    };
    let category = match kind {
        Kind::Step | Kind::Stage | Kind::Request => "request",
        Kind::Error => "error",
        Kind::Disk => "disk",
        Kind::Fault => "fault",
        Kind::Verb => "verb",
        Kind::Job => "job",
        Kind::Crash => "crash",
        Kind::Link => "link",
        Kind::Other => "host",
    };
    let name = words(entry, sector_size);
    let (from_ns, outcome) = (entry.at.0, String::new());
    Some(Slice { track, name, category, from_ns, to_ns: None, outcome })
}

/// Whether it begins or ends a slice.
fn is_drawn_otherwise(what: &What) -> bool {
    match what {
        What::Submitted { .. } | What::Called { .. } | What::CalledAll { .. } => true,
        What::Administered { .. } => true,
        What::Event(event) => matches!(
            event,
            Event::Answered { .. }
                | Event::VerbAnswered { .. }
                | Event::AllAnswered { .. }
                | Event::AdminAnswered { .. }
                | Event::Stage { .. }
                | Event::Job { state: JobState::Started | JobState::Concluded(_), .. }
        ),
        _ => false,
    }
}

/// The steps of the plan, each until the next one.
fn steps(plan: &Plan, entries: &[Entry]) -> Vec<Slice> {
    let begins = entries.iter().filter_map(|entry| match entry.what {
        What::Step(number) => Some((number, entry.at.0)),
        _ => None,
    });
    let begins: Vec<_> = begins.collect();
    let end = entries.last().map_or(0, |entry| entry.at.0);
    let ends = begins.iter().skip(1).map(|(_, at)| *at).chain([end]);
    let slice = |(&(number, from_ns), to): (&(u32, u64), u64)| {
        let step = plan.steps.get(number as usize);
        let step = step.and_then(|step| serde_json::to_string(step).ok()).unwrap_or_default();
        let (name, outcome) = (format!("step {number}: {step}"), String::new());
        Slice { track: STEPS, name, category: "step", from_ns, to_ns: Some(to), outcome }
    };
    begins.iter().zip(ends).map(slice).collect()
}

/// The stages of every filter, each until the next one, or until the process is gone.
fn stages(entries: &[Entry]) -> Vec<Slice> {
    let mut slices = Vec::new();
    let mut open: [[Option<(&str, u64)>; VOLUMES_MAX]; 2] = Default::default();
    let mut close = |side: Side, volume: usize, stage: Option<(&str, u64)>, to: u64| {
        let Some((name, from_ns)) = stage else { return };
        let name = if volume == 0 { name.to_owned() } else { format!("[{volume}] {name}") };
        let (track, outcome) = (STAGES[side as usize], String::new());
        slices.push(Slice { track, name, category: "stage", from_ns, to_ns: Some(to), outcome });
    };
    for entry in entries {
        let Some(side) = entry.side else { continue };
        let volume = usize::from(entry.volume.0);
        match &entry.what {
            What::Event(Event::Stage { from, to, .. }) => {
                // A filter that was opened is in its first stage, and says nothing of it.
                let before = open[side as usize][volume].or(Some((from.name(), 0)));
                close(side, volume, before, entry.at.0);
                open[side as usize][volume] = Some((to.name(), entry.at.0));
            }
            What::Started { recover } => {
                open[side as usize][volume] = (!recover).then_some(("NONE", entry.at.0));
            }
            What::PowerLost
            | What::ProcessDied
            | What::Event(Event::Exited | Event::Aborted(_)) => {
                for (volume, stage) in open[side as usize].iter_mut().enumerate() {
                    close(side, volume, stage.take(), entry.at.0);
                }
            }
            _ => {}
        }
    }
    let end = entries.last().map_or(0, |entry| entry.at.0);
    for side in Side::BOTH {
        for (volume, stage) in open[side as usize].into_iter().enumerate() {
            close(side, volume, stage, end);
        }
    }
    slices
}
