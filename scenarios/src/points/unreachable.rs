//! Combinations that cannot be, and why: of the hardened core, whatever the plan.
//!
//! A test runs plans and demands that none of them is met. A pattern has the parts of a name; `*` stands for
//! any one part.

/// A pattern, and why nothing of that name happens.
pub const REASONS: &[(&str, &str)] = &[("command/*/quit/refused", "nothing refuses to quit")];

/// Why this combination cannot be; `None` if it is a point.
pub fn reason(name: &str) -> Option<&'static str> {
    REASONS.iter().find(|(pattern, _)| fits(pattern, name)).map(|(_, reason)| *reason)
}

/// Whether a name is one that a pattern stands for.
pub fn fits(pattern: &str, name: &str) -> bool {
    let (mut wanted, mut parts) = (pattern.split('/'), name.split('/'));
    loop {
        match (wanted.next(), parts.next()) {
            (None, None) => return true,
            (Some(wanted), Some(part)) if wanted == "*" || wanted == part => {}
            _ => return false,
        }
    }
}
