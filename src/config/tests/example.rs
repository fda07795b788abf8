//! The shipped example and the reference page: neither may rot.

use super::keys::KEYS;
use super::*;

/// The files that the example names.
fn example(text: &str) -> Place {
    let place = Place::with(text).file("reports/own.sql", "").file("ids.txt", "");
    ["corp.password", "cloud.token", "org.key", "http.token", "hook.key"]
        .into_iter()
        .fold(place, |place, name| place.file(name, "x"))
        .file("hook.url", "https://chat.example.com/hook")
}

/// Prose is `# text`, a key that is commented out `#key = …`.
fn uncommented() -> String {
    let uncomment = |line: &'static str| match line.strip_prefix('#') {
        Some(key) if !key.is_empty() && !key.starts_with(' ') => key,
        _ => line,
    };
    EXAMPLE.lines().map(uncomment).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_is_a_site_in_five_lines() {
    let active: Vec<&str> = EXAMPLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(active.len(), 5);
    assert_eq!(active[0], "[sites.corp]");
    let loaded = example(EXAMPLE).load();
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    assert!(matches!(&loaded.config.sites[0].credentials, Credentials::Basic { username, .. } if username == "audit"));
}

#[test]
fn the_example_holds_with_everything_switched_on() {
    let place = example(&uncommented());
    let loaded = place.load();
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let config = &loaded.config;
    assert_eq!((config.sites.len(), config.exceptions.len(), config.exports.len()), (2, 1, 1));
    // Every key is in the example, but for the other ways to give a secret.
    for key in KEYS {
        let pattern = key.path.replace("sites.*", "sites.corp");
        let cloud = key.path.replace("sites.*", "sites.cloud");
        let shown = [pattern, cloud].iter().any(|path| {
            let origin = setting(&loaded, &path.replace("[]", "[0]"));
            origin.contains("# file rollbook.toml:")
        });
        let secret = ["password", "token", "api_key", "url", "secret"]
            .iter()
            .any(|name| key.path.ends_with(&format!(".{name}")));
        assert!(shown || secret, "{} is not in config/rollbook.toml", key.path);
    }
}

#[test]
fn what_the_example_shows_as_default_is_the_default() {
    let place = example(EXAMPLE);
    let plain = place.load();
    let full = place.file("rollbook.toml", &uncommented()).load();
    for setting in plain.settings.iter().filter(|s| s.origin.to_string() == "default" && !s.key.ends_with("timezone")) {
        let shown = full.settings.iter().find(|other| other.key == setting.key).unwrap();
        assert_eq!(shown.value, setting.value, "{}", setting.key);
    }
}

#[test]
fn the_settings_keep_the_order_of_the_reference_page() {
    let loaded = example(&uncommented()).load();
    let position = |setting: &Setting| {
        let pattern =
            setting.key.replace("sites.corp", "sites.*").replace("sites.cloud", "sites.*").replace("[0]", "[]");
        KEYS.iter().position(|key| key.path == pattern).unwrap()
    };
    let corp: Vec<usize> = loaded.settings.iter().filter(|s| !s.key.contains(".cloud.")).map(position).collect();
    assert!(corp.is_sorted(), "{corp:?}");
}

#[test]
fn the_reference_page_is_the_table_of_keys() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
    if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/docs")).unwrap();
        std::fs::write(path, reference()).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == reference(),
        "docs/configuration.md is out of date: run UPDATE_DOCS=1 cargo test --lib config"
    );
}
