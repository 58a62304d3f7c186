//! The command lines of the two hosts: the plan's topology in QEMU's words.
//!
//! Below each image is a node that only passes on, `NAME-switch`: a fault is put in by pointing it at
//! another node, which leaves the node above it alone.

use colo_core::{DiskId, EXPORT, FILTER, Format, GUEST, PARENT, TOP, UserKind, Wiring};
use colo_sim::world::Side;
use serde_json::{Value, json};

use crate::conform::qemu::{Folder, Log, Programs};
use crate::conform::transcript::INITIAL;
use crate::plan::{Plan, Setup};

/// The socket on which the secondary host serves its disks, in the folder of the images.
pub(super) const EXPORTS: &str = "nbd.sock";

/// A name of the first volume, as another volume has it.
pub(super) fn named(name: &str, volume: u8) -> String {
    match volume {
        0 => name.to_owned(),
        volume => format!("{name}.{volume}"),
    }
}

/// The file of a disk.
pub(super) fn file(disk: DiskId, volume: u8) -> String {
    let suffix = if matches!(disk, DiskId::Local | DiskId::Secondary) { "raw" } else { "img" };
    format!("{}.{suffix}", named(disk.name(), volume))
}

/// How each volume of a plan is put together.
pub(super) fn wirings(setup: &Setup) -> impl Iterator<Item = (u8, Wiring)> + '_ {
    let further = setup.further.iter().map(|volume| volume.wiring);
    (0..).zip(std::iter::once(setup.wiring).chain(further))
}

/// Makes every image of a plan, as both hosts have them before anything happens.
pub(super) fn make_images(
    plan: &Plan,
    programs: &Programs,
    folder: &Folder,
    log: &mut Log,
) -> std::io::Result<()> {
    let setup = &plan.setup;
    let bytes = setup.geometry.sectors * u64::from(setup.geometry.sector_size);
    for (volume, wiring) in wirings(setup) {
        for disk in [DiskId::Local, DiskId::Secondary] {
            folder.fill(log, &file(disk, volume), bytes, INITIAL)?;
        }
        for disk in [DiskId::Hidden, DiskId::Active] {
            let short = disk == DiskId::Hidden && wiring.hidden_is_short;
            let bytes = if short { bytes / 2 } else { bytes };
            let (name, size) = (file(disk, volume), bytes.to_string());
            let arguments = ["create", "-q", "-f", format_of(&wiring, disk), &name, &size];
            let made = folder.img(programs, log, &arguments)?;
            if !made.is_ok() {
                return Err(std::io::Error::other(made.printed));
            }
        }
    }
    Ok(())
}

/// The commands with which an operator writes the view of a volume down, when nothing runs: what lies below
/// an image is not in the image, so it is put in first, and taken out again for the process that comes next.
pub(super) fn recovery(wiring: &Wiring, volume: u8) -> [Vec<String>; 5] {
    let [base, hidden, active] =
        [DiskId::Secondary, DiskId::Hidden, DiskId::Active].map(|disk| file(disk, volume));
    let command = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    let formats = [DiskId::Hidden, DiskId::Active].map(|disk| format_of(wiring, disk));
    [
        command(&["rebase", "-u", "-f", formats[0], "-b", &base, "-F", "raw", &hidden]),
        command(&["rebase", "-u", "-f", formats[1], "-b", &hidden, "-F", formats[0], &active]),
        command(&["commit", "-q", "-f", formats[1], "-b", &base, &active]),
        command(&["rebase", "-u", "-f", formats[1], "-b", "", &active]),
        command(&["rebase", "-u", "-f", formats[0], "-b", "", &hidden]),
    ]
}

fn format_of(wiring: &Wiring, disk: DiskId) -> &'static str {
    let format = if disk == DiskId::Active { wiring.active } else { wiring.hidden };
    match format {
        Format::Overlay => "qcow2",
        // It has a backing file and cannot be emptied.
        Format::Fixed => "qed",
        Format::Raw => "raw",
    }
}

/// What the process on a host is started with.
pub(super) fn arguments(plan: &Plan, side: Side) -> Vec<String> {
    let mut arguments = Vec::new();
    let devices = wirings(&plan.setup).any(|(_, wiring)| {
        wiring.guest != UserKind::Drive || wiring.parent == Some(UserKind::DriveDevice)
    });
    if side == Side::Secondary && (devices || plan.steps.iter().any(attaches)) {
        // A virtio controller would refuse a disk that is the backing file of another.
        arguments.extend(["-device".to_owned(), "lsi53c895a,id=scsi".to_owned()]);
    }
    for (volume, wiring) in wirings(&plan.setup) {
        match side {
            Side::Primary => primary(volume, &mut arguments),
            Side::Secondary => {
                secondary(volume, &wiring, plan.setup.secondary_quorum, &mut arguments);
            }
        }
    }
    arguments
}

fn attaches(step: &crate::plan::Step) -> bool {
    use crate::plan::Step;
    match step.bare() {
        Step::Admin { command: colo_core::Admin::Attach { kind, .. }, .. } => {
            *kind == UserKind::Device
        }
        _ => false,
    }
}

/// An image's file, and what passes on above it.
fn below(disk: DiskId, volume: u8, switch: bool, arguments: &mut Vec<String>) {
    let node = |part: &str| named(&format!("{}-{part}", disk.name()), volume);
    let file =
        json!({ "driver": "file", "node-name": node("file"), "filename": file(disk, volume) });
    blockdev(file, arguments);
    if switch {
        let switch = json!({ "driver": "raw", "node-name": node("switch"), "file": node("file") });
        blockdev(switch, arguments);
    }
}

fn blockdev(node: Value, arguments: &mut Vec<String>) {
    arguments.extend(["-blockdev".to_owned(), node.to_string()]);
}

fn drive(options: String, arguments: &mut Vec<String>) {
    arguments.extend(["-drive".to_owned(), format!("if=none,{options}")]);
}

fn primary(volume: u8, arguments: &mut Vec<String>) {
    below(DiskId::Local, volume, true, arguments);
    let name = |name| named(name, volume);
    let raw = json!({
        "driver": "raw", "node-name": name("local"), "file": name("local-switch"),
    });
    blockdev(raw, arguments);
    drive(
        format!(
            "id={},driver=replication,mode=primary,node-name={},file.driver=raw,file.node-name={},\
             file.file.driver=nbd,file.file.export={},file.file.server.type=unix,\
             file.file.server.path={EXPORTS}",
            name("prim0"),
            name(FILTER.as_str()),
            name("remote"),
            name("secondary"),
        ),
        arguments,
    );
    drive(
        format!(
            "id={},driver=quorum,node-name={},read-pattern=fifo,vote-threshold=1,children.0={},children.1={}",
            name(GUEST.as_str()),
            name(TOP.as_str()),
            name("local"),
            name("prim0"),
        ),
        arguments,
    );
}

fn secondary(volume: u8, wiring: &Wiring, quorum: bool, arguments: &mut Vec<String>) {
    let name = |name: &str| named(name, volume);
    for disk in [DiskId::Secondary, DiskId::Hidden, DiskId::Active] {
        let inline = disk == DiskId::Secondary && wiring.parent.is_some();
        below(disk, volume, !inline, arguments);
    }
    let read_only = if wiring.secondary_read_only { "on" } else { "off" };
    let node = format!("driver=raw,node-name={},read-only={read_only}", name("secondary"));
    match wiring.parent {
        // A drive's own file is a file name, never a node.
        Some(_) => drive(
            format!(
                "id={},{node},file.driver=raw,file.node-name={},file.file={}",
                name(PARENT.as_str()),
                name("secondary-switch"),
                name("secondary-file"),
            ),
            arguments,
        ),
        None => arguments
            .extend(["-blockdev".to_owned(), format!("{node},file={}", name("secondary-switch"))]),
    }
    drive(filter(volume, wiring, quorum), arguments);
    if quorum && wiring.guest != UserKind::Device {
        let read_only = if wiring.filter_read_only { "on" } else { "off" };
        drive(
            format!(
                "id={},driver=quorum,node-name={},read-pattern=fifo,vote-threshold=1,children.0={},read-only={read_only}",
                name(GUEST.as_str()),
                name(TOP.as_str()),
                name(FILTER.as_str()),
            ),
            arguments,
        );
    }
    let drives = [
        (wiring.guest == UserKind::DriveDevice).then_some(GUEST.as_str()),
        (wiring.parent == Some(UserKind::DriveDevice)).then_some(PARENT.as_str()),
    ];
    for drive in drives.into_iter().flatten() {
        let drive = name(drive);
        let device = format!("scsi-hd,bus=scsi.0,id={drive},drive={drive},share-rw=on");
        arguments.extend(["-device".to_owned(), device]);
    }
}

/// The filter with the chain below it.
fn filter(volume: u8, wiring: &Wiring, quorum: bool) -> String {
    let name = |name: &str| named(name, volume);
    let id = if quorum || wiring.guest == UserKind::Device { "childs0" } else { GUEST.as_str() };
    let options = match &wiring.options {
        Some(options) => options.to_string(),
        None => format!("mode=secondary,top-id={}", named(wiring.top_id.as_str(), volume)),
    };
    let read_only = if wiring.filter_read_only { "on" } else { "off" };
    let mut text = format!("id={},driver=replication", name(id));
    if !options.is_empty() {
        text.push_str(&format!(",{options}"));
    }
    text.push_str(&format!(
        ",node-name={},read-only={read_only},file.driver={},file.node-name={},file.file={}",
        name(FILTER.as_str()),
        format_of(wiring, DiskId::Active),
        name("active"),
        name("active-switch"),
    ));
    if wiring.active == Format::Raw {
        return text;
    }
    let read_only = if wiring.hidden_read_only { "on" } else { "off" };
    text.push_str(&format!(
        ",file.backing.driver={},file.backing.node-name={},file.backing.read-only={read_only},file.backing.file={}",
        format_of(wiring, DiskId::Hidden),
        name("hidden"),
        name("hidden-switch"),
    ));
    if wiring.hidden != Format::Raw {
        text.push_str(&format!(",file.backing.backing={}", name("secondary")));
    }
    text
}

/// How the guest's device on a host is called, for a tool that reads and writes through it.
pub(super) fn guest(plan: &Plan, side: Side, volume: u8) -> String {
    let wiring = wirings(&plan.setup).nth(usize::from(volume)).map(|(_, wiring)| wiring);
    let on_node =
        side == Side::Secondary && wiring.is_some_and(|wiring| wiring.guest == UserKind::Device);
    match (on_node, plan.setup.secondary_quorum) {
        (false, _) => named(GUEST.as_str(), volume),
        (true, true) => named(TOP.as_str(), volume),
        (true, false) => named(FILTER.as_str(), volume),
    }
}

/// Commands that put together what no command line can, once the secondary host runs.
pub(super) fn after_start(plan: &Plan) -> Vec<(&'static str, Value)> {
    let server = json!({ "addr": { "type": "unix", "data": { "path": EXPORTS } } });
    let mut commands = vec![("nbd-server-start", server)];
    for (volume, wiring) in wirings(&plan.setup) {
        if wiring.guest == UserKind::Device {
            // A node that is not a drive's exists before every drive, so this one cannot be on the command line.
            if plan.setup.secondary_quorum {
                let top = json!({
                    "driver": "quorum", "node-name": named(TOP.as_str(), volume), "vote-threshold": 1,
                    "read-pattern": "fifo", "children": [named(FILTER.as_str(), volume)],
                    "read-only": wiring.filter_read_only,
                });
                commands.push(("blockdev-add", top));
            }
            let root = if plan.setup.secondary_quorum { TOP.as_str() } else { FILTER.as_str() };
            commands.push(("device_add", device(GUEST.as_str(), root, volume)));
        }
        if wiring.export {
            commands.push(("block-export-add", export(EXPORT.as_str(), "secondary", volume, true)));
        }
    }
    commands
}

/// A device on a node, which lets others write beside it.
pub(super) fn device(id: &str, node: &str, volume: u8) -> Value {
    json!({
        "driver": "scsi-hd", "bus": "scsi.0", "id": named(id, volume),
        "drive": named(node, volume), "share-rw": true,
    })
}

/// A network export of a node.
pub(super) fn export(id: &str, node: &str, volume: u8, writable: bool) -> Value {
    json!({
        "type": "nbd",
        "id": named(id, volume),
        "node-name": named(node, volume),
        "name": named(node, volume),
        "writable": writable,
    })
}
