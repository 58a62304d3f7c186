//! Clocks and medians.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Processor time of this process, of all its threads: what others do on the machine is not in it,
/// but for what they do to its caches.
pub(super) struct ProcessorClock(Duration);

impl ProcessorClock {
    pub(super) fn start() -> Self {
        Self(Self::now())
    }

    pub(super) fn elapsed(&self) -> Duration {
        Self::now().saturating_sub(self.0)
    }

    fn now() -> Duration {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        let nanoseconds = u32::try_from(time.tv_nsec).expect("below a second");
        Duration::new(u64::try_from(time.tv_sec).expect("it began at 0"), nanoseconds)
    }
}

/// The most memory that this process ever had, in KiB, if the system tells it (Linux does).
pub(super) fn peak_memory_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The one in the middle, or the mean of the two.
pub(super) fn median(samples: &[f64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (sorted.len().checked_sub(1)? / 2, sorted.len() / 2);
    Some(f64::midpoint(sorted[low], sorted[high]))
}

/// A number for a division that is shown with three digits.
#[expect(clippy::cast_precision_loss, reason = "it is shown with three digits")]
pub(super) fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 3.0, 4.0]), Some(3.5));
    }

    #[test]
    fn memory_has_a_peak() {
        assert!(peak_memory_kib() > Some(100), "Linux tells it");
    }
}
