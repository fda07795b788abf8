//! `rollbook history user|group`: everything recorded about one, oldest first.

use std::io::{self, Write};

use serde_json::json;
use sqlx::{Connection, SqliteConnection};

use super::output::{FileOptions, FormatOptions};
use super::{Exit, Failure, Outcome, known_site};
use crate::clock::Clock;
use crate::model::Timestamp;
use crate::render::{self, Format, Kind, Style, Table, quoted, visible};
use crate::report::history::{Event, find_groups, find_users, former_names, group_events, user_events};
use crate::store::{self, Boundary};

/// In the table form more of the same kind are counted rather than shown, unless all are asked for.
const SHOWN: usize = 20;

/// Options of `history`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Whose history
    #[command(subcommand)]
    pub of: Of,
}

/// Whose history.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Of {
    /// One user, by key, or by a name it has or once had
    User(Asked),
    /// One group, by name
    Group(Asked),
}

/// What is asked for, and how it is written.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Asked {
    /// The name, or a user's key
    pub name: String,
    /// Only at this site
    #[arg(long, value_name = "ID")]
    pub site: Option<String>,
    /// Show every log-in and every member found at first, however many
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub format: FormatOptions,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub file: FileOptions,
}

/// One user or one life of a group, with its events.
struct Story {
    site: String,
    key: Option<String>,
    name: String,
    /// A user's status; of a group, `present` or `removed`.
    status: String,
    former_names: Vec<String>,
    events: Vec<Event>,
    /// Of what had ended by then nothing is told any more; `None` where it began later.
    pruned: Option<Boundary>,
}

/// Writes the history of every match.
///
/// # Errors
/// [`Exit::Usage`] when nobody and nothing matches.
pub async fn run(options: Options, connection: &mut SqliteConnection, _: &Clock, out: &mut impl Write) -> Outcome {
    let (asked, users) = match options.of {
        Of::User(asked) => (asked, true),
        Of::Group(asked) => (asked, false),
    };
    let mut snapshot = connection.begin().await?;
    known_site(&mut snapshot, asked.site.as_deref()).await?;
    let stories =
        if users { user_stories(&mut snapshot, &asked).await? } else { group_stories(&mut snapshot, &asked).await? };
    let pruned = store::boundary(&mut snapshot).await?;
    snapshot.rollback().await?;
    let mut stories = stories;
    for story in &mut stories {
        let born = story.events.iter().find(|event| event.kind.ends_with(".created")).map(|event| event.at);
        story.pruned = pruned.filter(|pruned| born.is_none_or(|born| born < pruned.cutoff));
    }
    if stories.is_empty() {
        let what = if users { "user with the key, the name or the former name" } else { "group with the name" };
        let place = asked.site.as_ref().map(|site| format!(" at {site}")).unwrap_or_default();
        return Err(Failure::new(Exit::Usage, format!("the mirror has no {what} {}{place}", quoted(&asked.name))));
    }
    asked.file.write(asked.format.format, out, |style, out| write(&stories, users, &asked, style, out))?;
    if !matches!(asked.format.format, Format::Table | Format::Json)
        && let Some(pruned) = stories.iter().find_map(|story| story.pruned)
    {
        eprintln!("PRUNED: {pruned}: it is not among the events.");
    }
    Ok(Exit::Done)
}

async fn user_stories(connection: &mut SqliteConnection, asked: &Asked) -> Result<Vec<Story>, Failure> {
    let mut stories = Vec::new();
    for user in find_users(connection, &asked.name, asked.site.as_deref()).await? {
        let former_names = former_names(connection, &user).await?;
        let events = user_events(connection, &user).await?;
        let (site, key, name, status) = (user.site, user.key, user.name, user.status);
        stories.push(Story { site, key, name, status, former_names, events, pruned: None });
    }
    Ok(stories)
}

async fn group_stories(connection: &mut SqliteConnection, asked: &Asked) -> Result<Vec<Story>, Failure> {
    let mut stories = Vec::new();
    for group in find_groups(connection, &asked.name, asked.site.as_deref()).await? {
        let events = group_events(connection, &group).await?;
        let status = if group.removed { "removed" } else { "present" }.to_owned();
        let (site, name) = (group.site, group.name);
        stories.push(Story { site, key: None, name, status, former_names: vec![], events, pruned: None });
    }
    Ok(stories)
}

fn write(stories: &[Story], users: bool, asked: &Asked, style: Style, out: &mut dyn Write) -> io::Result<()> {
    match asked.format.format {
        Format::Table => {
            for (i, story) in stories.iter().enumerate() {
                if i > 0 {
                    writeln!(out)?;
                }
                text(story, asked.all, out)?;
            }
            Ok(())
        }
        Format::Json => {
            let matches: Vec<_> = stories.iter().map(|story| document(story, users)).collect();
            serde_json::to_writer_pretty(&mut *out, &json!({ "matches": matches }))?;
            out.write_all(b"\n")
        }
        format => render::write(&flat(stories, users), format, style, out),
    }
}

fn document(story: &Story, users: bool) -> serde_json::Value {
    let events: Vec<_> = story
        .events
        .iter()
        .map(|event| {
            json!({
                "at": event.at.to_rfc3339(),
                "not_before": event.not_before.map(|time| time.to_rfc3339()),
                "kind": event.kind,
                "field": event.field,
                "before": event.before,
                "after": event.after,
                "group": event.group,
                "user": event.user,
                "walk_id": event.walk_id,
            })
        })
        .collect();
    let mut document = json!({ "site": story.site, "name": story.name, "status": story.status,
        "pruned_before": story.pruned.map(|pruned| Timestamp::to_rfc3339(pruned.cutoff)), "events": events });
    if users {
        document["key"] = json!(story.key);
        document["former_names"] = json!(story.former_names);
    }
    document
}

fn flat(stories: &[Story], users: bool) -> Table {
    let mut table = Table::new([
        ("site", Kind::Text),
        ("key", Kind::Text),
        ("name", Kind::Text),
        ("at", Kind::Time),
        ("not_before", Kind::Time),
        ("kind", Kind::Text),
        ("field", Kind::Text),
        ("before", Kind::Text),
        ("after", Kind::Text),
        (if users { "group" } else { "user" }, Kind::Text),
        ("walk_id", Kind::Integer),
    ]);
    for story in stories {
        for event in &story.events {
            table.rows.push(vec![
                story.site.as_str().into(),
                story.key.as_deref().into(),
                story.name.as_str().into(),
                event.at.into(),
                event.not_before.into(),
                event.kind.as_str().into(),
                event.field.as_deref().into(),
                event.before.as_deref().into(),
                event.after.as_deref().into(),
                if users { event.group.as_deref() } else { event.user.as_deref() }.into(),
                event.walk_id.into(),
            ]);
        }
    }
    table
}

fn text(story: &Story, all: bool, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{}  ", visible(&story.site))?;
    if let Some(key) = &story.key {
        write!(out, "{}  ", visible(key))?;
    }
    write!(out, "{}  ({}", visible(&story.name), story.status)?;
    if !story.former_names.is_empty() {
        write!(out, "; once {}", visible(&story.former_names.join(", ")))?;
    }
    writeln!(out, ")")?;
    if let Some(pruned) = &story.pruned {
        writeln!(out, "  PRUNED: {pruned}")?;
    }
    let born = story.events.first().map(|event| event.at);
    let found = |event: &Event| event.user.is_some() && event.kind == "member.added" && Some(event.at) == born;
    let logins = left_out(&story.events, all, Event::is_login);
    let members = left_out(&story.events, all, found);
    let (mut login, mut member) = (0, 0);
    for event in &story.events {
        if event.is_login() {
            login += 1;
            if login == logins {
                writeln!(out, "  … {logins} earlier log-ins, failures and activities (--all shows them)")?;
            }
            if login <= logins {
                continue;
            }
        } else if found(event) {
            member += 1;
            if member == members {
                writeln!(out, "  … {members} members from the beginning (--all shows them)")?;
            }
            if member <= members {
                continue;
            }
        }
        write!(out, "  {}  {}", &event.at.to_sql()[..19], event.sentence())?;
        match event.not_before {
            Some(before) => {
                writeln!(out, "  (between {} and {})", &before.to_sql()[..19], &event.at.to_sql()[..19])?;
            }
            None => writeln!(out)?,
        }
    }
    Ok(())
}

/// How many of the oldest such events are counted instead of shown.
fn left_out(events: &[Event], all: bool, such: impl Fn(&Event) -> bool) -> usize {
    if all { 0 } else { events.iter().filter(|event| such(event)).count().saturating_sub(SHOWN) }
}
