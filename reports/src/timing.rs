//! The wall time of a campaign, as the caller measured it.
//!
//! It is shown and nothing else: no verdict, order or digest depends on it.

/// How long the runs took, and on how many workers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timing {
    /// Wall time in seconds; 0 if nobody measured it, as for records read from a file.
    pub seconds: f64,
    /// Workers that ran at the same time.
    pub jobs: usize,
}

impl Timing {
    /// For records of which nobody knows how long they took.
    pub const UNKNOWN: Self = Self { seconds: 0.0, jobs: 0 };

    /// Whether there is a time to divide by.
    pub fn is_known(&self) -> bool {
        self.seconds.is_finite() && self.seconds > 0.0
    }

    /// `count` things per second, or `None` if the time is not known.
    #[expect(clippy::cast_precision_loss, reason = "a rate is shown with four digits or so")]
    pub fn per_second(&self, count: u64) -> Option<f64> {
        self.is_known().then(|| count as f64 / self.seconds)
    }
}
