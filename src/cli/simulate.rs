//! `simulate`: the simulated Confluence alone, to try a configuration against.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::{Exit, Failure, Outcome};
use crate::simulator::{CloudSettings, Fault, SPELLINGS, Settings, Simulator, UserExportApp};

/// Runs a simulated Confluence until Ctrl-C: a Data Center with REST API Extender, and Confluence User Export if asked, or
/// a Cloud site with its organization
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
    /// A Confluence Cloud site with its organization instead of a Data Center
    #[arg(long)]
    pub cloud: bool,
    /// Without the organization and its API
    #[arg(long, requires = "cloud")]
    pub no_organization: bool,
    /// Print a configuration for the gateway, which takes the token, instead of the site's own address
    #[arg(long, requires = "cloud")]
    pub gateway: bool,
    /// The path below which Confluence lives; "" for none [default: /confluence, with --cloud always /wiki]
    #[arg(long, value_name = "PATH", conflicts_with = "cloud")]
    pub context_path: Option<String>,
    /// The most rows the server puts on a page, whatever is asked
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..))]
    pub page_cap: Option<u32>,
    /// Misbehave
    #[arg(long = "fault", value_name = "FAULT", value_parser = fault, help = format!("Misbehave: {SPELLINGS}"))]
    pub faults: Vec<String>,
    /// Install Confluence User Export, in a release that does not tell the last log-in or in one that does
    #[arg(long, value_name = "RELEASE", value_parser = user_export(), conflicts_with = "cloud")]
    pub user_export: Option<UserExportApp>,
    /// A day passes at the site every so many seconds; 0 is never
    #[arg(long, default_value_t = 0, value_name = "SECONDS", conflicts_with = "fast")]
    pub day_seconds: u64,
    /// The account to log in with
    #[arg(long, help = "The account to log in with [default: audit, with --cloud audit@example.com]")]
    pub username: Option<String>,
    /// Its password, or its API token for the Cloud site's own address
    #[arg(long, default_value = "audit")]
    pub password: String,
    /// Its personal access token, or its token for the gateway of Cloud
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
    let settings = settings(&options)?;
    let username = settings.username.clone();
    let organization = settings.cloud.as_ref().and_then(|cloud| cloud.organization.clone());
    let started = if options.fast { Simulator::start_bulk(settings).await } else { Simulator::start(settings).await };
    let site = started.with_context(|| format!("cannot listen on {}", options.listen))?;
    writeln!(
        out,
        "# The simulated Confluence is ready at {}. Put this into rollbook.toml; Ctrl-C stops it.",
        site.base_url()
    )?;
    writeln!(out, "[sites.simulated]")?;
    let (kind, password) = if options.cloud { ("cloud", "token") } else { ("data-center", "password") };
    if options.gateway {
        // Without an account the token is sent as `Bearer`.
        table(out, &[("kind", kind), ("base_url", site.gateway_url()), ("token", &options.token)])?;
    } else {
        let login = [("username", username.as_str()), (password, &options.password)];
        table(out, &[&[("kind", kind), ("base_url", site.base_url())][..], &login].concat())?;
    }
    if let Some(organization) = organization {
        writeln!(out, "\n[sites.simulated.organization]")?;
        let (id, key) = (organization.id.as_str(), organization.api_key.as_str());
        table(out, &[("id", id), ("api_key", key), ("base_url", site.organization_url())])?;
    }
    out.flush()?;
    live(&site, options.day_seconds).await?;
    site.shutdown().await;
    Ok(Exit::Done)
}

/// Writes keys with text.
fn table(out: &mut impl Write, keys: &[(&str, &str)]) -> anyhow::Result<()> {
    for (key, value) in keys {
        // A JSON string without escapes beyond TOML's is a TOML string.
        writeln!(out, "{key} = {}", serde_json::to_string(value)?)?;
    }
    Ok(())
}

/// What the options make of the site.
fn settings(options: &Options) -> Result<Settings, Failure> {
    let faults: Result<Vec<Fault>, _> = options.faults.iter().map(|text| text.parse()).collect();
    let mut defaults = if options.cloud { Settings::cloud() } else { Settings::default() };
    if options.no_organization {
        defaults.cloud = Some(CloudSettings { organization: None, ..CloudSettings::default() });
    }
    let context_path = options.context_path.as_deref().map(|path| match path.trim_matches('/') {
        "" => String::new(),
        path => format!("/{path}"),
    });
    Ok(Settings {
        users: options.users.unwrap_or(if options.fast { 100_000 } else { defaults.users }),
        groups: options.groups.unwrap_or(defaults.groups),
        seed: options.seed,
        listen: options.listen,
        context_path: context_path.unwrap_or(defaults.context_path),
        page_cap: options.page_cap.map(|rows| rows as usize),
        user_export: options.user_export.unwrap_or(defaults.user_export),
        username: options.username.clone().unwrap_or(defaults.username),
        password: options.password.clone(),
        token: options.token.clone(),
        faults: faults.map_err(|reason| Failure::new(Exit::Usage, format!("--fault: {reason}")))?,
        ..defaults
    })
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
        assert!(parse(&["--cloud", "--no-organization", "--gateway"]).is_ok());
        for bad in [
            &["--fault", "fire"][..],
            &["--page-cap", "0"],
            &["--groups", "5"],
            &["--fast", "--day-seconds", "1"],
            &["--gateway"],
            &["--no-organization"],
            &["--cloud", "--context-path", "/x"],
            &["--cloud", "--user-export", "with-last-login"],
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn cloud_has_its_own_defaults() {
        let settings = |args: &[&str]| {
            let options = Command::parse_from([&["simulate"], args].concat()).options;
            settings(&options).ok().expect("settings")
        };
        let cloud = settings(&["--cloud"]);
        assert_eq!((cloud.context_path.as_str(), cloud.username.as_str()), ("/wiki", "audit@example.com"));
        assert!(cloud.cloud.is_some_and(|cloud| cloud.organization.is_some()));
        let alone = settings(&["--cloud", "--no-organization", "--username", "me@example.com"]);
        assert_eq!(alone.username, "me@example.com");
        assert!(alone.cloud.is_some_and(|cloud| cloud.organization.is_none()));
        let data_center = settings(&["--context-path", "x/"]);
        assert_eq!((data_center.context_path.as_str(), data_center.username.as_str()), ("/x", "audit"));
        assert!(data_center.cloud.is_none());
    }

    #[tokio::test]
    async fn it_refuses_to_listen_to_others() {
        let options = Command::parse_from(["simulate", "--listen", "0.0.0.0:0"]).options;
        let failure = run(options, &mut Vec::new()).await.expect_err("a refusal");
        assert_eq!(failure.exit, Exit::Usage);
    }
}
