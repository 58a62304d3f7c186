//! Plans that QEMU can carry out: every step is awaited, or holds a commit and lets it go.
//!
//! Small, because a process is started for each, and of what a block-layer engineer would try on a
//! secondary: writes that straddle clusters, checkpoints that fail, competing jobs and users, a failover
//! that is held and killed. What does not fit is left out by the conversion, not here.

use colo_core::{
    Admin, DiskId, EmptyFailure, Errno, Format, Geometry, JobType, Mode, Name, UserKind, Verb,
    Wiring,
};
use colo_sim::faulty::OpKind;
use colo_sim::stream::{Ratio, Seed, Stream};
use colo_sim::world::Side;

use crate::plan::{FaultSpec, Further, FurtherVolume, Plan, Setup, Step};
use crate::profile::Profile;

/// Clusters of each disk.
const CLUSTERS: u64 = 6;

/// The plan of a seed, for QEMU.
pub fn generate_for_qemu(seed: u64) -> Plan {
    let mut stream = Seed(seed).stream("conform");
    let setup = setup(&mut stream);
    let volumes = 1 + setup.further.iter().count() as u64;
    let serves = setup.wiring.export && setup.wiring.filter_options().is_ok();
    let primary = serves && stream.chance(Ratio::new(3, 4));
    let mut drawing = Drawing { stream, setup, volumes, primary, steps: Vec::new() };
    drawing.draw();
    let mut plan = Plan::new(format!("conform seed {seed}"), Profile::Seed, drawing.steps);
    (plan.setup, plan.seed) = (setup, seed);
    plan
}

fn setup(stream: &mut Stream) -> Setup {
    let geometry = Geometry { sectors: CLUSTERS * 128, ..Geometry::default() };
    let secondary_quorum = stream.chance(Ratio::new(3, 4));
    let mut setup = Setup { geometry, secondary_quorum, ..Setup::default() };
    if stream.chance(Ratio::new(1, 4)) {
        setup.wiring = wiring(stream);
    } else if stream.chance(Ratio::new(1, 6)) {
        setup.further = Further::new([FurtherVolume::default()]);
    }
    setup
}

/// One thing that is unusual, or wrong.
fn wiring(stream: &mut Stream) -> Wiring {
    let right = Wiring::default();
    let parent = Some(*stream.pick(&[UserKind::Drive, UserKind::DriveDevice]));
    let options =
        ["", "mode=primary", "mode=secondary", "mode=none,top-id=x", "mode=primary,top-id=x"];
    match stream.below(14) {
        0 => Wiring { guest: UserKind::DriveDevice, ..right },
        1 => Wiring {
            guest: UserKind::Device,
            guest_owns_top: false,
            top_id: Name::new("top"),
            ..right
        },
        2 => Wiring {
            top_id: *stream.pick(&["top", "repl", "hidden", "nobody"].map(Name::new)),
            ..right
        },
        3 => Wiring {
            options: colo_core::OptionsText::parse(stream.pick::<&str>(&options)),
            ..right
        },
        4 => Wiring { active: Format::Raw, ..right },
        5 => Wiring { hidden: Format::Raw, ..right },
        6 => Wiring { active: Format::Fixed, ..right },
        7 => Wiring { hidden: Format::Fixed, ..right },
        8 => Wiring { hidden_is_short: true, ..right },
        9 => Wiring { export: false, ..right },
        10 => Wiring { export: false, parent, ..right },
        11 => Wiring { parent, ..right },
        12 => Wiring { hidden_read_only: false, ..right },
        _ => Wiring { filter_read_only: true, ..right },
    }
}

struct Drawing {
    stream: Stream,
    setup: Setup,
    volumes: u64,
    primary: bool,
    steps: Vec<Step>,
}

impl Drawing {
    fn draw(&mut self) {
        self.some_of(Self::before_start, 3);
        if self.stream.chance(Ratio::new(1, 8)) {
            self.emptying_fails();
        }
        self.call(Side::Secondary, Verb::Start(Mode::Secondary));
        if self.primary {
            self.call(Side::Primary, Verb::Start(Mode::Primary));
        }
        for _ in 0..=self.stream.below(4) {
            self.some_of(Self::io, 4);
            self.some_of(Self::mishap, 2);
            if self.stream.chance(Ratio::new(2, 3)) {
                self.checkpoint();
            }
        }
        self.some_of(Self::io, 3);
        self.ending();
        self.some_of(Self::afterwards, 4);
    }

    fn some_of(&mut self, draw: fn(&mut Self), most: u64) {
        for _ in 0..self.stream.below(most + 1) {
            draw(self);
        }
    }

    fn push(&mut self, step: Step) {
        let of_volume = matches!(
            step,
            Step::Read { .. }
                | Step::Write { .. }
                | Step::WriteZeroes { .. }
                | Step::Discard { .. }
                | Step::Flush { .. }
                | Step::Fault(_)
                | Step::EmptyFails { .. }
                | Step::Admin { .. }
        );
        let volume = if of_volume { self.stream.below(self.volumes) as u8 } else { 0 };
        self.steps.push(match volume {
            0 => step,
            volume => Step::On { volume, step: Box::new(step) },
        });
    }

    fn side(&mut self) -> Side {
        let primary = self.primary && self.stream.chance(Ratio::new(1, 2));
        if primary { Side::Primary } else { Side::Secondary }
    }

    fn call(&mut self, side: Side, verb: Verb) {
        self.push(Step::CallAll { side, verb, wait: true });
    }

    fn io(&mut self) {
        let side = self.side();
        let (at, len) = self.range();
        let wait = true;
        let step = match self.stream.below(12) {
            0 | 1 => Step::Read { side, at, len, wait },
            2 => Step::WriteZeroes { side, at, len, wait },
            3 => Step::Discard { side, at, len, wait },
            4 => Step::Flush { side, wait },
            _ => Step::Write { side, at, len, wait },
        };
        self.push(step);
    }

    /// A few sectors, whole clusters, or what straddles them.
    fn range(&mut self) -> (u64, u32) {
        let sectors = self.setup.geometry.sectors;
        let (at, len) = match self.stream.below(4) {
            0 => (self.stream.below(sectors), 1 + self.stream.below(8)),
            1 => (128 * self.stream.below(CLUSTERS), 128 * (1 + self.stream.below(3))),
            2 => (128 * self.stream.below(CLUSTERS) + 64, 64 + self.stream.below(128)),
            _ => (self.stream.below(sectors), 1 + self.stream.below(sectors)),
        };
        (at, len.min(sectors - at) as u32)
    }

    fn before_start(&mut self) {
        match self.stream.below(5) {
            0 => self.io(),
            1 => self.any_verb(),
            2 => self.competing_job(),
            3 => self.user(),
            _ => self.fault(),
        }
    }

    fn mishap(&mut self) {
        match self.stream.below(8) {
            0 => self.push(Step::FaultsEnd),
            1 | 2 => self.fault(),
            3 => self.user(),
            4 => self.competing_job(),
            5 => self.any_verb(),
            6 => {
                self.emptying_fails();
                self.checkpoint();
            }
            _ => {
                let (command, side) =
                    (Admin::Detach { user: Name::new("parent0") }, Side::Secondary);
                self.push(Step::Admin { side, command, wait: true });
            }
        }
    }

    fn any_verb(&mut self) {
        let side = self.side();
        // Close is left out by the conversion.
        let verb = *self.stream.pick(&Verb::ALL);
        self.call(side, verb);
    }

    fn checkpoint(&mut self) {
        if self.primary {
            self.push(Step::Checkpoint);
        } else {
            self.call(Side::Secondary, Verb::Checkpoint);
        }
    }

    fn emptying_fails(&mut self) {
        let disk = *self.stream.pick(&[DiskId::Hidden, DiskId::Active]);
        let how =
            *self.stream.pick(&[EmptyFailure::Nothing, EmptyFailure::All, EmptyFailure::Ejected]);
        let errno = *self.stream.pick(&[Errno::Io, Errno::NoSpace]);
        self.push(Step::EmptyFails { disk, how, errno });
    }

    fn fault(&mut self) {
        let disk = *self.stream.pick(&DiskId::ALL);
        let op = *self.stream.pick(&[OpKind::Read, OpKind::Write]);
        let errno = *self.stream.pick(&[Errno::Io, Errno::NoSpace]);
        let raw = matches!(disk, DiskId::Local | DiskId::Secondary);
        let mut spec = FaultSpec { errno, ..FaultSpec::new(disk, op) };
        if raw && self.stream.chance(Ratio::new(2, 3)) {
            let at = self.stream.below(self.setup.geometry.sectors);
            spec.range = Some((at, at + 1));
        }
        if raw && op == OpKind::Write && self.stream.chance(Ratio::new(1, 3)) {
            spec.times = Some(1);
        }
        self.push(Step::Fault(spec));
        self.io();
        if self.stream.chance(Ratio::new(1, 2)) {
            self.push(Step::FaultsEnd);
        }
    }

    fn user(&mut self) {
        let nodes = ["hidden", "active", "secondary", "top", "repl"].map(Name::new);
        let kinds = [UserKind::Export, UserKind::ReadOnlyExport];
        let users = ["exp1", "nbd0"].map(Name::new);
        let (node, kind) = (*self.stream.pick(&nodes), *self.stream.pick(&kinds));
        let user = *self.stream.pick(&users);
        let command = match self.stream.below(3) {
            0 => Admin::Detach { user },
            _ => Admin::Attach { user: Name::new("exp1"), kind, node },
        };
        self.push(Step::Admin { side: Side::Secondary, command, wait: true });
    }

    fn competing_job(&mut self) {
        let nodes = ["hidden", "active", "secondary", "top"].map(Name::new);
        let (side, node) = (Side::Secondary, *self.stream.pick(&nodes));
        let job = Name::new("job0");
        let command = match self.stream.below(4) {
            0 => Admin::CancelJob { job },
            1 => Admin::StartJob { job, kind: JobType::Mirror, node },
            _ => Admin::StartJob { job, kind: JobType::Backup, node },
        };
        self.push(Step::Admin { side, command, wait: true });
    }

    fn ending(&mut self) {
        let stop = |failover| Verb::Stop { failover };
        match self.stream.below(8) {
            0 => self.call(Side::Secondary, stop(false)),
            1 | 2 => self.call(Side::Secondary, stop(true)),
            3 => self.push(Step::Failover),
            4 => self.held_failover(),
            5 => {
                let disk = *self.stream.pick(&[DiskId::Secondary, DiskId::Active, DiskId::Hidden]);
                let op = *self.stream.pick(&[OpKind::Read, OpKind::Write]);
                self.push(Step::Fault(FaultSpec::new(disk, op)));
                self.call(Side::Secondary, stop(true));
                self.push(Step::FaultsEnd);
            }
            6 => {
                self.push(Step::Flush { side: Side::Secondary, wait: true });
                self.push(Step::Kill(Side::Secondary));
                let recovers = self.stream.chance(Ratio::new(1, 2));
                self.push(if recovers {
                    Step::Recover { wait: true }
                } else {
                    Step::Restart(Side::Secondary)
                });
            }
            _ => {
                let (side, command) = (self.side(), Admin::Quit);
                self.push(Step::Admin { side, command, wait: true });
            }
        }
    }

    /// A failover whose commit is held: something happens meanwhile, and it is let go or killed.
    fn held_failover(&mut self) {
        let side = Side::Secondary;
        let at = 128 * self.stream.below(CLUSTERS);
        self.steps.push(Step::Write { side, at, len: 128, wait: true });
        self.push(Step::Stall { disk: DiskId::Secondary, ns: HELD_NS });
        self.call(side, Verb::Stop { failover: true });
        for _ in 0..self.stream.below(4) {
            match self.stream.below(3) {
                0 => self.any_verb(),
                1 => self.push(Step::Flush { side, wait: true }),
                _ => {
                    let at = 128 * self.stream.below(CLUSTERS);
                    self.push(Step::Write { side, at, len: 128, wait: true });
                }
            }
        }
        if self.stream.chance(Ratio::new(1, 2)) {
            self.push(Step::Pass(HELD_NS));
        } else {
            self.push(Step::Kill(side));
        }
    }

    fn afterwards(&mut self) {
        match self.stream.below(8) {
            0 => self.push(Step::Restart(Side::Secondary)),
            1 => self.push(Step::Recover { wait: true }),
            2 => self.any_verb(),
            3 => self.push(Step::FaultsEnd),
            4 => self.push(Step::Kill(Side::Secondary)),
            _ => self.io(),
        }
    }
}

/// Longer than anything else takes.
const HELD_NS: u64 = 1_000_000_000;
