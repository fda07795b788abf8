-- Everybody.
WITH candidate (id) AS (
    SELECT id FROM accounts WHERE site_id = :site
)
