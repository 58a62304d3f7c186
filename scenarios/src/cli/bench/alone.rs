//! A campaign in a process of its own: with no memory, cache or allocator that another used before.

use std::process::Command;

use serde::{Deserialize, Serialize};

use colo_reports::{Header, Summary};

use crate::campaign::{Options, Plans, campaign};
use crate::cli::bench::measure::{ProcessorClock, peak_memory_kib};
use crate::cli::clock::WallClock;
use crate::points;
use crate::profile::Behaviour;

/// What the process is to run: hardened seeds from 0 on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) jobs: usize,
    pub(super) seeds: u64,
}

impl Asked {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let parsed = text.split_once(',').and_then(|(jobs, seeds)| {
            Some(Self { jobs: jobs.parse().ok()?, seeds: seeds.parse().ok()? })
        });
        parsed.ok_or_else(|| format!("`{text}` is not JOBS,SEEDS"))
    }

    /// Runs them in a new process.
    pub(super) fn measure(self) -> anyhow::Result<Told> {
        let Self { jobs, seeds } = self;
        let program = std::env::current_exe();
        let program = program.map_err(|error| anyhow::anyhow!("cannot find itself: {error}"))?;
        let asked = format!("{jobs},{seeds}");
        let output = Command::new(&program).args(["bench", "--alone", &asked]).output();
        let output = output.map_err(|error| anyhow::anyhow!("cannot run itself: {error}"))?;
        let told = serde_json::from_slice(&output.stdout);
        told.map_err(|_| {
            let said = String::from_utf8_lossy(&output.stderr);
            anyhow::anyhow!(
                "a campaign in a process of its own ended with {}: {said}",
                output.status
            )
        })
    }
}

/// What it took, and how much was run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) seconds: f64,
    pub(super) processor_seconds: f64,
    pub(super) peak_memory_kib: Option<u64>,
    pub(super) plans: u64,
    pub(super) steps: u64,
    pub(super) guest_requests: u64,
}

/// Runs them in this process, as `run` does without files; the answer is a line of JSON.
pub(super) fn run(asked: &Asked) -> String {
    let behaviour = Behaviour::default();
    let header = Header::new("", &behaviour.name(), points::names().to_vec());
    let plans = Plans { scenarios: Vec::new(), seeds: 0..asked.seeds, behaviour, share: (0, 1) };
    let options = Options { jobs: asked.jobs, go_on: &|| true, twice: false, each: false };
    let mut summary = Summary::new(&header);
    let (clock, processor) = (WallClock::start(), ProcessorClock::start());
    campaign(&plans, &options, |ran| summary.add(&ran.record));
    let told = Told {
        seconds: clock.elapsed().as_secs_f64(),
        processor_seconds: processor.elapsed().as_secs_f64(),
        peak_memory_kib: peak_memory_kib(),
        plans: summary.plans,
        steps: summary.steps,
        guest_requests: summary.guest_requests,
    };
    serde_json::to_string(&told).expect("plain shapes always serialise")
}
