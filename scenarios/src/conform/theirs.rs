//! The same plan on QEMU, looked at in the same places.

mod faults;
mod images;
mod look;
mod operator;

use std::io;

use colo_core::{DiskId, Verb};
use colo_sim::world::Side;
use serde_json::Value;

use crate::conform::looks::looks;
use crate::conform::machine::{after_start, arguments, guest, make_images, recovery, wirings};
use crate::conform::qemu::{Act, Folder, Log, Lost, Process, Programs};
use crate::conform::transcript::{Moment, SILENT, Subject, Transcript, pattern_of_write};
use crate::conform::{Phase, answers, transcript, words};
use crate::plan::{Plan, Step};

/// Runs a plan and writes down what can be seen after every step, and all that was said. `expected` is what the
/// simulation saw: contents are compared with it by QEMU's tool, and only fetched where they differ.
pub(super) fn theirs(
    plan: &Plan,
    programs: &Programs,
    expected: &Transcript,
    watch: &mut dyn FnMut(Phase),
) -> io::Result<(Transcript, Log)> {
    let primary = looks(plan, 0).sides().any(|side| side == Side::Primary);
    let mut theirs = Theirs {
        plan,
        programs,
        folder: Folder::new()?,
        log: Log::default(),
        hosts: [None, None],
        silent: [false; 2],
        closed: false,
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
    let mut moment = Moment::of(transcript::BEGIN);
    theirs.log.acts.push(Act::Step(moment.step.clone()));
    let opened = theirs.start(Side::Secondary)?;
    if primary {
        let said = theirs.start(Side::Primary)?;
        moment.saw(Subject::Opened(Side::Primary), said);
    }
    moment.saw(Subject::Opened(Side::Secondary), opened);
    watch(Phase::Started);
    theirs.look_at(&looks(plan, 0), expected.moments.first(), &mut moment)?;
    transcript.moments.push(moment);
    for (number, step) in plan.steps.iter().enumerate() {
        let mut moment = Moment::of(words::step(step));
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
    let looks = looks(plan, plan.steps.len());
    let end = theirs.end(&looks)?;
    transcript.moments.push(end);
    Ok((transcript, theirs.log))
}

struct Theirs<'a> {
    plan: &'a Plan,
    programs: &'a Programs,
    log: Log,
    // They end before their folder goes.
    hosts: [Option<Process>; 2],
    folder: Folder,
    /// Which of them lived and did not answer when it was given up.
    silent: [bool; 2],
    /// The secondary's process has ended in order, and nothing was done to its images since.
    closed: bool,
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
        self.silent[side as usize] = false;
        self.closed &= side == Side::Primary;
        let started =
            Process::start(self.programs, &self.folder, &mut self.log, side.name(), arguments)?;
        // Its faults ended with the process before it.
        self.faults.retain(|(_, disk, _)| Side::of(*disk) != side);
        self.pointed.retain(|(_, disk, _)| Side::of(*disk) != side);
        match started {
            Ok(process) => self.hosts[side as usize] = Some(process),
            Err(Lost::Gone { how, output }) => return Ok(why_not_started(&how, &output)),
            Err(Lost::Silent) => {
                self.silent[side as usize] = true;
                return Ok(SILENT.to_owned());
            }
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
                self.emptying_fails(volume, *disk, *how, *errno);
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
        if verb == Verb::GetError {
            if let Some(said) = self.get_error(side) {
                moment.saw(Subject::Answer, said);
            }
            return;
        }
        let Some((command, arguments)) = words::command(side, verb) else { return };
        let told = verb != Verb::Stop { failover: true };
        if let Some(answer) = self.command(side, command, arguments)
            && told
        {
            moment.saw(Subject::Answer, ok_or(answer));
        }
    }

    fn recover(&mut self, moment: &mut Moment) -> io::Result<()> {
        if self.hosts[Side::Secondary as usize].is_some() || self.recovered {
            return Ok(());
        }
        let mut said = "ok".to_owned();
        for (volume, wiring) in wirings(&self.plan.setup) {
            for arguments in recovery(&wiring, volume) {
                let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
                let done = self.folder.img(self.programs, &mut self.log, &arguments)?;
                if !done.is_ok() {
                    done.printed.trim().clone_into(&mut said);
                    break;
                }
            }
        }
        (self.recovered, self.closed) = (true, false);
        moment.saw(Subject::Answer, said);
        Ok(())
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
        if let Err(lost) = &answer {
            self.hosts[side as usize] = None;
            self.silent[side as usize] = *lost == Lost::Silent;
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

/// The last line of what a process printed that did not start, without its name and the option.
fn why_not_started(how: &str, output: &str) -> String {
    let line = output.lines().last().unwrap_or(how);
    let line = line.rsplit_once(": ").map_or(line, |(_, why)| why);
    answers::error(line)
}
