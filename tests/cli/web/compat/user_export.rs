//! The search of Confluence User Export.

use rollbook::simulator::is_addressable;
use serde_json::{Value, json};

use super::{Served, both_apps, mirror, upstream, walked};
use crate::support::World;

pub const SEARCH: &str = "/rest/confluenceuserexport/1.0/search";

/// What the site answers, but for members of groups that cannot be asked for them.
pub fn knowable(mut answer: Value) -> Value {
    for user in answer["users"].as_array_mut().unwrap() {
        user["groups"].as_array_mut().unwrap().retain(|group| is_addressable(group.as_str().unwrap()));
    }
    answer
}

#[track_caller]
fn same(world: &World, service: &Served, search: &Value) -> Value {
    let search = search.to_string();
    let told = mirror(service, SEARCH, Some(&search)).is(200).json();
    assert_eq!(told, knowable(upstream(world, SEARCH, Some(&search)).is(200).json()), "{search}");
    told
}

#[test]
fn each_filter_text_and_page_as_the_site_answers_it() {
    let world = both_apps();
    let service = walked(&world);
    let name =
        world.change(|site| site.users.values().find(|user| user.enabled && user.exists()).unwrap().full_name.clone());
    let texts = ["", "a", "@example.com", &name.to_uppercase(), "nobody is called so", "%", "\0"];
    for (active, inactive) in [(true, true), (true, false), (false, true), (false, false)] {
        for text in texts {
            let told = same(
                &world,
                &service,
                &json!({ "searchString": text, "activeUsers": active, "inActiveUsers": inactive, "offset": 0, "pageSize": 500 }),
            );
            let found = told["users"].as_array().unwrap();
            if text.is_empty() {
                assert_eq!(found.is_empty(), !active && !inactive);
            }
        }
    }
    let mut offset = 0;
    loop {
        let page =
            json!({ "searchString": "", "activeUsers": true, "inActiveUsers": true, "offset": offset, "pageSize": 9 });
        let told = same(&world, &service, &page);
        offset += told["users"].as_array().unwrap().len();
        if told["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(offset.to_string(), world.one("SELECT count(*) FROM users WHERE status NOT IN ('deleted', 'missing')"));
    same(&world, &service, &json!({ "activeUsers": true, "inActiveUsers": true, "offset": 5000, "pageSize": 9 }));
    // What is missing in the body asks for everybody.
    let all = mirror(&service, SEARCH, Some("{}")).is(200).json();
    assert_eq!(all["users"].as_array().unwrap().len(), offset);
    service.stop().exits(0);
}

#[test]
fn what_no_source_said_is_not_made_up() {
    let world = super::served(World::small());
    let service = walked(&world);
    let told = mirror(&service, SEARCH, Some("{}")).is(200).json();
    let users = told["users"].as_array().unwrap();
    for user in users {
        assert!(user["directoryName"].is_null() && user["preferredLanguage"].is_null(), "{user}");
        // Extender tells nothing of whether an account is active but that one with access is.
        assert_eq!(user["active"], if user["canUse"] == true { json!(true) } else { Value::Null });
    }
    let unsaid = users.iter().filter(|user| user["active"].is_null()).count();
    assert!(unsaid > 0);
    for (active, inactive, found) in [(true, false, users.len()), (false, true, unsaid), (false, false, 0)] {
        let search = json!({ "activeUsers": active, "inActiveUsers": inactive }).to_string();
        let told = mirror(&service, SEARCH, Some(&search)).is(200).json();
        assert_eq!(told["users"].as_array().unwrap().len(), found);
    }
    service.stop().exits(0);
}
