//! How fast a campaign is, on one thread and on two, and how much memory it takes.

use crate::cli::bench::alone::Asked;
use crate::cli::bench::measure::{cores, float};
use crate::cli::bench::table::Target;
use crate::cli::bench::{Row, Sizes};

/// Guest requests a second, and what a second thread brings.
pub(super) fn speed(sizes: &Sizes) -> anyhow::Result<[Row; 2]> {
    let seeds = sizes.seeds;
    let (mut requests, mut ratios, mut mix) = (Vec::new(), Vec::new(), String::new());
    for repetition in 0..sizes.repetitions {
        // The one that comes first changes, so that what a machine does as it gets warm evens out.
        let mut seconds = [0.0; 2];
        for turn in 0..2 {
            let jobs = 1 + (turn + repetition) % 2;
            let told = Asked { jobs, seeds }.measure()?;
            seconds[jobs - 1] = told.seconds;
            if jobs == 1 {
                requests.push(float(told.guest_requests) / told.processor_seconds);
                let mean = |number| float(number) / float(told.plans);
                mix = format!(
                    "hardened, faults and oracle on; mean plan {:.1} steps, {:.1} requests; seeds 0 to {seeds}, processor time",
                    mean(told.steps),
                    mean(told.guest_requests)
                );
            }
        }
        ratios.push(seconds[0] / seconds[1]);
    }
    let pairs = match cores() {
        1 => "this machine has one core".to_owned(),
        _ => format!("{seeds} seeds, wall time, pairs"),
    };
    Ok([
        Row::new("guest-requests", "guest requests per second and core", requests)
            .target(Target::AtLeast(1_000_000.0))
            .note(mix),
        Row::new("two-threads", "two threads : one thread", ratios)
            .target(Target::AtLeast(1.9))
            .note(pairs),
    ])
}

/// The most memory that a long run takes, and whether a short one takes as much.
pub(super) fn memory(sizes: &Sizes) -> anyhow::Result<[Row; 2]> {
    let [short, long] = sizes.seeds_memory;
    let peak = |seeds| -> anyhow::Result<Option<f64>> {
        let told = Asked { jobs: cores(), seeds }.measure()?;
        Ok(told.peak_memory_kib.map(|kib| float(kib) / 1024.0))
    };
    let (of_short, of_long) = (peak(short)?, peak(long)?);
    let growth = of_short.zip(of_long).map(|(short, long)| long / short);
    let note = |of: Option<f64>, seeds| match of {
        Some(mib) => format!("{mib:.1} MiB for {seeds} seeds"),
        None => "this system does not tell it".to_owned(),
    };
    let both = format!("{}, {}", note(of_short, short), note(of_long, long));
    Ok([
        Row::new("peak-memory", "peak memory of a long run, MiB", of_long.into_iter().collect())
            .target(Target::AtMost(64.0))
            .note(note(of_long, long)),
        Row::new(
            "memory-growth",
            "its memory : a tenth of the seeds",
            growth.into_iter().collect(),
        )
        .target(Target::AtMost(1.2))
        .note(both),
    ])
}
