//! What is removed, table by table.

/// The column of `pruned` whose rows need more than statements.
pub(super) const LOGINS: &str = "logins";

/// Rows of one table.
pub(super) struct Step {
    /// The column of `pruned` that counts them.
    pub column: &'static str,
    /// Selects their keys as JSON arrays, in order: of those that had ended by ?1 the first ?3 after the key ?2.
    pub select: &'static str,
    /// A key before all others.
    pub first: &'static str,
    /// What else is written when those with the keys ?1 (a JSON array) are removed, as had ended by ?2.
    pub before: &'static [&'static str],
    /// Removes them.
    pub delete: &'static str,
}

pub(super) const STEPS: [Step; 10] = [
    Step {
        column: "versions",
        select: "SELECT json_array(user_id, valid_from) FROM account_versions
            WHERE valid_to <= ?1 AND (user_id, valid_from) > (?2 ->> 0, ?2 ->> 1)
            ORDER BY user_id, valid_from LIMIT ?3",
        first: "[0, \"\"]",
        // Since when the oldest version that stays has its status, and until when an older one was active.
        before: &["UPDATE accounts AS a SET pruned_active_until = coalesce(
                (SELECT max(o.valid_to) FROM account_versions o
                    WHERE o.user_id = a.id AND o.valid_to <= ?2 AND o.status = 'active'), a.pruned_active_until),
            pruned_status_since = coalesce(
                (SELECT o.valid_to FROM account_versions o WHERE o.user_id = a.id AND o.valid_to <= ?2 AND o.status <> coalesce(
                    (SELECT v.status FROM account_versions v WHERE v.user_id = a.id AND v.valid_to > ?2
                        ORDER BY v.valid_from LIMIT 1), a.status)
                    ORDER BY o.valid_from DESC LIMIT 1),
                a.pruned_status_since, a.first_seen_at)
            WHERE a.id IN (SELECT value ->> 0 FROM json_each(?1))"],
        delete: "DELETE FROM account_versions
            WHERE (user_id, valid_from) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))",
    },
    Step {
        column: "memberships",
        select: "SELECT json_array(group_id, user_id, valid_from) FROM memberships
            WHERE valid_to <= ?1 AND (group_id, user_id, valid_from) > (?2 ->> 0, ?2 ->> 1, ?2 ->> 2)
            ORDER BY group_id, user_id, valid_from LIMIT ?3",
        first: "[0, 0, \"\"]",
        // When somebody joined or left last. Whoever was forgotten did not leave.
        before: &["UPDATE groups AS g SET pruned_change_at = max(coalesce(pruned_change_at, ''), d.at)
            FROM (SELECT m.group_id, max(iif(a.forgotten_at IS m.valid_to, m.valid_from, m.valid_to)) AS at
                FROM json_each(?1) k CROSS JOIN memberships m ON m.group_id = k.value ->> 0 AND m.user_id = k.value ->> 1
                    AND m.valid_from = k.value ->> 2
                JOIN accounts a ON a.id = m.user_id
                GROUP BY m.group_id) d
            WHERE d.group_id = g.id"],
        delete: "DELETE FROM memberships WHERE (group_id, user_id, valid_from) IN
            (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1))",
    },
    Step {
        column: "group_names",
        select: "SELECT json_array(group_id, valid_from) FROM group_versions
            WHERE valid_to <= ?1 AND (group_id, valid_from) > (?2 ->> 0, ?2 ->> 1)
            ORDER BY group_id, valid_from LIMIT ?3",
        first: "[0, \"\"]",
        before: &["UPDATE groups AS g SET pruned_name_since =
                (SELECT max(v.valid_to) FROM group_versions v WHERE v.group_id = g.id AND v.valid_to <= ?2)
            WHERE g.id IN (SELECT value ->> 0 FROM json_each(?1))"],
        delete: "DELETE FROM group_versions
            WHERE (group_id, valid_from) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))",
    },
    Step {
        column: LOGINS,
        // Known at the cutoff, and so was a later one: that one stands for all before it, at the cutoff and ever after.
        // Where a walk since then told another of the same month, the month is left whole: who was there in it is counted.
        select: "WITH known AS MATERIALIZED (
                SELECT s.id AS site_id, (SELECT w.id FROM walks w WHERE w.site_id = s.id AND w.at <= ?1
                    ORDER BY w.at DESC, w.id DESC LIMIT 1) AS walk_id
                FROM sites s)
            SELECT json_array(l.user_id, l.kind, l.at) FROM logins l
            CROSS JOIN accounts a ON a.id = l.user_id
            CROSS JOIN known k ON k.site_id = a.site_id
            WHERE l.at < ?1 AND (l.user_id, l.kind, l.at) > (?2 ->> 0, ?2 ->> 1, ?2 ->> 2)
                AND l.walk_id <= k.walk_id
                AND EXISTS (SELECT 1 FROM logins n WHERE n.user_id = l.user_id AND n.kind = l.kind
                    AND n.at > l.at AND n.at <= ?1 AND n.walk_id <= k.walk_id)
                AND NOT EXISTS (SELECT 1 FROM logins n WHERE n.user_id = l.user_id AND n.kind = l.kind
                    AND n.at >= substr(l.at, 1, 7) AND n.at < substr(l.at, 1, 7) || '~' AND n.walk_id > k.walk_id)
            ORDER BY l.user_id, l.kind, l.at LIMIT ?3",
        first: "[0, \"\", \"\"]",
        before: &[],
        delete: "DELETE FROM logins WHERE (user_id, kind, at) IN
            (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1))",
    },
    Step {
        column: "changes",
        select: "SELECT json_array(c.id) FROM change_log c CROSS JOIN walks w ON w.id = c.walk_id
            WHERE c.id > ?2 ->> 0 AND coalesce(c.at, w.at) < ?1 ORDER BY c.id LIMIT ?3",
        first: "[0]",
        before: &[],
        delete: "DELETE FROM change_log WHERE id IN (SELECT value ->> 0 FROM json_each(?1))",
    },
    Step {
        column: "evidence",
        // As with log-ins: the last answer known at the cutoff stays.
        select: "SELECT json_array(e.id) FROM evidence e
            WHERE e.id > ?2 ->> 0 AND EXISTS (SELECT 1 FROM evidence n CROSS JOIN walks w ON w.id = n.walk_id
                WHERE n.user_id = e.user_id AND n.id > e.id AND w.at <= ?1)
            ORDER BY e.id LIMIT ?3",
        first: "[0]",
        before: &[],
        delete: "DELETE FROM evidence WHERE id IN (SELECT value ->> 0 FROM json_each(?1))",
    },
    Step {
        column: "held",
        select: "SELECT json_array(c.walk_id, c.seq) FROM held_changes c JOIN holds h ON h.walk_id = c.walk_id
            WHERE h.decided_at < ?1 AND (c.walk_id, c.seq) > (?2 ->> 0, ?2 ->> 1)
            ORDER BY c.walk_id, c.seq LIMIT ?3",
        first: "[0, 0]",
        before: &[],
        delete: "DELETE FROM held_changes WHERE (walk_id, seq) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))",
    },
    Step {
        column: "held",
        select: "SELECT json_array(c.walk_id, c.user_id) FROM held_standings c JOIN holds h ON h.walk_id = c.walk_id
            WHERE h.decided_at < ?1 AND (c.walk_id, c.user_id) > (?2 ->> 0, ?2 ->> 1)
            ORDER BY c.walk_id, c.user_id LIMIT ?3",
        first: "[0, 0]",
        before: &[],
        delete: "DELETE FROM held_standings
            WHERE (walk_id, user_id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))",
    },
    Step {
        column: "notifications",
        select: "SELECT json_array(id) FROM notifications
            WHERE id > ?2 ->> 0 AND at < ?1 AND next_at IS NULL ORDER BY id LIMIT ?3",
        first: "[0]",
        before: &[],
        delete: "DELETE FROM notifications WHERE id IN (SELECT value ->> 0 FROM json_each(?1))",
    },
    Step {
        column: "skipped_runs",
        select: "SELECT json_array(id) FROM skipped_runs WHERE id > ?2 ->> 0 AND at < ?1 ORDER BY id LIMIT ?3",
        first: "[0]",
        before: &[],
        delete: "DELETE FROM skipped_runs WHERE id IN (SELECT value ->> 0 FROM json_each(?1))",
    },
];
