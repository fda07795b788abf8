//! The account ids of one walk, each once, with the user it is.

use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_64;

use crate::model::UserId;
use crate::sync::people::{HashedMap, UserRef};

/// An account id of this walk, by its place in [`AccountIds`].
pub type Place = u32;

/// Ids one behind the other in one text: a large site has half a million, and its groups several of each.
#[derive(Default)]
pub struct IdList {
    text: String,
    /// Where each ends.
    ends: Vec<u32>,
}

impl IdList {
    /// Adds one.
    pub fn push(&mut self, id: &str) {
        self.text.push_str(id);
        self.ends.push(u32::try_from(self.text.len()).expect("fewer than four gigabytes of account ids"));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The one at a place.
    pub fn get(&self, place: usize) -> &str {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start as usize..self.ends[place] as usize]
    }

    /// All of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|place| self.get(place))
    }
}

/// Every account id that a walk comes across, and every one ever stored.
#[derive(Default)]
pub struct AccountIds {
    ids: IdList,
    users: Vec<Option<UserRef>>,
    /// So many at the beginning are the stored ones, in their order.
    stored: usize,
    /// The places of the others, by hash; of two with one hash the second is at the next free one.
    places: HashedMap<Place>,
}

impl AccountIds {
    /// The stored ids, in their order.
    pub fn of_stored(keys: Vec<(UserId, String)>) -> Self {
        let mut ids = Self::default();
        ids.ids.text.reserve(keys.iter().map(|(_, key)| key.len()).sum());
        ids.ids.ends.reserve(keys.len());
        ids.users.reserve(keys.len());
        for (user, key) in keys {
            debug_assert!(ids.stored == 0 || ids.id(ids.stored as Place - 1) < key.as_str(), "sorted, each once");
            ids.push(&key, Some(UserRef::known(user)));
            ids.stored += 1;
        }
        ids
    }

    fn push(&mut self, id: &str, user: Option<UserRef>) -> Place {
        self.ids.push(id);
        self.users.push(user);
        Place::try_from(self.users.len() - 1).expect("fewer than four billion account ids")
    }

    /// The place of an id, which gets one if it has none.
    pub fn add(&mut self, id: &str) -> Place {
        match self.seek(id) {
            Ok(place) => place,
            Err(free) => {
                let place = self.push(id, None);
                self.places.insert(free, place);
                place
            }
        }
    }

    /// The place of an id that came up.
    pub fn find(&self, id: &str) -> Option<Place> {
        self.seek(id).ok()
    }

    /// The place of an id, or the hash under which it has none yet.
    fn seek(&self, id: &str) -> Result<Place, u64> {
        let (mut from, mut to) = (0, self.stored);
        while from < to {
            let middle = from + (to - from) / 2;
            match self.id(middle as Place).cmp(id) {
                std::cmp::Ordering::Equal => return Ok(middle as Place),
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Greater => to = middle,
            }
        }
        let mut hash = xxh3_64(id.as_bytes());
        while let Some(place) = self.places.get(&hash) {
            if self.id(*place) == id {
                return Ok(*place);
            }
            hash = hash.wrapping_add(1);
        }
        Err(hash)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// The id at a place.
    pub fn id(&self, place: Place) -> &str {
        self.ids.get(place as usize)
    }

    /// The user whose id it is; `None` while nobody is known to be.
    pub fn user(&self, place: Place) -> Option<UserRef> {
        self.users[place as usize]
    }

    /// The id is this user's.
    pub fn is_user(&mut self, place: Place, user: UserRef) {
        self.users[place as usize] = Some(user);
    }

    /// The places of users.
    pub fn by_user(&self) -> ByUser {
        let mut places = ByUser::default();
        for (place, user) in (0..).zip(&self.users) {
            match user.map(|user| (user, user.known_id())) {
                Some((_, Some(id))) => {
                    let id = id.0 as usize;
                    if places.known.len() <= id {
                        places.known.resize(id + 1, NOWHERE);
                    }
                    places.known[id] = place;
                }
                Some((user, None)) => drop(places.new.insert(user, place)),
                None => {}
            }
        }
        places
    }
}

const NOWHERE: Place = Place::MAX;

/// The places of users, by user.
#[derive(Default)]
pub struct ByUser {
    /// By the user's number: numbers are given out one after the other.
    known: Vec<Place>,
    new: HashMap<UserRef, Place>,
}

impl ByUser {
    /// The place of a user's id.
    pub fn place(&self, user: UserRef) -> Option<Place> {
        match user.known_id() {
            Some(id) => self.known.get(id.0 as usize).copied().filter(|place| *place != NOWHERE),
            None => self.new.get(&user).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_and_new_ids_are_found() {
        let stored = [(7, "a"), (3, "b"), (5, "d")].map(|(user, key)| (UserId(user), key.to_owned()));
        let mut ids = AccountIds::of_stored(stored.to_vec());
        assert_eq!(["c", "a", "e", "c", "d"].map(|id| ids.add(id)), [3, 0, 4, 3, 2]);
        assert_eq!((ids.len(), ids.id(3), ids.find("b"), ids.find("x")), (5, "c", Some(1), None));
        ids.is_user(4, UserRef::new(0));
        let places = ids.by_user();
        assert_eq!(places.place(UserRef::known(UserId(3))), Some(1));
        assert_eq!((places.place(UserRef::new(0)), places.place(UserRef::new(1))), (Some(4), None));
        assert_eq!((places.place(UserRef::known(UserId(4))), places.place(UserRef::known(UserId(99)))), (None, None));
    }

    #[test]
    fn two_ids_of_one_hash_are_two() {
        let mut ids = AccountIds::default();
        let free = xxh3_64(b"second");
        let first = ids.push("first", None);
        ids.places.insert(free, first);
        let second = ids.add("second");
        assert_ne!(first, second);
        assert_eq!(ids.find("second"), Some(second));
    }
}
