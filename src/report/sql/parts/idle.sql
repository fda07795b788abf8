-- The active persons who have not been there for `days` days, or never though their account is that old, or of whom
-- nobody says: as `activity` tells them.
idle AS (
    SELECT * FROM activity WHERE coalesce(last_at, iif(is_known, born_at, '')) <= (SELECT at FROM cutoff)
)
