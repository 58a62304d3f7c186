//! Two hosts on a network: what befalls it, what comes over it that should not, and what the roles tell.
//!
//! The last group: a campaign without a network leaves it out.

use colo_core::colo::{Node, Told};
use colo_sim::pair::{CHANNELS, Port, Tampering};
use colo_sim::world::{Ended, Networked, Side};

use crate::run::NetworkAct;

/// What a role can tell.
const TOLD: [&str; 7] =
    ["checkpointed", "received", "loaded", "peer-lost", "granted", "denied", "takes-over"];

/// Why a host ends a connection.
const WHY: [&str; 4] = ["frame", "nbd", "replaced", "unfit"];

fn told(told: &Told) -> &'static str {
    match told {
        Told::Checkpointed { .. } => "checkpointed",
        Told::Received { .. } => "received",
        Told::Loaded { .. } => "loaded",
        Told::PeerLost => "peer-lost",
        Told::Granted => "granted",
        Told::Denied => "denied",
        Told::TakesOver => "takes-over",
    }
}

fn why(why: &Ended) -> &'static str {
    match why {
        Ended::Frame(_) => "frame",
        Ended::Nbd(_) => "nbd",
        Ended::Replaced => "replaced",
        Ended::Unfit => "unfit",
    }
}

fn cut_name(from: Node, to: Node) -> String {
    format!("network/cut/{}/{}", from.name(), to.name())
}

fn sever_name(node: Node, port: Port) -> String {
    format!("network/sever/{}/{}", node.name(), port.name())
}

fn tamper_name(node: Node, port: Port, how: Tampering) -> String {
    format!("message/{}/{}/{}", node.name(), port.name(), how.name())
}

fn told_name(side: Side, told: &str) -> String {
    format!("told/{}/{told}", side.name())
}

fn ended_name(side: Side, port: Port, why: &str) -> String {
    format!("ended/{}/{}/{why}", side.name(), port.name())
}

pub(super) fn names() -> Vec<String> {
    let mut names = Vec::new();
    for from in Node::ALL {
        let others = Node::ALL.into_iter().filter(|to| *to != from);
        names.extend(others.map(|to| cut_name(from, to)));
    }
    names.extend(CHANNELS.map(|(node, port)| sever_name(node, port)));
    for (node, port) in CHANNELS {
        names.extend(Tampering::ALL.map(|how| tamper_name(node, port, how)));
    }
    for side in Side::BOTH {
        names.extend(TOLD.map(|told| told_name(side, told)));
        for port in Port::ALL {
            names.extend(WHY.map(|why| ended_name(side, port, why)));
        }
    }
    names
}

/// What one run met, by name: few runs meet any of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Met(Vec<String>);

impl Met {
    /// A step did this to the network.
    pub(super) fn act(&mut self, act: NetworkAct) {
        match act {
            NetworkAct::Cut(from, to, true) if from != to => self.0.push(cut_name(from, to)),
            NetworkAct::Sever(node, port) => self.0.push(sever_name(node, port)),
            _ => {}
        }
    }

    pub(super) fn networked(&mut self, side: Side, what: &Networked) {
        match what {
            Networked::Told(what) => self.0.push(told_name(side, told(what))),
            Networked::Ended { port, why: ended } => {
                self.0.push(ended_name(side, *port, why(ended)));
            }
            Networked::Guest { .. } | Networked::Forwarded { .. } => {}
        }
    }

    /// These messages were tampered with.
    pub(super) fn tampered(&mut self, tampered: &[(Node, Port, Tampering)]) {
        self.0.extend(tampered.iter().map(|(node, port, how)| tamper_name(*node, *port, *how)));
    }

    /// Adds how often each was met. `names` are this group's.
    pub(super) fn count(&self, names: &[String], hits: &mut [u32]) {
        for met in &self.0 {
            if let Some(place) = names.iter().position(|name| name == met) {
                hits[place] += 1;
            }
        }
    }
}
