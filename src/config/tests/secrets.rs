//! Secrets: where they are read from, and that nothing ever shows them.

use super::*;

const CANARY: &str = "hunter2-canary";

fn basic(loaded: &Loaded) -> (String, String) {
    match &loaded.config.sites[0].credentials {
        Credentials::Basic { username, password } => (username.clone(), password.reveal().to_owned()),
        Credentials::Bearer { token } => ("(bearer)".into(), token.reveal().to_owned()),
    }
}

fn site(kind: &str, lines: &str) -> Place {
    Place::with(&format!("[sites.corp]\nkind = \"{kind}\"\nbase_url = \"https://c.example.com/wiki\"\n{lines}\n"))
        .file("p", &format!("{CANARY}\n"))
}

#[test]
fn the_kind_of_secret_chooses_the_authentication() {
    let cases = [
        ("data-center", "username = \"u\"\npassword_file = \"p\"", "u"),
        ("data-center", "username = \"u\"\npassword = \"hunter2-canary\"", "u"),
        ("data-center", "token_file = \"p\"", "(bearer)"),
        ("data-center", "username = \"u\"\ntoken_file = \"p\"", "(bearer)"),
        ("cloud", "username = \"u@x\"\ntoken_file = \"p\"", "u@x"),
        ("cloud", "username = \"u@x\"\npassword_file = \"p\"", "u@x"),
        ("cloud", "token_file = \"p\"", "(bearer)"),
    ];
    for (kind, lines, username) in cases {
        assert_eq!(basic(&site(kind, lines).load()), (username.into(), CANARY.into()), "{kind}: {lines}");
    }
}

#[test]
fn exactly_one_secret_a_site() {
    says(
        &site("data-center", "username = \"u\"").refused(),
        &["sites.corp.password_file: is missing", "exactly one of"],
    );
    says(&site("cloud", "").refused(), &["rollbook.toml:1: sites.corp.token_file: is missing"]);
    let both = site("data-center", "username = \"u\"\npassword = \"hunter2-canary\"\npassword_file = \"p\"").refused();
    says(&both, &["sites.corp.password_file", "cannot stand beside password (file rollbook.toml:5)"]);
    let layers = site("data-center", "token_file = \"p\"").variable("ROLLBOOK__SITES__CORP__TOKEN", CANARY).refused();
    says(&layers, &["token_file", "beside", "environment ROLLBOOK__SITES__CORP__TOKEN"]);
    assert!(!both.contains(CANARY) && !layers.contains(CANARY));
    let nameless = site("data-center", "password_file = \"p\"").refused();
    says(&nameless, &["sites.corp.username: is missing: password_file needs the account's name"]);
    says(&site("data-center", "username = \"a:b\"\npassword_file = \"p\"").refused(), &["colon"]);
    says(&site("data-center", "username = \"\"\npassword_file = \"p\"").refused(), &["username = \"\": is empty"]);
}

#[test]
fn strings_that_look_like_numbers_stay_as_they_are() {
    for secret in ["1e5", "0012", "true", "0x10", "1_000", " a "] {
        let loaded = site("data-center", "").variable("ROLLBOOK__SITES__CORP__TOKEN", secret).load();
        assert_eq!(basic(&loaded).1, secret);
        let loaded = site("data-center", &format!("token = \"{secret}\"")).load();
        assert_eq!(basic(&loaded).1, secret);
    }
    let text = site("data-center", "token = 424242").refused();
    says(&text, &["sites.corp.token: must be text: put it in quotes"]);
    assert!(!text.contains("424242"));
    assert!(!site("data-center", "token_file = 424242").refused().contains("424242"));
}

#[test]
fn unusable_secrets_are_refused_without_being_shown() {
    for secret in [&format!("{CANARY}\\n"), &format!("{CANARY}\\u0007")] {
        let text = site("data-center", &format!("token = \"{secret}\"")).refused();
        says(&text, &["sites.corp.token: holds a control character"]);
        assert!(!text.contains(CANARY), "{text}");
    }
    says(&site("data-center", "token = \"\"").refused(), &["sites.corp.token: is empty"]);
    says(
        &site("data-center", "token_file = \"none\"").refused(),
        &["rollbook.toml:4: sites.corp.token_file = \"none\": cannot read ", "/none (", "correct the path"],
    );
    says(&site("data-center", "token_file = \"\"").refused(), &["token_file = \"\": is empty"]);
    let place = site("data-center", "token_file = \"p\"").file("p", &format!("{CANARY}\na"));
    let text = place.refused();
    says(&text, &["token_file", "control character"]);
    assert!(!text.contains(CANARY));
}

#[test]
fn a_relative_secret_file_starts_at_its_naming_file_or_the_current_directory() {
    let text = format!("{}\n", SITE.replace("token = \"t0ken\"", "token_file = \"keys/p\""));
    let place = Place::empty().file("etc/rollbook.toml", &text).file("etc/keys/p", "from the file's folder");
    assert_eq!(basic(&place.load()).1, "from the file's folder");
    let place = place.file("keys/p", "from the current one").variable("ROLLBOOK__SITES__CORP__TOKEN_FILE", "keys/p");
    assert_eq!(basic(&place.load()).1, "from the current one");
}

#[test]
fn a_bare_name_is_looked_up_in_the_credentials_directory_first() {
    let place = site("data-center", "token_file = \"p\"").file("run/p", "credential");
    let folder = place.path("run").display().to_string();
    let place = place.variable("CREDENTIALS_DIRECTORY", &folder);
    assert_eq!(basic(&place.load()).1, "credential");
    std::fs::remove_file(place.path("run/p")).unwrap();
    assert_eq!(basic(&place.load()).1, CANARY, "else relative to the file");
    // Not bare: not looked up there.
    let place = site("data-center", "token_file = \"./p\"").file("run/p", "credential");
    let place = place.variable("CREDENTIALS_DIRECTORY", &folder);
    assert_eq!(basic(&place.load()).1, CANARY);
}

#[test]
fn a_folder_of_credentials_has_each_behind_its_prefix() {
    let place = site("data-center", "token_file = \"p\"").file("run/rollbook_p", "of the folder");
    let folder = place.path("run").display().to_string();
    let place = place.variable("CREDENTIALS_DIRECTORY", &folder);
    assert_eq!(basic(&place.load()).1, "of the folder");
    assert_eq!(basic(&place.file("run/p", "its own").load()).1, "its own");
}

#[test]
fn whoever_only_reads_the_mirror_needs_no_secret() {
    let mut place = site("data-center", "token_file = \"none\"\n[[webhooks]]\nurl_file = \"nor.this\"");
    says(&place.refused(), &["token_file", "url_file"]);
    place.options.secret_files = SecretFiles::None;
    let loaded = place.load();
    assert_eq!(basic(&loaded).1, "");
    assert_eq!(loaded.config.webhooks[0].url.reveal(), "");
}

#[test]
fn whoever_answers_needs_the_token_of_its_own_server_alone() {
    let mut place = site("data-center", "token_file = \"none\"\n[http]\ntoken_file = \"own\"").file("own", "s3cret");
    place.options.secret_files = SecretFiles::OfHttp;
    place.options.listen = Some("0.0.0.0:1234".to_owned());
    let http = place.load().config.http;
    assert_eq!(http.token.unwrap().reveal(), "s3cret");
    assert_eq!(http.listen.unwrap().to_string(), "0.0.0.0:1234", "the flag counts before the file");
}

#[test]
fn what_others_may_read_is_warned_of() {
    let quiet = site("data-center", "token_file = \"p\"");
    assert!(quiet.load().warnings.is_empty());
    let open = quiet.mode("p", 0o644).mode("rollbook.toml", 0o644);
    says(&open.load().warnings.join("\n"), &["sites.corp.token_file", "every user", "chmod 600"]);
    assert_eq!(open.load().warnings.len(), 1, "a configuration without secrets may be read");
    let group = open.mode("p", 0o640);
    assert!(group.load().warnings.is_empty(), "a group is a choice");
    let credential = group.file("run/p", CANARY).mode("run/p", 0o444);
    let folder = credential.path("run").display().to_string();
    assert!(credential.variable("CREDENTIALS_DIRECTORY", &folder).load().warnings.is_empty());
    let inline = Place::site("").mode("rollbook.toml", 0o640);
    says(&inline.load().warnings.join("\n"), &["rollbook.toml holds the secret sites.corp.token", "or use token_file"]);
    let variable = site("data-center", "").mode("rollbook.toml", 0o644).variable("ROLLBOOK__SITES__CORP__TOKEN", "x");
    assert!(variable.load().warnings.is_empty());
}

#[test]
fn nothing_shows_a_secret() {
    let text = format!(
        "http.token = \"{CANARY}\"\n[sites.a]\nkind = \"cloud\"\nbase_url = \"https://a.example.com\"\nusername = \"u\"\n\
         token = \"{CANARY}\"\n[sites.a.organization]\nid = \"o\"\napi_key = \"{CANARY}\"\n"
    );
    let place = Place::with(&text);
    let loaded = place.load();
    assert_eq!(loaded.config.http.token.as_ref().unwrap().reveal(), CANARY);
    assert_eq!(loaded.config.sites[0].organization.as_ref().unwrap().api_key.reveal(), CANARY);
    assert_eq!(setting(&loaded, "http.token"), "\"[redacted]\" # file rollbook.toml:1");
    assert_eq!(setting(&loaded, "sites.a.organization.api_key"), "\"[redacted]\" # file rollbook.toml:9");
    assert!(!format!("{loaded:?}").contains(CANARY));

    let mut place = place.variable("ROLLBOOK__SITES__A__TOKEN", CANARY);
    place.options.environment = place.variables.iter().cloned().collect();
    says(&format!("{:?}", place.options), &["ROLLBOOK__SITES__A__TOKEN"]);
    assert!(!format!("{:?}", place.options).contains(CANARY));

    // A misspelled key may well hold a secret, and so may a URL.
    for line in [
        format!("pasword = \"{CANARY}\""),
        format!("base_url = \"https://u:{CANARY}@c.example.com\""),
        format!("base_url = \"https://u:{CANARY}@c.example.com:port\""),
        format!("base_url = \"https://c.example.com/?os_password={CANARY}\""),
        format!("base_url = \"ftp://{CANARY}@c.example.com\""),
        format!("limits = \"{CANARY}\""),
        format!("token = [\"{CANARY}\"]"),
        format!("token = {{ value = \"{CANARY}\" }}"),
    ] {
        let error = site("data-center", &line).try_load().unwrap_err();
        assert!(!format!("{error} {error:?}").contains(CANARY), "{error}");
    }
}

#[test]
fn a_public_server_needs_a_token() {
    let open = "[http]\nlisten = \"0.0.0.0:80\"\n";
    says(&Place::with(open).refused(), &["http.token_file: is required", "0.0.0.0:80", "loopback"]);
    let token = Place::with(&format!("{open}token_file = \"t\"")).file("t", CANARY).load().config.http.token;
    assert_eq!(token.unwrap().reveal(), CANARY);
    let text = Place::with(&format!("{open}token_file = \"none\"")).refused();
    assert_eq!(text.lines().count(), 1, "no second complaint about the same token: {text}");
    says(
        &Place::with("[http]\ntoken = \"a\"\ntoken_file = \"b\"").refused(),
        &["http.token_file = \"b\": cannot stand"],
    );
    Place::with("[http]\nlisten = \"[::1]:0\"").load();
}
