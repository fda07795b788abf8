//! The program from outside: the real binary against a simulated site over HTTP, judged by its exit code, its output
//! and the database file it leaves.

mod support;

mod access;
mod chaos;
mod cloud;
mod commands;
mod daemon;
mod db;
mod decisions;
mod doctor;
mod exports;
mod faults;
mod files;
mod forget;
mod groups;
mod guard;
mod holds;
mod identity;
mod kills;
mod listings;
mod logs;
mod lookups;
mod mirror;
mod names;
mod politeness;
mod privacy;
mod processes;
mod prune;
mod races;
mod records;
mod refusals;
mod reports;
mod resolution;
mod side_by_side;
mod story;
mod user_export;
mod web;

#[path = "../common/schema_1.rs"]
mod schema_1;
