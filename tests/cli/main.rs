//! The program from outside: the real binary against a simulated site over HTTP, judged by its exit code, its output
//! and the database file it leaves.

mod support;

mod commands;
mod db;
mod exports;
mod files;
mod groups;
mod kills;
mod listings;
mod lookups;
mod mirror;
mod names;
mod politeness;
mod privacy;
mod processes;
mod races;
mod records;
mod refusals;
mod story;

#[path = "../common/schema_1.rs"]
mod schema_1;
