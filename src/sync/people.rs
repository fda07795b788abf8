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

/// Names in a drawer of [`Names`].
const DRAWER: usize = 8;

/// Who bears which name, among users whom a listing shows. The names lie in drawers by the first bits of their hashes: a
/// map of a million takes three times the memory, and longer to make.
pub struct Names {
    /// Where each drawer ends.
    ends: Vec<u32>,
    /// By so many bits a hash is longer than the number of its drawer.
    shift: u32,
    names: Vec<u64>,
    users: Vec<UserRef>,
}

impl Names {
    /// Those of `bearers`, some `count`; it is gone through twice.
    pub fn of<I: Iterator<Item = (u64, UserRef)>>(count: usize, bearers: impl Fn() -> I) -> Self {
        let drawers = (count / DRAWER).next_power_of_two().max(2);
        let shift = u64::BITS - drawers.trailing_zeros();
        let mut ends = vec![0; drawers];
        bearers().for_each(|(name, _)| ends[(name >> shift) as usize] += 1);
        let mut rows = 0;
        for end in &mut ends {
            // Where it begins, for now; it moves on to the end while the drawer fills.
            rows += std::mem::replace(end, rows);
        }
        let mut names = Self { ends, shift, names: vec![0; rows as usize], users: vec![UserRef(0); rows as usize] };
        for (name, user) in bearers() {
            let end = &mut names.ends[(name >> shift) as usize];
            names.names[*end as usize] = name;
            names.users[*end as usize] = user;
            *end += 1;
        }
        names
    }

    /// The one user of the list who bears the name.
    pub fn get(&self, name: u64) -> Option<UserRef> {
        match self.bearer(name) {
            Bearer::One(user) => Some(user),
            Bearer::Nobody | Bearer::Several => None,
        }
    }

    /// Who bears the name.
    pub fn bearer(&self, name: u64) -> Bearer {
        let drawer = (name >> self.shift) as usize;
        let from = drawer.checked_sub(1).map_or(0, |before| self.ends[before]);
        let places = from as usize..self.ends[drawer] as usize;
        let mut bearers = places.filter(|place| self.names[*place] == name).map(|place| self.users[place]);
        match bearers.next() {
            None => Bearer::Nobody,
            Some(user) if bearers.all(|other| other == user) => Bearer::One(user),
            Some(_) => Bearer::Several,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_two_is_told_from_that_of_one() {
        for count in [0, 1, 7, 100, 3_000] {
            let name = |n: usize| name_hash(&format!("name {n}"));
            // Every fifth is borne by another, too, and every seventh twice by the same.
            let bearers = || {
                let user = |n: usize| UserRef::known(UserId(n as i64));
                let others = (0..count).step_by(5).map(move |n| (name(n), UserRef::new(n)));
                let again = (0..count).step_by(7).map(move |n| (name(n), user(n)));
                (0..count).map(move |n| (name(n), user(n))).chain(others).chain(again)
            };
            let names = Names::of(count, bearers);
            for n in 0..count {
                let one = UserRef::known(UserId(n as i64));
                let several = n % 5 == 0;
                assert_eq!(names.bearer(name(n)), if several { Bearer::Several } else { Bearer::One(one) });
                assert_eq!(names.get(name(n)), (!several).then_some(one));
            }
            for hash in [0, u64::MAX, name(count)] {
                assert_eq!((names.bearer(hash), names.get(hash)), (Bearer::Nobody, None));
            }
        }
    }
}
