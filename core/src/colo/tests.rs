//! What the roles promise, held against a small world of three processes.
//!
//! The world knows no sockets and no disks: guests run or stand still, verbs are answered,
//! messages arrive or are lost. How real filters and a real wire get on with the roles is
//! tested where those are.

mod frames;
mod laws;
mod stories;
mod watch;
mod world;
