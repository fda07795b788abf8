//! What is odd about the mirror of a site although nothing is missing: notes of its newest walk, and whom no request can
//! name.

use sqlx::sqlite::SqliteConnection;

/// What is odd about the mirror of one site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Oddities {
    /// What the walk noted although nothing is missing.
    pub notes: Vec<String>,
    /// Data Center: groups whose names cannot stand in a request.
    pub groups: Vec<String>,
    /// Data Center: the same of users whom no listing shows, and who would be looked up.
    pub users: Vec<String>,
}

impl Oddities {
    /// Reads those of a site of this kind, and of its newest walk.
    pub async fn read(
        connection: &mut SqliteConnection,
        site: i64,
        kind: &str,
        walk: Option<i64>,
    ) -> Result<Self, sqlx::Error> {
        let notes = sqlx::query_scalar(
            "SELECT part.value ->> 'note' FROM walks w \
             CROSS JOIN json_each(iif(json_valid(w.coverage), w.coverage, '{}')) part \
             WHERE w.id = ? AND part.value ->> 'note' IS NOT NULL",
        )
        .bind(walk)
        .fetch_all(&mut *connection)
        .await?;
        if kind != "data-center" {
            return Ok(Self { notes, ..Self::default() });
        }
        // Extender takes names in the path, where a slash cannot be told from its own.
        let groups = sqlx::query_scalar(
            "SELECT name FROM groups WHERE site_id = ?1 AND removed_at IS NULL \
             AND (instr(name, '/') OR instr(name, '\\') OR name IN ('.', '..')) ORDER BY name",
        )
        .bind(site)
        .fetch_all(&mut *connection)
        .await?;
        let users = sqlx::query_scalar(
            "SELECT name FROM accounts WHERE site_id = ?1 AND unlisted_seen_at IS NOT NULL AND status <> 'deleted' \
             AND forgotten_at IS NULL \
             AND (instr(name, '/') OR instr(name, '\\') OR name IN ('.', '..')) ORDER BY name",
        )
        .bind(site)
        .fetch_all(connection)
        .await?;
        Ok(Self { notes, groups, users })
    }
}
