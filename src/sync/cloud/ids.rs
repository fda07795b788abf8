//! The account ids of one walk, each once, with the user it is.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::UserId;
use crate::sync::people::UserRef;

/// An account id of this walk, by its place in [`AccountIds`].
pub type Place = u32;

/// Every account id that a walk comes across, and every one ever stored.
#[derive(Default)]
pub struct AccountIds {
    ids: Vec<Arc<str>>,
    places: HashMap<Arc<str>, Place>,
    users: Vec<Option<UserRef>>,
}

impl AccountIds {
    /// The stored ids.
    pub fn of_stored(keys: Vec<(UserId, String)>) -> Self {
        let mut ids = Self {
            ids: Vec::with_capacity(keys.len()),
            places: HashMap::with_capacity(keys.len()),
            users: Vec::with_capacity(keys.len()),
        };
        for (user, key) in keys {
            let place = ids.add(&key);
            ids.is_user(place, UserRef::known(user));
        }
        ids
    }

    /// The place of an id, which gets one if it has none.
    pub fn add(&mut self, id: &str) -> Place {
        if let Some(place) = self.places.get(id) {
            return *place;
        }
        let id: Arc<str> = id.into();
        let place = Place::try_from(self.ids.len()).expect("fewer than four billion account ids");
        self.ids.push(id.clone());
        self.places.insert(id, place);
        self.users.push(None);
        place
    }

    /// The place of an id that came up.
    pub fn find(&self, id: &str) -> Option<Place> {
        self.places.get(id).copied()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// The id at a place.
    pub fn id(&self, place: Place) -> &str {
        &self.ids[place as usize]
    }

    /// The user whose id it is; `None` while nobody is known to be.
    pub fn user(&self, place: Place) -> Option<UserRef> {
        self.users[place as usize]
    }

    /// The id is this user's.
    pub fn is_user(&mut self, place: Place, user: UserRef) {
        self.users[place as usize] = Some(user);
    }

    /// The places of users, by user.
    pub fn by_user(&self) -> HashMap<UserRef, Place> {
        let users = (0..).zip(&self.users);
        users.filter_map(|(place, user)| Some(((*user)?, place))).collect()
    }
}
