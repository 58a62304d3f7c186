//! Two hosts that share nothing but a network.

mod network;

pub use network::{Connection, Network, NetworkEvent, Port, TICK_NS};
