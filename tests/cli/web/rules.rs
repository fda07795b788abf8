//! The alert rules that are shipped: their own tests, and what they say of a real daemon.

use std::collections::BTreeSet;
use std::fmt::Write;

use rollbook::clock::Clock;
use rollbook::simulator::Endpoint;

use super::promtool::{promtool, shipped};
use super::{Page, Served, listening};
use crate::support::{World, always};

#[test]
fn the_rules_hold_by_their_own_tests() {
    promtool(&["check", "rules", shipped("alerts.yml").to_str().unwrap()], "");
    promtool(&["test", "rules", shipped("alerts_test.yml").to_str().unwrap()], "");
    // None is without a test.
    let (rules, tests) = (read("alerts.yml"), read("alerts_test.yml"));
    for rule in rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(tests.contains(rule), "{rule} is not in alerts_test.yml");
    }
}

fn read(name: &str) -> String {
    std::fs::read_to_string(shipped(name)).unwrap()
}

/// How long the values stood when the rules are asked, in minutes: longer than any of them waits.
const MINUTES: u64 = 120;

/// What the rules say when `/metrics` has answered this for a while, all moments moved to the time of the test.
#[track_caller]
fn fire(page: &Page, expected: &[&str]) {
    let now = Clock::System.now().millis() as f64 / 1000.0;
    let mut text = format!(
        "rule_files: [{}]\nevaluation_interval: 1m\ntests:\n- interval: 1m\n  input_series:\n  - \
         {{ series: 'up{{job=\"rollbook\"}}', values: '1+0x{MINUTES}' }}\n",
        shipped("alerts.yml").display()
    );
    for (series, value) in page.series() {
        let name = series.split('{').next().unwrap();
        let is_moment = name.ends_with("_timestamp_seconds") || name == "process_start_time_seconds";
        let value = match name {
            // How full the disk of this machine is, is not what is tested.
            "rollbook_disk_available_bytes" => 1e12,
            _ if is_moment => value - now + (60 * MINUTES) as f64,
            _ => value,
        };
        writeln!(text, "  - {{ series: '{series}', values: '{value}+0x{MINUTES}' }}").unwrap();
    }
    let expr = "count by (alertname, site, name) (ALERTS{alertstate=\"firing\"})";
    writeln!(text, "  promql_expr_test:\n  - expr: {expr}\n    eval_time: {MINUTES}m\n    exp_samples:").unwrap();
    for labels in expected {
        writeln!(text, "    - {{ labels: '{{{labels}}}', value: 1 }}").unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.yml");
    std::fs::write(
        &file,
        text.replace("exp_samples:\n", if expected.is_empty() { "exp_samples: []\n" } else { "exp_samples:\n" }),
    )
    .unwrap();
    promtool(&["test", "rules", file.to_str().unwrap()], &text);
}

#[test]
fn what_they_say_of_a_real_daemon() {
    let world = listening(World::small(), "").guard("ignore_below", 3);
    let service = Served::start(&world);
    service.until_walked();
    fire(&Page::of(&service), &[]);
    world.site.add_fault(always(Endpoint::GroupMembers, 500));
    (0..3).for_each(|_| drop(world.sync().exits(3)));
    fire(&Page::of(&service), &["alertname=\"RollbookWalksPartial\",site=\"corp\""]);
    world.site.clear_faults();
    world.site.add_fault(always(Endpoint::UserList, 500));
    (0..3).for_each(|_| drop(world.sync().exits(69)));
    fire(&Page::of(&service), &["alertname=\"RollbookWalksFailing\",site=\"corp\""]);
    world.site.clear_faults();
    world.change(|site| {
        let leaving: Vec<String> = site.licensed().iter().take(20).map(|user| user.key.clone()).collect();
        leaving.iter().for_each(|key| site.leave_all(key));
    });
    world.sync().exits(4);
    fire(&Page::of(&service), &["alertname=\"RollbookWalkHeld\",site=\"corp\""]);
    let table = world.site_table("corp").replace("jitter", "freshness = \"1s\"\nseats = 3\njitter");
    world.configure(&format!("{table}\n[http]\nlisten = \"127.0.0.1:0\"\n"));
    service.reload();
    let page = Page::until(&service, "rollbook_site_fresh{site=\"corp\"}", 0.0);
    let mut expected = vec![
        "alertname=\"RollbookWalkHeld\",site=\"corp\"",
        "alertname=\"RollbookSiteStale\",site=\"corp\"",
        "alertname=\"RollbookSeatsExceeded\",site=\"corp\"",
    ];
    fire(&page, &expected);
    world.configure("nonsense");
    service.reload();
    expected.push("alertname=\"RollbookConfigRefused\"");
    fire(&Page::of(&service), &expected);
}

#[test]
fn every_metric_that_they_name_is_there() {
    let known = rollbook::web::reference();
    for name in named(&read("alerts.yml")) {
        assert!(known.contains(&format!("| `{name}` |")), "there is no metric {name}");
    }
}

/// The names of Rollbook's metrics in a text.
pub fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let is_metric = |word: &&str| word.starts_with("rollbook_") || *word == "process_start_time_seconds";
    words.filter(is_metric).map(str::to_owned).collect()
}
