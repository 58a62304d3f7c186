//! `--time-budget`: what may begin when, so that everything is reported when the time is over.
//!
//! It has no clock; it is told how much time has passed.

use std::time::Duration;

/// What it takes to write the reports.
const REPORT: Duration = Duration::from_millis(15);

/// The time that a campaign has, if it is limited.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    whole: Option<Duration>,
    /// Failures are shrunk at the end: that is done in the last hundredth.
    shrinks: bool,
}

impl Budget {
    pub(super) fn new(whole: Option<Duration>, shrinks: bool) -> Self {
        Self { whole, shrinks }
    }

    pub(super) fn is_limited(&self) -> bool {
        self.whole.is_some()
    }

    /// Whether another plan may begin.
    pub(super) fn allows_plan(&self, passed: Duration) -> bool {
        let kept =
            |whole: Duration| if self.shrinks { REPORT.max(whole / 100) } else { Duration::ZERO };
        self.whole.is_none_or(|whole| passed + kept(whole) < whole)
    }

    /// Whether another failure may be shrunk, or another smaller plan be tried.
    pub(super) fn allows_shrinking(&self, passed: Duration) -> bool {
        self.whole.is_none_or(|whole| passed + REPORT < whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_hundredth_is_for_shrinking_where_there_is_any() {
        let (at, whole) = (Duration::from_millis, Some(Duration::from_secs(100)));
        let (bare, shrinking) = (Budget::new(whole, false), Budget::new(whole, true));
        assert!(bare.allows_plan(at(99_999)) && !bare.allows_plan(at(100_000)));
        assert!(shrinking.allows_plan(at(98_999)) && !shrinking.allows_plan(at(99_000)));
        assert!(shrinking.allows_shrinking(at(99_984)) && !shrinking.allows_shrinking(at(99_985)));
        let short = Budget::new(Some(Duration::from_secs(1)), true);
        assert!(short.allows_plan(at(984)) && !short.allows_plan(at(985)));
        let none = Budget::new(Some(Duration::ZERO), true);
        assert!(!none.allows_plan(Duration::ZERO) && !none.allows_shrinking(Duration::ZERO));
        let unlimited = Budget::new(None, true);
        assert!(unlimited.allows_plan(at(u64::MAX)) && unlimited.allows_shrinking(at(u64::MAX)));
    }
}
