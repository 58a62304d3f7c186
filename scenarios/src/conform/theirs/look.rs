//! Looking at QEMU after a step, in the same places as at the simulation.

use std::io;

use colo_core::DiskId;
use colo_sim::world::Side;
use serde_json::json;

use crate::conform::answers;
use crate::conform::looks::Looks;
use crate::conform::machine::{file, guest, named};
use crate::conform::qemu::Act;
use crate::conform::theirs::Theirs;
use crate::conform::transcript::{Moment, SILENT, Subject, contents, life, pattern};

/// The node that stands for a commit that runs.
const COMMIT: &str = "\"mirror_top\"";

impl Theirs<'_> {
    /// Waits until no commit runs.
    pub(super) fn settle(&mut self) {
        self.until_absent(Side::Secondary, "query-named-block-nodes", COMMIT);
    }

    pub(super) fn look_at(
        &mut self,
        looks: &Looks,
        expected: Option<&Moment>,
        moment: &mut Moment,
    ) -> io::Result<()> {
        for side in looks.sides() {
            let error = self.get_error(side);
            let recovered = self.recovered && side == Side::Secondary;
            let lives = self.hosts[side as usize].is_some() || recovered;
            let said = if self.silent[side as usize] { SILENT } else { life(lives) };
            moment.saw(Subject::Process(side), said);
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
        self.log.acts.push(Act::Look { file, at, bytes: read.len(), said: said.clone() });
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

    pub(super) fn get_error(&mut self, side: Side) -> Option<String> {
        let answer = self.command(side, "query-xen-replication-status", json!({}))?;
        Some(match answer {
            Ok(status) if status["error"] == json!(true) => {
                answers::error(status["desc"].as_str().unwrap_or_default())
            }
            Ok(_) => "ok".to_owned(),
            Err(error) => answers::error(&error),
        })
    }
}
