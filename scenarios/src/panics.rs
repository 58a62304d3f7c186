//! Panics of ours, caught and told with the plan that brought them about.
//!
//! A panic ends one plan, never a campaign or a search.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static PANIC_PLACE: Cell<String> = const { Cell::new(String::new()) };
}

type PanicHook = Box<dyn Fn(&std::panic::PanicHookInfo<'_>) + Send + Sync>;

/// While it lives, a panic is not printed where it happens: it is reported with its plan.
pub struct PanicsKept(Option<PanicHook>);

impl PanicsKept {
    /// From now on.
    pub fn begin() -> Self {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(|info| {
            let place = info.location().map(ToString::to_string);
            PANIC_PLACE.set(place.unwrap_or_default());
        }));
        Self(Some(before))
    }
}

impl Drop for PanicsKept {
    fn drop(&mut self) {
        if let Some(before) = self.0.take()
            && !std::thread::panicking()
        {
            std::panic::set_hook(before);
        }
    }
}

/// A panic that was caught.
#[derive(Debug, Clone)]
pub struct Panic {
    /// File, line and column; empty unless [`PanicsKept`] lives.
    pub place: String,
    /// Its message.
    pub said: String,
}

/// Two are the same if they happen at the same place: messages hold numbers of the plan.
impl PartialEq for Panic {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place && (!self.place.is_empty() || self.said == other.said)
    }
}

/// What `work` gives, unless it panics.
///
/// # Errors
/// The panic.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
        Panic { place: PANIC_PLACE.take(), said: said.unwrap_or("no message").to_owned() }
    })
}
