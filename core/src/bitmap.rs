//! A bit per cluster or granule, with queries about runs.

use std::ops::Range;

use fixedbitset::FixedBitSet;

/// A fixed number of bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bitmap(FixedBitSet);

impl Bitmap {
    /// `len` bits, all clear.
    pub fn new(len: usize) -> Self {
        Self(FixedBitSet::with_capacity(len))
    }

    /// Number of bits.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no bit at all.
    pub fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    /// Whether bit `index` is set.
    pub fn get(&self, index: usize) -> bool {
        self.0.contains(index)
    }

    /// Sets every bit of `range`.
    pub fn set(&mut self, range: Range<usize>) {
        self.0.insert_range(range);
    }

    /// Clears every bit of `range`.
    pub fn clear(&mut self, range: Range<usize>) {
        self.0.remove_range(range);
    }

    /// Clears every bit.
    pub fn clear_all(&mut self) {
        self.0.clear();
    }

    /// Whether no bit is set.
    pub fn none(&self) -> bool {
        self.0.is_clear()
    }

    /// The first set bit at or after `from`.
    pub fn next_set(&self, from: usize) -> Option<usize> {
        (from..self.len()).find(|&index| self.get(index))
    }

    /// How many bits from `from` on, and before `end`, are as bit `from` is. At least one.
    pub fn run(&self, from: usize, end: usize) -> usize {
        assert!(from < end && end <= self.len(), "run of bits {from}..{end} of {}", self.len());
        let value = self.get(from);
        (from..end).find(|&index| self.get(index) != value).unwrap_or(end) - from
    }
}
