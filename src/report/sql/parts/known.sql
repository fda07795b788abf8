-- The persons, with what was known at as-of of their log-ins and their activity.
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
    LIMIT -1 -- keeps SQLite from putting the subqueries into every place that uses their columns
)
