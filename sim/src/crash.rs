//! What a crash leaves behind.
//!
//! After a crash a sector may hold a range: the lowest is what was answered and
//! flushed, the highest what was submitted. Which of it is left, the disk asks for
//! each uncertain sector in turn, by a closure from sector and number of versions to
//! one of them. [`Choices`] answers with every possibility, one run after the
//! other; [`at_random`] draws.
//!
//! It does not know where in a run to crash: who forks the world decides that.

use colo_core::Disk;

use crate::stream::Stream;

/// Decides which of so many versions of that sector is left. Version 0 is what
/// the sector holds if nothing more reaches it.
pub type Choose<'a> = dyn FnMut(u64, usize) -> usize + 'a;

/// A disk that can crash.
pub trait CrashDisk: Disk {
    /// The power fails: of each sector the durable version, any unflushed one or
    /// that of a write in flight is left. Nothing is in flight afterwards, nothing
    /// of before is answered, and what is left is durable.
    fn power_loss(&mut self, choose: &mut Choose<'_>);

    /// The process that used the disk dies: the cache is kept, and of the writes in flight any
    /// sector may still land. Nothing is in flight afterwards and nothing of before is
    /// answered. What has not been flushed is still not durable, but the next
    /// flush covers it all.
    fn process_death(&mut self, choose: &mut Choose<'_>);
}

/// Chooses every version with the same likelihood.
pub fn at_random(stream: &mut Stream) -> impl FnMut(u64, usize) -> usize + '_ {
    |_, versions| stream.below(versions as u64) as usize
}

/// Runs through every combination of choices, depth first.
///
/// The first run answers 0 throughout. A later run may be asked other questions than
/// an earlier one from the first changed answer on, so crashes during a recovery can be
/// part of the same search.
///
/// ```
/// # use colo_sim::crash::Choices;
/// let mut choices = Choices::default();
/// let mut seen = Vec::new();
/// loop {
///     let first = choices.choose(2);
///     let second = if first == 0 { 9 } else { choices.choose(2) };
///     seen.push((first, second));
///     if !choices.advance() {
///         break;
///     }
/// }
/// assert_eq!(seen, [(0, 9), (1, 0), (1, 1)]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Choices {
    path: Vec<Choice>,
    depth: usize,
}

#[derive(Debug, Clone, Copy)]
struct Choice {
    taken: usize,
    of: usize,
}

impl Choices {
    /// One of `of` possibilities: the recorded one, or the first where none is recorded yet.
    pub fn choose(&mut self, of: usize) -> usize {
        assert!(of > 0, "a choice of nothing");
        if self.depth == self.path.len() {
            self.path.push(Choice { taken: 0, of });
        }
        let choice = self.path[self.depth];
        assert_eq!(choice.of, of, "the run before asked otherwise here: it is not deterministic");
        self.depth += 1;
        choice.taken
    }

    /// Goes on to the next combination; false after the last one.
    pub fn advance(&mut self) -> bool {
        self.path.truncate(self.depth);
        self.depth = 0;
        while let Some(last) = self.path.last_mut() {
            last.taken += 1;
            if last.taken < last.of {
                return true;
            }
            self.path.pop();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_comes_once() {
        let mut choices = Choices::default();
        let mut seen = Vec::new();
        loop {
            seen.push([choices.choose(2), choices.choose(3), choices.choose(1), choices.choose(2)]);
            if !choices.advance() {
                break;
            }
        }
        assert_eq!(seen.len(), 12);
        assert_eq!(seen[0], [0; 4]);
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 12);
    }

    #[test]
    fn no_choice_is_one_run() {
        assert!(!Choices::default().advance());
    }
}
