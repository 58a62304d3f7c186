//! Single plans: simulated time against real time, the digest, a replay with process start.

use std::hash::Hash;
use std::process::{Command, Stdio};
use std::time::Duration;

use colo_core::{Mode, Verb};
use colo_sim::world::{Digest, Side};

use crate::cli::bench::measure::{ProcessorClock, float};
use crate::cli::bench::table::Target;
use crate::cli::bench::{Row, Sizes};
use crate::cli::clock::WallClock;
use crate::generate::generate;
use crate::plan::{Plan, Step};
use crate::profile::{Behaviour, Profile, Topology};
use crate::run::{run, run_traced};

/// Guest requests of the two plans that are timed.
const REQUESTS: u64 = 100;

/// The pause after each of them in the idle one.
const PAUSE_NS: u64 = 100_000_000;

/// How much faster than real time: with requests all the time, and with long pauses.
pub(super) fn simulated_to_real(sizes: &Sizes) -> [Row; 2] {
    let row = |name, what, plan: Plan| {
        let samples = (0..sizes.repetitions).map(|_| {
            let clock = ProcessorClock::start();
            let simulated = (0..sizes.runs_of_plan).map(|_| run(&plan).simulated.0).sum();
            Duration::from_nanos(simulated).as_secs_f64() / clock.elapsed().as_secs_f64()
        });
        let samples = samples.collect();
        let note = format!("{REQUESTS} requests in {} steps, processor time", plan.steps.len());
        Row::new(name, what, samples).note(note)
    };
    [
        row("simulated-busy", "simulated : real time, busy plan", requests(None)),
        row("simulated-idle", "simulated : real time, idle-heavy plan", requests(Some(PAUSE_NS))),
    ]
}

/// Both guests, while replication runs: two writes and a read of every three, one flush in ten.
fn requests(pause_ns: Option<u64>) -> Plan {
    let sectors = 24;
    let start = |side, mode| Step::Call { side, verb: Verb::Start(mode), wait: true };
    let mut steps =
        vec![start(Side::Secondary, Mode::Secondary), start(Side::Primary, Mode::Primary)];
    for number in 0..REQUESTS {
        let side = Side::BOTH[number as usize % 2];
        let (at, len) = (number * 7 % (sectors - 3), 1 + (number % 3) as u32);
        steps.push(match number {
            _ if number % 10 == 9 => Step::Flush { side, wait: true },
            _ if number % 3 == 2 => Step::Read { side, at, len, wait: true },
            _ => Step::Write { side, at, len, wait: true },
        });
        steps.extend(pause_ns.map(Step::Pass));
    }
    Plan::new("requests", Profile::Hardened, steps)
}

/// Plans of two hosts on a network: generated and run.
pub(super) fn pair(sizes: &Sizes) -> [Row; 1] {
    let behaviour = Behaviour { topology: Some(Topology::Pair), ..Behaviour::default() };
    let (mut simulated, mut plans) = (0, 0);
    let mut once = |_| {
        let clock = ProcessorClock::start();
        for seed in 0..sizes.seeds_pair {
            simulated += run(&generate(seed, &behaviour)).simulated.0;
            plans += 1;
        }
        float(sizes.seeds_pair) / clock.elapsed().as_secs_f64()
    };
    let samples = (0..sizes.repetitions).map(&mut once).collect();
    let mean = Duration::from_nanos(simulated / plans).as_secs_f64() * 1e3;
    let note = format!(
        "mean plan {mean:.0} ms of simulated time; seeds 0 to {}, processor time",
        sizes.seeds_pair
    );
    [Row::new("pair-plans", "plans of two hosts per second and core", samples).note(note)]
}

/// What the digest adds to a run: its entries are hashed once more, alone.
pub(super) fn digest(sizes: &Sizes) -> [Row; 1] {
    let plans = (0..sizes.plans_hashed).map(|seed| generate(seed, &Behaviour::default()));
    let plans: Vec<_> = plans.collect();
    let samples = (0..sizes.repetitions).map(|_| {
        let (mut running, mut hashing) = (Duration::ZERO, Duration::ZERO);
        for plan in &plans {
            let clock = ProcessorClock::start();
            let expected = run(plan).digest;
            running += clock.elapsed();
            let (_, trace) = run_traced(plan);
            let clock = ProcessorClock::start();
            let mut digest = Digest::default();
            trace.entries().iter().for_each(|entry| entry.hash(&mut digest));
            let again = std::hash::Hasher::finish(&digest);
            hashing += clock.elapsed();
            assert_eq!(again, expected, "{}: the same entries have the same digest", plan.name);
        }
        100.0 * hashing.as_secs_f64() / running.saturating_sub(hashing).as_secs_f64()
    });
    let samples = samples.collect();
    let note = format!("the entries of {} plans hashed again, processor time", plans.len());
    [Row::new("digest", "digest, extra cost in %", samples).target(Target::AtMost(10.0)).note(note)]
}

/// One seed from the command line to the exit code.
pub(super) fn replay(sizes: &Sizes) -> anyhow::Result<[Row; 1]> {
    let program = std::env::current_exe();
    let program = program.map_err(|error| anyhow::anyhow!("cannot find itself: {error}"))?;
    let mut samples = Vec::new();
    for _ in 0..sizes.replays {
        let mut command = Command::new(&program);
        command.args(["replay", "17"]).stdout(Stdio::null());
        let clock = WallClock::start();
        let status = command.status();
        samples.push(1000.0 * clock.elapsed().as_secs_f64());
        let status = status.map_err(|error| anyhow::anyhow!("cannot run itself: {error}"))?;
        anyhow::ensure!(status.success(), "a replay in a process of its own ended with {status}");
    }
    let note = "seed 17, process start included, wall time".to_owned();
    let row = Row::new("replay", "replay of one plan, ms", samples);
    Ok([row.target(Target::AtMost(20.0)).note(note)])
}
