//! Simulated disks, faults and crashes.
