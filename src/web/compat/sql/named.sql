-- Who has, or had, the name, by the indexes: they fold the case of ASCII alone.
WITH candidate (id) AS (
    SELECT id FROM accounts WHERE name COLLATE NOCASE IN (:name, :lower, :upper)
    UNION
    SELECT user_id FROM account_versions WHERE name COLLATE NOCASE IN (:name, :lower, :upper)
)
