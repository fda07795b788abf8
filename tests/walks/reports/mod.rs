//! Every report against what the simulated sites really were: worked out in plain Rust from what each walk could see,
//! for the present and for the past.

mod expect;
mod recorder;
mod story;
mod taken;
mod then;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use rollbook::config::Exception;
use rollbook::model::Timestamp;
use rollbook::render::{Table, Value};
use rollbook::report::{self, Answer, EXCEPTED, EXCEPTIONS, Report, ReportError, Request, Settings};
use rollbook::simulator::LICENCE_GROUPS;
use sqlx::SqliteConnection;

use self::expect::exceptions::{Excepted, except};
use self::expect::{Expected, gone, groups, people, seats, series};
use self::recorder::Record;
use self::story::{HERE, Story, THERE};
use self::then::{DAY, Row, SiteThen, Then};

/// What the pictures do not tell: the words of a site's answer.
const UNTOLD: [&str; 1] = ["evidence"];

const ADMINS: &str =
    "confluence-administrators,confluence-admins*,administrators,site-admins*,system-administrators,org-admins*";

type Worked = Box<dyn Fn(&Then) -> Expected>;

/// A report, how it is asked, and what it is to answer.
struct Question {
    report: &'static str,
    parameters: Vec<String>,
    worked: Worked,
}

fn ask(report: &'static str, parameters: &[&str], worked: impl Fn(&Then) -> Expected + 'static) -> Question {
    let parameters = parameters.iter().map(|text| (*text).to_owned()).collect();
    Question { report, parameters, worked: Box::new(worked) }
}

/// Every report as it comes, and with parameters.
fn questions(since: Timestamp, licence_groups: &[(String, String)]) -> Vec<Question> {
    let at = format!("since={}", since.to_rfc3339());
    let licences = licence_groups.to_vec();
    let patterns = |text: &'static str| text.split(',').collect::<Vec<_>>();
    vec![
        ask("users", &[], people::users),
        ask("licensed", &[], seats::licensed),
        ask("inactive", &[], |then| seats::inactive(then, 90)),
        ask("inactive", &["days=21"], |then| seats::inactive(then, 21)),
        ask("inactive", &["days=0"], |then| seats::inactive(then, 0)),
        ask("never-logged-in", &[], |then| seats::never_logged_in(then, 30)),
        ask("never-logged-in", &["days=200"], |then| seats::never_logged_in(then, 200)),
        ask("reclaimable", &[], |then| seats::reclaimable(then, 90)),
        ask("reclaimable", &["days=14"], |then| seats::reclaimable(then, 14)),
        ask("seats", &[], |then| seats::seats(then, 90, None)),
        ask("seats", &["tier=50", "days=30"], |then| seats::seats(then, 30, Some(50))),
        ask("deactivated", &[], |then| gone::deactivated(then, None)),
        ask("deactivated", &[&at], move |then| gone::deactivated(then, Some(since))),
        ask("vanished", &[], |then| gone::vanished(then, None)),
        ask("vanished", &[&at], move |then| gone::vanished(then, Some(since))),
        ask("returned", &[], |then| gone::returned(then, None)),
        ask("returned", &[&at], move |then| gone::returned(then, Some(since))),
        ask("no-access", &[], gone::no_access),
        ask("licence-groups", &[], move |then| groups::licence_groups(then, &licences)),
        ask("memberships", &[], |then| groups::memberships(then, None)),
        ask("memberships", &["group=everyone"], |then| groups::memberships(then, Some("everyone"))),
        ask("membership-changes", &[], |then| groups::membership_changes(then, then.at.plus_millis(-30 * DAY), None)),
        ask("membership-changes", &[&at], move |then| groups::membership_changes(then, since, None)),
        ask("membership-changes", &[&at, "group=proj-second-life"], move |then| {
            groups::membership_changes(then, since, Some("proj-second-life"))
        }),
        ask("admins", &[], move |then| groups::admins(then, &patterns(ADMINS), 90)),
        ask("admins", &["groups=DEPT-*, e?eryone", "days=10"], |then| {
            groups::admins(then, &["dept-*", "e?eryone"], 10)
        }),
        // SQLite folds the case of ASCII alone; a name is found by its own spelling at least.
        ask("admins", &["groups=Équipe*"], |then| groups::admins(then, &["Équipe*"], 90)),
        ask("groups", &[], groups::groups),
        ask("duplicates", &[], people::duplicates),
        ask("failed-logins", &[], |then| people::failed_logins(then, 30)),
        ask("failed-logins", &["days=120"], |then| people::failed_logins(then, 120)),
        ask("people", &[], |then| people::people(then, 90)),
        ask("people", &["days=20"], |then| people::people(then, 20)),
        ask("activity", &[], series::activity),
        ask("what-if", &[], |then| series::what_if(then, 90)),
        ask("what-if", &["days=5"], |then| series::what_if(then, 5)),
        ask("what-if", &["days=0"], |then| series::what_if(then, 0)),
        ask("came-back", &[], |then| series::came_back(then, 90)),
        ask("came-back", &["days=5"], |then| series::came_back(then, 5)),
    ]
}

/// The moments that are asked about: now; as the walks were, a millisecond before, and between two; before any; where a
/// month begins; and to the millisecond so many days after somebody was there last.
fn moments(story: &Story) -> Vec<Timestamp> {
    let at = |record: &Record, nth: usize| record.pictures[nth].at;
    let here = &story.records[0];
    let mut moments = vec![at(here, 0).plus_millis(-1), story.now(), story.now().plus_millis(400 * DAY)];
    for record in &story.records {
        for nth in [0, 5, record.pictures.len() - 1] {
            moments.push(at(record, nth));
        }
        for nth in [4, 7] {
            moments.push(at(record, nth).plus_millis(-1));
            moments.push(at(record, nth).plus_millis((at(record, nth + 1).millis() - at(record, nth).millis()) / 2));
        }
    }
    let seen = || here.pictures[6].users.values();
    let idle = seen().filter_map(|seen| seen.last_login_at).min().expect("somebody logged in");
    let failed = seen().filter_map(|seen| seen.last_failed_login_at).max().expect("somebody failed to");
    for edge in [idle.plus_millis(90 * DAY), failed.plus_millis(30 * DAY), series::month(at(here, 9))] {
        moments.extend([edge.plus_millis(-1), edge]);
    }
    moments.sort();
    moments.dedup();
    moments
}

/// One that holds, one that expires within the story, and one on an address.
fn exceptions(over: NaiveDate, email: &'static str) -> Vec<Excepted> {
    vec![
        Excepted { pattern: "SVC-*", reason: "integrations", owner: Some("platform team"), expires: None },
        Excepted { pattern: "*.?e*", reason: "on leave", owner: None, expires: Some(over) },
        Excepted { pattern: email, reason: "the board", owner: None, expires: Some(over + Days::new(3650)) },
    ]
}

fn as_configured(excepted: &Excepted) -> Exception {
    let Excepted { pattern, reason, owner, expires } = *excepted;
    Exception::new(pattern, reason, owner, expires).unwrap()
}

/// Columns that have few values.
const WORDED: [&str; 9] =
    ["status", "reason", "basis", "same", "verdict", "kind", "from_status", "elsewhere", "complete"];

/// What has been compared, so that nothing is compared with nothing.
#[derive(Default)]
struct Compared {
    /// Rows by report.
    rows: BTreeMap<&'static str, usize>,
    /// Values of [`WORDED`] columns, with the report.
    words: BTreeSet<(&'static str, String)>,
    excepted: usize,
}

struct Judge<'a> {
    seed: u64,
    story: &'a Story,
    reports: Vec<Report>,
    exceptions: Vec<Excepted>,
    settings: Settings,
    /// A walk was held: what an answer rests on is not what the pictures show.
    held: bool,
    compared: Compared,
    /// What is wrong with each report, first.
    wrong: BTreeMap<&'static str, String>,
}

impl Judge<'_> {
    async fn ask(&mut self, reader: &mut SqliteConnection, question: &Question, at: Timestamp, sites: &[&'static str]) {
        if let Err(wrong) = self.compare(reader, question, at, sites).await {
            let Question { report, parameters, .. } = question;
            let (seed, at) = (self.seed, at.to_sql());
            let wrong = format!("{report} {parameters:?}, seed {seed}, as of {at}, sites {sites:?}: {wrong}");
            self.wrong.entry(report).or_insert(wrong);
        }
    }

    async fn compare(
        &mut self,
        reader: &mut SqliteConnection,
        question: &Question,
        at: Timestamp,
        sites: &[&'static str],
    ) -> Result<(), String> {
        let Question { report: name, parameters, worked } = question;
        let report = self.reports.iter().find(|report| report.name == *name).ok_or("there is no such report")?;
        let request = Request {
            sites: sites.iter().map(|site| (*site).to_owned()).collect(),
            as_of: at,
            parameters: parameters.clone(),
            ..Request::default()
        };
        let answer = match report::collect(reader, report, &request, &self.settings).await {
            Ok(answer) => answer,
            Err(ReportError::Usage(_)) if self.had_no_group(question, sites) => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        let then = Then::new(&self.story.records, at, sites);
        let mut expected = worked(&then);
        if !self.held {
            self.rests_on(report, &answer, &then)?;
        }
        if report.exceptions {
            let told = except(expected.rows, &self.exceptions, at);
            for (appendix, rows) in [(EXCEPTED, told.excepted), (EXCEPTIONS, told.exceptions)] {
                let found = answer.appendices.iter().find(|found| found.name == appendix);
                let found = found.ok_or_else(|| format!("nothing is told of {appendix}"))?;
                self.compared.excepted += rows.len();
                same(&found.table, rows.into()).map_err(|wrong| format!("{appendix}, {wrong}"))?;
            }
            expected.rows = told.rows;
        } else if !answer.appendices.is_empty() {
            return Err("something follows the rows".to_owned());
        }
        *self.compared.rows.entry(name).or_default() += expected.rows.len();
        for row in &expected.rows {
            let words = WORDED.iter().filter_map(|column| row.get(column));
            self.compared.words.extend(words.map(|word| (*name, shown(word))));
        }
        same(&answer.table, expected)
    }

    /// A group may be asked for that no walk over these sites ever saw.
    fn had_no_group(&self, question: &Question, sites: &[&str]) -> bool {
        let asked = question.parameters.iter().find_map(|text| text.strip_prefix("group="));
        let records = self.story.records.iter().filter(|record| sites.is_empty() || sites.contains(&record.site));
        let mut groups = records.flat_map(|record| &record.pictures).flat_map(|picture| picture.groups.values());
        asked.is_some_and(|asked| !groups.any(|group| group.name == asked))
    }

    /// The answer names the last walk of each site, and says that it is incomplete where there is none.
    fn rests_on(&self, report: &Report, answer: &Answer, then: &Then) -> Result<(), String> {
        let records = self.story.records.iter();
        let mut rests: Vec<(&str, Option<SiteThen>)> = records
            .filter(|record| report.every_site || then.chosen.contains(&record.site))
            .map(|record| (record.site, SiteThen::new(record, then.at)))
            .collect();
        rests.sort_by_key(|(site, _)| *site);
        let incomplete = rests.iter().any(|(_, site)| site.is_none());
        let rows: Vec<Row> = rests
            .into_iter()
            .map(|(name, site)| {
                let last = site.map(|site| site.last());
                let (walk, at) = (last.map(|last| last.walk), last.map(|last| last.at));
                Row::from([("site", name.into()), ("id", walk.into()), ("at", at.into())])
            })
            .collect();
        let mut walks = named(&answer.frame.walks);
        walks.iter_mut().for_each(|walk| walk.retain(|column, _| ["site", "id", "at"].contains(column)));
        if (walks == rows, answer.frame.incomplete) == (true, incomplete) {
            return Ok(());
        }
        Err(format!("rests on {walks:?}, incomplete {}; is {rows:?}, {incomplete}", answer.frame.incomplete))
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Text(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Time(at) => at.to_sql(),
    }
}

/// A row by its columns, without those that nothing here tells.
fn named(table: &Table) -> Vec<BTreeMap<&str, Value>> {
    let row = |row: &Vec<Value>| {
        let cells = table.columns.iter().zip(row).filter(|(column, _)| !UNTOLD.contains(&column.name.as_str()));
        cells.map(|(column, value)| (column.name.as_str(), value.clone())).collect()
    };
    table.rows.iter().map(row).collect()
}

/// Says in what the first row differs that does.
fn same(table: &Table, expected: Expected) -> Result<(), String> {
    let Expected { rows, order } = expected;
    let mut found = named(table);
    let mut rows: Vec<BTreeMap<&str, Value>> = rows;
    if !order.is_empty() {
        let place = |row: &BTreeMap<&str, Value>| order.iter().map(|column| shown(&row[column])).collect::<Vec<_>>();
        if !found.is_sorted_by_key(place) {
            return Err(format!("the rows are not in the order of {order:?}"));
        }
        let whole = |row: &BTreeMap<&str, Value>| (place(row), row.values().map(shown).collect::<Vec<_>>());
        found.sort_by_key(whole);
        rows.sort_by_key(whole);
    }
    let Some(nth) = (0..found.len().max(rows.len())).find(|&nth| found.get(nth) != rows.get(nth)) else {
        return Ok(());
    };
    let [told, is] = [&found, &rows].map(|rows| rows.get(nth));
    let columns: BTreeSet<&str> = told.into_iter().chain(is).flat_map(|row| row.keys().copied()).collect();
    let mut differs = String::new();
    for column in columns {
        let [told, is] = [told, is].map(|row| row.and_then(|row| row.get(column)));
        if told != is {
            differs.push_str(&format!("\n    {column}: told {told:?}, is {is:?}"));
        }
    }
    let whole = |row: Option<&BTreeMap<&str, Value>>| match row {
        Some(row) => row.iter().map(|(name, value)| format!("{name} {}", shown(value))).collect::<Vec<_>>().join(", "),
        None => "no such row".to_owned(),
    };
    let counts = format!("{} rows told, {} rows are", found.len(), rows.len());
    Err(format!("row {nth} ({counts})\n  told: {}\n  is:   {}{differs}", whole(told), whole(is)))
}

async fn every_report_tells_the_truth(seed: u64) {
    let story = Story::tell(seed).await;
    let middle = &story.records[0].pictures[8];
    let over = middle.at.in_zone(&chrono::Utc).date_naive();
    // Somebody of whom the reports on unused seats tell.
    let then = Then::new(&story.records, story.now(), &[HERE]);
    let unused = seats::reclaimable(&then, 90).rows;
    let email = unused.iter().map(|row| shown(&row["email"])).find(|email| email.contains('@')).expect("an address");
    let exceptions = exceptions(over, email.leak());
    let since = story.records[0].pictures[6].at;
    let configured = [(HERE, LICENCE_GROUPS[0]), (HERE, "nobody's"), (THERE, "everyone")];
    let configured = configured.map(|(site, group)| (site.to_owned(), group.to_owned())).to_vec();
    let reports = report::Registry::load(None).await.unwrap().reports().to_vec();
    let settings = Settings { exceptions: exceptions.iter().map(as_configured).collect(), ..Settings::default() };
    let (compared, wrong) = (Compared::default(), BTreeMap::new());
    let mut judge = Judge { seed, story: &story, reports, exceptions, settings, held: false, compared, wrong };
    let mut reader = story.world().reader().await;

    let all = questions(since, &[]);
    let asked: BTreeSet<&str> = all.iter().map(|question| question.report).collect();
    for report in &judge.reports {
        assert!(asked.contains(report.name.as_str()), "{} is compared with nothing", report.name);
    }
    for (nth, at) in moments(&story).into_iter().enumerate() {
        for question in &all {
            judge.ask(&mut reader, question, at, &[]).await;
            if nth % 2 == 0 {
                judge.ask(&mut reader, question, at, &[[HERE, THERE][nth / 2 % 2]]).await;
            }
        }
    }
    judge.settings.licence_groups = configured.clone();
    let all = questions(since, &configured);
    for question in all.iter().filter(|question| question.report == "licence-groups") {
        for at in moments(&story) {
            judge.ask(&mut reader, question, at, &[]).await;
        }
    }
    let Judge { wrong, compared, .. } = judge;
    let wrong: Vec<String> = wrong.into_values().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    for (report, rows) in compared.rows {
        assert!(rows > 0, "seed {seed}: {report} never had anything to tell");
    }
    for (report, word) in WORDS {
        let found = compared.words.contains(&(report, word.to_owned()));
        assert!(found, "seed {seed}: {report} never had to tell {word:?}");
    }
    assert!(compared.excepted > 0, "seed {seed}: nobody was excepted");
}

/// What a story is to bring, so that a report that is wrong about it is found out.
const WORDS: [(&str, &str); 27] = [
    ("users", "missing"),
    ("users", "deleted"),
    ("users", "deactivated"),
    ("users", "no-access"),
    ("users", "unknown"),
    ("reclaimable", "idle"),
    ("reclaimable", "never"),
    ("reclaimable", "unknown"),
    ("vanished", "missing"),
    ("vanished", "deleted"),
    ("returned", "user.returned"),
    ("returned", "user.reactivated"),
    ("returned", "user.access-gained"),
    ("licence-groups", "configured"),
    ("licence-groups", "none of the configured"),
    ("licence-groups", "deduced"),
    ("licence-groups", "possible"),
    ("licence-groups", "not known"),
    ("admins", "current"),
    ("admins", "idle"),
    ("admins", "never"),
    ("admins", "unknown"),
    ("duplicates", "email"),
    ("duplicates", "name"),
    ("people", "idle here, active there"),
    ("people", "active here"),
    ("what-if", "1"),
];

#[tokio::test]
async fn of_seed_1() {
    every_report_tells_the_truth(1).await;
}

#[tokio::test]
async fn of_seed_2() {
    every_report_tells_the_truth(2).await;
}

#[tokio::test]
async fn of_seed_3() {
    every_report_tells_the_truth(3).await;
}

#[tokio::test]
async fn of_what_was_held_and_approved() {
    let story = Story::tell_of_a_hold(4).await;
    let reports = report::Registry::load(None).await.unwrap().reports().to_vec();
    let (settings, compared) = (Settings::default(), Compared::default());
    let (exceptions, wrong) = (vec![], BTreeMap::new());
    let mut judge = Judge { seed: 4, story: &story, reports, exceptions, settings, held: true, compared, wrong };
    let mut reader = story.world().reader().await;
    let pictures = &story.records[0].pictures;
    let approved = pictures[pictures.len() - 2].at;
    for at in [approved.plus_millis(-DAY), approved.plus_millis(-1), approved, story.now()] {
        for question in questions(pictures[1].at, &[]) {
            judge.ask(&mut reader, &question, at, &[]).await;
        }
    }
    let wrong: Vec<String> = judge.wrong.into_values().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
