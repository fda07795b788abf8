//! A listing of users as read, row by row against how it was read last: only rows with unknown bytes are decoded.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasherDefault;

use super::people::{HashedMap, UserRef, name_hash};
use super::remember::{Remember, remember, retained};
use crate::confluence::{
    Malformed, OrganizationUser, Page, decode_cloud_user, decode_exported, decode_organization_user, decode_user,
};
use crate::model::{CloudUser, ExportedUser, SeenUser, UserId};
use crate::store::Entry;

/// A row of a listing, decoded.
pub trait Record: Sized {
    /// Decodes a row.
    fn decode(row: &[u8]) -> Result<Self, Malformed>;
    /// What tells the users of the listing apart.
    fn identity(&self) -> Cow<'_, str>;
    /// The log-in name.
    fn name(&self) -> &str;
}

impl Record for SeenUser {
    fn decode(row: &[u8]) -> Result<Self, Malformed> {
        decode_user(row)
    }
    fn identity(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.key)
    }
    fn name(&self) -> &str {
        &self.name
    }
}

impl Record for ExportedUser {
    fn decode(row: &[u8]) -> Result<Self, Malformed> {
        decode_exported(row)
    }
    /// Confluence compares names in lower case.
    fn identity(&self) -> Cow<'_, str> {
        Cow::Owned(self.username.to_lowercase())
    }
    fn name(&self) -> &str {
        &self.username
    }
}

impl Record for CloudUser {
    fn decode(row: &[u8]) -> Result<Self, Malformed> {
        decode_cloud_user(row)
    }
    fn identity(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.account_id)
    }
    fn name(&self) -> &str {
        &self.public_name
    }
}

impl Record for OrganizationUser {
    fn decode(row: &[u8]) -> Result<Self, Malformed> {
        decode_organization_user(row)
    }
    fn identity(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.account_id)
    }
    /// Nobody is found by a name there.
    fn name(&self) -> &str {
        ""
    }
}

/// How many malformed rows are told one by one.
const TOLD: usize = 5;

/// A row of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// Its bytes are those of entry `n` of the listing as it was read last.
    Known(u32),
    /// Its bytes are new: record `at` of [`Roll::fresh`].
    Fresh {
        /// Index of the decoded record.
        at: u32,
        /// Fingerprint of the bytes.
        fingerprint: u64,
    },
}

/// A listing: every different row of every pass, in the order first seen.
pub struct Roll<R> {
    known: Vec<Entry>,
    by_fingerprint: Option<HashedMap<u32>>,
    cursor: usize,
    /// In which pass entry `n` was last seen; 0: in none.
    seen: Vec<u8>,
    /// So many rows are the entries of the last reading, in order; then come `rows`.
    in_order: usize,
    rows: Vec<Row>,
    fresh: Vec<R>,
    fresh_seen: Vec<u8>,
    by_key: HashMap<String, u32>,
    by_row: HashedMap<u32>,
    pass: u8,
    distinct: u64,
    malformed: Vec<String>,
    malformed_rows: u64,
}

impl<R: Record> Roll<R> {
    /// A list to be compared with `known`, the listing as it was read last.
    pub fn new(known: Vec<Entry>) -> Self {
        Self {
            seen: vec![0; known.len()],
            in_order: 0,
            rows: Vec::new(),
            known,
            by_fingerprint: None,
            cursor: 0,
            fresh: Vec::new(),
            fresh_seen: Vec::new(),
            by_key: HashMap::new(),
            by_row: HashedMap::default(),
            pass: 0,
            distinct: 0,
            malformed: Vec::new(),
            malformed_rows: 0,
        }
    }

    /// Begins another reading of the list.
    pub fn begin_pass(&mut self) {
        self.pass += 1;
        self.cursor = 0;
        self.distinct = 0;
        self.malformed.clear();
        self.malformed_rows = 0;
    }

    /// Makes room for a first reading of `total` rows.
    pub fn expect(&mut self, total: Option<u64>) {
        // No more than a large site has, whatever a server says.
        if let (true, true, Some(total)) = (self.known.is_empty(), self.fresh.is_empty(), total) {
            let rows = total.min(1_000_000) as usize;
            self.fresh.reserve_exact(rows);
            self.rows.reserve_exact(rows);
            self.by_key.reserve(rows);
            self.by_row.reserve(rows);
        }
    }

    /// Takes the rows of a page from `first` on, `read` rows after the list's first. `list` names it in errors.
    /// A row that is as it was read last is decoded all the same when its entry is `stale`.
    pub fn take(&mut self, page: &Page, first: usize, list: &str, read: u64, stale: impl Fn(&Entry) -> bool) {
        for index in first..page.rows.len() {
            let fingerprint = page.rows.fingerprint(index);
            match self.find(fingerprint) {
                Some(entry) if !stale(&self.known[entry]) => self.take_known(entry),
                found => {
                    self.cursor = found.map_or(self.cursor, |entry| entry + 1);
                    let place = || format!("{list}, row {}", read + (index - first) as u64);
                    self.take_fresh(fingerprint, page.rows.get(index), place);
                }
            }
        }
    }

    fn find(&mut self, fingerprint: u64) -> Option<usize> {
        if self.known.get(self.cursor).is_some_and(|entry| entry.fingerprint == fingerprint) {
            return Some(self.cursor);
        }
        let known = &self.known;
        let map = self.by_fingerprint.get_or_insert_with(|| {
            let mut map = HashedMap::with_capacity_and_hasher(known.len(), BuildHasherDefault::default());
            for (index, entry) in known.iter().enumerate().rev() {
                map.insert(entry.fingerprint, index as u32);
            }
            map
        });
        map.get(&fingerprint).map(|index| *index as usize)
    }

    fn take_known(&mut self, entry: usize) {
        self.cursor = entry + 1;
        if self.seen[entry] == self.pass {
            return;
        }
        self.distinct += 1;
        if self.seen[entry] == 0 {
            if self.rows.is_empty() && entry == self.in_order {
                self.in_order += 1;
            } else {
                self.rows.push(Row::Known(entry as u32));
            }
        }
        self.seen[entry] = self.pass;
    }

    fn take_fresh(&mut self, fingerprint: u64, record: &[u8], place: impl Fn() -> String) {
        if let Some(&at) = self.by_row.get(&fingerprint) {
            self.see_fresh(at as usize);
            return;
        }
        let user = match R::decode(record) {
            Ok(user) => user,
            Err(error) => {
                self.malformed_rows += 1;
                if self.malformed.len() < TOLD {
                    self.malformed.push(format!("{}: {error}", place()));
                }
                return;
            }
        };
        let identity = user.identity();
        let at = match self.by_key.get(identity.as_ref()) {
            // The same key twice: of one reading the first record stands, of several that of the last.
            Some(&at) => {
                if self.fresh_seen[at as usize] != self.pass {
                    self.fresh[at as usize] = user;
                }
                at
            }
            None => {
                let at = self.fresh.len() as u32;
                self.by_key.insert(identity.into_owned(), at);
                self.fresh.push(user);
                self.fresh_seen.push(0);
                at
            }
        };
        self.by_row.insert(fingerprint, at);
        self.rows.push(Row::Fresh { at, fingerprint });
        self.see_fresh(at as usize);
    }

    fn see_fresh(&mut self, at: usize) {
        if self.fresh_seen[at] != self.pass {
            self.fresh_seen[at] = self.pass;
            self.distinct += 1;
        }
    }

    /// How many different users this pass brought, as far as can be told before their keys are looked up.
    pub fn distinct(&self) -> u64 {
        self.distinct
    }

    /// What is wrong with rows that this pass could not take, and how many there were.
    pub fn malformed(&self) -> (&[String], u64) {
        (&self.malformed, self.malformed_rows)
    }

    /// The listing is, row by row, as it was read last.
    pub fn is_unchanged(&self) -> bool {
        self.rows.is_empty() && self.in_order == self.known.len()
    }

    /// The rows, in the order first seen.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row> {
        let first = self.in_order;
        (0..first + self.rows.len()).map(move |index| match index.checked_sub(first) {
            None => Row::Known(index as u32),
            Some(index) => self.rows[index],
        })
    }

    /// The listing as it was read last.
    pub fn known(&self) -> &[Entry] {
        &self.known
    }

    /// Users the last walk saw in this list and this one did not; `fresh` are those of the decoded records.
    pub fn absent(&self, fresh: &[UserRef]) -> Vec<UserId> {
        // A record that changed leaves its old entry unseen, and a user may have two records.
        let unseen = self.known.iter().zip(&self.seen).filter(|(_, seen)| **seen == 0);
        let mut absent: HashSet<UserId> = unseen.map(|(entry, _)| entry.user_id()).collect();
        self.retain_unseen(&mut absent, fresh);
        let mut absent: Vec<UserId> = absent.into_iter().collect();
        absent.sort_unstable();
        absent
    }

    /// Keeps of `users` those whom this walk did not see in this list; `fresh` are those of the decoded records.
    pub fn retain_unseen(&self, users: &mut HashSet<UserId>, fresh: &[UserRef]) {
        if users.is_empty() {
            return;
        }
        for user in fresh.iter().filter(|user| user.new_index().is_none()) {
            users.remove(&user.id(UserId(0)));
        }
        for (entry, _) in self.known.iter().zip(&self.seen).filter(|(_, seen)| **seen != 0) {
            users.remove(&entry.user_id());
        }
    }

    /// The listing as it is to be remembered, when decoded record `n` is about `about(n)`, with those in `kept` although
    /// it does not show them; `None` when it is as it was.
    pub fn remember(&self, kept: &HashSet<UserId>, about: impl Fn(usize) -> Option<UserRef>) -> Option<Vec<Remember>> {
        if self.is_unchanged() {
            return None;
        }
        // A list that moved while it was read may have shown a user in two ways: no bytes tell which is true now.
        let moved = self.pass > 1;
        let changed: HashSet<UserRef> =
            if moved { (0..self.fresh.len()).filter_map(&about).collect() } else { HashSet::new() };
        let mut rows: Vec<Remember> = Vec::with_capacity(self.rows().len());
        rows.extend(self.rows().filter_map(|row| match row {
            Row::Known(entry) => {
                let (fingerprint, user, name) = remember(&self.known[entry as usize]);
                let stands = !moved || (self.seen[entry as usize] == self.pass && !changed.contains(&user));
                Some((if stands { fingerprint } else { 0 }, user, name))
            }
            Row::Fresh { at, fingerprint } => {
                let user = about(at as usize)?;
                Some((if moved { 0 } else { fingerprint }, user, name_hash(self.fresh[at as usize].name())))
            }
        }));
        // Not of those whose row arrived: an older one would be taken for known when its bytes come back.
        if !kept.is_empty() {
            let mut kept = kept.clone();
            let fresh: Vec<UserRef> = (0..self.fresh.len()).filter_map(&about).collect();
            self.retain_unseen(&mut kept, &fresh);
            rows.extend(retained(&self.known, &kept));
        }
        Some(rows)
    }

    /// The decoded records.
    pub fn fresh(&self) -> &[R] {
        &self.fresh
    }

    /// Which of the decoded records has this identity.
    pub fn fresh_with_key(&self, key: &str) -> Option<usize> {
        self.by_key.get(key).map(|at| *at as usize)
    }

    /// Takes it apart: the decoded records, and the listing as it was read last.
    pub fn into_parts(self) -> (Vec<R>, Vec<Entry>) {
        (self.fresh, self.known)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;
    use crate::confluence::List;

    fn page(rows: &[(&str, &str)]) -> Page {
        let rows: Vec<String> =
            rows.iter().map(|(key, name)| format!(r#"{{"key":"{key}","name":"{name}"}}"#)).collect();
        Page::of(Bytes::from(format!(r#"{{"users":[{}]}}"#, rows.join(","))), List::Users).unwrap()
    }

    fn entry(key: &str, name: &str, user: u32) -> Entry {
        let record = format!(r#"{{"key":"{key}","name":"{name}"}}"#);
        Entry { fingerprint: xxh3_64(record.as_bytes()), user, name: 0 }
    }

    #[test]
    fn only_rows_with_new_bytes_are_decoded() {
        let mut roll = Roll::<SeenUser>::new(vec![entry("1", "a", 1), entry("2", "b", 2), entry("3", "c", 3)]);
        roll.begin_pass();
        roll.take(&page(&[("1", "a"), ("4", "aa"), ("2", "bb"), ("3", "c")]), 0, "p", 0, |_| false);
        assert_eq!(roll.fresh().len(), 2);
        assert_eq!(roll.distinct(), 4);
        let users = [UserRef::new(0), UserRef::known(UserId(2))];
        assert_eq!(roll.absent(&users), []);
        assert_eq!(roll.absent(&users[..1]), [UserId(2)]);
        let mut unseen = HashSet::from([UserId(2), UserId(3)]);
        roll.retain_unseen(&mut unseen, &[]);
        assert_eq!(unseen, HashSet::from([UserId(2)]));
        assert!(!roll.is_unchanged());
    }

    #[test]
    fn passes_add_up_and_count_apart() {
        let mut roll = Roll::<SeenUser>::new(vec![entry("1", "a", 1)]);
        roll.begin_pass();
        roll.take(&page(&[("1", "a"), ("2", "b")]), 0, "p", 0, |_| false);
        assert_eq!(roll.distinct(), 2);
        roll.begin_pass();
        roll.take(&page(&[("2", "b"), ("3", "c"), ("3", "c2")]), 0, "p", 0, |_| false);
        assert_eq!(roll.distinct(), 2);
        assert_eq!(roll.fresh().iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!(roll.rows().len(), 4);
        assert_eq!(roll.absent(&[]), []);
    }

    #[test]
    fn a_malformed_row_is_told_and_left_out() {
        let mut roll = Roll::<SeenUser>::new(Vec::new());
        roll.begin_pass();
        roll.take(&page(&[("", "a"), ("2", "b")]), 0, "user/getUsers", 10, |_| false);
        let (told, rows) = roll.malformed();
        assert_eq!((told, rows), (&["user/getUsers, row 10: 'key': empty".to_owned()][..], 1));
        assert_eq!(roll.distinct(), 1);
        // Read again it is still one row.
        roll.begin_pass();
        roll.take(&page(&[("", "a"), ("2", "b")]), 0, "user/getUsers", 10, |_| false);
        assert_eq!(roll.malformed().1, 1);
    }
}
