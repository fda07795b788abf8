//! The files that Confluence User Export makes of a list of users which the client sends, and the servlet that gives them.
//!
//! They are kept for a while, few of them, in files that have no name on this machine.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use bytes::Bytes;
use rand::rngs::ChaCha12Rng;
use rand::{RngExt, SeedableRng};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use tokio::sync::Semaphore;

use super::super::refusal::Refusal;
use super::bodies::{category, object};
use crate::model::Timestamp;
use crate::render::{Cell, Format, Style, user_export};

/// How many files are kept, and how long.
const KEPT: usize = 20;
const KEPT_FOR: Duration = Duration::from_secs(600);

/// The longest list, bytes, and the most users on it: a record may be two bytes, and take far more to be looked at.
pub(super) const LONGEST: usize = 32 << 20;
const USERS: usize = 100_000;

/// How much is kept in all.
const BYTES: u64 = 256 << 20;

/// Lists that are read and written at one time.
const AT_ONCE: usize = 2;

struct Made {
    name: String,
    site: String,
    kind: &'static str,
    at: Timestamp,
    bytes: u64,
    file: Arc<File>,
}

/// The files that were made.
pub(super) struct Files {
    shelf: Mutex<Shelf>,
    /// Whoever sends a list waits for one of these before it is read.
    pub seats: Semaphore,
}

struct Shelf {
    kept: VecDeque<Made>,
    rng: ChaCha12Rng,
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Files").finish_non_exhaustive()
    }
}

impl Files {
    /// None yet; their names follow from the seed.
    pub fn new(seed: u64) -> Self {
        let shelf = Shelf { kept: VecDeque::new(), rng: ChaCha12Rng::seed_from_u64(seed) };
        Self { shelf: Mutex::new(shelf), seats: Semaphore::new(AT_ONCE) }
    }

    /// Keeps a file; answers its name.
    fn keep(&self, site: &str, ending: &'static str, file: File, now: Timestamp) -> String {
        let mut shelf = self.shelf.lock().expect("no panic while held");
        let name = format!("confluenceuserexport{}.{ending}", uuid(shelf.rng.random()));
        shelf.forget(now);
        let (site, kind) = (site.to_owned(), content_type(ending));
        let bytes = file.metadata().map_or(0, |found| found.len());
        let others = |shelf: &Shelf| shelf.kept.iter().map(|made| made.bytes).sum::<u64>();
        while shelf.kept.len() == KEPT || !shelf.kept.is_empty() && others(&shelf) + bytes > BYTES {
            shelf.kept.pop_front();
        }
        shelf.kept.push_back(Made { name: name.clone(), site, kind, at: now, bytes, file: Arc::new(file) });
        name
    }

    /// The file of a name, and its content type.
    fn find(&self, site: &str, name: &str, now: Timestamp) -> Option<(Arc<File>, &'static str)> {
        let mut shelf = self.shelf.lock().expect("no panic while held");
        shelf.forget(now);
        let made = shelf.kept.iter().find(|made| made.name == name && made.site == site)?;
        Some((made.file.clone(), made.kind))
    }
}

impl Shelf {
    /// Drops what is too old, also where the clock was set back.
    fn forget(&mut self, now: Timestamp) {
        let age = |made: &Made| (now.millis() - made.at.millis()).unsigned_abs();
        self.kept.retain(|made| u128::from(age(made)) <= KEPT_FOR.as_millis());
    }
}

/// Version 4.
fn uuid(random: u128) -> String {
    let bits = random & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn content_type(ending: &str) -> &'static str {
    match ending {
        "xml" => "application/xml",
        "csv" => "text/csv",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        _ => "application/json",
    }
}

/// One user of the list: the documented fields; what else there is does not matter.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Posted {
    username: Option<String>,
    active: Option<bool>,
    full_name: Option<String>,
    email: Option<String>,
    directory_name: Option<String>,
    created_date: Option<String>,
    updated_date: Option<String>,
    groups: Option<Vec<String>>,
    preferred_language: Option<String>,
    can_use: Option<bool>,
    #[serde(deserialize_with = "told")]
    last_login: Option<Option<String>>,
}

/// What is there, even where it is null.
fn told<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Posted {
    /// As a row of the layout that users are exported in.
    fn cells(&self) -> Vec<Cell<'_>> {
        let text = |text: &'_ Option<String>| text.clone().map_or(Cell::Null, |text| Cell::Text(text.into()));
        let truth = |truth: Option<bool>| truth.map_or(Cell::Null, |truth| Cell::Integer(truth.into()));
        let groups = self.groups.as_ref().map(|groups| serde_json::json!(groups).to_string());
        vec![
            text(&self.username),
            truth(self.active),
            text(&self.full_name),
            text(&self.email),
            text(&self.directory_name),
            text(&self.created_date),
            text(&self.updated_date),
            text(&self.last_login.clone().flatten()),
            text(&groups),
            text(&self.preferred_language),
            truth(self.can_use),
            truth(Some(self.last_login.is_some())),
        ]
    }
}

/// The records of a list, as they are written there; one more than there may be, at most.
struct Records<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Records<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Vec<&'de RawValue>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut records = Vec::new();
                while let Some(record) = list.next_element()? {
                    if records.len() <= USERS {
                        records.push(record);
                    }
                }
                Ok(records)
            }
        }
        deserializer.deserialize_seq(List).map(Self)
    }
}

/// Makes a file of the list; answers its name.
///
/// # Errors
/// It is no list of users, or this build does not write such files.
pub(super) async fn make(
    files: &Files,
    site: &str,
    ending: &'static str,
    body: Bytes,
    now: Timestamp,
) -> Result<String, Refusal> {
    let made = tokio::task::spawn_blocking(move || {
        let file = tempfile::tempfile().map_err(|error| Refusal::failed(&error))?;
        let mut out = BufWriter::new(file);
        write(ending, &body, &mut out)?;
        out.into_inner().map_err(|error| Refusal::failed(error.error()))
    });
    let file = made.await.map_err(|error| Refusal::failed(&error))??;
    Ok(files.keep(site, ending, file, now))
}

/// Writes the list as that kind of file.
fn write(ending: &str, body: &[u8], out: &mut BufWriter<File>) -> Result<(), Refusal> {
    let refused = |why| Refusal::bad(format!("the body is no list of users as search answers them: {why}"));
    // The list itself, before what stands in it.
    let Records(records) = serde_json::from_slice(body).map_err(|error| refused(category(&error)))?;
    let user = |record: &&RawValue| object::<Posted>(record.get().as_bytes()).map_err(refused);
    if records.len() > USERS {
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the list has more than {USERS} users")));
    }
    records.iter().try_for_each(|record| user(record).map(drop))?;
    let format = match (ending, Format::named(ending)) {
        ("json", _) => return json(&records, out).map_err(|error| Refusal::failed(&error)),
        (_, Some(format)) => format,
        (_, None) => {
            let why = format!("this build of rollbook writes no {ending}: there are json, xml and csv");
            return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, why));
        }
    };
    let mut written = || {
        let mut sink = user_export::open(format, Style::default(), chrono_tz::UTC, out)?;
        for record in &records {
            // It was read before.
            let user = user(record).map_err(|refusal| io::Error::other(refusal.message))?;
            sink.row(&user.cells())?;
        }
        sink.finish(&[])
    };
    written().map_err(|error: io::Error| match error.kind() {
        // What a cell of a workbook cannot hold, say.
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            Refusal::bad(format!("the list cannot be written as {ending}"))
        }
        _ => Refusal::failed(&error),
    })
}

/// The records as they were sent.
fn json(records: &[&RawValue], out: &mut BufWriter<File>) -> io::Result<()> {
    out.write_all(b"[")?;
    for (nth, record) in records.iter().enumerate() {
        out.write_all(if nth == 0 { b"\n" } else { b",\n" })?;
        out.write_all(record.get().as_bytes())?;
    }
    out.write_all(b"\n]\n")?;
    out.flush()
}

/// A file that was made, and its content type.
///
/// # Errors
/// There is none of that name, or no longer.
pub(super) async fn download(
    files: &Files,
    site: &str,
    name: &str,
    now: Timestamp,
) -> Result<(Bytes, &'static str), Refusal> {
    let (file, kind) = files.find(site, name, now).ok_or_else(|| {
        let minutes = KEPT_FOR.as_secs() / 60;
        Refusal::absent(format!("There is no such file: the last {KEPT} are kept, for {minutes} minutes each"))
    })?;
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = vec![0; usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?];
        file.read_exact_at(&mut bytes, 0)?;
        Ok::<_, io::Error>(bytes.into())
    });
    let bytes = read.await.map_err(|error| Refusal::failed(&error))?.map_err(|error| Refusal::failed(&error))?;
    Ok((bytes, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"[{"username":"=tester","active":true,"groups":["a","b"],"x":{"y":1}}, {"lastLogin":null}]"#;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + seconds * 1000).unwrap()
    }

    async fn made(files: &Files, ending: &'static str, body: &str, now: Timestamp) -> Result<String, Refusal> {
        make(files, "corp", ending, Bytes::copy_from_slice(body.as_bytes()), now).await
    }

    #[tokio::test]
    async fn a_list_becomes_a_file() {
        let files = Files::new(1);
        for (ending, begins) in [
            ("json", "[\n{\"username\":\"=tester\",\"active\":true,\"groups\":[\"a\",\"b\"],\"x\":{\"y\":1}},\n{"),
            ("xml", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<users>\n  <user><username>=tester</username>"),
            ("csv", "username,active,fullName,email,directoryName,createdDate,updatedDate,lastLogin,groups,"),
        ] {
            let name = made(&files, ending, LIST, at(0)).await.unwrap();
            let (bytes, _) = download(&files, "corp", &name, at(600)).await.unwrap();
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            assert!(text.starts_with(begins), "{text}");
            assert!(ending != "csv" || text.contains("'=tester,true"), "no formula: {text}");
            assert!(ending != "xml" || text.matches("<lastLogin").count() == 1, "{text}");
        }
    }

    #[tokio::test]
    async fn a_file_is_found_by_its_name_alone_and_not_for_long() {
        let files = Files::new(2);
        let name = made(&files, "json", "[]", at(0)).await.unwrap();
        let uuid = &name["confluenceuserexport".len()..][..36];
        assert_eq!((&uuid[14..15], "89ab".contains(&uuid[19..20])), ("4", true), "{uuid}");
        for other in ["", "x", "../x", "/etc/passwd", &name[1..], &format!("{name}\0"), &format!("./{name}")] {
            assert_eq!(download(&files, "corp", other, at(0)).await.unwrap_err().status, StatusCode::NOT_FOUND);
        }
        assert!(download(&files, "lab", &name, at(0)).await.is_err(), "of another site");
        assert!(download(&files, "corp", &name, at(601)).await.is_err());
        let names: Vec<_> = futures_util::future::join_all((0..21).map(|_| made(&files, "csv", "[]", at(0)))).await;
        let names: Vec<String> = names.into_iter().map(Result::unwrap).collect();
        let kept = |name: &String| files.find("corp", name, at(0)).is_some();
        assert_eq!(names.iter().filter(|name| kept(name)).count(), KEPT);
    }

    #[tokio::test]
    async fn what_is_no_list_of_users_is_refused() {
        let files = Files::new(3);
        for body in ["", "{}", "[1]", "[null]", "[[]]", r#"[{"groups":"a"}]"#, r#"[{"username":7}]"#, "[{}", "[{}] x"] {
            for ending in ["json", "csv"] {
                let refusal = made(&files, ending, body, at(0)).await.unwrap_err();
                assert_eq!(refusal.status, StatusCode::BAD_REQUEST, "{body}");
            }
        }
    }
}
