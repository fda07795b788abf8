-- The active persons who may not have been there for `days` days, as in `known`: most others are passed over before
-- anything is computed of them.
cutoff AS MATERIALIZED (
    -- Whole days are counted: a log-in less than a day after as-of is 0 days old.
    SELECT iif(:days = 0, strftime('%Y-%m-%d %H:%M:%f', :as_of, '+86399.999 seconds'),
        strftime('%Y-%m-%d %H:%M:%f', :as_of, '-' || :days || ' days')) AS at
),
known AS (
    SELECT
        *,
        -- What a walk after as-of brought was not known then, however old it is.
        iif(is_now OR newest_login_at IS NULL, newest_login_at, (
            SELECT l.at FROM logins l WHERE l.user_id = p.id AND l.kind = 'success' AND l.walk_id <= p.walk_id
            ORDER BY l.at DESC LIMIT 1)) AS last_login_at,
        iif(is_now OR newest_active_at IS NULL, newest_active_at, (
            SELECT l.at FROM logins l WHERE l.user_id = p.id AND l.kind = 'active' AND l.walk_id <= p.walk_id
            ORDER BY l.at DESC LIMIT 1)) AS last_active_at
    FROM person p
    WHERE status = 'active'
        AND (newest_login_at IS NULL OR newest_login_at <= (SELECT at FROM cutoff)
            OR (NOT is_now AND NOT EXISTS (
                SELECT 1 FROM logins l WHERE l.user_id = p.id AND l.kind = 'success'
                    AND l.at > (SELECT at FROM cutoff) AND l.walk_id <= p.walk_id)))
    LIMIT -1 -- keeps SQLite from putting the subqueries into every place that uses their columns
)
