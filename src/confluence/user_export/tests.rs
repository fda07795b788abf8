use super::*;

const DOCUMENTED: &str = r#"{ "username": "tester", "active": true, "fullName": "tester", "email": "tester@mail.com",
"directoryName": "Confluence Internal Directory", "createdDate": "2019-09-03 22:50", "updatedDate": "2019-09-19 09:20",
"groups": [ "testing-space5", "confluence-users" ], "preferredLanguage": "Default", "canUse": true }"#;

fn time(text: &str) -> Told<NaiveDateTime> {
    Told::Told(Some(NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap()))
}

#[test]
fn the_documented_record() {
    let user = decode_exported(DOCUMENTED.as_bytes()).unwrap();
    assert_eq!((user.username.as_str(), user.active, user.can_use), ("tester", Some(true), Some(true)));
    assert_eq!(user.directory, Told::Told(Some("Confluence Internal Directory".to_owned())));
    assert_eq!(user.language, Told::Told(Some("Default".to_owned())));
    assert_eq!(user.created, time("2019-09-03 22:50:00"));
    assert_eq!(user.last_login, Told::Untold, "an older release does not say 'never'");
}

#[test]
fn times_in_every_shape() {
    for (value, expected) in [
        (r#""2026-01-31 08:15""#, time("2026-01-31 08:15:00")),
        (r#""2026-01-31T08:15""#, time("2026-01-31 08:15:00")),
        (r#""2026-01-31 08:15:59""#, time("2026-01-31 08:15:59")),
        (r#"" 2026-01-31T08:15:59 ""#, time("2026-01-31 08:15:59")),
        ("null", Told::Told(None)),
        (r#""""#, Told::Told(None)),
        (r#"" ""#, Told::Told(None)),
        (r#""never""#, Told::Untold),
        (r#""2026-02-31 08:15""#, Told::Untold),
        (r#""+12026-01-31 08:15""#, Told::Untold),
        (r#""31.01.2026 08:15""#, Told::Untold),
    ] {
        let record = format!(r#"{{"username":"n","lastLogin":{value}}}"#);
        assert_eq!(decode_exported(record.as_bytes()).unwrap().last_login, expected, "{value}");
    }
}

#[test]
fn blanks_and_missing_keys_are_two_things() {
    let user = decode_exported(br#"{"username":"n","email":"","fullName":" ","directoryName":null}"#).unwrap();
    assert_eq!((user.email, user.full_name), (Told::Told(None), Told::Told(None)));
    assert_eq!((user.directory, user.language), (Told::Told(None), Told::Untold));
    assert_eq!((user.active, user.can_use), (None, None));
}

#[test]
fn what_cannot_be_believed_is_named_without_its_text() {
    for (record, field) in [
        (r#"{"fullName":"Secret Person"}"#, "username"),
        (r#"{"username":null}"#, "username"),
        (r#"{"username":""}"#, "username"),
        (r#"{"username":"n","active":"Secret"}"#, ""),
        (r#"{"username":"n","createdDate":["Secret"]}"#, ""),
        (r#""Secret""#, ""),
    ] {
        let error = decode_exported(record.as_bytes()).unwrap_err();
        assert!(field.is_empty() || error.field == field, "{record}: {error}");
        assert!(!error.to_string().contains("Secret"), "{error}");
    }
    assert_eq!(decode_exported(br#"{"username":"a\u0000b"}"#).unwrap().username, "a\u{2400}b");
}

#[test]
fn a_user_is_recognised_by_the_folded_name() {
    let plain = username_identity(br#"{"username":"\u00c9va","active":true}"#);
    assert_eq!(plain, username_identity("{\"active\":false,\"username\":\"éVA\"}".as_bytes()));
    assert_eq!(plain, username_identity("{ \"username\" : \"éva\" }".as_bytes()));
    assert_eq!(plain, xxh3_64("éva".as_bytes()));
    assert_ne!(plain, username_identity(br#"{"username":"eva"}"#));
    assert_ne!(username_identity(br#"{"a":1}"#), username_identity(br#"{"a":2}"#));
}

#[test]
fn only_a_name_that_the_app_would_give_is_asked_for() {
    let good = "confluenceuserexport111f5467-e0de-457e-b7a2-366fdcde1b94.json";
    let told = |name: &str| {
        let body = json!({ "fileName": name, "filePath": "/path/to/confluence/temp/x" }).to_string();
        ServerFile::told(body.as_bytes(), FileFormat::Json)
    };
    assert_eq!(told(good).unwrap().name, good);
    for name in [
        "",
        "../../etc/passwd",
        "confluenceuserexport../../../../../../etc/passwd0000000.json",
        "confluenceuserexport111f5467-e0de-457e-b7a2-366fdcde1b94.xml",
        "confluenceuserexport111f5467-e0de-457e-b7a2-366fdcde1b94xjson",
        "confluenceuserexport111f5467-e0de-457e-b7a2-366fdcde1b9.json",
        "confluenceuserexport111f5467-e0de-457e-b7a2-366fdcde1b94.json\n",
        "xconfluenceuserexport111f5467-e0de-457e-b7a2-366fdcde1b94.json",
    ] {
        let error = told(name).unwrap_err();
        assert!(error.contains("fileName") && (name.is_empty() || !error.contains(name)), "{error}");
    }
    assert!(ServerFile::told(b"{}", FileFormat::Json).unwrap_err().contains("fileName"));
    assert!(ServerFile::told(b"<html>", FileFormat::Json).unwrap_err().contains("syntax"));
}
