//! The mirror in SQLite.

pub mod sandbox;
