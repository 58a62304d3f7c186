//! One seed, many labelled streams.
//!
//! Every purpose draws from a stream of its own, so that a new draw in one place
//! moves no other: deleting a step of a plan leaves the latencies of its disks
//! where they were. All draws are integers; floats would tie results to a machine.
//!
//! It does not invent seeds, and there is no global source: who draws holds a [`Stream`].
//!
//! The words come from ChaCha8. Its key is the seed, little endian, in the first
//! eight bytes and zeroes in the others; its stream number is the 64-bit FNV-1a
//! hash of the label. A stream with an index goes on hashing the byte `0xff`,
//! which no label contains, and the index in eight bytes, little endian.
//! A golden test guards both: what a saved seed means must not change unnoticed.

use std::ops::RangeInclusive;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// Where all randomness of a run begins.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl Seed {
    /// The stream of this label.
    pub fn stream(self, label: &str) -> Stream {
        self.numbered(fnv1a(FNV_OFFSET, label.as_bytes()))
    }

    /// The `n`-th of the streams of this label, none of which is [`Seed::stream`] of it.
    pub fn stream_n(self, label: &str, n: u64) -> Stream {
        let hash = fnv1a(fnv1a(FNV_OFFSET, label.as_bytes()), &[0xff]);
        self.numbered(fnv1a(hash, &n.to_le_bytes()))
    }

    fn numbered(self, stream: u64) -> Stream {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.0.to_le_bytes());
        let mut words = ChaCha8Rng::from_seed(key);
        words.set_stream(stream);
        Stream { words }
    }
}

impl std::fmt::Display for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

const fn fnv1a(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(FNV_PRIME);
        at += 1;
    }
    hash
}

/// `num` times out of `den`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ratio {
    /// How often it happens; at or above `den` means always.
    pub num: u32,
    /// Out of how many; zero means never.
    pub den: u32,
}

impl Ratio {
    /// It does not happen.
    pub const NEVER: Self = Self { num: 0, den: 1 };
    /// It always happens.
    pub const ALWAYS: Self = Self { num: 1, den: 1 };

    /// `num` times out of `den`.
    pub const fn new(num: u32, den: u32) -> Self {
        Self { num, den }
    }

    /// Whether it cannot happen.
    pub const fn is_never(self) -> bool {
        self.num == 0 || self.den == 0
    }
}

impl Default for Ratio {
    fn default() -> Self {
        Self::NEVER
    }
}

/// A sequence of draws for one purpose. A clone goes on with the same draws.
#[derive(Debug, Clone)]
pub struct Stream {
    words: ChaCha8Rng,
}

impl Stream {
    /// Any 64-bit number.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.words.next_u64()
    }

    /// Any 32-bit number.
    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        self.words.next_u32()
    }

    /// A number below `n`, all equally likely: multiply and take the upper half,
    /// drawing again in the rare case that would favour some.
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "nothing is below zero");
        match u32::try_from(n) {
            Ok(n) => u64::from(self.below_u32(n)),
            Err(_) => self.below_u64(n),
        }
    }

    fn below_u32(&mut self, n: u32) -> u32 {
        let mut wide = u64::from(self.next_u32()) * u64::from(n);
        if (wide as u32) < n {
            let unfair = n.wrapping_neg() % n;
            while (wide as u32) < unfair {
                wide = u64::from(self.next_u32()) * u64::from(n);
            }
        }
        (wide >> 32) as u32
    }

    fn below_u64(&mut self, n: u64) -> u64 {
        let mut wide = u128::from(self.next_u64()) * u128::from(n);
        if (wide as u64) < n {
            let unfair = n.wrapping_neg() % n;
            while (wide as u64) < unfair {
                wide = u128::from(self.next_u64()) * u128::from(n);
            }
        }
        (wide >> 64) as u64
    }

    /// A number of the range, both ends included, all equally likely.
    #[inline]
    pub fn range(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (first, last) = range.into_inner();
        assert!(first <= last, "the range {first}..={last} is empty");
        match (last - first).checked_add(1) {
            Some(count) => first + self.below(count),
            None => self.next_u64(),
        }
    }

    /// Whether it happens this time. Draws whatever the ratio is, so that changing a
    /// ratio moves no later draw.
    #[inline]
    pub fn chance(&mut self, ratio: Ratio) -> bool {
        self.below(u64::from(ratio.den.max(1))) < u64::from(ratio.num) && ratio.den > 0
    }

    /// One of the items, all equally likely.
    ///
    /// # Panics
    /// If there are none.
    #[inline]
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        assert!(!items.is_empty(), "nothing to pick from");
        &items[self.below(items.len() as u64) as usize]
    }

    /// The position of one of the weights, each as likely as its share of their sum.
    ///
    /// # Panics
    /// If the sum is zero.
    pub fn weighted(&mut self, weights: &[u32]) -> usize {
        let sum = weights.iter().map(|&weight| u64::from(weight)).sum();
        assert!(sum > 0, "all weights are zero");
        let mut left = self.below(sum);
        for (position, &weight) in weights.iter().enumerate() {
            match left.checked_sub(u64::from(weight)) {
                Some(rest) => left = rest,
                None => return position,
            }
        }
        unreachable!("a number below the sum lies in one of the weights")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What saved seeds mean. If this fails, a dependency or the label hash has changed
    /// what every recorded seed stands for: a breaking change, not a test to be adjusted.
    #[test]
    fn the_words_of_a_seed_stay_as_they_are() {
        let mut stream = Seed(42).stream("disk/secondary");
        let words: Vec<u64> = (0..3).map(|_| stream.next_u64()).collect();
        let mut indexed = Seed(42).stream_n("disk", 7);
        let small: Vec<u64> = (0..8).map(|_| indexed.below(1000)).collect();
        assert_eq!(
            words,
            [3_408_332_505_437_918_321, 17_501_152_124_403_379_996, 3_419_675_282_022_251_663]
        );
        assert_eq!(small, [444, 104, 727, 315, 286, 332, 206, 593]);
    }

    #[test]
    fn the_label_hash_is_fnv1a() {
        assert_eq!(fnv1a(FNV_OFFSET, b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(FNV_OFFSET, b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(FNV_OFFSET, b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn labels_and_indices_name_different_streams() {
        let mut firsts: Vec<u64> = ["a", "b", "a/0", "disk"]
            .iter()
            .flat_map(|label| {
                let plain = Seed(1).stream(label).next_u64();
                (0..4).map(|n| Seed(1).stream_n(label, n).next_u64()).chain([plain])
            })
            .collect();
        firsts.push(Seed(2).stream("a").next_u64());
        let count = firsts.len();
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), count, "two streams begin alike");
    }

    #[test]
    fn draws_stay_in_range_and_reach_its_ends() {
        let mut stream = Seed(3).stream("range");
        let mut seen = [0; 5];
        for _ in 0..1000 {
            seen[(stream.range(10..=14) - 10) as usize] += 1;
        }
        assert!(seen.iter().all(|&count| count > 150), "uneven: {seen:?}");
        assert!((0..100).all(|_| stream.below(1 << 40) < 1 << 40));
        let _ = stream.range(0..=u64::MAX);
        assert_eq!(stream.range(9..=9), 9);
    }

    #[test]
    fn ratios_and_weights_hold() {
        let mut stream = Seed(4).stream("ratio");
        let hits = (0..10_000).filter(|_| stream.chance(Ratio::new(1, 4))).count();
        assert!((2_300..2_700).contains(&hits), "{hits} of 10,000 at one in four");
        assert!((0..100).all(|_| stream.chance(Ratio::ALWAYS)));
        assert!(!(0..100).any(|_| stream.chance(Ratio::NEVER)));
        assert!(!(0..100).any(|_| stream.chance(Ratio::new(1, 0))));
        let mut seen = [0; 3];
        for _ in 0..1000 {
            seen[stream.weighted(&[1, 0, 3])] += 1;
        }
        assert_eq!(seen[1], 0);
        assert!(seen[2] > 2 * seen[0], "uneven: {seen:?}");
        assert!([1, 2, 3].contains(stream.pick(&[1, 2, 3])));
    }
}
