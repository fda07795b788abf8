//! The values of the metrics, against what the database says, over walks that end in every way and over a restart.

use std::collections::BTreeSet;

use rollbook::simulator::Endpoint;

use super::promtool::promtool;
use super::served::configure;
use super::{Page, Served, listening};
use crate::support::{World, always};

/// What is counted by walks is what the database says, now.
#[track_caller]
fn agrees(world: &World, page: &Page) {
    for row in world.rows("SELECT status, count(*) FROM users GROUP BY status") {
        let (status, users) = row.split_once('|').unwrap();
        assert_eq!(page.value(&format!("rollbook_site_users{{site=\"corp\",status=\"{status}\"}}")).to_string(), users);
    }
    for row in world.rows("SELECT kind, count(*) FROM changes GROUP BY kind") {
        let (kind, changes) = row.split_once('|').unwrap();
        let series = format!("rollbook_changes_total{{site=\"corp\",kind=\"{kind}\"}}");
        assert_eq!(page.value(&series).to_string(), changes, "{kind}");
    }
    for (metric, column) in [("requests", "requests"), ("retries", "retries"), ("rate_limited", "rate_limited")] {
        let sum = world.one(&format!("SELECT sum({column}) FROM walks WHERE status <> 'running'"));
        assert_eq!(page.value(&format!("rollbook_{metric}_total{{site=\"corp\"}}")).to_string(), sum, "{metric}");
    }
    let age = page.value("rollbook_site_age_seconds{site=\"corp\"}");
    let applied = page.value("rollbook_site_last_applied_timestamp_seconds{site=\"corp\"}");
    let told = world.one("SELECT unixepoch(max(at), 'subsec') FROM walks WHERE status = 'applied'");
    assert!((applied - told.parse::<f64>().unwrap()).abs() < 0.001, "{applied} {told}");
    assert!((0.0..3600.0).contains(&age), "{age}");
}

const CORP: &str = "{site=\"corp\"}";

fn walks(page: &Page) -> [f64; 4] {
    let of = |status| page.value(&format!("rollbook_walks_total{{site=\"corp\",status=\"{status}\"}}"));
    ["applied", "partial", "held", "failed"].map(of)
}

fn last(page: &Page) -> Vec<String> {
    let is_last = |(series, value): (&str, f64)| {
        let status = series.strip_prefix("rollbook_site_last_walk_status{site=\"corp\",status=\"")?;
        (value == 1.0).then(|| status.trim_end_matches("\"}").to_owned())
    };
    page.series().filter_map(is_last).collect()
}

/// The metrics that the page about monitoring names.
fn documented() -> BTreeSet<String> {
    let page = rollbook::web::reference();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let names = rows.filter_map(|row| row.split_once('`')).map(|(name, _)| name.to_owned());
    names.filter(|name| name.starts_with("rollbook_") || name.starts_with("process_")).collect()
}

#[test]
fn every_value_is_right_whatever_becomes_of_walks() {
    let world = listening(World::small(), "").key("seats", "10").guard("ignore_below", 3);
    let further = "[backup]\npath = \"copy-{date}.db\"\nschedule = \"0 0 0 1 1 *\"\n[[exports]]\nreport = \"users\"\n\
                   format = \"csv\"\npath = \"users.csv\"\nschedule = \"@every 1s\"\n";
    configure(&world, "", further);
    let service = Served::start(&world);
    service.until_walked();
    let mut seen = BTreeSet::new();
    let mut look = |page: Page| {
        promtool(&["check", "metrics"], &page.text);
        agrees(&world, &page);
        seen.extend(page.names());
        page
    };

    let page = look(Page::until(&service, "rollbook_site_fresh{site=\"corp\"}", 1.0));
    assert_eq!((walks(&page), last(&page)), ([1.0, 0.0, 0.0, 0.0], vec!["applied".to_owned()]));
    let seats = world.one("SELECT count(*) FROM users WHERE status = 'active'");
    assert_eq!(page.value(&format!("rollbook_site_seats_taken{CORP}")).to_string(), seats);
    assert_eq!(page.value(&format!("rollbook_site_seats{CORP}")), 10.0);
    let groups = world.one("SELECT count(*) FROM groups WHERE removed_at IS NULL");
    assert_eq!(page.value(&format!("rollbook_site_groups{CORP}")).to_string(), groups);
    let memberships = world.one("SELECT memberships_seen FROM walks");
    assert_eq!(page.value(&format!("rollbook_site_memberships{CORP}")).to_string(), memberships);
    assert_eq!(page.value(&format!("rollbook_site_walking{CORP}")), 0.0);
    assert_eq!(page.value("rollbook_site_part_incomplete{site=\"corp\",part=\"members\"}"), 0.0);
    assert_eq!(page.value("rollbook_site_info{site=\"corp\",kind=\"data-center\"}"), 1.0);
    assert_eq!(page.value(&format!("rollbook_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"))), 1.0);
    assert_eq!(page.value(&format!("rollbook_site_freshness_limit_seconds{CORP}")), 86_400.0);
    let next = page.value(&format!("rollbook_site_next_run_timestamp_seconds{CORP}"));
    assert_eq!(next, page.value("rollbook_job_next_run_timestamp_seconds{name=\"walk:corp\"}"));
    assert!(next > page.value("process_start_time_seconds") + 1.0);
    assert!(page.value("rollbook_loop_age_seconds") < 30.0);
    assert!(page.value("rollbook_disk_available_bytes") > 0.0);
    let size = std::fs::metadata(world.file()).unwrap().len();
    assert!((page.value("rollbook_database_size_bytes") - size as f64).abs() < 1e6);
    // The export is written every second.
    let export = format!("{{name=\"export:users:{}\"}}", world.path("users.csv").display());
    Page::until(&service, &format!("rollbook_job_consecutive_failures{export}"), 0.0);
    super::served::until(|| {
        let page = Page::of(&service);
        let written = page.get(&format!("rollbook_job_last_success_timestamp_seconds{export}"));
        written.ok_or(page.text)
    });

    // Partial: the members of groups cannot be read.
    world.site.add_fault(always(Endpoint::GroupMembers, 500));
    world.site.advance_day();
    world.sync().exits(3);
    world.sync().exits(3);
    let page = look(Page::of(&service));
    assert_eq!((walks(&page), last(&page)), ([1.0, 2.0, 0.0, 0.0], vec!["partial".to_owned()]));
    assert_eq!(page.value(&format!("rollbook_site_consecutive_partial_walks{CORP}")), 2.0);
    assert_eq!(page.value("rollbook_site_part_incomplete{site=\"corp\",part=\"members\"}"), 1.0);
    assert_eq!(page.value("rollbook_site_part_incomplete{site=\"corp\",part=\"users\"}"), 0.0);
    world.site.clear_faults();

    // Held, failed while it is, held again, approved.
    world.change(|site| {
        let leaving: Vec<String> = site.licensed().iter().take(20).map(|user| user.key.clone()).collect();
        leaving.iter().for_each(|key| site.leave_all(key));
    });
    world.sync().exits(4);
    let page = look(Page::of(&service));
    assert_eq!((walks(&page), last(&page)), ([1.0, 2.0, 1.0, 0.0], vec!["held".to_owned()]));
    let since = page.value(&format!("rollbook_site_held_since_timestamp_seconds{CORP}"));
    let removals = world.one("SELECT removals FROM holds WHERE decision IS NULL");
    assert_eq!(page.value(&format!("rollbook_site_held_removals{CORP}")).to_string(), removals);
    world.site.add_fault(always(Endpoint::UserList, 500));
    world.sync().exits(69);
    world.sync().exits(69);
    world.site.clear_faults();
    let page = look(Page::of(&service));
    assert_eq!((walks(&page), last(&page)), ([1.0, 2.0, 1.0, 2.0], vec!["failed".to_owned()]));
    assert_eq!(page.value(&format!("rollbook_site_consecutive_failures{CORP}")), 2.0);
    assert_eq!(page.value(&format!("rollbook_site_held{CORP}")), 1.0, "a failed walk leaves it as it is");
    world.run(&["status"]).exits(4).prints(&["failed        2 times in a row", "daemon         works on it"]);
    world.sync().exits(4);
    let page = look(Page::of(&service));
    assert_eq!(walks(&page), [1.0, 2.0, 2.0, 2.0]);
    assert_eq!(page.value(&format!("rollbook_site_held_since_timestamp_seconds{CORP}")), since, "it waits as before");
    let held = world.one("SELECT walk_id FROM holds WHERE decision IS NULL");
    world.run(&["walks", "approve", &held]).exits(0);
    let page = look(Page::of(&service));
    assert_eq!(walks(&page), [1.0, 2.0, 2.0, 2.0], "what was held stays so");
    assert_eq!((page.value(&format!("rollbook_site_held{CORP}")), last(&page)), (0.0, vec!["applied".to_owned()]));
    assert_eq!(page.get(&format!("rollbook_site_held_since_timestamp_seconds{CORP}")), None);
    world.sync().exits(0);
    let page = look(Page::of(&service));
    assert_eq!((walks(&page), last(&page)), ([2.0, 2.0, 2.0, 2.0], vec!["applied".to_owned()]));
    service.stop().exits(0);

    // Whoever counts anew counts the same.
    let service = Served::start(&world);
    Page::until(&service, "rollbook_job_running{name=\"walk:corp\"}", 0.0);
    let anew = look(Page::until(&service, "rollbook_database_readable", 1.0));
    for (series, value) in page.series().filter(|(series, _)| series.contains("_total{")) {
        assert_eq!(anew.value(series), value, "{series}");
    }
    assert_eq!(anew.get("rollbook_job_last_success_timestamp_seconds{name=\"backup\"}"), None, "none was made yet");
    service.stop().exits(0);
    assert_eq!(documented(), seen, "the page about monitoring and what is told");
}

#[test]
fn a_refused_password_and_firings_left_out() {
    let world = listening(World::small(), "").credentials("username = \"audit\"\npassword = \"wrong\"");
    configure(&world, "", "");
    let service = Served::start(&world);
    // What the mirror tells and what the service shows of itself come one after the other.
    Page::until(&service, "rollbook_site_credentials_refused{site=\"corp\"}", 1.0);
    let page = Page::until(&service, "rollbook_job_consecutive_failures{name=\"walk:corp\"}", 1.0);
    assert_eq!(page.value("rollbook_site_fresh{site=\"corp\"}"), 0.0);
    assert_eq!(page.get("rollbook_site_age_seconds{site=\"corp\"}"), None);
    assert_eq!(page.value("rollbook_job_skipped_firings{name=\"walk:corp\"}"), 0.0);
    let day = "strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 hour')";
    let skipped = "INSERT INTO skipped_runs (job, due_at, last_due_at, firings, at, reason) VALUES";
    world.writable().rows(&format!("{skipped} ('walk:corp', {day}, {day}, 7, {day}, 'asleep')"));
    world.writable().rows(&format!("{skipped} ('walk:corp', '2020-01-01', '2020-01-01', 9, '2020-01-01', 'asleep')"));
    Page::until(&service, "rollbook_job_skipped_firings{name=\"walk:corp\"}", 7.0);
    world.run(&["status"]).exits(5).prints(&["left out      7 firings", "failed        once"]);
    service.stop().exits(0);
    world.run(&["status"]).exits(5).prints(&["daemon         none works on it"]);
}
