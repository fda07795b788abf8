-- The chosen sites.
site AS MATERIALIZED (
    SELECT
        s.id,
        s.name,
        s.kind,
        -- The walks of a site are in the order of their ids: what a later one brought was not known at as-of.
        coalesce((SELECT max(w.id) FROM walks w WHERE w.site_id = s.id AND w.at <= :as_of), 0) AS walk_id,
        (SELECT max(w.at) FROM walks w WHERE w.site_id = s.id AND w.at <= :as_of) AS walk_at,
        NOT EXISTS (SELECT 1 FROM walks w WHERE w.site_id = s.id AND w.at > :as_of) AS is_now,
        (SELECT w.at FROM walks w WHERE w.site_id = s.id AND w.status = 'applied' AND w.at <= :as_of
            ORDER BY w.id DESC LIMIT 1) AS applied_at
    FROM sites s
    WHERE s.name IN (SELECT value FROM json_each(:sites))
)
