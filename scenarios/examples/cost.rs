//! What a guest request costs, counted: allocations, entries, bytes hashed, numbers drawn.
//!
//! `cargo run --release -p colo-scenarios --example cost [SEEDS]`. Counts, not times: the same on
//! every machine and in every build. Instructions and copies are valgrind's to count, of the
//! program itself; [`docs/performance.md`](../../docs/performance.md) says how, and what it comes to.

use std::alloc::System;
use std::hash::{Hash, Hasher};
use std::process::ExitCode;

use colo_scenarios::generate::generate;
use colo_scenarios::plan::Plan;
use colo_scenarios::profile::Behaviour;
use colo_scenarios::run::{run, run_traced};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SEEDS_DEFAULT: u64 = 2_000;

fn main() -> ExitCode {
    let seeds = std::env::args().nth(1).map_or(Ok(SEEDS_DEFAULT), |seeds| seeds.parse());
    let Ok(seeds @ 1..) = seeds else {
        eprintln!("error: give a number of seeds from 1 on");
        return ExitCode::from(2);
    };
    let (plans, generating) = counted(|| plans(seeds));
    let (requests, running) = counted(|| plans.iter().map(|plan| run(plan).guest_requests).sum());
    let steps = plans.iter().map(|plan| plan.steps.len() as u64).sum();
    let of = Of { plans: seeds, steps, requests };
    println!("{seeds} hardened plans, {steps} steps, {requests} guest requests\n");
    println!("{:<34}{:>12}{:>12}{:>12}", "", "a request", "a step", "a plan");
    of.allocations("generating", &generating);
    of.allocations("running", &running);
    let entries = Entries::of(&plans);
    of.row("entries", entries.count);
    of.row("bytes hashed", entries.bytes);
    of.row("pieces hashed", entries.pieces);
    ExitCode::SUCCESS
}

fn plans(seeds: u64) -> Vec<Plan> {
    (0..seeds).map(|seed| generate(seed, &Behaviour::default())).collect()
}

/// What some work gives, and what it asked of the allocator.
fn counted<T>(work: impl FnOnce() -> T) -> (T, Stats) {
    let region = Region::new(ALLOCATOR);
    let result = work();
    let stats = region.change();
    (result, stats)
}

/// What counts are divided by.
struct Of {
    plans: u64,
    steps: u64,
    requests: u64,
}

impl Of {
    fn allocations(&self, during: &str, stats: &Stats) {
        self.row(&format!("{during}: allocations"), stats.allocations as u64);
        self.row(&format!("{during}: of these grown later"), stats.reallocations as u64);
        self.row(&format!("{during}: bytes allocated"), stats.bytes_allocated as u64);
    }

    fn row(&self, what: &str, count: u64) {
        let [request, step, plan] = [self.requests, self.steps, self.plans].map(|of| {
            // With two decimals, in whole numbers.
            let hundredths = count * 100 / of.max(1);
            format!("{}.{:02}", hundredths / 100, hundredths % 100)
        });
        println!("{what:<34}{request:>12}{step:>12}{plan:>12}");
    }
}

/// What runs published, and what of it goes into their digests.
#[derive(Default)]
struct Entries {
    count: u64,
    bytes: u64,
    pieces: u64,
}

impl Entries {
    fn of(plans: &[Plan]) -> Self {
        let mut entries = Self::default();
        for plan in plans {
            let (_, trace) = run_traced(plan);
            entries.count += trace.len();
            trace.entries().iter().for_each(|entry| entry.hash(&mut entries));
        }
        entries
    }
}

/// A digest that only counts what it is given.
impl Hasher for Entries {
    fn write(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.pieces += 1;
    }

    fn write_isize(&mut self, _: isize) {
        // A discriminant: one byte, as in the digest.
        self.write(&[0]);
    }

    fn finish(&self) -> u64 {
        self.bytes
    }
}
