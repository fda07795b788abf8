//! What the story asks of the mirror beyond the reports. Each statement reads the public tables alone.

/// The walks, and what they recorded.
pub(super) const WALKS: &str = "
SELECT count(*), sum(requests), sum(changes), sum(changes) FILTER (WHERE not_before IS NULL), min(at), max(at)
FROM walks
WHERE status IN ('applied', 'partial')";

/// How many users had each status at ?1, and how many have it now.
pub(super) const STATUSES: &str = "
SELECT
    status,
    count(*) FILTER (WHERE valid_from <= ?1 AND (valid_to IS NULL OR valid_to > ?1)) AS \"first walk\",
    count(*) FILTER (WHERE valid_to IS NULL) AS \"last walk\"
FROM user_history
GROUP BY status
HAVING \"first walk\" + \"last walk\" > 0
ORDER BY status = 'active' DESC, \"last walk\" DESC, status";

/// Seats that came and went after the walk at ?1, by month.
pub(super) const MONTHS: &str = "
WITH step AS (
    SELECT
        valid_from AS at, status,
        lag(status) OVER (PARTITION BY user_id ORDER BY valid_from) AS before
    FROM user_history
),
month AS (
    SELECT
        substr(at, 1, 7) AS month,
        count(*) FILTER (WHERE status = 'active' AND before IS NULL) AS joined,
        count(*) FILTER (WHERE status = 'active' AND before <> 'active') AS back,
        count(*) FILTER (WHERE status <> 'active' AND before = 'active') AS gone
    FROM step
    WHERE at > ?1
    GROUP BY month
)
SELECT
    month, joined, back, gone,
    (SELECT count(*) FROM step WHERE at <= ?1 AND status = 'active')
        + sum(joined + back - gone) OVER (ORDER BY month) AS seats
FROM month
ORDER BY month";

/// Walks that saw at least three users, and three per cent of the seats, lose access at once.
pub(super) const WAVES: &str = "
WITH lost AS (
    SELECT walk_id, at, not_before, user_id FROM changes
    WHERE kind IN ('user.access-lost', 'user.deactivated') AND before = 'active' AND not_before IS NOT NULL
),
wave AS (
    SELECT
        walk_id, at, not_before, count(*) AS lost,
        (SELECT count(*) FROM user_history h
            WHERE h.status = 'active' AND h.valid_from <= lost.not_before
                AND (h.valid_to IS NULL OR h.valid_to > lost.not_before)) AS seats
    FROM lost
    GROUP BY walk_id
)
SELECT
    at AS noticed, walk_id AS walk, lost, seats AS \"of seats\",
    (SELECT count(*) FROM lost l WHERE l.walk_id = wave.walk_id AND NOT EXISTS (
        SELECT 1 FROM logins g JOIN walks w ON w.id = g.walk_id
        WHERE g.user_id = l.user_id AND g.kind = 'success' AND w.at <= wave.at
            AND g.at > datetime(wave.at, '-90 days'))) AS \"idle 90 days\",
    (SELECT count(DISTINCT h.user_id) FROM lost l JOIN user_history h ON h.user_id = l.user_id
        WHERE l.walk_id = wave.walk_id AND h.valid_from > wave.at AND h.status = 'active') AS \"came back\",
    not_before
FROM wave
WHERE lost >= 3 AND 100 * lost >= 3 * seats
ORDER BY walk_id";

/// One account worth telling: renamed and back again, else a name that two accounts had, else the most turns.
pub(super) const ACCOUNT: &str = "
WITH fact AS (
    SELECT
        u.id, u.name,
        EXISTS (SELECT 1 FROM changes c WHERE c.user_id = u.id AND c.kind = 'user.renamed') AS renamed,
        EXISTS (SELECT 1 FROM changes c WHERE c.user_id = u.id
            AND c.kind IN ('user.returned', 'user.reactivated', 'user.access-gained')) AS returned,
        (SELECT count(DISTINCT h.user_id) FROM user_history h WHERE h.name = u.name COLLATE NOCASE) AS holders,
        (SELECT count(*) FROM changes c WHERE c.user_id = u.id AND c.field IN ('status', 'name')) AS turns
    FROM users u
)
SELECT name, renamed AND returned, holders
FROM fact
ORDER BY renamed AND returned DESC, holders > 1 DESC, turns DESC, id
LIMIT 1";

/// Who is missing, and what the look-ups said.
pub(super) const MISSING: &str = "
SELECT
    u.name, u.full_name, u.missing_since AS \"missing since\",
    (SELECT e.answer FROM evidence e WHERE e.user_id = u.id ORDER BY e.id DESC LIMIT 1) AS \"looked up\"
FROM users u
WHERE u.status = 'missing'
ORDER BY u.missing_since, u.id";

/// How many users were proven deleted, how many were missing at some time, and how many of all these came back.
pub(super) const FATES: &str = "
SELECT
    count(DISTINCT user_id) FILTER (WHERE kind = 'user.deleted'),
    count(DISTINCT user_id) FILTER (WHERE kind = 'user.missing'),
    count(DISTINCT user_id) FILTER (WHERE kind = 'user.returned')
FROM changes";

#[cfg(test)]
mod tests {
    use sqlx::{Executor, SqlSafeStr};

    use super::*;

    #[tokio::test]
    async fn every_statement_fits_the_schema() {
        let mut connection = crate::report::testing::empty().await;
        for sql in [WALKS, STATUSES, MONTHS, WAVES, ACCOUNT, MISSING, FATES] {
            connection.prepare(sql.into_sql_str()).await.unwrap();
        }
    }
}
