//! What a walk over ten thousand accounts asks for.

use rollbook::simulator::{Requests, Settings, Simulator};

use super::{Door, of};

fn asked(requests: &Requests, path: &str) -> Vec<String> {
    requests.recent.iter().filter(|target| target.contains(path)).cloned().collect()
}

/// The accounts in as few requests as the vendor's limits allow.
fn is_frugal(requests: &Requests, users: usize) {
    let batches: Vec<usize> = requests.batches.iter().copied().collect();
    assert!(batches.len() <= 40 && batches.iter().all(|ids| *ids <= 250), "{batches:?}");
    assert_eq!(batches.iter().sum::<usize>(), users, "every id once");
    for path in ["/rest/api/group?", "/membersByGroupId?"] {
        let asked = asked(requests, path);
        let wide = asked.iter().all(|target| target.contains("limit=200"));
        assert!(!asked.is_empty() && wide, "{:?}", asked.iter().find(|target| !target.contains("limit=200")));
    }
    assert_eq!((requests.access_check, requests.access_invite), (0, 0));
}

#[tokio::test]
async fn ten_thousand_accounts() {
    let settings = Settings { users: 9_900, groups: 40, ..Settings::cloud() };
    let world = of(Simulator::start_bulk(settings).await.unwrap(), Door::Site).await;
    let report = world.walk().await.unwrap();
    let users = report.diff.created.len();
    let first = world.sim.requests();
    is_frugal(&first, users);
    assert_eq!(first.org_last_active, 0, "the directory tells the dates of all");
    assert_eq!(first.org_users, users.div_ceil(100));
    assert_eq!(first.total() as u64, report.figures.requests);
    world.sim.forget_requests();
    let report = world.walk().await.unwrap();
    assert_eq!((report.figures.changes, report.problems), (0, Vec::<String>::new()));
    let second = world.sim.requests();
    is_frugal(&second, users);
    assert_eq!(second.total() + 1, first.total(), "but for what tells the site's id");
}
