//! Records in, reports out.
