//! `simulate`: the simulated Confluence alone, to try a configuration against.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::{Exit, Failure, Outcome};
use crate::simulator::{Fault, SPELLINGS, Settings, Simulator, UserExportApp};

/// Runs a simulated Confluence Data Center with REST API Extender, and Confluence User Export if asked, until Ctrl-C
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Where to listen; loopback only
    #[arg(long, default_value = "127.0.0.1:8090", value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,
    /// How many accounts there are at the start [default: 400, with --fast 100000]
    #[arg(long, value_name = "N")]
    pub users: Option<usize>,
    /// How many groups there are; with --fast only, the evolving site makes its own [default: 2000]
    #[arg(long, value_name = "N", requires = "fast")]
    pub groups: Option<usize>,
    /// The same seed gives the same site
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// A large site that never changes and is served from memory, for measurements
    #[arg(long)]
    pub fast: bool,
    /// The path below which Confluence lives; "" for none
    #[arg(long, default_value = "/confluence", value_name = "PATH")]
    pub context_path: String,
    /// The most rows the server puts on a page, whatever is asked
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..))]
    pub page_cap: Option<u32>,
    /// Misbehave
    #[arg(long = "fault", value_name = "FAULT", value_parser = fault, help = format!("Misbehave: {SPELLINGS}"))]
    pub faults: Vec<String>,
    /// Install Confluence User Export, in a release that does not tell the last log-in or in one that does
    #[arg(long, value_name = "RELEASE", value_parser = user_export())]
    pub user_export: Option<UserExportApp>,
    /// A day passes at the site every so many seconds; 0 is never
    #[arg(long, default_value_t = 0, value_name = "SECONDS", conflicts_with = "fast")]
    pub day_seconds: u64,
    /// The account to log in with
    #[arg(long, default_value = "audit")]
    pub username: String,
    /// Its password
    #[arg(long, default_value = "audit")]
    pub password: String,
    /// Its personal access token
    #[arg(long, default_value = "audit-token")]
    pub token: String,
}

fn user_export() -> impl TypedValueParser<Value = UserExportApp> {
    PossibleValuesParser::new(["without-last-login", "with-last-login"]).map(|release| match release.as_str() {
        "with-last-login" => UserExportApp::WithLastLogin,
        _ => UserExportApp::WithoutLastLogin,
    })
}

// Kept as text, because a fault can be counted down only once.
fn fault(text: &str) -> Result<String, String> {
    text.parse::<Fault>().map(|_| text.to_owned())
}

/// Starts the site, says how to reach it, and waits for Ctrl-C.
pub async fn run(options: Options, out: &mut impl Write) -> Outcome {
    if !options.listen.ip().is_loopback() {
        return Err(Failure::new(
            Exit::Usage,
            format!(
                "--listen {} is open to others; the simulator listens on loopback only, such as 127.0.0.1:8090",
                options.listen
            ),
        ));
    }
    let context_path = match options.context_path.trim_matches('/') {
        "" => String::new(),
        path => format!("/{path}"),
    };
    let faults: Result<Vec<Fault>, _> = options.faults.iter().map(|text| text.parse()).collect();
    let defaults = Settings::default();
    let settings = Settings {
        users: options.users.unwrap_or(if options.fast { 100_000 } else { defaults.users }),
        groups: options.groups.unwrap_or(defaults.groups),
        seed: options.seed,
        listen: options.listen,
        context_path,
        page_cap: options.page_cap.map(|rows| rows as usize),
        user_export: options.user_export.unwrap_or(defaults.user_export),
        username: options.username.clone(),
        password: options.password.clone(),
        token: options.token.clone(),
        faults: faults.map_err(|reason| Failure::new(Exit::Usage, format!("--fault: {reason}")))?,
        ..defaults
    };
    let started = if options.fast { Simulator::start_bulk(settings).await } else { Simulator::start(settings).await };
    let site = started.with_context(|| format!("cannot listen on {}", options.listen))?;
    writeln!(
        out,
        "# The simulated Confluence is ready at {}. Put this into rollbook.toml; Ctrl-C stops it.",
        site.base_url()
    )?;
    writeln!(out, "[sites.simulated]")?;
    writeln!(out, "kind = \"data-center\"")?;
    for (key, value) in
        [("base_url", site.base_url()), ("username", &options.username), ("password", &options.password)]
    {
        // A JSON string without escapes beyond TOML's is a TOML string.
        writeln!(out, "{key} = {}", serde_json::to_string(value)?)?;
    }
    out.flush()?;
    live(&site, options.day_seconds).await?;
    site.shutdown().await;
    Ok(Exit::Done)
}

/// Lets the days pass until Ctrl-C.
async fn live(site: &Simulator, day_seconds: u64) -> std::io::Result<()> {
    let mut stop = std::pin::pin!(tokio::signal::ctrl_c());
    if day_seconds == 0 {
        return stop.await;
    }
    let mut days = tokio::time::interval(Duration::from_secs(day_seconds));
    days.tick().await; // the first one is at once, and the day has only begun
    loop {
        tokio::select! {
            stopped = &mut stop => return stopped,
            _ = days.tick() => site.advance_day(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn the_options_hold_together() {
        <Command as clap::CommandFactory>::command().debug_assert();
        let parse = |args: &[&str]| Command::try_parse_from([&["simulate"], args].concat());
        assert!(
            parse(&["--fault", "truncate@users:2", "--fault", "slow=5"]).is_ok_and(|it| it.options.faults.len() == 2)
        );
        assert_eq!(
            parse(&["--user-export", "with-last-login"]).ok().and_then(|it| it.options.user_export),
            Some(UserExportApp::WithLastLogin)
        );
        assert!(parse(&["--user-export", "missing"]).is_err());
        for bad in
            [&["--fault", "fire"][..], &["--page-cap", "0"], &["--groups", "5"], &["--fast", "--day-seconds", "1"]]
        {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    #[tokio::test]
    async fn it_refuses_to_listen_to_others() {
        let options = Command::parse_from(["simulate", "--listen", "0.0.0.0:0"]).options;
        let failure = run(options, &mut Vec::new()).await.expect_err("a refusal");
        assert_eq!(failure.exit, Exit::Usage);
    }
}
