//! Steps as an operator of QEMU would say them: commands of its monitor, and sentences for what is none.

use colo_core::{Admin, EmptyFailure, JobType, Mode, UserKind, Verb};
use colo_sim::faulty::OpKind;
use colo_sim::world::Side;
use serde_json::{Value, json};

use crate::conform::machine::{file, named};
use crate::plan::{FaultSpec, Step};

/// The command that calls a verb; none closes a filter.
pub(super) fn command(side: Side, verb: Verb) -> Option<(&'static str, Value)> {
    let primary = side == Side::Primary;
    Some(match verb {
        Verb::Start(mode) => {
            let primary = mode == Mode::Primary;
            ("xen-set-replication", json!({ "enable": true, "primary": primary }))
        }
        Verb::Stop { failover } => {
            let arguments = json!({ "enable": false, "primary": primary, "failover": failover });
            ("xen-set-replication", arguments)
        }
        Verb::Checkpoint => ("xen-colo-do-checkpoint", json!({})),
        Verb::GetError => ("query-xen-replication-status", json!({})),
        Verb::Close => return None,
    })
}

/// A step in a line.
pub(super) fn step(step: &Step) -> String {
    said(0, step)
}

fn said(volume: u8, step: &Step) -> String {
    let guest = |side: &Side, what: &str| format!("{}, guest{}: {what}", side.name(), of(volume));
    let sectors =
        |at: &u64, len: &u32| format!("sectors {at}..{}", at.saturating_add((*len).into()));
    match step {
        Step::On { volume, step } => said(*volume, step),
        Step::Read { side, at, len, .. } => guest(side, &format!("read {}", sectors(at, len))),
        Step::Write { side, at, len, .. } => guest(side, &format!("write {}", sectors(at, len))),
        Step::WriteZeroes { side, at, len, .. } => {
            guest(side, &format!("write zeroes to {}", sectors(at, len)))
        }
        Step::Discard { side, at, len, .. } => {
            guest(side, &format!("discard {}", sectors(at, len)))
        }
        Step::Flush { side, .. } => guest(side, "flush"),
        Step::Call { side, verb, .. } | Step::CallAll { side, verb, .. } => {
            let command =
                command(*side, *verb).map(|(command, arguments)| spoken(command, &arguments));
            format!("{}: {}", side.name(), command.unwrap_or_else(|| verb.to_string()))
        }
        Step::Admin { side, command, .. } => {
            format!("{}: {}", side.name(), administered(volume, command))
        }
        Step::Fault(spec) => fault(volume, spec),
        Step::EmptyFails { disk, how, errno } => format!(
            "the next emptying of {} fails with {} {}",
            file(*disk, volume),
            errno.name(),
            match how {
                EmptyFailure::Nothing => "before it has dropped anything",
                EmptyFailure::Half => "half way",
                EmptyFailure::All => "after it has dropped everything",
                EmptyFailure::Ejected => "and leaves the image closed",
            }
        ),
        Step::FaultsEnd => "no disk fails any more".to_owned(),
        Step::Stall { disk, .. } => format!("the next write to {} is held", file(*disk, volume)),
        Step::Pass(_) | Step::Settle => {
            "what is held goes on, and everything under way ends".to_owned()
        }
        Step::Kill(side) => format!("{}: SIGKILL", side.name()),
        Step::Restart(side) => format!("{}: started, if it does not run", side.name()),
        Step::Recover { .. } => {
            "secondary: qemu-img commit, of active into the secondary disk".to_owned()
        }
        Step::Cut(true) => "nothing is sent to the secondary any more".to_owned(),
        Step::Cut(false) => "the connection may be used again".to_owned(),
        // None of these can be done there.
        other => other.kind(),
    }
}

fn of(volume: u8) -> String {
    if volume == 0 { String::new() } else { format!(" of volume {volume}") }
}

/// A command with its arguments, `name key=value …`.
fn spoken(command: &str, arguments: &Value) -> String {
    let fields = arguments.as_object().into_iter().flatten();
    let fields = fields.map(|(key, value)| match value {
        Value::String(text) => format!(" {key}={text}"),
        other => format!(" {key}={other}"),
    });
    fields.fold(command.to_owned(), |said, field| said + &field)
}

fn administered(volume: u8, command: &Admin) -> String {
    let name = |name: &colo_core::Name| named(name.as_str(), volume);
    match command {
        Admin::Quit => "quit".to_owned(),
        Admin::Attach { user, kind: UserKind::Device, node } => {
            format!("device_add scsi-hd id={} drive={} share-rw=true", name(user), name(node))
        }
        Admin::Attach { user, kind, node } => format!(
            "block-export-add id={} node-name={} writable={}",
            name(user),
            name(node),
            *kind == UserKind::Export
        ),
        Admin::Detach { user } => {
            format!("{} is taken away: block-export-del, device_del or drive_del", name(user))
        }
        Admin::StartJob { job, kind, node } => {
            let command =
                if *kind == JobType::Mirror { "blockdev-mirror" } else { "blockdev-backup" };
            format!("{command} job-id={} device={} sync=none", name(job), name(node))
        }
        Admin::CancelJob { job } => format!("block-job-cancel device={} force=true", name(job)),
        other => other.to_string(),
    }
}

fn fault(volume: u8, spec: &FaultSpec) -> String {
    let (one, many) = match spec.op {
        OpKind::Read => ("read", "reads"),
        OpKind::Write => ("write", "writes"),
        OpKind::Flush => ("flush", "flushes"),
        OpKind::Any => ("request", "requests"),
    };
    let place =
        spec.range.map_or_else(String::new, |(from, to)| format!(" in sectors {from}..{to}"));
    let (file, errno) = (file(spec.disk, volume), spec.errno.name());
    match spec.times {
        None => format!("all {many} of {file}{place} fail with {errno}"),
        Some(1) => format!("the next {one} of {file}{place} fails with {errno}"),
        Some(times) => format!("the next {times} {many} of {file}{place} fail with {errno}"),
    }
}
