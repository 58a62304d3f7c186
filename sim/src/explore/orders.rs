//! Every order in which things can happen, by trying all choices.
//!
//! A run that makes choices is run again and again, each time with another list of them:
//! depth first, as one counts. It knows no engine: somebody runs with the first choices
//! given and the rest at their first, and tells which choices there were.
//!
//! Where a run comes to a choice that was met before (the keys are the same), what follows from there is
//! known, and nothing is tried there again. So orders that differ only in things
//! that have nothing to do with each other are tried once.
//!
//! All orders of more than a few things are too many. Those that deviate from the first
//! in few places are not, and most races need no more: with a bound on deviations (Emmi et al., POPL 2011)
//! everything within it is tried.

use std::collections::BTreeMap;

use crate::world::Choice;

/// Counts of an exploration of orders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OrdersTally {
    /// Orders that were run.
    pub orders: u64,
    /// Distinct moments at which something was to be chosen.
    pub choices: u64,
    /// Orders that ended at a choice that was known.
    pub pruned: u64,
    /// Whether [`OrderBounds::orders_max`] was reached, so that some were not run.
    pub left_out: bool,
    /// Whether no more were wanted.
    pub ended: bool,
}

/// Where an exploration of orders ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderBounds {
    /// Orders that are run.
    pub orders_max: u64,
    /// Choices of an order that are not the first one; all of them if `None`.
    pub deviations_max: Option<u32>,
}

impl OrdersTally {
    /// Whether every order was tried that has no more deviations than asked for.
    pub fn is_exhausted(&self) -> bool {
        !self.left_out && !self.ended
    }

    /// Adds the counts of another exploration.
    pub fn add(&mut self, other: &Self) {
        self.orders += other.orders;
        self.choices += other.choices;
        self.pruned += other.pruned;
        self.left_out |= other.left_out;
        self.ended |= other.ended;
    }
}

/// Calls `run` with lists of choices until every order within the bounds was tried. It runs with these
/// choices, the first one wherever the list is over, and returns all that there were; or `None`, when
/// no more are wanted.
///
/// # Panics
/// If a run with the same choices comes to others: it is not deterministic.
pub fn each_order(
    bounds: OrderBounds,
    run: &mut dyn FnMut(&[u16]) -> Option<Vec<Choice>>,
) -> OrdersTally {
    let mut tally = OrdersTally::default();
    let mut path = Path::default();
    // With how few deviations each choice was met: with fewer, more can follow.
    let mut known = BTreeMap::new();
    loop {
        let Some(met) = run(&path.chosen) else {
            tally.ended = true;
            return tally;
        };
        tally.orders += 1;
        let again = met.iter().zip(&path.of).all(|(met, of)| met.of == *of);
        assert!(again && met.len() >= path.of.len(), "the same choices led to others");
        let deviations = path.deviations();
        for choice in &met[path.of.len()..] {
            let fewest = known.entry(choice.key).or_insert(u32::MAX);
            if *fewest <= deviations {
                tally.pruned += 1;
                break;
            }
            tally.choices += u64::from(*fewest == u32::MAX);
            *fewest = if bounds.deviations_max.is_some() { deviations } else { 0 };
            path.push(choice.of);
        }
        if !path.advance(bounds.deviations_max.unwrap_or(u32::MAX)) {
            return tally;
        }
        if tally.orders == bounds.orders_max {
            tally.left_out = true;
            return tally;
        }
    }
}

/// What is chosen at each choice, and of how many.
#[derive(Debug, Default)]
struct Path {
    chosen: Vec<u16>,
    of: Vec<u16>,
}

impl Path {
    fn push(&mut self, of: u16) {
        self.chosen.push(0);
        self.of.push(of);
    }

    fn deviations(&self) -> u32 {
        self.chosen.iter().filter(|&&chosen| chosen > 0).count() as u32
    }

    /// The next one with at most so many deviations; false if there is none.
    fn advance(&mut self, deviations_max: u32) -> bool {
        let mut deviations = self.deviations();
        while let (Some(last), Some(of)) = (self.chosen.last_mut(), self.of.last()) {
            let deviates = *last > 0;
            if *last + 1 < *of && (deviates || deviations < deviations_max) {
                *last += 1;
                return true;
            }
            deviations -= u32::from(deviates);
            self.chosen.pop();
            self.of.pop();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes the next of several lanes until all are empty. `key` says which moments are one.
    fn lanes(lengths: &[u16], list: &[u16], key: fn(&[u16], &[u16]) -> u128) -> Vec<Choice> {
        let (mut left, mut taken, mut met) = (lengths.to_vec(), Vec::new(), Vec::new());
        loop {
            let open: Vec<u16> = (0..left.len() as u16).filter(|&l| left[l as usize] > 0).collect();
            let lane = match open[..] {
                [] => return met,
                [only] => only,
                _ => {
                    met.push(Choice { of: open.len() as u16, key: key(&taken, &left) });
                    open[usize::from(list.get(met.len() - 1).copied().unwrap_or(0))]
                }
            };
            left[lane as usize] -= 1;
            taken.push(lane);
        }
    }

    const ALL: OrderBounds = OrderBounds { orders_max: 1000, deviations_max: None };

    fn digits(digits: &[u16]) -> u128 {
        digits.iter().fold(1, |sum, &digit| sum * 16 + u128::from(digit))
    }

    fn history(taken: &[u16], _: &[u16]) -> u128 {
        digits(taken)
    }

    fn state(_: &[u16], left: &[u16]) -> u128 {
        digits(left)
    }

    #[test]
    fn orders_are_counted_by_multinomials() {
        let cases: [(&[u16], u64); 5] =
            [(&[], 1), (&[3], 1), (&[1, 1, 1], 6), (&[2, 3], 10), (&[2, 2, 2], 90)];
        for (lengths, orders) in cases {
            let tally = each_order(ALL, &mut |list| Some(lanes(lengths, list, history)));
            assert_eq!((tally.orders, tally.pruned), (orders, 0), "{lengths:?}");
            assert!(tally.is_exhausted());
        }
    }

    #[test]
    fn states_that_are_one_are_left_once_for_each_way_out_of_them() {
        for (a, b) in [(1_u16, 1_u16), (2, 3), (4, 4)] {
            let tally = each_order(ALL, &mut |list| Some(lanes(&[a, b], list, state)));
            // A grid: a choice wherever both lanes have something left.
            assert_eq!(tally.choices, u64::from(a) * u64::from(b));
            // The first order meets choices on its way; every other takes one way that is not the first.
            assert_eq!(tally.orders, 1 + u64::from(a) * u64::from(b));
            let all = each_order(ALL, &mut |list| Some(lanes(&[a, b], list, history)));
            assert!(tally.orders <= all.orders);
        }
    }

    #[test]
    fn a_bound_is_said() {
        let bounded = |orders_max| {
            let bounds = OrderBounds { orders_max, ..ALL };
            each_order(bounds, &mut |list| Some(lanes(&[2, 2, 2], list, history)))
        };
        assert_eq!((bounded(89).orders, bounded(89).is_exhausted()), (89, false));
        assert!(bounded(90).is_exhausted());
    }

    #[test]
    fn deviations_are_counted() {
        // Every lane has something left until the last round: 2 of 3 at each of the first choices.
        let of = |deviations, key| {
            let bounds = OrderBounds { deviations_max: Some(deviations), ..ALL };
            each_order(bounds, &mut |list| Some(lanes(&[9, 1], list, key))).orders
        };
        // The short lane comes at one of ten places, all but the last of them a deviation.
        assert_eq!([of(0, history), of(1, history), of(2, history)], [1, 10, 10]);
        let two = |deviations, key| {
            let bounds = OrderBounds { deviations_max: Some(deviations), ..ALL };
            each_order(bounds, &mut |list| Some(lanes(&[3, 2], list, key))).orders
        };
        // Of C(5, 2) = 10: none early; one of the second lane early, by itself; two early.
        assert_eq!([two(0, history), two(1, history), two(2, history)], [1, 4, 10]);
        // States that are one: none is missed, whatever the number of deviations with which they are met first.
        for deviations in 0..4 {
            assert!(two(deviations, state) <= two(deviations, history));
        }
        assert_eq!(two(9, state), 1 + 3 * 2);
    }

    #[test]
    #[should_panic(expected = "the same choices led to others")]
    fn a_run_that_is_not_deterministic_is_noticed() {
        let mut runs = 0;
        each_order(ALL, &mut |list| {
            runs += 1;
            Some(lanes(if runs == 2 { &[1] } else { &[2, 2] }, list, history))
        });
    }
}
