//! Laws of a whole secondary host, against the slow twin of a device.
//!
//! Several requests of both users are in flight at a time, on disks that answer in any order. The
//! guest's device is the secondary disk as it was at the last checkpoint, plus its own writes;
//! after a failover the secondary disk alone is the guest's device.

mod memory;

use std::collections::BTreeMap;

use colo_core::driver::Driver;
use colo_core::{
    Clock, Disk, DiskId, Errno, Event, Extent, Geometry, GraphChange, Host, Mode, Payload, Quirks,
    Recovery, Stage, Time, UserId, UserOp, UserRequest, Verb, VerbError, VerbId, VolumeId,
    VolumeOptions, Wiring,
};

const FIRST: VolumeId = VolumeId::FIRST;
use memory::{Draws, MemoryDisk, Twin, numbers, payload};
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestCaseResult};

/// The same cases in every run.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0xD15C),
        ..ProptestConfig::default()
    }
}

/// A test case: raw numbers, which the test reduces to what fits.
#[derive(Debug, Clone)]
struct Plan {
    sizes: [u8; 6],
    quorum: bool,
    steps: Vec<Step>,
    /// What the disks draw from.
    draws: Vec<u16>,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Read(UserId, u8, u8),
    Write(UserId, u8, u8),
    Flush(UserId),
    /// So many requests of the disks are answered.
    Answers(u8),
    Checkpoint,
    Failover,
}

fn plans() -> impl Strategy<Value = Plan> {
    let user = || prop_oneof![Just(UserId::Guest), Just(UserId::Export)];
    let step = prop_oneof![
        6 => (user(), any::<u8>(), any::<u8>()).prop_map(|(user, a, b)| Step::Read(user, a, b)),
        9 => (user(), any::<u8>(), any::<u8>()).prop_map(|(user, a, b)| Step::Write(user, a, b)),
        2 => user().prop_map(Step::Flush),
        8 => (0..12u8).prop_map(Step::Answers),
        1 => Just(Step::Checkpoint),
        1 => Just(Step::Failover),
    ];
    let steps = prop::collection::vec(step, 0..60);
    let draws = prop::collection::vec(any::<u16>(), 0..100);
    (any::<[u8; 6]>(), any::<bool>(), steps, draws).prop_map(|(sizes, quorum, steps, draws)| Plan {
        sizes,
        quorum,
        steps,
        draws,
    })
}

impl Plan {
    fn geometry(&self) -> Geometry {
        let [sectors, cluster, granule, copy, commit_granule, commit] = self.sizes.map(u32::from);
        let cluster = 1 + cluster % 6;
        let granule = cluster * (1 + granule % 3);
        let commit_granule = 1 + commit_granule % 8;
        let geometry = Geometry {
            sector_size: memory::SECTOR as u32,
            sectors: u64::from(1 + sectors % 40),
            cluster,
            granule,
            copy_max: granule * (1 + copy % 3),
            commit_granule,
            commit_max: commit_granule * (1 + commit % 3),
        };
        geometry.check().expect("a host can work with these sizes");
        geometry
    }

    fn host(&self, recover: bool) -> Host {
        Host::new([VolumeOptions {
            mode: Mode::Secondary,
            geometry: self.geometry(),
            quorum: self.quorum,
            wiring: Wiring::default(),
            recover,
            reconnect_delay_ns: 0,
            quirks: Quirks::NONE,
            later: false,
        }])
    }

    /// The secondary disk as it is when the host starts: every sector holds its own number.
    fn contents(&self) -> Vec<u64> {
        (0..self.geometry().sectors).collect()
    }

    fn disks(&self) -> Vec<(DiskId, MemoryDisk)> {
        let (geometry, draws) = (self.geometry(), |stream| Draws::new(&self.draws, stream));
        vec![
            (DiskId::Secondary, MemoryDisk::new(&self.contents(), draws(1))),
            (DiskId::Hidden, MemoryDisk::overlay(&geometry, draws(2))),
            (DiskId::Active, MemoryDisk::overlay(&geometry, draws(3))),
        ]
    }
}

/// A request of a user that is not answered.
#[derive(Debug, Clone, Copy)]
struct Asked {
    op: Op,
    submitted: u64,
}

#[derive(Debug, Clone, Copy)]
enum Op {
    Read(Extent),
    Write,
    Flush,
}

/// A host on its disks, and what it must look like.
struct World {
    host: Host,
    disks: Vec<(DiskId, MemoryDisk)>,
    draws: Draws,
    now: u64,
    guest: Twin,
    export: Twin,
    asked: BTreeMap<(UserId, UserRequest), Asked>,
    answer: Option<Result<(), VerbError>>,
    /// What the last read found.
    seen: Vec<u64>,
    /// Everything answered before is durable: the guest's last flush that succeeded was submitted
    /// then, or the failover was over.
    flushed: u64,
    faulty: bool,
    /// When a failover failed.
    failed: Option<u64>,
    /// Whether the verb was called; the primary is dead from then on.
    failover: bool,
}

impl World {
    /// A host that opened its images and has not started.
    fn open(plan: &Plan) -> Result<Self, TestCaseError> {
        let twin = Twin::new(&plan.contents());
        let mut world = Self {
            host: plan.host(false),
            disks: plan.disks(),
            draws: Draws::new(&plan.draws, 0),
            now: 0,
            guest: twin.clone(),
            export: twin,
            asked: BTreeMap::new(),
            answer: None,
            seen: Vec::new(),
            flushed: 0,
            faulty: false,
            failed: None,
            failover: false,
        };
        world.settle()?;
        Ok(world)
    }

    fn run(plan: &Plan, fail_one_in: usize) -> Result<Self, TestCaseError> {
        let mut world = Self::open(plan)?;
        // Forwarded writes may be in flight when the start drains them.
        for &step in plan.steps.iter().take(4) {
            if let Step::Write(UserId::Export, ..) = step {
                world.step(step)?;
            }
        }
        world.new_epoch(Verb::Start(Mode::Secondary))?;
        world.faults(fail_one_in);
        for &step in &plan.steps {
            world.step(step)?;
        }
        Ok(world)
    }

    fn faults(&mut self, fail_one_in: usize) {
        self.faulty |= fail_one_in > 0;
        for (_, disk) in &mut self.disks {
            disk.fail_one_in = fail_one_in;
        }
    }

    fn step(&mut self, step: Step) -> TestCaseResult {
        match step {
            Step::Read(user, a, b) => self.read(user, self.extent(a, b)),
            Step::Write(user, a, b) => self.write(user, self.extent(a, b)),
            Step::Flush(user) => self.submit(user, Op::Flush, UserOp::Flush),
            Step::Answers(count) => self.answers(usize::from(count)),
            // Both machines are paused for a checkpoint.
            Step::Checkpoint if !self.failover => {
                let fail_one_in = self.disks[0].1.fail_one_in;
                self.faults(0);
                self.settle()?;
                self.new_epoch(Verb::Checkpoint)?;
                self.faults(fail_one_in);
                Ok(())
            }
            Step::Failover if !self.failover => self.call_failover(),
            Step::Checkpoint | Step::Failover => Ok(()),
        }
    }

    fn extent(&self, a: u8, b: u8) -> Extent {
        let sectors = self.host.volume(FIRST).geometry().sectors;
        let at = u64::from(a) % sectors;
        // Short ones are as common as any.
        let most = if b < 128 { (sectors - at).min(4) } else { sectors - at };
        Extent::new(at, 1 + u32::from(b) % most as u32)
    }

    fn read(&mut self, user: UserId, extent: Extent) -> TestCaseResult {
        self.submit(user, Op::Read(extent), UserOp::Read(extent))
    }

    /// Writes numbers that were never written before.
    fn write(&mut self, user: UserId, extent: Extent) -> TestCaseResult {
        let now = self.now + 1;
        let new: Vec<u64> = (extent.at..extent.end()).map(|sector| now * 1000 + sector).collect();
        if !self.refused(user) {
            self.twin(user).submitted(extent.at, &new, now);
        }
        self.submit(user, Op::Write, UserOp::Write { at: extent.at, payload: payload(&new) })
    }

    /// Whether the primary is dead, so that nobody is there to ask.
    fn refused(&self, user: UserId) -> bool {
        user == UserId::Export && self.failover
    }

    fn submit(&mut self, user: UserId, op: Op, asked: UserOp) -> TestCaseResult {
        if self.refused(user) {
            return Ok(());
        }
        self.now += 1;
        let request = UserRequest(self.now as u32);
        self.asked.insert((user, request), Asked { op, submitted: self.now });
        self.host.submit(FIRST, user, request, asked);
        self.answers(0)
    }

    fn twin(&mut self, user: UserId) -> &mut Twin {
        match user {
            UserId::Guest => &mut self.guest,
            UserId::Export => &mut self.export,
        }
    }

    /// Hands out requests and takes so many answers in, from whichever disk.
    fn answers(&mut self, count: usize) -> TestCaseResult {
        for left in (0..=count).rev() {
            while let Some((_, id, request)) = self.host.poll_disk() {
                let (_, disk) = self.disks.iter_mut().find(|(other, _)| *other == id).expect("all");
                disk.submit(request);
            }
            while let Some((_, event)) = self.host.poll_event() {
                self.take(event)?;
            }
            let busy = self.disks.iter_mut().map(|(_, disk)| disk).filter(|disk| !disk.quiet());
            let mut busy: Vec<&mut MemoryDisk> = busy.collect();
            if left == 0 || busy.is_empty() {
                break;
            }
            let place = self.draws.below(busy.len());
            let completion = busy[place].poll().expect("a busy disk answers");
            self.host.disk_completed(FIRST, completion.id, completion.result);
        }
        Ok(())
    }

    /// Takes answers in until everything is answered.
    fn settle(&mut self) -> TestCaseResult {
        self.answers(100_000)?;
        prop_assert!(
            self.host.idle(),
            "nothing is in flight, in {:?}",
            self.host.volume(FIRST).phase()
        );
        prop_assert!(self.asked.is_empty(), "never answered: {:?}", self.asked);
        Ok(())
    }

    fn take(&mut self, event: Event) -> TestCaseResult {
        match event {
            Event::Answered { user, request, result } => self.check(user, request, result),
            Event::VerbAnswered { result, .. } => {
                self.answer = Some(result);
                Ok(())
            }
            Event::Stage { to: Stage::FailoverFailed, .. } => {
                self.now += 1;
                self.failed = Some(self.now);
                Ok(())
            }
            // Nothing of the guest is in flight, and from here on the secondary disk alone counts.
            Event::Graph(GraphChange::Pivoted) => {
                self.now += 1;
                self.flushed = self.now;
                Ok(())
            }
            Event::Aborted(abort) => Err(TestCaseError::fail(format!("aborted: {abort}"))),
            _ => Ok(()),
        }
    }

    fn check(
        &mut self,
        user: UserId,
        request: UserRequest,
        result: Result<Payload, Errno>,
    ) -> TestCaseResult {
        let asked = self.asked.remove(&(user, request));
        let Asked { op, submitted } = asked.expect("answered once");
        self.now += 1;
        let now = self.now;
        let answer = match result {
            Ok(answer) => answer,
            Err(errno) => {
                prop_assert!(self.faulty, "{op:?} of {user:?} failed with {errno}");
                return Ok(());
            }
        };
        match op {
            Op::Write => self.twin(user).answered(submitted, now),
            Op::Flush if user == UserId::Guest => {
                self.flushed = self.flushed.max(submitted);
            }
            Op::Flush => {}
            Op::Read(extent) => {
                prop_assert_eq!(answer.len(), self.host.volume(FIRST).geometry().bytes(extent.len));
                self.seen = numbers(&answer);
                let twin = if user == UserId::Guest { &self.guest } else { &self.export };
                let wrong = twin.wrong(extent.at, &self.seen, submitted);
                prop_assert_eq!(wrong, None, "{:?} reads {}", user, extent);
            }
        }
        Ok(())
    }

    /// What the secondary disk holds.
    fn secondary(&self) -> Vec<u64> {
        self.disks[0].1.contents()
    }

    fn call(&mut self, verb: Verb) -> TestCaseResult {
        self.now += 1;
        self.answer = None;
        self.host.call(VerbId(self.now as u32), FIRST, verb);
        self.answers(0)
    }

    /// A start or a checkpoint: the secondary disk, as it is, is the guest's device.
    fn new_epoch(&mut self, verb: Verb) -> TestCaseResult {
        self.call(verb)?;
        while self.answer.is_none() && self.disks.iter().any(|(_, disk)| !disk.quiet()) {
            self.answers(1)?;
        }
        prop_assert_eq!(self.answer, Some(Ok(())), "{}", verb);
        prop_assert!(self.asked.is_empty(), "{verb} did not wait for {:?}", self.asked);
        let contents = self.secondary();
        prop_assert_eq!(self.export.wrong(0, &contents, self.now + 1), None, "after {}", verb);
        self.export = Twin::new(&contents);
        self.guest = Twin::new(&contents);
        prop_assert_eq!(self.view()?, contents, "after {}", verb);
        Ok(())
    }

    fn call_failover(&mut self) -> TestCaseResult {
        self.failover = true;
        self.call(Verb::Stop { failover: true })
    }

    /// Everything that the guest sees, with nothing else in flight.
    fn view(&mut self) -> Result<Vec<u64>, TestCaseError> {
        self.read(UserId::Guest, self.host.volume(FIRST).geometry().whole())?;
        self.settle()?;
        Ok(std::mem::take(&mut self.seen))
    }

    /// Ends the replication, unless it has ended: the secondary disk alone is the guest's device.
    fn conclude(&mut self) -> TestCaseResult {
        self.settle()?;
        let view = self.view()?;
        let contents = self.secondary();
        if !self.failover {
            prop_assert_eq!(self.export.wrong(0, &contents, self.now + 1), None, "secondary disk");
            self.call_failover()?;
            self.settle()?;
            prop_assert_eq!(self.answer, Some(Ok(())), "failover");
        }
        if self.host.volume(FIRST).stage() == Some(Stage::Running) {
            // It could not be made durable, and was refused; now nothing stands in its way.
            self.call_failover()?;
            self.settle()?;
            prop_assert_eq!(self.answer, Some(Ok(())), "second failover");
        }
        if self.host.volume(FIRST).stage() != Some(Stage::FailoverFailed) {
            prop_assert_eq!(self.host.volume(FIRST).stage(), Some(Stage::Done));
            prop_assert_eq!(self.secondary(), &view[..], "after the failover");
        }
        prop_assert_eq!(self.view()?, view, "a failover changes nothing for the guest");
        Ok(())
    }
}

/// Nothing here waits for time.
struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Time {
        Time::ZERO
    }
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn the_guest_sees_the_last_checkpoint_and_its_own_writes(plan in plans()) {
        let mut world = World::run(&plan, 0)?;
        world.conclude()?;
        prop_assert_eq!(world.host.volume(FIRST).stage(), Some(Stage::Done));
    }

    #[test]
    fn a_failed_request_changes_nothing_but_what_it_writes(
        plan in plans(),
        fail_one_in in 2..40usize,
    ) {
        let mut world = World::run(&plan, fail_one_in)?;
        world.settle()?;
        world.faults(0);
        world.conclude()?;
    }

    #[test]
    fn what_was_flushed_survives_a_power_loss(plan in plans(), fail_one_in in 0..20usize) {
        // The old contents in hidden are flushed by nobody, so there are none here.
        let forwarded = |step: &Step| matches!(step, Step::Write(UserId::Export, ..));
        let steps = plan.steps.iter().copied().filter(|step| !forwarded(step)).collect();
        let plan = Plan { steps, ..plan };
        let World { host, mut disks, guest, flushed, .. } = World::run(&plan, fail_one_in)?;
        for (_, disk) in &mut disks {
            disk.fail_one_in = 0;
            disk.power_loss();
        }
        if host.volume(FIRST).stage() == Some(Stage::Done) {
            prop_assert_eq!(guest.wrong(0, &disks[0].1.contents(), flushed), None);
            return Ok(());
        }
        let mut driver = Driver::new(plan.host(true), disks.into_iter().map(|(id, disk)| (FIRST, id, disk)).collect(), StoppedClock);
        let events = driver.take_events();
        let recovered = |recovery| events.contains(&(FIRST, Event::Recovered(recovery)));
        if recovered(Recovery::Refused) {
            let promised = matches!(host.volume(FIRST).stage(), Some(Stage::Failover | Stage::FailoverFailed));
            prop_assert!(!promised, "a promised view is not refused");
            return Ok(());
        }
        prop_assert!(recovered(Recovery::Committed) || recovered(Recovery::DiskAlone));
        let view = driver.request(FIRST, UserId::Guest, UserOp::Read(plan.geometry().whole()));
        let view = numbers(&view.expect("a recovered host answers"));
        prop_assert_eq!(guest.wrong(0, &view, flushed), None, "after the recovery");
        prop_assert_eq!(driver.into_disks()[0].2.contents(), view);
    }
}
