//! Hashes of 128 bits, where two things that are hashed alike are taken for one.

use twox_hash::XxHash3_64;

/// A hash of these bytes; another seed gives an unrelated one.
pub(crate) fn hash_128(seed: u64, bytes: &[u8]) -> u128 {
    let low = XxHash3_64::oneshot_with_seed(seed, bytes);
    let high = XxHash3_64::oneshot_with_seed(!seed, bytes);
    u128::from(high) << 64 | u128::from(low)
}
