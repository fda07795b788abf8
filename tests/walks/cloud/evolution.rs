//! A seeded Cloud site evolves, is walked, and is compared: as it is, and as it was at every walk.

use rollbook::simulator::{OrganizationSettings, Population, Settings};
use rollbook::sync::WalkStatus;

use super::picture::CloudPicture;
use super::{Door, cloud, settings};
use crate::support::{World, assert_invariants, content_but_walks};

/// What the story of a site does not bring, before its days pass.
pub fn stir(site: &mut Population, number: usize) {
    let mut keys: Vec<String> =
        site.users.values().filter(|user| user.exists() && !user.serves()).map(|user| user.key.clone()).collect();
    let most = keys.len();
    keys.rotate_left(number * 7 % most);
    let traits = site.traits_mut(&keys[0]);
    traits.email_hidden = !traits.email_hidden;
    let words = [Some("suspended"), None, Some("unknown"), Some("on-holiday"), Some("paused")];
    site.traits_mut(&keys[1]).account_status = words[number % words.len()].map(str::to_owned);
    site.traits_mut(&keys[2]).account_type = [Some("customer"), None][number % 2].map(str::to_owned);
    let traits = site.traits_mut(&keys[3]);
    traits.is_external = !traits.is_external;
    site.traits_mut(&keys[4]).time_zone = [Some("Asia/Tokyo"), None, Some("GMT")][number % 3].map(str::to_owned);
    // Whose word was odd is in order again.
    for traits in site.cloud.values_mut().skip(number % 3).step_by(3) {
        traits.account_status = None;
    }
    let groups: Vec<String> = site.groups.keys().filter(|name| !name.starts_with("confluence-")).cloned().collect();
    let [one, two, three] = [0, 1, 2].map(|nth| groups[(number * 3 + nth) % groups.len()].clone());
    match number % 4 {
        0 => site.rename_group(&one, &format!("{one} {number}")),
        1 => {
            site.rename_group(&one, "between");
            site.rename_group(&two, &one);
            site.rename_group("between", &two);
        }
        // Another group takes the name of one that is renamed, and a third that of one that is gone.
        2 => {
            site.rename_group(&one, &format!("{one} old"));
            site.join(&keys[5], &one);
            site.groups.remove(&two);
            site.rename_group(&three, &two);
        }
        _ => {}
    }
}

async fn evolve(world: World, walks: usize, days: u32, label: &str) {
    let mut pictures = Vec::new();
    let organized = world.site.organization.is_some();
    for number in 1..=walks {
        let report = world.walk().await.unwrap_or_else(|error| panic!("{label}, walk {number}: {error}"));
        assert_eq!(report.status, WalkStatus::Applied, "{label}, walk {number}: {:?}", report.problems);
        let truth = world.cloud_truth();
        world.cloud_mirror().await.assert_is(&truth, &format!("{label}, walk {number}"));
        pictures.push((report.finished_at, truth));
        world.sim.with_population(|site| stir(site, number));
        world.pass_days(days);
    }
    assert_eq!(world.sim.requests().org_users > 0, organized, "{label}: it is asked where it is configured");
    let mut reader = world.reader().await;
    assert_invariants(&mut reader).await;
    for (number, (at, truth)) in pictures.iter().enumerate() {
        let then = CloudPicture::of_mirror(&mut reader, Some(*at)).await;
        then.assert_is(truth, &format!("{label}, as of walk {}", number + 1));
    }
    let kinds: Vec<String> =
        sqlx::query_scalar("SELECT DISTINCT kind FROM changes ORDER BY kind").fetch_all(&mut reader).await.unwrap();
    assert!(kinds.len() >= 10 && kinds.contains(&"group.renamed".to_owned()), "{kinds:?}");
}

fn capped(users: usize, seed: u64, organization: bool, page_cap: Option<usize>) -> Settings {
    Settings { page_cap, ..settings(users, seed, organization.then(OrganizationSettings::default)) }
}

#[tokio::test]
async fn seed_1_with_an_organization() {
    evolve(cloud(capped(210, 1, true, Some(200)), Door::Site).await, 20, 9, "seed 1").await;
}

#[tokio::test]
async fn seed_2_by_the_gateway_in_pages_of_fifty() {
    evolve(cloud(capped(120, 2, true, Some(50)), Door::Gateway).await, 20, 9, "seed 2").await;
}

#[tokio::test]
async fn seed_3_without_an_organization_in_pages_of_seven() {
    evolve(cloud(capped(70, 3, false, Some(7)), Door::Site).await.without_organization(), 20, 14, "seed 3").await;
}

#[tokio::test]
async fn seed_4_in_pages_of_one() {
    evolve(cloud(capped(30, 4, true, Some(1)), Door::Site).await, 14, 21, "seed 4").await;
}

#[tokio::test]
async fn an_unchanged_walk_writes_its_row_and_nothing_else() {
    for (organization, page_cap) in [(true, None), (false, Some(7))] {
        let world = cloud(capped(50, 5, organization, page_cap), Door::Site).await;
        let world = if organization { world } else { world.without_organization() };
        for number in 0..3 {
            world.walk().await.unwrap();
            world.sim.with_population(|site| stir(site, number));
            world.pass_days(20);
        }
        world.walk().await.unwrap();
        let mut reader = world.reader().await;
        let before = content_but_walks(&mut reader).await;
        for _ in 0..2 {
            let report = world.walk().await.unwrap();
            assert_eq!((report.status, report.figures.changes), (WalkStatus::Applied, 0));
            assert_eq!(content_but_walks(&mut reader).await, before, "{organization} {page_cap:?}");
        }
    }
}
