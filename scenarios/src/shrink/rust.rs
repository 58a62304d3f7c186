//! A plan as a scenario of the catalog, in Rust, ready to be pasted.
//!
//! It is written in the words of `catalog/steps.rs` where they have one, else as the step
//! is. What it names it imports itself, so that it compiles in any file of the catalog.
//! Profile and quirks are not in it: a scenario is run with any.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use colo_core::{Admin, Geometry, Mode, Name, Phase, UserKind, Verb, Wiring};
use colo_sim::faulty::Damage;
use colo_sim::world::{Delay, Schedule, Side};

use crate::plan::{FaultSpec, FurtherVolume, Kept, Plan, Setup, Step};

/// The plan as an entry of a file's `SCENARIOS`, with a sentence on what happens.
pub fn scenario(plan: &Plan, about: &str) -> String {
    let mut words = Words::default();
    let lines: Vec<_> = plan.steps.iter().map(|step| words.step(step)).collect();
    let mut text = String::from("    scenario(\n");
    text.push_str(&format!("        {:?},\n        {about:?},\n        || {{\n", plan.name));
    text.push_str(&words.imports());
    text.push_str("            vec![\n");
    for line in lines {
        text.push_str(&format!("                {line},\n"));
    }
    text.push_str("            ]\n        },\n    )");
    if plan.seed != 0 {
        text.push_str(&format!("\n    .seeded({})", plan.seed));
    }
    if !plan.schedule.is_latency() {
        text.push_str(&scheduled(&plan.schedule));
    }
    text.push_str(&on(&plan.setup));
    text.push_str(",\n");
    text
}

/// What decides the order of events.
fn scheduled(schedule: &Schedule) -> String {
    let schedule = match schedule {
        Schedule::Chosen(list) => format!("Chosen(vec!{list:?})"),
        other => format!("{other:?}"),
    };
    format!(
        "\n    .scheduled(|| {{\n            use {WORLD}::Schedule;\n            Schedule::{schedule}\n    }})"
    )
}

/// What is different about the hosts.
fn on(setup: &Setup) -> String {
    let mut words = Words::default();
    let lines = words.setup(setup);
    if lines.is_empty() {
        return String::new();
    }
    let mut text = String::from("\n    .on(|setup| {\n");
    text.push_str(&words.imports());
    for line in lines {
        text.push_str(&format!("            {line};\n"));
    }
    text.push_str("    })");
    text
}

/// Writes, and remembers what has to be imported for it.
#[derive(Default)]
struct Words {
    used: BTreeMap<&'static str, BTreeSet<&'static str>>,
}

const STEPS: &str = "super::steps";
const CORE: &str = "colo_core";
const FAULTY: &str = "colo_sim::faulty";
const LYING: &str = "colo_sim::lying";
const WORLD: &str = "colo_sim::world";
const PLAN: &str = "crate::plan";

impl Words {
    fn imports(&self) -> String {
        let mut text = String::new();
        for (from, names) in &self.used {
            let names: Vec<_> = names.iter().copied().collect();
            text.push_str(&match names[..] {
                [name] => format!("            use {from}::{name};\n"),
                _ => format!("            use {from}::{{{}}};\n", names.join(", ")),
            });
        }
        text
    }

    fn name(&mut self, from: &'static str, name: &'static str) -> &'static str {
        self.used.entry(from).or_default().insert(name);
        name
    }

    fn word(&mut self, word: &'static str) -> &'static str {
        self.name(STEPS, word)
    }

    /// A variant that holds nothing, of an enum.
    fn variant(&mut self, from: &'static str, of: &'static str, variant: impl Debug) -> String {
        format!("{}::{variant:?}", self.name(from, of))
    }

    fn core(&mut self, of: &'static str, variant: impl Debug) -> String {
        self.variant(CORE, of, variant)
    }

    fn side(&mut self, side: Side) -> &'static str {
        match side {
            Side::Primary => self.word("P"),
            Side::Secondary => self.word("S"),
        }
    }

    fn step(&mut self, step: &Step) -> String {
        match step {
            Step::Read { side, at, len, wait } => {
                let word = self.word(if *wait { "read" } else { "read_in_flight" });
                format!(
                    "{word}({}, {}, {})",
                    self.side(*side),
                    grouped(*at),
                    grouped(u64::from(*len))
                )
            }
            Step::Write { side, at, len, wait } => {
                let word = self.word(if *wait { "write" } else { "write_in_flight" });
                format!(
                    "{word}({}, {}, {})",
                    self.side(*side),
                    grouped(*at),
                    grouped(u64::from(*len))
                )
            }
            Step::Flush { side, wait: true } => {
                format!("{}({})", self.word("flush"), self.side(*side))
            }
            Step::Flush { side, wait: false } => {
                let side = self.side(*side);
                self.literal(format!("Flush {{ side: {side}, wait: false }}"))
            }
            Step::Call { side, verb, wait } => self.call(*side, *verb, *wait),
            Step::CallAll { side, verb, wait: true } => {
                format!("{}({}, {})", self.word("call_all"), self.side(*side), self.verb(*verb))
            }
            Step::On { volume, step } => {
                format!("{}({volume}, {})", self.word("on"), self.step(step))
            }
            Step::Admin { side: Side::Secondary, command, wait: true } => self.command(*command),
            Step::Admin { side, command, wait } => {
                let (side, command) = (self.side(*side), self.admin(*command));
                self.literal(format!("Admin {{ side: {side}, command: {command}, wait: {wait} }}"))
            }
            Step::Recover { wait: true } => self.word("RECOVER").to_owned(),
            Step::Fault(spec) => self.fault(spec),
            Step::EmptyFails { disk, how, errno: colo_core::Errno::Io } => {
                let (disk, how) = (self.core("DiskId", disk), self.core("EmptyFailure", how));
                format!("{}({disk}, {how})", self.word("empty_fails"))
            }
            _ => self.plain(step),
        }
    }

    /// A step for which there is no word.
    fn plain(&mut self, step: &Step) -> String {
        let literal = match step {
            Step::EmptyFails { disk, how, errno } => {
                let (disk, how) = (self.core("DiskId", disk), self.core("EmptyFailure", how));
                let errno = self.core("Errno", errno);
                format!("EmptyFails {{ disk: {disk}, how: {how}, errno: {errno} }}")
            }
            Step::CallAll { side, verb, wait } => {
                let (side, verb) = (self.side(*side), self.verb(*verb));
                format!("CallAll {{ side: {side}, verb: {verb}, wait: {wait} }}")
            }
            Step::Rates { disk, read, write, flush } => {
                let disk = self.core("DiskId", disk);
                format!("Rates {{ disk: {disk}, read: {read}, write: {write}, flush: {flush} }}")
            }
            Step::Lie { disk, lie, skip, times } => {
                let disk = self.core("DiskId", disk);
                let lie = self.variant(LYING, "Lie", lie);
                format!("Lie {{ disk: {disk}, lie: {lie}, skip: {skip}, times: {times:?} }}")
            }
            Step::WriteZeroes { side, at, len, wait } | Step::Discard { side, at, len, wait } => {
                let zeroes = matches!(step, Step::WriteZeroes { .. });
                let of = if zeroes { "WriteZeroes" } else { "Discard" };
                let (side, at, len) = (self.side(*side), grouped(*at), grouped(u64::from(*len)));
                format!("{of} {{ side: {side}, at: {at}, len: {len}, wait: {wait} }}")
            }
            Step::Stall { disk, ns } => {
                let disk = self.core("DiskId", disk);
                format!("Stall {{ disk: {disk}, ns: {} }}", grouped(*ns))
            }
            Step::Cancel(kind) => format!("Cancel({})", self.core("JobKind", kind)),
            Step::Eject(disk) => format!("Eject({})", self.core("DiskId", disk)),
            Step::PowerLoss(side) => format!("PowerLoss({})", self.side(*side)),
            Step::PowerLossWith { side, keep } => {
                let side = self.side(*side);
                let kept: Vec<_> = keep.iter().map(|kept| self.kept(*kept)).collect();
                format!("PowerLossWith {{ side: {side}, keep: vec![{}] }}", kept.join(", "))
            }
            Step::Kill(side) => format!("Kill({})", self.side(*side)),
            Step::Restart(side) => format!("Restart({})", self.side(*side)),
            Step::CutFrom { side, cut } => {
                format!("CutFrom {{ side: {}, cut: {cut} }}", self.side(*side))
            }
            Step::Pass(ns) => format!("Pass({})", grouped(*ns)),
            // The rest holds nothing, or a truth value: Rust writes it as it is.
            _ => format!("{step:?}"),
        };
        self.literal(literal)
    }

    fn kept(&mut self, (volume, disk, sector, version): Kept) -> String {
        let (of, disk) = (self.name(CORE, "VolumeId"), self.core("DiskId", disk));
        format!("({of}({volume}), {disk}, {}, {version})", grouped(sector))
    }

    fn literal(&mut self, of_step: String) -> String {
        format!("{}::{of_step}", self.name(PLAN, "Step"))
    }

    fn call(&mut self, side: Side, verb: Verb, wait: bool) -> String {
        if let (Side::Secondary, Verb::Stop { failover }, true) = (side, verb, wait) {
            return format!("{}({failover})", self.word("stop"));
        }
        let word = self.word(if wait { "call" } else { "call_in_flight" });
        format!("{word}({}, {})", self.side(side), self.verb(verb))
    }

    fn verb(&mut self, verb: Verb) -> String {
        match verb {
            Verb::Start(Mode::Secondary) => self.word("START").to_owned(),
            Verb::Start(Mode::Primary) => self.word("START_PRIMARY").to_owned(),
            _ => self.core("Verb", verb),
        }
    }

    fn command(&mut self, command: Admin) -> String {
        match command {
            Admin::Attach { user, kind, node } => {
                let (user, kind) = (self.known(user), self.core("UserKind", kind));
                format!("{}({user}, {kind}, {})", self.word("attach"), self.known(node))
            }
            Admin::Detach { user } => format!("{}({})", self.word("detach"), self.known(user)),
            Admin::DeleteNode { node } => format!("{}({})", self.word("delete"), self.known(node)),
            Admin::StartJob { job, kind, node } if job.as_str() == "job0" => {
                let kind = self.core("JobType", kind);
                format!("{}({kind}, {})", self.word("start_job"), self.known(node))
            }
            Admin::Reopen { node, read_only } => {
                format!("{}({}, {read_only})", self.word("reopen"), self.known(node))
            }
            _ => format!("{}({})", self.word("command"), self.admin(command)),
        }
    }

    fn admin(&mut self, command: Admin) -> String {
        let of = self.name(CORE, "Admin");
        match command {
            Admin::Attach { user, kind, node } => {
                let (user, node) = (self.known(user), self.known(node));
                let kind = self.core("UserKind", kind);
                format!("{of}::Attach {{ user: {user}, kind: {kind}, node: {node} }}")
            }
            Admin::Detach { user } => format!("{of}::Detach {{ user: {} }}", self.known(user)),
            Admin::DeleteNode { node } => {
                format!("{of}::DeleteNode {{ node: {} }}", self.known(node))
            }
            Admin::StartJob { job, kind, node } => {
                let (job, kind) = (self.known(job), self.core("JobType", kind));
                format!("{of}::StartJob {{ job: {job}, kind: {kind}, node: {} }}", self.known(node))
            }
            Admin::CancelJob { job } => format!("{of}::CancelJob {{ job: {} }}", self.known(job)),
            Admin::Reopen { node, read_only } => {
                let node = self.known(node);
                format!("{of}::Reopen {{ node: {node}, read_only: {read_only} }}")
            }
            Admin::Open | Admin::Remove | Admin::Quit => format!("{of}::{command:?}"),
        }
    }

    /// A node, a user or a job.
    fn known(&mut self, name: Name) -> String {
        let known = [
            ("secondary", STEPS, "SECONDARY"),
            ("hidden", STEPS, "HIDDEN"),
            ("active", STEPS, "ACTIVE"),
            ("other0", STEPS, "OTHER"),
            ("job0", STEPS, "JOB"),
            ("colo-disk0", CORE, "GUEST"),
            ("nbd0", CORE, "EXPORT"),
            ("parent0", CORE, "PARENT"),
            ("top", CORE, "TOP"),
            ("repl", CORE, "FILTER"),
        ];
        match known.into_iter().find(|(text, ..)| *text == name.as_str()) {
            Some((_, from, word)) => self.name(from, word).to_owned(),
            None => format!("{}::new({name:?})", self.name(CORE, "Name")),
        }
    }

    fn fault(&mut self, spec: &FaultSpec) -> String {
        let FaultSpec { disk, op, .. } = *spec;
        let (disk, kind) = (self.core("DiskId", disk), self.variant(FAULTY, "OpKind", op));
        let plain = FaultSpec::new(spec.disk, op);
        let once = FaultSpec { times: Some(1), ..plain.clone() };
        match (spec.times, spec.during) {
            (Some(times), None) if *spec == (FaultSpec { times: Some(times), ..plain.clone() }) => {
                format!("{}({disk}, {kind}, {times})", self.word("fault"))
            }
            (_, Some(Phase::Commit(phase)))
                if *spec == (FaultSpec { during: spec.during, ..once }) =>
            {
                let phase = self.core("CommitPhase", phase);
                format!("{}({disk}, {kind}, {phase})", self.word("commit_fault"))
            }
            _ => {
                let of = self.name(PLAN, "FaultSpec");
                let fields = self.fault_fields(spec);
                let new = format!("{of}::new({disk}, {kind})");
                let spec = match &fields[..] {
                    [] => new,
                    _ => format!("{of} {{ {}, ..{new} }}", fields.join(", ")),
                };
                self.literal(format!("Fault({spec})"))
            }
        }
    }

    /// What is not as it is in a new one.
    fn fault_fields(&mut self, spec: &FaultSpec) -> Vec<String> {
        let mut fields = Vec::new();
        if let Some((from, to)) = spec.range {
            fields.push(format!("range: Some(({from}, {to}))"));
        }
        if spec.skip > 0 {
            fields.push(format!("skip: {}", spec.skip));
        }
        if let Some(times) = spec.times {
            fields.push(format!("times: Some({times})"));
        }
        if spec.errno != colo_core::Errno::Io {
            fields.push(format!("errno: {}", self.core("Errno", spec.errno)));
        }
        if spec.damage != Damage::None {
            fields.push(format!("damage: {}", self.variant(FAULTY, "Damage", spec.damage)));
        }
        if let Some(phase) = spec.during {
            fields.push(format!("during: Some({})", self.phase(phase)));
        }
        if spec.latent {
            fields.push("latent: true".to_owned());
        }
        fields
    }

    fn phase(&mut self, phase: Phase) -> String {
        let of = self.name(CORE, "Phase");
        match phase {
            Phase::Stage(stage) => format!("{of}::Stage({})", self.core("Stage", stage)),
            Phase::Commit(phase) => format!("{of}::Commit({})", self.core("CommitPhase", phase)),
            _ => format!("{of}::{phase:?}"),
        }
    }

    /// An assignment for everything that is not as it is by default.
    fn setup(&mut self, setup: &Setup) -> Vec<String> {
        let usual = Setup::default();
        let mut lines = geometry(&setup.geometry, &usual.geometry);
        if setup.secondary_quorum != usual.secondary_quorum {
            lines.push(format!("setup.secondary_quorum = {}", setup.secondary_quorum));
        }
        lines.extend(self.wiring("setup", &setup.wiring));
        if !setup.further.is_none() {
            let volumes: Vec<_> = setup.further.iter().map(|volume| self.further(volume)).collect();
            let of = self.name(PLAN, "Further");
            lines.push(format!("setup.further = {of}::new([{}])", volumes.join(", ")));
        }
        if setup.reconnect_delay_ns != usual.reconnect_delay_ns {
            let ns = grouped(setup.reconnect_delay_ns);
            lines.push(format!("setup.reconnect_delay_ns = {ns}"));
        }
        let delays = [
            ("disk_delay", setup.disk_delay, usual.disk_delay),
            ("link_delay", setup.link_delay, usual.link_delay),
        ];
        for (field, delay, _) in delays.into_iter().filter(|(_, delay, usual)| delay != usual) {
            let Delay { min_ns, max_ns } = delay;
            let (min_ns, max_ns) = (grouped(min_ns), grouped(max_ns));
            let of = self.name(WORLD, "Delay");
            lines.push(format!("setup.{field} = {of} {{ min_ns: {min_ns}, max_ns: {max_ns} }}"));
        }
        if setup.drift_ppm != usual.drift_ppm {
            let [primary, secondary] = setup.drift_ppm.map(signed);
            lines.push(format!("setup.drift_ppm = [{primary}, {secondary}]"));
        }
        lines
    }

    /// A volume beside the first, as an expression.
    fn further(&mut self, volume: &FurtherVolume) -> String {
        let of = self.name(PLAN, "FurtherVolume");
        let mut lines = self.wiring("volume", &volume.wiring);
        lines.extend(volume.later.then(|| "volume.later = true".to_owned()));
        match lines.join("; ") {
            lines if lines.is_empty() => format!("{of}::default()"),
            lines => format!("{{ let mut volume = {of}::default(); {lines}; volume }}"),
        }
    }

    fn wiring(&mut self, of: &str, wiring: &Wiring) -> Vec<String> {
        let usual = Wiring::default();
        let mut lines = Vec::new();
        let mut push = |field: &str, value: String| {
            lines.push(format!("{of}.wiring.{field} = {value}"));
        };
        if wiring.guest != usual.guest {
            push("guest", self.core("UserKind", wiring.guest));
        }
        if wiring.top_id != usual.top_id {
            push("top_id", self.known(wiring.top_id));
        }
        if let Some(options) = wiring.options {
            let of = self.name(CORE, "OptionsText");
            push("options", format!("Some({of}::new({options:?}))"));
        }
        for (field, format, usual) in
            [("active", wiring.active, usual.active), ("hidden", wiring.hidden, usual.hidden)]
        {
            if format != usual {
                push(field, self.core("Format", format));
            }
        }
        if let Some(kind) = wiring.parent {
            let kind: UserKind = kind;
            push("parent", format!("Some({})", self.core("UserKind", kind)));
        }
        for ((field, value), (_, usual)) in flags(wiring).into_iter().zip(flags(&usual)) {
            if value != usual {
                push(field, value.to_string());
            }
        }
        lines
    }
}

fn geometry(geometry: &Geometry, usual: &Geometry) -> Vec<String> {
    let sizes = |geometry: &Geometry| {
        [
            ("sector_size", u64::from(geometry.sector_size)),
            ("sectors", geometry.sectors),
            ("cluster", geometry.cluster.into()),
            ("granule", geometry.granule.into()),
            ("copy_max", geometry.copy_max.into()),
            ("commit_granule", geometry.commit_granule.into()),
            ("commit_max", geometry.commit_max.into()),
        ]
    };
    let differ = sizes(geometry).into_iter().zip(sizes(usual)).filter(|(one, other)| one != other);
    differ.map(|((field, size), _)| format!("setup.geometry.{field} = {}", grouped(size))).collect()
}

fn flags(wiring: &Wiring) -> [(&'static str, bool); 8] {
    [
        ("guest_owns_top", wiring.guest_owns_top),
        ("hidden_is_short", wiring.hidden_is_short),
        ("export", wiring.export),
        ("filter_read_only", wiring.filter_read_only),
        ("hidden_read_only", wiring.hidden_read_only),
        ("secondary_read_only", wiring.secondary_read_only),
        ("hidden_protected", wiring.hidden_protected),
        ("secondary_protected", wiring.secondary_protected),
    ]
}

/// A number as the lints want it: `300_000`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && digits.len() > 4 {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

fn signed(number: i32) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", grouped(number.unsigned_abs().into()))
}
