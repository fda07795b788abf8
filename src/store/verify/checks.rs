//! The invariants that one statement each can tell: it selects what breaks it.
//!
//! They ask the public views wherever these suffice, so that they stay right when the storage behind them changes.
//! Each goes through its tables in the order of their keys and looks the rest up by key: a million users need no
//! temporary table, but for the one statement that groups.

/// An invariant.
pub(super) struct Check {
    /// Its name, which scripts may rely on.
    pub name: &'static str,
    /// What the statement's ids are ids of.
    pub of: &'static str,
    /// What is wrong with them.
    pub means: &'static str,
    /// The first schema that has what it asks for.
    pub since: i32,
    /// The last schema of which it is true.
    pub until: i32,
    /// Selects one column: the ids of what is wrong.
    pub sql: &'static str,
}

const fn check(name: &'static str, of: &'static str, means: &'static str, sql: &'static str) -> Check {
    Check { name, of, means, since: 1, until: i32::MAX, sql }
}

pub(super) const CHECKS: [Check; 26] = [
    check(
        "versions-open",
        "users",
        "not exactly one version is open",
        "SELECT u.id FROM users u
         WHERE (SELECT count(*) FROM user_history h WHERE h.user_id = u.id AND h.valid_to IS NULL) <> 1",
    ),
    check(
        "versions-current",
        "users",
        "the open version differs from users",
        "SELECT u.id FROM user_history h JOIN users u ON u.id = h.user_id
         WHERE h.valid_to IS NULL AND (h.name, h.full_name, h.email, h.status, h.active, h.has_access, h.directory,
            h.account_type, h.is_external, h.department, h.position, h.location, h.phone, h.im, h.website, h.language,
            h.time_zone) IS NOT (u.name, u.full_name, u.email, u.status, u.active, u.has_access, u.directory,
            u.account_type, u.is_external, u.department, u.position, u.location, u.phone, u.im, u.website, u.language,
            u.time_zone)",
    ),
    Check {
        since: 3,
        ..check(
            "versions-cloud",
            "users",
            "the open version differs from users in what Cloud tells",
            "SELECT u.id FROM user_history h JOIN users u ON u.id = h.user_id
             WHERE h.valid_to IS NULL
                AND (h.account_status, h.email_hidden) IS NOT (u.account_status, u.email_hidden)",
        )
    },
    Check {
        since: 3,
        ..check(
            "group-names",
            "groups",
            "two names at one time, or a name that ends when it begins, or none follows",
            "SELECT v.group_id FROM group_versions v
             WHERE v.valid_to <= v.valid_from
                OR NOT EXISTS (SELECT 1 FROM group_history n WHERE n.group_id = v.group_id AND n.valid_from = v.valid_to)
                OR EXISTS (SELECT 1 FROM group_versions n WHERE n.group_id = v.group_id
                    AND n.valid_from > v.valid_from AND n.valid_from < v.valid_to)",
        )
    },
    check(
        "versions-order",
        "users",
        "a version ends when it begins, or before",
        "SELECT user_id FROM user_history WHERE valid_to <= valid_from",
    ),
    check(
        "versions-disjoint",
        "users",
        "two versions overlap",
        // Closed versions of one user begin at different times, by their key.
        "SELECT h.user_id FROM user_history h
         WHERE h.valid_to IS NOT NULL AND EXISTS (SELECT 1 FROM user_history n WHERE n.user_id = h.user_id
            AND n.valid_from < h.valid_to AND (n.valid_from > h.valid_from OR n.valid_to IS NULL))",
    ),
    Check {
        until: 4,
        ..check(
            "versions-gapless",
            "users",
            "no version begins where one ends",
            "SELECT h.user_id FROM user_history h
             WHERE h.valid_to IS NOT NULL AND NOT EXISTS (SELECT 1 FROM user_history n WHERE n.user_id = h.user_id
                AND n.valid_from = h.valid_to)",
        )
    },
    Check {
        since: 5,
        ..check(
            "versions-gapless",
            "users",
            "no version begins where one ends",
            // The last one of a user who is forgotten ends with that.
            "SELECT h.user_id FROM user_history h
             WHERE h.valid_to IS NOT NULL AND NOT EXISTS (SELECT 1 FROM user_history n WHERE n.user_id = h.user_id
                AND n.valid_from = h.valid_to)
                AND NOT EXISTS (SELECT 1 FROM accounts a WHERE a.id = h.user_id AND a.forgotten_at = h.valid_to)",
        )
    },
    check(
        "versions-first-seen",
        "users",
        "a version begins before the user was first seen",
        "SELECT a.id FROM user_history h JOIN accounts a ON a.id = h.user_id WHERE h.valid_from < a.first_seen_at",
    ),
    check(
        "status-times",
        "users",
        "missing_since, deactivated_at or deleted_at does not fit the status",
        "SELECT id FROM users
         WHERE (missing_since IS NOT NULL) <> (status = 'missing')
            OR (deactivated_at IS NOT NULL) <> (status = 'deactivated')
            OR (deleted_at IS NOT NULL) <> (status = 'deleted')",
    ),
    check(
        "last-login",
        "users",
        "last_login_at is not the latest log-in",
        "SELECT u.id FROM users u WHERE u.last_login_at IS NOT
            (SELECT max(l.at) FROM logins l WHERE l.user_id = u.id AND l.kind = 'success')",
    ),
    check(
        "last-failed-login",
        "users",
        "last_failed_login_at is not the latest failed log-in",
        "SELECT u.id FROM users u WHERE u.last_failed_login_at IS NOT
            (SELECT max(l.at) FROM logins l WHERE l.user_id = u.id AND l.kind = 'failure')",
    ),
    check(
        "last-active",
        "users",
        "last_active_at is not the latest activity",
        "SELECT u.id FROM users u WHERE u.last_active_at IS NOT
            (SELECT max(l.at) FROM logins l WHERE l.user_id = u.id AND l.kind = 'active')",
    ),
    check(
        "memberships-order",
        "group/user",
        "a membership ends when it begins, or before",
        "SELECT group_id || '/' || user_id FROM memberships WHERE valid_to <= valid_from",
    ),
    check(
        "memberships-disjoint",
        "group/user",
        "two memberships of one user in one group overlap",
        // '~' sorts after every timestamp.
        "SELECT m.group_id || '/' || m.user_id FROM memberships m
         WHERE EXISTS (SELECT 1 FROM memberships n WHERE n.group_id = m.group_id AND n.user_id = m.user_id
            AND n.valid_from > m.valid_from AND n.valid_from < coalesce(m.valid_to, '~'))",
    ),
    check(
        "memberships-removed-group",
        "groups",
        "a membership outlives its group",
        "SELECT g.id FROM groups g
         WHERE g.removed_at IS NOT NULL AND EXISTS (SELECT 1 FROM memberships m WHERE m.group_id = g.id
            AND (m.valid_to IS NULL OR m.valid_to > g.removed_at))",
    ),
    check(
        "memberships-site",
        "group/user",
        "the group is of one site, the user of another",
        "SELECT m.group_id || '/' || m.user_id FROM groups g CROSS JOIN memberships m ON m.group_id = g.id
         CROSS JOIN accounts a ON a.id = m.user_id WHERE a.site_id <> g.site_id",
    ),
    check(
        "memberships-walk",
        "group/user",
        "the walk that saw it is not there",
        "SELECT m.group_id || '/' || m.user_id FROM memberships m
         WHERE NOT EXISTS (SELECT 1 FROM walks w WHERE w.id = m.walk_id)",
    ),
    check(
        "walks-times",
        "walks",
        "it ends before it begins, or has ended without an end, or dates its changes outside of itself",
        "SELECT id FROM walks
         WHERE finished_at < started_at OR (finished_at IS NULL) <> (status = 'running')
            OR at < started_at OR at > finished_at OR not_before >= at",
    ),
    check(
        "walks-order",
        "walks",
        "it is dated before an earlier one of its site",
        "SELECT w.id FROM walks w
         WHERE EXISTS (SELECT 1 FROM walks e WHERE e.site_id = w.site_id AND e.at > w.at AND e.id < w.id)",
    ),
    check(
        "changes-walk",
        "changes",
        "the walk that saw it is not there",
        // The view leaves such rows out.
        "SELECT c.id FROM change_log c WHERE NOT EXISTS (SELECT 1 FROM walks w WHERE w.id = c.walk_id)",
    ),
    Check {
        until: 4,
        ..check(
            "changes-counted",
            "walks",
            "walks.changes is not the number of its rows in changes",
            "SELECT w.id FROM walks w
             LEFT JOIN (SELECT walk_id, count(*) AS rows FROM change_log GROUP BY walk_id) c ON c.walk_id = w.id
             WHERE w.changes <> coalesce(c.rows, 0)",
        )
    },
    Check {
        since: 5,
        ..check(
            "changes-counted",
            "walks",
            "walks.changes is not the number of its rows in changes",
            // Of what is dated before the last cutoff some or all are pruned.
            "SELECT w.id FROM walks w
             LEFT JOIN (SELECT walk_id, count(*) AS rows FROM change_log GROUP BY walk_id) c ON c.walk_id = w.id
             WHERE w.changes <> coalesce(c.rows, 0)
                AND NOT (w.changes > coalesce(c.rows, 0) AND coalesce(w.at < (SELECT max(cutoff) FROM pruned), 0))",
        )
    },
    check(
        "changes-dated",
        "changes",
        "its time is not within its walk, or not after the applied walk before",
        // A removal that was held is dated by its approval, after its walk.
        "SELECT c.id FROM changes c JOIN walks w ON w.id = c.walk_id
         WHERE c.at IS NULL OR c.at < w.started_at OR c.not_before >= c.at OR (c.at > w.finished_at AND c.at IS w.at)",
    ),
    check(
        "changes-about",
        "changes",
        "the user or group it is about is not there, or it is about none",
        "SELECT c.id FROM change_log c
         WHERE (c.user_id IS NULL AND c.group_id IS NULL)
            OR (c.user_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM accounts a WHERE a.id = c.user_id))
            OR (c.group_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM groups g WHERE g.id = c.group_id))",
    ),
    Check {
        since: 5,
        ..check(
            "forgotten",
            "users",
            "something of a user who was forgotten is left, or is said to be so now",
            "SELECT a.id FROM accounts a
             WHERE a.forgotten_at IS NOT NULL AND (a.name <> 'forgotten-' || a.id
                OR a.version_from < '9999' OR NOT EXISTS (SELECT 1 FROM forgotten f WHERE f.user_id = a.id)
                OR coalesce(a.key, a.full_name, a.email, a.directory, a.account_type, a.is_external, a.department,
                    a.position, a.location, a.phone, a.im, a.website, a.language, a.time_zone, a.account_status, a.active,
                    a.has_access, a.created_at, a.updated_at, a.last_login_at, a.last_failed_login_at, a.last_active_at,
                    a.unlisted_seen_at, a.missing_since, a.deactivated_at, a.deleted_at) IS NOT NULL
                OR EXISTS (SELECT 1 FROM account_versions v WHERE v.user_id = a.id AND (v.name <> a.name
                    OR v.valid_to > a.forgotten_at OR coalesce(v.full_name, v.email, v.directory, v.is_external,
                        v.department, v.position, v.location, v.phone, v.im, v.website, v.language, v.time_zone,
                        v.account_status) IS NOT NULL))
                OR EXISTS (SELECT 1 FROM memberships m WHERE m.user_id = a.id AND coalesce(m.valid_to, '~') > a.forgotten_at)
                OR EXISTS (SELECT 1 FROM logins l WHERE l.user_id = a.id)
                OR EXISTS (SELECT 1 FROM evidence e WHERE e.user_id = a.id)
                OR EXISTS (SELECT 1 FROM change_log c WHERE c.user_id = a.id
                    AND c.kind NOT IN ('user.created', 'member.added', 'member.removed')
                    AND c.field NOT IN ('status', 'active', 'has_access', 'account_type')
                    AND coalesce(c.before, c.after) IS NOT NULL))",
        )
    },
];
