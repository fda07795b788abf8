//! Walks over a site that lives: after each one the mirror equals the site, and every past picture stays true.

mod between;
mod cloud;
mod disk;
mod evolution;
mod migration;
mod reports;
mod soak;
mod standing;
mod support;
mod wal;

#[path = "../common/schema_1.rs"]
mod schema_1;
