//! What each key takes.

use std::time::Duration;

use super::*;

#[test]
fn a_minimal_site_gets_every_default() {
    let loaded = Place::site("").load();
    let site = &loaded.config.sites[0];
    assert_eq!(loaded.config.http.listen, Some("127.0.0.1:8642".parse().unwrap()));
    assert_eq!((site.kind, site.base_url.as_str()), (SiteKind::DataCenter, "https://c.example.com/wiki"));
    assert_eq!((site.freshness, site.timezone), (Duration::from_secs(86_400), chrono_tz::Tz::UTC));
    assert_eq!((site.user_export, site.allow_writes), (UserExport::Auto, false));
    let Limits {
        concurrency,
        requests_per_second,
        page_size,
        batch_size,
        lookups_per_walk,
        request_timeout,
        walk_deadline,
        retries,
    } = site.limits;
    assert_eq!((concurrency, requests_per_second, page_size, lookups_per_walk), (4, 20.0, 1000, 200));
    assert_eq!(batch_size, 250);
    assert_eq!((request_timeout, walk_deadline), (Duration::from_secs(60), Duration::from_secs(4 * 3600)));
    assert_eq!(retries, 5);
    let Guard { users_percent, memberships_percent, ignore_below } = site.guard;
    assert_eq!((users_percent, memberships_percent, ignore_below), (10.0, 25.0, 10));
    assert!(site.schedule.is_none() && site.organization.is_none() && site.account_ids_file.is_none());
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    assert_eq!(setting(&loaded, "sites.corp.limits.retries"), "5 # default");
}

#[test]
fn no_site_at_all_is_for_the_commands_to_judge() {
    assert!(Place::with("").load().config.sites.is_empty());
}

/// Each line makes exactly this complaint; `[sites.corp]` is open.
#[test]
fn values_out_of_range_name_key_value_place_and_remedy() {
    let cases = [
        (
            "timezone = \"Europe/Berln\"",
            "timezone = \"Europe/Berln\": is not an IANA time zone: the nearest is \"Europe/Berlin\"",
        ),
        ("timezone = \"europe/berlin\"", "the nearest is \"Europe/Berlin\""),
        ("freshness = 24", "freshness = 24: lacks its unit: write \"24s\""),
        ("freshness = \"24\"", "freshness = \"24\": lacks its unit: write \"24s\""),
        ("freshness = \"0s\"", "must be longer than 0s"),
        ("user_export = \"yes\"", "must be one of \"auto\", \"on\", \"off\""),
        ("user_export = true", "user_export = true: must be one of"),
        ("allow_writes = \"yes\"", "must be true or false"),
        ("allow_writes = 1", "allow_writes = 1: must be true or false"),
        ("schedule = \"0 */6 * * *\"", "has five fields"),
        ("schedule = \"0 0 0 31 2 *\"", "never fires"),
        ("schedule = \"@every 6\"", "lacks its unit"),
        ("account_ids_file = \"ids.txt\"", "is for Cloud sites only"),
        ("organization.id = \"x\"", "is for Cloud sites only"),
        ("cloud_id = \"x\"", "is for Cloud sites only"),
        ("group_filter = \"x\"", "is for Cloud sites only"),
        ("limits.batch_size = 251", "from 1 to 250"),
        ("limits.concurrency = 0", "limits.concurrency = 0: must be a whole number from 1 to 64"),
        ("limits.concurrency = 65", "from 1 to 64"),
        ("limits.concurrency = 4.0", "must be a whole number"),
        ("limits.requests_per_second = -1", "must be a number from 0"),
        ("limits.requests_per_second = nan", "must be a number from 0"),
        ("limits.requests_per_second = inf", "must be a number from 0"),
        ("limits.requests_per_second = 0.0001", "at least 0.001"),
        ("limits.page_size = 10001", "from 1 to 10000"),
        ("limits.page_size = 0", "from 1 to 10000"),
        ("limits.lookups_per_walk = 100001", "from 0 to 100000"),
        ("limits.request_timeout = \"0s\"", "longer than 0s"),
        ("limits.walk_deadline = \"0s\"", "longer than 0s"),
        ("limits.retries = 21", "from 0 to 20"),
        ("limits.retries = -1", "from 0 to 20"),
        ("guard.users_percent = 100.5", "must be a number from 0 to 100"),
        ("guard.memberships_percent = -1", "must be a number from 0 to 100"),
        ("guard.ignore_below = -1", "must be a whole number, 0 or more"),
    ];
    for (line, message) in cases {
        let text = Place::site(line).refused();
        says(&text, &[message, "rollbook.toml:5: sites.corp."]);
    }
}

#[test]
fn numbers_may_come_as_text_from_the_environment_and_whole_where_floats_are() {
    let place = Place::site("limits.requests_per_second = 7\nguard.users_percent = 0")
        .variable("ROLLBOOK__SITES__CORP__LIMITS__CONCURRENCY", "20")
        .variable("ROLLBOOK__SITES__CORP__GUARD__MEMBERSHIPS_PERCENT", "12.5")
        .variable("ROLLBOOK__SITES__CORP__ALLOW_WRITES", "true");
    let site = &place.load().config.sites[0];
    assert_eq!((site.limits.requests_per_second, site.guard.users_percent), (7.0, 0.0));
    assert_eq!((site.limits.concurrency, site.guard.memberships_percent, site.allow_writes), (20, 12.5, true));
    let place = Place::site("").variable("ROLLBOOK__SITES__CORP__LIMITS__RETRIES", "");
    says(&place.refused(), &["ROLLBOOK__SITES__CORP__LIMITS__RETRIES: sites.corp.limits.retries = \"\": must be"]);
}

#[test]
fn base_urls() {
    let with = |url: &str| Place::with(&SITE.replace("https://c.example.com/wiki", url));
    for (url, kept) in [
        ("https://c.example.com/a/b/", "https://c.example.com/a/b"),
        ("https://c.example.com/a//", "https://c.example.com/a"),
        ("https://c.example.com", "https://c.example.com/"),
        ("http://127.0.0.1:8090/", "http://127.0.0.1:8090/"),
    ] {
        let loaded = with(url).load();
        assert_eq!((loaded.config.sites[0].base_url.as_str(), loaded.warnings.len()), (kept, 0));
    }
    for (url, message) in [
        ("c.example.com", "is not a URL"),
        ("ftp://c.example.com", "neither http nor https"),
        ("https://u@c.example.com", "sites.corp.base_url: holds credentials"),
        ("https://c.example.com/?x", "query or a fragment"),
        ("https://c.example.com/#x", "query or a fragment"),
        ("https://", "is not a URL"),
        ("", "is not a URL"),
    ] {
        says(&with(url).refused(), &[message, "rollbook.toml:3: sites.corp.base_url"]);
    }
    says(&with("http://c.example.com").load().warnings.join("\n"), &["sites.corp.base_url", "not encrypted"]);
}

#[test]
fn a_cloud_site_and_its_id() {
    let cloud = |url: &str, lines: &str| {
        let head = "[sites.cloud]\nkind = \"cloud\"\ntoken = \"t\"\nusername = \"u\"\n";
        Place::with(&format!("{head}base_url = \"{url}\"\n{lines}"))
    };
    let gateway = "https://api.atlassian.com/ex/confluence/1a2B/wiki";
    for (url, lines, id) in [
        ("https://example.atlassian.net/wiki", "", None),
        ("https://example.atlassian.net/wiki", "cloud_id = \"x\"", Some("x")),
        (gateway, "", Some("1a2B")),
        (gateway, "cloud_id = \"1A2b\"", Some("1A2b")),
    ] {
        let loaded = cloud(url, lines).load();
        assert_eq!(loaded.config.sites[0].cloud_id.as_deref(), id, "{url} {lines}");
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    }
    says(&cloud(gateway, "cloud_id = \"x\"").refused(), &["differs from the id in base_url, 1a2B"]);
    let loaded = cloud("https://example.atlassian.net", "group_filter = \"{conf*,Site-Admins}\"").load();
    says(&loaded.warnings.join("\n"), &["sites.cloud.base_url", "/wiki"]);
    let filter = loaded.config.sites[0].group_filter.as_ref().unwrap();
    assert!(filter.is_match("confluence-users") && filter.is_match("site-admins") && !filter.is_match("jira-users"));
    says(&cloud(gateway, "group_filter = \"{a\"").refused(), &["group_filter", "is not a pattern"]);
}

#[test]
fn site_ids() {
    for id in ["\"a b\"", "\"\"", "\"ä\"", "\"a.b\"", &"x".repeat(65)] {
        says(&Place::with(&SITE.replace("corp", id)).refused(), &["is not a site's id", "rollbook.toml:1"]);
    }
    Place::with(&SITE.replace("corp", &"x".repeat(64))).load();
    let twins = format!("{SITE}{}", SITE.replace("corp", "CORP"));
    says(&Place::with(&twins).refused(), &["rollbook.toml:1: sites.corp: differs from the site CORP only in case"]);
    let two = format!("{}{SITE}", SITE.replace("corp", "zeta"));
    let ids: Vec<String> = Place::with(&two).load().config.sites.into_iter().map(|site| site.id).collect();
    assert_eq!(ids, ["corp", "zeta"], "ordered by id");
}

#[test]
fn a_cloud_site_with_its_organization() {
    let text = "[sites.c]\nkind = \"cloud\"\nbase_url = \"https://e.atlassian.net/wiki\"\ntoken = \"t\"\n";
    let place =
        Place::with(&format!("{text}account_ids_file = \"ids.txt\"\norganization = {{ id = \"o\", api_key = \"k\" }}"));
    says(&place.refused(), &["account_ids_file = \"ids.txt\": there is no file"]);
    let site = place.file("ids.txt", "").load().config.sites.remove(0);
    assert_eq!(site.organization.unwrap().base_url.as_str(), "https://api.atlassian.com/admin");
    let text = Place::with(&format!("{text}user_export = \"on\"\n[sites.c.organization]\n")).refused();
    says(
        &text,
        &["rollbook.toml:6: sites.c.organization.id: is required and missing", "organization.api_key_file: is missing"],
    );
    says(&text, &["sites.c.user_export = \"on\": asks for an app of Data Center"]);
}

#[test]
fn addresses() {
    for listen in ["localhost:80", "8642", "127.0.0.1", ":80", "127.0.0.1:99999"] {
        let text = Place::with(&format!("http.listen = \"{listen}\"")).refused();
        says(&text, &["is not an IP address and a port: write it like \"127.0.0.1:8642\""]);
    }
}

#[test]
fn names_of_the_server() {
    let loaded = Place::with("http.hosts = \"Rollbook.Example.com, rollbook\"").load();
    assert_eq!(loaded.config.http.hosts, ["rollbook.example.com", "rollbook"]);
    for odd in ["rollbook:8642", "http://rollbook", "*.example.com"] {
        let text = Place::with(&format!("http.hosts = \"{odd}\"")).refused();
        says(&text, &["http.hosts", "write names alone"]);
    }
}

#[test]
fn exceptions() {
    let loaded = Place::with(
        "[[exceptions]]\nmatch = \"svc-*\"\nreason = \"service\"\nowner = \"platform\"\nexpires = \"2027-06-30\"\n\
         [[exceptions]]\nmatch = \"*@robots.example.com\"\nreason = \"robots\"\nexpires = 2026-01-30\n",
    )
    .load();
    let [first, second] = loaded.config.exceptions.as_slice() else { panic!("two") };
    assert!(first.matches("SVC-backup", "") && !first.matches("xsvc-backup", ""));
    assert!(second.matches("", "a/b@ROBOTS.example.com"));
    assert_eq!((first.owner.as_deref(), first.expires.unwrap().to_string().as_str()), (Some("platform"), "2027-06-30"));
    says(&loaded.warnings.join("\n"), &["exceptions[1] expired on 2026-01-30"]);
    assert_eq!(loaded.warnings.len(), 1);
    for (line, message) in [
        ("reason = \"x\"", "exceptions[0].match: is required"),
        ("match = \"x\"", "exceptions[0].reason: is required"),
        ("match = \"x\"\nreason = \" \"", "exceptions[0].reason = \" \": is empty"),
        ("match = \"\"\nreason = \"x\"", "fits nobody"),
        ("match = \"[a\"\nreason = \"x\"", "is not a pattern"),
        ("match = \"x\"\nreason = \"x\"\nexpires = \"30.6.2027\"", "is not a date: write it like"),
        ("match = \"x\"\nreason = \"x\"\nexpires = \"2027-6-30\"", "is not a date"),
        ("match = \"x\"\nreason = \"x\"\nexpires = 2027-06-30T00:00:00Z", "is not a date"),
    ] {
        says(&Place::with(&format!("[[exceptions]]\n{line}")).refused(), &[message, "rollbook.toml:"]);
    }
}

#[test]
fn exports() {
    let text = "[[exports]]\nreport = \"inactive\"\nformat = \"xlsx\"\npath = \"out/i-{date}.xlsx\"\nschedule = \"0 0 6 * * Mon\"\n";
    let place =
        Place::with(&format!("{text}params = {{ days = 180, all = true, since = 2026-01-01, tier = \"500\" }}"));
    let export = place.load().config.exports.remove(0);
    let expected = [("all", "true"), ("days", "180"), ("since", "2026-01-01"), ("tier", "500")];
    assert_eq!(export.params, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!((export.report.as_str(), export.format.as_str()), ("inactive", "xlsx"));
    assert_eq!(export.path, place.path("out/i-{date}.xlsx"));
    for (from, to, message) in [
        ("xlsx\"", "pdf\"", "must be one of \"table\", \"csv\""),
        ("0 0 6 * * Mon", "0 0 0 31 2 *", "exports[0].schedule = \"0 0 0 31 2 *\": never fires"),
        ("{date}", "{day}", "unknown placeholder {day}"),
        ("report = \"inactive\"", "", "exports[0].report: is required"),
    ] {
        says(&Place::with(&text.replacen(from, to, 1)).refused(), &[message]);
    }
    says(&Place::with(&format!("{text}params = {{ days = [1] }}")).refused(), &["days must be a single value"]);
    says(&Place::with(&format!("{text}params = 1")).refused(), &["params = 1: must be a table"]);
}

#[test]
fn exports_are_kept_by_their_day() {
    let text = "[[exports]]\nreport = \"users\"\nformat = \"csv\"\npath = \"out/{site}-{date}.csv\"\nschedule = \"@every 1d\"\nkeep = 3\n";
    assert_eq!(Place::with(text).load().config.exports[0].keep, Some(3));
    says(
        &Place::with(&text.replace("-{date}", "")).refused(),
        &["exports[0].keep", "put {date} once into the file's name"],
    );
    says(&Place::with(&format!("{text}{text}")).refused(), &["exports[1].path", "is that of another export"]);
    says(&Place::with(&text.replace("keep = 3", "keep = 0")).refused(), &["must be a whole number from 1"]);
}

#[test]
fn what_the_service_does_beside_walks() {
    let plain = Place::with("").load().config;
    assert_eq!(plain.housekeeping.schedule.to_string(), "0 30 3 * * *");
    assert!(plain.backup.is_none() && plain.retention.history.is_none() && plain.webhooks.is_empty());
    let text = "[backup]\npath = \"b/{date}.db\"\n[retention]\nhistory = \"30d\"\nclosed_accounts = \"0s\"\n";
    let config = Place::with(text).load().config;
    let backup = config.backup.unwrap();
    assert_eq!((backup.keep, backup.schedule.to_string().as_str()), (7, "0 0 4 * * *"));
    let day = std::time::Duration::from_secs(86_400);
    assert_eq!(
        (config.retention.history, config.retention.closed_accounts),
        (Some(30 * day), Some(std::time::Duration::ZERO))
    );
    for (from, to, message) in [
        ("{date}", "{site}", "unknown placeholder {site}: replaced are only {date}"),
        ("path = \"b/{date}.db\"", "keep = 2", "backup.path: is missing"),
        ("30d", "23h", "history is kept for a day or longer"),
    ] {
        says(&Place::with(&text.replacen(from, to, 1)).refused(), &[message]);
    }
}

#[test]
fn webhooks() {
    let place =
        Place::with("[[webhooks]]\nurl_file = \"hook.url\"\nsecret = \"k3y\"\nevents = \"walk.held,site.stale\"\n");
    let place = place.file("hook.url", "https://chat.example.com/s3cret\n");
    let loaded = place.load();
    let webhook = &loaded.config.webhooks[0];
    assert_eq!(webhook.url.reveal(), "https://chat.example.com/s3cret");
    assert_eq!(webhook.events, [Event::WalkHeld, Event::SiteStale]);
    assert!(!format!("{:?}{:?}", loaded.settings, loaded.config).contains("s3cret"));
    for (text, message) in [
        ("", "webhooks[0].url_file: is missing"),
        ("url = \"chat.example.com\"\n", "holds no address"),
        ("url = \"ftp://chat.example.com\"\n", "holds no address"),
        ("url = \"https://chat.example.com\"\nevents = \"walk.lost\"\n", "holds 'walk.lost': there are walk.failed"),
    ] {
        let refused = Place::with(&format!("[[webhooks]]\n{text}")).refused();
        says(&refused, &[message]);
    }
}

#[test]
fn a_folder_of_reports_that_is_not_there_is_warned_of() {
    says(&Place::with("reports.path = \"none\"").load().warnings.join("\n"), &["reports.path", "is not a folder"]);
}
