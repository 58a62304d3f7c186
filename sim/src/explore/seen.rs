//! What an exploration has seen already.

use std::collections::{BTreeMap, BTreeSet};

/// States and whole crash points, each with what was expected of it.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Every expectation in full, and its number.
    expectations: BTreeMap<Vec<u8>, u32>,
    states: BTreeSet<(u128, u32)>,
    /// Crash points of which every combination was seen.
    outlines: BTreeSet<(u128, u32)>,
}

impl Seen {
    /// The number of this expectation, which no other has.
    pub(super) fn expectation(&mut self, bytes: &[u8]) -> u32 {
        if let Some(&number) = self.expectations.get(bytes) {
            return number;
        }
        let number = u32::try_from(self.expectations.len()).expect("fewer than four billion");
        self.expectations.insert(bytes.to_vec(), number);
        number
    }

    /// Whether the state is new.
    pub(super) fn insert(&mut self, expectation: u32, state: u128) -> bool {
        self.states.insert((state, expectation))
    }

    pub(super) fn knows_all(&self, expectation: u32, outline: u128) -> bool {
        self.outlines.contains(&(outline, expectation))
    }

    pub(super) fn all_of(&mut self, expectation: u32, outline: u128) {
        self.outlines.insert((outline, expectation));
    }
}
