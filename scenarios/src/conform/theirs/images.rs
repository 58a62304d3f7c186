//! The end of a run on QEMU: its processes end, and what is left on the disks is looked at.

use std::io;

use colo_core::DiskId;
use colo_sim::world::Side;
use serde_json::{Value, json};

use crate::conform::looks::Looks;
use crate::conform::machine::{file, wirings};
use crate::conform::qemu::{Act, IN_ORDER, Lost};
use crate::conform::theirs::Theirs;
use crate::conform::transcript::{self, Moment, SILENT, SOUND, Subject, contents, held, pattern};

/// What `qemu-img check` exits with when clusters are only lost to use, as they are when a process is killed.
const LEAKS: i32 = 3;

impl Theirs<'_> {
    pub(super) fn end(&mut self, looks: &Looks) -> io::Result<Moment> {
        let mut moment = Moment::of(transcript::END);
        self.log.acts.push(Act::Step(moment.step.clone()));
        for side in looks.sides() {
            if looks.held && side == Side::Secondary {
                if let Some(process) = self.hosts[side as usize].take() {
                    process.kill(&mut self.log);
                }
                continue;
            }
            if let (_, Some(ended)) = self.quit(side) {
                moment.saw(Subject::Ended(side), ended);
            }
        }
        // Nobody looked at it, and it may have been started for the secondary's sake.
        self.hosts = [None, None];
        for disk in looks.disks() {
            for (volume, _) in wirings(&self.plan.setup) {
                let is = self.whole(disk, volume)?;
                moment.saw(Subject::Whole(disk, volume), is);
            }
        }
        for (volume, disk) in looks.images() {
            let file = file(disk, volume);
            moment.saw(Subject::Sound(disk, volume), self.check(&file)?);
            if self.closed && looks.images_are_controlled(volume) {
                moment.saw(Subject::Holds(disk, volume), self.overlay(&file)?);
            }
        }
        Ok(moment)
    }

    /// Tells a process to end, if there is one. What it answers, and how it ends.
    pub(super) fn quit(
        &mut self,
        side: Side,
    ) -> (Option<Result<Value, String>>, Option<&'static str>) {
        let Some(mut process) = self.hosts[side as usize].take() else { return (None, None) };
        let (answer, lost) = match process.command(&mut self.log, "quit", json!({})) {
            Ok(answer) => (Some(answer), process.wait(&mut self.log)),
            // It may end before it has said that it will.
            Err(lost) => (None, lost),
        };
        let in_order = matches!(&lost, Lost::Gone { how, .. } if how == IN_ORDER);
        self.closed |= in_order && side == Side::Secondary;
        self.silent[side as usize] = lost == Lost::Silent;
        let ended = if lost == Lost::Silent { SILENT } else { transcript::end(in_order) };
        (answer, Some(ended))
    }

    fn whole(&mut self, disk: DiskId, volume: u8) -> io::Result<String> {
        let geometry = &self.plan.setup.geometry;
        let (file, size) = (file(disk, volume), geometry.sector_size as usize);
        let read = self.folder.read(&file, 0, geometry.sectors as usize * size)?;
        let said = contents(read.chunks(size).map(pattern));
        self.log.acts.push(Act::Look { file, at: 0, bytes: read.len(), said: said.clone() });
        Ok(said)
    }

    fn check(&mut self, file: &str) -> io::Result<String> {
        let tool = self.folder.img(self.programs, &mut self.log, &["check", "-q", file])?;
        Ok(match tool.status {
            Some(0 | LEAKS) => SOUND.to_owned(),
            _ => tool.printed.trim().to_owned(),
        })
    }

    /// What an image holds, whatever lies behind it: its clusters, from where the tool says that they are.
    fn overlay(&mut self, file: &str) -> io::Result<String> {
        let geometry = &self.plan.setup.geometry;
        let size = geometry.sector_size as usize;
        let cluster = u64::from(geometry.cluster) * size as u64;
        let tool =
            self.folder.img(self.programs, &mut self.log, &["map", "--output=json", file])?;
        let Ok(Value::Array(ranges)) = serde_json::from_str(&tool.printed) else {
            return Ok(tool.printed);
        };
        let mut clusters = Vec::new();
        for range in ranges.iter().filter(|range| range["present"] == json!(true)) {
            let number = |key: &str| range[key].as_u64().unwrap_or_default();
            for at in (0..number("length")).step_by(cluster as usize) {
                let read = if range["zero"] == json!(true) {
                    vec![0; cluster as usize]
                } else {
                    self.folder.read(file, number("offset") + at, cluster as usize)?
                };
                let said = contents(read.chunks(size).map(pattern));
                if range["zero"] != json!(true) {
                    let (file, at) = (file.to_owned(), number("offset") + at);
                    self.log.acts.push(Act::Look {
                        file,
                        at,
                        bytes: read.len(),
                        said: said.clone(),
                    });
                }
                clusters.push(((number("start") + at) / cluster, said));
            }
        }
        Ok(held(clusters))
    }
}
