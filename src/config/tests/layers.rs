//! Search order, precedence, unknown keys, origins.

use super::*;

#[test]
fn the_search_goes_flag_variable_folder_system() {
    let format = |loaded: &Loaded| loaded.file.file_name().unwrap().to_str().unwrap().to_owned();
    let mut place = Place::empty().file("etc/rollbook.toml", "").file("a.toml", "").file("b.toml", "");
    assert!(place.load().file.ends_with("etc/rollbook.toml"));
    place = place.file("rollbook.toml", "");
    assert_eq!(place.load().file, place.path("rollbook.toml"));
    place = place.variable("ROLLBOOK_CONFIG", "a.toml");
    assert_eq!(format(&place.load()), "a.toml");
    place.options.config = Some("b.toml".into());
    assert_eq!(format(&place.load()), "b.toml");
}

#[test]
fn a_missing_file_says_what_to_do() {
    says(&Place::empty().refused(), &["no configuration found", "rollbook init", "rollbook.toml", "--config"]);
    // What is named is not searched past.
    let mut place = Place::with("").variable("ROLLBOOK_CONFIG", "none.toml");
    says(&place.refused(), &["none.toml", "correct the path"]);
    place.options.config = Some(place.path("rollbook.toml").join("none"));
    says(&place.refused(), &["cannot read the configuration"]);
}

#[test]
fn an_empty_rollbook_config_counts_as_unset() {
    assert!(Place::with("").variable("ROLLBOOK_CONFIG", "").load().file.ends_with("rollbook.toml"));
}

#[test]
fn a_flag_beats_a_variable_beats_the_file_beats_the_default() {
    let key = "database.path";
    let loaded = Place::with("").load();
    assert_eq!(setting(&loaded, key).split(" # ").nth(1), Some("default"));
    let mut place = Place::with("\n[database]\npath = \"file.db\"\n");
    assert_eq!(place.load().config.database.path, place.path("file.db"));
    says(&setting(&place.load(), key), &["file.db\" # file rollbook.toml:3"]);
    place = place.variable("ROLLBOOK__DATABASE__PATH", "variable.db");
    says(&setting(&place.load(), key), &["variable.db\" # environment ROLLBOOK__DATABASE__PATH"]);
    place.options.database = Some("flag.db".into());
    place.options.log_format = Some("json".into());
    let loaded = place.load();
    says(&setting(&loaded, key), &["flag.db\" # flag --database"]);
    assert_eq!(setting(&loaded, "log.format"), "\"json\" # flag --log-format");
    assert_eq!(loaded.config.log.format, LogFormat::Json);
}

#[test]
fn a_relative_path_starts_where_it_is_named() {
    let mut place = Place::empty().file("etc/rollbook.toml", "reports.path = \"r\"").file("etc/r/x.sql", "");
    let loaded = place.load();
    assert_eq!(loaded.config.reports.path, Some(place.path("etc/r")));
    assert_eq!(loaded.config.database.path, place.path("etc/rollbook.db"), "a default counts as written in the file");
    place = place.variable("ROLLBOOK__DATABASE__PATH", "./v.db");
    assert_eq!(place.load().config.database.path, place.path("v.db"));
    place.options.config = Some("etc/../etc/rollbook.toml".into());
    place.options.database = Some("/abs.db".into());
    assert_eq!(place.load().config.database.path, PathBuf::from("/abs.db"));
}

#[test]
fn variables_find_a_site_whatever_its_case_and_dashes() {
    let text = SITE.replace("sites.corp", "sites.Corp-East");
    let place = Place::with(&text).variable("ROLLBOOK__SITES__CORP_EAST__LIMITS__RETRIES", "7");
    let loaded = place.load();
    assert_eq!((loaded.config.sites[0].id.as_str(), loaded.config.sites[0].limits.retries), ("Corp-East", 7));
    let origin = "7 # environment ROLLBOOK__SITES__CORP_EAST__LIMITS__RETRIES";
    assert_eq!(setting(&loaded, "sites.Corp-East.limits.retries"), origin);
    // The rest of the site still comes from the file.
    says(&setting(&loaded, "sites.Corp-East.kind"), &["file rollbook.toml:2"]);
}

#[test]
fn a_site_may_stand_in_the_environment_alone() {
    let place = Place::with("")
        .variable("ROLLBOOK__SITES__CORP__KIND", "data-center")
        .variable("ROLLBOOK__SITES__CORP__BASE_URL", "https://c.example.com")
        .variable("ROLLBOOK__Sites__Corp__Token", "0012");
    let site = &place.load().config.sites[0];
    assert_eq!(site.id, "corp");
    assert!(matches!(&site.credentials, Credentials::Bearer { token } if token.reveal() == "0012"));
    // With a slip in the id there are two sites, and the new one says which variable made it.
    let place = Place::site("").variable("ROLLBOOK__SITES__CROP__TIMEZONE", "UTC");
    says(&place.refused(), &["environment ROLLBOOK__SITES__CROP__TIMEZONE: sites.crop.kind: is required"]);
}

#[test]
fn a_variable_that_may_mean_two_sites_is_refused() {
    let text = format!("{}{}", SITE.replace("corp", "a-b"), SITE.replace("corp", "a_b"));
    let place = Place::with(&text).variable("ROLLBOOK__SITES__A_B__TIMEZONE", "Asia/Tokyo");
    let loaded = place.load();
    assert_eq!(loaded.config.sites[1].timezone, chrono_tz::Tz::Asia__Tokyo, "an exact match counts");
    let text = format!("{}{}", SITE.replace("corp", "a-b_c"), SITE.replace("corp", "a_b-c"));
    let place = Place::with(&text).variable("ROLLBOOK__SITES__A_B_C__TIMEZONE", "Asia/Tokyo");
    says(&place.refused(), &["may mean any of the sites a-b_c, a_b-c"]);
}

#[test]
fn an_empty_variable_is_a_value() {
    let place = Place::with("").variable("ROLLBOOK__HTTP__LISTEN", "");
    assert_eq!(place.load().config.http.listen, None);
    says(&Place::site("").variable("ROLLBOOK__SITES__CORP__KIND", "").refused(), &["kind = \"\": must be one of"]);
}

#[test]
fn unknown_keys_are_refused_with_place_and_nearest() {
    let cases = [
        ("databse.path = 1", "rollbook.toml:1: databse: unknown key; the nearest valid key is database"),
        (
            "[http]\n\nlisten_on = \"x\"",
            "rollbook.toml:3: http.listen_on: unknown key; the nearest valid key is http.listen",
        ),
        (
            "[sites.a]\ntokenfile = \"x\"",
            "rollbook.toml:2: sites.a.tokenfile: unknown key; the nearest valid key is sites.a.token_file",
        ),
        (
            "[sites.a.limit]\nretries = 1",
            "rollbook.toml:1: sites.a.limit: unknown key; the nearest valid key is sites.a.limits",
        ),
        (
            "[sites.a.limits]\nretry = 1",
            ":2: sites.a.limits.retry: unknown key; the nearest valid key is sites.a.limits.retries",
        ),
        ("[sites.a]\nretries = 1", "the nearest valid key is sites.a.limits.retries"),
        ("sites.a.guard = { user_percent = 1 }", "sites.a.guard.users_percent"),
        ("[sites.a.organization]\nkey = 1", "valid key is sites.a.organization.api_key"),
        (
            "[[exceptions]]\nmatch = \"a\"\nreasn = \"b\"",
            "rollbook.toml:3: exceptions[0].reasn: unknown key; the nearest valid key is exceptions[0].reason",
        ),
        (
            "exports = [{ reprot = \"a\" }]",
            "rollbook.toml:1: exports[0].reprot: unknown key; the nearest valid key is exports[0].report",
        ),
        ("[[exports]]\nparam = {}", "exports[0].params"),
        ("\"\" = 1", "unknown key"),
        ("\"a\\nb\\u001b\" = 1", "a\\nb\\u{1b}: unknown key"),
    ];
    for (text, message) in cases {
        says(&Place::with(text).refused(), &[message]);
    }
}

#[test]
fn unknown_variables_are_refused_by_name() {
    let cases = [
        (
            "ROLLBOOK__SITES__CORP__TOKENFILE",
            "sites.corp.tokenfile: unknown key; the nearest valid key is sites.corp.token_file",
        ),
        ("ROLLBOOK__SITE__CORP__KIND", "site: unknown key; the nearest valid key is sites"),
        ("ROLLBOOK__HTTP", "http: names a table; add a key, as in ROLLBOOK__HTTP__LISTEN"),
        ("ROLLBOOK__SITES", "sites: names a table"),
        ("ROLLBOOK__SITES____KIND", "sites: lacks the site's id"),
        ("ROLLBOOK__HTTP__LISTEN__PORT", "http.listen: is a single value"),
        ("ROLLBOOK__EXPORTS__0__PATH", "exports: is a list of tables and can only be set in the file"),
        ("ROLLBOOK__", "unknown key"),
    ];
    for (name, message) in cases {
        let text = Place::site("").variable(name, "hunter2").refused();
        says(&text, &[&format!("environment {name}: "), message]);
        assert!(!text.contains("hunter2"), "{text}");
    }
    let twice = Place::with("").variable("ROLLBOOK__LOG__FORMAT", "json").variable("ROLLBOOK__log__format", "text");
    says(&twice.refused(), &["a second time", "ROLLBOOK__LOG__FORMAT"]);
    // One underscore is somebody else's variable.
    Place::with("").variable("ROLLBOOK_LOG", "debug").variable("ROLLBOOKISH__X", "1").load();
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_utf8_is_refused() {
    use std::os::unix::ffi::OsStringExt;
    let value = std::ffi::OsString::from_vec(vec![0xff]);
    let mut place = Place::with("");
    place.options.environment = [("ROLLBOOK__LOG__FORMAT", value)].into_iter().collect();
    says(&load(&place.options).unwrap_err().to_string(), &["ROLLBOOK__LOG__FORMAT: log.format: is not valid UTF-8"]);
}

#[test]
fn what_is_not_toml_is_told_by_line_and_column_without_its_text() {
    let text = Place::with("[http]\ntoken = \"hunter2\nlisten = \"\"").refused();
    says(&text, &["rollbook.toml:2: line 2, column ", "not valid TOML"]);
    assert!(!text.contains("hunter2"), "{text}");
    says(&Place::with("[http]\n[http]\n").refused(), &["rollbook.toml:2", "column"]);
    let place = Place::with("");
    std::fs::write(place.path("rollbook.toml"), b"\n\xff").unwrap();
    says(&place.refused(), &["rollbook.toml:2: not valid UTF-8"]);
}

#[test]
fn tables_and_values_in_each_others_place_are_refused() {
    says(&Place::with("http = \"hunter2\"").refused(), &["http: is a table: write [http]"]);
    says(&Place::with("[[sites]]").refused(), &["sites: is a table"]);
    says(&Place::with("[exports]\nreport = 1").refused(), &["exports: is a list of tables: write [[exports]]"]);
    says(&Place::with("exceptions = [1]").refused(), &["write [[exceptions]]"]);
    says(&Place::with("[database.path]\nx = 1").refused(), &["database.path: must be text"]);
}

#[test]
fn all_mistakes_are_told_at_once() {
    let place = Place::with(
        "colour = 1\n[http]\nlisten = \"x\"\n[sites.a]\nkind = \"server\"\n[sites.a.limits]\nretries = 99\n[[exports]]\n",
    );
    let text = place.variable("ROLLBOOK__NONE", "1").refused();
    says(&text, &["colour", "http.listen", "sites.a.kind", "sites.a.base_url", "sites.a.token_file", "limits.retries"]);
    says(&text, &["rollbook.toml:8: exports[0].report", "exports[0].schedule", "ROLLBOOK__NONE"]);
}
