//! Where a version of QEMU differs from the seed on purpose: a closed list.
//!
//! A disagreement that is on it is told and is no failure. Nothing else is let pass.

use crate::conform::transcript::{Disagreement, Subject};

/// One difference.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// Its name.
    pub name: &'static str,
    /// The first version that has it, as numbers.
    pub since: [u32; 2],
    /// What is different, and why.
    pub about: &'static str,
    is: fn(&Disagreement) -> bool,
}

/// All of them.
pub const KNOWN: &[Known] = &[Known {
    name: "hidden-stays-writable",
    since: [6, 2],
    about: "From 6.2 on the filter holds links of its own to hidden and secondary, so that making them read-only \
            again after a failed start or a lost job fails, and nobody is told. The seed makes them read-only.",
    is: |disagreement| {
        disagreement.subject == Subject::Answer
            && disagreement.ours == "the node is read-only"
            && disagreement.theirs == "ok"
    },
}];

/// The difference that explains everything that differs at a step, if one does.
pub fn known(version: &str, disagreements: &[Disagreement]) -> Option<&'static Known> {
    let numbers = version.split(|byte: char| !byte.is_ascii_digit());
    let mut numbers = numbers.map_while(|number| number.parse::<u32>().ok());
    let version = [numbers.next()?, numbers.next()?];
    KNOWN.iter().find(|known| {
        known.since <= version && !disagreements.is_empty() && disagreements.iter().all(known.is)
    })
}
