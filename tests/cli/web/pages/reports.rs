//! Pages of reports.

use std::cmp::Ordering;

use rollbook::simulator::Settings;
use serde_json::Value;

use super::read::{cells, links, look, page, shown, text, told, walked};
use crate::support::World;
use crate::web::served::configure;

fn large() -> World {
    World::with(Settings { users: 230, seed: 11, ..Settings::default() })
}

fn all_shown(rows: &[Vec<Value>]) -> Vec<Vec<String>> {
    rows.iter().map(|row| row.iter().map(shown).collect()).collect()
}

/// The rows of all pages.
#[track_caller]
fn rows(service: &crate::web::Served, path: &str) -> Vec<Vec<String>> {
    let (mut path, mut rows) = (path.to_owned(), Vec::new());
    loop {
        let page = page(service, &path);
        let title = text(page.split_once("<h1>").unwrap().1.split_once("</h1>").unwrap().0);
        let part = cells(&page, &title);
        assert!(part.len() <= 100, "{path}");
        rows.extend(part);
        match links(&page, "Next ›").first() {
            Some(next) => path = next.clone(),
            None => return rows,
        }
    }
}

#[test]
fn every_report_tells_what_the_command_line_tells() {
    let (world, service, moment) = walked(large());
    let list = page(&service, "/reports");
    let names = world.run(&["report", "--format", "json"]).exits(0).json();
    let names: Vec<String> = names
        .as_array()
        .unwrap_or_else(|| names["reports"].as_array().unwrap())
        .iter()
        .map(|report| report["name"].as_str().unwrap().to_owned())
        .collect();
    assert!(names.len() > 20, "{names:?}");
    for name in &names {
        assert!(list.contains(&format!("href=\"/reports/{name}\"")), "{name}");
        let (_, expected) = told(&world, &["report", name, "--as-of", &moment]);
        let path = format!("/reports/{name}?as-of={moment}");
        assert_eq!(rows(&service, &path), all_shown(&expected), "{name}");
        let page = page(&service, &path);
        assert!(page.contains("Rests on") && page.contains(&format!("datetime=\"{moment}\"")), "{name}: {page}");
        assert!(!page.contains("INCOMPLETE"), "{name}");
        // Now, too.
        assert_eq!(look(&service, &format!("/reports/{name}")).status, 200, "{name}");
    }
    // Parameters, under their own names and as on the command line.
    let (_, expected) = told(&world, &["report", "inactive", "--as-of", &moment, "--param", "days=400"]);
    for query in ["days=400&site=corp", "param=days%3D400"] {
        assert_eq!(rows(&service, &format!("/reports/inactive?as-of={moment}&{query}")), all_shown(&expected));
    }
}

/// Empty last, whichever way; texts by their letters, whatever the case.
fn compare(a: &Value, b: &Value, descending: bool) -> Ordering {
    let way = |order: Ordering| if descending { order.reverse() } else { order };
    match (a, b) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Greater,
        (_, Value::Null) => Ordering::Less,
        (Value::Number(a), Value::Number(b)) => way(a.as_f64().unwrap().total_cmp(&b.as_f64().unwrap())),
        (Value::String(a), Value::String(b)) => way(a.to_lowercase().cmp(&b.to_lowercase()).then_with(|| a.cmp(b))),
        (a, b) => panic!("{a} {b}"),
    }
}

#[test]
fn rows_are_sorted_by_any_column_and_shown_a_page_at_a_time() {
    let (world, service, moment) = walked(large());
    let (names, report) = told(&world, &["report", "activity", "--as-of", &moment]);
    assert!(!names.is_empty() && !report.is_empty());
    for (name, columns) in
        [("users", &["name", "email", "last_login_at", "status"][..]), ("inactive", &["days", "reason"])]
    {
        let (names, report) = told(&world, &["report", name, "--as-of", &moment]);
        for column in columns {
            let place = names.iter().position(|name| name == column).unwrap();
            for descending in [false, true] {
                let mut expected = report.clone();
                // Stable: what is alike stays in the report's own order.
                expected.sort_by(|a, b| compare(&a[place], &b[place], descending));
                let order = if descending { "&order=desc" } else { "" };
                let path = format!("/reports/{name}?as-of={moment}&sort={column}{order}");
                assert_eq!(rows(&service, &path), all_shown(&expected), "{path}");
                let page = page(&service, &path);
                let way = if descending { "descending" } else { "ascending" };
                assert_eq!(page.matches(&format!("aria-sort=\"{way}\"")).count(), 1, "{path}");
            }
        }
    }
    let first = page(&service, &format!("/reports/users?as-of={moment}"));
    let count = world.one("SELECT count(*) FROM users");
    assert!(first.contains(&format!("1–100 of {count}")), "{first}");
    let last = page(&service, &links(&first, "Last »")[0]);
    assert!(last.contains(&format!("–{count} of {count}")) && links(&last, "Next ›").is_empty(), "{last}");
    let beyond = page(&service, &format!("/reports/users?as-of={moment}&page=50"));
    assert!(beyond.contains("none on this page"), "{beyond}");
}

#[test]
fn a_mistake_is_told_and_the_form_keeps_what_was_given() {
    let (_world, service, _) = walked(World::small());
    for (query, words) in [
        ("dasy=1", &["no parameter", "dasy", "it takes days"][..]),
        ("days=many", &["days, 0 to 36500", "many"]),
        ("days=7&days=8", &["given twice"]),
        ("days=7&site=nowhere", &["nowhere", "corp"]),
        ("days=7&as-of=2999-01-01", &["future"]),
        ("days=7&as-of=soon", &["soon"]),
        ("days=7&sort=nmae", &["no column", "nmae", "full_name"]),
        ("days=7&page=0", &["page=0"]),
        ("days=7&order=up", &["asc or desc"]),
    ] {
        // What is kept of a question that can be meant is no answer to this one.
        assert_eq!(look(&service, "/reports/inactive?days=7").status, 200);
        let answer = look(&service, &format!("/reports/inactive?{query}"));
        assert_eq!(answer.status, 400, "{query}");
        let told = text(answer.body.split_once("role=\"alert\"").unwrap().1.split_once("</p>").unwrap().0);
        for word in words {
            assert!(told.contains(word), "{query}: {told}");
        }
        let given = query.split_once("days=").map_or("", |(_, rest)| rest.split('&').next().unwrap());
        if query.matches("days=").count() == 1 {
            assert!(answer.body.contains(&format!("value=\"{given}\"")), "{query}: {}", answer.body);
        }
        assert!(!answer.body.contains("<h2>Rows</h2>"), "{query}");
    }
    let answer = look(&service, "/reports/inactiv");
    assert_eq!(answer.status, 404);
    assert!(answer.body.contains("inactive"), "{}", answer.body);
    let answer = service.get("/reports/inactiv");
    assert_eq!((answer.status, answer.head.contains("content-type: text/plain")), (404, true), "{answer:?}");
}

#[test]
fn before_the_first_walk_and_before_what_was_pruned() {
    let (world, service, _) = walked(World::small());
    let early = page(&service, "/reports/users?as-of=2001-01-01");
    assert!(early.contains("INCOMPLETE") && early.contains("no walk yet") && early.contains("no such row"), "{early}");
    world.run(&["db", "prune", "--older-than", "0s"]).exits(0);
    let answer = look(&service, "/reports/users?as-of=2001-01-01");
    assert_eq!(answer.status, 410);
    assert!(answer.body.contains("db prune") && answer.body.contains("value=\"2001-01-01\""), "{}", answer.body);
}

#[test]
fn reports_of_ones_own_are_there_and_files_that_are_none_are_told() {
    let world = World::small();
    let folder = world.path("own");
    std::fs::create_dir(&folder).unwrap();
    let own = "/*\ntitle = \"<b>Mine</b>\"\nparameters = [{ name = \"page\", type = \"text\", default = \"x\", meaning = \"y\" }]\n\
               columns = [{ name = \"name\", type = \"text\" }, { name = \"page\", type = \"text\" }]\n*/\n\
               SELECT name, :page AS page FROM users ORDER BY id\n";
    std::fs::write(folder.join("my.own.sql"), own).unwrap();
    std::fs::write(folder.join("broken.sql"), "SELEC 1").unwrap();
    let (world, service, _) = walked(world);
    configure(&world, "", "[reports]\npath = \"own\"\n");
    service.reload();
    let list = page(&service, "/reports");
    assert!(list.contains("href=\"/reports/my.own\"") && list.contains("broken.sql"), "{list}");
    assert!(!list.contains("<b>"), "{list}");
    // A parameter whose name has a meaning in the address.
    let mine = page(&service, "/reports/my.own?param.page=seven");
    let count = world.one("SELECT count(*) FROM users");
    assert_eq!(mine.matches(">seven</td>").count().to_string(), count);
    assert_eq!(look(&service, "/reports/broken").status, 500);
    // It is read anew.
    std::fs::write(folder.join("my.own.sql"), own.replace("ORDER BY id", "ORDER BY id LIMIT 3")).unwrap();
    assert!(page(&service, "/reports/my.own").contains("1–3 of 3"));
    assert_eq!(service.get("/reports/my.own.csv").status, 200);
    let moment = look(&service, "/reports/my.own?as-of=2020-01-01");
    assert_eq!(moment.status, 400, "its SQL does not name :as_of");
}

#[test]
fn a_page_is_of_the_database_as_it_is_now() {
    let (world, service, _) = walked(World::small());
    let count = || {
        let page = page(&service, "/reports/users");
        page.split_once("1–").unwrap().1.split_once(" of ").unwrap().1.split('<').next().unwrap().to_owned()
    };
    assert_eq!(count(), world.one("SELECT count(*) FROM users"));
    world.change(|site| {
        let key = site.add("newcomer");
        site.join(&key, "confluence-users");
        site.look();
    });
    world.sync().exits(0);
    assert_eq!(count(), world.one("SELECT count(*) FROM users"));
}
