//! What is possible in one plan at all, and how often: the draw that makes plans differ in kind.

use colo_sim::stream::Stream;

use crate::generate::half;

/// What is possible in one plan, and how often.
pub(super) struct Swarm {
    pub(super) rounds: u64,
    /// Guest requests in a round, at most.
    pub(super) round_max: u64,
    /// Of a thousand requests, how many the next step waits for.
    pub(super) wait: u32,
    pub(super) read: u32,
    pub(super) write: u32,
    pub(super) flush: u32,
    /// Zero in most plans, as is the next.
    pub(super) zeroes: u32,
    pub(super) discard: u32,
    /// Weight of the primary's guest, and of the secondary's.
    pub(super) guests: [u32; 2],
    pub(super) len_max: u64,
    /// How many requests in ten go to one small region.
    pub(super) hot: u32,
    pub(super) hot_sector: u64,
    /// Weight of each mishap, zero if it does not happen in this plan.
    pub(super) mishaps: [u32; MISHAPS],
    /// Of a thousand steps, how many are mishaps.
    pub(super) mishap_rate: u32,
    /// Of a hundred rounds, how many end with a checkpoint.
    pub(super) checkpoint: u32,
}

/// Kinds of mishaps.
pub(super) const MISHAPS: usize = 14;

impl Swarm {
    pub(super) fn draw(stream: &mut Stream) -> Self {
        let mut mishaps = [0; MISHAPS];
        for weight in &mut mishaps {
            if stream.chance(half()) {
                *weight = 1 + stream.below(8) as u32;
            }
        }
        if mishaps.iter().all(|&weight| weight == 0) {
            mishaps[stream.below(MISHAPS as u64) as usize] = 1;
        }
        Self {
            rounds: 1 + stream.below(3),
            round_max: *stream.pick(&[4, 8, 8, 16, 30]),
            wait: *stream.pick(&[100, 300, 600, 1000]),
            read: 1 + stream.below(6) as u32,
            write: 2 + stream.below(8) as u32,
            flush: stream.below(3) as u32,
            zeroes: *stream.pick(&[0, 0, 0, 1, 3]),
            discard: *stream.pick(&[0, 0, 0, 0, 1]),
            guests: *stream.pick(&[[1, 1], [3, 1], [1, 3]]),
            len_max: *stream.pick(&[1, 3, 6, 12]),
            hot: *stream.pick(&[0, 5, 9]),
            hot_sector: stream.below(40),
            mishaps,
            mishap_rate: *stream.pick(&[0, 20, 60, 150]),
            checkpoint: *stream.pick(&[60, 90, 100]),
        }
    }
}
