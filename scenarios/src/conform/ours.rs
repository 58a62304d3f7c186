//! A plan on the simulation, looked at step by step.

use std::collections::BTreeMap;

use colo_core::{Admin, DiskId, Errno, Event, Layout, Recovery, Stage, UserId, Verb};
use colo_sim::world::{Entry, Side, Stamp, What, World};

use crate::conform::looks::{Looks, OVERLAYS, looks};
use crate::conform::transcript::{
    self, INITIAL, Moment, SOUND, Subject, Transcript, contents, held, life, pattern_of_write,
};
use crate::conform::{answers, words};
use crate::plan::{Plan, Step};
use crate::run::{Run, writer};
use colo_core::VolumeId;

/// Runs a plan and writes down what can be seen after every step.
pub fn ours(plan: &Plan) -> Transcript {
    let mut ours =
        Ours { plan, run: Run::new(plan, true), seen: 0, overlays: BTreeMap::new(), closed: false };
    ours.run.also(&Step::Settle);
    let mut transcript = Transcript::default();
    let mut moment = Moment::of(transcript::BEGIN);
    for side in looks(plan, 0).sides() {
        ours.opened(side, &mut moment);
    }
    ours.look_at(&looks(plan, 0), &mut moment);
    transcript.moments.push(moment);
    for (number, step) in plan.steps.iter().enumerate() {
        ours.forget();
        let mut moment = Moment::of(words::step(step));
        ours.run.step();
        let looks = looks(plan, number + 1);
        if !looks.held {
            ours.run.also(&Step::Settle);
        }
        ours.answered(step, &mut moment);
        ours.ended(step, &mut moment);
        ours.note_overlays();
        ours.look_at(&looks, &mut moment);
        transcript.moments.push(moment);
    }
    transcript.moments.push(ours.end(&looks(plan, plan.steps.len())));
    transcript
}

struct Ours<'a> {
    plan: &'a Plan,
    run: Run<'a>,
    /// Entries that were looked at.
    seen: usize,
    /// What each overlay held when it was last in use. QEMU closes an image in order, with its tables; here
    /// what no flush has covered is gone with the process.
    overlays: BTreeMap<(DiskId, u8), String>,
    /// The secondary's process has ended in order, and nothing was done to its images since.
    closed: bool,
}

impl Ours<'_> {
    fn world(&self) -> &World {
        self.run.world()
    }

    fn news(&self) -> &[Entry] {
        &self.world().trace().entries()[self.seen..]
    }

    fn forget(&mut self) {
        self.seen = self.world().trace().entries().len();
    }

    /// Whether a host runs without its filter.
    fn recovered(&self, side: Side) -> bool {
        let host = self.world().host(side);
        host.is_some_and(|host| host.volume(VolumeId::FIRST).options().recover)
    }

    fn opened(&self, side: Side, moment: &mut Moment) {
        let begun = |entry: &Entry| matches!(entry.what, What::Started { .. });
        if !self.news().iter().any(|entry| entry.side == Some(side) && begun(entry)) {
            return;
        }
        let refused = self.news().iter().rev().filter(|entry| entry.side == Some(side));
        let mut said = refused.filter_map(|entry| match &entry.what {
            What::Event(Event::OpenRefused(error)) => Some(error.to_string()),
            What::Event(Event::Opened(Err(errno))) => Some(errno.sentence().to_owned()),
            _ => None,
        });
        let said = said.next().unwrap_or_else(|| "ok".to_owned());
        moment.saw(Subject::Opened(side), said);
    }

    /// What the step was told.
    fn answered(&self, step: &Step, moment: &mut Moment) {
        match step.bare() {
            Step::Restart(side) => self.opened(*side, moment),
            // Over QMP nobody is told (spec 2.9).
            // A tool that flushes does not say whether it could.
            Step::Flush { .. }
            | Step::Call { verb: Verb::Stop { failover: true }, .. }
            | Step::CallAll { verb: Verb::Stop { failover: true }, .. } => {}
            Step::CallAll { .. } => self.told(moment, |what| match what {
                What::Event(Event::AllAnswered { result, .. }) => Some(ok_or(result)),
                _ => None,
            }),
            Step::Recover { .. } => self.told(moment, |what| match what {
                What::Event(Event::Recovered(Recovery::Failed(errno))) => {
                    Some(errno.sentence().to_owned())
                }
                What::Event(Event::Recovered(Recovery::Refused)) => Some("refused".to_owned()),
                What::Event(Event::Recovered(_)) => Some("ok".to_owned()),
                _ => None,
            }),
            _ => self.told(moment, |what| match what {
                What::Event(Event::VerbAnswered { result, .. }) => Some(ok_or(result)),
                What::Event(Event::AdminAnswered { result, .. }) => Some(ok_or(result)),
                What::Event(Event::Answered { user: UserId::Guest, result, .. }) => {
                    Some(match result {
                        Ok(_) => "ok".to_owned(),
                        Err(errno) => errno.sentence().to_owned(),
                    })
                }
                _ => None,
            }),
        }
    }

    /// How a process ended that the step told to.
    fn ended(&mut self, step: &Step, moment: &mut Moment) {
        match step.bare() {
            Step::Restart(Side::Secondary) | Step::Recover { .. } => self.closed = false,
            Step::Admin { side, command: Admin::Quit, .. } => {
                let of_it = |entry: &&Entry| entry.side == Some(*side);
                let ends = self.news().iter().filter(of_it).find_map(|entry| match entry.what {
                    What::Event(Event::Exited) => Some(true),
                    What::Event(Event::Aborted(_)) => Some(false),
                    _ => None,
                });
                if let Some(in_order) = ends {
                    self.closed |= in_order && *side == Side::Secondary;
                    moment.saw(Subject::Ended(*side), transcript::end(in_order));
                }
            }
            _ => {}
        }
    }

    fn told(&self, moment: &mut Moment, say: impl Fn(&What) -> Option<String>) {
        if let Some(said) = self.news().iter().find_map(|entry| say(&entry.what)) {
            moment.saw(Subject::Answer, said);
        }
    }

    fn look_at(&mut self, looks: &Looks, moment: &mut Moment) {
        for side in looks.sides() {
            let lives = self.world().host(side).is_some();
            moment.saw(Subject::Process(side), life(lives));
            if lives && !self.recovered(side) {
                self.forget();
                self.run.also(&Step::CallAll { side, verb: Verb::GetError, wait: true });
                let error = self.news().iter().find_map(|entry| match &entry.what {
                    What::Event(Event::AllAnswered { result, .. }) => Some(ok_or(result)),
                    _ => None,
                });
                moment.saw(Subject::Error(side), error.unwrap_or_else(|| "no answer".to_owned()));
            }
            for (volume, cluster) in looks.touched.iter().copied() {
                if looks.plugged(side, volume) && self.world().host(side).is_some() {
                    let said = if looks.held && side == Side::Secondary {
                        // A request would wait for the disk that is held.
                        self.guest_would_read(side, volume, cluster)
                    } else {
                        self.guest_reads(side, volume, cluster)
                    };
                    moment.saw(Subject::Guest(side, volume, cluster), said);
                }
            }
        }
        for disk in looks.disks() {
            for (volume, cluster) in looks.touched.iter().copied() {
                let said = self.disk_has(disk, volume, cluster);
                moment.saw(Subject::Disk(disk, volume, cluster), said);
            }
        }
        for volume in looks.overlays() {
            if let Some(said) = self.hidden_has(volume, looks) {
                moment.saw(Subject::Hidden(volume), said);
            }
        }
        self.forget();
    }

    fn cluster(&self) -> u64 {
        u64::from(self.plan.setup.geometry.cluster)
    }

    fn guest_reads(&mut self, side: Side, volume: u8, cluster: u64) -> String {
        let (at, len) = (cluster * self.cluster(), self.cluster() as u32);
        let read = Step::Read { side, at, len, wait: true };
        self.forget();
        self.run.also(&match volume {
            0 => read,
            volume => Step::On { volume, step: Box::new(read) },
        });
        let answer = self.news().iter().find_map(|entry| match &entry.what {
            What::Event(Event::Answered { user: UserId::Guest, result, .. }) => Some(result),
            _ => None,
        });
        let sector_size = self.plan.setup.geometry.sector_size as usize;
        match answer {
            Some(Ok(payload)) => {
                contents(payload.chunks_exact(sector_size).map(|sector| shown(sector, volume)))
            }
            Some(Err(errno)) => errno.sentence().to_owned(),
            None => "no answer".to_owned(),
        }
    }

    fn guest_would_read(&self, side: Side, volume: u8, cluster: u64) -> String {
        let view = self.world().volume(VolumeId(volume));
        if self.world().stage(side, VolumeId(volume)) == Some(Stage::None) {
            return Errno::Io.sentence().to_owned();
        }
        let sectors = cluster * self.cluster()..(cluster + 1) * self.cluster();
        contents(sectors.map(|sector| shown(view.peek(side, UserId::Guest, sector)?, volume)))
    }

    fn disk_has(&self, disk: DiskId, volume: u8, cluster: u64) -> String {
        let view = self.world().volume(VolumeId(volume));
        let sectors = cluster * self.cluster()..(cluster + 1) * self.cluster();
        contents(sectors.map(|sector| shown(view.peek_disk(disk, sector), volume)))
    }

    /// Of the clusters that were touched; `None` if no process replicates with it.
    fn hidden_has(&self, volume: u8, looks: &Looks) -> Option<String> {
        if self.recovered(Side::Secondary) {
            return None;
        }
        let on = self.world().host(Side::Secondary)?.volume(VolumeId(volume));
        let mut clusters = Vec::new();
        for cluster in looks.touched_of(volume) {
            if on.overlay_holds(DiskId::Hidden, cluster * self.cluster())? {
                clusters.push(cluster.to_string());
            }
        }
        Some(clusters.join(" "))
    }
}

/// The end: the processes end, and the images are looked at.
impl Ours<'_> {
    fn end(&mut self, looks: &Looks) -> Moment {
        let mut moment = Moment::of(transcript::END);
        for side in looks.sides() {
            if self.world().host(side).is_none() || self.recovered(side) {
                continue;
            }
            if looks.held && side == Side::Secondary {
                self.run.also(&Step::Kill(side));
                continue;
            }
            self.forget();
            let quit = Step::Admin { side, command: Admin::Quit, wait: true };
            self.run.also(&quit);
            self.ended(&quit, &mut moment);
            self.note_overlays();
        }
        let volumes = 0..self.world().volume_ids().count() as u8;
        for disk in looks.disks() {
            for volume in volumes.clone() {
                let view = self.world().volume(VolumeId(volume));
                let sectors = 0..self.plan.setup.geometry.sectors;
                let is = contents(sectors.map(|at| shown(view.peek_disk(disk, at), volume)));
                moment.saw(Subject::Whole(disk, volume), is);
            }
        }
        for (volume, disk) in looks.images() {
            let header = self.world().volume(VolumeId(volume)).peek_disk(disk, 0);
            let sound = if Layout::mark(header).is_some() { SOUND } else { "no overlay" };
            moment.saw(Subject::Sound(disk, volume), sound);
            if self.closed && looks.images_are_controlled(volume) {
                let holds = self.overlays.get(&(disk, volume)).cloned();
                moment.saw(Subject::Holds(disk, volume), holds.unwrap_or_else(|| held([])));
            }
        }
        moment
    }

    /// Takes down what the overlays hold that are in use, and which were emptied since this was last seen.
    fn note_overlays(&mut self) {
        let emptied = self.news().iter().filter_map(|entry| match &entry.what {
            What::Event(Event::Emptied(disk)) => Some((*disk, entry.volume.0)),
            _ => None,
        });
        for overlay in emptied.collect::<Vec<_>>() {
            self.overlays.insert(overlay, held([]));
        }
        for volume in 0..self.world().volume_ids().count() as u8 {
            for disk in OVERLAYS {
                if let Some(holds) = self.overlay(disk, volume) {
                    self.overlays.insert((disk, volume), holds);
                }
            }
        }
    }

    /// What an overlay holds that is in use.
    fn overlay(&self, disk: DiskId, volume: u8) -> Option<String> {
        let on = self.world().host(Side::Secondary)?.volume(VolumeId(volume));
        let view = self.world().volume(VolumeId(volume));
        let data_at = Layout::new(&self.plan.setup.geometry).data_at;
        let mut clusters = Vec::new();
        for number in 0..self.plan.setup.geometry.sectors / self.cluster() {
            let first = number * self.cluster();
            if on.overlay_holds(disk, first)? {
                let sectors = (data_at + first)..(data_at + first + self.cluster());
                let is = contents(sectors.map(|at| shown(view.peek_disk(disk, at), volume)));
                clusters.push((number, is));
            }
        }
        Some(held(clusters))
    }
}

fn ok_or<E: std::fmt::Display>(result: &Result<(), E>) -> String {
    match result {
        Ok(()) => "ok".to_owned(),
        Err(error) => answers::error(&error.to_string()),
    }
}

/// The pattern that stands on QEMU's disk for what is in a sector of ours.
fn shown(sector: &[u8], volume: u8) -> Option<u8> {
    let stamp = Stamp::of(sector)?;
    let wrote = |side: &Side| stamp.writer() == writer(*side, VolumeId(volume));
    Some(match Side::BOTH.into_iter().find(wrote) {
        _ if stamp == Stamp::ZERO => 0,
        Some(side) => pattern_of_write(side, stamp.number()),
        None => INITIAL,
    })
}
