//! The declarations.

use super::{Parameter, ParameterKind, Report, ReportColumn};
use crate::render::Kind::{Boolean, Integer, Text, Time};

/// Columns of a report about users: the six that all of them begin with, and its own.
macro_rules! user_columns {
    ($(($name:literal, $kind:expr, $meaning:literal)),* $(,)?) => {
        &[
            ReportColumn { name: "site", kind: Text, meaning: "the site's id in the configuration" },
            ReportColumn {
                name: "key",
                kind: Text,
                meaning: "the permanent id at the site; empty while only User Export knows the user",
            },
            ReportColumn { name: "name", kind: Text, meaning: "the log-in name, at as-of" },
            ReportColumn { name: "full_name", kind: Text, meaning: "the display name, at as-of" },
            ReportColumn { name: "email", kind: Text, meaning: "the e-mail address, at as-of" },
            ReportColumn {
                name: "status",
                kind: Text,
                meaning: "active, no-access, deactivated, deleted, missing or unknown, at as-of",
            },
            $(ReportColumn { name: $name, kind: $kind, meaning: $meaning },)*
        ]
    };
}

const GROUP: Parameter = Parameter { name: "group", kind: ParameterKind::Group, meaning: "only this group" };

/// Every report, in the order of the listing.
pub const ALL: &[Report] = &[
    Report {
        name: "users",
        title: "Users",
        description: "Every user known at as-of, with every attribute as it was then.",
        parameters: &[],
        columns: user_columns![
            ("active", Boolean, "whether the account is active; empty: no source says"),
            ("has_access", Boolean, "whether the user may use Confluence; empty: no source says"),
            ("directory", Text, "the user directory"),
            ("account_type", Text, "Cloud's kind of account"),
            ("is_external", Boolean, "whether Cloud calls the user external"),
            ("department", Text, "profile field"),
            ("position", Text, "profile field"),
            ("location", Text, "profile field"),
            ("phone", Text, "profile field"),
            ("im", Text, "profile field: instant messaging"),
            ("website", Text, "profile field"),
            ("language", Text, "profile field"),
            ("time_zone", Text, "profile field"),
            ("account_status", Text, "Cloud's own word for the status"),
            ("email_hidden", Boolean, "Cloud: true: email is the one that was shown before"),
            ("created_at", Time, "when the account was made, by the site; empty: not known"),
            ("updated_at", Time, "when the account was last edited, as known now; empty: not known"),
            ("last_login_at", Time, "the last log-in known at as-of; empty: see last_login_known"),
            (
                "last_login_known",
                Boolean,
                "true: the site tells log-ins, so an empty last_login_at is never; false: it is not known"
            ),
            ("last_failed_login_at", Time, "the last failed log-in known at as-of; empty: none known"),
            ("last_active_at", Time, "the last activity known at as-of (Cloud); empty: see last_active_known"),
            (
                "last_active_known",
                Boolean,
                "true: the organization tells activity, so an empty last_active_at is never; false: it is not known"
            ),
            ("first_seen_at", Time, "when a walk first saw the user"),
            ("missing_since", Time, "since when no source shows the user, if before as-of"),
            ("deactivated_at", Time, "when the account was seen to be deactivated, if before as-of"),
            ("deleted_at", Time, "when the account was seen to be deleted, if before as-of"),
        ],
        sql: include_str!("sql/users.sql"),
    },
    Report {
        name: "inactive",
        title: "Inactive users",
        description: "Active users who have not logged in for `days` days (idle), who never did though their account is \
                      at least `days` days old (never), or of whom nobody says (unknown). On Cloud activity counts as \
                      well as log-ins.",
        parameters: &[Parameter {
            name: "days",
            kind: ParameterKind::Days { default: 90 },
            meaning: "whole days without a log-in, counted back from as-of",
        }],
        columns: user_columns![
            ("last_login_at", Time, "the last log-in known at as-of; empty: never or not known, see reason"),
            ("last_active_at", Time, "the last activity known at as-of (Cloud)"),
            ("days", Integer, "idle: whole days since; never: age of the account in days; unknown: empty"),
            ("reason", Text, "idle, never or unknown"),
        ],
        sql: include_str!("sql/inactive.sql"),
    },
    Report {
        name: "never-logged-in",
        title: "Users who never logged in",
        description: "Active users of whom the site says that they never logged in, whose account is at least `days` \
                      days old. Users of whom nobody says are not among them.",
        parameters: &[Parameter {
            name: "days",
            kind: ParameterKind::Days { default: 30 },
            meaning: "least age of the account in days, counted back from as-of",
        }],
        columns: user_columns![
            ("created_at", Time, "when the account was made, by the site; empty: not known"),
            ("first_seen_at", Time, "when a walk first saw the user"),
            ("days", Integer, "age of the account in days, from created_at, else first_seen_at"),
        ],
        sql: include_str!("sql/never-logged-in.sql"),
    },
    Report {
        name: "no-access",
        title: "Users without access",
        description: "Users who exist, may not use Confluence, and of whom nothing says that they are deactivated.",
        parameters: &[],
        columns: user_columns![
            ("since", Time, "since when, without a break; the first walk's time if it was found so"),
            ("last_login_at", Time, "the last log-in known at as-of; empty: never or not known"),
            ("groups", Integer, "in how many groups the user was at as-of"),
        ],
        sql: include_str!("sql/no-access.sql"),
    },
    Report {
        name: "memberships",
        title: "Memberships",
        description: "Who was in which group at as-of.",
        parameters: &[GROUP],
        columns: user_columns![
            ("group", Text, "the group's name"),
            ("since", Time, "when a walk first saw the membership"),
        ],
        sql: include_str!("sql/memberships.sql"),
    },
    Report {
        name: "membership-changes",
        title: "Membership changes",
        description: "Who joined or left which group between `since` and as-of. Each change happened after `not_before` \
                      and was seen `at`. The members whom a site's first walk found are left out: they were found, not \
                      seen to join.",
        parameters: &[
            Parameter {
                name: "since",
                kind: ParameterKind::Since { days_before: 30 },
                meaning: "changes seen at or after this moment; a date is its first millisecond, UTC",
            },
            GROUP,
        ],
        columns: user_columns![
            ("group", Text, "the group's name"),
            ("kind", Text, "member.added or member.removed"),
            ("at", Time, "when the walk saw it"),
            ("not_before", Time, "the applied walk before: the change is later"),
            ("walk_id", Integer, "the walk that saw it"),
        ],
        sql: include_str!("sql/membership-changes.sql"),
    },
];
