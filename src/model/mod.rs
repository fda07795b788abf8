//! What Rollbook talks about: users, groups, changes, times. No I/O, no async, no clock.

mod change;
mod cloud;
mod time;
mod user;

pub use change::{Change, ChangeKind};
pub use cloud::{Activity, CloudUser};
pub use time::{TimeError, Timestamp};
pub use user::{Account, ExportedUser, HIDDEN, Presence, Profile, SeenUser, Standing, Status, Times, Told};

/// A user's id in the database (`users.id`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(pub i64);

/// A group's id in the database (`groups.id`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub i64);

/// A site's id in the database (`sites.id`); its name in the configuration is a plain string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteId(pub i64);

/// A walk's id in the database (`walks.id`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WalkId(pub i64);
