//! One number for a whole campaign: the same runs in the same order give the same number, and
//! another for records that were merged, whose order says nothing.
//!
//! It tells two campaigns apart; it is no defence against somebody who wants
//! them to look alike. No hasher of the standard library is used, because those
//! may change with the toolchain.

use serde::{Deserialize, Serialize};

/// Odd, and 5 modulo 8, so that its powers modulo 2^64 repeat only after 2^62 of them.
const BASE: u64 = 0xd130_2b57_9c4e_a66d;

/// A digest over a sequence of digests that can be computed in parts.
///
/// With each run's digest `d` mixed by the finaliser of `SplitMix64` to `m(d)`, the
/// state after `d1 … dn` is `m(d1)·B^(n-1) + … + m(dn)` modulo 2^64. Such a sum
/// depends on the order, and two of them join to that of the whole sequence:
/// what workers fold apart equals what one would have folded alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunsDigest {
    sum: u64,
    /// `B^n` modulo 2^64 for the `n` runs so far.
    power: u64,
    /// The sum of all `m(m(d))`, which no order shows in.
    heap: u64,
}

impl RunsDigest {
    /// The digest of no run at all.
    pub const EMPTY: Self = Self { sum: 0, power: 1, heap: 0 };

    /// Appends one run.
    pub fn push(&mut self, digest: u64) {
        let sum = mixed(digest);
        self.append(&Self { sum, power: BASE, heap: mixed(sum) });
    }

    /// Appends all runs of `other`, in its order.
    pub fn append(&mut self, other: &Self) {
        self.sum = self.sum.wrapping_mul(other.power).wrapping_add(other.sum);
        self.power = self.power.wrapping_mul(other.power);
        self.heap = self.heap.wrapping_add(other.heap);
    }

    /// The number.
    pub fn value(&self) -> u64 {
        mixed(self.sum ^ self.power)
    }

    /// The number of the same runs in whatever order: for records that were merged.
    pub fn value_in_any_order(&self) -> u64 {
        mixed(self.heap ^ self.power)
    }
}

fn mixed(digest: u64) -> u64 {
    let mut z = digest.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(digests: &[u64]) -> RunsDigest {
        let mut runs = RunsDigest::EMPTY;
        for digest in digests {
            runs.push(*digest);
        }
        runs
    }

    #[test]
    fn parts_join_to_the_whole_wherever_it_is_cut() {
        let digests = [7, 7, 0, u64::MAX, 3, 1 << 40];
        for cut in 0..=digests.len() {
            let mut joined = of(&digests[..cut]);
            joined.append(&of(&digests[cut..]));
            assert_eq!(joined, of(&digests), "cut at {cut}");
        }
    }

    #[test]
    fn order_number_and_content_all_count() {
        let sequences: [&[u64]; 7] = [&[], &[0], &[0, 0], &[1], &[1, 2], &[2, 1], &[1, 2, 0]];
        for (i, a) in sequences.iter().enumerate() {
            for b in &sequences[i + 1..] {
                assert_ne!(of(a).value(), of(b).value(), "{a:?} and {b:?}");
            }
        }
    }

    #[test]
    fn in_any_order_only_number_and_content_count() {
        let values = [&[1, 2, 2][..], &[2, 1, 2], &[2, 2, 1]].map(|d| of(d).value_in_any_order());
        assert!(values.iter().all(|value| *value == values[0]), "{values:?}");
        for other in [&[][..], &[1], &[1, 2], &[1, 1, 2], &[1, 2, 2, 0]] {
            assert_ne!(of(other).value_in_any_order(), values[0], "{other:?}");
        }
    }

    #[test]
    fn the_number_is_fixed_for_good() {
        assert_eq!(BASE % 8, 5, "anything else has short cycles");
        // The finaliser against the published first output of SplitMix64 for state 0.
        assert_eq!(mixed(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(format!("{:016x}", of(&[1, 2, 3]).value()), "49468fcfb9df3774");
    }
}
