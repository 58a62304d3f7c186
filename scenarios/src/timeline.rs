//! A trace as a person reads it: time, host, who, what, answer, stage.

use std::fmt::Write;

use colo_core::{
    Event, Extent, GraphChange, JobKind, JobState, Payload, Recovery, UserId, UserRequest, VolumeId,
};
use colo_sim::world::{Connection, Entry, Stamp, SubmittedOp, VOLUMES_MAX, What};

use crate::plan::Plan;

/// The entries up to step `until`, a line each; disk requests indented below what caused them.
pub fn timeline(plan: &Plan, entries: &[Entry], until: Option<u32>) -> String {
    let mut text = String::from("     time µs  host       what\n");
    let mut stage = [["-"; VOLUMES_MAX]; 2];
    for entry in entries {
        if let What::Step(number) = entry.what {
            if until.is_some_and(|until| number > until) {
                break;
            }
            let step = plan.steps.get(number as usize);
            let step = step.and_then(|step| serde_json::to_string(step).ok()).unwrap_or_default();
            let _ = writeln!(text, "── step {number}: {step}");
            continue;
        }
        let host = entry.side.map_or("link", |side| side.name());
        if let (What::Event(Event::Stage { to, .. }), Some(side)) = (&entry.what, entry.side) {
            stage[side as usize][usize::from(entry.volume.0)] = to.name();
        }
        if let (What::Started { .. }, Some(side)) = (&entry.what, entry.side) {
            stage[side as usize][usize::from(entry.volume.0)] = "-";
        }
        let stage = entry.side.map_or("", |side| stage[side as usize][usize::from(entry.volume.0)]);
        let what = describe(&entry.what, plan.setup.geometry.sector_size as usize);
        let what = match entry.volume {
            VolumeId::FIRST => what,
            volume => format!("[{volume}] {what}"),
        };
        let _ = writeln!(text, "{:>12}  {host:<9}  {what:<60} {stage}", entry.at.to_string());
    }
    text.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

/// One thing that happened, in words.
pub(crate) fn describe(what: &What, sector_size: usize) -> String {
    match what {
        What::Step(number) => format!("step {number}"),
        What::Submitted { user, request, op } => {
            format!("{} {}", requester(*user, *request), operation(op))
        }
        What::Called { id, verb } => format!("verb {} called: {verb}", id.0),
        What::CalledAll { id, verb } => format!("verb {} called on all filters: {verb}", id.0),
        What::Administered { id, admin } => format!("command {} given: {admin}", id.0),
        What::EmptyingFails { disk, failure, errno } => {
            let (disk, failure) = (disk.name(), failure.name());
            format!("  FAULT {disk}: the next emptying will fail with {errno}, dropped: {failure}")
        }
        What::CancelAsked(kind) => format!("somebody cancels the {} job", job(*kind)),
        What::Event(event) => describe_event(event, sector_size),
        What::Disk { disk, op, extent, failed } => {
            let failed = failed.map_or(String::new(), |errno| format!(": {errno}"));
            format!("  disk {}: {}{}{failed}", disk.name(), op.name(), sectors(*extent))
        }
        What::Fault { disk, op, extent, errno, landed } => {
            let landed = match landed {
                0 => String::new(),
                n => format!(", {n} sectors land all the same"),
            };
            let extent = sectors(*extent);
            format!("  FAULT {}: {}{extent} will fail with {errno}{landed}", disk.name(), op.name())
        }
        What::Lie { disk, lie, op, extent } => {
            let extent = sectors(*extent);
            format!("  LIE of {}: {} on {}{extent}", disk.name(), lie.name(), op.name())
        }
        What::Networked(what) => what.to_string(),
        What::Unasked { disk } => {
            format!("  disk {}: an answer that nobody waits for", disk.name())
        }
        What::Started { recover: false } => "started".to_owned(),
        What::Started { recover: true } => "started to recover".to_owned(),
        What::PowerLost => "POWER LOST".to_owned(),
        What::ProcessDied => "PROCESS DIED".to_owned(),
        What::Connection(Connection::Up) => "connection up".to_owned(),
        What::Connection(Connection::Down) => "connection down, with all that was on it".to_owned(),
        What::Connection(Connection::Held) => "connection held".to_owned(),
        What::Connection(Connection::CutFrom(side)) => {
            format!("nothing arrives of what the {} sends", side.name())
        }
        What::Connection(Connection::OpenFrom(side)) => {
            format!("what the {} sends arrives", side.name())
        }
        What::Connection(Connection::Released) => "connection released".to_owned(),
    }
}

fn describe_event(event: &Event, sector_size: usize) -> String {
    match event {
        Event::Opened(Ok(())) => "images opened".to_owned(),
        Event::Opened(Err(errno)) => format!("images could not be opened: {errno}"),
        Event::OpenRefused(error) => format!("the filter could not be opened: {error}"),
        Event::Answered { user, request, result } => {
            let answer = match result {
                Ok(bytes) if bytes.is_empty() => "ok".to_owned(),
                Ok(bytes) => contents(bytes, sector_size),
                Err(errno) => errno.to_string(),
            };
            format!("{} answered: {answer}", requester(*user, *request))
        }
        Event::VerbAnswered { id, verb, result } => {
            let answer = result.as_ref().map_or_else(ToString::to_string, |()| "ok".to_owned());
            format!("verb {} answered: {verb}: {answer}", id.0)
        }
        Event::OpenBegun => "the volume is being opened".to_owned(),
        Event::VerbBegun { id, verb } => format!("verb {} begins: {verb}", id.0),
        Event::AllAnswered { id, verb, result } => {
            let answer = result.as_ref().map_or_else(ToString::to_string, |()| "ok".to_owned());
            format!("verb {} answered on all filters: {verb}: {answer}", id.0)
        }
        Event::Blocker { node, reason, set: true } => format!("node {node} blocked: {reason}"),
        Event::Blocker { node, reason, set: false } => format!("node {node} unblocked: {reason}"),
        Event::ReadOnly { node, on: true } => format!("node {node} is read-only"),
        Event::ReadOnly { node, on: false } => format!("node {node} is writable"),
        Event::AdminAnswered { id, admin, result } => {
            let answer = result.as_ref().map_or_else(ToString::to_string, |()| "ok".to_owned());
            format!("command {} answered: {admin}: {answer}", id.0)
        }
        Event::Ejected(disk) => format!("overlay {} has lost its format layer", disk.name()),
        Event::Exited => "PROCESS ENDED".to_owned(),
        Event::Stage { from, to, .. } => format!("stage {} -> {}", from.name(), to.name()),
        Event::Job { kind, state } => {
            let state = match state {
                JobState::Started => "started".to_owned(),
                JobState::Ready => "ready".to_owned(),
                JobState::Cancelling => "cancelling".to_owned(),
                JobState::Concluded(Ok(())) => "concluded".to_owned(),
                JobState::Concluded(Err(errno)) => format!("concluded: {errno}"),
            };
            format!("{} job {state}", job(*kind))
        }
        Event::Graph(GraphChange::CopyFilterInserted) => "copy-before-write filter in".to_owned(),
        Event::Graph(GraphChange::CopyFilterRemoved) => "copy-before-write filter out".to_owned(),
        Event::Graph(GraphChange::Pivoted) => "pivot to the secondary disk".to_owned(),
        Event::Graph(GraphChange::FilterClosed) => "replication filter closed".to_owned(),
        Event::Emptied(disk) => format!("{} emptied", disk.name()),
        Event::Recovered(Recovery::Committed) => "recovered: the view is written down".to_owned(),
        Event::Recovered(Recovery::DiskAlone) => {
            "nothing to recover: the secondary disk alone is true".to_owned()
        }
        Event::Recovered(Recovery::Refused) => {
            "recovery refused: no view here is owed to anybody".to_owned()
        }
        Event::Recovered(Recovery::Failed(errno)) => format!("recovery failed: {errno}"),
        Event::Aborted(reason) => format!("ABORT: {reason}"),
    }
}

fn requester(user: UserId, request: UserRequest) -> String {
    let user = match user {
        UserId::Guest => "guest",
        UserId::Export => "export",
    };
    format!("{user} #{}", request.0)
}

fn operation(op: &SubmittedOp) -> String {
    match op {
        SubmittedOp::Read(extent) => format!("read {extent}"),
        SubmittedOp::Write(extent, payload) => {
            let number = payload.first_chunk::<8>().map(|word| stamp(u64::from_le_bytes(*word)));
            format!("write {extent} ({})", number.unwrap_or_default())
        }
        SubmittedOp::Flush => "flush".to_owned(),
        SubmittedOp::Discard(extent) => format!("discard {extent}"),
    }
}

fn stamp(word: u64) -> String {
    let stamp = Stamp(word);
    let writer = match stamp.writer() {
        0 => match stamp.number() {
            0 => return "0".to_owned(),
            1 => return "init".to_owned(),
            number => return format!("init@{}", number - 1),
        },
        writer if writer % 2 == 1 => "P",
        _ => "S",
    };
    match stamp.writer().saturating_sub(1) / 2 {
        0 => format!("{writer}{}", stamp.number()),
        volume => format!("{writer}{}@{volume}", stamp.number()),
    }
}

/// The writes whose data is there, in runs: `P3 P3 S1` as `P3×2 S1`.
fn contents(bytes: &Payload, sector_size: usize) -> String {
    let words = bytes
        .chunks(sector_size)
        .map(|sector| Stamp::of(sector).map_or("torn".to_owned(), |whole| stamp(whole.0)));
    let mut runs: Vec<(String, usize)> = Vec::new();
    for word in words {
        match runs.last_mut() {
            Some((last, times)) if *last == word => *times += 1,
            _ => runs.push((word, 1)),
        }
    }
    let run = |(word, times): (String, usize)| match times {
        1 => word,
        _ => format!("{word}×{times}"),
    };
    runs.into_iter().map(run).collect::<Vec<_>>().join(" ")
}

fn sectors(extent: Extent) -> String {
    if extent.len == 0 { String::new() } else { format!(" {extent}") }
}

fn job(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Backup => "backup",
        JobKind::Commit => "commit",
    }
}
