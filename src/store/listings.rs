//! `listings`: how a site's listings looked when last read, so that a walk can pass over what did not change.

use futures_util::TryStreamExt;
use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use crate::model::{SiteId, UserId};

/// A record of a listing when it was last read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// XXH3-64 of the record's bytes.
    pub fingerprint: u64,
    /// The user it is about (`users.id`).
    pub user: u32,
    /// XXH3-64 of the user's folded name.
    pub name: u64,
}

impl Entry {
    /// The user it is about.
    pub fn user_id(&self) -> UserId {
        UserId(i64::from(self.user))
    }
}

/// Which listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The user list, in its order; on Cloud the look-ups of account ids.
    Users,
    /// Members of groups whom the user list does not show.
    Members,
    /// Confluence User Export.
    Export,
    /// The directory of a Cloud site's organization.
    Organization,
}

impl Part {
    /// Every listing.
    pub const ALL: [Self; 4] = [Self::Users, Self::Members, Self::Export, Self::Organization];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Members => "members",
            Self::Export => "export",
            Self::Organization => "organization",
        }
    }
}

/// Bytes of an entry in its row.
pub(super) const ENTRY: usize = 20;
/// Entries in one row: a change rewrites one row of 20 kB, not the listing.
pub(super) const ENTRIES: usize = 1_000;

/// The entries of one row.
pub(super) fn decode(row: &[u8]) -> impl Iterator<Item = Entry> {
    row.chunks_exact(ENTRY).map(|bytes| {
        let (fingerprint, rest) = bytes.split_at(8);
        let (user, name) = rest.split_at(4);
        Entry {
            fingerprint: u64::from_le_bytes(fingerprint.try_into().expect("8 bytes")),
            user: u32::from_le_bytes(user.try_into().expect("4 bytes")),
            name: u64::from_le_bytes(name.try_into().expect("8 bytes")),
        }
    })
}

/// Reads a listing back.
pub async fn load_listing(
    connection: &mut SqliteConnection,
    site: SiteId,
    part: Part,
) -> Result<Vec<Entry>, sqlx::Error> {
    let bytes: i64 =
        sqlx::query_scalar("SELECT coalesce(sum(length(entries)), 0) FROM listings WHERE site_id = ? AND part = ?")
            .bind(site.0)
            .bind(part.as_str())
            .fetch_one(&mut *connection)
            .await?;
    let mut entries = Vec::with_capacity(bytes as usize / ENTRY);
    // One row at a time: all of them at once would be held twice.
    let mut rows = sqlx::query("SELECT entries FROM listings WHERE site_id = ? AND part = ? ORDER BY seq")
        .bind(site.0)
        .bind(part.as_str())
        .fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        let blob: &[u8] = row.try_get(0)?;
        entries.extend(decode(blob));
    }
    drop(rows);
    // The pages that held them are not needed again; what follows needs the memory.
    sqlx::raw_sql("PRAGMA shrink_memory").execute(connection).await?;
    Ok(entries)
}

/// Remembers a listing; writes only the rows in which it differs from `before`.
pub async fn save_listing(
    connection: &mut SqliteConnection,
    site: SiteId,
    part: Part,
    before: &[Entry],
    entries: &[Entry],
) -> Result<(), sqlx::Error> {
    let mut old = before.chunks(ENTRIES);
    for (seq, chunk) in entries.chunks(ENTRIES).enumerate() {
        if old.next() == Some(chunk) {
            continue;
        }
        let mut blob = Vec::with_capacity(chunk.len() * ENTRY);
        for Entry { fingerprint, user, name } in chunk {
            blob.extend_from_slice(&fingerprint.to_le_bytes());
            blob.extend_from_slice(&user.to_le_bytes());
            blob.extend_from_slice(&name.to_le_bytes());
        }
        sqlx::query(
            "INSERT INTO listings (site_id, part, seq, entries) VALUES (?, ?, ?, ?) \
             ON CONFLICT (site_id, part, seq) DO UPDATE SET entries = excluded.entries",
        )
        .bind(site.0)
        .bind(part.as_str())
        .bind(seq as i64)
        .bind(blob)
        .execute(&mut *connection)
        .await?;
    }
    if before.len() > entries.len() {
        sqlx::query("DELETE FROM listings WHERE site_id = ? AND part = ? AND seq >= ?")
            .bind(site.0)
            .bind(part.as_str())
            .bind(entries.len().div_ceil(ENTRIES) as i64)
            .execute(connection)
            .await?;
    }
    Ok(())
}
