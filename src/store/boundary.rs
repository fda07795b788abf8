//! How far back the mirror knows, once something was pruned.

use std::fmt;

use sqlx::sqlite::SqliteConnection;

use super::time;
use crate::model::Timestamp;

/// Before this moment the mirror does not know any more how things were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boundary {
    /// What had ended by then was removed.
    pub cutoff: Timestamp,
    /// When it was removed.
    pub at: Timestamp,
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cutoff, at) = (self.cutoff.to_sql(), self.at.to_sql());
        write!(f, "what had ended by {} UTC was removed on {} (rollbook db prune)", &cutoff[..19], &at[..10])
    }
}

/// The boundary; `None` while nothing was pruned.
pub async fn boundary(connection: &mut SqliteConnection) -> Result<Option<Boundary>, sqlx::Error> {
    let row: Option<(String, String)> =
        sqlx::query_as("SELECT cutoff, at FROM pruned ORDER BY cutoff DESC, id LIMIT 1")
            .fetch_optional(connection)
            .await?;
    row.map(|(cutoff, at)| Ok(Boundary { cutoff: time(&cutoff)?, at: time(&at)? })).transpose()
}
