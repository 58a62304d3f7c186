//! What the judgement of a power loss depends on, but for the contents of disks.
//!
//! An exploration judges a state of a host's disks once for each expectation. So
//! whatever the checkers consult from the loss of power to the end of the recovery has
//! to be here, in full: a difference that is left out would let one state pass in the
//! name of another. It is little, because a process that is gone leaves little. What
//! is here is taken from `model/crashed.rs` and `crash.rs`, case by case.

use colo_core::Stage;
use colo_sim::world::Side;

use crate::oracle::Oracle;
use crate::oracle::model::{Model, Owed};
use crate::oracle::register::Register;

impl Oracle {
    /// Writes down what a power loss of this host, right now, and its recovery are judged by.
    pub fn expect(&self, side: Side, into: &mut Vec<u8>) {
        into.push(side as u8);
        // An invariant is reported once in a run: what was reported is judged no more.
        into.push(self.findings.violations.len() as u8);
        for violation in &self.findings.violations {
            into.extend(violation.invariant.as_bytes());
            into.push(0);
        }
        for model in &self.models {
            model.expect(side, into);
        }
    }
}

impl Model {
    fn expect(&self, side: Side, into: &mut Vec<u8>) {
        // A volume that is not open is not recovered.
        into.push(u8::from(self.desks[side as usize].absent));
        if side == Side::Primary {
            return survivors(Some(&self.primary), into);
        }
        into.push(self.owed as u8);
        into.push(u8::from(self.spent_perhaps));
        match self.owed {
            // The view goes with the guest's memory; a recovery may serve only what was forwarded.
            Owed::Nothing => survivors(Some(&self.forwarded), into),
            // Judged by what was forwarded as the power fails, unless a recovery was at it already;
            // and by the view if it is served.
            Owed::Perhaps => {
                into.push(self.stage_of(side).map_or(0, stage_byte));
                survivors(Some(&self.forwarded), into);
                survivors(self.view.as_ref(), into);
            }
            Owed::View => survivors(self.view.as_ref(), into),
            Owed::DiskAlone => survivors(self.view.as_ref().or(Some(&self.forwarded)), into),
        }
    }
}

fn stage_byte(stage: Stage) -> u8 {
    1 + stage as u8
}

/// The versions of each sector that may be left: all that a checker asks a register for once its
/// process is gone. Nothing that is sent or answered later can change them.
fn survivors(register: Option<&Register>, into: &mut Vec<u8>) {
    let Some(register) = register else { return into.push(0) };
    into.push(1);
    for sector in 0..register.len() {
        let mut stamps = register.survivors(sector);
        stamps.sort_unstable();
        stamps.dedup();
        into.extend((stamps.len() as u32).to_le_bytes());
        for stamp in stamps {
            into.extend(stamp.0.to_le_bytes());
        }
    }
}
