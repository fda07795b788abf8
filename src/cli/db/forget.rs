//! `rollbook db forget`: erases one person, proves it, and names what it cannot reach.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::json;
use sqlx::SqliteConnection;

use super::copies::copies;
use super::unusable;
use crate::cli::output::{FormatOptions, terminal, to_out};
use crate::cli::{Exit, Failure, Outcome, known_site};
use crate::clock::Clock;
use crate::config::Config;
use crate::model::UserId;
use crate::render::{self, Format, Kind, Table, quoted, visible};
use crate::report::history::find_users;
use crate::store::{self, Candidate, Erased, ForgetError, Forgotten, Left, Proof, Store, Why};

/// Options of `db forget`.
#[derive(Clone, Debug, clap::Args)]
pub struct ForgetOptions {
    /// Whom: the key, or the name as it is now, spelled exactly so
    #[arg(value_name = "USER")]
    pub user: String,
    /// Only at this site
    #[arg(long, value_name = "ID")]
    pub site: Option<String>,
    /// Say what would be erased, and erase nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub format: FormatOptions,
}

/// What is told.
struct Told {
    user: Candidate,
    dry_run: bool,
    forgotten: Forgotten,
    /// Copies of the database that hold the user still, with their days.
    copies: Vec<(PathBuf, String)>,
}

/// Erases the user, and says how much that was, what was searched, and what is not reached.
///
/// # Errors
/// [`Exit::Usage`] unless exactly one user is meant, [`Exit::Busy`] while its site is walked, [`Exit::Failure`] when
/// something of it is left.
pub async fn run(
    options: ForgetOptions,
    store: &Store,
    config: Option<&Config>,
    clock: &Clock,
    out: &mut impl Write,
) -> Outcome {
    let mut reader = store.reader().await.map_err(unusable)?;
    known_site(&mut reader, options.site.as_deref()).await?;
    if let Some(id) = store::find_forgotten(&mut reader, &options.user).await? {
        drop(reader);
        return again(id, &options, store, out).await;
    }
    let user = the_one(&mut reader, &options).await?;
    let others = store::of_same_address(&mut reader, UserId(user.id)).await?;
    let forgotten = if options.dry_run {
        let erased = store::forgettable(&mut reader, &[UserId(user.id)]).await?;
        Forgotten { erased, ..Forgotten::default() }
    } else {
        drop(reader);
        store::forget(store, &[UserId(user.id)], Why::Command, clock.now()).await.map_err(refused)?
    };
    let pattern = config.and_then(|config| config.backup.as_ref()).map(|plan| plan.path.as_path());
    let told = Told { copies: pattern.map(copies).unwrap_or_default(), user, dry_run: options.dry_run, forgotten };
    to_out(out, |out| write(&told, options.format.format, out))?;
    warn(&told, &others, config);
    match failed(&told.forgotten.proof, told.user.id) {
        None => Ok(Exit::Done),
        Some(what) => Err(Failure::new(Exit::Failure, what)),
    }
}

/// Whoever is meant.
async fn the_one(connection: &mut SqliteConnection, options: &ForgetOptions) -> Result<Candidate, Failure> {
    let ForgetOptions { user, site, .. } = options;
    let mut found = store::find_forgettable(&mut *connection, user, site.as_deref()).await?;
    if found.len() == 1 {
        return Ok(found.remove(0));
    }
    let place = site.as_ref().map(|site| format!(" at {site}")).unwrap_or_default();
    let mut what = match found.len() {
        0 => format!("the mirror has no user with the key or the name {}{place}", quoted(user)),
        several => {
            format!("{several} users have the key or the name {}{place}; say --site, or the key of one", quoted(user))
        }
    };
    let like = find_users(connection, user, site.as_deref()).await?;
    let named = found.into_iter().map(|user| (user.site, user.key, user.name));
    let like = like.into_iter().map(|user| (user.site, user.key, user.name));
    let mut shown: Vec<_> = named.collect();
    if shown.is_empty() {
        shown.extend(like);
        if !shown.is_empty() {
            what.push_str("; it has or had users by a name like it");
        }
    }
    for (site, key, name) in shown {
        let key = key.as_deref().unwrap_or("without a key");
        let _ = write!(what, "\n  {}  {}  {}", visible(&site), visible(key), visible(&name));
    }
    Err(Failure::new(Exit::Usage, what))
}

/// Somebody is forgotten already: what is left to do is to see that nothing is left of it.
async fn again(id: i64, options: &ForgetOptions, store: &Store, out: &mut impl Write) -> Outcome {
    if !options.dry_run && !store::clean_up(store).await.map_err(unusable)? {
        let what = "the user was forgotten before, but another program reads an older state of the database and keeps the \
                    write-ahead log: end it, and run this again";
        return Err(Failure::new(Exit::Failure, what));
    }
    let done = if options.dry_run { "would be" } else { "was" };
    to_out(out, |out| match options.format.format {
        Format::Json => {
            let document = json!({ "user_id": id, "already_forgotten": true, "dry_run": options.dry_run });
            writeln!(out, "{document:#}")
        }
        _ => writeln!(
            out,
            "User {id} was forgotten before; the file {done} written anew, and its write-ahead log emptied."
        ),
    })?;
    Ok(Exit::Done)
}

fn refused(error: ForgetError) -> Failure {
    match error {
        ForgetError::Store(error) => unusable(error),
        other => Failure { exit: Exit::Failure, error: other.into() },
    }
}

/// What is wrong after all.
fn failed(proof: &Proof, id: i64) -> Option<String> {
    let place = |left: &Left| match &left.table {
        Some(table) => format!("{} ({table})", left.file.display()),
        None => left.file.display().to_string(),
    };
    let mut what = "the user is erased from the tables".to_owned();
    if !proof.found.is_empty() {
        let places: Vec<String> = proof.found.keys().map(place).collect();
        let _ = write!(
            what,
            ", but {} of the values are still in {}",
            proof.found.values().sum::<u64>(),
            places.join(", ")
        );
    }
    if proof.is_log_kept {
        let _ = write!(
            what,
            "; another program reads an older state of the database and keeps the write-ahead log: end it, and run \
             `rollbook db forget forgotten-{id}`"
        );
    }
    (!proof.holds()).then_some(what)
}

/// What somebody has to do who wants the user gone everywhere.
fn warn(told: &Told, others: &[Candidate], config: Option<&Config>) {
    let Told { user, dry_run, copies, .. } = told;
    let site = visible(&user.site);
    if user.is_listed {
        let then = if *dry_run { "would record" } else { "records" };
        eprintln!(
            "warning: {site} still shows this account, and the next walk {then} it anew, as another user, with what the site \
             shows then. Remove it at the site first, walk, and forget the user after that."
        );
    }
    for other in others {
        let key = other.key.as_deref().unwrap_or("without a key");
        eprintln!(
            "warning: an account with the same e-mail address is kept: {} {}",
            visible(&other.site),
            visible(key)
        );
    }
    if !copies.is_empty() {
        eprintln!("The copies named above hold the user still: remove them, or let them be rotated away.");
    } else if config.is_none_or(|config| config.backup.is_none()) {
        eprintln!("The configuration names no backups: copies made by `rollbook db backup` are not reached.");
    }
    eprintln!("What was exported, and copies made elsewhere, are not reached.");
}

fn write(told: &Told, format: Format, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Table => text(told, out),
        Format::Json => writeln!(out, "{:#}", document(told)),
        format => {
            let mut table = Table::new([("what", Kind::Text), ("rows", Kind::Integer)]);
            let rows = counts(&told.forgotten.erased).map(|(what, rows)| vec![what.into(), (rows as i64).into()]);
            table.rows.extend(rows);
            render::write(&table, format, terminal(), out)
        }
    }
}

fn counts(erased: &Erased) -> [(&'static str, u64); 6] {
    let Erased { users: _, versions, memberships, logins, changes, evidence, held } = *erased;
    [
        ("versions", versions),
        ("memberships", memberships),
        ("logins", logins),
        ("changes", changes),
        ("evidence", evidence),
        ("held", held),
    ]
}

fn text(told: &Told, out: &mut dyn Write) -> io::Result<()> {
    let Told { user, dry_run, forgotten, copies } = told;
    let (id, site) = (user.id, visible(&user.site));
    let counts = counts(&forgotten.erased).map(|(what, rows)| format!("{what} {rows}")).join(", ");
    if *dry_run {
        writeln!(out, "User {id} of {site} would be forgotten: {counts}.")?;
    } else {
        let Proof { files, searched, short, held, rebuilt, .. } = &forgotten.proof;
        writeln!(out, "User {id} of {site} is forgotten, and called forgotten-{id} where it is counted: {counts}.")?;
        let names: Vec<String> = files.iter().map(|file| visible(&file.display().to_string()).into_owned()).collect();
        let left = forgotten.proof.found.values().sum::<u64>();
        writeln!(out, "Searched {} for {searched} values that nothing else holds: {left} left.", names.join(", "))?;
        if *rebuilt {
            writeln!(out, "The file was written anew: copies of some lay in gaps between rows.")?;
        }
        let total: u64 = held.values().sum();
        if total > 0 {
            let tables: Vec<String> = held.iter().map(|(table, values)| format!("{table} {values}")).collect();
            writeln!(out, "Not searched are {total} values that other rows hold ({}).", tables.join(", "))?;
        }
        if *short > 0 {
            writeln!(out, "Not searched are {short} values of less than four bytes.")?;
        }
    }
    for (copy, day) in copies {
        writeln!(out, "Not reached: {} of {day}", visible(&copy.display().to_string()))?;
    }
    Ok(())
}

fn document(told: &Told) -> serde_json::Value {
    let Told { user, dry_run, forgotten, copies } = told;
    let Proof { files, searched, short, held, found, rebuilt, is_log_kept } = &forgotten.proof;
    let erased: serde_json::Map<_, _> =
        counts(&forgotten.erased).into_iter().map(|(what, rows)| (what.to_owned(), json!(rows))).collect();
    let proof = json!({
        "files": files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>(),
        "searched": searched,
        "not_searched": { "short": short, "held": held },
        "found": found.iter().map(|(left, values)| json!({ "file": left.file.display().to_string(), "table": left.table,
            "values": values })).collect::<Vec<_>>(),
        "rebuilt": rebuilt,
        "log_kept": is_log_kept,
    });
    json!({
        "site": user.site,
        "user_id": user.id,
        "dry_run": dry_run,
        "erased": erased,
        "still_listed": user.is_listed,
        "proof": if *dry_run { serde_json::Value::Null } else { proof },
        "not_reached": copies.iter().map(|(copy, day)| json!({ "path": copy.display().to_string(), "date": day })).collect::<Vec<_>>(),
    })
}
