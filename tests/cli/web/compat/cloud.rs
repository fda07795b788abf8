//! Cloud's `users-bulk`.

use rollbook::simulator::{CloudSettings, account_id};
use serde_json::{Value, json};

use super::{mirror, upstream, walked};
use crate::support::World;
use crate::web::listening;

const BULK: &str = "/wiki/api/v2/users-bulk";

/// What the site answers, without what a mirror does not keep.
fn knowable(mut answer: Value) -> Value {
    for user in answer["results"].as_array_mut().unwrap() {
        user["profilePicture"] = Value::Null;
    }
    answer["_links"].as_object_mut().unwrap().remove("next");
    answer
}

#[test]
fn accounts_are_those_of_the_site() {
    let world = listening(World::small_cloud(CloudSettings::default()).unguarded(), "");
    let hidden = world.change(|site| {
        let key = site.add("ada");
        site.traits_mut(&key).email_hidden = true;
        account_id(&key)
    });
    let service = walked(&world);
    let mut ids: Vec<String> = world.change(|site| {
        let seen = site.users.values().filter(|user| site.is_listed(user));
        seen.map(|user| account_id(&user.key)).collect()
    });
    ids.insert(3, "557058:00000000-0000-0000-0000-000000000000".to_owned());
    ids.insert(5, ids[0].clone());
    ids.push("nobody".to_owned());
    for part in [&ids[..], &ids[..1], &ids[2..6]] {
        let body = json!({ "accountIds": part }).to_string();
        let told = mirror(&service, BULK, Some(&body)).is(200);
        assert_eq!(told.json(), knowable(upstream(&world, BULK, Some(&body)).is(200).json()));
        assert!(told.header("rollbook-walk").unwrap().ends_with(" applied"));
        let prefixed = mirror(&service, &format!("/sites/corp{BULK}"), Some(&body)).is(200);
        assert_eq!(prefixed.body, told.body);
    }
    let body = json!({ "accountIds": [hidden] }).to_string();
    assert_eq!(mirror(&service, BULK, Some(&body)).json()["results"][0]["email"], "");
    let unknown = mirror(&service, BULK, Some(r#"{"accountIds":["nobody"]}"#)).is(200).json();
    assert_eq!(unknown["results"], json!([]));
    service.stop().exits(0);
}

#[test]
fn closed_accounts_and_what_cannot_be_asked() {
    let world = listening(World::small_cloud(CloudSettings::default()).unguarded(), "");
    let key = world.change(|site| site.add("ada"));
    world.sync().exits(0);
    world.change(|site| site.delete(&key));
    world.sync().exits(0);
    let service = walked(&world);
    let body = json!({ "accountIds": [account_id(&key)] }).to_string();
    let told = mirror(&service, BULK, Some(&body)).is(200).json();
    let expected = knowable(upstream(&world, BULK, Some(&body)).is(200).json());
    assert_eq!(told, expected);
    assert_eq!(told["results"][0]["accountStatus"], "closed");
    for body in [
        "",
        "{}",
        r#"{"accountIds":[]}"#,
        r#"{"accountIds":[1]}"#,
        &json!({ "accountIds": vec!["x"; 251] }).to_string(),
    ] {
        let told = mirror(&service, BULK, Some(body)).is(400).json();
        assert_eq!(told["code"], 400);
        assert!(told["message"].is_string());
    }
    let told = mirror(&service, BULK, None).is(405);
    assert_eq!((told.header("allow"), told.json()["code"].as_u64()), (Some("post"), Some(405)));
    assert_eq!(mirror(&service, "/wiki/api/v2/spaces", None).is(404).json()["code"], 404);
    service.stop().exits(0);
}
