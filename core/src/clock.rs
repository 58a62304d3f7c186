//! Simulated or real time as a number.

use serde::{Deserialize, Serialize};

/// A point in time: nanoseconds since the host's clock began.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Time(pub u64);

impl Time {
    /// The beginning.
    pub const ZERO: Self = Self(0);

    /// This point plus `ns` nanoseconds, at most the end of time.
    pub fn after(self, ns: u64) -> Self {
        Self(self.0.saturating_add(ns))
    }
}

impl std::fmt::Display for Time {
    /// Microseconds with three decimals: the scale of disk latencies.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000, self.0 % 1_000)
    }
}

/// The core's only source of time. Reading it never advances it.
pub trait Clock {
    /// What this host's clock shows.
    fn now(&self) -> Time;
}
