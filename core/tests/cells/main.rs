//! The tables of spec 2.2 to 2.8, cell by cell, in the seed's profile and in the hardened one.
//!
//! A row says where a host is, what is done, and what comes of it in the seed; where the hardened
//! profile differs it says how, and which quirks make the difference: all of them, and no others.

mod all;
mod bench;
mod documented;
mod ends;
mod io;
mod messages;
mod operators;
mod start;
mod table;
mod verbs;
