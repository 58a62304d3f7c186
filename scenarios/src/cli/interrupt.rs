//! Being told to end: Ctrl-C, or SIGTERM from whoever runs this.
//!
//! The first one is noted and nothing more. What works in pieces asks between two of them,
//! ends in order and reports what it has. The second one ends the process at once, as if
//! nobody had listened. No thread waits for signals, and none is told of one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Whether somebody wants this to end.
pub(super) struct Interrupt {
    told: Arc<AtomicBool>,
}

impl Interrupt {
    /// Listens from now on.
    pub(super) fn listen() -> Self {
        let told = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: a signal that finds the flag set is the second. Where neither can be
            // had, the first one ends the process as it always did.
            let second = flag::register_conditional_default(signal, Arc::clone(&told));
            let _ = second.and_then(|_| flag::register(signal, Arc::clone(&told)));
        }
        Self { told }
    }

    /// Whether it was told to end.
    pub(super) fn is_told(&self) -> bool {
        self.told.load(Ordering::Relaxed)
    }
}
