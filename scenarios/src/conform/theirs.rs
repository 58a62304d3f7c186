//! The same plan on QEMU, looked at in the same places.

use std::io;

use colo_core::{Admin, DiskId, EmptyFailure, Errno, JobType, Mode, UserKind, Verb};
use colo_sim::faulty::OpKind;
use colo_sim::world::Side;
use serde_json::{Value, json};

use crate::conform::looks::{Looks, looks};
use crate::conform::machine::{
    after_start, arguments, device, export, file, guest, make_images, named, recovery, wirings,
};
use crate::conform::qemu::{Act, Folder, Log, Lost, Process, Programs};
use crate::conform::transcript::{
    Moment, Subject, Transcript, contents, pattern, pattern_of_write,
};
use crate::conform::{answers, transcript};
use crate::plan::{FaultSpec, Plan, Step};

/// The node that stands for a commit that runs.
const COMMIT: &str = "\"mirror_top\"";

/// Runs a plan and writes down what can be seen after every step, and all that was said. `expected` is what the
/// simulation saw: contents are compared with it by QEMU's tool, and only fetched where they differ.
pub(super) fn theirs(
    plan: &Plan,
    programs: &Programs,
    expected: &Transcript,
) -> io::Result<(Transcript, Log)> {
    let primary = looks(plan, 0).sides().any(|side| side == Side::Primary);
    let mut theirs = Theirs {
        plan,
        programs,
        folder: Folder::new()?,
        log: Log::default(),
        hosts: [None, None],
        writes: vec![[0; 2]; wirings(&plan.setup).count()],
        faults: Vec::new(),
        pointed: Vec::new(),
        held: false,
        trouble: None,
        recovered: false,
        spare: 0,
    };
    make_images(plan, programs, &theirs.folder, &mut theirs.log)?;
    let mut transcript = Transcript::default();
    let mut moment = Moment::of("both hosts are started");
    theirs.log.acts.push(Act::Step(moment.step.clone()));
    let opened = theirs.start(Side::Secondary)?;
    if primary {
        let said = theirs.start(Side::Primary)?;
        moment.saw(Subject::Opened(Side::Primary), said);
    } else {
        // Nobody looks at it, so it is not started.
        moment.saw(Subject::Opened(Side::Primary), "ok");
    }
    moment.saw(Subject::Opened(Side::Secondary), opened);
    theirs.look_at(&looks(plan, 0), expected.moments.first(), &mut moment)?;
    transcript.moments.push(moment);
    for (number, step) in plan.steps.iter().enumerate() {
        let mut moment = Moment::of(transcript::step(step));
        theirs.log.acts.push(Act::Step(moment.step.clone()));
        theirs.carry_out(0, step, &mut moment)?;
        if let Some(trouble) = theirs.trouble.take() {
            moment.saw(Subject::Answer, trouble);
        }
        let looks = looks(plan, number + 1);
        if !looks.held {
            theirs.settle();
        }
        theirs.look_at(&looks, expected.moments.get(number + 1), &mut moment)?;
        transcript.moments.push(moment);
    }
    Ok((transcript, theirs.log))
}

struct Theirs<'a> {
    plan: &'a Plan,
    programs: &'a Programs,
    folder: Folder,
    log: Log,
    hosts: [Option<Process>; 2],
    /// Running number of each guest's writes to each volume.
    writes: Vec<[u32; 2]>,
    /// Rules that are in force, by volume and disk.
    faults: Vec<(u8, DiskId, Vec<Value>)>,
    /// The node with the faults below an image, by volume and disk.
    pointed: Vec<(u8, DiskId, String)>,
    /// A write to the secondary disk is held.
    held: bool,
    /// A command failed that is no step.
    trouble: Option<String>,
    /// The view was written down, and the secondary host has no process since.
    recovered: bool,
    /// Number of nodes that were made.
    spare: u32,
}

/// The steps.
impl Theirs<'_> {
    fn start(&mut self, side: Side) -> io::Result<String> {
        let arguments = arguments(self.plan, side);
        let started =
            Process::start(self.programs, &self.folder, &mut self.log, side.name(), arguments)?;
        match started {
            Ok(process) => self.hosts[side as usize] = Some(process),
            Err(Lost::Gone { how, output }) => return Ok(why_not_started(&how, &output)),
            Err(Lost::Silent) => return Ok("it does not answer".to_owned()),
        }
        if side == Side::Secondary {
            for (command, arguments) in after_start(self.plan) {
                if let Some(Err(error)) = self.command(side, command, arguments) {
                    return Ok(error);
                }
            }
        }
        Ok("ok".to_owned())
    }

    fn carry_out(&mut self, volume: u8, step: &Step, moment: &mut Moment) -> io::Result<()> {
        match step {
            Step::On { volume, step } if usize::from(*volume) < self.writes.len() => {
                return self.carry_out(*volume, step, moment);
            }
            Step::Read { side, at, len, .. } => {
                self.request(*side, volume, &format!("read {}", self.range(*at, *len)), moment);
            }
            Step::Write { side, at, len, .. } => {
                let number = self.next_write(*side, volume);
                let pattern = pattern_of_write(*side, number);
                let range = self.range(*at, *len);
                self.request(*side, volume, &format!("write -P {pattern:#04x} {range}"), moment);
            }
            Step::WriteZeroes { side, at, len, .. } => {
                self.next_write(*side, volume);
                self.request(*side, volume, &format!("write -z {}", self.range(*at, *len)), moment);
            }
            Step::Discard { side, at, len, .. } => {
                self.request(*side, volume, &format!("discard {}", self.range(*at, *len)), moment);
            }
            Step::Flush { side, .. } => {
                // It does not say whether it could.
                let node = guest(self.plan, *side, volume);
                self.io(*side, &node, "flush");
            }
            Step::Call { side, verb, .. } | Step::CallAll { side, verb, .. } => {
                self.call(*side, *verb, moment);
            }
            Step::Admin { side, command, .. } => self.administer(*side, volume, command, moment),
            Step::Fault(spec) => self.fault(volume, spec),
            Step::EmptyFails { disk, how, errno } => {
                self.add_rules(volume, *disk, vec![emptying_fails(*how, *errno)]);
            }
            Step::FaultsEnd => self.end_faults(),
            Step::Stall { .. } => self.hold(volume),
            Step::Pass(_) | Step::Settle => self.release(volume),
            Step::Kill(side) => {
                if let Some(process) = self.hosts[*side as usize].take() {
                    process.kill(&mut self.log);
                }
                self.recovered &= *side == Side::Primary;
                self.held &= *side == Side::Primary;
            }
            Step::Restart(side) => {
                let recovered = self.recovered && *side == Side::Secondary;
                if self.hosts[*side as usize].is_none() && !recovered {
                    let said = self.start(*side)?;
                    moment.saw(Subject::Opened(*side), said);
                }
            }
            Step::Recover { .. } => self.recover(moment)?,
            // Nothing is sent while it is cut: no step of such a plan would.
            _ => {}
        }
        Ok(())
    }

    fn next_write(&mut self, side: Side, volume: u8) -> u32 {
        let number = &mut self.writes[usize::from(volume)][side as usize];
        if self.hosts[side as usize].is_some() {
            *number += 1;
        }
        *number
    }

    fn range(&self, at: u64, len: u32) -> String {
        let size = u64::from(self.plan.setup.geometry.sector_size);
        format!("{} {}", at * size, u64::from(len) * size)
    }

    fn request(&mut self, side: Side, volume: u8, command: &str, moment: &mut Moment) {
        let node = guest(self.plan, side, volume);
        if let Some(printed) = self.io(side, &node, command) {
            moment.saw(Subject::Answer, answers::request(&printed));
        }
    }

    fn call(&mut self, side: Side, verb: Verb, moment: &mut Moment) {
        let primary = |mode| mode == Mode::Primary;
        let (command, arguments) = match verb {
            Verb::Start(mode) => {
                ("xen-set-replication", json!({ "enable": true, "primary": primary(mode) }))
            }
            Verb::Stop { failover } => (
                "xen-set-replication",
                json!({ "enable": false, "primary": side == Side::Primary, "failover": failover }),
            ),
            Verb::Checkpoint => ("xen-colo-do-checkpoint", json!({})),
            Verb::GetError => {
                if let Some(said) = self.get_error(side) {
                    moment.saw(Subject::Answer, said);
                }
                return;
            }
            Verb::Close => return,
        };
        let told = verb != Verb::Stop { failover: true };
        if let Some(answer) = self.command(side, command, arguments)
            && told
        {
            moment.saw(Subject::Answer, ok_or(answer));
        }
    }

    fn get_error(&mut self, side: Side) -> Option<String> {
        let answer = self.command(side, "query-xen-replication-status", json!({}))?;
        Some(match answer {
            Ok(status) if status["error"] == json!(true) => {
                answers::error(status["desc"].as_str().unwrap_or_default())
            }
            Ok(_) => "ok".to_owned(),
            Err(error) => answers::error(&error),
        })
    }

    fn administer(&mut self, side: Side, volume: u8, command: &Admin, moment: &mut Moment) {
        let name = |name: &colo_core::Name| named(name.as_str(), volume);
        let answer = match command {
            Admin::Quit => {
                let answer = self.command(side, "quit", json!({}));
                if let Some(process) = self.hosts[side as usize].take() {
                    process.wait(&mut self.log);
                }
                answer
            }
            Admin::Attach { user, kind: UserKind::Device, node } => {
                let arguments = device(user.as_str(), node.as_str(), volume);
                self.command(side, "device_add", arguments)
            }
            Admin::Attach { user, kind, node } => {
                let writable = *kind == UserKind::Export;
                let mut arguments = export(user.as_str(), node.as_str(), volume, writable);
                arguments["name"] = json!(name(user));
                self.command(side, "block-export-add", arguments)
            }
            Admin::Detach { user } => self.detach(side, volume, user.as_str()),
            Admin::StartJob { job, kind, node } => {
                self.start_job(side, &name(job), *kind, &name(node))
            }
            Admin::CancelJob { job } => {
                let arguments = json!({ "device": name(job), "force": true });
                let answer = self.command(side, "block-job-cancel", arguments);
                if answer.as_ref().is_some_and(Result::is_ok) {
                    self.until_absent(side, "query-block-jobs", &format!("\"{}\"", name(job)));
                }
                answer
            }
            _ => None,
        };
        if let Some(answer) = answer {
            moment.saw(Subject::Answer, ok_or(answer));
        }
    }

    /// A user is a device, an export, or a drive that no device uses: which, its name does not say.
    fn detach(&mut self, side: Side, volume: u8, user: &str) -> Option<Result<Value, String>> {
        let id = named(user, volume);
        let exports = self.command(side, "query-block-exports", json!({}))?;
        if exports.is_ok_and(|exports| exports.to_string().contains(&format!("\"{id}\""))) {
            let arguments = json!({ "id": id, "mode": "hard" });
            let answer = self.command(side, "block-export-del", arguments);
            self.until_absent(side, "query-block-exports", &format!("\"{id}\""));
            return answer;
        }
        let device = self.command(side, "device_del", json!({ "id": id }))?;
        match device {
            Err(error) if error.contains("not found") => {
                let line = format!("drive_del {id}");
                let answer =
                    self.command(side, "human-monitor-command", json!({ "command-line": line }))?;
                Some(answer.and_then(|said| match said.as_str().unwrap_or_default().trim() {
                    "" => Ok(Value::Null),
                    error => Err(error.trim_start_matches("Error: ").to_owned()),
                }))
            }
            answer => {
                // It is answered before the device is gone, or the process.
                self.until_absent(side, "query-block", &format!("\"qdev\":\"{id}\""));
                Some(answer)
            }
        }
    }

    /// A job that holds its node and copies nothing.
    fn start_job(
        &mut self,
        side: Side,
        job: &str,
        kind: JobType,
        node: &str,
    ) -> Option<Result<Value, String>> {
        self.spare += 1;
        let spare = format!("spare{}", self.spare);
        let geometry = self.plan.setup.geometry;
        let bytes = geometry.sectors * u64::from(geometry.sector_size);
        let arguments = json!({ "driver": "null-co", "node-name": spare, "size": bytes });
        self.command(side, "blockdev-add", arguments)?.ok()?;
        let arguments = json!({
            "job-id": job, "device": node, "target": spare, "sync": "none",
            "filter-node-name": format!("{node}{}", answers::FILTER),
        });
        let command = if kind == JobType::Mirror { "blockdev-mirror" } else { "blockdev-backup" };
        self.command(side, command, arguments)
    }

    fn recover(&mut self, moment: &mut Moment) -> io::Result<()> {
        if self.hosts[Side::Secondary as usize].is_some() || self.recovered {
            return Ok(());
        }
        let mut said = "ok".to_owned();
        for (volume, wiring) in wirings(&self.plan.setup) {
            for arguments in recovery(&wiring, volume) {
                let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
                let (done, printed) = self.folder.img(self.programs, &mut self.log, &arguments)?;
                if !done {
                    printed.trim().clone_into(&mut said);
                    break;
                }
            }
        }
        self.recovered = true;
        moment.saw(Subject::Answer, said);
        Ok(())
    }
}

/// Faults.
impl Theirs<'_> {
    fn fault(&mut self, volume: u8, spec: &FaultSpec) {
        let once = spec.times.is_some();
        let kinds: &[Option<&str>] = match spec.op {
            OpKind::Read => &[Some("read")],
            // Each rule counts for itself, so one that counts is one rule.
            OpKind::Write if once => &[Some("write")],
            OpKind::Write => &[Some("write"), Some("write-zeroes"), Some("discard")],
            OpKind::Flush => &[Some("flush")],
            OpKind::Any => &[None],
        };
        let sectors: Vec<i64> = match spec.range {
            Some((from, to)) => (from..to).map(u64::cast_signed).collect(),
            None => vec![-1],
        };
        let mut rules = Vec::new();
        for _ in 0..spec.times.unwrap_or(1) {
            for kind in kinds {
                for sector in &sectors {
                    rules.push(rule(*kind, *sector, spec.errno, once));
                }
            }
        }
        self.add_rules(volume, spec.disk, rules);
    }

    fn add_rules(&mut self, volume: u8, disk: DiskId, rules: Vec<Value>) {
        let known = self.faults.iter_mut().find(|(v, d, _)| (*v, *d) == (volume, disk));
        let all = match known {
            Some((.., all)) => {
                all.extend(rules);
                all.clone()
            }
            None => {
                self.faults.push((volume, disk, rules.clone()));
                rules
            }
        };
        self.point(volume, disk, Some(all));
    }

    /// Puts faults below an image, others or none, and takes away those that were there.
    fn point(&mut self, volume: u8, disk: DiskId, rules: Option<Vec<Value>>) {
        let side = Side::of(disk);
        let node = |part: &str| named(&format!("{}-{part}", disk.name()), volume);
        let (file, switch) = (node("file"), node("switch"));
        let before = self.pointed.iter().position(|(v, d, _)| (*v, *d) == (volume, disk));
        let before = before.map(|place| self.pointed.remove(place).2);
        let below = match rules {
            None => file,
            Some(rules) => {
                self.spare += 1;
                let fault = node(&format!("fault{}", self.spare));
                let mut arguments =
                    json!({ "driver": "blkdebug", "node-name": fault, "image": file });
                if !rules.is_empty() {
                    arguments["inject-error"] = json!(rules);
                }
                self.must(side, "blockdev-add", arguments);
                self.pointed.push((volume, disk, fault.clone()));
                fault
            }
        };
        let options = json!([{ "driver": "raw", "node-name": switch, "file": below }]);
        self.must(side, "blockdev-reopen", json!({ "options": options }));
        if let Some(before) = before {
            self.must(side, "blockdev-del", json!({ "node-name": before }));
        }
    }

    fn end_faults(&mut self) {
        for (volume, disk, _) in std::mem::take(&mut self.faults) {
            self.point(volume, disk, None);
        }
    }

    /// A command of ours that is no step: that it fails is to be seen.
    fn must(&mut self, side: Side, command: &str, arguments: Value) {
        if let Some(Err(error)) = self.command(side, command, arguments) {
            self.trouble = Some(format!("{command}: {error}"));
        }
    }

    /// The next write to the secondary disk waits.
    fn hold(&mut self, volume: u8) {
        self.add_rules(volume, DiskId::Secondary, Vec::new());
        let node = named("secondary", volume);
        self.io(Side::Secondary, &node, "break pwritev held");
        self.held = true;
    }

    /// It goes on, and what it belongs to ends.
    fn release(&mut self, volume: u8) {
        if std::mem::take(&mut self.held) {
            let node = named("secondary", volume);
            self.io(Side::Secondary, &node, "resume held");
        }
    }
}

/// Looking.
impl Theirs<'_> {
    /// Waits until no commit runs.
    fn settle(&mut self) {
        self.until_absent(Side::Secondary, "query-named-block-nodes", COMMIT);
    }

    fn look_at(
        &mut self,
        looks: &Looks,
        expected: Option<&Moment>,
        moment: &mut Moment,
    ) -> io::Result<()> {
        for side in looks.sides() {
            let error = self.get_error(side);
            let recovered = self.recovered && side == Side::Secondary;
            let lives = self.hosts[side as usize].is_some() || recovered;
            moment.saw(
                Subject::Process(side),
                if lives { transcript::LIVES } else { transcript::GONE },
            );
            if let Some(error) = error {
                moment.saw(Subject::Error(side), error);
            }
            for (volume, cluster) in looks.touched.iter().copied() {
                if !looks.plugged(side, volume) {
                    continue;
                }
                let subject = Subject::Guest(side, volume, cluster);
                let expected = expected.and_then(|moment| moment.said(subject));
                let said = if recovered {
                    Some(self.disk_has(DiskId::Secondary, volume, cluster)?)
                } else {
                    self.guest_reads(side, volume, cluster, expected)
                };
                if let Some(said) = said {
                    moment.saw(subject, said);
                }
            }
        }
        for disk in looks.disks() {
            for (volume, cluster) in looks.touched.iter().copied() {
                let said = self.disk_has(disk, volume, cluster)?;
                moment.saw(Subject::Disk(disk, volume, cluster), said);
            }
        }
        for volume in looks.overlays() {
            if let Some(said) = self.hidden_has(volume, looks) {
                moment.saw(Subject::Hidden(volume), said);
            }
        }
        Ok(())
    }

    fn cluster_bytes(&self) -> u64 {
        let geometry = &self.plan.setup.geometry;
        u64::from(geometry.cluster) * u64::from(geometry.sector_size)
    }

    fn guest_reads(
        &mut self,
        side: Side,
        volume: u8,
        cluster: u64,
        expected: Option<&str>,
    ) -> Option<String> {
        let node = guest(self.plan, side, volume);
        let bytes = self.cluster_bytes();
        let range = format!("{} {bytes}", cluster * bytes);
        let sectors = self.plan.setup.geometry.cluster;
        // One request where things are as expected: faults may count.
        let one = expected.and_then(|text| text.strip_suffix(&format!("*{sectors}")));
        if let Some(pattern) = one.filter(|pattern| !pattern.contains(' ')) {
            let printed = self.io(side, &node, &format!("read -P {pattern} {range}"))?;
            if answers::request(&printed) == "ok"
                && !printed.contains("Pattern verification failed")
            {
                return expected.map(str::to_owned);
            }
        }
        let printed = self.io(side, &node, &format!("read -v {range}"))?;
        let said = answers::request(&printed);
        if said != "ok" {
            return Some(said);
        }
        let size = self.plan.setup.geometry.sector_size as usize;
        Some(contents(answers::dump(&printed).chunks(size).map(pattern)))
    }

    fn disk_has(&mut self, disk: DiskId, volume: u8, cluster: u64) -> io::Result<String> {
        let bytes = self.cluster_bytes();
        let (file, at) = (file(disk, volume), cluster * bytes);
        let read = self.folder.read(&file, at, bytes as usize)?;
        let size = self.plan.setup.geometry.sector_size as usize;
        let said = contents(read.chunks(size).map(pattern));
        self.log.acts.push(Act::Look { file, at, said: said.clone() });
        Ok(said)
    }

    fn hidden_has(&mut self, volume: u8, looks: &Looks) -> Option<String> {
        self.hosts[Side::Secondary as usize].as_ref()?;
        let node = named("hidden", volume);
        let bytes = self.cluster_bytes();
        let mut clusters = Vec::new();
        for cluster in looks.touched_of(volume) {
            let printed =
                self.io(Side::Secondary, &node, &format!("alloc {} {bytes}", cluster * bytes))?;
            // `0/65536 bytes allocated at offset …`
            let allocated = printed.split_once('/').map(|(some, _)| some.trim().to_owned());
            if !printed.contains("allocated") {
                return None;
            }
            if allocated.is_some_and(|some| some != "0") {
                clusters.push(cluster.to_string());
            }
        }
        Some(clusters.join(" "))
    }
}

/// Speaking to a process, if it is there. One that is lost is gone from then on.
impl Theirs<'_> {
    fn command(
        &mut self,
        side: Side,
        command: &str,
        arguments: Value,
    ) -> Option<Result<Value, String>> {
        let process = self.hosts[side as usize].as_mut()?;
        let answer = process.command(&mut self.log, command, arguments);
        self.unless_lost(side, answer)
    }

    fn io(&mut self, side: Side, node: &str, command: &str) -> Option<String> {
        let process = self.hosts[side as usize].as_mut()?;
        let printed = process.io(&mut self.log, node, command);
        self.unless_lost(side, printed)
    }

    fn until_absent(&mut self, side: Side, command: &str, absent: &str) {
        if let Some(process) = self.hosts[side as usize].as_mut() {
            let done = process.until_absent(&mut self.log, command, absent);
            self.unless_lost(side, done);
        }
    }

    fn unless_lost<T>(&mut self, side: Side, answer: Result<T, Lost>) -> Option<T> {
        if answer.is_err() {
            self.hosts[side as usize] = None;
        }
        answer.ok()
    }
}

fn ok_or(answer: Result<Value, String>) -> String {
    match answer {
        Ok(_) => "ok".to_owned(),
        Err(error) => answers::error(&error),
    }
}

/// A fault; of every kind of request if none is named.
fn rule(kind: Option<&str>, sector: i64, errno: Errno, once: bool) -> Value {
    let number = match errno {
        Errno::NoSpace => 28,
        Errno::NoMedium => 123,
        _ => 5,
    };
    let mut rule = json!({ "event": "none", "sector": sector, "errno": number, "once": once });
    if let Some(kind) = kind {
        rule["iotype"] = json!(kind);
    }
    rule
}

/// What an emptying writes, in order: a mark in the header; zeroes over the table of clusters, and if
/// that fails the image is closed in place; in the end the whole header.
fn emptying_fails(how: EmptyFailure, errno: Errno) -> Value {
    match how {
        EmptyFailure::Nothing | EmptyFailure::Half => rule(Some("write"), -1, errno, true),
        EmptyFailure::Ejected => rule(Some("write-zeroes"), -1, errno, true),
        EmptyFailure::All => rule(Some("write"), 0, errno, true),
    }
}

/// The last line of what a process printed that did not start, without its name and the option.
fn why_not_started(how: &str, output: &str) -> String {
    let line = output.lines().last().unwrap_or(how);
    let line = line.rsplit_once(": ").map_or(line, |(_, why)| why);
    answers::error(line)
}
