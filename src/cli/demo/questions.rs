//! What the story asks of the mirror beyond the reports. Each statement reads the public tables alone.

/// The walks of the site ?1, and what those after the first recorded.
pub(super) const WALKS: &str = "
SELECT count(*), sum(requests), coalesce(sum(changes) FILTER (WHERE not_before IS NOT NULL), 0), min(at), max(at)
FROM walks
WHERE site_id = (SELECT id FROM sites WHERE name = ?1) AND status IN ('applied', 'partial')";

/// How many users had each status at ?1, and how many have it now.
pub(super) const STATUSES: &str = "
SELECT
    status,
    count(*) FILTER (WHERE valid_from <= ?1 AND (valid_to IS NULL OR valid_to > ?1)) AS \"first walk\",
    count(*) FILTER (WHERE valid_to IS NULL) AS \"last walk\"
FROM user_history
WHERE user_id IN (SELECT u.id FROM users u JOIN sites s ON s.id = u.site_id WHERE s.name = 'demo')
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
    WHERE user_id IN (SELECT u.id FROM users u JOIN sites s ON s.id = u.site_id WHERE s.name = 'demo')
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
    WHERE site = 'demo' AND kind IN ('user.access-lost', 'user.deactivated') AND before = 'active'
        AND not_before IS NOT NULL
),
wave AS (
    SELECT
        walk_id, at, not_before, count(*) AS lost,
        (SELECT count(*) FROM user_history h JOIN users u ON u.id = h.user_id JOIN sites s ON s.id = u.site_id
            WHERE s.name = 'demo' AND h.status = 'active' AND h.valid_from <= lost.not_before
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
        (SELECT count(DISTINCT h.user_id) FROM user_history h JOIN users o ON o.id = h.user_id
            WHERE o.site_id = u.site_id AND h.name = u.name COLLATE NOCASE) AS holders,
        (SELECT count(*) FROM changes c WHERE c.user_id = u.id AND c.field IN ('status', 'name')) AS turns
    FROM users u JOIN sites s ON s.id = u.site_id
    WHERE s.name = 'demo'
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
FROM users u JOIN sites s ON s.id = u.site_id
WHERE s.name = 'demo' AND u.status = 'missing'
ORDER BY u.missing_since, u.id";

/// How many users were proven deleted, how many were missing at some time, and how many of all these came back.
pub(super) const FATES: &str = "
SELECT
    count(DISTINCT user_id) FILTER (WHERE kind = 'user.deleted'),
    count(DISTINCT user_id) FILTER (WHERE kind = 'user.missing'),
    count(DISTINCT user_id) FILTER (WHERE kind = 'user.returned')
FROM changes
WHERE site = 'demo'";

/// Accounts of both sites that are active and have the same e-mail address, which no other active account of either has:
/// their names, what was last seen of them, and how many days before ?1 that was; NULL: never, or not known.
pub(super) const PAIRS: &str = "
WITH present AS (
    SELECT
        s.name AS site, u.name, u.email_normalised, u.last_login_at, u.last_active_at,
        count(*) OVER (PARTITION BY u.site_id, u.email_normalised) AS bearers
    FROM users u JOIN sites s ON s.id = u.site_id
    WHERE u.status = 'active' AND u.email_normalised <> ''
)
SELECT
    here.name AS \"name here\", there.name AS \"name there\",
    here.last_login_at AS \"last log-in here\", there.last_active_at AS \"last active there\",
    (CAST(round(unixepoch(?1, 'subsec') * 1000) AS INTEGER)
        - CAST(round(unixepoch(here.last_login_at, 'subsec') * 1000) AS INTEGER)) / 86400000 AS \"days here\",
    (CAST(round(unixepoch(?1, 'subsec') * 1000) AS INTEGER)
        - CAST(round(unixepoch(there.last_active_at, 'subsec') * 1000) AS INTEGER)) / 86400000 AS \"days there\"
FROM present here JOIN present there ON there.email_normalised = here.email_normalised
WHERE here.site = 'demo' AND there.site = 'cloud' AND here.bearers = 1 AND there.bearers = 1
ORDER BY here.last_login_at, here.name";

/// The active accounts of Cloud, and apps among them; of the others, how many never were active, how many of these were
/// invited 30 days before ?1 or earlier, of how many that is not known, and how many of these are guests; how many never
/// showed an e-mail address, and how many show it no more.
pub(super) const INVITED: &str = "
WITH present AS (
    SELECT
        u.account_type IS 'app' AS app,
        u.last_active_known = 1 AND u.last_active_at IS NULL AS never,
        u.last_active_known = 0 AS unknown,
        u.is_external IS 1 AS guest,
        u.email IS NULL AS unseen,
        u.email_hidden AS hidden,
        u.created_at <= strftime('%Y-%m-%d %H:%M:%f', ?1, '-30 days') AS long_ago
    FROM users u JOIN sites s ON s.id = u.site_id
    WHERE s.name = 'cloud' AND u.status = 'active'
)
SELECT
    count(*),
    count(*) FILTER (WHERE app),
    count(*) FILTER (WHERE NOT app AND never),
    count(*) FILTER (WHERE NOT app AND never AND long_ago),
    count(*) FILTER (WHERE NOT app AND unknown),
    count(*) FILTER (WHERE NOT app AND unknown AND guest),
    count(*) FILTER (WHERE NOT app AND unseen),
    count(*) FILTER (WHERE NOT app AND hidden)
FROM present";

/// Groups that got another name, which on Cloud they may.
pub(super) const RENAMED_GROUPS: &str = "
SELECT c.at, c.before, c.after, count(m.user_id)
FROM changes c LEFT JOIN memberships m ON m.group_id = c.group_id AND m.valid_to IS NULL
WHERE c.site = 'cloud' AND c.kind = 'group.renamed'
GROUP BY c.id
ORDER BY c.id";

#[cfg(test)]
mod tests {
    use sqlx::{Executor, SqlSafeStr};

    use super::*;

    #[tokio::test]
    async fn every_statement_fits_the_schema() {
        let mut connection = crate::report::testing::empty().await;
        for sql in [WALKS, STATUSES, MONTHS, WAVES, ACCOUNT, MISSING, FATES, PAIRS, INVITED, RENAMED_GROUPS] {
            connection.prepare(sql.into_sql_str()).await.unwrap();
        }
    }
}
