//! Who is meant: users known by their id, and users who get one when the walk is applied.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use xxhash_rust::xxh3::xxh3_64;

use crate::model::UserId;
pub use crate::store::members_fingerprint;

/// A user of this walk: one the mirror knows, or the n-th new one. Sorts as the ids will.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserRef(u32);

const NEW: u32 = 1 << 31;

impl UserRef {
    /// A user the mirror knows.
    pub fn known(id: UserId) -> Self {
        Self(u32::try_from(id.0).ok().filter(|id| *id < NEW).expect("fewer than two billion users"))
    }

    /// The n-th user this walk adds.
    pub fn new(index: usize) -> Self {
        Self(u32::try_from(index).ok().filter(|index| *index < NEW - 1).expect("fewer than two billion users") | NEW)
    }

    /// Its place among the new users, if it is one.
    pub fn new_index(self) -> Option<usize> {
        (self.0 & NEW != 0).then_some((self.0 & !NEW) as usize)
    }

    /// Its id, if the mirror knows it.
    pub fn known_id(self) -> Option<UserId> {
        (self.0 & NEW == 0).then(|| UserId(i64::from(self.0)))
    }

    /// Its id, when the first new user gets `first`.
    pub fn id(self, first: UserId) -> UserId {
        match self.new_index() {
            Some(index) => UserId(first.0 + index as i64),
            None => UserId(i64::from(self.0)),
        }
    }
}

/// The hash of a name as Confluence compares names: in lower case.
pub fn name_hash(name: &str) -> u64 {
    if name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        xxh3_64(name.as_bytes())
    } else {
        xxh3_64(name.to_lowercase().as_bytes())
    }
}

/// A hasher for keys that are hashes already.
#[derive(Default)]
pub struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64(bytes);
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// A map whose keys are hashes already.
pub type HashedMap<V> = HashMap<u64, V, BuildHasherDefault<Hashed>>;

/// Who bears which name, among users whom a listing shows.
#[derive(Default)]
pub struct Names(HashedMap<Option<UserRef>>);

impl Names {
    /// Room for `users`.
    pub fn with_capacity(users: usize) -> Self {
        Self(HashedMap::with_capacity_and_hasher(users, BuildHasherDefault::default()))
    }

    /// `user` bears the name. Two users of one name: it names neither.
    pub fn insert(&mut self, name: u64, user: UserRef) {
        self.0
            .entry(name)
            .and_modify(|bearer| {
                if *bearer != Some(user) {
                    *bearer = None;
                }
            })
            .or_insert(Some(user));
    }

    /// The one user of the list who bears the name.
    pub fn get(&self, name: u64) -> Option<UserRef> {
        self.0.get(&name).copied().flatten()
    }

    /// Who bears the name.
    pub fn bearer(&self, name: u64) -> Bearer {
        match self.0.get(&name) {
            Some(Some(user)) => Bearer::One(*user),
            Some(None) => Bearer::Several,
            None => Bearer::Nobody,
        }
    }
}

/// Who bears a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearer {
    /// Nobody whom a listing shows.
    Nobody,
    /// This user.
    One(UserRef),
    /// Two or more, whose names differ in case alone.
    Several,
}
