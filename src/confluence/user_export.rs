//! Confluence User Export (Data Center): the users a site has, active or not, and files of them.
//!
//! Its records have no user key, and its times no zone. It alone tells `active`, the directory and the language.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::NaiveDateTime;
use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::json;
use xxhash_rust::xxh3::xxh3_64;

use super::error::{RequestError, Right};
use super::http::{Client, DownloadError, Request};
use super::page::{List, Page, category};
use super::wire::{Malformed, identifier, malformed, parse, text, told};
use crate::model::{ExportedUser, Told};

const ROOT: [&str; 3] = ["rest", "confluenceuserexport", "1.0"];
const DOWNLOAD: [&str; 5] = ["plugins", "servlet", "confluenceuserexport", "admin", "download"];
/// The most a file made by the server may hold.
const FILE_CAP: u64 = 1 << 30;
/// A file is as long on its way as it takes, while something arrives.
const FILE_TIMEOUT: Duration = Duration::from_secs(3600);
/// What the name of a file begins with, and how long the UUID behind it is.
const FILE_PREFIX: &str = "confluenceuserexport";
const UUID_LENGTH: usize = 36;

/// The kinds of file that the site makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // their names say it
pub enum FileFormat {
    Json,
    Xml,
    Csv,
    Xlsx,
}

impl FileFormat {
    /// The name in the endpoint's path, and the file's extension.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Xml => "xml",
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
        }
    }
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A file in the server's temporary folder, by its name, which was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFile {
    name: String,
}

/// Confluence User Export's interface on one site.
#[derive(Clone, Copy)]
pub struct UserExport<'a> {
    client: &'a Client,
}

impl<'a> UserExport<'a> {
    /// The interface behind `client`.
    pub fn new(client: &'a Client) -> Self {
        Self { client }
    }

    /// A page of `search` over active and inactive users, from row `offset`.
    pub async fn search(&self, offset: u64, size: u64) -> Result<Page, RequestError> {
        let segments = [&ROOT[..], &["search"]].concat();
        let request = |size: u64| {
            let payload = json!({
                "searchString": "", "activeUsers": true, "inActiveUsers": true, "offset": offset, "pageSize": size,
            });
            let label = format!("{} (offset {offset}, pageSize {size})", segments.join("/"));
            self.post(&segments, label, payload.to_string())
        };
        let page = self.client.page(size, request, |body| self.client.recalled(body, List::Users)).await;
        page.map(Page::of_export)
    }

    fn post(&self, segments: &[&str], label: String, payload: impl Into<Bytes>) -> Request {
        let request = Request::post(self.client.url(segments, &[]), label, Right::Administrator, payload);
        Request { vague_401: true, ..request }
    }

    /// Has the site convert `records`, as `search` gave them, to a file in its temporary folder.
    pub async fn make_file(
        &self,
        format: FileFormat,
        records: impl IntoIterator<Item = impl AsRef<[u8]>>,
    ) -> Result<ServerFile, RequestError> {
        let mut payload = BytesMut::from(&b"["[..]);
        for (index, record) in records.into_iter().enumerate() {
            if index > 0 {
                payload.extend_from_slice(b",");
            }
            payload.extend_from_slice(record.as_ref());
        }
        payload.extend_from_slice(b"]");
        let segments = [&ROOT[..], &["file", format.as_str()]].concat();
        // Each time it acts on it the site leaves one more file behind.
        let request = Request { is_read: false, ..self.post(&segments, segments.join("/"), payload.freeze()) };
        self.client.send(&request, |body| ServerFile::told(&body, format)).await
    }

    /// Passes the file on to `write` as it arrives, at most 1 GiB of it; tells how many bytes there were.
    pub async fn download(
        &self,
        file: &ServerFile,
        write: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<u64, DownloadError> {
        let url = self.client.url(&DOWNLOAD, &[("fileName", file.name.as_str())]);
        let request = Request::get(url, DOWNLOAD.join("/"), Right::Administrator);
        let request = Request { vague_401: true, timeout: Some(FILE_TIMEOUT), ..request };
        self.client.download(&request, FILE_CAP, write).await
    }
}

impl ServerFile {
    /// Reads `{"fileName": …, "filePath": …}`. The path is the server's business.
    fn told(body: &[u8], format: FileFormat) -> Result<Self, String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Told {
            file_name: Option<String>,
        }
        let told: Told = serde_json::from_slice(body)
            .map_err(|error| format!("not the JSON that names a file: {}", category(&error)))?;
        let name = told.file_name.ok_or("an answer without 'fileName'")?;
        if is_file_name(&name, format) {
            Ok(Self { name })
        } else {
            Err(format!("'fileName' is not {FILE_PREFIX}, a UUID and .{format}: nothing is downloaded by that name"))
        }
    }
}

fn is_file_name(name: &str, format: FileFormat) -> bool {
    let uuid = name
        .strip_prefix(FILE_PREFIX)
        .and_then(|rest| rest.strip_suffix(format.as_str()))
        .and_then(|rest| rest.strip_suffix('.'));
    uuid.is_some_and(|uuid| {
        uuid.len() == UUID_LENGTH && uuid.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireUser<'a> {
    #[serde(borrow, default)]
    username: Option<Cow<'a, str>>,
    #[serde(default)]
    active: Option<bool>,
    #[serde(default)]
    can_use: Option<bool>,
    #[serde(default, deserialize_with = "told")]
    full_name: Told<String>,
    #[serde(default, deserialize_with = "told")]
    email: Told<String>,
    #[serde(default, deserialize_with = "told")]
    directory_name: Told<String>,
    #[serde(default, deserialize_with = "told")]
    preferred_language: Told<String>,
    #[serde(default, deserialize_with = "told")]
    created_date: Told<String>,
    #[serde(default, deserialize_with = "told")]
    updated_date: Told<String>,
    #[serde(default, deserialize_with = "told")]
    last_login: Told<String>,
}

/// Decodes a record of `search`.
pub fn decode_exported(record: &[u8]) -> Result<ExportedUser, Malformed> {
    let WireUser {
        username,
        active,
        can_use,
        full_name,
        email,
        directory_name,
        preferred_language,
        created_date,
        updated_date,
        last_login,
    } = parse(record)?;
    let username = username.ok_or_else(|| malformed("username", "missing"))?;
    Ok(ExportedUser {
        username: identifier("username", &username)?,
        active,
        can_use,
        full_name: not_blank(text("fullName", full_name)?),
        email: not_blank(text("email", email)?),
        directory: not_blank(text("directoryName", directory_name)?),
        language: not_blank(text("preferredLanguage", preferred_language)?),
        created: local_time(created_date),
        updated: local_time(updated_date),
        last_login: local_time(last_login),
    })
}

fn not_blank(told: Told<String>) -> Told<String> {
    match told {
        Told::Told(Some(value)) if value.trim().is_empty() => Told::Told(None),
        other => other,
    }
}

/// `yyyy-MM-dd HH:mm`, seconds and a `T` allowed. What is no time tells nothing: it is not "never".
fn local_time(told: Told<String>) -> Told<NaiveDateTime> {
    let text = match not_blank(told) {
        Told::Untold => return Told::Untold,
        Told::Told(None) => return Told::Told(None),
        Told::Told(Some(text)) => text,
    };
    let text = text.trim();
    // Four digits of a year: what is beyond does not sort as text.
    let plain = text.as_bytes().get(4) == Some(&b'-') && text.starts_with(|first: char| first.is_ascii_digit());
    let formats = ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"];
    let time = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    time.filter(|_| plain).map_or(Told::Untold, |time| Told::Told(Some(time)))
}

/// Recognises a record whatever else changed in it: the hash of its user name in lower case, as Confluence compares
/// names, or of the record where it has none.
pub fn username_identity(record: &[u8]) -> u64 {
    // Inside a JSON string the quotes would be escaped: these bytes are the member itself.
    static USERNAME: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"username\":\""));
    let plain = USERNAME.find(record).and_then(|at| {
        let rest = &record[at + USERNAME.needle().len()..];
        let end = memchr::memchr2(b'"', b'\\', rest).filter(|end| rest[*end] == b'"')?;
        std::str::from_utf8(&rest[..end]).ok().map(folded_hash)
    });
    plain.unwrap_or_else(|| {
        #[derive(Deserialize)]
        struct Named<'a> {
            #[serde(borrow)]
            username: Cow<'a, str>,
        }
        serde_json::from_slice::<Named<'_>>(record)
            .map_or_else(|_| xxh3_64(record), |named| folded_hash(&named.username))
    })
}

fn folded_hash(name: &str) -> u64 {
    if name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        xxh3_64(name.as_bytes())
    } else {
        xxh3_64(name.to_lowercase().as_bytes())
    }
}

#[cfg(test)]
mod tests;
