//! Faults by the dice, for tests that ask for any misbehaviour whatever.

use rand::rngs::ChaCha12Rng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};

use super::{Fault, FaultKind, RowBend, Target, Total};
use crate::simulator::call::Endpoint;

impl Fault {
    /// Some fault at some endpoint that a walk reads, from one of the first requests on, once to three times or always.
    ///
    /// Only faults that are over at once: none that hangs, trickles or never ends, and no delay of more than 100 ms.
    /// Whether the site still can be understood is another matter: see [`Fault::is_believable`].
    pub fn random(rng: &mut impl Rng) -> Self {
        let endpoint = *[
            Endpoint::UserList,
            Endpoint::UserDetails,
            Endpoint::GroupList,
            Endpoint::GroupMembers,
            Endpoint::UserExportSearch,
        ]
        .choose(rng)
        .expect("there are endpoints");
        let on = Target::at(endpoint).from(rng.random_range(1..=6));
        let times = rng.random_bool(0.7).then(|| rng.random_range(1..=3));
        Self { on, times, what: FaultKind::random(rng) }
    }

    /// The same of the endpoints that a walk over Cloud and its organization reads, and with what can go wrong there.
    pub fn random_cloud(rng: &mut impl Rng) -> Self {
        let endpoint = *[
            Endpoint::CloudSearch,
            Endpoint::CloudGroups,
            Endpoint::CloudMembers,
            Endpoint::UsersBulk,
            Endpoint::OrgUsers,
            Endpoint::OrgLastActive,
        ]
        .choose(rng)
        .expect("there are endpoints");
        let on = Target::at(endpoint).from(rng.random_range(1..=6));
        let times = rng.random_bool(0.7).then(|| rng.random_range(1..=3));
        let field = |rng: &mut _| {
            let fields = ["accountId", "id", "name", "fullName", "email", "accountStatus", "productAccess"];
            (*fields.choose(rng).expect("not empty")).to_owned()
        };
        let what = match rng.random_range(0..12) {
            0 => FaultKind::NoResults,
            1 => FaultKind::ConstantNext,
            2 => FaultKind::Row(RowBend::WrongType(field(rng))),
            3 => FaultKind::Row(RowBend::Missing(field(rng))),
            _ => match FaultKind::random(rng) {
                // Without a header that names the visitor, and without that plugin.
                FaultKind::Anonymous | FaultKind::OldPlugin => FaultKind::status(503),
                what => what,
            },
        };
        Self { on, times, what }
    }

    /// `count` random faults of a Cloud site; the same seed gives the same ones.
    pub fn schedule_cloud(seed: u64, count: usize) -> Vec<Self> {
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        (0..count).map(|_| Self::random_cloud(&mut rng)).collect()
    }

    /// `count` random faults; the same seed gives the same ones.
    pub fn schedule(seed: u64, count: usize) -> Vec<Self> {
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        (0..count).map(|_| Self::random(&mut rng)).collect()
    }

    /// Whether an answer bent by this fault may be well-formed, plausible and wrong, so that nobody who reads it can
    /// know: a mirror may then come to differ from the site without being at fault. All others can be noticed.
    pub fn is_believable(&self) -> bool {
        let cloud = self.on.endpoint.is_some_and(Endpoint::is_cloud);
        match &self.what {
            // Nobody of that name, or an app that is not installed.
            FaultKind::Status { code, .. } => *code == 404 || *code == 200,
            FaultKind::EmptyList | FaultKind::Between(_) | FaultKind::Rewrite(_) => true,
            // Of a list of one page, that is the list as it once was.
            FaultKind::RepeatPage => true,
            // A list that claims to be shorter may end there.
            FaultKind::Total(Total::Off(by)) => *by < 0,
            FaultKind::Total(Total::Is(_)) => true,
            FaultKind::Row(RowBend::Nul | RowBend::Huge | RowBend::SameKey) => true,
            FaultKind::Row(RowBend::WrongType(field) | RowBend::Missing(field)) if cloud => {
                self.on.endpoint == Some(Endpoint::OrgLastActive)
                    || !["key", "accountId", "id"].contains(&field.as_str())
            }
            FaultKind::Row(RowBend::WrongType(field) | RowBend::Missing(field)) => field != "name" && field != "key",
            // Cloud neither names the visitor nor has a status of its own in its answers.
            FaultKind::Anonymous | FaultKind::OddStatus => cloud,
            _ => false,
        }
    }
}

impl FaultKind {
    fn random(rng: &mut impl Rng) -> Self {
        let field = |rng: &mut _| (*["name", "key", "email", "fullName"].choose(rng).expect("not empty")).to_owned();
        match rng.random_range(0..25) {
            0 | 1 => Self::status(*[400, 403, 404, 429, 500, 502, 503].choose(rng).expect("not empty")),
            2 => {
                let mut busy = Self::status(503);
                if let Self::Status { headers, .. } = &mut busy {
                    headers.push(("Retry-After".to_owned(), "0".to_owned()));
                }
                busy
            }
            3 => Self::Unauthorized("AUTHENTICATED_FAILED".to_owned()),
            // Nobody listens on the discard port; a client that goes there is at fault.
            4 => Self::Redirect("http://127.0.0.1:9/".to_owned()),
            5 => Self::LoginRedirect,
            6 => Self::HtmlLogin,
            7 => Self::InvalidJson,
            8 => Self::Anonymous,
            9 => Self::CapPages(rng.random_range(1..30)),
            10 => Self::IgnoreMaxResults,
            11 => Self::IgnoreStartAt,
            12 => Self::RepeatPage,
            13 => Self::OldPlugin,
            14 => Self::EmptyList,
            15 => Self::OddStatus,
            16 => Self::Total(match rng.random_range(0..3) {
                0 => Total::Off(rng.random_range(-5..=5)),
                1 => Total::Is(rng.random_range(0..200)),
                _ => Total::Moves,
            }),
            17 => Self::Row(RowBend::Deep),
            18 => Self::Row([RowBend::Nul, RowBend::Huge, RowBend::SameKey].choose(rng).expect("not empty").clone()),
            19 => Self::Row(RowBend::WrongType(field(rng))),
            20 => Self::Row(RowBend::Missing(field(rng))),
            21 => Self::SlowMs(rng.random_range(0..=100)),
            22 => Self::Reset,
            23 => Self::Truncate,
            _ => match rng.random_bool(0.5) {
                true => Self::TruncateChunked,
                false => Self::TruncateClose,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_faults_and_in_time_every_kind() {
        let shown = |seed| Fault::schedule(seed, 500).iter().map(|fault| format!("{fault:?}")).collect::<Vec<_>>();
        let one = shown(7);
        assert_eq!(one, shown(7));
        assert_ne!(one, shown(8));
        let all = one.concat();
        for kind in ["Status", "OldPlugin", "EmptyList", "Total", "Nul", "SlowMs", "Reset", "TruncateClose", "Moves"] {
            assert!(all.contains(kind), "{kind}");
        }
        for endless in ["Hang", "Trickle", "Endless", "GzipBomb"] {
            assert!(!all.contains(endless), "{endless}");
        }
        assert!(Fault::schedule(7, 500).iter().any(Fault::is_believable));
    }
}
