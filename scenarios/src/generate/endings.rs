//! How a plan ends, and what comes after that: failovers, crashes, and what operators do then.

use colo_core::{Admin, JobKind, Mode, Verb};
use colo_sim::stream::Ratio;
use colo_sim::world::Side;

use crate::generate::{Generator, half};
use crate::plan::Step;

impl Generator {
    pub(super) fn end(&mut self) {
        // Most plans are about a failover; what stands in its way is lifted in most of those.
        match self.shape.weighted(&[64, 10, 6, 10, 10]) {
            0 => self.end_with_failover(),
            1 => {
                if self.shape.chance(Ratio::new(1, 6)) {
                    self.header_or_flush_fault();
                }
                self.call(Side::Secondary, Verb::Stop { failover: false }, true);
            }
            2 => {
                let side = self.side();
                if self.races.chance(half()) {
                    self.slow_forwarded_writes();
                }
                self.call(side, Verb::Close, true);
            }
            3 => {
                self.crash(Side::Secondary);
                self.come_back();
            }
            _ => self.primary_life(),
        }
        if self.shape.chance(half()) {
            self.after();
        }
    }

    pub(super) fn end_with_failover(&mut self) {
        if self.shape.chance(Ratio::new(3, 4)) {
            self.push(Step::FaultsEnd);
        }
        if self.shape.chance(Ratio::new(1, 8)) {
            self.half_failed_checkpoint();
            if self.races.chance(Ratio::new(1, 5)) {
                self.failover_cut_short();
            }
        }
        let refusing = self.shape.chance(Ratio::new(1, 10));
        if refusing {
            self.header_or_flush_fault();
        }
        if self.shape.chance(Ratio::new(1, 20)) {
            self.competing_reader();
        }
        let doomed = self.shape.chance(Ratio::new(1, 5));
        if doomed && self.races.chance(Ratio::new(1, 4)) {
            self.commit_flush_fault();
        } else if doomed {
            self.commit_fault();
        }
        if self.volumes.count > 1 && self.races.chance(Ratio::new(1, 4)) {
            self.one_disk_apart();
        }
        if self.races.chance(Ratio::new(1, 40)) {
            self.failover_not_durable();
        }
        if self.races.chance(Ratio::new(1, 40)) {
            self.map_out_of_date();
        }
        if self.races.chance(Ratio::new(1, 40)) {
            self.commit_cannot_mark();
        }
        if self.races.chance(Ratio::new(1, 40)) {
            self.dies_while_marking();
        }
        if self.shape.chance(Ratio::new(1, 8)) {
            // The caller does not end forwarding first, or does not wait.
            let wait = self.shape.chance(half());
            self.call(Side::Secondary, Verb::Stop { failover: true }, wait);
        } else {
            self.push(Step::Failover);
        }
        if self.races.chance(Ratio::new(1, 40)) {
            self.flush_cut_short();
        }
        if refusing && self.shape.chance(half()) {
            self.call(Side::Secondary, Verb::GetError, true);
        }
        let racing = self.shape.below(6);
        for _ in 0..racing {
            self.request(Side::Secondary);
        }
        let ending = self.shape.weighted(&[60, 25, 6, 4, 3]);
        match ending {
            0 => self.push(Step::Settle),
            1 => {
                let ns = self.shape.below(1_500_000);
                self.push(Step::Pass(ns));
                self.crash(Side::Secondary);
                self.come_back();
            }
            2 => self.push(Step::Cancel(JobKind::Commit)),
            3 => self.call(Side::Secondary, Verb::Close, true),
            _ => {
                self.command(Side::Secondary, Admin::Quit);
                self.come_back();
            }
        }
        if (doomed && ending == 0) || ending == 2 {
            self.life_after_failed_failover();
        }
        if self.shape.chance(Ratio::new(1, 3)) {
            self.push(Step::FaultsEnd);
            self.call(Side::Secondary, Verb::Stop { failover: true }, true);
            self.push(Step::Settle);
        }
    }

    /// The overlays stay, the guest goes on over them, and perhaps the host goes down after all.
    pub(super) fn life_after_failed_failover(&mut self) {
        self.ask_after_failed_failover();
        self.bad_disks();
        match self.races.weighted(&[4, 1, 2]) {
            0 => {}
            1 => self.flush_cut_short(),
            _ => self.flushed_over_failed_failover(),
        }
        for _ in 0..self.shape.below(8) {
            self.request(Side::Secondary);
        }
        if self.shape.chance(half()) {
            self.push(Step::Flush { side: Side::Secondary, wait: true });
        }
        for _ in 0..self.shape.below(3) {
            self.request(Side::Secondary);
        }
        if self.shape.chance(Ratio::new(1, 2)) {
            // It is tried again, and what is flushed meanwhile has to last.
            self.call(Side::Secondary, Verb::Stop { failover: true }, true);
            if self.shape.chance(half()) {
                self.call(Side::Secondary, Verb::GetError, true);
            }
            self.request(Side::Secondary);
            self.push(Step::Flush { side: Side::Secondary, wait: true });
            let ns = self.shape.below(600_000);
            self.push(Step::Pass(ns));
        }
        if self.shape.chance(half()) {
            self.crash(Side::Secondary);
            self.come_back();
        }
    }

    /// What an operator does after a crash of the secondary.
    pub(super) fn come_back(&mut self) {
        if self.shape.chance(Ratio::new(4, 5)) {
            self.push(Step::FaultsEnd);
        }
        for _ in 0..=self.shape.below(2) {
            match self.shape.weighted(&[8, 3, 2, 1, 2]) {
                0 => self.push(Step::Recover { wait: true }),
                1 => {
                    self.push(Step::Recover { wait: false });
                    if self.shape.chance(Ratio::new(1, 3)) {
                        self.request(Side::Secondary);
                    }
                    if self.operator.chance(Ratio::new(1, 10)) {
                        let command = *self.operator.pick(&[Admin::Remove, Admin::Quit]);
                        self.push(Step::Admin { side: Side::Secondary, command, wait: false });
                    }
                    let ns = self.shape.below(800_000);
                    self.push(Step::Pass(ns));
                    self.crash(Side::Secondary);
                    self.push(Step::Recover { wait: true });
                }
                2 => {
                    self.push(Step::Restart(Side::Secondary));
                    self.call(Side::Secondary, Verb::Start(Mode::Secondary), true);
                    self.push(Step::Settle);
                    self.crash(Side::Secondary);
                    self.push(Step::Recover { wait: true });
                }
                3 => self.push(Step::Restart(Side::Secondary)),
                _ => self.primary_over_restarted_secondary(),
            }
        }
    }

    /// The secondary is switched on as if nothing had been, and the primary goes on writing to it.
    pub(super) fn primary_over_restarted_secondary(&mut self) {
        self.push(Step::Restart(Side::Secondary));
        self.push(Step::Cut(false));
        if self.shape.chance(Ratio::new(1, 3)) {
            self.call(Side::Secondary, Verb::Close, true);
        }
        for _ in 0..=self.shape.below(3) {
            self.request(Side::Primary);
        }
        let ns = self.shape.below(1_000_000);
        self.push(Step::Pass(ns));
        self.crash(Side::Secondary);
        self.push(Step::Recover { wait: true });
    }

    /// Restart and stop on the primary; the connection comes and goes.
    pub(super) fn primary_life(&mut self) {
        for _ in 0..=self.shape.below(3) {
            match self.shape.below(5) {
                0 => self.call(Side::Primary, Verb::Stop { failover: false }, true),
                1 => {
                    self.crash(Side::Primary);
                    self.push(Step::Restart(Side::Primary));
                    self.call(Side::Primary, Verb::Start(Mode::Primary), true);
                }
                2 => self.push(Step::Cut(true)),
                3 => self.push(Step::Cut(false)),
                _ => self.call(Side::Primary, Verb::Start(Mode::Primary), true),
            }
            self.requests(4);
            self.push(Step::Checkpoint);
        }
    }

    /// Life after the ending: more requests, verbs, and once more a crash.
    pub(super) fn after(&mut self) {
        self.requests(6);
        if self.shape.chance(half()) {
            let verb = self.verb(Side::Secondary);
            self.call(Side::Secondary, verb, true);
        }
        if self.shape.chance(Ratio::new(1, 3)) {
            self.push(Step::Settle);
            let side =
                if self.shape.chance(Ratio::new(1, 5)) { Side::Primary } else { Side::Secondary };
            self.crash(side);
            match side {
                Side::Primary => self.push(Step::Restart(side)),
                Side::Secondary => self.come_back(),
            }
            self.requests(3);
        }
    }
}
