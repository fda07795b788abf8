//! Files made of a list of users.

use serde_json::json;

use super::user_export::SEARCH;
use super::{both_apps, mirror, walked};

const DOWNLOAD: &str = "/plugins/servlet/confluenceuserexport/admin/download";

fn make(ending: &str) -> String {
    format!("/rest/confluenceuserexport/1.0/file/{ending}")
}

#[test]
fn a_list_is_converted_and_downloaded() {
    let world = both_apps();
    let service = walked(&world);
    let users = mirror(&service, SEARCH, Some("{}")).is(200).json()["users"].clone();
    for (ending, kind, begins) in [
        ("json", "application/json", &b"[\n{"[..]),
        ("xml", "application/xml", b"<?xml"),
        ("csv", "text/csv", b"username,active,"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"PK\x03\x04"),
    ] {
        let list = serde_json::to_string(&users).unwrap();
        let made = mirror(&service, &make(ending), Some(&list)).is(200).json();
        let name = made["fileName"].as_str().unwrap();
        assert_eq!(made["filePath"], format!("/sites/corp{DOWNLOAD}?fileName={name}"));
        for path in [made["filePath"].as_str().unwrap(), &format!("{DOWNLOAD}?fileName={name}")] {
            let file = mirror(&service, path, None).is(200);
            assert_eq!(file.header("content-type"), Some(kind));
            assert_eq!(file.header("content-disposition"), Some(&*format!("attachment; filename=\"{name}\"")));
            assert!(file.body.starts_with(begins), "{ending}");
            match ending {
                "json" => assert_eq!(file.json(), users),
                "csv" => {
                    let rows = csv::Reader::from_reader(&file.body[..]).into_records().map(Result::unwrap);
                    let names: Vec<String> = rows.map(|row| row[0].to_owned()).collect();
                    let expected = users.as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap());
                    assert!(names.iter().map(String::as_str).eq(expected));
                }
                _ => {}
            }
        }
    }
    service.stop().exits(0);
}

#[test]
fn nothing_else_is_downloaded_and_no_other_list_is_taken() {
    let world = both_apps();
    let service = walked(&world);
    let made = mirror(&service, &make("csv"), Some("[]")).is(200).json();
    let name = made["fileName"].as_str().unwrap();
    for odd in [
        "../../etc/passwd",
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/etc/passwd",
        "%00",
        "",
        ".",
        &format!("{name}%00"),
        &format!("./{name}"),
        &name.to_uppercase(),
        "confluenceuserexport00000000-0000-4000-8000-000000000000.csv",
    ] {
        let told = mirror(&service, &format!("{DOWNLOAD}?fileName={odd}"), None).is(404);
        assert!(told.json()["message"].as_str().unwrap().contains("no such file"), "{odd}");
    }
    mirror(&service, DOWNLOAD, None).is(404);
    for list in ["", "{}", "[1]", r#"[{"username":1}]"#, r#"[{"groups":"x"}]"#, "[{}"] {
        mirror(&service, &make("csv"), Some(list)).is(400);
    }
    mirror(&service, &make("pdf"), Some("[]")).is(404);
    mirror(&service, &make("csv"), None).is(405);
    // No cell begins a formula.
    let list = json!([{ "username": "=1+1", "groups": ["@x"], "unknown": { "a": 1 } }]).to_string();
    let made = mirror(&service, &make("csv"), Some(&list)).is(200).json();
    let file = mirror(&service, made["filePath"].as_str().unwrap(), None).is(200);
    let text = String::from_utf8(file.body).unwrap();
    assert!(text.contains("\n'=1+1,") && text.contains("'@x"), "{text}");
    // Twenty are kept.
    for _ in 0..20 {
        mirror(&service, &make("json"), Some("[]")).is(200);
    }
    mirror(&service, &format!("{DOWNLOAD}?fileName={name}"), None).is(404);
    service.stop().exits(0);
}
