//! Log lines: their shape in each format, one for each walk, and nothing in them that `docs/logging.md` does not list.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rollbook::model::Timestamp;
use rollbook::simulator::{Endpoint, Fault, FaultKind, Target};
use serde_json::Value;

use crate::support::{Held, Ran, World, always};

const IN_EVERY_LINE: [&str; 3] = ["timestamp", "level", "message"];

/// The fields in the table below a heading of the page.
fn documented(heading: &str) -> BTreeSet<String> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/logging.md")).unwrap();
    let (_, rest) = page.split_once(&format!("\n## {heading}\n")).expect("the heading is there");
    let section = rest.split("\n## ").next().unwrap();
    let table =
        section.lines().skip_while(|line| !line.starts_with("| field")).take_while(|line| line.starts_with('|'));
    table.skip(2).map(|row| row.split('`').nth(1).unwrap().to_owned()).collect()
}

/// The lines of JSON on stderr; each is an object with what every line has.
#[track_caller]
fn lines(ran: &Ran) -> Vec<Value> {
    let json = ran.stderr.lines().filter(|line| !line.starts_with("error: "));
    let lines: Vec<Value> = json.map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    for line in &lines {
        let time = line["timestamp"].as_str().unwrap();
        assert_eq!(Timestamp::parse_human(time).unwrap().to_rfc3339(), time);
        assert!(["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&line["level"].as_str().unwrap()), "{line}");
        assert!(!line["message"].as_str().unwrap().is_empty(), "{line}");
    }
    lines
}

/// The names of a line's own fields.
fn own(line: &Value) -> BTreeSet<String> {
    let names = line.as_object().unwrap().keys().map(String::as_str);
    names.filter(|name| !IN_EVERY_LINE.contains(name)).map(str::to_owned).collect()
}

/// The line of the walk, which there is one of.
#[track_caller]
fn walk_line(ran: &Ran) -> Value {
    let mut walks: Vec<Value> = lines(ran).into_iter().filter(|line| line.get("outcome").is_some()).collect();
    assert_eq!(walks.len(), 1, "{}", ran.stderr);
    walks.remove(0)
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

const VERBOSE: [&str; 6] = ["-v", "--log-format", "json", "sync", "--changes", "0"];

#[test]
fn a_walk_has_one_line_with_exactly_these_fields() {
    let world = World::small();
    let line = walk_line(&world.run(&VERBOSE).exits(0));
    let mut fields = documented("The line of a walk");
    assert!(fields.remove("error"), "an applied walk has none");
    assert_eq!(own(&line), fields);
    assert_eq!((line["level"].as_str(), line["outcome"].as_str()), (Some("INFO"), Some("applied")));
    assert_eq!(line["message"], "walk 1 of corp applied");
    // They are those of the walk's row.
    let row = world.one(
        "SELECT id, users_seen, groups_seen, memberships_seen, changes, requests, retries, rate_limited, \
         CAST(round((julianday(finished_at) - julianday(started_at)) * 86400000) AS INTEGER) FROM walks",
    );
    let told =
        ["walk", "users", "groups", "memberships", "changes", "requests", "retries", "rate_limited", "duration_ms"];
    assert_eq!(told.map(|field| line[field].to_string()).join("|"), row);
}

#[test]
fn whatever_comes_of_a_walk_it_has_one_line() {
    let all = documented("The line of a walk");
    let world = World::small();
    world.sync().exits(0);
    // Partial.
    world.site.add_fault(always(Endpoint::GroupMembers, 500));
    let line = walk_line(&world.run(&VERBOSE).exits(3));
    world.site.clear_faults();
    assert_eq!(
        (own(&line), line["level"].as_str(), line["outcome"].as_str()),
        (all.clone(), Some("WARN"), Some("partial"))
    );
    assert!(
        line["error"].as_str().unwrap().contains("500") && line["error"].as_str().unwrap().contains(" more)"),
        "{line}"
    );
    // Held.
    world.change(|site| {
        let keys: Vec<String> = site.licensed().iter().filter(|user| !user.serves()).map(|u| u.key.clone()).collect();
        keys.iter().take(30).for_each(|key| site.leave_all(key));
    });
    let line = walk_line(&world.run(&VERBOSE).exits(4));
    assert_eq!(
        (own(&line), line["level"].as_str(), line["outcome"].as_str()),
        (all.clone(), Some("WARN"), Some("held"))
    );
    // Failed.
    world.site.add_fault(always(Endpoint::UserList, 500));
    let line = walk_line(&world.run(&VERBOSE).exits(69));
    world.site.clear_faults();
    let unread = names(&["users", "groups", "memberships"]);
    assert_eq!(own(&line), all.difference(&unread).cloned().collect());
    assert_eq!((line["level"].as_str(), line["requests"].as_u64()), (Some("ERROR"), Some(1)));
    assert_eq!(line["message"], "walk 4 of corp failed");
    // Busy, and stopped: one process in the middle of the site, and another that may not begin.
    let walk = Held::start_by(&world, Target::at(Endpoint::GroupMembers), "exec \"$0\" -v --log-format json sync");
    let line = walk_line(&world.run(&VERBOSE).exits(6));
    assert_eq!(own(&line), names(&["site", "outcome", "duration_ms", "error"]));
    assert_eq!((line["level"].as_str(), line["outcome"].as_str()), (Some("WARN"), Some("busy")));
    walk.signal("TERM");
    let line = walk_line(&walk.ran());
    assert_eq!(own(&line), names(&["site", "walk", "outcome", "duration_ms", "error"]));
    assert_eq!((line["level"].as_str(), line["outcome"].as_str()), (Some("WARN"), Some("stopped")));
}

#[test]
fn sync_tells_in_its_own_words_unless_asked_for_more() {
    let world = World::small();
    assert_eq!(world.run(&["sync"]).exits(0).stderr, "");
    world.site.add_fault(always(Endpoint::UserList, 500));
    for arguments in [&["sync"][..], &["-q", "sync"], &["--log-format", "json", "sync"]] {
        let ran = world.run(arguments).exits(69);
        assert!(ran.stderr.starts_with("error: site corp: ") && ran.stderr.lines().count() == 1, "{}", ran.stderr);
    }
    world.site.clear_faults();
    // A dry run is no walk.
    let ran = world.run(&["-v", "--log-format", "json", "sync", "--dry-run"]).exits(0);
    assert!(lines(&ran).iter().all(|line| line.get("outcome").is_none()), "{}", ran.stderr);
}

#[test]
fn text_has_the_time_and_the_level() {
    let world = World::small();
    let ran = world.run(&["-v", "sync"]).exits(0);
    let line = ran.stderr.lines().next().unwrap();
    let (time, rest) = line.split_once(' ').unwrap();
    assert_eq!(Timestamp::parse_human(time).unwrap().to_rfc3339(), time);
    assert!(rest.starts_with(" INFO walk 1 of corp applied site=corp walk=1 outcome=applied duration_ms="), "{line}");
    world.site.add_fault(always(Endpoint::UserList, 500));
    let ran = world.run(&["-v", "sync"]).exits(69);
    let line = ran.stderr.lines().next().unwrap();
    assert!(line.contains(" ERROR walk 2 of corp failed ") && line.contains(" error=\"GET rest/"), "{line}");
}

#[test]
fn in_the_journal_a_line_has_a_priority_and_no_time() {
    let world = World::small();
    let run = |name: &str, stream: &dyn Fn(&File) -> String, arguments: &[&str]| {
        let file = File::create(world.path(name)).unwrap();
        let mut command = world.command(arguments);
        command.env("JOURNAL_STREAM", stream(&file)).stdout(Stdio::piped()).stderr(file);
        Ran::of_output(&mut command);
        let said = fs::read_to_string(world.path(name)).unwrap();
        fs::remove_file(world.path(name)).unwrap();
        said
    };
    let journal = |file: &File| {
        let found = file.metadata().unwrap();
        format!("{}:{}", found.dev(), found.ino())
    };
    let said = run("a", &journal, &["-v", "sync"]);
    assert!(said.starts_with("<6>walk 1 of corp applied site=corp "), "{said}");
    world.site.add_fault(always(Endpoint::GroupMembers, 500));
    assert!(run("b", &journal, &["-v", "sync"]).starts_with("<4>walk 2 of corp partial "));
    world.site.clear_faults();
    world.site.add_fault(always(Endpoint::UserList, 500));
    assert!(run("c", &journal, &["-v", "sync"]).starts_with("<3>walk 3 of corp failed "));
    let json = run("d", &journal, &["-v", "--log-format", "json", "sync"]);
    assert!(json.starts_with("{\"timestamp\":"), "{json}");
    // The variable is inherited by whoever writes elsewhere.
    let other = |file: &File| format!("{}:1", file.metadata().unwrap().dev());
    assert!(run("e", &other, &["-v", "sync"]).starts_with("20"));
}

#[test]
fn a_line_stays_one_whatever_stands_in_it() {
    let world = World::small();
    world.change(|site| {
        let key = site.licensed()[0].key.clone();
        site.join(&key, "two\nlines \u{202e}\"quoted\"");
    });
    let members =
        Target { subject: Some("two\nlines \u{202e}\"quoted\"".to_owned()), ..Target::at(Endpoint::GroupMembers) };
    world.site.add_fault(Fault::always(members, FaultKind::status(500)));
    let ran = world.run(&["-v", "sync"]).exits(3);
    let walk: Vec<&str> = ran.stderr.lines().filter(|line| line.contains("outcome=partial")).collect();
    assert_eq!((walk.len(), ran.stderr.lines().count()), (1, 1), "{}", ran.stderr);
    assert!(walk[0].contains("two") && walk[0].contains("500") && !walk[0].contains('\u{202e}'), "{}", walk[0]);
}

#[test]
fn every_field_that_is_seen_is_listed() {
    let listed: BTreeSet<String> =
        documented("The line of a walk").union(&documented("Other fields")).cloned().collect();
    let world = World::small().limit("retries", 1).limit("page_size", 50).limit("request_timeout", "\"1s\"");
    let mut seen = BTreeSet::new();
    for fault in ["status=500@members", "hang@users:1", "status=429@groups:1", "truncate@members:2", "status=401@users"]
    {
        world.site.add_fault(fault.parse().unwrap());
        let ran = world.run(&["-vvv", "--log-format", "json", "sync", "--changes", "0"]);
        world.site.clear_faults();
        for line in lines(&ran) {
            let mut own = own(&line);
            assert!(own.remove("target"), "{line}");
            seen.extend(own);
        }
    }
    assert!(seen.contains("request") && seen.contains("pause_ms"), "{seen:?}");
    assert!(seen.is_subset(&listed), "{:?}", seen.difference(&listed));
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => sources(&path, files),
            false => files.extend(path.extension().is_some_and(|end| end == "rs").then_some(path)),
        }
    }
}

/// What stands between the parentheses of a call, in pieces that commas part; texts are left blank.
fn arguments(call: &str) -> Vec<String> {
    let (mut pieces, mut depth, mut text, mut escaped) = (vec![String::new()], 0, false, false);
    for letter in call.chars() {
        match letter {
            _ if text => {
                text = escaped || letter != '"';
                escaped = !escaped && letter == '\\';
                continue;
            }
            '"' => text = true,
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => break,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                pieces.push(String::new());
                continue;
            }
            _ => {}
        }
        pieces.last_mut().unwrap().push(letter);
    }
    pieces.iter().map(|piece| piece.trim().to_owned()).collect()
}

/// The names of the fields in every call that logs.
fn fields(source: &str) -> Vec<String> {
    let mut fields = Vec::new();
    for (at, _) in source.match_indices("tracing::") {
        let Some((level, call)) = source[at + "tracing::".len()..].split_once("!(") else { continue };
        if !["error", "warn", "info", "debug", "trace", "$level"].contains(&level) {
            continue;
        }
        // Fields stand before the message; what is behind it goes into the message.
        let before =
            arguments(call).into_iter().take_while(|piece| !piece.starts_with('"') && !piece.starts_with("$("));
        fields.extend(before.map(|piece| {
            let name = piece.split('=').next().unwrap().trim();
            name.trim_start_matches(['%', '?']).to_owned()
        }));
    }
    fields
}

#[test]
fn every_call_logs_listed_fields_alone() {
    let listed: BTreeSet<String> =
        documented("The line of a walk").union(&documented("Other fields")).cloned().collect();
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut found = 0;
    for file in files {
        for field in fields(&fs::read_to_string(&file).unwrap()) {
            assert!(listed.contains(&field), "{}: '{field}' is not in docs/logging.md", file.display());
            found += 1;
        }
    }
    assert!(found > 20, "{found} fields found in all");
}

#[test]
fn fields_are_found_in_every_spelling() {
    let source = "tracing::warn!(site = %site.id, %error, walk, n = f(a, \"b, c\"), \"a, {x} = {}\", y);\n\
                  tracing::info!(\"only = text\"); tracing::field::Field; tracing::$level!(%site, $($message)+)";
    assert_eq!(fields(source), ["site", "error", "walk", "n", "site"]);
}
