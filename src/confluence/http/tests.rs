//! The client without a site: attempts are scripted, time is paused.

use std::cell::{Cell, RefCell};
use std::future::{pending, ready};

use futures_util::FutureExt;

use super::attempts::GIVE_UP_AFTER;
use super::retry::{Failed, Stage};
use super::*;
use crate::confluence::error::Right;
use crate::model::Timestamp;

const LIMITS: Limits = Limits {
    concurrency: 4,
    requests_per_second: 0.0,
    page_size: 1000,
    batch_size: 250,
    lookups_per_walk: 200,
    request_timeout: Duration::from_secs(60),
    walk_deadline: Duration::from_secs(4 * 3600),
    retries: 5,
};

fn client(limits: Limits) -> Client {
    let credentials =
        Credentials::Basic { username: "audit".to_owned(), password: crate::config::Secret::new("x".to_owned()) };
    let clock = Clock::manual(Timestamp::from_millis(0).unwrap());
    Client::new(
        Upstream::DataCenter,
        &Url::parse("http://127.0.0.1:9/confluence").unwrap(),
        &credentials,
        &limits,
        clock,
        1,
    )
    .unwrap()
}

fn get(client: &Client) -> Request {
    Request::get(client.url(&["x"], &[]), "x", Right::Administrator)
}

fn limited(retry_after: Option<u64>) -> Failed {
    Failed { trouble: Trouble::RateLimited { retry_after }, stage: Stage::NotProcessed, retry_after }
}

fn late() -> Failed {
    Trouble::TimedOut(LIMITS.request_timeout).into()
}

/// Makes the request with these answers, the last one for ever; tells the result and how often it was sent.
async fn answers(
    client: &Client,
    request: Request,
    script: impl Fn(u32) -> Result<(), Failed>,
) -> (Result<(), RequestError>, u32) {
    let sent = Cell::new(0);
    let attempt = || {
        sent.set(sent.get() + 1);
        ready(script(sent.get()))
    };
    let result = client.repeat(&request, attempt).await;
    (result, sent.get())
}

#[tokio::test(start_paused = true)]
async fn a_429_holds_everybody_back() {
    for (retry_after, least, most) in [(Some(7), 7_000, 7_000), (Some(2000), 300_000, 300_000), (None, 125, 250)] {
        let client = client(LIMITS);
        let start = Instant::now();
        let first = answers(&client, get(&client), |sent| if sent == 1 { Err(limited(retry_after)) } else { Ok(()) });
        let second = async {
            tokio::task::yield_now().await;
            let (result, _) = answers(&client, get(&client), |_| Ok(())).await;
            (result, start.elapsed().as_millis())
        };
        let ((result, sent), (other, waited)) = tokio::join!(first, second);
        assert!(result.is_ok() && other.is_ok() && sent == 2);
        assert!((least..=most + 2).contains(&waited), "{retry_after:?}: {waited} ms");
        assert_eq!(client.figures(), Figures { requests: 3, retries: 1, rate_limited: 1 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_503_without_a_time_holds_nobody_else_back() {
    let client = client(LIMITS);
    let busy = |retry_after| Failed { stage: Stage::NotProcessed, retry_after, ..Trouble::Status(503).into() };
    let start = Instant::now();
    let first = answers(&client, get(&client), |sent| if sent == 1 { Err(busy(None)) } else { Ok(()) });
    let second = async {
        tokio::task::yield_now().await;
        assert!(answers(&client, get(&client), |_| Ok(())).await.0.is_ok());
        start.elapsed()
    };
    let ((result, _), waited) = tokio::join!(first, second);
    assert!(result.is_ok() && waited.is_zero(), "{waited:?}");
    let (result, _) = answers(&client, get(&client), |sent| if sent == 1 { Err(busy(Some(9))) } else { Ok(()) }).await;
    assert!(result.is_ok());
    assert!(start.elapsed() >= Duration::from_secs(9));
}

#[tokio::test(start_paused = true)]
async fn a_block_is_told_at_once_and_ends_everything() {
    for (retry_after, times) in [(Some(315_360_000), 1), (Some(u64::MAX), 1), (Some(0), 6), (None, 6)] {
        let client = client(LIMITS);
        let (result, sent) = answers(&client, get(&client), |_| Err(limited(retry_after))).await;
        let error = result.unwrap_err();
        assert!(error.trouble.is_block() && error.to_string().contains("blocked"), "{error}");
        assert_eq!(sent, times, "{retry_after:?}");
        let (result, sent) = answers(&client, get(&client), |_| Ok(())).await;
        assert!(result.is_err_and(|error| error.trouble.is_block()) && sent == 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_seldom_tried_again_is_no_sign_of_a_block() {
    let client = client(LIMITS);
    let seldom = || Request { retries: Some(1), retries_when_limited: Some(5), ..get(&client) };
    let (result, sent) = answers(&client, seldom(), |sent| if sent < 4 { Err(limited(None)) } else { Ok(()) }).await;
    assert!(result.is_ok() && sent == 4);
    assert_eq!(answers(&client, seldom(), |_| Err(Trouble::Status(500).into())).await.1, 2);
    let wary = || Request { retries_when_out: Some(1), ..get(&client) };
    assert_eq!(answers(&client, wary(), |_| Err(Trouble::Status(503).into())).await.1, 2);
    assert_eq!(answers(&client, wary(), |_| Err(Trouble::Status(500).into())).await.1, 6);
}

#[tokio::test(start_paused = true)]
async fn after_a_refusal_nothing_is_sent_and_nobody_waited_for() {
    for refusal in [Trouble::Unauthorized { reason: None }, Trouble::Anonymous("a log-in page")] {
        let client = client(Limits { concurrency: 3, ..LIMITS });
        let start = Instant::now();
        let pausing = answers(&client, get(&client), |_| Err(Trouble::Status(500).into()));
        let request = get(&client);
        let in_flight = client.repeat(&request, pending::<Result<(), Failed>>);
        let second = get(&client);
        let refused = client.repeat(&second, || async {
            tokio::task::yield_now().await;
            Err::<(), Failed>(refusal.clone().into())
        });
        let third = get(&client);
        let also_in_flight = client.repeat(&third, pending::<Result<(), Failed>>);
        let waiting = answers(&client, get(&client), |_| Ok(()));
        // In the order of polling: one pauses and has given its place up, three are in flight, one waits for a place.
        let (pausing, in_flight, also, refused, waiting) =
            tokio::join!(pausing, in_flight, also_in_flight, refused, waiting);
        assert_eq!((pausing.1, waiting.1), (1, 0));
        for result in [pausing.0, in_flight, also, refused, waiting.0] {
            assert_eq!(result.unwrap_err().trouble, refusal);
        }
        assert!(start.elapsed().is_zero(), "{:?}", start.elapsed());
        let (result, sent) = answers(&client, get(&client), |_| Ok(())).await;
        assert!(result.is_err_and(|error| error.trouble == refusal) && sent == 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_right_ends_one_request_alone() {
    let client = client(LIMITS);
    let (result, sent) = answers(&client, get(&client), |_| Err(Trouble::NotPermitted.into())).await;
    let error = result.unwrap_err();
    assert_eq!((sent, &error.trouble), (1, &Trouble::NotPermitted));
    assert!(error.to_string().contains("administrator"), "{error}");
    assert!(answers(&client, get(&client), |_| Ok(())).await.0.is_ok());
    for (right, word) in [(Right::Administrator, "administrator"), (Right::UseConfluence, "can use")] {
        let error = Request { right, ..get(&client) }.failed(1, Trouble::Forbidden).to_string();
        assert!(error.contains("403") && error.contains(word), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_request_is_begun_after_the_deadline() {
    let client = client(Limits { walk_deadline: Duration::from_secs(100), ..LIMITS });
    // A pause that would go past it is not begun.
    let start = Instant::now();
    let (result, sent) = answers(&client, get(&client), |_| Err(limited(Some(200)))).await;
    assert_eq!((result.unwrap_err().trouble, sent), (Trouble::Deadline, 1));
    // Nor is it waited for by others.
    let (result, sent) = answers(&client, get(&client), |_| Ok(())).await;
    assert_eq!((result.unwrap_err().trouble, sent), (Trouble::Deadline, 0));
    assert!(start.elapsed().is_zero());

    let client = self::client(Limits { walk_deadline: Duration::from_secs(100), ..LIMITS });
    tokio::time::advance(Duration::from_secs(99)).await;
    assert!(answers(&client, get(&client), |_| Ok(())).await.0.is_ok());
    tokio::time::advance(Duration::from_secs(1)).await;
    let (result, sent) = answers(&client, get(&client), |_| Ok(())).await;
    let error = result.unwrap_err();
    assert!(error.trouble.is_end() && sent == 0 && error.to_string().contains("walk_deadline"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn fewer_are_in_flight_after_a_time_out() {
    let client = client(LIMITS);
    let first_fails = async |failed: &dyn Fn() -> Failed| {
        let (result, sent) =
            answers(&client, get(&client), |sent| if sent == 1 { Err(failed()) } else { Ok(()) }).await;
        assert!(result.is_ok() && sent == 2);
    };
    first_fails(&late).await;
    assert_eq!(client.gate.limit(), 2);
    for _ in 0..15 {
        assert!(answers(&client, get(&client), |_| Ok(())).await.0.is_ok());
    }
    assert_eq!(client.gate.limit(), 3);
    first_fails(&|| Trouble::Status(500).into()).await;
    assert_eq!(client.gate.limit(), 3, "an error of the site's is no sign of haste");
}

#[tokio::test(start_paused = true)]
async fn a_late_page_is_asked_for_with_fewer_rows() {
    for (retries, fits, expected) in [
        (5, 300, vec![1000, 500, 250]),
        (2, 300, vec![1000, 500, 250]),
        (1, 300, vec![1000, 500]),
        (0, 300, vec![1000]),
        (8, 0, vec![1000, 500, 250, 125, 62, 31, 25, 25, 25]),
    ] {
        let client = client(Limits { retries, ..LIMITS });
        let sizes = RefCell::new(Vec::new());
        let (client_ref, sizes_ref) = (&client, &sizes);
        let send = |size, retries| async move {
            let again_when_late = size <= SMALLEST_PAGE;
            let request = Request { retries: Some(retries), again_when_late, ..get(client_ref) };
            let attempt = || {
                sizes_ref.borrow_mut().push(size);
                ready(if size <= fits { Ok(Page::default()) } else { Err(late()) })
            };
            client_ref.repeat(&request, attempt).await
        };
        let result = client.shrinking(1000, send).await;
        assert_eq!(*sizes.borrow(), expected, "{retries} retries");
        assert_eq!(client.figures().retries as usize, expected.len() - 1);
        match result {
            Ok(page) => assert_eq!(page.asked, expected.last().copied()),
            Err(error) => assert_eq!(error.attempts, retries + 1),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_changes_the_site_is_not_sent_twice() {
    let unprocessed = |trouble: Trouble| Failed { stage: Stage::NotProcessed, ..trouble.into() };
    let unreachable = || Trouble::Unreachable("connection refused".to_owned());
    let cases: [(&dyn Fn() -> Failed, u32); 6] = [
        (&|| Trouble::Status(500).into(), 1),
        (&late, 1),
        (&|| unreachable().into(), 1),
        (&|| unprocessed(unreachable()), 3),
        (&|| unprocessed(Trouble::Status(503)), 3),
        (&|| limited(Some(1)), 3),
    ];
    for (index, (failed, times)) in cases.into_iter().enumerate() {
        let client = client(Limits { retries: 2, ..LIMITS });
        let write = Request { is_read: false, ..get(&client) };
        assert_eq!(answers(&client, write, |_| Err(failed())).await.1, times, "{index}");
    }
    let client = client(Limits { retries: 2, ..LIMITS });
    assert_eq!(answers(&client, get(&client), |_| Err(Trouble::Status(500).into())).await.1, 3);
}

#[tokio::test(start_paused = true)]
async fn a_site_that_is_down_is_asked_no_more() {
    let client = client(Limits { retries: 0, ..LIMITS });
    for _ in 0..GIVE_UP_AFTER {
        assert_eq!(answers(&client, get(&client), |_| Err(late())).await.1, 1);
    }
    let (result, sent) = answers(&client, get(&client), |_| Ok(())).await;
    assert_eq!((result.unwrap_err().trouble, sent), (Trouble::GivenUp, 0));

    let client = self::client(LIMITS);
    let away = Trouble::Unavailable { retry_after: 86_400 };
    let (result, sent) = answers(&client, get(&client), |_| Err(away.clone().into())).await;
    assert_eq!((result.unwrap_err().trouble, sent), (away, 1));
    let next = answers(&client, get(&client), |_| Ok(())).now_or_never().unwrap();
    assert_eq!((next.0.unwrap_err().trouble, next.1), (Trouble::GivenUp, 0));
}

/// A walk may run on any thread.
#[test]
fn what_the_client_does_can_be_spawned() {
    fn spawned(_: impl Future + Send) {}
    let client = client(LIMITS);
    let (extender, export) = (crate::confluence::Extender::new(&client), crate::confluence::UserExport::new(&client));
    spawned(extender.group_page(0, 1));
    spawned(extender.look_up("x"));
    spawned(export.search(0, 1));
    spawned(export.make_file(crate::confluence::FileFormat::Csv, [b"{}"]));
}

#[test]
fn figures_are_told_apart() {
    let earlier = Figures { requests: 3, retries: 1, rate_limited: 0 };
    let later = Figures { requests: 10, retries: 1, rate_limited: 2 };
    assert_eq!(later - earlier, Figures { requests: 7, retries: 0, rate_limited: 2 });
}
