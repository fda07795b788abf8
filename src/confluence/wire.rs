//! Extender's records, tolerant where the site is known to vary, precise where a record cannot be believed.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize as Derive;
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use xxhash_rust::xxh3::xxh3_64;

use crate::model::{SeenUser, Timestamp, Told};

/// Longer than any name a directory accepts; what is longer is not a name.
const LONGEST_NAME: usize = 1_000;
/// No profile field is a document.
const LONGEST_TEXT: usize = 64 << 10;

/// A record that cannot be taken: which field, and why. Never its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The path of the field within the record, as `business[0].location`; empty for the record itself.
    pub field: String,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() { f.write_str(&self.why) } else { write!(f, "'{}': {}", self.field, self.why) }
    }
}

pub(super) fn malformed(field: &str, why: impl Into<String>) -> Malformed {
    Malformed { field: field.to_owned(), why: why.into() }
}

#[derive(Derive)]
#[serde(rename_all = "camelCase")]
struct WireUser<'a> {
    #[serde(borrow, default)]
    key: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "told")]
    full_name: Told<String>,
    #[serde(default, deserialize_with = "told")]
    email: Told<String>,
    #[serde(default)]
    business: Details,
    #[serde(default)]
    personal: Details,
    #[serde(default, deserialize_with = "told")]
    created_date: Told<i64>,
    #[serde(default, deserialize_with = "told")]
    updated_date: Told<i64>,
    #[serde(default, deserialize_with = "told")]
    last_successful_login_date: Told<i64>,
    #[serde(default, deserialize_with = "told")]
    last_failed_login_date: Told<i64>,
    #[serde(default)]
    has_access_to_use_confluence: Option<bool>,
}

pub(super) fn told<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Told<T>, D::Error> {
    Option::deserialize(deserializer).map(Told::Told)
}

/// `business` and `personal`: a list of one object; also `[]`, `null`, the bare object, or missing.
#[derive(Default)]
enum Details {
    #[default]
    Untold,
    Told(DetailFields),
}

#[derive(Default, Derive)]
struct DetailFields {
    #[serde(default)]
    location: Option<String>,
    #[serde(default)]
    position: Option<String>,
    #[serde(default)]
    department: Option<String>,
    #[serde(default)]
    website: Option<String>,
    #[serde(default)]
    im: Option<String>,
    #[serde(default)]
    phone: Option<String>,
}

impl<'de> Deserialize<'de> for Details {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DetailsVisitor;
        impl<'de> Visitor<'de> for DetailsVisitor {
            type Value = Details;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of one object")
            }
            fn visit_unit<E: de::Error>(self) -> Result<Details, E> {
                Ok(Details::Told(DetailFields::default()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Details, A::Error> {
                let first = list.next_element::<Option<DetailFields>>()?.flatten().unwrap_or_default();
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Details::Told(first))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Details, A::Error> {
                DetailFields::deserialize(de::value::MapAccessDeserializer::new(map)).map(Details::Told)
            }
        }
        deserializer.deserialize_any(DetailsVisitor)
    }
}

impl Details {
    fn field(&mut self, take: impl Fn(&mut DetailFields) -> Option<String>) -> Told<String> {
        match self {
            Self::Untold => Told::Untold,
            Self::Told(fields) => Told::Told(take(fields)),
        }
    }
}

/// Decodes a user record with its details.
pub fn decode_user(record: &[u8]) -> Result<SeenUser, Malformed> {
    let wire: WireUser<'_> = parse(record)?;
    let WireUser {
        key,
        name,
        full_name,
        email,
        mut business,
        mut personal,
        created_date,
        updated_date,
        last_successful_login_date,
        last_failed_login_date,
        has_access_to_use_confluence,
    } = wire;
    let name = name.ok_or_else(|| missing_name(record))?;
    let key = key.ok_or_else(|| malformed("key", "missing"))?;
    Ok(SeenUser {
        key: identifier("key", &key)?,
        name: identifier("name", &name)?,
        full_name: text("fullName", full_name)?,
        email: text("email", email)?,
        department: text("business[0].department", business.field(|fields| fields.department.take()))?,
        position: text("business[0].position", business.field(|fields| fields.position.take()))?,
        location: text("business[0].location", business.field(|fields| fields.location.take()))?,
        phone: text("personal[0].phone", personal.field(|fields| fields.phone.take()))?,
        im: text("personal[0].im", personal.field(|fields| fields.im.take()))?,
        website: text("personal[0].website", personal.field(|fields| fields.website.take()))?,
        created_at: time("createdDate", created_date)?,
        updated_at: time("updatedDate", updated_date)?,
        last_login_at: time("lastSuccessfulLoginDate", last_successful_login_date)?,
        last_failed_login_at: time("lastFailedLoginDate", last_failed_login_date)?,
        has_access: has_access_to_use_confluence,
    })
}

/// A member of a group as the bare listing shows it.
#[derive(Debug, PartialEq, Eq)]
pub struct Member<'a>(pub Cow<'a, str>);

/// Decodes the name of a bare member record: `{"name":"…"}`.
pub fn decode_member_name(record: &[u8]) -> Result<Member<'_>, Malformed> {
    if let Some(name) = record.strip_prefix(b"{\"name\":\"").and_then(|rest| rest.strip_suffix(b"\"}"))
        && !name.is_empty()
        && name.len() <= LONGEST_NAME
        && !name.iter().any(|byte| matches!(byte, b'"' | b'\\' | 0..=31))
        && let Ok(name) = std::str::from_utf8(name)
    {
        return Ok(Member(Cow::Borrowed(name)));
    }
    #[derive(Derive)]
    struct Bare<'a> {
        #[serde(borrow, default)]
        name: Option<Cow<'a, str>>,
    }
    let name = parse::<Bare<'_>>(record)?.name.ok_or_else(|| missing_name(record))?;
    identifier("name", &name).map(|name| Member(Cow::Owned(name)))
}

/// Recognises a user record whatever else changed in it: the hash of its key, or of the record where it has none.
pub fn key_identity(record: &[u8]) -> u64 {
    // Inside a JSON string the quotes would be escaped: these bytes are the member itself.
    static KEY: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"key\":\""));
    let plain = KEY.find(record).and_then(|at| {
        let rest = &record[at + KEY.needle().len()..];
        memchr::memchr2(b'"', b'\\', rest).filter(|end| rest[*end] == b'"').map(|end| xxh3_64(&rest[..end]))
    });
    plain.unwrap_or_else(|| {
        #[derive(Derive)]
        struct Keyed {
            key: String,
        }
        serde_json::from_slice::<Keyed>(record).map_or_else(|_| xxh3_64(record), |keyed| xxh3_64(keyed.key.as_bytes()))
    })
}

/// Decodes an element of the list of groups.
pub fn decode_group_name(record: &[u8]) -> Result<String, Malformed> {
    let name: Cow<'_, str> = parse(record)?;
    identifier("", &name)
}

pub(super) fn parse<'a, T: Deserialize<'a>>(record: &'a [u8]) -> Result<T, Malformed> {
    // The plain parser first: the one that knows the path is several times slower.
    serde_json::from_slice(record).map_err(|_| {
        let mut deserializer = serde_json::Deserializer::from_slice(record);
        match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
            Err(error) => {
                let path = error.path().to_string();
                malformed(if path == "." { "" } else { &path }, super::page::category(error.inner()))
            }
            Ok(_) => malformed("", "something stands behind the record"),
        }
    })
}

/// Releases before 2.8 answered `group/getUsers` with one-key objects `{"<userName>": …}`.
fn missing_name(record: &[u8]) -> Malformed {
    let keys = serde_json::from_slice::<std::collections::BTreeMap<String, IgnoredAny>>(record);
    let known = ["key", "fullName", "email", "business", "personal"];
    match keys {
        Ok(keys) if keys.len() == 1 && !keys.keys().any(|key| known.contains(&key.as_str())) => malformed(
            "name",
            "missing: the site runs a release of REST API Extender before 2.8, whose lists cannot be read; update the app",
        ),
        _ => malformed("name", "missing"),
    }
}

pub(super) fn identifier(field: &str, value: &str) -> Result<String, Malformed> {
    if value.is_empty() {
        return Err(malformed(field, "empty"));
    }
    if value.len() > LONGEST_NAME {
        return Err(malformed(field, format!("longer than {LONGEST_NAME} bytes")));
    }
    Ok(without_nul(value.to_owned()))
}

pub(super) fn text(field: &str, told: Told<String>) -> Result<Told<String>, Malformed> {
    Ok(match told {
        Told::Told(Some(value)) if value.len() > LONGEST_TEXT => {
            return Err(malformed(field, format!("longer than {LONGEST_TEXT} bytes")));
        }
        Told::Told(Some(value)) if value.is_empty() => Told::Told(None),
        Told::Told(Some(value)) => Told::Told(Some(without_nul(value))),
        other => other,
    })
}

/// U+0000 inside TEXT hides the rest of the value from SQL functions: its picture stands for it.
pub(super) fn without_nul(value: String) -> String {
    if value.contains('\0') { value.replace('\0', "\u{2400}") } else { value }
}

fn time(field: &str, told: Told<i64>) -> Result<Told<Timestamp>, Malformed> {
    match told {
        Told::Untold => Ok(Told::Untold),
        Told::Told(None) => Ok(Told::Told(None)),
        Told::Told(Some(millis)) => Timestamp::from_millis(millis)
            .map(|time| Told::Told(Some(time)))
            .map_err(|_| malformed(field, "outside the years 0000 to 9999")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: &str = r#"{"business":[{"location":"","position":"CEO","department":""}],
"lastFailedLoginDate":null,"lastSuccessfulLoginDate":1654613246731,"fullName":"admin",
"personal":[{"website":"","im":"","phone":""}],"updatedDate":1654605520699,"lastFailedLoginDateString":null,
"createdDate":1654605520699,"createdDateString":"2022-06-07 12:38:40","hasAccessToUseConfluence":true,"name":"admin",
"lastSuccessfulLoginDateString":"2022-06-07 14:47:26","key":"2c9b8082813df28e01813dfb03010000",
"email":"admin@example.com","updatedDateString":"2022-06-07 12:38:40"}"#;

    #[test]
    fn a_captured_record() {
        let user = decode_user(REAL.as_bytes()).unwrap();
        assert_eq!(user.key, "2c9b8082813df28e01813dfb03010000");
        assert_eq!(user.last_login_at, Told::Told(Some(Timestamp::from_millis(1_654_613_246_731).unwrap())));
        assert_eq!(user.last_failed_login_at, Told::Told(None));
        assert_eq!(user.position, Told::Told(Some("CEO".to_owned())));
        assert_eq!(user.location, Told::Told(None));
        assert_eq!(user.has_access, Some(true));
    }

    #[test]
    fn details_come_in_many_shapes() {
        for (business, expected) in [
            ("[]", Told::Told(None)),
            ("null", Told::Told(None)),
            ("[{}]", Told::Told(None)),
            ("[null]", Told::Told(None)),
            (r#"{"department":"IT"}"#, Told::Told(Some("IT".to_owned()))),
            (r#"[{"department":"IT"}]"#, Told::Told(Some("IT".to_owned()))),
        ] {
            let record = format!(r#"{{"key":"k","name":"n","business":{business}}}"#);
            assert_eq!(decode_user(record.as_bytes()).unwrap().department, expected, "{business}");
        }
        let bare = decode_user(br#"{"key":"k","name":"n"}"#).unwrap();
        assert_eq!(bare.department, Told::Untold);
        assert_eq!(bare.last_login_at, Told::Untold);
        assert_eq!(bare.has_access, None);
    }

    #[test]
    fn what_cannot_be_believed_is_named_without_its_text() {
        for (record, field) in [
            (r#"{"key":"k"}"#, "name"),
            (r#"{"name":"Secret Person"}"#, "key"),
            (r#"{"key":"k","name":""}"#, "name"),
            (r#"{"key":"k","name":"n","email":{"Secret":"Person"}}"#, "email"),
            (r#"{"key":"k","name":"n","business":[{"location":7}]}"#, "business[0].location"),
            (r#"{"key":"k","name":"n","createdDate":"Secret Person"}"#, "createdDate"),
            (r#"{"key":"k","name":"n","createdDate":9223372036854775807}"#, "createdDate"),
            (r#"{"key":"k","name":"n""#, ""),
        ] {
            let error = decode_user(record.as_bytes()).unwrap_err();
            assert!(
                error.field == field || field.is_empty() || error.field.starts_with("business"),
                "{record}: {error}"
            );
            assert!(!error.to_string().contains("Secret"), "{error}");
        }
        let long = format!(r#"{{"key":"k","name":"{}"}}"#, "x".repeat(1 << 20));
        assert_eq!(decode_user(long.as_bytes()).unwrap_err().field, "name");
    }

    #[test]
    fn an_old_release_is_told_as_such() {
        let error = decode_member_name(br#"{"admin":{"fullName":"A"}}"#).unwrap_err();
        assert!(error.why.contains("before 2.8"), "{error}");
        assert!(!decode_member_name(br#"{"key":"k"}"#).unwrap_err().why.contains("before 2.8"));
    }

    #[test]
    fn member_names_with_and_without_escapes() {
        assert_eq!(decode_member_name(br#"{"name":"a b"}"#).unwrap().0, "a b");
        assert_eq!(decode_member_name("{\"name\":\"é\"}".as_bytes()).unwrap().0, "é");
        assert_eq!(decode_member_name(br#"{"name":"\u00e9\"x"}"#).unwrap().0, "é\"x");
        assert_eq!(decode_member_name(br#"{"name":"a","key":"k"}"#).unwrap().0, "a");
        assert_eq!(decode_user(br#"{"key":"k","name":"a\u0000b"}"#).unwrap().name, "a\u{2400}b");
    }
}
