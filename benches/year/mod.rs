//! The mirror of one Data Center site after a year of daily walks, written straight into the database: walking it a year
//! long would take days.
//!
//! | question | file |
//! |---|---|
//! | who is there, and what a year brings | `person` |
//! | what a walk would have made of it | `tables` |
//!
//! Everything about a person follows from the seed and its number. So each table is written in the order of its key, and
//! nothing is kept but what another order needs: memberships, which are kept by group, and changes, by walk.

mod person;
mod tables;

use std::path::{Path, PathBuf};

use rollbook::model::Timestamp;
use rollbook::store::Store;

/// Rises whenever another database comes of the same parameters.
const VERSION: u32 = 1;

/// Applied walks, one a day.
pub const WALKS: u16 = 365;

/// 2025-11-20T02:00:00Z, the first walk. Fixed, so that the same file comes of the same seed.
const FIRST_WALK: i64 = 1_763_604_000_000;

const DAY: i64 = 86_400_000;

/// How many of a thousand users the first walk found.
const FOUND_AT_FIRST: u32 = 950;

/// A walk: the n-th, from 0.
type Walk = u16;

/// What is to be there after the year.
#[derive(Clone, Copy)]
pub struct Year {
    /// Users ever seen.
    pub users: u32,
    /// Groups.
    pub groups: u16,
    /// Of all that is random.
    pub seed: u64,
}

impl Year {
    /// The file that holds it, in `folder`.
    pub fn file(&self, folder: &Path) -> PathBuf {
        let Self { users, groups, seed } = self;
        folder.join(format!("year-{users}-{groups}-{seed}-v{VERSION}.db"))
    }

    /// Writes it to `path`, under another name until it is whole.
    pub async fn build(self, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
        let unfinished = path.with_extension("new");
        let remove = |suffixes: &[&str]| {
            for suffix in suffixes {
                let _ = std::fs::remove_file(format!("{}{suffix}", unfinished.display()));
            }
        };
        remove(&["", "-wal", "-shm"]);
        let store = Store::open_or_create(&unfinished).await?;
        let mut writer = store.writer().await?;
        tables::write(&mut writer, self).await?;
        writer.close().await?;
        std::fs::rename(&unfinished, path)?;
        remove(&[".migrate.lock", ".write.lock"]);
        Ok(())
    }

    /// The walk that found a user: ids are given in the order in which users are found.
    fn found_by(&self, user: u32) -> Walk {
        let at_first = (u64::from(self.users) * u64::from(FOUND_AT_FIRST) / 1_000) as u32;
        match user.checked_sub(at_first + 1) {
            None => 0,
            Some(late) => {
                let later = u64::from(self.users - at_first);
                1 + (u64::from(late) * u64::from(WALKS - 1) / later) as Walk
            }
        }
    }
}

/// The moment of a walk, from which its changes are dated.
fn moment(walk: Walk) -> Timestamp {
    Timestamp::from_millis_clamped(FIRST_WALK + i64::from(walk) * DAY)
}

/// The first walk that can know of what happened at `millis`.
fn seen_by(millis: i64) -> Walk {
    (millis - FIRST_WALK).div_euclid(DAY).saturating_add(1).clamp(0, i64::from(WALKS)) as Walk
}
