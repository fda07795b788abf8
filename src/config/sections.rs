//! What the rest of Rollbook sees of the configuration: one type a table of the file.

use std::path::PathBuf;
use std::time::Duration;

use super::{Schedule, Secret};

/// The effective configuration, validated.
#[derive(Clone, Debug)]
pub struct Config {
    /// `[database]`
    pub database: Database,
    /// `[http]`
    pub http: Http,
    /// `[log]`
    pub log: Log,
    /// `[sites.ID]`, ordered by id.
    pub sites: Vec<Site>,
    /// `[reports]`
    pub reports: Reports,
    /// `[[exceptions]]`
    pub exceptions: Vec<Exception>,
    /// `[[exports]]`
    pub exports: Vec<Export>,
    /// `[housekeeping]`
    pub housekeeping: Housekeeping,
    /// `[backup]`
    pub backup: Option<BackupPlan>,
    /// `[retention]`
    pub retention: Retention,
    /// `[[webhooks]]`
    pub webhooks: Vec<Webhook>,
}

/// Where the mirror lives.
#[derive(Clone, Debug)]
pub struct Database {
    /// The SQLite file.
    pub path: PathBuf,
    /// The group of this machine that may read it, and what is made of it.
    pub group: Option<String>,
}

/// The local web server.
#[derive(Clone, Debug)]
pub struct Http {
    /// Address and port; `None` switches the server off.
    pub listen: Option<std::net::SocketAddr>,
    /// The access token; required unless `listen` is a loopback address.
    pub token: Option<Secret>,
    /// Further names that clients may call the server by, in lower case.
    pub hosts: Vec<String>,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people and journald.
    Text,
    /// One JSON object a line.
    Json,
}

/// `[log]`
#[derive(Clone, Copy, Debug)]
pub struct Log {
    /// `log.format`
    pub format: LogFormat,
}

/// One Confluence.
#[derive(Clone, Debug)]
pub struct Site {
    /// The name of its table in the configuration.
    pub id: String,
    /// Data Center or Cloud.
    pub kind: SiteKind,
    /// Scheme, host and context path, without a trailing slash.
    pub base_url: url::Url,
    /// How requests are authenticated.
    pub credentials: Credentials,
    /// When it is walked by the daemon.
    pub schedule: Option<Schedule>,
    /// How much later than the schedule says a walk may begin.
    pub jitter: Duration,
    /// The site's time zone, for sources that write times without one and for its cron schedule.
    pub timezone: chrono_tz::Tz,
    /// The site is stale when its last applied walk is older.
    pub freshness: Duration,
    /// Whether the Confluence User Export app is asked.
    pub user_export: UserExport,
    /// Whether write-back commands may change the site.
    pub allow_writes: bool,
    /// What a walk may ask of the site.
    pub limits: Limits,
    /// When a walk is held.
    pub guard: Guard,
    /// Cloud: a file of further account ids.
    pub account_ids_file: Option<PathBuf>,
    /// Cloud: the site's id, as configured or as the gateway's address has it.
    pub cloud_id: Option<String>,
    /// Cloud: which groups are mirrored; `None` = those with users of the site among their members.
    pub group_filter: Option<globset::GlobMatcher>,
    /// The groups that are said to grant access; empty: they are deduced.
    pub licence_groups: Vec<String>,
    /// The groups that administer, as patterns; empty: those of the report `admins`.
    pub admin_groups: Vec<String>,
    /// How many users its licence allows.
    pub seats: Option<u64>,
    /// Cloud: where last-active dates come from.
    pub organization: Option<Organization>,
}

/// The kind of a site, spelled as in `sites.kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SiteKind {
    /// `data-center`
    DataCenter,
    /// `cloud`
    Cloud,
}

impl SiteKind {
    /// The spelling in the configuration and in SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DataCenter => "data-center",
            Self::Cloud => "cloud",
        }
    }
}

/// How requests to a site are authenticated.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// HTTP Basic: on Data Center a password, on Cloud an API token.
    Basic {
        /// The account's name.
        username: String,
        /// Its password or API token.
        password: Secret,
    },
    /// `Authorization: Bearer`.
    Bearer {
        /// A personal access token, an OAuth token, an organization's API key.
        token: Secret,
    },
}

/// `user_export`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserExport {
    /// Used where the site has it.
    Auto,
    /// Required.
    On,
    /// Never asked.
    Off,
}

/// `[sites.ID.limits]`
#[derive(Clone, Debug)]
pub struct Limits {
    /// Requests in flight.
    pub concurrency: usize,
    /// Mean rate of requests; 0 = unlimited.
    pub requests_per_second: f64,
    /// Rows asked for in one page.
    pub page_size: u32,
    /// Cloud: account ids looked up in one request.
    pub batch_size: usize,
    /// Single look-ups of users whom no listing shows, per walk.
    pub lookups_per_walk: u32,
    /// From sending a request to the last byte of its answer.
    pub request_timeout: Duration,
    /// How long a walk may ask; no request is begun later.
    pub walk_deadline: Duration,
    /// How often a request that failed for a passing reason is sent again.
    pub retries: u32,
}

/// `[sites.ID.guard]`
#[derive(Clone, Debug)]
pub struct Guard {
    /// Per cent of the active users.
    pub users_percent: f64,
    /// Per cent of the memberships, over the site or within one group.
    pub memberships_percent: f64,
    /// Fewer than this many affected are never held.
    pub ignore_below: u64,
}

/// `[sites.ID.organization]`
#[derive(Clone, Debug)]
pub struct Organization {
    /// The organization's id.
    pub id: String,
    /// Its API key.
    pub api_key: Secret,
    /// The Organizations API.
    pub base_url: url::Url,
    /// Users asked about one by one, per walk.
    pub lookups_per_walk: u32,
}

/// `[reports]`
#[derive(Clone, Debug)]
pub struct Reports {
    /// A folder of one's own `.sql` reports.
    pub path: Option<PathBuf>,
}

/// One `[[exceptions]]`: accounts deliberately left out of "reclaimable".
#[derive(Clone, Debug)]
#[allow(missing_docs)] // the keys of the configuration
pub struct Exception {
    pub text: String,
    /// Of `text` in lower case.
    pub(super) pattern: globset::GlobMatcher,
    pub reason: String,
    pub owner: Option<String>,
    pub expires: Option<chrono::NaiveDate>,
}

impl Exception {
    /// Names and addresses are compared without case.
    ///
    /// # Errors
    /// The pattern is none.
    pub fn new(
        pattern: &str,
        reason: &str,
        owner: Option<&str>,
        expires: Option<chrono::NaiveDate>,
    ) -> Result<Self, String> {
        let (text, pattern) = (pattern.to_owned(), super::validate::glob(&pattern.to_lowercase(), "svc-*")?);
        Ok(Self { text, pattern, reason: reason.to_owned(), owner: owner.map(str::to_owned), expires })
    }

    /// Whether it is about the account with this name and e-mail address; empty is none.
    pub fn matches(&self, name: &str, email: &str) -> bool {
        [name, email].iter().any(|text| !text.is_empty() && self.pattern.is_match(text.to_lowercase()))
    }
}

/// One `[[exports]]`: a report written on a schedule.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // the keys of the configuration
pub struct Export {
    pub report: String,
    pub params: Vec<(String, String)>,
    pub format: String,
    /// With the placeholders `{date}` and `{site}`.
    pub path: PathBuf,
    pub schedule: Schedule,
    /// How many files are kept; `None` = all.
    pub keep: Option<usize>,
}

/// `[housekeeping]`
#[derive(Clone, Debug)]
pub struct Housekeeping {
    /// Read in UTC.
    pub schedule: Schedule,
}

/// `[backup]`
#[derive(Clone, Debug)]
pub struct BackupPlan {
    /// With the placeholder `{date}`.
    pub path: PathBuf,
    /// Read in UTC.
    pub schedule: Schedule,
    /// How many copies are kept.
    pub keep: usize,
}

/// `[retention]`; what is `None` is kept for ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct Retention {
    /// How long what ended is kept.
    pub history: Option<Duration>,
    /// Cloud: how long a closed account is kept.
    pub closed_accounts: Option<Duration>,
}

/// What a webhook may be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// `walk.failed`
    WalkFailed,
    /// `walk.held`
    WalkHeld,
    /// `site.stale`
    SiteStale,
    /// `admins.changed`
    AdminsChanged,
    /// `seats.exceeded`
    SeatsExceeded,
}

impl Event {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::WalkFailed, Self::WalkHeld, Self::SiteStale, Self::AdminsChanged, Self::SeatsExceeded];

    /// The spelling in the configuration, in what is sent, and in SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WalkFailed => "walk.failed",
            Self::WalkHeld => "walk.held",
            Self::SiteStale => "site.stale",
            Self::AdminsChanged => "admins.changed",
            Self::SeatsExceeded => "seats.exceeded",
        }
    }
}

/// One `[[webhooks]]`.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Where to; may itself be a secret.
    pub url: Secret,
    /// The key of the signature.
    pub secret: Option<Secret>,
    /// Of what it is told.
    pub events: Vec<Event>,
}
