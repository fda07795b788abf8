//! Every key of the configuration, once: what may stand in it, its default, what it means. The check for unknown
//! keys, the defaults, the ranges, `check-config` and `docs/configuration.md` all come from this table.

use Kind::*;

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    /// The whole path; `*` stands for a site's id, `[]` for each element of an array of tables.
    pub path: &'static str,
    pub kind: Kind,
    /// Spelled as in an environment variable.
    pub default: Option<&'static str>,
    /// When it must be given; [`ALWAYS`] or a condition.
    pub required: Option<&'static str>,
    /// One paragraph of Markdown.
    pub doc: &'static str,
}

/// What may stand in a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Text,
    /// A secret itself.
    Secret,
    /// A file that holds a secret.
    SecretFile,
    Path,
    Address,
    Url,
    Boolean,
    Integer {
        min: i64,
        max: i64,
    },
    Number {
        min: f64,
        max: f64,
    },
    Duration,
    /// A duration that may be nothing.
    Pause,
    Choice(&'static [&'static str]),
    Zone,
    Schedule,
    Date,
    Glob,
    /// A table of whatever the report takes.
    Parameters,
}

/// Required without a condition.
pub(super) const ALWAYS: &str = "always";

/// The tables, in the order of the reference page and of `check-config`.
pub(super) const TABLES: &[(&str, &str)] = &[
    ("database", "Where the mirror lives."),
    ("http", "The local web server: pages, reports, metrics, and the upstream interfaces answered from the mirror."),
    ("log", "How log lines are written. What is logged is chosen on the command line, with `-v` and `-q`."),
    (
        "sites.*",
        "One table a site. The id is yours to choose: 1 to 64 letters, digits, `-` and `_`; it names the site in \
         commands, reports and the database, so do not change it later.",
    ),
    ("sites.*.limits", "What a walk may ask of the site."),
    (
        "sites.*.guard",
        "When a walk is held: its removals are set aside for a person to approve, everything else is applied.",
    ),
    (
        "sites.*.organization",
        "Cloud only, optional: the Atlassian organization, from whose API last-active dates come.",
    ),
    ("reports", "Your own reports."),
    (
        "exceptions[]",
        "Accounts deliberately left out of the report `reclaimable`; it lists them apart, with the reason. Only in \
         the file, one `[[exceptions]]` each.",
    ),
    ("exports[]", "Reports that the daemon writes on a schedule. Only in the file, one `[[exports]]` each."),
    (
        "housekeeping",
        "What the daemon does beside the walks: the tables' statistics are renewed, the write-ahead log is carried over, \
         and what `[retention]` says is done.",
    ),
    (
        "backup",
        "Optional: copies of the database, as `rollbook db backup` makes them, that the daemon makes and rotates.",
    ),
    ("retention", "Optional: how long what is no longer so is kept. Without these keys, for ever."),
    (
        "webhooks[]",
        "Optional: addresses that the daemon tells of what needs a person, as JSON in a POST request. Only in the file, \
         one `[[webhooks]]` each.",
    ),
];

const fn key(path: &'static str, kind: Kind, default: Option<&'static str>, doc: &'static str) -> Key {
    Key { path, kind, default, required: None, doc }
}

const fn required(path: &'static str, kind: Kind, when: &'static str, doc: &'static str) -> Key {
    Key { path, kind, default: None, required: Some(when), doc }
}

/// Every key, in the order of [`TABLES`].
pub(super) const KEYS: &[Key] = &[
    key(
        "database.path",
        Path,
        Some("rollbook.db"),
        "The SQLite file. It is created, readable by its owner alone, when it does not exist.",
    ),
    key(
        "database.group",
        Text,
        None,
        "A group of this machine whose members may read the database, the backups and the exports. Without it their \
         owner alone may.",
    ),
    key(
        "http.listen",
        Address,
        Some("127.0.0.1:8642"),
        "IP address and port of the web server; `\"\"` switches it off.",
    ),
    key(
        "http.token",
        Secret,
        None,
        "What a client must present, as a Bearer token or as the password of Basic authentication. Prefer \
         `token_file`; never both.",
    ),
    required(
        "http.token_file",
        SecretFile,
        "unless `listen` is a loopback address or `\"\"`, or `token` is given",
        "A file that holds the token.",
    ),
    key(
        "http.hosts",
        Text,
        None,
        "The names by which clients reach the server, separated by commas, as in `rollbook.example.com, rollbook`; \
         it also answers to `localhost`, to loopback addresses and to the address that it listens on (to every address where \
         that is `0.0.0.0` or `[::]`). A request with another `Host` is refused, so that no web page can ask in its \
         reader's name.",
    ),
    key("log.format", Choice(&["text", "json"]), Some("text"), "`text` for people and journald, `json` for machines."),
    required("sites.*.kind", Choice(&["data-center", "cloud"]), ALWAYS, "What the site is."),
    required(
        "sites.*.base_url",
        Url,
        ALWAYS,
        "Scheme, host and context path, as in `https://confluence.example.com/confluence` or \
         `https://example.atlassian.net/wiki`; without credentials, query or fragment.",
    ),
    required(
        "sites.*.username",
        Text,
        "with `password` or `password_file`",
        "The account that reads the site: its name on Data Center, its e-mail address on Cloud. On Cloud it turns a \
         token into Basic authentication; on Data Center a token needs no name, and a name beside it is ignored.",
    ),
    key(
        "sites.*.password",
        Secret,
        None,
        "The account's password (on Cloud: its API token). Prefer `password_file`: the configuration can then be read \
         by others.",
    ),
    required(
        "sites.*.password_file",
        SecretFile,
        "unless one of `password`, `token` and `token_file` is given; exactly one of the four",
        "A file that holds the password.",
    ),
    key(
        "sites.*.token",
        Secret,
        None,
        "A personal access token (Data Center) or an API token (Cloud). Prefer `token_file`.",
    ),
    key("sites.*.token_file", SecretFile, None, "A file that holds the token."),
    key(
        "sites.*.schedule",
        Schedule,
        None,
        "When the daemon walks the site. Without it the site is walked by `rollbook sync` alone.",
    ),
    key(
        "sites.*.jitter",
        Pause,
        Some("60s"),
        "Each walk of the schedule begins by a random time later, at most this, and at most a tenth of the time to the \
         next: so that not everybody asks at the full hour. `\"0s\"` for none.",
    ),
    key(
        "sites.*.timezone",
        Zone,
        Some("UTC"),
        "The IANA name of the site's time zone: its cron schedule is read in it, and so are times that the site \
         writes without a zone.",
    ),
    key(
        "sites.*.freshness",
        Duration,
        Some("24h"),
        "The site is stale when its last applied walk is older: `status` then ends with 5 and `/readyz` answers 503.",
    ),
    key(
        "sites.*.user_export",
        Choice(&["auto", "on", "off"]),
        Some("auto"),
        "Whether the Confluence User Export app is asked (Data Center): `auto` where the site has it, `on` when a \
         walk without it is partial, and one that it refuses fails, `off` never.",
    ),
    key(
        "sites.*.allow_writes",
        Boolean,
        Some("false"),
        "Write-back commands (`user`, `group`, `access`, `apply`) refuse the site unless this is `true`.",
    ),
    key(
        "sites.*.account_ids_file",
        Path,
        None,
        "Cloud only: further account ids to look up, one a line, for accounts that no listing shows. Blank lines, and \
         lines that begin with `#`, are passed over.",
    ),
    key(
        "sites.*.cloud_id",
        Text,
        None,
        "Cloud only: the site's id, as `https://SITE.atlassian.net/_edge/tenant_info` tells it. A `base_url` on the \
         gateway has it in its path. Needed to tell the site's last-active dates from those of other sites of the \
         organization.",
    ),
    key(
        "sites.*.group_filter",
        Glob,
        None,
        "Cloud only: mirror the groups whose names match this pattern, as in `{confluence-*,site-admins}`, and those \
         mirrored already. Without it every group is mirrored that has a user of this site among its members.",
    ),
    key(
        "sites.*.licence_groups",
        Text,
        None,
        "The groups whose members may use Confluence, separated by commas, as in `confluence-users, wiki-guests`. The \
         report `licence-groups` tells by them why a user is licensed; without them it deduces them from who has access.",
    ),
    key(
        "sites.*.admin_groups",
        Text,
        None,
        "The groups that administer the site, separated by commas; `*` is any run of characters. A change of their \
         members is told by `[[webhooks]]`. Without it, those that the report `admins` names.",
    ),
    key(
        "sites.*.seats",
        Integer { min: 1, max: i64::MAX },
        None,
        "How many users the site's licence allows. More than that are told by `[[webhooks]]` and in `/metrics`.",
    ),
    key("sites.*.limits.concurrency", Integer { min: 1, max: 64 }, Some("4"), "Requests in flight at one time."),
    key(
        "sites.*.limits.requests_per_second",
        Number { min: 0.0, max: 1_000_000.0 },
        Some("20.0"),
        "The mean rate of requests; 0 is unlimited. The smallest rate is 0.001.",
    ),
    key(
        "sites.*.limits.page_size",
        Integer { min: 1, max: 10_000 },
        Some("1000"),
        "Rows asked for in one page. Cloud gives no more than 200, its organization 100.",
    ),
    key(
        "sites.*.limits.batch_size",
        Integer { min: 1, max: 250 },
        Some("250"),
        "Cloud: account ids looked up in one request (`users-bulk`).",
    ),
    key(
        "sites.*.limits.lookups_per_walk",
        Integer { min: 0, max: 100_000 },
        Some("200"),
        "Single look-ups, per walk, of users whom no listing shows any more. On Cloud: further requests, per walk, to \
         find the account ids that the site refuses.",
    ),
    key(
        "sites.*.limits.request_timeout",
        Duration,
        Some("60s"),
        "From sending a request to the last byte of its answer.",
    ),
    key(
        "sites.*.limits.walk_deadline",
        Duration,
        Some("4h"),
        "How long a walk may ask the site. What was not asked by then is not asked: the walk is partial, or has failed \
         when the user list could not be begun.",
    ),
    key(
        "sites.*.limits.retries",
        Integer { min: 0, max: 20 },
        Some("5"),
        "How often a request that failed for a passing reason is sent again.",
    ),
    key(
        "sites.*.guard.users_percent",
        Number { min: 0.0, max: 100.0 },
        Some("10"),
        "Hold a walk that would take more than this share of the active users out of `active`.",
    ),
    key(
        "sites.*.guard.memberships_percent",
        Number { min: 0.0, max: 100.0 },
        Some("25"),
        "Hold a walk that would end more than this share of the memberships, over the site or within one group.",
    ),
    key(
        "sites.*.guard.ignore_below",
        Integer { min: 0, max: i64::MAX },
        Some("10"),
        "Fewer than this many affected users or memberships are never held.",
    ),
    required("sites.*.organization.id", Text, ALWAYS, "The organization's id, as admin.atlassian.com shows it."),
    key("sites.*.organization.api_key", Secret, None, "An organization API key. Prefer `api_key_file`."),
    required(
        "sites.*.organization.api_key_file",
        SecretFile,
        "unless `api_key` is given; never both",
        "A file that holds the API key.",
    ),
    key("sites.*.organization.base_url", Url, Some("https://api.atlassian.com/admin"), "The Organizations API."),
    key(
        "sites.*.organization.lookups_per_walk",
        Integer { min: 0, max: 100_000 },
        Some("200"),
        "Where the organization does not tell last-active dates in bulk: users asked about one by one, per walk. Those \
         of whom nothing is known come first, then whoever was asked about longest ago.",
    ),
    key("reports.path", Path, None, "A folder of your own reports, one `.sql` file each."),
    required(
        "exceptions[].match",
        Glob,
        ALWAYS,
        "A pattern on the name or the e-mail address, as in `svc-*`: `*` any run of characters, `?` one, `[ab]` one \
         of these, `{a,b}` either. Upper and lower case are the same.",
    ),
    required("exceptions[].reason", Text, ALWAYS, "Why the accounts are kept; it is shown in the report."),
    key("exceptions[].owner", Text, None, "Who answers for them."),
    key("exceptions[].expires", Date, None, "The last day (UTC) on which the exception holds, as in `2027-06-30`."),
    required("exports[].report", Text, ALWAYS, "The name of the report, as `rollbook report` lists it."),
    key("exports[].params", Parameters, None, "The report's parameters, as in `{ days = 180 }`."),
    required(
        "exports[].format",
        Choice(&[
            "table",
            "csv",
            "json",
            "ndjson",
            "xml",
            #[cfg(feature = "xlsx")]
            "xlsx",
            #[cfg(feature = "parquet")]
            "parquet",
            "html",
        ]),
        ALWAYS,
        "How it is written.",
    ),
    required(
        "exports[].path",
        Path,
        ALWAYS,
        "The file that is written. `{date}` in it becomes the day of the export (UTC), as in `inactive-2026-01-31.xlsx`; \
         with `{site}` there is a file for each site. Its folder is made when it is not there.",
    ),
    required("exports[].schedule", Schedule, ALWAYS, "When it is written; cron is read in UTC."),
    key(
        "exports[].keep",
        Integer { min: 1, max: 100_000 },
        None,
        "How many files of other days are kept, with this one: older ones are removed once the new one is written. \
         Without it all are.",
    ),
    key("housekeeping.schedule", Schedule, Some("0 30 3 * * *"), "When; cron is read in UTC."),
    key(
        "backup.path",
        Path,
        None,
        "The copy; `{date}` in it becomes the day (UTC), as in `backups/rollbook-{date}.db`. Its folder is made when it \
         is not there. Without this key no copy is made.",
    ),
    key("backup.schedule", Schedule, Some("0 0 4 * * *"), "When it is made; cron is read in UTC."),
    key(
        "backup.keep",
        Integer { min: 1, max: 100_000 },
        Some("7"),
        "How many copies are kept: older ones are removed once the new one is verified.",
    ),
    key(
        "retention.history",
        Duration,
        None,
        "What ended longer ago is removed, as `rollbook db prune` does: versions of users, memberships, log-ins, changes. \
         What is so now stays, and so do the walks and their figures.",
    ),
    key(
        "retention.closed_accounts",
        Pause,
        None,
        "Cloud: an account that was found closed so long ago is forgotten, as `rollbook db forget` does.",
    ),
    key(
        "webhooks[].url",
        Secret,
        None,
        "Where to. Prefer `url_file` when the address itself lets whoever knows it in; never both.",
    ),
    required("webhooks[].url_file", SecretFile, "unless `url` is given", "A file that holds the address."),
    key("webhooks[].secret", Secret, None, "The key of the signature. Prefer `secret_file`; never both."),
    key(
        "webhooks[].secret_file",
        SecretFile,
        None,
        "A file that holds the key of the signature. Without a key nothing is signed.",
    ),
    key(
        "webhooks[].events",
        Text,
        Some("walk.failed, walk.held, site.stale, admins.changed, seats.exceeded"),
        "Of what it is told, separated by commas: `walk.failed` (a site could not be walked), `walk.held` (a walk waits \
         for a decision), `site.stale` (no walk was applied for longer than `freshness`), `admins.changed` (somebody \
         joined or left a group of `admin_groups`), `seats.exceeded` (there are more active users than `seats`).",
    ),
];

/// What a name stands for within a table.
pub(super) enum Child {
    Leaf(&'static Key),
    /// A table, with its pattern.
    Table(String),
    /// An array of tables, with the pattern of its elements.
    Array(String),
}

/// The key of a whole path pattern, as in `sites.*.kind`.
pub(super) fn find(pattern: &str) -> &'static Key {
    KEYS.iter().find(|key| key.path == pattern).unwrap_or_else(|| unreachable!("{pattern} is not in the table of keys"))
}

/// What `name` stands for in the table `pattern` (`""` is the root).
pub(super) fn child(pattern: &str, name: &str) -> Option<Child> {
    if pattern == "sites" {
        return Some(Child::Table("sites.*".into()));
    }
    let whole = join(pattern, name);
    let (as_table, as_array) = (format!("{whole}."), format!("{whole}[]."));
    KEYS.iter().find_map(|key| {
        if key.path == whole {
            Some(Child::Leaf(key))
        } else if key.path.starts_with(&as_table) {
            Some(Child::Table(whole.clone()))
        } else if key.path.starts_with(&as_array) {
            Some(Child::Array(format!("{whole}[]")))
        } else {
            None
        }
    })
}

/// The names that are valid in the table `pattern`, in the table's order.
pub(super) fn names(pattern: &str) -> Vec<&'static str> {
    let mut names = Vec::new();
    for rest in below(pattern) {
        let name = rest.split('.').next().unwrap_or(rest).trim_end_matches("[]");
        if name != "*" && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn below(pattern: &str) -> impl Iterator<Item = &'static str> {
    let prefix = if pattern.is_empty() { String::new() } else { format!("{pattern}.") };
    KEYS.iter().filter_map(move |key| key.path.strip_prefix(prefix.as_str()))
}

/// What to write instead of the unknown `name` in the table `pattern`, whose own path is `path`: the nearest valid
/// key, and all of them when none is near.
pub(super) fn suggest(pattern: &str, path: &str, name: &str) -> String {
    let plain = name.to_lowercase().replace('-', "_");
    let names = names(pattern);
    // The right name one table too high, as in `sites.corp.retries`, is nearer than any neighbour.
    let is_it =
        |rest: &&str| rest.rsplit_once('.').is_some_and(|(above, last)| last == plain && !above.contains(['*', '[']));
    if !names.contains(&plain.as_str())
        && let Some(deeper) = below(pattern).find(is_it)
    {
        return format!("the nearest valid key is {}", join(path, deeper));
    }
    let likeness = |candidate: &str| strsim::normalized_damerau_levenshtein(&plain, candidate);
    let nearest = names.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or_default();
    let mut text = format!("the nearest valid key is {}", join(path, nearest));
    if likeness(nearest) < 0.5 {
        text.push_str(&format!(" (valid here: {})", names.join(", ")));
    }
    text
}

/// `path.name`, or `name` at the root.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_in_one_table_and_in_its_order() {
        let mut tables: Vec<&str> = Vec::new();
        for key in KEYS {
            let table = key.path.rsplit_once('.').unwrap().0;
            if tables.last() != Some(&table) {
                assert!(!tables.contains(&table), "{table} is not contiguous");
                tables.push(table);
            }
        }
        assert_eq!(tables, TABLES.iter().map(|(table, _)| *table).collect::<Vec<_>>());
    }

    #[test]
    fn the_nearest_key_is_named() {
        assert_eq!(suggest("http", "http", "lisen"), "the nearest valid key is http.listen");
        assert_eq!(suggest("", "", "databse"), "the nearest valid key is database");
        assert_eq!(suggest("sites.*", "sites.a", "base-url"), "the nearest valid key is sites.a.base_url");
        assert_eq!(suggest("sites.*", "sites.a", "retries"), "the nearest valid key is sites.a.limits.retries");
        let far = suggest("http", "http", "zzzzzz");
        assert!(far.contains("nearest valid key is http.") && far.contains("listen, token, token_file"), "{far}");
    }
}
