//! Which plans QEMU can carry out, and a plan in the form in which it can.
//!
//! QEMU has real time and no simulated disks. So steps are only compared if their order is controlled:
//! each is awaited, or a write of a commit is held by the disk and let go. What cannot be mapped is
//! refused with the step, or left out when asked.

mod state;

use colo_core::{Geometry, Mode, UserKind, Verb, Wiring};
use colo_sim::world::{Schedule, Side};

use crate::conform::looks::concerns_primary;
use crate::plan::{FaultSpec, Plan, Setup, Step};
use crate::profile::Profile;
use state::{State, is_raw};

/// QEMU's cluster and granule, in sectors.
const CLUSTER: u32 = 128;

/// Most clusters of a disk: so many are filled and compared.
const CLUSTERS_MAX: u64 = 64;

/// Something in a plan that QEMU cannot do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}QEMU cannot be made to do that: {why}", place(self.step.as_ref()))]
pub struct Refusal {
    /// Number of the step in the plan that was given, and the step; nothing for the setup.
    pub step: Option<(usize, String)>,
    /// Why.
    pub why: &'static str,
}

fn place(step: Option<&(usize, String)>) -> String {
    step.map_or_else(
        || "the setup: ".to_owned(),
        |(number, step)| format!("step {number}, {step}: "),
    )
}

/// The plan as QEMU can carry it out: at QEMU's sizes, with the seed's behaviour, every step a single one.
///
/// # Errors
/// The first thing that it cannot do.
pub fn expressible(plan: &Plan) -> Result<Plan, Refusal> {
    convert(plan, false)
}

/// The same, without what it cannot do.
///
/// # Errors
/// What of the setup it cannot do.
pub fn reduced(plan: &Plan) -> Result<Plan, Refusal> {
    convert(plan, true)
}

fn convert(plan: &Plan, reduce: bool) -> Result<Plan, Refusal> {
    let of_setup = |why| Refusal { step: None, why };
    let factor = factor(&plan.setup.geometry).map_err(of_setup)?;
    let setup = setup(&plan.setup, factor).map_err(of_setup)?;
    let serves = setup.wiring.export && setup.wiring.filter_options().is_ok();
    if !serves && plan.steps.iter().any(concerns_primary) {
        return Err(of_setup("a primary there finds an export, or does not start"));
    }
    let mut state = State::new(&setup);
    let mut steps = Vec::new();
    for (number, step) in plan.steps.iter().enumerate() {
        for mut step in single(step, reduce) {
            scale(&mut step, factor);
            let before = state.clone();
            match state.take(0, &step) {
                Ok(()) => steps.push(step),
                Err(_) if reduce => state = before,
                Err(why) => {
                    let step = serde_json::to_string(&plan.steps[number]).unwrap_or_default();
                    return Err(Refusal { step: Some((number, step)), why });
                }
            }
        }
    }
    let (name, seed) = (plan.name.clone(), plan.seed);
    let mut converted = Plan::new(name, Profile::Seed, steps);
    (converted.setup, converted.seed, converted.schedule) = (setup, seed, Schedule::Latency);
    Ok(converted)
}

/// By what sectors are multiplied, so that a granule is QEMU's cluster.
fn factor(geometry: &Geometry) -> Result<u32, &'static str> {
    let granule = geometry.granule;
    if granule == 0 || !CLUSTER.is_multiple_of(granule) || geometry.cluster > granule {
        return Err("a granule is 64 KiB there, so the plan's must divide 128 sectors");
    }
    let factor = CLUSTER / granule;
    if geometry.sectors.saturating_mul(factor.into()) > CLUSTERS_MAX * u64::from(CLUSTER) {
        return Err("disks of more than 4 MiB are not compared");
    }
    Ok(factor)
}

fn setup(setup: &Setup, factor: u32) -> Result<Setup, &'static str> {
    if setup.pair.is_some() {
        return Err("its control channel and its arbiter are not ours");
    }
    if setup.further.iter().any(|volume| volume.later) {
        return Err("a volume that is opened later needs an operator's command of its own");
    }
    if !setup.further.iter().all(|volume| volume.wiring.is_right()) {
        return Err("only the first volume may be put together in a wrong way");
    }
    wiring(&setup.wiring)?;
    if setup.wiring.filter_options().is_ok_and(|options| options.mode == Mode::Primary) {
        return Err("a primary's filter on overlays is no host here");
    }
    let sectors = (setup.geometry.sectors * u64::from(factor)).next_multiple_of(CLUSTER.into());
    Ok(Setup {
        geometry: Geometry { sectors, ..Geometry::default() },
        secondary_quorum: setup.secondary_quorum,
        wiring: setup.wiring,
        further: setup.further,
        ..Setup::default()
    })
}

fn wiring(wiring: &Wiring) -> Result<(), &'static str> {
    if wiring.hidden_protected || wiring.secondary_protected {
        return Err("an image that cannot be opened for writing needs another user than root");
    }
    if matches!(wiring.guest, UserKind::Export | UserKind::ReadOnlyExport) {
        return Err("the guest there has a drive or a device");
    }
    if !wiring.guest_owns_top && wiring.guest != UserKind::Device {
        return Err("a drive of that name there owns its node");
    }
    if !matches!(wiring.parent, None | Some(UserKind::Drive | UserKind::DriveDevice)) {
        return Err("the drive on the secondary disk is a named one there");
    }
    if wiring.export && wiring.secondary_read_only {
        return Err("a disk that is opened read-only cannot be exported for writing");
    }
    Ok(())
}

/// What a step of COLO's consists of, and what a step can be replaced by when asked.
fn single(step: &Step, reduce: bool) -> Vec<Step> {
    let call = |side, verb| Step::CallAll { side, verb, wait: true };
    let (primary, secondary) = (Side::Primary, Side::Secondary);
    match step {
        Step::Checkpoint => vec![
            call(primary, Verb::GetError),
            call(secondary, Verb::GetError),
            call(primary, Verb::Checkpoint),
            call(secondary, Verb::Checkpoint),
        ],
        Step::Failover => vec![Step::Cut(true), call(secondary, Verb::Stop { failover: true })],
        Step::PowerLoss(side) | Step::PowerLossWith { side, .. } if reduce => {
            vec![Step::Kill(*side)]
        }
        _ => {
            let mut step = step.clone();
            if let Some(wait) = step.wait_mut().filter(|_| reduce) {
                *wait = true;
            }
            vec![step]
        }
    }
}

fn scale(step: &mut Step, factor: u32) {
    match step {
        Step::On { step, .. } => scale(step, factor),
        Step::Read { at, len, .. }
        | Step::Write { at, len, .. }
        | Step::WriteZeroes { at, len, .. }
        | Step::Discard { at, len, .. } => {
            *at = at.saturating_mul(factor.into());
            *len = len.saturating_mul(factor);
        }
        Step::Fault(FaultSpec { range: Some((from, to)), disk, .. }) if is_raw(*disk) => {
            *from = from.saturating_mul(factor.into());
            *to = to.saturating_mul(factor.into());
        }
        _ => {}
    }
}
