//! Makes up one person: a name, a log-in name, a profile, a habit.

use rand::RngExt;
use rand::seq::IndexedRandom;

use super::names::{DEPARTMENTS, DIRECTORIES, LOCATIONS, TONGUES};
use super::population::{Population, User};
use crate::model::Timestamp;

const LONG_NAME: &str = "Karl-Theodor Maria Nikolaus Johann Jacob Philipp Franz Joseph Sylvester Freiherr von und zu \
    Unterhohenstein-Oberschleißheim, Vorsitzender des Ausschusses für außerordentlich lange Anzeigenamen in \
    Verzeichnisdiensten und ihren Spiegelungen, der Dritte seines Namens";

impl Population {
    /// A new person with a name nobody has. The `nth` person decides the oddities, so that even a small site has all
    /// of them.
    pub(super) fn invent(&mut self, nth: usize, created: Timestamp) -> User {
        let mut roll = self.rng.random_range(0..100);
        let tongue = TONGUES
            .iter()
            .find(|tongue| {
                let hit = roll < tongue.share;
                roll = roll.saturating_sub(tongue.share);
                hit
            })
            .unwrap_or(&TONGUES[0]);
        let &(given, given_ascii) = tongue.given.choose(&mut self.rng).expect("no tongue is empty");
        let &(family, family_ascii) = tongue.family.choose(&mut self.rng).expect("no tongue is empty");
        let full_name = match (tongue.family_first, nth % 97, nth % 37) {
            (_, 50, _) => LONG_NAME.to_owned(),
            (true, _, 11) => format!("{family}{given} 🚀"),
            (true, ..) => format!("{family}{given}"),
            (false, _, 11) => format!("{given} {family} 🚀"),
            (false, ..) => format!("{given} {family}"),
        };
        let plain = format!("{given_ascii}.{family_ascii}");
        let wanted = match nth % 60 {
            4 => format!("{given_ascii} {family_ascii}"),
            11 => format!("{plain}@example.com"),
            18 => format!("{plain}+extern"),
            25 => format!("{given_ascii}#{family_ascii}"),
            32 => format!("{given_ascii}?{family_ascii}"),
            39 => format!("{given_ascii}%{family_ascii}"),
            46 => format!("{given}.{family}").replace(' ', "-"),
            53 => {
                let mut initial = given_ascii[..1].to_uppercase();
                initial.push_str(&family_ascii[..1].to_uppercase());
                initial.push_str(&family_ascii[1..]);
                initial
            }
            _ => plain.clone(),
        };
        let name = self.free_name(&wanted);
        let (_, department, posts) = DEPARTMENTS.choose(&mut self.rng).expect("there are departments");
        let some = |rng: &mut rand::rngs::ChaCha12Rng, share, text: String| {
            if rng.random_bool(share) { text } else { String::new() }
        };
        let number = self.rng.random_range(1000..9999);
        User {
            key: self.new_key(),
            full_name,
            email: format!(
                "{}@{}",
                name.split('@').next().unwrap_or(&name).replace([' ', '#', '?', '%'], "_"),
                self.mail_host
            ),
            directory: pick_directory(&mut self.rng).to_owned(),
            department: some(&mut self.rng, 0.85, (*department).to_owned()),
            position: {
                let post = (*posts.choose(&mut self.rng).expect("every department has posts")).to_owned();
                some(&mut self.rng, 0.6, post)
            },
            location: (*LOCATIONS.choose(&mut self.rng).expect("there are locations")).to_owned(),
            phone: some(&mut self.rng, 0.4, format!("+49 30 5550-{number}")),
            im: some(&mut self.rng, 0.15, format!("@{given_ascii}{number}")),
            website: some(&mut self.rng, 0.08, format!("https://people.example.com/~{given_ascii}?id={number}&v=1")),
            enabled: true,
            created_at: created,
            updated_at: created,
            last_login_at: None,
            last_failed_login_at: None,
            deleted: false,
            unsynced: false,
            language: tongue.language.to_owned(),
            habit: pick_habit(&mut self.rng),
            name,
        }
    }

    /// `wanted`, with a number behind it when somebody has it already.
    pub(super) fn free_name(&self, wanted: &str) -> String {
        if self.find(wanted).is_none() {
            return wanted.to_owned();
        }
        (2..)
            .map(|number| format!("{wanted}{number}"))
            .find(|name| self.find(name).is_none())
            .expect("there are more numbers than users")
    }

    /// Keys look like Confluence's own: a site's part, a counter's part, never given twice.
    pub(super) fn new_key(&mut self) -> String {
        loop {
            let key = format!("2c9b8082{:024x}", self.rng.random::<u128>() >> 32);
            if !self.users.contains_key(&key) {
                return key;
            }
        }
    }
}

fn pick_directory(rng: &mut rand::rngs::ChaCha12Rng) -> &'static str {
    DIRECTORIES[match rng.random_range(0..10) {
        0..7 => 0,
        7..9 => 1,
        _ => 2,
    }]
}

/// The chance that somebody logs in on a given working day, from daily to never.
fn pick_habit(rng: &mut rand::rngs::ChaCha12Rng) -> f64 {
    match rng.random_range(0..100) {
        0..15 => 0.95,
        15..55 => 0.6,
        55..78 => 0.2,
        78..89 => 0.04,
        89..96 => 0.004,
        _ => 0.0,
    }
}
