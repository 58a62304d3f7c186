//! Coverage points: how often each was reached, and by which run first.
//!
//! A point is a name and a number here. What it stands for is known to those
//! who named it; only the part before the first `/` is looked at, to group.

use serde::{Deserialize, Serialize};

use crate::summary::Run;

/// One coverage point, folded over runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Point {
    /// Its name, `group/rest`.
    pub name: String,
    /// How often it was reached, over all runs.
    pub hits: u64,
    /// The first run that reached it, in the order of [`Run`].
    pub first: Option<Run>,
    /// The lowest seed that reached it: what is reached by hand-made plans alone is nothing that chance
    /// finds.
    pub first_seed: Option<u64>,
}

impl Point {
    /// A point that was not reached yet.
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), hits: 0, first: None, first_seed: None }
    }

    /// The part of the name before the first `/`.
    pub fn group(&self) -> &str {
        self.name.split_once('/').map_or(&self.name, |(group, _)| group)
    }

    /// Whether any run reached it.
    pub fn is_reached(&self) -> bool {
        self.hits > 0
    }
}

/// The points whose names share the part before the first `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group<'a> {
    /// That part.
    pub name: &'a str,
    /// The points, in the order of the header.
    pub points: Vec<&'a Point>,
}

impl Group<'_> {
    /// How many of its points were reached.
    pub fn reached(&self) -> usize {
        self.points.iter().filter(|point| point.is_reached()).count()
    }
}

/// Groups, in the order in which the header first names them.
pub(crate) fn groups(points: &[Point]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for point in points {
        match groups.iter_mut().find(|group| group.name == point.group()) {
            Some(group) => group.points.push(point),
            None => groups.push(Group { name: point.group(), points: vec![point] }),
        }
    }
    groups
}
