//! The client of a Cloud site against a simulated one, where no command goes yet.

use std::time::Duration;

use rollbook::clock::Clock;
use rollbook::config::{Credentials, Limits, Secret};
use rollbook::confluence::{Access, Client, Cloud, EMAILS, RequestError, Trouble, Upstream};
use rollbook::simulator::{CloudSettings, Endpoint, Fault, FaultKind, Settings, Simulator, Target};
use url::Url;

const EMAIL: &str = "canary@example.org";

async fn site(cloud: CloudSettings) -> Simulator {
    let settings = Settings { users: 20, seed: 7, cloud: Some(cloud), ..Settings::cloud() };
    Simulator::start(settings).await.unwrap()
}

fn client(site: &Simulator) -> Client {
    let limits = Limits {
        concurrency: 4,
        requests_per_second: 0.0,
        page_size: 1000,
        batch_size: 250,
        lookups_per_walk: 200,
        request_timeout: Duration::from_millis(500),
        walk_deadline: Duration::from_secs(60),
        retries: 5,
    };
    let credentials =
        Credentials::Basic { username: "audit@example.com".to_owned(), password: Secret::new("audit".to_owned()) };
    let base = Url::parse(site.base_url()).unwrap();
    Client::new(Upstream::CloudSite, &base, &credentials, &limits, Clock::System, 1).unwrap()
}

async fn invite(client: &Client) -> Result<(), RequestError> {
    Cloud::new(client).invite(&[EMAIL]).await
}

#[tokio::test]
async fn whoever_is_invited_has_access_later() {
    let site = site(CloudSettings::default()).await;
    let client = client(&site);
    assert!(invite(&client).await.is_ok(), "an empty answer is success");
    assert_eq!(Cloud::new(&client).check_access(&[EMAIL]).await.unwrap(), [Access::None]);
    site.advance_day();
    assert_eq!(Cloud::new(&client).check_access(&[EMAIL]).await.unwrap(), [Access::Granted]);
    assert_eq!(site.requests().access_invite, 1);
}

#[tokio::test]
async fn an_invitation_is_sent_once_whatever_comes_back() {
    for fault in [
        "status=500",
        "status=502",
        "status=503",
        "status=503;Retry-After=0",
        "status=429",
        "status=429;Retry-After=0",
        "reset",
        "truncate",
        "truncate-chunked",
        "endless-rows",
        "hang",
        "trickle-forever=100",
        "html-login",
        "redirect=/elsewhere",
        "status=404",
    ] {
        let site = site(CloudSettings::default()).await;
        let client = client(&site);
        // Over a connection that is open already: a library, too, may send again what fails on one.
        Cloud::new(&client).check_access(&[EMAIL]).await.unwrap();
        if fault.starts_with("truncate") {
            // There is nothing to cut off an empty answer.
            let body = FaultKind::rewrite(|_| "x".repeat(100));
            site.add_fault(Fault::always(Target::at(Endpoint::AccessInvite), body));
        }
        site.add_fault(format!("{fault}@access-invite").parse().unwrap());
        let result = invite(&client).await;
        let requests = site.requests();
        assert_eq!((requests.access_invite, requests.other), (1, 0), "{fault}");
        let error = result.expect_err(fault);
        assert_eq!(error.attempts, 1, "{fault}");
        assert!(!error.to_string().contains("canary"), "{fault}: {error}");
    }
}

#[tokio::test]
async fn a_site_that_nobody_reaches_is_not_asked_again() {
    let site = site(CloudSettings::default()).await;
    let client = client(&site);
    site.shutdown().await;
    let error = invite(&client).await.unwrap_err();
    assert_eq!(error.attempts, 1);
    assert!(matches!(error.trouble, Trouble::Unreachable(_)), "{error}");
}

#[tokio::test]
async fn a_switch_that_is_off_is_told() {
    let site = site(CloudSettings { access_api: false, ..CloudSettings::default() }).await;
    let client = client(&site);
    let error = invite(&client).await.unwrap_err();
    assert_eq!((&error.trouble, error.attempts), (&Trouble::SwitchedOff, 1));
    let error = Cloud::new(&client).check_access(&[EMAIL]).await.unwrap_err();
    assert_eq!((&error.trouble, error.attempts), (&Trouble::SwitchedOff, 2));
    assert!(error.to_string().contains("have not enabled it, or the site is out of service"), "{error}");
}

#[tokio::test]
#[should_panic(expected = "101 addresses in one request")]
async fn more_than_a_request_holds_are_not_sent() {
    let site = site(CloudSettings::default()).await;
    let _ = Cloud::new(&client(&site)).invite(&[EMAIL; EMAILS + 1]).await;
}
