-- Those of `activity` who hold a seat: Cloud's apps and the customers of its portals hold none.
seat AS (
    SELECT * FROM activity WHERE status = 'active' AND coalesce(account_type, '') NOT IN ('app', 'customer')
)
