//! What was known at a moment, and what was not.

use super::*;
use crate::report::testing::mirror_with;

#[tokio::test]
async fn a_site_that_did_not_tell_log_ins_yet_told_no_never() {
    // Brought by the walk of March, though they logged in before that of January.
    let late = "INSERT INTO logins (user_id, kind, at, walk_id) VALUES (3, 'success', '2025-12-20 08:00:00.000', 4)";
    let mut connection = mirror_with(late).await;
    let columns = ["key", "reason"];
    let result = ask(&mut connection, "inactive", NOW, &["corp"], &["days=30"]).await.unwrap();
    assert!(shown(&result.table, &columns).contains(&"k3 idle".to_owned()));
    for past in ["2026-01-15", "2026-02-15"] {
        let result = ask(&mut connection, "inactive", past, &["corp"], &["days=30"]).await.unwrap();
        assert!(shown(&result.table, &columns).contains(&"k3 unknown".to_owned()), "{past}: {:?}", result.table);
        let result = ask(&mut connection, "never-logged-in", past, &["corp"], &[]).await.unwrap();
        assert!(!shown(&result.table, &["key"]).contains(&"k3".to_owned()), "{past}");
    }
    let freed = |result: &Answer| shown(&result.table, &["site", "month", "freed"]);
    let known = ask(&mut mirror().await, "what-if", NOW, &["corp"], &[]).await.unwrap();
    assert_eq!(freed(&known)[0], "corp 2026-01-01 2");
    let result = ask(&mut connection, "what-if", NOW, &["corp"], &[]).await.unwrap();
    assert_eq!(freed(&result)[0], "corp 2026-01-01 1", "of k3 nobody said that it never logged in");
}

#[tokio::test]
async fn a_hold_is_told_as_it_stood() {
    let held = "UPDATE walks SET status = 'applied', finished_at = '2026-03-03 12:00:00.000' WHERE id = 4; \
        INSERT INTO holds (walk_id, site_id, reasons, removals, walk_error, decision, decided_at) VALUES \
        (4, 1, 'x', 1, NULL, 'approved', '2026-03-03 12:00:00.000')";
    let mut connection = mirror_with(held).await;
    let basis = |answer: &Answer| (answer.frame.walks.rows[0][2].clone(), answer.frame.walks.rows[0][4].clone());
    let before = ask(&mut connection, "users", "2026-03-03T11:59:59.999Z", &["corp"], &[]).await.unwrap();
    assert_eq!((basis(&before), before.frame.incomplete), (("held".into(), Value::Null), true));
    let after = ask(&mut connection, "users", "2026-03-03T12:00:00Z", &["corp"], &[]).await.unwrap();
    assert_eq!((basis(&after).0, after.frame.incomplete), ("applied".into(), false));
}

#[tokio::test]
async fn what_a_rejected_walk_could_not_read_is_missing() {
    for (error, incomplete) in [("NULL", false), ("'group x could not be read'", true)] {
        let rejected = format!(
            "UPDATE walks SET status = 'rejected' WHERE id = 4; \
             INSERT INTO holds (walk_id, site_id, reasons, removals, walk_error, decision, decided_at) VALUES \
             (4, 1, 'x', 1, {error}, 'rejected', '2026-03-01 00:00:30.000')"
        );
        let mut connection = mirror_with(&rejected).await;
        let answer = ask(&mut connection, "users", "2026-03-04", &["corp"], &[]).await.unwrap();
        assert_eq!(answer.frame.incomplete, incomplete, "{error}");
    }
}

#[tokio::test]
async fn what_kind_of_account_it_is_is_asked_of_the_moment() {
    let more = "UPDATE accounts SET account_type = 'customer', version_from = '2026-03-01 00:00:00.000' WHERE id = 2; \
        INSERT INTO account_versions (user_id, valid_from, valid_to, walk_id, name, status, has_access, account_type) VALUES \
        (2, '2026-01-01 00:00:00.000', '2026-03-01 00:00:00.000', 1, 'bob', 'active', 1, 'atlassian')";
    let mut connection = mirror_with(more).await;
    let keys = |answer: Answer| shown(&answer.table, &["key"]);
    let bob = "k2".to_owned();
    assert!(!keys(ask(&mut connection, "licensed", NOW, &["corp"], &[]).await.unwrap()).contains(&bob));
    assert!(keys(ask(&mut connection, "licensed", "2026-02-28", &["corp"], &[]).await.unwrap()).contains(&bob));
    let seats = shown(&ask(&mut connection, "what-if", NOW, &["corp"], &[]).await.unwrap().table, &["month", "seats"]);
    assert_eq!(seats, ["2026-01-01 5", "2026-02-01 4", "2026-03-01 6"]);
}

#[tokio::test]
async fn a_group_that_was_not_called_so_is_no_empty_group() {
    let more = "UPDATE groups SET name = 'crew', external_id = 'g1' WHERE id = 1; \
        INSERT INTO group_versions VALUES (1, '2026-01-01 00:00:00.000', '2026-02-01 00:00:00.000', 2, 'staff')";
    let mut connection = mirror_with(more).await;
    let asked = |as_of: &'static str, group: &'static str| (as_of, format!("group={group}"));
    for ((as_of, group), known) in [
        (asked("2026-01-15", "staff"), true),
        (asked("2026-01-15", "crew"), false),
        (asked("2026-02-15", "staff"), false),
        (asked("2026-02-15", "crew"), true),
        (asked("2025-01-01", "crew"), true),
    ] {
        let result = ask(&mut connection, "memberships", as_of, &["corp"], &[&group]).await;
        assert_eq!(result.is_ok(), known, "{as_of} {group}: {result:?}");
    }
}

#[tokio::test]
async fn a_group_that_cannot_be_read_is_not_called_empty() {
    let more = "UPDATE walks SET coverage = '{\"members\":{\"not_addressable\":[\"ops/x\"],\"unread\":[]}}' WHERE id = 4; \
        INSERT INTO groups (id, site_id, name, first_seen_at) VALUES (9, 1, 'ops/x', '2026-03-01 00:00:00.000'), \
        (10, 1, 'nobody', '2026-03-01 00:00:00.000')";
    let mut connection = mirror_with(more).await;
    let result = ask(&mut connection, "groups", NOW, &["corp"], &[]).await.unwrap();
    let told = shown(&result.table, &["group", "members", "empty"]);
    assert!(told.contains(&"ops/x - -".to_owned()) && told.contains(&"nobody 0 1".to_owned()), "{told:?}");
}

#[tokio::test]
async fn a_site_that_was_never_walked_makes_the_answer_incomplete_and_an_old_walk_is_noted() {
    let mut connection = mirror().await;
    let (day, year) = (std::time::Duration::from_secs(86_400), std::time::Duration::from_secs(366 * 86_400));
    let sites = |sites: &[(&str, std::time::Duration)]| Settings {
        sites: sites.iter().map(|(site, limit)| ((*site).to_owned(), *limit)).collect(),
        ..Settings::default()
    };
    let request = Request { as_of: Timestamp::parse_human("2026-03-09").unwrap(), past: false, ..Request::default() };
    let seats = registry::find("seats").unwrap();
    let answer = collect(&mut connection, seats, &request, &sites(&[("corp", year), ("neu", day)])).await.unwrap();
    assert!(answer.frame.incomplete && answer.frame.walks.rows[2][1] == "neu".into(), "{:?}", answer.frame);
    assert_eq!(answer.frame.notes, Vec::<String>::new());
    let only = Request { sites: vec!["neu".to_owned()], ..request.clone() };
    let answer = collect(&mut connection, seats, &only, &sites(&[("neu", day)])).await.unwrap();
    assert!(answer.table.rows.is_empty() && answer.frame.incomplete);
    let answer = collect(&mut connection, seats, &request, &sites(&[("corp", day)])).await.unwrap();
    assert!(!answer.frame.incomplete && answer.frame.notes[0].contains("corp is 8 days"), "{:?}", answer.frame.notes);
    let past = Request { past: true, ..request };
    assert!(collect(&mut connection, seats, &past, &sites(&[("corp", day)])).await.unwrap().frame.notes.is_empty());
}
