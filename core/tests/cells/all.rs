//! The verbs of all filters of a host: two volumes, each in every stage, both profiles.

use colo_core::{
    DiskId, Errno, Event, Geometry, Host, Layout, Mode, Op, Payload, Quirks, Stage, UserId, UserOp,
    UserRequest, Verb, VerbId, VolumeId, VolumeOptions, Wiring,
};

use crate::bench::GEOMETRY;
use crate::documented::DOCUMENT;

const STAGES: [Stage; 4] = [Stage::None, Stage::Running, Stage::FailoverFailed, Stage::Done];
const VOLUMES: [VolumeId; 2] = [VolumeId(0), VolumeId(1)];
const START: Verb = Verb::Start(Mode::Secondary);
const FAILOVER: Verb = Verb::Stop { failover: true };

/// A secondary host of two volumes whose disks answer at once.
struct Pair {
    host: Host,
    disks: [Vec<(DiskId, Vec<u8>)>; 2],
    failing: Option<(VolumeId, DiskId)>,
    answer: Option<String>,
    /// On whom the verb of all was called, in order.
    begun: Vec<VolumeId>,
    asked: u32,
}

impl Pair {
    fn new(quirks: Quirks) -> Self {
        let options = VolumeOptions {
            mode: Mode::Secondary,
            geometry: GEOMETRY,
            quorum: true,
            later: false,
            wiring: Wiring::default(),
            recover: false,
            reconnect_delay_ns: 0,
            quirks,
        };
        let geometry: Geometry = GEOMETRY;
        let mut overlay = vec![0; 8 * Layout::new(&geometry).disk_sectors(&geometry) as usize];
        overlay[..8].copy_from_slice(&Layout::header(&geometry));
        let disks = vec![
            (DiskId::Secondary, vec![0; 8 * geometry.sectors as usize]),
            (DiskId::Hidden, overlay.clone()),
            (DiskId::Active, overlay),
        ];
        let host = Host::new([options; 2]);
        let disks = [disks.clone(), disks];
        let mut pair =
            Self { host, disks, failing: None, answer: None, begun: Vec::new(), asked: 0 };
        pair.settle();
        pair
    }

    fn id(&mut self) -> VerbId {
        self.asked += 1;
        VerbId(self.asked)
    }

    fn call(&mut self, volume: VolumeId, verb: Verb) {
        let id = self.id();
        self.host.call(id, volume, verb);
        self.settle();
    }

    fn call_all(&mut self, verb: Verb) -> String {
        self.begun.clear();
        let id = self.id();
        self.host.call_all(id, verb);
        self.settle();
        self.answer.take().expect("a settled host has answered")
    }

    fn write(&mut self, volume: VolumeId, user: UserId, at: u64) {
        self.asked += 1;
        let payload = Payload::from(vec![7; GEOMETRY.bytes(1)]);
        let (request, op) = (UserRequest(self.asked), UserOp::Write { at, payload });
        self.host.submit(volume, user, request, op);
        self.settle();
    }

    /// Brings a volume there, with something in both overlays from the start on.
    fn bring(&mut self, volume: VolumeId, to: Stage) {
        if to == Stage::None {
            return;
        }
        self.call(volume, START);
        self.write(volume, UserId::Guest, 0);
        self.write(volume, UserId::Export, 2);
        if to == Stage::Running {
            return;
        }
        if to == Stage::FailoverFailed {
            self.failing = Some((volume, DiskId::Secondary));
        }
        self.call(volume, FAILOVER);
        self.failing = None;
        assert_eq!(self.stage(volume), to.name());
    }

    fn stage(&self, volume: VolumeId) -> &'static str {
        self.host.volume(volume).stage().map_or("-", Stage::name)
    }

    fn settle(&mut self) {
        loop {
            while let Some((volume, event)) = self.host.poll_event() {
                match event {
                    Event::AllAnswered { result, .. } => {
                        let said = result.map_or_else(|error| error.to_string(), |()| "ok".into());
                        self.answer = Some(said);
                    }
                    Event::VerbBegun { .. } => self.begun.push(volume),
                    _ => {}
                }
            }
            let Some((volume, disk, request)) = self.host.poll_disk() else { return };
            let result = self.answer_disk(volume, disk, request.op);
            self.host.disk_completed(volume, request.id, result);
        }
    }

    fn answer_disk(&mut self, volume: VolumeId, disk: DiskId, op: Op) -> Result<Payload, Errno> {
        let mut disks = self.disks[usize::from(volume.0)].iter_mut();
        let (_, bytes) = disks.find(|(other, _)| *other == disk).expect("it has these disks");
        match op {
            Op::Write { .. } if self.failing == Some((volume, disk)) => Err(Errno::Io),
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
}

fn short(stage: &str) -> &str {
    match stage {
        "FAILOVER_FAILED" => "FF",
        name => &name[..1],
    }
}

fn number(answer: &str) -> &str {
    match answer {
        "Block replication is running or done" => "M5",
        "Backup job was cancelled unexpectedly" => "M15",
        "Block replication is not running" => "M21",
        "I/O error occurred" => "M22",
        "Some disks of this host have stopped replicating, and others have not" => "apart",
        other => other,
    }
}

/// One line of the document: the older volume's stages across, the newer one's first.
fn line(verb: Verb, newer: Stage, quirks: Quirks) -> String {
    let cells = STAGES.map(|older| {
        let mut pair = Pair::new(quirks);
        pair.bring(VOLUMES[0], older);
        pair.bring(VOLUMES[1], newer);
        let answer = pair.call_all(verb);
        let [older_is, newer_is] = VOLUMES.map(|volume| pair.stage(volume));
        let called: String = pair.begun.iter().map(ToString::to_string).collect();
        let called = if called.is_empty() { "-".to_owned() } else { called };
        format!("{} {called} {},{}", number(&answer), short(newer_is), short(older_is))
    });
    format!("| {} | {} |", short(newer.name()), cells.join(" | "))
}

#[test]
fn the_documents_tables_of_all_filters_are_these() {
    let verbs = [START, Verb::Checkpoint, Verb::GetError, Verb::Stop { failover: false }, FAILOVER];
    let mut missing = Vec::new();
    for (name, quirks) in [("seed", Quirks::all()), ("hardened", Quirks::NONE)] {
        for verb in verbs {
            let lines = STAGES.map(|newer| line(verb, newer, quirks)).join("\n");
            let table =
                format!("| {verb}, {name} | N | R | FF | D |\n|---|---|---|---|---|\n{lines}\n");
            if !DOCUMENT.contains(&table) {
                missing.push(table);
            }
        }
    }
    assert!(missing.is_empty(), "docs/answers.md lacks\n{}", missing.join("\n"));
}

fn written(quirks: Quirks) -> Pair {
    let mut pair = Pair::new(quirks);
    assert_eq!(pair.call_all(START), "ok");
    for volume in VOLUMES {
        pair.write(volume, UserId::Guest, 0);
        pair.write(volume, UserId::Export, 2);
    }
    pair
}

fn allocated(pair: &Pair, volume: VolumeId) -> bool {
    pair.host.volume(volume).locate(UserId::Guest, 0).expect("it has a view").0 == DiskId::Active
}

/// The newer volume comes first, and has gone as far as it can when the older one fails.
#[test]
fn a_checkpoint_of_all_changes_all_or_nothing() {
    let mut pair = written(Quirks::NONE);
    pair.failing = Some((VOLUMES[0], DiskId::Hidden));
    assert_eq!(pair.call_all(Verb::Checkpoint), "Failed to empty hidden: Input/output error");
    assert_eq!(pair.begun, [VOLUMES[1], VOLUMES[0]], "newest first");
    assert!(VOLUMES.iter().all(|&volume| allocated(&pair, volume)), "both views are as before");
    pair.failing = None;
    assert_eq!(pair.call_all(Verb::Checkpoint), "ok");
    assert!(!VOLUMES.iter().any(|&volume| allocated(&pair, volume)), "both views are new");
}

#[test]
fn the_seeds_checkpoint_of_all_stops_half_way() {
    let mut pair = written(Quirks::all());
    pair.failing = Some((VOLUMES[0], DiskId::Hidden));
    assert_eq!(pair.call_all(Verb::Checkpoint), "Failed to empty hidden: Input/output error");
    assert!(!allocated(&pair, VOLUMES[1]), "the newer one has its new epoch");
}

/// What is on the way of one volume holds up nobody for good, and the start leaves no trace.
#[test]
fn a_start_of_all_that_fails_leaves_no_trace() {
    let mut pair = Pair::new(Quirks::NONE);
    pair.failing = Some((VOLUMES[0], DiskId::Active));
    assert_eq!(pair.call_all(START), "Failed to empty active: Input/output error");
    assert_eq!(VOLUMES.map(|volume| pair.stage(volume)), ["NONE"; 2]);
    pair.failing = None;
    assert_eq!(pair.call_all(START), "ok", "and can be repeated");
    assert_eq!(VOLUMES.map(|volume| pair.stage(volume)), ["RUNNING"; 2]);
}

#[test]
fn nothing_to_call_is_ok() {
    let mut pair = Pair::new(Quirks::NONE);
    for volume in VOLUMES {
        pair.call(volume, Verb::Close);
    }
    for verb in [START, Verb::Checkpoint, Verb::GetError, FAILOVER] {
        assert_eq!(pair.call_all(verb), "ok", "{verb}");
        assert_eq!(pair.begun, []);
    }
}
