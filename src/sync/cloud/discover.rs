//! Where account ids show: the search for users, and a file of further ones. Who is absent here is not gone: the look-ups
//! decide.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use xxhash_rust::xxh3::Xxh3;

use super::ids::{AccountIds, Place};
use crate::confluence::{AccountIdReader, Cloud, Page, RequestError, SEARCH_CAP, SearchFrom};

/// Longer than any account id, by the vendor's own rule.
const LONGEST_ID: usize = 128;
/// A file of ids is no list of the world's.
const LARGEST_FILE: u64 = 64 << 20;

/// What the search brought.
#[derive(Default)]
pub struct Search {
    /// Pages received.
    pub pages: u64,
    /// Rows received.
    pub received: u64,
    /// Rows the site said there are.
    pub declared: Option<u64>,
    /// Whom it showed: users with a permission on this very site.
    pub shown: HashSet<Place>,
    /// What the first page got instead of an answer.
    pub failure: Option<RequestError>,
    /// What is missing.
    pub problem: Option<String>,
    /// That there may be more than a search shows.
    pub note: Option<String>,
}

/// Searches for users. Fails only when the credentials or the account are refused.
pub async fn search(cloud: Cloud<'_>, ids: &mut AccountIds) -> Result<Search, RequestError> {
    let mut search = Search::default();
    let mut from = SearchFrom::Row(0);
    let mut pages = HashSet::new();
    loop {
        let page = match cloud.search_page(&from, SEARCH_CAP - search.received).await {
            Ok(page) => page,
            Err(error) if error.trouble.is_refusal() || error.trouble.is_block() => return Err(error),
            Err(error) => {
                search.problem = Some(format!("the search for users: {error}"));
                search.failure = Some(error).filter(|_| search.pages == 0);
                return Ok(search);
            }
        };
        search.pages += 1;
        search.declared = page.total.or(search.declared);
        if page.rows.is_empty() {
            break;
        }
        if !pages.insert(take(&page, ids, &mut search)) {
            search.problem = Some("the search for users repeats a page: who is behind it was not found".to_owned());
            break;
        }
        search.received += page.rows.len() as u64;
        let promised = page.total.is_some_and(|total| total > search.received);
        let is_last = page.has_links && page.next.is_none() && !promised;
        if is_last || search.received >= SEARCH_CAP {
            break;
        }
        // Only the query of `next` counts, and only where it is more than the row to go on from.
        let query = page.next.as_deref().and_then(|next| next.split_once('?')).map(|(_, query)| query);
        from = match query.filter(|query| query.split('&').any(|part| part.starts_with("cursor="))) {
            Some(query) => SearchFrom::Next(query.to_owned()),
            None => SearchFrom::Row(search.received),
        };
    }
    let short = search.declared.filter(|total| *total > search.received);
    if search.problem.is_none() && (short.is_some() || search.received >= SEARCH_CAP) {
        let of = short.map_or(String::new(), |total| format!(" of {total}"));
        search.note = Some(format!(
            "the search for users ended after {}{of} (it shows {SEARCH_CAP} at most): others are found by their groups, \
             by the organization where one is configured, and by account_ids_file",
            search.received
        ));
    }
    Ok(search)
}

/// Adds the ids of a page; gives what tells this page from others.
fn take(page: &Page, ids: &mut AccountIds, search: &mut Search) -> u64 {
    let (mut of_page, mut reader) = (Xxh3::new(), AccountIdReader::default());
    for (index, record) in page.rows.iter().enumerate() {
        match reader.read(record) {
            Ok(id) => {
                of_page.update(id.as_bytes());
                search.shown.insert(ids.add(&id));
            }
            Err(error) => {
                of_page.update(record);
                search.problem.get_or_insert_with(|| {
                    format!("the search for users, row {}: {error}", search.received + index as u64)
                });
            }
        }
    }
    of_page.digest()
}

/// The ids of a file.
#[derive(Default)]
pub struct IdsFile {
    /// The line of each.
    pub lines: HashMap<Place, usize>,
    /// Why it could not be read.
    pub problem: Option<String>,
    /// Lines that hold no id.
    pub note: Option<String>,
}

/// Reads a file of account ids, one a line; blank lines and those that begin with `#` are passed over.
pub fn read_file(path: &Path, ids: &mut AccountIds) -> IdsFile {
    let unreadable = |why: &str| IdsFile {
        problem: Some(format!("account_ids_file {}: {why}", path.display())),
        ..IdsFile::default()
    };
    let text = match std::fs::metadata(path).and_then(|file| match file.len() {
        0..=LARGEST_FILE => std::fs::read_to_string(path).map(Some),
        _ => Ok(None),
    }) {
        Ok(Some(text)) => text,
        Ok(None) => return unreadable("it is larger than 64 MiB"),
        Err(error) => return unreadable(&error.to_string()),
    };
    let mut file = IdsFile::default();
    let mut odd = Vec::new();
    for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        match line.trim() {
            "" => {}
            comment if comment.starts_with('#') => {}
            id if is_account_id(id) => drop(file.lines.entry(ids.add(id)).or_insert(number)),
            _ => odd.push(number.to_string()),
        }
    }
    if !odd.is_empty() {
        let told = odd.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        let more = if odd.len() > 5 { format!(" and {} more", odd.len() - 5) } else { String::new() };
        file.note = Some(format!(
            "account_ids_file: no account id in line {told}{more} (letters, digits, and any of -_:| are)"
        ));
    }
    file
}

fn is_account_id(text: &str) -> bool {
    text.len() <= LONGEST_ID && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_:|".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_ids() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ids.txt");
        std::fs::write(&path, "\u{feff}712020:a\r\n\n# people of the old site\n  qm:b \n712020:a\nno id\n").unwrap();
        let mut ids = AccountIds::default();
        let file = read_file(&path, &mut ids);
        assert_eq!((ids.len(), ids.id(0), ids.id(1)), (2, "712020:a", "qm:b"));
        assert_eq!(file.lines, HashMap::from([(0, 1), (1, 4)]));
        assert!(file.note.unwrap().contains("line 6") && file.problem.is_none());
        assert!(read_file(&folder.path().join("none"), &mut ids).problem.unwrap().contains("none"));
    }
}
