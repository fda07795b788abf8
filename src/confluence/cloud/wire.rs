//! Cloud's records: every field of them may be missing, and the words of its enumerations may be others tomorrow.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;
use xxhash_rust::xxh3::xxh3_64;

use crate::confluence::page::category;
use crate::confluence::wire::{Malformed, identifier, malformed, parse, text, told, without_nul};
use crate::model::{CloudUser, Told};

/// Made once: a record is searched in less time than a finder is made.
static ACCOUNT_ID: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"accountId\":\""));

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireUser<'a> {
    #[serde(borrow, default)]
    account_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    public_name: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "told")]
    display_name: Told<String>,
    #[serde(default, deserialize_with = "told")]
    email: Told<String>,
    #[serde(default, deserialize_with = "told")]
    account_status: Told<String>,
    #[serde(default, deserialize_with = "told")]
    account_type: Told<String>,
    #[serde(default)]
    is_external_collaborator: Option<bool>,
    /// What newer releases call it.
    #[serde(default)]
    is_guest: Option<bool>,
    #[serde(default, deserialize_with = "told")]
    time_zone: Told<String>,
}

/// Decodes a record of `users-bulk`.
pub fn decode_cloud_user(record: &[u8]) -> Result<CloudUser, Malformed> {
    let WireUser {
        account_id,
        public_name,
        display_name,
        email,
        account_status,
        account_type,
        is_external_collaborator,
        is_guest,
        time_zone,
    } = parse(record)?;
    let account_id = account_id.ok_or_else(|| malformed("accountId", "missing"))?;
    let public_name = match public_name {
        Some(name) if !name.is_empty() => identifier("publicName", &name)?,
        _ => String::new(),
    };
    Ok(CloudUser {
        account_id: identifier("accountId", &account_id)?,
        public_name,
        display_name: text("displayName", display_name)?,
        email: text("email", email)?,
        account_status: text("accountStatus", account_status)?,
        account_type: text("accountType", account_type)?,
        is_external: is_external_collaborator.or(is_guest),
        time_zone: text("timeZone", time_zone)?,
    })
}

/// Reads the account ids of many records of one listing: each stands where that of the record before did.
#[derive(Default)]
pub struct AccountIdReader {
    at: usize,
}

impl AccountIdReader {
    /// The account id of the next record.
    pub fn read<'a>(&mut self, record: &'a [u8]) -> Result<Cow<'a, str>, Malformed> {
        let key = ACCOUNT_ID.needle();
        if record.get(self.at..).is_some_and(|rest| rest.starts_with(key))
            && let Some(id) = plain(&record[self.at + key.len()..])
        {
            return Ok(Cow::Borrowed(id));
        }
        self.at = ACCOUNT_ID.find(record).unwrap_or(0);
        decode_account_id(record)
    }
}

/// The account id in a record of the search (`{"user":{…}}`) or of a group's members.
fn decode_account_id(record: &[u8]) -> Result<Cow<'_, str>, Malformed> {
    if let Some(id) = member(record, &ACCOUNT_ID) {
        return Ok(Cow::Borrowed(id));
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Bare<'a> {
        #[serde(borrow, default)]
        account_id: Option<Cow<'a, str>>,
        #[serde(borrow, default)]
        user: Option<Box<Bare<'a>>>,
    }
    let bare: Bare<'_> = parse(record)?;
    let id = bare.account_id.or_else(|| bare.user?.account_id).ok_or_else(|| malformed("accountId", "missing"))?;
    identifier("accountId", &id).map(Cow::Owned)
}

/// A group as the list of groups shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudGroup {
    /// Its id.
    pub id: String,
    /// Its name, which may change.
    pub name: String,
}

/// Decodes a record of the list of groups.
pub fn decode_cloud_group(record: &[u8]) -> Result<CloudGroup, Malformed> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow, default)]
        id: Option<Cow<'a, str>>,
        #[serde(borrow, default)]
        name: Option<Cow<'a, str>>,
    }
    let Wire { id, name } = parse(record)?;
    let id = id.ok_or_else(|| malformed("id", "missing"))?;
    let name = name.ok_or_else(|| malformed("name", "missing"))?;
    Ok(CloudGroup { id: identifier("id", &id)?, name: identifier("name", &name)? })
}

/// Recognises a record about an account whatever else changed in it.
pub fn account_identity(record: &[u8]) -> u64 {
    decode_account_id(record).map_or_else(|_| xxh3_64(record), |id| xxh3_64(id.as_bytes()))
}

/// Recognises a group whatever its name.
pub fn group_identity(record: &[u8]) -> u64 {
    decode_cloud_group(record).map_or_else(|_| xxh3_64(record), |group| xxh3_64(group.id.as_bytes()))
}

/// The value of a member that is plain text, `key` being its name with quotes, colon and the opening quote. Inside a
/// JSON string the quotes would be escaped, so that these bytes are the member itself.
fn member<'a>(record: &'a [u8], key: &Finder<'_>) -> Option<&'a str> {
    plain(&record[key.find(record)? + key.needle().len()..])
}

/// The plain text up to the quote that ends it.
fn plain(rest: &[u8]) -> Option<&str> {
    let end = memchr::memchr2(b'"', b'\\', rest).filter(|end| *end > 0 && *end <= 1_000 && rest[*end] == b'"')?;
    std::str::from_utf8(&rest[..end]).ok().filter(|text| !text.bytes().any(|byte| byte < 32))
}

/// Reads `{"cloudId": …}`.
pub fn tenant(body: &[u8]) -> Result<String, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Tenant {
        cloud_id: Option<String>,
    }
    let tenant: Tenant =
        serde_json::from_slice(body).map_err(|error| format!("not the JSON of a tenant: {}", category(&error)))?;
    tenant.cloud_id.filter(|id| !id.is_empty()).map(without_nul).ok_or_else(|| "a tenant without 'cloudId'".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_may_say_next_to_nothing() {
        let user = decode_cloud_user(br#"{"accountId":"a"}"#).unwrap();
        assert_eq!(user, CloudUser { account_id: "a".to_owned(), ..CloudUser::default() });
        let user = decode_cloud_user(
            br#"{"accountId":"a","email":"","timeZone":null,"personalSpaceId":null,"profilePicture":null,
                "accountStatus":"suspended","accountType":"customer","isExternalCollaborator":true,"publicName":""}"#,
        )
        .unwrap();
        assert_eq!((user.email, user.time_zone), (Told::Told(None), Told::Told(None)));
        assert_eq!(user.account_status, Told::Told(Some("suspended".to_owned())));
        assert_eq!((user.is_external, user.public_name.as_str()), (Some(true), ""));
        assert!(decode_cloud_user(br#"{"email":"secret@example.com"}"#).unwrap_err().to_string().contains("accountId"));
    }

    #[test]
    fn ids_are_found_wherever_they_stand() {
        for record in [
            r#"{"type":"known","accountId":"712020:a","displayName":"x"}"#,
            r#"{"user":{"type":"known","accountId":"712020:a"},"title":"\"accountId\":\"b\""}"#,
            r#"{"title":"\"accountId\":\"b\"","user":{"accountId" : "712020:a"}}"#,
        ] {
            assert_eq!(decode_account_id(record.as_bytes()).unwrap(), "712020:a", "{record}");
            assert_eq!(account_identity(record.as_bytes()), xxh3_64(b"712020:a"));
        }
        let mut reader = AccountIdReader::default();
        for (record, id) in [
            (r#"{"type":"known","accountId":"a"}"#, "a"),
            (r#"{"type":"known","accountId":"b","x":1}"#, "b"),
            (r#"{"accountId":"c"}"#, "c"),
            (r#"{"type":"known","accountId":"\u0064"}"#, "d"),
            (r#"{"type":"known","accountId":"e"}"#, "e"),
        ] {
            assert_eq!(reader.read(record.as_bytes()).unwrap(), id, "{record}");
        }
        assert!(reader.read(b"{}").is_err());
        assert!(decode_account_id(br#"{"accountId":null}"#).is_err());
        assert!(decode_account_id(br#"{"accountId":""}"#).is_err());
    }

    #[test]
    fn a_group_is_its_id() {
        let group = decode_cloud_group(br#"{"type":"group","name":"a","id":"1","_links":{}}"#).unwrap();
        assert_eq!(group, CloudGroup { id: "1".to_owned(), name: "a".to_owned() });
        assert_eq!(group_identity(br#"{"name":"b","id":"1"}"#), group_identity(br#"{"name":"a","id":"1"}"#));
        assert!(decode_cloud_group(br#"{"name":"a"}"#).is_err());
    }
}
