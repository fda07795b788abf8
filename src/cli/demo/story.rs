//! What the mirror tells of the year: every number is asked of the database, none of the simulator.

mod across;

use std::collections::BTreeSet;
use std::path::Path;

use sqlx::{Column as _, Row, SqliteConnection};

use super::page::{Page, columns, command, count};
use super::{CLOUD, SITE, ask, questions};
use crate::cli::{Failure, describe::thousands};
use crate::model::Timestamp;
use crate::render::{Kind, Table, Value, visible};
use crate::report::history::{Event, find_users, former_names, user_events};
use crate::report::{Answer, DAY, rows};

/// How many rows of a long table are shown.
const SHOWN: usize = 6;

/// Tells the story of the mirror in `database` as it was known at `as_of`.
pub(super) async fn tell(mirror: &mut SqliteConnection, database: &Path, as_of: Timestamp) -> Result<String, Failure> {
    let mut story = Story { mirror, as_of, first: String::new(), seats: 0, page: Page::default() };
    story.walks().await?;
    story.seats().await?;
    story.months().await?;
    let waves = story.waves().await?;
    let idle_at = story.idle(&waves).await?;
    story.never().await?;
    story.across().await?;
    story.administrators().await?;
    let account = story.account().await?;
    story.missing().await?;
    story.quarter().await?;
    story.next(&database.to_string_lossy(), idle_at, &account);
    Ok(story.page.0)
}

struct Story<'a> {
    mirror: &'a mut SqliteConnection,
    as_of: Timestamp,
    /// When the first walk of the Data Center was, as SQL spells it.
    first: String,
    /// Its active users after the last one.
    seats: usize,
    page: Page,
}

/// The walks of a site.
struct Walks {
    number: i64,
    requests: i64,
    /// Recorded by others than the first.
    changes: i64,
    first: String,
    last: String,
}

impl Story<'_> {
    async fn walks_of(&mut self, site: &str) -> Result<Walks, Failure> {
        let row = sqlx::query(questions::WALKS).bind(site).fetch_one(&mut *self.mirror).await?;
        Ok(Walks {
            number: row.try_get(0)?,
            requests: row.try_get(1)?,
            changes: row.try_get(2)?,
            first: row.try_get(3)?,
            last: row.try_get(4)?,
        })
    }

    async fn walks(&mut self) -> Result<(), Failure> {
        let (here, there) = (self.walks_of(SITE).await?, self.walks_of(CLOUD).await?);
        let number = |number: i64| thousands(number as u64);
        self.page.line("A simulated year, as the mirror knows it");
        self.page.line("========================================");
        self.page.say(&format!(
            "Rollbook walked a simulated Confluence Data Center, the site `{SITE}`, {} times, at the end of every day from \
             {} to {}, with {} requests. The first walk found what was there; the others recorded {} changes. From {} on \
             it walked a Confluence Cloud too, the site `{CLOUD}`, {} with {} requests, since people move there. All that \
             follows is read from the mirror, and is about `{SITE}` unless it says otherwise.",
            number(here.number),
            &here.first[..10],
            &here.last[..10],
            number(here.requests),
            number(here.changes),
            &there.first[..10],
            count(there.number as usize, "time"),
            number(there.requests),
        ));
        self.first = here.first;
        Ok(())
    }

    async fn seats(&mut self) -> Result<(), Failure> {
        let table = self.table(questions::STATUSES, &[&self.first.clone()]).await?;
        let active = |column: usize| match table.rows.first().map(|row| (&row[0], &row[column])) {
            Some((Value::Text(status), Value::Integer(number))) if status == "active" => *number as usize,
            _ => 0,
        };
        self.seats = active(2);
        self.page.heading("Seats");
        self.page.say(&format!(
            "An active user takes a seat of the licence: {} at the first walk, {} at the last. Those who gave one up \
             are still in the mirror, with all that is known of them. The app Confluence User Export says who was \
             deactivated; who lost access otherwise, as by losing the licence group, is `no-access`.",
            thousands(active(1) as u64),
            thousands(active(2) as u64)
        ));
        self.page.table(&table);
        Ok(())
    }

    async fn months(&mut self) -> Result<(), Failure> {
        let mut table = self.table(questions::MONTHS, &[&self.first.clone()]).await?;
        let number = |value: &Value| number(value).unwrap_or_default() as usize;
        let sum = |column: usize| table.rows.iter().map(|row| number(&row[column])).sum::<usize>();
        let (joined, back, gone) = (sum(1), sum(2), sum(3));
        // A large site has large months: one sign may stand for several users.
        let most = table.rows.iter().map(|row| number(&row[1]) + number(&row[2]) + number(&row[3])).max().unwrap_or(0);
        let scale = most.div_ceil(44).max(1);
        table.columns.push(crate::render::Column::new("+ joined or back, - gone", Kind::Text));
        for row in &mut table.rows {
            let (came, went) = (number(&row[1]) + number(&row[2]), number(&row[3]));
            row.push(format!("{}{}", "+".repeat(came.div_ceil(scale)), "-".repeat(went.div_ceil(scale))).into());
        }
        self.page.heading("Who came and who went");
        if table.rows.is_empty() {
            self.page.say("Nobody did: the seats are those of the first walk.");
            return Ok(());
        }
        self.page.say(&format!(
            "{} joined, {back} got a seat back, {gone} gave one up, by the month in which a walk noticed.{}",
            count(joined, "user"),
            if scale > 1 { format!(" One sign is {scale} users.") } else { String::new() }
        ));
        self.page.table(&table);
        Ok(())
    }

    /// Answers when each wave had not been noticed yet.
    async fn waves(&mut self) -> Result<Vec<Timestamp>, Failure> {
        let table = self.table(questions::WAVES, &[]).await?;
        self.page.heading("Many at once");
        if table.rows.is_empty() {
            self.page.say("No walk saw three per cent of the seats go at once.");
            return Ok(Vec::new());
        }
        self.page.say(
            "Most days take access from one user or none. A deactivation wave takes it from many, and the walk of that \
             evening notices:",
        );
        let names = ["noticed", "walk", "lost", "of seats", "idle 90 days", "came back"];
        self.page.table(&columns(&table, &names, usize::MAX));
        let before = |row: &Vec<Value>| match row.last() {
            Some(Value::Time(before)) => Some(*before),
            _ => None,
        };
        Ok(table.rows.iter().filter_map(before).collect())
    }

    /// Answers as of which date its rows are, unless of now.
    async fn idle(&mut self, waves: &[Timestamp]) -> Result<Option<Timestamp>, Failure> {
        const NAMES: [&str; 5] = ["name", "full_name", "last_login_at", "days", "reason"];
        let now = self.report("inactive", &["days=180"], self.as_of).await?;
        let (idle, never) = (reasons(&now, "idle"), reasons(&now, "never"));
        self.page.heading("Idle for 180 days");
        let away = match idle.len() {
            0 => "Every user with a seat who ever logged in has done so in the last 180 days".to_owned(),
            number => format!("{} with a seat last logged in 180 days ago or more", count(number, "user")),
        };
        let told = format!("{away}; another {} never did in as long, which is not the same.", never.len());
        // A wave of late has left nobody to show: the evening before it has.
        if let Some(&eve) = waves.last().filter(|_| idle.len() < 3) {
            let then = self.report("inactive", &["days=180"], eve).await?;
            let taken = reasons(&then, "idle");
            if taken.len() > idle.len() {
                self.page.say(&format!(
                    "{told} The last wave took the idle ones: on {}, the evening before, there were {}. The report with \
                     --as-of still tells who:",
                    &eve.to_sql()[..10],
                    taken.len()
                ));
                self.page.table(&columns(&longest(&then, taken), &NAMES, SHOWN));
                return Ok(Some(eve));
            }
        }
        let shown = if idle.len() > SHOWN { format!(" The {SHOWN} longest idle:") } else { String::new() };
        self.page.say(&format!("{told}{shown}"));
        if !idle.is_empty() {
            self.page.table(&columns(&longest(&now, idle), &NAMES, SHOWN));
        }
        Ok(None)
    }

    async fn never(&mut self) -> Result<(), Failure> {
        let report = self.report("never-logged-in", &["days=30"], self.as_of).await?;
        let found = report.table.rows.len();
        self.page.heading("Never logged in");
        self.page.say(&format!(
            "{} at least 30 days old {} never been used to log in. Service accounts may well be among them, so look \
             before reclaiming a seat.",
            count(found, "account"),
            if found == 1 { "has" } else { "have" }
        ));
        if found > 0 {
            let oldest = longest(&report, report.table.rows.clone());
            self.page.table(&columns(&oldest, &["name", "full_name", "created_at", "days"], SHOWN));
        }
        Ok(())
    }

    async fn administrators(&mut self) -> Result<(), Failure> {
        let group = "confluence-administrators";
        let since = format!("since={}", self.first);
        let report = self.report("membership-changes", &[&since, &format!("group={group}")], self.as_of).await?;
        self.page.heading("Who may administer");
        if report.table.rows.is_empty() {
            self.page.say(&format!("The members of {group} are those whom the first walk found."));
            return Ok(());
        }
        let changes = count(report.table.rows.len(), "change");
        self.page.say(&format!(
            "The members of {group} saw {changes}. Each happened after the evening of `not_before` and \
             was noticed `at`. An account that goes missing drops out of its groups, and is back in them when it returns."
        ));
        let names = ["not_before", "at", "kind", "name", "full_name"];
        self.page.table(&columns(&report.table, &names, 2 * SHOWN));
        Ok(())
    }

    async fn account(&mut self) -> Result<String, Failure> {
        let chosen = sqlx::query_as::<_, (String, bool, i64)>(questions::ACCOUNT);
        let (name, renamed_and_back, holders) = chosen.fetch_one(&mut *self.mirror).await?;
        let (title, told) = match (renamed_and_back, holders) {
            (true, _) => ("One account", "Renamed, gone and back: a name may change, the key does not:"),
            (false, 2..) => (
                "One name, two people",
                "A name that is free again is given again. Rollbook goes by the key, so neither inherits the other's \
                 past:",
            ),
            _ => ("One account", "What a year of walks recorded of one user:"),
        };
        self.page.heading(title);
        self.page.say(told);
        let mut lives = Vec::new();
        for user in find_users(self.mirror, &name, Some(SITE)).await? {
            let events = user_events(self.mirror, &user).await?;
            let former = former_names(self.mirror, &user).await?;
            lives.push((user, former, events));
        }
        // Log-ins may be older than the mirror.
        lives.sort_by_key(|(.., events)| events.iter().filter(|event| !event.is_login()).map(|event| event.at).min());
        for (user, former, events) in lives {
            let once = if former.is_empty() { String::new() } else { format!(", once {}", former.join(", ")) };
            let key = user.key.as_deref().unwrap_or("without a key");
            self.page.line("");
            self.page.line(&format!("  {} ({}{}), {key}", visible(&user.name), user.status, visible(&once)));
            for (day, sentence) in days(&events) {
                self.page.hang(&format!("    {day}  "), &sentence);
            }
        }
        Ok(name)
    }

    async fn missing(&mut self) -> Result<(), Failure> {
        let (deleted, missing, returned): (i64, i64, i64) =
            sqlx::query_as(questions::FATES).fetch_one(&mut *self.mirror).await?;
        let table = self.table(questions::MISSING, &[]).await?;
        self.page.heading("Gone, and how that is known");
        self.page.say(&format!(
            "{} proven deleted: the site answered with the alias that Confluence leaves behind, or nobody has the name \
             any more and the whole list of User Export lacks it. Another {} lost from sight without such a proof, and \
             are called missing. {returned} of all these came back, a directory having let go for a while: deleted in \
             the mirror, they would have been strangers on their return.",
            was(deleted, "user"),
            was(missing, "user"),
        ));
        if !table.rows.is_empty() {
            let names = ["name", "full_name", "missing since", "looked up"];
            self.page.table(&columns(&table, &names, SHOWN));
        }
        Ok(())
    }

    async fn quarter(&mut self) -> Result<(), Failure> {
        let first = Timestamp::parse_sql(&self.first)?;
        let then = self.as_of.plus_millis(-91 * DAY).max(first);
        let before = active(&self.report("users", &[], then).await?);
        let now = active(&self.report("users", &[], self.as_of).await?);
        self.page.heading("A quarter ago and now");
        self.page.say(&format!(
            "On {} there were {} active users, at the end {}: {} are the same, {} have gone and {} have come. Every \
             report takes --as-of and answers as it would have on that day.",
            &then.to_sql()[..10],
            before.len(),
            now.len(),
            before.intersection(&now).count(),
            before.difference(&now).count(),
            now.difference(&before).count(),
        ));
        Ok(())
    }

    fn next(&mut self, database: &str, idle_at: Option<Timestamp>, account: &str) {
        let as_of = idle_at.map(|time| time.to_sql()[..10].to_owned());
        let mut inactive = vec!["--database", database, "report", "inactive", "--site", SITE, "--param", "days=180"];
        inactive.extend(as_of.iter().flat_map(|day| ["--as-of", day]));
        let sql = "SELECT kind, count(*) FROM changes GROUP BY kind";
        let samples = super::SAMPLES.map(|sample| sample.file).join(", ");
        self.page.heading("Try next");
        self.page
            .say(&format!("The mirror is {database}; beside it are {samples}, as reports write them, of both sites."));
        self.page.line("");
        for arguments in [
            &inactive[..],
            &["--database", database, "report", "inactive", "--site", CLOUD],
            &["--database", database, "history", "user", account],
            &["--database", database, "sql", sql],
        ] {
            self.page.line(&format!("  {}", command(arguments)));
        }
        let config = Path::new(database).with_file_name("rollbook.toml");
        self.page.line("");
        self.page.say("The same to look at, in a browser at http://127.0.0.1:8642, until Ctrl-C:");
        self.page.line("");
        self.page.line(&format!("  {}", command(&["--config", &config.to_string_lossy(), "serve"])));
    }

    /// Runs a report on the Data Center.
    async fn report(&mut self, name: &str, parameters: &[&str], as_of: Timestamp) -> Result<Answer, Failure> {
        ask(self.mirror, name, parameters, as_of, &[SITE]).await
    }

    /// Runs one of the questions. Columns that hold times are told by their names.
    async fn table(&mut self, sql: &'static str, values: &[&str]) -> Result<Table, Failure> {
        const TIMES: [&str; 5] = ["noticed", "not_before", "missing since", "last log-in here", "last active there"];
        const TEXTS: [&str; 7] = ["status", "month", "name", "full_name", "looked up", "name here", "name there"];
        let mut query = sqlx::query(sql);
        for value in values {
            query = query.bind(*value);
        }
        let found = query.fetch_all(&mut *self.mirror).await?;
        let names = found.first().map(|row| row.columns()).unwrap_or_default();
        let columns = names.iter().map(|column| {
            let kind = match column.name() {
                name if TIMES.contains(&name) => Kind::Time,
                name if TEXTS.contains(&name) => Kind::Text,
                _ => Kind::Integer,
            };
            crate::render::Column::new(column.name(), kind)
        });
        Ok(rows::table(columns.collect(), &found)?)
    }
}

fn number(value: &Value) -> Option<i64> {
    if let Value::Integer(number) = value { Some(*number) } else { None }
}

/// The rows of `inactive` with this reason.
fn reasons(result: &Answer, reason: &str) -> Vec<Vec<Value>> {
    result.table.rows.iter().filter(|row| row.last() == Some(&reason.into())).cloned().collect()
}

/// `rows` of `inactive`, the longest idle first.
fn longest(result: &Answer, mut rows: Vec<Vec<Value>>) -> Table {
    let days = result.table.columns.iter().position(|column| column.name == "days").unwrap_or(0);
    rows.sort_by_key(|row| match row[days] {
        Value::Integer(days) => -days,
        _ => 0,
    });
    Table { columns: result.table.columns.clone(), rows }
}

/// Site and key of the active users of the report `users`.
fn active(result: &Answer) -> BTreeSet<String> {
    let text = |value: &Value| if let Value::Text(text) = value { text.clone() } else { String::new() };
    result.table.rows.iter().filter(|row| row[5] == "active".into()).map(|row| text(&row[1])).collect()
}

fn was(number: i64, one: &str) -> String {
    format!("{} {}", count(number as usize, one), if number == 1 { "was" } else { "were" })
}

/// The events of a user, a sentence a day; log-ins between two others are counted.
fn days(events: &[Event]) -> Vec<(String, String)> {
    let mut told: Vec<(String, String)> = Vec::new();
    let mut add = |day: &str, sentence: String| match told.last_mut() {
        Some((last, sentences)) if last == day => sentences.push_str(&format!("; {sentence}")),
        _ => told.push((day.to_owned(), sentence)),
    };
    let day = |event: &Event| event.at.to_sql()[..10].to_owned();
    // What one walk saw of the same kind makes one sentence; so do log-ins in a row.
    for run in events.chunk_by(|a, b| a.kind == b.kind && (a.is_login() || (a.group.is_some() && a.at == b.at))) {
        let (first, last) = (&run[0], &run[run.len() - 1]);
        let mut sentence = first.sentence();
        if first.is_login() && run.len() > 1 {
            sentence.push_str(&format!(" {} times until {}", run.len(), day(last)));
        }
        for event in &run[1..] {
            if let Some(group) = &event.group {
                sentence.push_str(&format!(", {}", visible(group)));
            }
        }
        add(&day(first), sentence);
    }
    told
}
