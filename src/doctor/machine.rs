//! What this machine must have besides the database: folders to write to, a port, and addresses to tell.

use std::path::Path;

use super::check::{Check, Fault};
use super::{files, port};
use crate::config::{Config, Webhook};

/// Checks the folders of copies and exports, the web server's address and the webhooks'.
pub(super) async fn check(config: &Config, checks: &mut Vec<Check>) {
    if let Some(backup) = &config.backup {
        checks.push(folder("backup", "backup.path", &backup.path));
    }
    for (index, export) in config.exports.iter().enumerate() {
        checks.push(folder("exports", &format!("exports[{index}].path"), &export.path));
    }
    checks.push(port::check(config.http.listen).await);
    checks.extend(config.webhooks.iter().enumerate().map(|(index, webhook)| webhook_check(index, webhook)));
}

/// Whether a file can be made in its folder, which is made where it is not there.
fn folder(name: &'static str, key: &str, file: &Path) -> Check {
    let folder = files::folder(file);
    match files::can_make_files(folder) {
        Ok(()) => Check::ok(name, format!("{key}: {} can be written", folder.display())),
        Err(error) => Check::failed(
            name,
            Fault::Other,
            format!("{key}: {} cannot be written: {error}", folder.display()),
            "give rollbook's user a folder it may write, or name another",
        ),
    }
}

/// The address was read when the configuration was; nothing is sent. What stands behind the host may be a secret.
fn webhook_check(index: usize, webhook: &Webhook) -> Check {
    const NAME: &str = "webhook";
    let Ok(url) = url::Url::parse(webhook.url.reveal()) else {
        return Check::failed(
            NAME,
            Fault::Unusable,
            format!("webhooks[{index}] has no address"),
            "write scheme, host and path, as in \"https://chat.example.com/hook\"",
        );
    };
    let events: Vec<_> = webhook.events.iter().map(|event| event.as_str()).collect();
    let found = format!(
        "webhooks[{index}]: {} is told of {}; nothing was sent",
        url.origin().ascii_serialization(),
        if events.is_empty() { "nothing".to_owned() } else { events.join(", ") }
    );
    let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if url.scheme() == "http" && !local {
        return Check::warning(NAME, format!("{found}; it is not encrypted"), "use https");
    }
    if events.is_empty() {
        return Check::warning(NAME, found, "name events in its key events, or remove it");
    }
    Check::ok(NAME, found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Event, Secret};
    use crate::doctor::Verdict;

    fn judged(url: &str, events: &[Event]) -> Check {
        webhook_check(0, &Webhook { url: Secret::new(url.to_owned()), secret: None, events: events.to_vec() })
    }

    #[test]
    fn a_webhook_is_told_by_its_host_alone() {
        let check = judged("https://chat.example.com/hook/canary?token=canary", &[Event::WalkHeld]);
        assert_eq!(check.verdict, Verdict::Ok);
        assert!(check.found.contains("https://chat.example.com") && !check.found.contains("canary"), "{}", check.found);
        assert_eq!(judged("http://chat.example.com/hook", &[Event::WalkHeld]).verdict, Verdict::Warning);
        assert_eq!(judged("http://127.0.0.1:9/hook", &[Event::WalkHeld]).verdict, Verdict::Ok);
        assert_eq!(judged("https://chat.example.com/hook", &[]).verdict, Verdict::Warning);
        assert_eq!(judged("canary", &[]).verdict, Verdict::Failed(Fault::Unusable));
    }
}
