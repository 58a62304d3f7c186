//! What happened to the requests of the core, by where in it they come from.
//!
//! Counts only: nothing of it is an entry, and no digest depends on it.

use colo_core::{DiskId, Extent, Layout, Phase, Purpose};

use crate::faulty::Cause;
use crate::world::{Asked, DiskOp, Side};

/// A part of an overlay's disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Region {
    /// The first sector.
    Header,
    /// The allocation map.
    Map,
    /// What the guest would see; all of a disk that is no overlay's. Of a flush, everything.
    Data,
}

/// Where in the core a disk request comes from: whose it is, and what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Site {
    /// On whose behalf.
    pub purpose: Purpose,
    /// Which disk is asked.
    pub disk: DiskId,
    /// For what.
    pub op: DiskOp,
    /// And where.
    pub region: Region,
}

const OPS: [DiskOp; 3] = [DiskOp::Read, DiskOp::Write, DiskOp::Flush];
const REGIONS: [Region; 3] = [Region::Header, Region::Map, Region::Data];

impl Site {
    /// How many combinations there are, sensible or not.
    pub const COUNT: usize = Purpose::ALL.len() * DiskId::ALL.len() * OPS.len() * REGIONS.len();

    /// Every combination, in order of [`Site::index`].
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(|index| {
            let (index, region) = (index / REGIONS.len(), REGIONS[index % REGIONS.len()]);
            let (index, op) = (index / OPS.len(), OPS[index % OPS.len()]);
            let disk = DiskId::ALL[index % DiskId::ALL.len()];
            Self { purpose: Purpose::ALL[index / DiskId::ALL.len()], disk, op, region }
        })
    }

    /// Its place in [`Site::all`].
    pub fn index(self) -> usize {
        let Self { purpose, disk, op, region } = self;
        let index = purpose as usize * DiskId::ALL.len() + disk as usize;
        (index * OPS.len() + op as usize) * REGIONS.len() + region as usize
    }

    /// The name in reports.
    pub fn name(self) -> String {
        let Self { purpose, disk, op, region } = self;
        let region = match region {
            Region::Header => "-header",
            Region::Map => "-map",
            Region::Data => "",
        };
        format!("{}/{}/{}{region}", purpose.name(), disk.name(), op.name())
    }
}

/// What can happen to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It fails.
    Error,
    /// Somebody asks a job of its host to end while it is in flight.
    Cancel,
    /// Its host goes down while it is in flight.
    Crash,
}

impl Fate {
    /// Every one there is, in order.
    pub const ALL: [Self; 3] = [Self::Error, Self::Cancel, Self::Crash];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Cancel => "cancel",
            Self::Crash => "crash",
        }
    }
}

macro_rules! probes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// A situation in the world worth reaching, as a probe of the core is one in the core.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum WorldProbe { $($(#[$doc])* $name,)+ }

        impl WorldProbe {
            /// Every probe, in order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its name in reports.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

probes! {
    /// A disk is asked while an earlier request of it is in flight.
    RequestsTogether = "world/two-requests-of-one-disk",
    /// A host's timer fires.
    TimerFires = "world/timer-fires",
    /// Messages are on their way when the connection is lost.
    MessagesLost = "world/messages-lost",
    /// A forwarded request is answered over a connection that is not there any more.
    AnswerTooLate = "world/answer-over-lost-connection",
    /// A host goes down with requests at its disks.
    CrashInFlight = "world/crash-with-requests-in-flight",
    /// A host goes down that recovers.
    RecoveryCrashed = "world/crash-of-recovery",
    /// No process is left on either host.
    BothDown = "world/both-hosts-down",
    /// A power loss takes what a disk had not made durable.
    UnflushedLost = "world/power-loss-takes-unflushed",
    /// A power loss leaves what a disk had not made durable.
    UnflushedKept = "world/power-loss-leaves-unflushed",
    /// A power loss takes some of it and leaves some, on one disk.
    UnflushedTorn = "world/power-loss-tears-unflushed",
}

/// Counts by site and by phase.
#[derive(Debug, Clone)]
pub struct Coverage {
    layout: Layout,
    fates: Vec<[u32; Fate::ALL.len()]>,
    faults: Vec<u32>,
    failed: [[[u32; Phase::ALL.len()]; 2]; Cause::ALL.len()],
    probes: [u32; WorldProbe::ALL.len()],
}

impl Coverage {
    pub(super) fn new(layout: Layout) -> Self {
        let faults = DiskId::ALL.len() * OPS.len() * Phase::ALL.len();
        let fates = vec![Default::default(); Site::COUNT];
        let failed = Default::default();
        Self { layout, fates, faults: vec![0; faults], failed, probes: Default::default() }
    }

    pub(super) fn site(&self, purpose: Purpose, disk: DiskId, op: DiskOp, extent: Extent) -> Site {
        let region = match disk {
            DiskId::Local | DiskId::Secondary => Region::Data,
            DiskId::Hidden | DiskId::Active => match extent.at {
                _ if op == DiskOp::Flush => Region::Data,
                0 => Region::Header,
                at if at < self.layout.data_at => Region::Map,
                _ => Region::Data,
            },
        };
        Site { purpose, disk, op, region }
    }

    #[inline]
    pub(super) fn met(&mut self, asked: &Asked, fate: Fate) {
        self.fates[usize::from(asked.site)][fate as usize] += 1;
    }

    #[inline]
    pub(super) fn probe(&mut self, probe: WorldProbe) {
        self.probes[probe as usize] += 1;
    }

    /// How often each situation was reached.
    pub fn probes(&self) -> &[u32] {
        &self.probes
    }

    pub(super) fn fault(&mut self, disk: DiskId, op: DiskOp, cause: Cause, phase: Phase) {
        self.faults[Self::place(disk, op, phase)] += 1;
        self.failed[cause as usize][Side::of(disk) as usize][phase.index()] += 1;
    }

    fn place(disk: DiskId, op: DiskOp, phase: Phase) -> usize {
        (disk as usize * OPS.len() + op as usize) * Phase::ALL.len() + phase.index()
    }

    /// How often a request of this site met this fate.
    pub fn fates(&self, site: Site, fate: Fate) -> u32 {
        self.fates[site.index()][fate as usize]
    }

    /// The sum over all sites and fates.
    pub fn fates_in_all(&self) -> u32 {
        self.fates.iter().flatten().sum()
    }

    /// How often this operation of this disk failed while the volume was in the middle of this.
    pub fn faults(&self, disk: DiskId, op: DiskOp, phase: Phase) -> u32 {
        self.faults[Self::place(disk, op, phase)]
    }

    /// How often a request was failed for this cause while a volume of this host was in the middle of this.
    pub fn failed(&self, cause: Cause, side: Side, phase: Phase) -> u32 {
        self.failed[cause as usize][side as usize][phase.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_site_is_in_its_place() {
        for (index, site) in Site::all().enumerate() {
            assert_eq!(site.index(), index, "{}", site.name());
        }
        assert!(u16::try_from(Site::COUNT).is_ok());
    }
}
