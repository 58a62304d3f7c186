//! The tests of the crate as others use it, in one binary.

mod annotations;
mod cases;
mod folds;
mod formats;
mod junit;
mod lines;
mod merging;
mod page;
mod records;
mod schema;
