//! The wall clock, for what is shown and for `--time-budget`.

use std::time::{Duration, Instant};

/// Runs from when it is made.
pub(super) struct WallClock(Instant);

impl WallClock {
    #[expect(clippy::disallowed_methods, reason = "the only wall clock of the program")]
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
