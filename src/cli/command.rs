//! The tree of commands, and what each needs before it runs.

use std::io::{self, Write};

use clap::{Parser, Subcommand};

use super::{
    Exit, Failure, Global, Outcome, access, check_config, completions, daemon, db, demo, doctor, export, history,
    holds, init, man, reader, report, serve, simulate, sql, status, sync, walks,
};
use crate::clock::Clock;
use crate::config::{Config, Loaded, LogFormat, SecretFiles};
use crate::store::Store;
use crate::telemetry;

/// Mirrors Confluence users, groups and memberships into SQLite, with their whole history
#[derive(Debug, Parser)]
#[command(name = "rollbook", version, about, propagate_version = true, subcommand_required = true)]
pub struct Command {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    sub: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    /// Mirror a simulated year on the way from a Data Center to Confluence Cloud, and tell what it found
    Demo(demo::Options),
    /// Run the simulated Confluence alone
    Simulate(simulate::Options),
    /// Write a commented configuration file
    Init(init::Options),
    /// Validate the configuration and print the effective one; asks no site
    CheckConfig(check_config::Options),
    /// Ask every site for a little of all that is needed, with the real credentials, and check this machine
    Doctor(doctor::Options),
    /// Walk each site once, all of them side by side
    Sync(sync::Options),
    /// Walk the sites on their schedules, write the exports, and keep house, until SIGTERM
    Daemon(daemon::Options),
    /// Answer pages, reports and the upstream interfaces from the mirror until SIGTERM; walks nothing
    Serve(serve::Options),
    /// How fresh each site's mirror is, and what is wrong
    Status(status::Options),
    /// The walks, and what each found
    #[command(subcommand)]
    Walks(Walks),
    /// Answer a named question; without a name, list the questions
    Report(report::Options),
    /// Whole tables, to files
    #[command(subcommand)]
    Export(Export),
    /// Who may use a Cloud site, by e-mail
    #[command(subcommand)]
    Access(Access),
    /// Everything recorded about one user or group
    History(history::Options),
    /// Read-only SQL on the mirror
    Sql(sql::Options),
    /// Look after the database file
    #[command(subcommand)]
    Db(Db),
    /// Print the completions for a shell
    Completions(completions::Options),
    /// Print a man page, or write all of them
    Man(man::Options),
}

#[derive(Debug, Subcommand)]
enum Walks {
    /// The newest walks
    List(walks::ListOptions),
    /// One walk: its figures, its coverage, its changes
    Show(walks::ShowOptions),
    /// What a held walk would take away
    Diff(holds::DiffOptions),
    /// Apply exactly what `diff` shows, dated now
    Approve(holds::ApproveOptions),
    /// Drop what `diff` shows; the next walk judges afresh
    Reject(holds::RejectOptions),
}

#[derive(Debug, Subcommand)]
enum Export {
    /// The users
    Users(export::UserOptions),
    /// The groups, those that were removed too
    Groups(export::Options),
    /// Who was in which group, and when
    Memberships(export::Options),
    /// The feed of all changes
    Changes(export::Options),
}

#[derive(Debug, Subcommand)]
enum Access {
    /// Ask the site which addresses have access; changes nothing
    Check(access::CheckOptions),
}

#[derive(Debug, Subcommand)]
enum Db {
    /// Copy the database while it is in use, verify the copy, and put it in place
    Backup(db::BackupOptions),
    /// Check that the file is whole and that what it says agrees with itself; writes nothing
    Verify(db::VerifyOptions),
    /// Remove what ended long ago; what is so now, and the walks, stay
    Prune(db::prune::PruneOptions),
    /// Erase one person everywhere in the database, and search its files for what may be left
    Forget(db::forget::ForgetOptions),
}

/// Parses the command line, runs the command, tells a failure on stderr, and gives the exit code.
pub fn main() -> u8 {
    let command = Command::parse();
    // One thread runs the requests; SQLite has its own.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return Exit::Failure as u8;
        }
    };
    let ended = runtime.block_on(run(command, &Clock::System, &mut io::stdout()));
    // A look-up of a name that hangs is not waited for.
    runtime.shutdown_background();
    match ended {
        Ok(exit) => exit as u8,
        Err(failure) if is_broken_pipe(&failure.error) => Exit::Done as u8,
        Err(failure) => {
            // A reader of stderr that is gone is no reason for another exit code.
            let _ = writeln!(io::stderr(), "{}", telemetry::error(&format!("error: {:#}", failure.error)));
            failure.exit as u8
        }
    }
}

/// The reader of stdout has seen enough (`| head`).
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

async fn run(command: Command, clock: &Clock, out: &mut impl Write) -> Outcome {
    let Command { global, sub } = command;
    match sub {
        Sub::Demo(options) => {
            global.start_logging(LogFormat::Text);
            demo::run(options, clock, global.quiet, out).await
        }
        Sub::Simulate(options) => {
            global.start_logging(LogFormat::Text);
            simulate::run(options, out).await
        }
        Sub::Init(options) => init::run(&options, &global, clock, out),
        Sub::CheckConfig(options) => check_config::run(&options, &global, clock, out).await,
        Sub::Doctor(options) => doctor::run(&options, &global, clock, out).await,
        Sub::Sync(options) => {
            let config = load(&global, clock)?;
            sync::run(options, &config, clock, global.quiet, out).await
        }
        Sub::Daemon(options) => {
            let loaded = global.load(clock)?;
            global.start_logging_as_service(loaded.config.log.format);
            let config = told(loaded);
            daemon::run(options, config, &global, clock).await
        }
        Sub::Serve(options) => serve::run(options, &global, clock).await,
        Sub::Status(options) => {
            let (path, config) = global.load_for_reading(clock)?;
            let sites = config.map(|config| status::configured(&config, clock)).unwrap_or_default();
            // Before the first walk there is a status too: never walked.
            let mut connection = match path.try_exists() {
                Ok(false) => Store::nowhere().reader().await.map_err(Failure::store)?,
                _ => reader(&path).await?,
            };
            let outcome = status::run(options, &mut connection, &sites, status::surroundings(&path), clock, out).await;
            outcome.map_err(|failure| failure.reading(&path))
        }
        Sub::Walks(walks) => {
            let (path, _) = global.load_for_reading(clock)?;
            let store = Store::open(&path).await.map_err(super::Failure::store)?;
            let mut connection = store.reader().await.map_err(super::Failure::store)?;
            let outcome = match walks {
                Walks::List(options) => walks::list(options, &mut connection, clock, out).await,
                Walks::Show(options) => walks::show(options, &mut connection, clock, out).await,
                Walks::Diff(options) => holds::diff(options, &mut connection, out).await,
                Walks::Approve(options) => holds::approve(options, &store, clock, out).await,
                Walks::Reject(options) => holds::reject(options, &store, clock, out).await,
            };
            outcome.map_err(|failure| failure.reading(&path))
        }
        Sub::Report(options) if options.name.is_none() && options.verify.is_none() => {
            // The listing needs no database, and so no configuration.
            let config = match global.load_with(clock, SecretFiles::None) {
                Ok(loaded) => Some(loaded.config),
                Err(failure) if failure.is_absent_config() => None,
                Err(failure) => return Err(failure),
            };
            report::list_all(&options, &report::registry(config.as_ref()).await?, out)
        }
        Sub::Report(options) => {
            let (path, config) = global.load_for_reading(clock)?;
            let outcome = report::run(options, &mut reader(&path).await?, config.as_ref(), clock, out).await;
            outcome.map_err(|failure| failure.reading(&path))
        }
        Sub::Export(Export::Users(options)) if options.from_site => {
            let config = load(&global, clock)?;
            export::from_site(options, &config, clock, global.quiet, out).await
        }
        Sub::Export(export) => {
            let (path, config) = global.load_for_reading(clock)?;
            let (connection, config) = (&mut reader(&path).await?, config.as_ref());
            let outcome = match export {
                Export::Users(options) => export::users(options, connection, config, clock, out).await,
                Export::Groups(options) => export::table("groups", options, None, connection, config, clock, out).await,
                Export::Memberships(options) => {
                    export::table("memberships", options, None, connection, config, clock, out).await
                }
                Export::Changes(options) => {
                    export::table("changes", options, None, connection, config, clock, out).await
                }
            };
            outcome.map_err(|failure| failure.reading(&path))
        }
        Sub::Access(Access::Check(options)) => {
            let config = load(&global, clock)?;
            access::check(options, &config, clock, out).await
        }
        Sub::History(options) => {
            let (path, _) = global.load_for_reading(clock)?;
            let outcome = history::run(options, &mut reader(&path).await?, clock, out).await;
            outcome.map_err(|failure| failure.reading(&path))
        }
        Sub::Sql(options) => {
            let (path, _) = global.load_for_reading(clock)?;
            let outcome = sql::run(options, &mut reader(&path).await?, clock, out).await;
            outcome.map_err(|failure| failure.reading(&path))
        }
        Sub::Db(Db::Backup(options)) => {
            let (path, config) = global.load_for_reading(clock)?;
            let group = config.and_then(|config| config.database.group);
            db::backup(options, &path, group.as_deref(), out).await
        }
        Sub::Db(Db::Verify(options)) => {
            let path = match &options.file {
                Some(file) => db::named(file)?,
                None => global.load_for_reading(clock)?.0,
            };
            db::verify(options, &path, out).await
        }
        Sub::Db(Db::Prune(options)) => {
            let (path, config) = global.load_for_reading(clock)?;
            let store = Store::open(&path).await.map_err(Failure::store)?;
            let outcome = db::prune::run(options, &store, config.as_ref(), clock, out).await;
            outcome.map_err(|failure| failure.reading(&path))
        }
        Sub::Db(Db::Forget(options)) => {
            let (path, config) = global.load_for_reading(clock)?;
            let store = Store::open(&path).await.map_err(Failure::store)?;
            let outcome = db::forget::run(options, &store, config.as_ref(), clock, out).await;
            outcome.map_err(|failure| failure.reading(&path))
        }
        Sub::Completions(options) => completions::run(options, out),
        Sub::Man(options) => man::run(&options, out),
    }
}

/// The configuration of a command that asks sites, with its warnings told.
fn load(global: &Global, clock: &Clock) -> Result<Config, Failure> {
    let loaded = global.load(clock)?;
    global.start_logging(loaded.config.log.format);
    Ok(told(loaded))
}

/// The configuration, with its warnings told.
pub(super) fn told(loaded: Loaded) -> Config {
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    loaded.config
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_holds_together() {
        super::Command::command().debug_assert();
    }
}
