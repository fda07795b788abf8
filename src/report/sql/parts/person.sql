-- Every user whom the chosen sites had at as-of, as they were then. log-ins and activity are as known now: see activity.
person AS (
    SELECT
        s.id AS site_id,
        s.name AS site,
        s.kind AS site_kind,
        s.walk_id,
        s.walk_at,
        s.is_now,
        a.id,
        a.key,
        iif(v.user_id IS NULL, a.name, v.name) AS name,
        iif(v.user_id IS NULL, a.full_name, v.full_name) AS full_name,
        iif(v.user_id IS NULL, a.email, v.email) AS email,
        iif(v.user_id IS NULL, a.status, v.status) AS status,
        iif(v.user_id IS NULL, a.has_access, v.has_access) AS has_access,
        iif(v.user_id IS NULL, a.directory, v.directory) AS directory,
        iif(v.user_id IS NULL, a.account_type, v.account_type) AS account_type,
        a.created_at,
        coalesce(a.created_at, a.first_seen_at) AS born_at,
        -- Log-ins are told by Data Center, activity by the organization of a Cloud site.
        a.last_login_known AS tells_logins,
        coalesce(a.last_active_known_since <= :as_of, 0) AS tells_activity,
        a.last_login_at AS newest_login_at,
        a.last_active_at AS newest_active_at
    -- The accounts first, in the order of their ids: by site they would be looked up one by one.
    FROM accounts a
    CROSS JOIN site s ON s.id = a.site_id
    -- user_history, but only who has changed since is looked up: nothing equals NULL.
    LEFT JOIN account_versions v ON v.user_id = iif(a.version_from > :as_of, a.id, NULL)
        AND v.valid_from <= :as_of AND v.valid_to > :as_of
    WHERE a.version_from <= :as_of OR v.user_id IS NOT NULL
)
