//! Rollbook mirrors the users, groups and memberships of Confluence sites into SQLite, with their whole history.
//!
//! The way of the data, which is also the way through the folders:
//!
//! | step | where |
//! |---|---|
//! | a page of a listing is fetched | [`confluence`] |
//! | pages become a snapshot of the site | [`sync`] |
//! | the snapshot and what is known become a diff | [`sync`] (pure) |
//! | the diff is applied in one transaction | [`store`] |
//! | questions are answered | [`report`], [`render`] |
//!
//! Imports point down: [`cli`] on top, [`model`] at the bottom; [`confluence`] and [`store`] never see each other.
#![warn(missing_docs)]

pub mod cli;
pub mod clock;
pub mod config;
pub mod confluence;
pub mod daemon;
pub mod doctor;
pub mod files;
pub mod model;
pub mod render;
pub mod report;
pub mod simulator;
pub mod store;
pub mod sync;
pub mod telemetry;
pub mod web;
