//! The messages of spec 2.1, word for word, and those of the repairs and of operators' commands.

pub(crate) const OK: &str = "ok";
pub(crate) const M1: &str = "Missing the option mode";
pub(crate) const M2: &str = "The primary side does not support option top-id";
pub(crate) const M3: &str = "Missing the option top-id";
pub(crate) const M4: &str = "The option mode's value should be primary or secondary";
pub(crate) const M5: &str = "Block replication is running or done";
pub(crate) const M6_PRIMARY: &str = "The parameter mode's value is invalid, needs 0, but got 1";
pub(crate) const M6_SECONDARY: &str = "The parameter mode's value is invalid, needs 1, but got 0";
pub(crate) const M7: &str = "Active disk doesn't have backing file";
pub(crate) const M8: &str = "Hidden disk doesn't have backing file";
pub(crate) const M9: &str = "The secondary disk doesn't have block backend";
pub(crate) const M10: &str = "Active disk, hidden disk, secondary disk's length are not the same";
pub(crate) const M11: &str = "Active disk or hidden disk doesn't support make_empty";
pub(crate) const M12: &str = "Could not reopen file: Permission denied";
pub(crate) const M13: &str = "No top_bs or it is invalid";
pub(crate) const M14_NODE: &str =
    "Node 'secondary' is busy: block device is in use by block job: backup";
pub(crate) const M14_DEVICE: &str =
    "Node 'parent0' is busy: block device is in use by block job: backup";
pub(crate) const M15: &str = "Backup job was cancelled unexpectedly";
pub(crate) const M17: &str = "Active disk active is ejected";
pub(crate) const M18_ACTIVE: &str = "Failed to empty active: No space left on device";
pub(crate) const M18_HIDDEN: &str = "Failed to empty hidden: Input/output error";
pub(crate) const M19: &str = "Hidden disk hidden is ejected";
pub(crate) const M21: &str = "Block replication is not running";
pub(crate) const M22: &str = "I/O error occurred";
pub(crate) const M23: &str =
    "Node 'colo-disk0' is busy: Block device is in use by internal backup job";
pub(crate) const M24: &str = "Permission conflict on node 'hidden': permissions 'consistent read' are both required by 'ro0' and unshared by 'commit job'";

/// Not the seed's: there, a closed filter is out of the registry and cannot be asked.
pub(crate) const CLOSED: &str = "Block replication is closed";
pub(crate) const READ_ONLY: &str = "Active disk is opened read-only";
pub(crate) const OWED: &str =
    "Active disk holds a view that is owed to its guest, recover it before starting anew";
pub(crate) const MARK: &str = "Failed to mark active: No space left on device";
pub(crate) const SECONDARY_NOT_DURABLE: &str =
    "Failed to make secondary durable: No space left on device";
pub(crate) const ACTIVE_NOT_DURABLE: &str = "Failed to make active durable: No medium found";
pub(crate) const HIDDEN_NOT_DURABLE: &str = "Failed to make hidden durable: No medium found";

pub(crate) const M23_NODE: &str =
    "Node 'top' is busy: Block device is in use by internal backup job";
pub(crate) const HIDDEN_BUSY: &str =
    "Node 'hidden' is busy: block device is in use by block job: backup";
pub(crate) const NOT_FOUND: &str = "Cannot find device='nobody' nor node-name='nobody'";
pub(crate) const HIDDEN_GONE: &str = "Cannot find device='hidden' nor node-name='hidden'";
pub(crate) const NO_DEVICE: &str = "Device 'nobody' not found";
pub(crate) const DUPLICATE_DRIVE: &str = "Duplicate ID 'colo-disk0'";
pub(crate) const DUPLICATE_JOB: &str = "Duplicate ID 'job0'";
pub(crate) const NO_JOB: &str = "Job 'job0' not found";
pub(crate) const IN_USE: &str = "Node top is in use";
pub(crate) const HAS_PARENTS: &str = "Block device active is in use";
pub(crate) const NOT_ROOT: &str = "Need a root block node";
pub(crate) const NODE_READ_ONLY: &str = "Block node is read-only";
pub(crate) const HAS_WRITER: &str = "Cannot make block node read-only, there is a writer on it";
pub(crate) const NOT_AN_IMAGE: &str = "Could not reopen file: Invalid argument";
pub(crate) const IMAGE_EJECTED: &str = "Could not reopen file: No medium found";
pub(crate) const WRITE_CONFLICT: &str = "Permission conflict on node 'repl': permissions 'write' are both required by 'dev1' and unshared by 'top'";
pub(crate) const OTHER_FAILED: &str = "Another disk of this host failed";
pub(crate) const APART: &str =
    "Some disks of this host have stopped replicating, and others have not";
pub(crate) const IMAGE: &str = "Could not open image: No space left on device";
pub(crate) const FILTER_OPEN: &str = "Duplicate ID 'repl'";
pub(crate) const VOLUME_GONE: &str = "Cannot find device='colo-disk0' nor node-name='colo-disk0'";
