//! How a host's graph is put together: the right way, and every wrong one.

use serde::{Deserialize, Serialize};

use crate::name::{Name, Text};
use crate::options::{FilterOptions, OpenError};
use crate::verb::Mode;

/// The name of the guest's drive, and of its device if it has one.
pub const GUEST: Name = Name::new("colo-disk0");
/// The name of the network export of the secondary disk.
pub const EXPORT: Name = Name::new("nbd0");
/// The name of the drive on the secondary disk.
pub const PARENT: Name = Name::new("parent0");
/// The name of the quorum above the filter.
pub const TOP: Name = Name::new("top");
/// The name of the filter's node.
pub const FILTER: Name = Name::new("repl");

/// A filter's options as they are written.
pub type OptionsText = Text<63>;

/// How somebody uses a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserKind {
    /// A named drive that no device uses: takes no permission. Removing it asks the op blockers.
    Drive,
    /// A device on a named drive. Removing it asks nobody, cancels the jobs of its node and takes
    /// the drive along.
    DriveDevice,
    /// A device on a node, without a name of its own to look up.
    Device,
    /// A network export that may write.
    Export,
    /// A network export that may only read.
    ReadOnlyExport,
}

impl UserKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Drive, Self::DriveDevice, Self::Device, Self::Export, Self::ReadOnlyExport];

    /// Whether a node can be looked up by the name of such a user.
    pub fn named(self) -> bool {
        matches!(self, Self::Drive | Self::DriveDevice)
    }

    /// Whether it writes.
    pub fn writes(self) -> bool {
        matches!(self, Self::DriveDevice | Self::Device | Self::Export)
    }

    /// What it is, in a message.
    pub fn name(self) -> &'static str {
        match self {
            Self::Drive => "drive",
            Self::DriveDevice => "device on a drive",
            Self::Device => "device",
            Self::Export => "export",
            Self::ReadOnlyExport => "read-only export",
        }
    }
}

/// What an image is opened as.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// An overlay that can be emptied.
    #[default]
    Overlay,
    /// An overlay of a format that cannot.
    Fixed,
    /// No overlay at all: nothing lies behind it.
    Raw,
}

/// How the secondary host's graph is put together. The default is the right way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wiring {
    /// How the guest uses the root.
    pub guest: UserKind,
    /// Whether the root is there only as long as the guest's drive.
    pub guest_owns_top: bool,
    /// The filter's option `top-id`.
    pub top_id: Name,
    /// The filter's options as a text, in place of `mode=secondary` with that `top-id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<OptionsText>,
    /// What active is opened as.
    pub active: Format,
    /// What hidden is opened as.
    pub hidden: Format,
    /// Whether hidden is shorter than the other disks.
    pub hidden_is_short: bool,
    /// Whether the secondary disk is exported from the beginning.
    pub export: bool,
    /// A drive on the secondary disk, with a device or without.
    pub parent: Option<UserKind>,
    /// Whether the filter, and with it the guest's device, is opened read-only.
    pub filter_read_only: bool,
    /// Whether hidden is opened read-only, as a backing image is unless one says otherwise.
    pub hidden_read_only: bool,
    /// Whether the secondary disk is opened read-only; then it cannot be exported for writing.
    pub secondary_read_only: bool,
    /// Whether hidden's image cannot be opened for writing.
    pub hidden_protected: bool,
    /// Whether the secondary disk's image cannot be opened for writing.
    pub secondary_protected: bool,
}

impl Default for Wiring {
    fn default() -> Self {
        Self {
            guest: UserKind::Drive,
            guest_owns_top: true,
            top_id: GUEST,
            options: None,
            active: Format::Overlay,
            hidden: Format::Overlay,
            hidden_is_short: false,
            export: true,
            parent: None,
            filter_read_only: false,
            hidden_read_only: true,
            secondary_read_only: false,
            hidden_protected: false,
            secondary_protected: false,
        }
    }
}

impl Wiring {
    /// What the filter is opened with.
    ///
    /// # Errors
    /// Why it cannot be (spec 2.1a).
    pub fn filter_options(&self) -> Result<FilterOptions, OpenError> {
        let right = || Ok(FilterOptions { mode: Mode::Secondary, top_id: Some(self.top_id) });
        self.options.map_or_else(right, |text| FilterOptions::parse(text.as_str()))
    }

    /// The right way.
    pub fn is_right(&self) -> bool {
        *self == Self::default()
    }
}
