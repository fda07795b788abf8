//! What is taken out of the mirror on purpose leaves all else true: every report of a moment that is known still answers
//! as before the pruning, and counts of the past are what they were before somebody was forgotten.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::ChaCha12Rng;
use rand::seq::{IndexedRandom, IteratorRandom};
use rand::{RngExt, SeedableRng};
use rollbook::model::{Timestamp, UserId};
use rollbook::render::Value;
use rollbook::report::{self, Answer, Registry, ReportError, Request, Settings};
use rollbook::store::{self, Why};
use sqlx::SqliteConnection;

use super::story::Story;
use super::{moments, questions, shown};

/// What the note of an answer that would reach further back begins with.
const NOTED: &str = "PRUNED: ";

struct Asker {
    registry: Registry,
    /// Report and parameters.
    questions: Vec<(&'static str, Vec<String>)>,
}

impl Asker {
    async fn new(since: Timestamp) -> Self {
        let questions = questions(since, &[]).into_iter().map(|asked| (asked.report, asked.parameters)).collect();
        Self { registry: Registry::load(None).await.unwrap(), questions }
    }

    async fn ask(
        &self,
        reader: &mut SqliteConnection,
        (name, parameters): &(&'static str, Vec<String>),
        as_of: Timestamp,
    ) -> Result<Answer, ReportError> {
        let report = self.registry.find(name).unwrap();
        let request = Request { as_of, parameters: parameters.clone(), ..Request::default() };
        report::collect(reader, report, &request, &Settings::default()).await
    }

    /// Every report as of each moment; of a group that there was not then, nothing.
    async fn all(&self, story: &Story, moments: &[Timestamp]) -> BTreeMap<(Timestamp, usize), Answer> {
        let mut reader = story.world().reader().await;
        let mut answers = BTreeMap::new();
        for at in moments {
            for (nth, question) in self.questions.iter().enumerate() {
                match self.ask(&mut reader, question, *at).await {
                    Ok(answer) => drop(answers.insert((*at, nth), answer)),
                    Err(ReportError::Usage(_)) => {}
                    Err(error) => panic!("{question:?} as of {}: {error}", at.to_sql()),
                }
            }
        }
        answers
    }

    /// The rows of a report, each by its columns.
    async fn rows(&self, story: &Story, name: &'static str, at: Timestamp) -> Vec<BTreeMap<String, String>> {
        let answer = self.ask(&mut story.world().reader().await, &(name, vec![]), at).await.unwrap();
        rows(&answer)
    }
}

fn rows(answer: &Answer) -> Vec<BTreeMap<String, String>> {
    let names = || answer.table.columns.iter().map(|column| column.name.clone());
    answer.table.rows.iter().map(|row| names().zip(row.iter().map(shown)).collect()).collect()
}

async fn is_sound(story: &Story, when: &str) {
    let found = store::verify(&mut story.world().reader().await).await.unwrap();
    let wrong: Vec<_> = found.verdicts.iter().filter(|verdict| !verdict.is_ok()).collect();
    assert!(wrong.is_empty(), "{when}: {wrong:#?}");
}

/// The seats that the last month ends with are those that there are.
async fn the_months_add_up(story: &Story, asker: &Asker, at: Timestamp, when: &str) {
    let seats = asker.rows(story, "seats", at).await;
    let months = asker.rows(story, "activity", at).await;
    for seat in seats {
        let last = months.iter().rfind(|month| month["site"] == seat["site"]).unwrap();
        assert_eq!(last["active"], seat["licensed"], "{when}: {}", seat["site"]);
    }
}

/// Compares an answer with the one before the pruning.
fn assert_stands(after: &Answer, before: &Answer, what: &str) {
    let noted = after.frame.notes.iter().any(|note| note.starts_with(NOTED));
    assert_eq!(after.frame.walks, before.frame.walks, "{what}");
    assert_eq!(after.frame.incomplete, before.frame.incomplete, "{what}");
    let told = |answer: &Answer| -> Vec<BTreeMap<String, String>> {
        let mut rows = rows(answer);
        if after.frame.name == "activity" {
            // Who holds a seat at all is asked as of now when it is pruned.
            rows.iter_mut().filter(|row| row["site"] == "cloud").for_each(|row| drop(row.remove("logged_in")));
        }
        rows
    };
    if !noted {
        assert_eq!(told(after), told(before), "{what}");
        return;
    }
    // What is told still is told as it was. Of failed log-ins there are fewer.
    let before: BTreeSet<_> = rows(before).into_iter().collect();
    let other = rows(after).into_iter().find(|row| !before.contains(row));
    assert!(other.is_none() || after.frame.name == "failed-logins", "{what}: {other:?}");
}

async fn what_is_pruned(seed: u64) {
    let story = Story::tell(seed).await;
    let pictures = &story.records[0].pictures;
    let asker = Asker::new(pictures[6].at).await;
    let moments = moments(&story);
    let middle = pictures[8].at.plus_millis((pictures[9].at.millis() - pictures[8].at.millis()) / 2);
    let mut noted = BTreeSet::new();
    for cutoff in [pictures[2].at.plus_millis(-1), pictures[5].at, middle, pictures[12].at.plus_millis(1)] {
        let when = format!("seed {seed}, pruned until {}", cutoff.to_sql());
        let (gone, known): (Vec<_>, Vec<_>) = moments.iter().partition(|at| **at < cutoff);
        let known = [known, vec![cutoff]].concat();
        let before = asker.all(&story, &known).await;
        let would = store::prunable(&mut story.world().reader().await, cutoff).await.unwrap();
        let pruned = store::prune(&story.world().store, cutoff, story.now()).await.unwrap();
        assert_eq!(pruned.counts(), would.counts(), "{when}");
        assert!(pruned.versions > 0 && pruned.memberships > 0 && pruned.changes > 0, "{when}: {pruned:?}");
        is_sound(&story, &when).await;
        the_months_add_up(&story, &asker, story.now(), &when).await;
        let after = asker.all(&story, &known).await;
        assert_eq!(after.len(), before.len(), "{when}");
        for ((at, nth), answer) in &after {
            let question = &asker.questions[*nth];
            assert_stands(answer, &before[&(*at, *nth)], &format!("{when}: {question:?} as of {}", at.to_sql()));
            if answer.frame.notes.iter().any(|note| note.starts_with(NOTED)) {
                noted.insert(question.0);
            }
        }
        let mut reader = story.world().reader().await;
        for at in gone {
            for question in &asker.questions {
                let refused = asker.ask(&mut reader, question, at).await;
                assert!(
                    matches!(refused, Err(ReportError::Pruned { .. })),
                    "{when}: {question:?} as of {}",
                    at.to_sql()
                );
            }
        }
    }
    let expected = ["came-back", "failed-logins", "membership-changes", "returned", "what-if"];
    assert_eq!(noted, BTreeSet::from(expected), "what reaches further back says so, and nothing else does");
}

#[tokio::test]
async fn what_is_pruned_changes_no_answer_that_is_given_still_1() {
    what_is_pruned(1).await;
}

#[tokio::test]
async fn what_is_pruned_changes_no_answer_that_is_given_still_2() {
    what_is_pruned(2).await;
}

/// What reports count as of a moment.
async fn counts(asker: &Asker, story: &Story, at: Timestamp) -> Vec<String> {
    let mut told = Vec::new();
    for (report, columns) in [
        ("seats", &["site", "licensed", "no_access", "deactivated", "missing", "deleted", "other"][..]),
        ("groups", &["site", "group", "members", "active_members", "empty", "last_change_at"]),
        ("activity", &["site", "month", "found", "joiners", "leavers", "active", "logged_in", "forgotten"]),
        ("users", &["site", "status", "first_seen_at"]),
        ("no-access", &["site", "status", "since", "groups"]),
        ("membership-changes", &["site", "group", "kind", "at", "walk_id"]),
    ] {
        let rows = asker.rows(story, report, at).await;
        // Who of Cloud's users holds a seat at all is asked as of the forgetting, where their log-ins are counted.
        let is_told = |row: &BTreeMap<String, String>, column: &str| column != "logged_in" || row["site"] != "cloud";
        let line = |row: &BTreeMap<String, String>| {
            let told = columns.iter().filter(|column| is_told(row, column));
            told.map(|column| row[*column].as_str()).collect::<Vec<_>>().join(" ")
        };
        told.extend(rows.iter().map(|row| format!("{report}: {}", line(row))));
    }
    told.sort();
    told
}

#[track_caller]
fn assert_same(now: &[String], then: &[String], when: &str) {
    let (now_set, then_set): (BTreeSet<_>, BTreeSet<_>) = (now.iter().collect(), then.iter().collect());
    let (added, lost): (Vec<_>, Vec<_>) =
        (now_set.difference(&then_set).collect(), then_set.difference(&now_set).collect());
    assert!(now == then, "{when}: told now {added:#?}, then {lost:#?}");
}

/// Somebody of each status, and of each site.
async fn somebody(story: &Story, rng: &mut ChaCha12Rng) -> Vec<UserId> {
    let users: Vec<(i64, String)> = sqlx::query_as("SELECT id, site_id || status FROM users ORDER BY id")
        .fetch_all(&mut story.world().reader().await)
        .await
        .unwrap();
    let kinds: BTreeSet<&String> = users.iter().map(|(_, kind)| kind).collect();
    let one = |kind: &&String| users.iter().filter(|(_, own)| own == *kind).choose(rng).map(|(id, _)| UserId(*id));
    kinds.iter().filter_map(one).collect()
}

async fn keys_of(story: &Story, users: &[UserId]) -> Vec<String> {
    let mut keys = Vec::new();
    for user in users {
        let key: Option<Option<String>> = sqlx::query_scalar("SELECT key FROM users WHERE id = ?")
            .bind(user.0)
            .fetch_optional(&mut story.world().reader().await)
            .await
            .unwrap();
        keys.extend(key.flatten());
    }
    keys
}

/// Forgets and prunes at random while the sites live on.
async fn what_is_forgotten(seed: u64) {
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    let mut story = Story::tell(seed).await;
    let asker = Asker::new(story.records[0].pictures[6].at).await;
    let mut cutoff = Timestamp::from_millis_clamped(i64::MIN);
    let mut forgotten: Vec<UserId> = Vec::new();
    for round in 1..=3 {
        let when = format!("seed {seed}, round {round}");
        let past: Vec<Timestamp> = moments(&story).into_iter().filter(|at| *at <= story.now()).collect();
        let mut before = BTreeMap::new();
        for at in past.iter().filter(|at| **at >= cutoff) {
            before.insert(*at, counts(&asker, &story, *at).await);
        }
        let users = somebody(&story, &mut rng).await;
        let keys = keys_of(&story, &users).await;
        let at = story.now().plus_millis(round * 1_000);
        let done = store::forget(&story.world().store, &users, Why::Command, at).await.unwrap();
        assert!(done.proof.holds() && done.proof.searched > 10, "{when}: {:?}", done.proof);
        assert_eq!(done.erased.users, users.len() as u64);
        is_sound(&story, &when).await;
        forgotten.extend(&users);
        for (at, then) in &before {
            assert_same(&counts(&asker, &story, *at).await, then, &format!("{when}, as of {}", at.to_sql()));
        }
        the_months_add_up(&story, &asker, at, &when).await;
        let months = asker.rows(&story, "activity", at).await;
        assert!(months.iter().any(|month| month["forgotten"] != "0"), "{when}");
        assert_gone(&story, &asker, at, &forgotten, &when).await;

        // Whom a site still shows is recorded anew; the others are not, and nobody gets the old row.
        story.pass_and_walk(round as usize).await;
        is_sound(&story, &when).await;
        the_months_add_up(&story, &asker, story.now(), &when).await;
        assert_gone(&story, &asker, story.now(), &forgotten, &when).await;
        let again: Vec<String> =
            sqlx::query_scalar("SELECT key FROM users WHERE key IN (SELECT value FROM json_each(?))")
                .bind(serde_json::Value::from(keys.clone()).to_string())
                .fetch_all(&mut story.world().reader().await)
                .await
                .unwrap();
        let shown = story.shown();
        for key in &again {
            assert!(shown.contains(key), "{when}: {key} is back, and no site shows it");
        }
        for (at, then) in before.iter().filter(|(at, _)| **at >= cutoff) {
            assert_same(&counts(&asker, &story, *at).await, then, &format!("{when}, walked, as of {}", at.to_sql()));
        }

        // And what is pruned in between takes nothing from that.
        let prunes = past.choose(&mut rng).copied().filter(|_| rng.random_bool(0.7));
        if let Some(chosen) = prunes.filter(|chosen| *chosen > cutoff) {
            store::prune(&story.world().store, chosen, story.now()).await.unwrap();
            let boundary = store::boundary(&mut story.world().reader().await).await.unwrap();
            cutoff = boundary.map_or(cutoff, |boundary| boundary.cutoff);
            is_sound(&story, &when).await;
            the_months_add_up(&story, &asker, story.now(), &when).await;
            for (at, then) in before.iter().filter(|(at, _)| **at >= cutoff) {
                let but = |told: &[String]| -> Vec<String> {
                    let may = |line: &&String| {
                        !line.starts_with("membership-changes") && !line.starts_with("activity: cloud")
                    };
                    told.iter().filter(may).cloned().collect()
                };
                let now = counts(&asker, &story, *at).await;
                assert_same(&but(&now), &but(then), &format!("{when}, pruned, as of {}", at.to_sql()));
            }
        }
    }
}

/// No report of that moment has a row of them.
async fn assert_gone(story: &Story, asker: &Asker, at: Timestamp, users: &[UserId], when: &str) {
    let names: BTreeSet<String> = users.iter().map(|user| format!("forgotten-{}", user.0)).collect();
    for (name, parameters) in &asker.questions {
        let Ok(answer) = asker.ask(&mut story.world().reader().await, &(*name, parameters.clone()), at).await else {
            continue;
        };
        let named =
            answer.table.rows.iter().flatten().find(|cell| matches!(cell, Value::Text(text) if names.contains(text)));
        assert_eq!(named, None, "{when}: {name}");
    }
    let current: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM users WHERE name GLOB 'forgotten-*') + (SELECT count(*) FROM memberships m \
         JOIN forgotten f ON f.user_id = m.user_id WHERE m.valid_to IS NULL)",
    )
    .fetch_one(&mut story.world().reader().await)
    .await
    .unwrap();
    assert_eq!(current, 0, "{when}");
}

#[tokio::test]
async fn whoever_is_forgotten_is_counted_in_the_past_and_told_of_nowhere() {
    for seed in [1, 5] {
        what_is_forgotten(seed).await;
    }
}
