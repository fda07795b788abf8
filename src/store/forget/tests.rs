use std::fs;

use sqlx::ConnectOptions;

use super::*;
use crate::model::SiteId;
use crate::store::open::options;
use crate::store::{Entry, Part, members_fingerprint, save_listing, verify_file};

/// Two sites and a few people; of number 1 everything that can be known.
const PEOPLE: &str = "
INSERT INTO sites (id, name, kind, base_url) VALUES
    (1, 'corp', 'data-center', 'https://wiki.example.com'), (2, 'cloud', 'cloud', 'https://example.atlassian.net/wiki');
INSERT INTO walks (id, site_id, started_at, finished_at, status, changes, at, not_before, error) VALUES
    (1, 1, '2026-01-01 00:00:00.000', '2026-01-01 00:01:00.000', 'applied', 1, '2026-01-01 00:00:00.000', NULL, NULL),
    (2, 1, '2026-02-01 00:00:00.000', '2026-02-01 00:01:00.000', 'held', 3, '2026-02-01 00:00:00.000',
        '2026-01-01 00:00:00.000', 'the user Canaria.Old was not read, nor was canaria.olden'),
    (3, 2, '2026-02-01 00:00:00.000', '2026-02-01 00:01:00.000', 'applied', 0, '2026-02-01 00:00:00.000', NULL, NULL);
INSERT INTO accounts (id, site_id, key, name, full_name, email, status, active, has_access, directory, department, position,
    location, phone, im, website, language, time_zone, created_at, last_login_at, last_login_known, first_seen_at,
    version_from, version_walk_id, account_status, deleted_at) VALUES
    (1, 1, '2c9bcanarykey0001', 'canaria.new', 'Canaria Ñew', 'canaria.new@example.com', 'active', 1, 1, 'Internal',
        'Sales', 'Tester of Canaries', 'Las Palmas', '+34 555 0001', 'canary-im', 'https://canary.example', 'en', 'GMT',
        '2020-01-01 00:00:00.000', '2026-01-20 00:00:00.000', 1, '2026-01-01 00:00:00.000', '2026-02-01 00:00:00.000', 2,
        NULL, NULL),
    (2, 1, 'k2', 'bob', 'Bob', 'bob@example.com', 'active', 1, 1, 'Internal', 'Sales', NULL, NULL, NULL, NULL, NULL, 'en',
        'GMT', NULL, NULL, 1, '2026-01-01 00:00:00.000', '2026-01-01 00:00:00.000', 1, NULL, NULL),
    (3, 2, 'closed-account-id-1', 'Former user 1', NULL, NULL, 'deleted', 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        NULL, NULL, NULL, NULL, 0, '2026-02-01 00:00:00.000', '2026-02-01 00:00:00.000', 3, 'closed',
        '2026-02-01 00:00:00.000'),
    (4, 2, 'closed-account-id-2', 'Former user 2', NULL, NULL, 'deleted', 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        NULL, NULL, NULL, NULL, 0, '2026-02-01 00:00:00.000', '2026-02-01 00:00:00.000', 3, 'closed',
        '2026-02-01 00:00:00.000'),
    (5, 2, 'open-account-id', 'Zoë', NULL, NULL, 'active', 1, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        NULL, NULL, NULL, NULL, 0, '2026-02-01 00:00:00.000', '2026-02-01 00:00:00.000', 3, 'active', NULL);
INSERT INTO account_versions (user_id, valid_from, valid_to, walk_id, name, full_name, email, status) VALUES
    (1, '2026-01-01 00:00:00.000', '2026-02-01 00:00:00.000', 1, 'canaria.old', 'Canaria Old', 'canaria.old@example.com',
        'no-access');
INSERT INTO logins (user_id, kind, at, walk_id) VALUES
    (1, 'success', '2026-01-10 00:00:00.000', 2), (1, 'success', '2026-01-20 00:00:00.000', 2),
    (1, 'success', '2025-12-01 00:00:00.000', 1);
INSERT INTO groups (id, site_id, name, first_seen_at) VALUES (1, 1, 'staff', '2026-01-01 00:00:00.000');
INSERT INTO memberships (group_id, user_id, valid_from, valid_to, walk_id) VALUES
    (1, 1, '2026-01-01 00:00:00.000', NULL, 1), (1, 2, '2026-01-01 00:00:00.000', NULL, 1);
INSERT INTO change_log (walk_id, kind, user_id, group_id, field, before, after) VALUES
    (1, 'member.added', 1, 1, NULL, NULL, NULL),
    (2, 'user.renamed', 1, NULL, 'name', 'canaria.old', 'canaria.new'),
    (2, 'user.updated', 1, NULL, 'phone', '+34 555 0009', '+34 555 0001'),
    (2, 'user.access-gained', 1, NULL, 'status', 'no-access', 'active');
INSERT INTO evidence (user_id, walk_id, answer) VALUES (1, 2, 'by name: canaria.old');
INSERT INTO holds (walk_id, site_id, reasons, removals) VALUES (2, 1, '2 of 2 members', 2);
INSERT INTO held_changes (walk_id, seq, kind, user_id, field, before) VALUES
    (2, 1, 'user.updated', 1, 'im', 'canary-im'), (2, 2, 'user.updated', 2, 'email', 'bob@example.com');
INSERT INTO held_standings (walk_id, user_id, status) VALUES (2, 1, 'missing');
INSERT INTO actions (site_id, at, actor, kind, target, request, response) VALUES
    (1, '2026-02-01 00:00:00.000', 'admin', 'user.change', 'canaria.new', '{\"email\":\"canaria.new@example.com\"}', 'Bob');
";

/// What must not be found anywhere.
const CANARIES: [&str; 11] = [
    "2c9bcanarykey0001",
    "canaria.new",
    "Canaria Ñew",
    "canaria.old@example.com",
    "Canaria Old",
    "Tester of Canaries",
    "Las Palmas",
    "+34 555 0001",
    "+34 555 0009",
    "canary-im",
    "https://canary.example",
];

fn now() -> Timestamp {
    Timestamp::parse_human("2026-03-01T00:00:00Z").unwrap()
}

async fn people() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_or_create(&folder.path().join("rollbook.db")).await.unwrap();
    let mut writer = store.writer().await.unwrap();
    sqlx::raw_sql(PEOPLE).execute(&mut *writer).await.unwrap();
    let entries: Vec<Entry> = (0..1_500).map(|n| Entry { fingerprint: n, user: 1 + n as u32 % 2, name: n }).collect();
    save_listing(&mut writer, SiteId(1), Part::Users, &[], &entries).await.unwrap();
    let members = members_fingerprint([UserId(1), UserId(2)].into_iter());
    let remember = sqlx::query("INSERT INTO group_fingerprints (group_id, members) VALUES (1, ?)");
    remember.bind(members as i64).execute(&mut *writer).await.unwrap();
    // Statistics hold samples of names and keys.
    sqlx::raw_sql("ANALYZE").execute(&mut *writer).await.unwrap();
    writer.close().await.unwrap();
    (folder, store)
}

async fn rows(store: &Store, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(&mut store.reader().await.unwrap()).await.unwrap()
}

async fn is_sound(store: &Store) {
    let found = verify_file(store.path()).await.unwrap();
    let wrong: Vec<_> = found.verdicts.into_iter().filter(|verdict| !verdict.is_ok()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// The canaries that some file of the folder holds.
fn found(folder: &std::path::Path) -> Vec<&'static str> {
    let files =
        fs::read_dir(folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap().to_ascii_lowercase());
    let all: Vec<Vec<u8>> = files.collect();
    let holds = |canary: &&str| {
        let canary = canary.as_bytes().to_ascii_lowercase();
        all.iter().any(|bytes| bytes.windows(canary.len()).any(|window| window == canary))
    };
    CANARIES.into_iter().filter(holds).collect()
}

#[tokio::test]
async fn nothing_of_the_user_is_left_and_the_counts_are() {
    let (folder, store) = people().await;
    is_sound(&store).await;
    assert_eq!(found(folder.path()), CANARIES);
    let would = forgettable(&mut store.reader().await.unwrap(), &[UserId(1)]).await.unwrap();
    let done = forget(&store, &[UserId(1)], Why::Command, now()).await.unwrap();
    let expected = Erased { users: 1, versions: 2, memberships: 1, logins: 3, changes: 2, evidence: 1, held: 2 };
    assert_eq!((would, done.erased), (expected, expected));
    assert!(done.proof.holds(), "{:?}", done.proof);
    assert_eq!(found(folder.path()), [""; 0]);
    is_sound(&store).await;

    // 'Sales' and 'Internal' are others' too, 'canaria.old' is part of a word that stays, 'en' and 'GMT' are short.
    let Proof { searched, short, held, .. } = &done.proof;
    assert_eq!((*searched, *short), (12, 2), "{:?}", done.proof);
    assert_eq!(
        held.iter().map(|(table, count)| format!("{table} {count}")).collect::<Vec<_>>(),
        ["accounts 2", "walks 1"]
    );
    assert_eq!(
        rows(&store, "SELECT name FROM users ORDER BY id").await,
        ["bob", "Former user 1", "Former user 2", "Zoë"]
    );
    let history =
        "SELECT concat_ws('|', valid_from, valid_to, name, status, email) FROM user_history WHERE user_id = 1";
    assert_eq!(
        rows(&store, history).await,
        [
            "2026-01-01 00:00:00.000|2026-02-01 00:00:00.000|forgotten-1|no-access",
            "2026-02-01 00:00:00.000|2026-03-01 00:00:00.000|forgotten-1|active"
        ]
    );
    assert_eq!(rows(&store, "SELECT valid_to FROM memberships WHERE user_id = 1").await, ["2026-03-01 00:00:00.000"]);
    assert_eq!(
        rows(&store, "SELECT concat_ws(' ', kind, before, after) FROM changes WHERE user_id = 1 ORDER BY id").await,
        ["member.added", "user.renamed", "user.updated", "user.access-gained no-access active"]
    );
    assert_eq!(
        rows(&store, "SELECT concat_ws(' ', month, walk_id, users) FROM kept_presence ORDER BY month").await,
        ["2025-12 1 1", "2026-01 2 1"]
    );
    assert_eq!(rows(&store, "SELECT concat_ws(' ', removals, reasons) FROM holds").await, ["1 2 of 2 members"]);
    assert_eq!(
        rows(&store, "SELECT error FROM walks WHERE id = 2").await,
        ["the user forgotten was not read, nor was canaria.olden"]
    );
    assert_eq!(
        rows(&store, "SELECT concat_ws(' ', actor, target, request, response) FROM actions").await,
        ["admin forgotten {\"email\":\"forgotten\"} Bob"]
    );
    assert_eq!(
        rows(&store, "SELECT concat_ws(' ', user_id, site_id, at, why, versions, logins, proven) FROM forgotten").await,
        ["1 1 2026-03-01 00:00:00.000 command 2 3 1"]
    );
    let left = super::super::load_listing(&mut store.reader().await.unwrap(), SiteId(1), Part::Users).await.unwrap();
    assert_eq!(left.len(), 750);
    assert!(rows(&store, "SELECT CAST(group_id AS TEXT) FROM group_fingerprints").await.is_empty());
}

#[tokio::test]
async fn who_is_forgotten_is_sought_and_looked_up_no_more() {
    let (_folder, store) = people().await;
    forget(&store, &[UserId(1)], Why::Command, now()).await.unwrap();
    let (site, many) = (SiteId(1), 100);
    let mut reader = store.reader().await.unwrap();
    let connection = &mut reader;
    use crate::store::*;
    assert!(accounts_by_key(connection, site, &["2c9bcanarykey0001"]).await.unwrap().is_empty());
    assert!(accounts_by_name(connection, site, &["forgotten-1", "canaria.new"]).await.unwrap().is_empty());
    assert!(keyless_accounts(connection, site).await.unwrap().is_empty());
    assert_eq!(newest_keyless(connection, site).await.unwrap(), None);
    assert_eq!(some_active(connection, site, 1).await.unwrap(), [(UserId(2), "bob".to_owned())]);
    let (never, turn) = rotation(connection, site, UserId(0), many).await.unwrap();
    assert!(never.is_empty() && turn.is_empty());
    assert_eq!(account_keys(connection, site).await.unwrap(), [(UserId(2), "k2".to_owned())]);
    let (never, turn) = activity_rotation(connection, site, UserId(0), many).await.unwrap();
    assert_eq!((never, turn), (vec![UserId(2)], vec![]));
    assert_eq!(count_known(connection, site, &["email"]).await.unwrap().0, 1);
    assert_eq!(next_user(connection).await.unwrap(), UserId(6));
    assert!(find_forgettable(connection, "forgotten-1", None).await.unwrap().is_empty());
    assert_eq!(find_forgotten(connection, "forgotten-1").await.unwrap(), Some(1));
    assert_eq!(find_forgotten(connection, "bob").await.unwrap(), None);
    // Nor is the number of the newest one given to somebody else.
    drop(reader);
    forget(&store, &[UserId(5)], Why::Command, now()).await.unwrap();
    assert_eq!(next_user(&mut store.reader().await.unwrap()).await.unwrap(), UserId(6));
}

#[tokio::test]
async fn closed_accounts_go_after_their_grace() {
    let (_folder, store) = people().await;
    let day = Duration::from_secs(86_400);
    let early = forget_closed(&store, 29 * day, now()).await.unwrap();
    assert_eq!(early.erased.users, 0);
    {
        let _walk = crate::store::lock_walk(store.path(), "cloud").unwrap();
        let waiting = forget_closed(&store, 28 * day, now()).await.unwrap();
        assert_eq!((waiting.erased.users, waiting.waiting), (0, 2));
        assert!(matches!(
            forget(&store, &[UserId(3)], Why::Command, now()).await,
            Err(ForgetError::Store(StoreError::Walking { .. }))
        ));
    }
    let done = forget_closed(&store, 28 * day, now()).await.unwrap();
    assert_eq!((done.erased.users, done.erased.versions, done.waiting), (2, 2, 0));
    assert!(done.proof.holds() && done.proof.searched >= 4, "{:?}", done.proof);
    assert_eq!(forget_closed(&store, 28 * day, now()).await.unwrap(), Forgotten::default());
    assert_eq!(rows(&store, "SELECT DISTINCT why || proven FROM forgotten").await, ["closed1"]);
    assert_eq!(rows(&store, "SELECT name FROM users WHERE site_id = 2").await, ["Zoë"]);
    is_sound(&store).await;
}

#[tokio::test]
async fn what_lies_in_a_gap_is_found_and_the_file_written_anew() {
    let (folder, store) = people().await;
    // As another program leaves it that does not overwrite what it frees.
    let mut other = options(store.path()).pragma("secure_delete", "OFF").connect().await.unwrap();
    let copies =
        "CREATE TABLE mine (text TEXT) STRICT; INSERT INTO mine VALUES ('canaria.old@example.com'); DELETE FROM mine";
    sqlx::raw_sql(copies).execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    let done = forget(&store, &[UserId(1)], Why::Command, now()).await.unwrap();
    assert!(done.proof.rebuilt && done.proof.holds(), "{:?}", done.proof);
    assert_eq!(found(folder.path()), [""; 0]);
    is_sound(&store).await;
}

#[tokio::test]
async fn what_no_writing_anew_removes_is_told_with_its_place() {
    let (folder, store) = people().await;
    // Beside the database: the log of a writer that died long ago.
    fs::write(beside(store.path(), "-journal"), b"\0..Canaria.OLD@example.com..").unwrap();
    let mut proof = Proof::default();
    let values = ["canaria.old@example.com".to_owned(), "nobody-was-called-so".to_owned()];
    // SQLite looks at such a file when it opens the database, so only the search is tried.
    let needles = Needles::new(values.iter().map(String::as_str));
    let places = search(&[beside(store.path(), "-journal"), store.path().to_owned()], &needles).unwrap();
    fs::remove_file(beside(store.path(), "-journal")).unwrap();
    proof.found = name(&store, places).await.unwrap();
    let told: Vec<_> = proof
        .found
        .iter()
        .map(|(left, count)| (left.file.extension().unwrap(), left.table.as_deref(), *count))
        .collect();
    assert!(told.contains(&("db-journal".as_ref(), None, 1)), "{told:?}");
    assert!(
        told.iter().any(|(file, table, _)| *file == "db" && table.is_some_and(|table| table.starts_with("account"))),
        "{told:?}"
    );
    assert!(!proof.holds());
    drop(folder);
}

#[tokio::test]
async fn a_reader_of_an_older_state_keeps_the_log() {
    let (_folder, store) = people().await;
    let mut reader = store.reader().await.unwrap();
    let mut snapshot = reader.begin().await.unwrap();
    let _: i64 = sqlx::query_scalar("SELECT count(*) FROM accounts").fetch_one(&mut *snapshot).await.unwrap();
    let mut writer = store.writer().await.unwrap();
    sqlx::query("UPDATE sites SET user_list = 'x'").execute(&mut *writer).await.unwrap();
    writer.close().await.unwrap();
    assert!(!empty_log(&store, Duration::ZERO).await.unwrap());
    snapshot.rollback().await.unwrap();
    assert!(empty_log(&store, Duration::ZERO).await.unwrap());
    assert_eq!(fs::metadata(beside(store.path(), "-wal")).map_or(0, |log| log.len()), 0);
}
