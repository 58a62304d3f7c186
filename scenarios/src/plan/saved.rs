//! Plans as JSON: written a step a line, read in every version that there has been.
//!
//! A saved plan outlives the program that wrote it. Whoever changes the format raises
//! [`VERSION`] and adds the way from the version before to `UPGRADES`, so that an old
//! plan goes through all of them and does what it did, or says exactly why it cannot.

use std::path::Path;

use colo_core::{Mode, Verb, Wiring};
use colo_sim::world::Delay;
use serde_json::{Map, Value};

use crate::plan::{LATENCIES, PAIR_DRIFT_PPM_MAX, PAIR_SECTOR_MAX, Plan, Step};

/// How long requests may wait for a connection.
const RECONNECT_NS_MAX: u64 = 5_000_000_000;

/// The version written now.
pub const VERSION: u32 = 3;

/// One way to the next version.
type Upgrade = fn(&mut Map<String, Value>) -> Result<(), String>;

/// From version 1, from version 2, and so on.
const UPGRADES: &[Upgrade] = &[from_1, from_2];

/// Version 2 can say how the order of events is decided; before, latencies always did.
fn from_1(plan: &mut Map<String, Value>) -> Result<(), String> {
    if plan.contains_key("schedule") {
        return Err("it has a `schedule`, which version 1 did not know; write \"version\": 2, or take the schedule out".into());
    }
    Ok(())
}

/// Version 3 can put a network between the hosts; before, there was always a connection.
fn from_2(plan: &mut Map<String, Value>) -> Result<(), String> {
    if plan.get("setup").and_then(|setup| setup.get("pair")).is_some() {
        return Err("its setup has a `pair`, which version 2 did not know; write \"version\": 3, or take the pair out".into());
    }
    Ok(())
}

/// Why a plan cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which file.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is not JSON, or not a plan.
    #[error(
        "{path} is not a plan: {source}; a plan is what `colosim run --out DIR` saves for a failure"
    )]
    Parse {
        /// Which file.
        path: String,
        /// Where it breaks.
        source: serde_json::Error,
    },
    /// A version that this program does not know.
    #[error(
        "{path} is a plan of version {found}, this program reads versions 1 to {VERSION}; use a newer colosim"
    )]
    Version {
        /// Which file.
        path: String,
        /// Its version.
        found: u64,
    },
    /// An older version with something in it that has no counterpart now.
    #[error("{path} is a plan of version {from} and cannot become one of version {}: {why}", from + 1)]
    Upgrade {
        /// Which file.
        path: String,
        /// The version at which it ends.
        from: u64,
        /// In a sentence.
        why: String,
    },
    /// Numbers that no world can have.
    #[error("{path} cannot be run: {why}")]
    Unusable {
        /// Which file.
        path: String,
        /// In a sentence.
        why: String,
    },
}

/// Takes a plan through all versions up to the one written now. What is no plan at all is left to the parser.
pub(crate) fn upgrade(plan: &mut Value, path: &str) -> Result<(), PlanError> {
    let Some(plan) = plan.as_object_mut() else { return Ok(()) };
    let Some(found) = plan.get("version").and_then(Value::as_u64) else { return Ok(()) };
    if found == 0 || found > u64::from(VERSION) {
        return Err(PlanError::Version { path: path.to_owned(), found });
    }
    for from in found..u64::from(VERSION) {
        UPGRADES[from as usize - 1](plan).map_err(|why| PlanError::Upgrade {
            path: path.to_owned(),
            from,
            why,
        })?;
    }
    plan.insert("version".to_owned(), VERSION.into());
    Ok(())
}

impl Plan {
    /// Reads a saved plan.
    ///
    /// # Errors
    /// What is wrong with the file, and what to do about it.
    pub fn load(path: &Path) -> Result<Self, PlanError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| PlanError::Read { path: shown.clone(), source })?;
        Self::parse(&text, &shown)
    }

    /// Reads a plan from its JSON; `path` is for messages.
    ///
    /// # Errors
    /// What is wrong with the text, and what to do about it.
    pub fn parse(text: &str, path: &str) -> Result<Self, PlanError> {
        let path = path.to_owned();
        let mut value: Value = serde_json::from_str(text)
            .map_err(|source| PlanError::Parse { path: path.clone(), source })?;
        upgrade(&mut value, &path)?;
        let plan: Self = serde_json::from_value(value)
            .map_err(|source| PlanError::Parse { path: path.clone(), source })?;
        plan.check().map_err(|why| PlanError::Unusable { path, why })?;
        Ok(plan)
    }

    /// The plan as JSON, a step a line.
    pub fn to_json(&self) -> String {
        let mut text = String::from("{\n");
        let mut field = |name: &str, value: String| {
            text.push_str(&format!("  \"{name}\": {value},\n"));
        };
        let json =
            |value: serde_json::Result<String>| value.expect("a plan has no map with odd keys");
        field("version", self.version.to_string());
        field("name", json(serde_json::to_string(&self.name)));
        field("profile", json(serde_json::to_string(&self.profile)));
        if !self.quirks.is_empty() {
            field("quirks", json(serde_json::to_string(&self.quirks)));
        }
        field("seed", self.seed.to_string());
        if !self.schedule.is_latency() {
            field("schedule", json(serde_json::to_string(&self.schedule)));
        }
        field("setup", json(serde_json::to_string(&self.setup)));
        text.push_str("  \"steps\": [");
        for (index, step) in self.steps.iter().enumerate() {
            text.push_str(if index == 0 { "\n    " } else { ",\n    " });
            text.push_str(&json(serde_json::to_string(step)));
        }
        text.push_str("\n  ]\n}\n");
        text
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        self.setup.geometry.check()?;
        let delays = [("disk_delay", self.setup.disk_delay), ("link_delay", self.setup.link_delay)];
        for (name, Delay { min_ns, max_ns }) in delays {
            if min_ns > max_ns {
                return Err(format!(
                    "{name} goes from {min_ns} to {max_ns} ns, min_ns needs to be at most max_ns"
                ));
            }
        }
        if self.setup.reconnect_delay_ns > RECONNECT_NS_MAX {
            return Err(format!(
                "reconnect_delay_ns is {}, needs to be at most 5 seconds: within ten, everything under way has to end",
                self.setup.reconnect_delay_ns
            ));
        }
        let closes = |step: &Step| matches!(step, Step::CallAll { verb: Verb::Close, .. });
        if self.steps.iter().any(closes) {
            return Err("call_all has no close; use call on each volume, or quit".into());
        }
        if let Some(ppm) = self.setup.drift_ppm.iter().find(|ppm| ppm.unsigned_abs() > 100_000) {
            return Err(format!("drift_ppm is {ppm}, needs to be from -100000 to 100000"));
        }
        let further = self.setup.further.iter().map(|volume| volume.wiring);
        let mut wirings = std::iter::once(self.setup.wiring).chain(further);
        let primary = |wiring: Wiring| {
            wiring.filter_options().is_ok_and(|options| options.mode == Mode::Primary)
        };
        if wirings.any(primary) {
            return Err("wiring.options open a filter of mode primary on the secondary host; use mode=secondary with a top-id, or options that are refused".into());
        }
        if let Some(pair) = self.setup.pair {
            pair.check()?;
            let sector_size = self.setup.geometry.sector_size;
            if !sector_size.is_power_of_two() || sector_size > PAIR_SECTOR_MAX {
                return Err(format!(
                    "sector_size is {sector_size}; with a pair it needs to be a power of two up to {PAIR_SECTOR_MAX}"
                ));
            }
            let too_far = |ppm: &&i32| ppm.unsigned_abs() > PAIR_DRIFT_PPM_MAX;
            if let Some(ppm) = self.setup.drift_ppm.iter().find(too_far) {
                return Err(format!(
                    "drift_ppm is {ppm}; with a pair it needs to be from -{PAIR_DRIFT_PPM_MAX} to {PAIR_DRIFT_PPM_MAX}, more than that no lease bears"
                ));
            }
            if !self.schedule.is_latency() {
                return Err("it has a pair and a schedule; the order of events of two hosts on a network is the network's, take the schedule out".into());
            }
        }
        if let Some(ticks) = self.steps.iter().find_map(unbearable_latency) {
            return Err(format!("a step sets latency to {ticks}, needs to be from 1 to 10000"));
        }
        if self.steps.len() > 1_000_000 {
            return Err(format!("it has {} steps, needs at most 1000000", self.steps.len()));
        }
        Ok(())
    }
}

/// What a step sets the network's latency to, if no network has that.
fn unbearable_latency(step: &Step) -> Option<u32> {
    match step {
        Step::Latency(ticks) => (!LATENCIES.contains(ticks)).then_some(*ticks),
        Step::On { step, .. } => unbearable_latency(step),
        _ => None,
    }
}
