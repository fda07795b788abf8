//! The merged layers to the configuration: every key read, and the keys that depend on each other compared.

use chrono_tz::Tz;

use super::scope::{Context, Scope};
use super::sections::*;
use super::{Schedule, Secret};
use crate::model::Timestamp;

const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);

/// Placeholders in the path of an export; in that of a backup the first.
const PLACEHOLDERS: [&str; 2] = ["date", "site"];

/// The whole configuration. `None`, or problems in the context: it cannot be used.
pub(super) fn config(root: &Scope, context: &Context, now: Timestamp) -> Option<Config> {
    let database = database(&root.child("database"));
    let http = http(&root.child("http"));
    let log = root
        .child("log")
        .choice("format")
        .map(|format| Log { format: if format == "json" { LogFormat::Json } else { LogFormat::Text } });
    let sites = sites(&root.child("sites"), context, now);
    let reports = Reports { path: root.child("reports").path("path") };
    if let Some(path) = reports.path.as_ref().filter(|path| !path.is_dir()) {
        context.warn(format!("reports.path: {} is not a folder: create it, or remove the key", path.display()));
    }
    let exceptions = root.elements("exceptions").iter().filter_map(|scope| exception(scope, context, now)).collect();
    let exports = exports(&root.elements("exports"), now);
    let housekeeping = housekeeping(&root.child("housekeeping"), now);
    let backup = backup(&root.child("backup"), now);
    let retention = retention(&root.child("retention"));
    let webhooks = root.elements("webhooks").iter().filter_map(webhook).collect();
    Some(Config {
        database: database?,
        http: http?,
        log: log?,
        sites,
        reports,
        exceptions,
        exports,
        housekeeping: housekeeping?,
        backup,
        retention,
        webhooks,
    })
}

fn database(scope: &Scope) -> Option<Database> {
    let path = scope.path("path");
    let group = scope.text("group");
    Some(Database { path: path?, group })
}

fn housekeeping(scope: &Scope, now: Timestamp) -> Option<Housekeeping> {
    let schedule = scope.schedule("schedule").filter(|schedule| fires(scope, schedule, Tz::UTC, now));
    Some(Housekeeping { schedule: schedule? })
}

fn backup(scope: &Scope, now: Timestamp) -> Option<BackupPlan> {
    let path = scope.path("path");
    refuse_unknown_placeholders(scope, path.as_deref(), &PLACEHOLDERS[..1]);
    let schedule = scope.schedule("schedule").filter(|schedule| fires(scope, schedule, Tz::UTC, now));
    let keep = scope.integer("keep");
    if path.as_deref().is_some_and(|path| path.to_string_lossy().contains("{date}") && !is_dated(path)) {
        scope.problem("path", "copies are counted by their day: put {date} once, into the file's name");
    }
    if scope.is_given() && !scope.has("path") {
        scope.problem("path", "is missing: name the copy, as in \"backups/rollbook-{date}.db\", or remove the table");
    }
    Some(BackupPlan { path: path?, schedule: schedule?, keep: keep? })
}

fn retention(scope: &Scope) -> Retention {
    let history = scope.duration("history");
    let closed_accounts = scope.duration("closed_accounts");
    if let Some(history) = history.filter(|history| *history < DAY) {
        let message = format!("is {} seconds: history is kept for a day or longer", history.as_secs());
        scope.problem("history", message);
    }
    Retention { history, closed_accounts }
}

fn webhook(scope: &Scope) -> Option<Webhook> {
    if !scope.has("url") && !scope.has("url_file") {
        scope.problem("url_file", "is missing: give exactly one of url, url_file");
    }
    let url = scope.secret(&["url", "url_file"]).and_then(|(name, url)| match url::Url::parse(url.reveal()) {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") => Some(url),
        _ if name == "url_file" && !scope.reads_secret_files() => Some(url),
        _ => {
            scope.problem(
                name,
                "holds no address: write scheme, host and path, as in \"https://chat.example.com/hook\"",
            );
            None
        }
    });
    let secret = scope.secret(&["secret", "secret_file"]).map(|(_, secret)| secret);
    let events = scope.parsed("events", |text| {
        let event = |name: String| {
            let known = Event::ALL.into_iter().find(|event| event.as_str() == name);
            known.ok_or_else(|| format!("holds '{name}': there are {}", Event::ALL.map(Event::as_str).join(", ")))
        };
        names(text).into_iter().map(event).collect::<Result<Vec<_>, _>>()
    });
    Some(Webhook { url: url?, secret, events: events? })
}

fn http(scope: &Scope) -> Option<Http> {
    let listen = scope.address("listen");
    let token = scope.secret(&["token", "token_file"]).map(|(_, token)| token);
    let asked = scope.has("token") || scope.has("token_file");
    if let Some(address) = listen.flatten().filter(|address| !address.ip().is_loopback() && !asked) {
        let message = format!(
            "is required because listen = \"{address}\" is not a loopback address: write a token into \
                               a file and name it here, or listen on 127.0.0.1"
        );
        scope.problem("token_file", message);
    }
    let hosts = scope.parsed("hosts", |text| {
        let hosts: Vec<String> = names(text).iter().map(|name| name.to_lowercase()).collect();
        // A port may be behind the name in a request, and says nothing here.
        match hosts.iter().find(|name| name.contains(['/', ':', '*', '@']) || name.contains(char::is_whitespace)) {
            Some(odd) => Err(format!("holds '{odd}': write names alone, as in \"rollbook.example.com\"")),
            None => Ok(hosts),
        }
    });
    Some(Http { listen: listen?, token, hosts: hosts.unwrap_or_default() })
}

fn sites(scope: &Scope, context: &Context, now: Timestamp) -> Vec<Site> {
    let ids = scope.names();
    for (index, id) in ids.iter().enumerate() {
        if let Some(twin) = ids[..index].iter().find(|other| other.eq_ignore_ascii_case(id)) {
            scope.child(id).refuse_table(&format!("differs from the site {twin} only in case: rename one of them"));
        }
    }
    ids.iter().filter_map(|id| site(id, &scope.child(id), context, now)).collect()
}

fn site(id: &str, scope: &Scope, context: &Context, now: Timestamp) -> Option<Site> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if id.is_empty() || id.len() > 64 || !id.chars().all(fits) {
        scope.refuse_table("is not a site's id: use 1 to 64 letters (a to z), digits, - and _");
    }
    let kind = scope.choice("kind").map(|kind| match kind {
        "cloud" => SiteKind::Cloud,
        _ => SiteKind::DataCenter,
    });
    let base_url = scope.url("base_url");
    if let Some(url) = base_url.as_ref().filter(|url| url.scheme() == "http" && !is_local(url)) {
        context.warn(format!(
            "{}: {url} is not encrypted: the credentials can be read on their way",
            scope.path_of("base_url")
        ));
    }
    if let Some(url) = base_url.as_ref().filter(|url| kind == Some(SiteKind::Cloud) && !url.path().ends_with("/wiki")) {
        context.warn(format!(
            "{}: {url} does not end with /wiki, as a Cloud site's address does: https://SITE.atlassian.net/wiki, or \
             https://api.atlassian.com/ex/confluence/CLOUD_ID/wiki",
            scope.path_of("base_url")
        ));
    }
    let credentials = credentials(scope, kind);
    let schedule = scope.schedule("schedule");
    let jitter = scope.duration("jitter");
    let timezone = scope.parsed("timezone", zone);
    let schedule = schedule.filter(|schedule| fires(scope, schedule, timezone.unwrap_or(Tz::UTC), now));
    let freshness = scope.duration("freshness");
    let user_export = scope.choice("user_export").map(|choice| match choice {
        "on" => UserExport::On,
        "off" => UserExport::Off,
        _ => UserExport::Auto,
    });
    let allow_writes = scope.boolean("allow_writes");
    let account_ids_file = scope.path("account_ids_file");
    if let Some(path) = account_ids_file.as_ref().filter(|path| !path.is_file()) {
        let message =
            format!("there is no file {}: create it, one account id a line, or remove the key", path.display());
        scope.problem("account_ids_file", message);
    }
    let cloud_id = cloud_id(scope, base_url.as_ref());
    let group_filter = scope.parsed("group_filter", |text| glob(text, "confluence-*"));
    let licence_groups = scope.parsed("licence_groups", |text| Ok(names(text)));
    let admin_groups = scope.parsed("admin_groups", |text| Ok(names(text)));
    let seats = scope.integer("seats");
    let limits = limits(&scope.child("limits"));
    let guard = guard(&scope.child("guard"));
    let organization_scope = scope.child("organization");
    let organization = organization_scope.is_given().then(|| organization(&organization_scope)).flatten();
    if kind == Some(SiteKind::DataCenter) {
        for name in ["account_ids_file", "cloud_id", "group_filter"].into_iter().filter(|name| scope.has(name)) {
            scope.problem(name, "is for Cloud sites only: remove it, or set kind = \"cloud\"");
        }
        if organization_scope.is_given() {
            organization_scope.refuse_table("is for Cloud sites only: remove the table, or set kind = \"cloud\"");
        }
    }
    if kind == Some(SiteKind::Cloud) && user_export == Some(UserExport::On) {
        scope.problem("user_export", "asks for an app of Data Center, and this is a Cloud site: remove the key");
    }
    Some(Site {
        id: id.to_owned(),
        kind: kind?,
        base_url: base_url?,
        credentials: credentials?,
        schedule,
        jitter: jitter?,
        timezone: timezone?,
        freshness: freshness?,
        user_export: user_export?,
        allow_writes: allow_writes?,
        limits: limits?,
        guard: guard?,
        account_ids_file,
        cloud_id,
        group_filter,
        licence_groups: licence_groups.unwrap_or_default(),
        admin_groups: admin_groups.unwrap_or_default(),
        seats,
        organization,
    })
}

fn is_local(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The id of a Cloud site: as configured, else as the gateway's address has it (`…/ex/confluence/ID/wiki`).
fn cloud_id(scope: &Scope, base_url: Option<&url::Url>) -> Option<String> {
    let given = scope.text("cloud_id");
    let mut segments = base_url?.path_segments()?.skip_while(|segment| *segment != "ex");
    let addressed = match (segments.next(), segments.next()) {
        (Some("ex"), Some("confluence")) => segments.next().filter(|id| !id.is_empty()).map(str::to_owned),
        _ => None,
    };
    if let (Some(given), Some(addressed)) = (&given, &addressed)
        && !given.eq_ignore_ascii_case(addressed)
    {
        scope.problem("cloud_id", format!("differs from the id in base_url, {addressed}: remove the key"));
    }
    given.or(addressed)
}

const CREDENTIALS: [&str; 4] = ["password", "password_file", "token", "token_file"];

fn credentials(scope: &Scope, kind: Option<SiteKind>) -> Option<Credentials> {
    let username = scope.text("username");
    if !CREDENTIALS.iter().any(|name| scope.has(name)) {
        let message = "is missing: give exactly one of password, password_file, token, token_file";
        scope.problem(if scope.has("username") { "password_file" } else { "token_file" }, message);
    }
    let (name, secret) = scope.secret(&CREDENTIALS)?;
    let basic = |username: String, password: Secret| {
        // Basic authentication separates name and password with the first colon.
        if username.contains(':') {
            scope.problem("username", "holds a colon, which Basic authentication cannot carry: use a token instead");
        }
        Some(Credentials::Basic { username, password })
    };
    match (name.starts_with("token"), username, kind?) {
        (true, Some(username), SiteKind::Cloud) => basic(username, secret),
        (true, _, _) => Some(Credentials::Bearer { token: secret }),
        (false, Some(username), _) => basic(username, secret),
        (false, None, _) => {
            if !scope.has("username") {
                scope.problem("username", format!("is missing: {name} needs the account's name beside it"));
            }
            None
        }
    }
}

fn zone(text: &str) -> Result<Tz, String> {
    text.parse().map_err(|_| {
        let likeness = |zone: &Tz| strsim::jaro_winkler(&zone.name().to_lowercase(), &text.to_lowercase());
        let nearest = chrono_tz::TZ_VARIANTS.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let nearest = nearest.map_or("UTC", |zone| zone.name());
        format!("is not an IANA time zone: the nearest is \"{nearest}\"")
    })
}

/// Whether a schedule fires at least once more; it is a problem when it does not.
fn fires(scope: &Scope, schedule: &Schedule, zone: Tz, now: Timestamp) -> bool {
    let fires = !schedule.next_firings(now, zone, 3).is_empty();
    if !fires {
        scope.problem("schedule", "never fires: no such day is left in the calendar; correct the day and the month");
    }
    fires
}

fn limits(scope: &Scope) -> Option<Limits> {
    let concurrency = scope.integer("concurrency");
    let requests_per_second = scope.number("requests_per_second");
    if requests_per_second.is_some_and(|rate| rate > 0.0 && rate < 0.001) {
        scope.problem("requests_per_second", "must be 0 (unlimited) or at least 0.001");
    }
    let page_size = scope.integer("page_size");
    let batch_size = scope.integer("batch_size");
    let lookups_per_walk = scope.integer("lookups_per_walk");
    let request_timeout = scope.duration("request_timeout");
    let walk_deadline = scope.duration("walk_deadline");
    let retries = scope.integer("retries");
    Some(Limits {
        concurrency: concurrency?,
        requests_per_second: requests_per_second?,
        page_size: page_size?,
        batch_size: batch_size?,
        lookups_per_walk: lookups_per_walk?,
        request_timeout: request_timeout?,
        walk_deadline: walk_deadline?,
        retries: retries?,
    })
}

fn guard(scope: &Scope) -> Option<Guard> {
    let users_percent = scope.number("users_percent");
    let memberships_percent = scope.number("memberships_percent");
    let ignore_below = scope.integer("ignore_below");
    Some(Guard {
        users_percent: users_percent?,
        memberships_percent: memberships_percent?,
        ignore_below: ignore_below?,
    })
}

fn organization(scope: &Scope) -> Option<Organization> {
    let id = scope.text("id");
    if !scope.has("api_key") && !scope.has("api_key_file") {
        scope.problem("api_key_file", "is missing: give exactly one of api_key, api_key_file");
    }
    let api_key = scope.secret(&["api_key", "api_key_file"]);
    let base_url = scope.url("base_url");
    let lookups_per_walk = scope.integer("lookups_per_walk");
    Some(Organization { id: id?, api_key: api_key?.1, base_url: base_url?, lookups_per_walk: lookups_per_walk? })
}

fn exception(scope: &Scope, context: &Context, now: Timestamp) -> Option<Exception> {
    // Whether it is a pattern; the rest of the exception is read below.
    let pattern = scope.parsed("match", |text| Exception::new(text, "", None, None));
    let reason = scope.text("reason");
    let owner = scope.text("owner");
    let expires = scope.parsed("expires", |text| {
        let strict = Some(text).filter(|text| text.len() == 10);
        let date = strict.and_then(|text| chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok());
        date.ok_or_else(|| "is not a date: write it like \"2027-06-30\"".to_owned())
    });
    if let Some(day) = expires.filter(|day| *day < now.in_zone(&Tz::UTC).date_naive()) {
        context.warn(format!("{} expired on {day}: renew it or remove it ({})", scope.path, scope.place_of("expires")));
    }
    Some(Exception { reason: reason?, owner, expires, ..pattern? })
}

/// Names separated by commas.
fn names(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// A pattern on names; Confluence compares them, and addresses, without case.
pub(super) fn glob(text: &str, example: &str) -> Result<globset::GlobMatcher, String> {
    if text.is_empty() {
        return Err(format!("is empty and fits nobody: write a pattern, as in {example:?}"));
    }
    let glob = globset::GlobBuilder::new(text).case_insensitive(true).build();
    glob.map(|glob| glob.compile_matcher())
        .map_err(|why| format!("is not a pattern ({}): write it like {example:?}", why.kind()))
}

fn exports(scopes: &[Scope], now: Timestamp) -> Vec<Export> {
    let mut exports: Vec<Export> = Vec::new();
    for scope in scopes {
        let Some(export) = export(scope, now) else { continue };
        if exports.iter().any(|other| other.path == export.path) {
            scope.problem("path", "is that of another export, which it would replace: name another file");
        }
        exports.push(export);
    }
    exports
}

fn export(scope: &Scope, now: Timestamp) -> Option<Export> {
    let report = scope.text("report");
    let params = scope.parameters("params");
    let format = scope.choice("format");
    let path = scope.path("path");
    refuse_unknown_placeholders(scope, path.as_deref(), &PLACEHOLDERS);
    let schedule = scope.schedule("schedule").filter(|schedule| fires(scope, schedule, Tz::UTC, now));
    let keep = scope.integer("keep");
    if scope.has("keep") && path.as_deref().is_some_and(|path| !is_dated(path)) {
        scope.problem("keep", "counts files by their day: put {date} once into the file's name, or remove the key");
    }
    Some(Export { report: report?, params, format: format?.to_owned(), path: path?, schedule: schedule?, keep })
}

/// Whether the day stands once in the path, in the name of the file: then its files can be counted.
fn is_dated(path: &std::path::Path) -> bool {
    let once = |text: &str| text.matches("{date}").count() == 1;
    once(&path.to_string_lossy()) && path.file_name().is_some_and(|name| once(&name.to_string_lossy()))
}

fn refuse_unknown_placeholders(scope: &Scope, path: Option<&std::path::Path>, known: &[&str]) {
    let path = path.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    let mut inner = path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name);
    if let Some(unknown) = inner.find(|name| !known.contains(name)) {
        let replaced: Vec<String> = known.iter().map(|name| format!("{{{name}}}")).collect();
        let message =
            format!("holds the unknown placeholder {{{unknown}}}: replaced are only {}", replaced.join(" and "));
        scope.problem("path", message);
    }
}
