//! The HTTP side: settings, one handler for every path, counters.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use axum::serve::ListenerExt;
use bytes::Bytes;
use chrono::NaiveDate;
use chrono_tz::Tz;
use futures_util::{StreamExt, stream};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::auth::{Auth, Visitor};
use super::bulk::Bulk;
use super::call::{Call, Endpoint, Page, Reply};
use super::extender::{self, Bend};
use super::faults::{Fault, Faults, Plan};
use super::population::Population;

/// By which name the app serves the user list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserLists {
    /// `getUsersWithConfluenceAccess`, as newer releases do.
    New,
    /// `getUsers`, as older ones did.
    Old,
    /// Both names.
    Both,
    /// The app is not installed: 404 for everything.
    AppMissing,
}

/// What a wrong token gets. Both were seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongToken {
    /// 401.
    Refused,
    /// 200, as the anonymous visitor: empty listings.
    Anonymous,
}

/// What kind of Confluence to simulate.
#[derive(Debug)]
pub struct Settings {
    /// About how many accounts there are when the story begins.
    pub users: usize,
    /// How many groups the static site of [`Simulator::start_bulk`] has; the evolving one makes its own.
    pub groups: usize,
    /// All randomness comes from it.
    pub seed: u64,
    /// The day the story begins.
    pub first_day: NaiveDate,
    /// The server's own zone, in which it spells times.
    pub zone: Tz,
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// `/confluence`, or empty.
    pub context_path: String,
    /// The most rows the server puts on a page, whatever is asked.
    pub page_cap: Option<usize>,
    /// By which name the user list is served.
    pub user_lists: UserLists,
    /// The account for Basic, and the one the token belongs to.
    pub username: String,
    /// Its password.
    pub password: String,
    /// Its personal access token.
    pub token: String,
    /// Whether the account is a Confluence administrator; others get 403 for users.
    pub administrator: bool,
    /// What a wrong token gets.
    pub wrong_token: WrongToken,
    /// Faults in force from the start.
    pub faults: Vec<Fault>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            users: 400,
            groups: 2_000,
            seed: 1,
            first_day: NaiveDate::from_ymd_opt(2025, 1, 6).expect("a date in the calendar"),
            zone: chrono_tz::Europe::Berlin,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            context_path: "/confluence".to_owned(),
            page_cap: None,
            user_lists: UserLists::New,
            username: "audit".to_owned(),
            password: "audit".to_owned(),
            token: "audit-token".to_owned(),
            administrator: true,
            wrong_token: WrongToken::Refused,
            faults: Vec::new(),
        }
    }
}

/// How often each endpoint was asked, refused requests included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// `getUsersWithConfluenceAccess` and `getUsers`.
    pub user_list: usize,
    /// `getUserDetails`.
    pub user_details: usize,
    /// `getGroups`.
    pub group_list: usize,
    /// `group/getUsers`.
    pub group_members: usize,
    /// Everything else.
    pub other: usize,
    /// Path and query of the last ten thousand, oldest first.
    pub recent: VecDeque<String>,
}

impl Requests {
    const KEPT: usize = 10_000;

    /// All of them.
    pub fn total(&self) -> usize {
        self.user_list + self.user_details + self.group_list + self.group_members + self.other
    }

    fn note(&mut self, endpoint: Endpoint, target: &str) {
        *match endpoint {
            Endpoint::UserList => &mut self.user_list,
            Endpoint::UserDetails => &mut self.user_details,
            Endpoint::GroupList => &mut self.group_list,
            Endpoint::GroupMembers => &mut self.group_members,
            Endpoint::Other => &mut self.other,
        } += 1;
        if self.recent.len() == Self::KEPT {
            self.recent.pop_front();
        }
        self.recent.push_back(target.to_owned());
    }
}

/// Everything that can change while the server runs, behind one lock: a request sees one state of the site.
struct Site {
    settings: Settings,
    population: Population,
    /// The static site, served instead of the population.
    bulk: Option<Bulk>,
    auth: Auth,
    faults: Faults,
    requests: Requests,
}

struct Shared {
    site: Mutex<Site>,
}

/// A running simulated Confluence. It stops when dropped.
pub struct Simulator {
    shared: Arc<Shared>,
    base_url: String,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Simulator {
    /// Serves a site that evolves. Must be called within a tokio runtime.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let population = Population::generate(settings.users, settings.seed, settings.first_day, settings.zone);
        Self::serve(settings, population, None).await
    }

    /// Serves a large static site as fast as it can; its population is not served and does not matter.
    pub async fn start_bulk(settings: Settings) -> io::Result<Self> {
        let population = Population::generate(0, settings.seed, settings.first_day, settings.zone);
        let bulk = Bulk::generate(settings.users, settings.groups, settings.seed, settings.first_day, settings.zone);
        Self::serve(settings, population, Some(bulk)).await
    }

    async fn serve(mut settings: Settings, population: Population, bulk: Option<Bulk>) -> io::Result<Self> {
        let listener = TcpListener::bind(settings.listen).await?;
        let base_url = format!("http://{}{}", listener.local_addr()?, settings.context_path);
        let mut faults = Faults::default();
        settings.faults.drain(..).for_each(|fault| faults.add(fault));
        let site = Site { settings, population, bulk, auth: Auth::default(), faults, requests: Requests::default() };
        let shared = Arc::new(Shared { site: Mutex::new(site) });
        let router = Router::new().fallback(handle).with_state(shared.clone());
        let (stop, stopped) = oneshot::channel();
        // Without it every small reply waits for the client's delayed acknowledgement.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let server = axum::serve(listener, router).with_graceful_shutdown(async move { drop(stopped.await) });
        let task = tokio::spawn(async move { drop(server.await) });
        Ok(Self { shared, base_url, stop: Some(stop), task })
    }

    /// What a configuration would have as `base_url`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Looks at the site, or changes it, between two requests.
    pub fn with_population<R>(&self, look: impl FnOnce(&mut Population) -> R) -> R {
        look(&mut self.shared.site().population)
    }

    /// One day passes at the site.
    pub fn advance_day(&self) {
        self.with_population(Population::advance_day);
    }

    /// What was asked so far.
    pub fn requests(&self) -> Requests {
        self.shared.site().requests.clone()
    }

    /// Starts counting anew.
    pub fn forget_requests(&self) {
        self.shared.site().requests = Requests::default();
    }

    /// Puts a fault in force; faults that strike the same request add up.
    pub fn add_fault(&self, fault: Fault) {
        self.shared.site().faults.add(fault);
    }

    /// Behaves well again.
    pub fn clear_faults(&self) {
        self.shared.site().faults.clear();
    }

    /// Somebody logged in on the web and solved the CAPTCHA.
    pub fn reset_captcha(&self) {
        self.shared.site().auth = Auth::default();
    }

    /// On the static site: the next `users` accounts, spread over the list, log in.
    pub fn bump_logins(&self, users: usize) {
        if let Some(bulk) = &mut self.shared.site().bulk {
            bulk.bump_logins(users);
        }
    }

    /// Finishes the requests under way, for at most five seconds, and stops.
    pub async fn shutdown(mut self) {
        self.stop.take();
        if tokio::time::timeout(Duration::from_secs(5), &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl Shared {
    /// The state, also after a test panicked while holding it: the panic is the test's failure, not ours.
    fn site(&self) -> MutexGuard<'_, Site> {
        self.site.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, method: &Method, path: &str, query: &str, headers: &HeaderMap) -> (Reply, Plan) {
        let site = &mut *self.site();
        let below = path.strip_prefix(site.settings.context_path.as_str());
        let call = Call::read(below.unwrap_or("/"), query);
        let endpoint = call.as_ref().map_or(Endpoint::Other, |call| call.endpoint);
        site.requests.note(endpoint, &if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") });

        let answered = call.and_then(|call| {
            let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
            let visitor = site.auth.admit(&site.settings, header, call.endpoint)?;
            if method != Method::GET {
                return Err(Reply::message(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"));
            }
            Ok(site.answer_call(call, visitor))
        });
        answered.unwrap_or_else(|reply| (reply, Plan::default()))
    }
}

impl Site {
    fn answer_call(&mut self, mut call: Call, visitor: Visitor) -> (Reply, Plan) {
        let asked = call.page(self.settings.page_cap);
        let mut plan = self.faults.strike(&call, asked.start / asked.limit.max(1), &mut self.population);
        if let Some(reply) = plan.instead.take() {
            return (reply, plan);
        }
        let served = match self.settings.user_lists {
            UserLists::New => !call.old_name,
            UserLists::Old => call.endpoint != Endpoint::UserList || call.old_name,
            UserLists::Both => true,
            UserLists::AppMissing => false,
        };
        if !served {
            return (Reply::message(StatusCode::NOT_FOUND, "null for uri"), plan);
        }
        if plan.ignore_max_results {
            call.limit = None;
        }
        if plan.ignore_start_at {
            call.start = 0;
        }
        let caps = [self.settings.page_cap, plan.cap];
        let page = call.page(caps.into_iter().flatten().min());
        let (user, mut reply) = match visitor {
            Visitor::Known => (self.settings.username.clone(), self.answer(&call, page, plan.bend)),
            Visitor::Anonymous if call.endpoint == Endpoint::UserDetails => {
                ("anonymous".to_owned(), extender::no_such_user(&call.subject))
            }
            Visitor::Anonymous => ("anonymous".to_owned(), self.answer(&call, page, Bend { empty: true, ..plan.bend })),
        };
        self.faults.rewrite(&plan, &mut reply);
        reply.headers.push(("X-AUSERNAME".to_owned(), user));
        if let Visitor::Known = visitor {
            reply.headers.push(("X-Seraph-LoginReason".to_owned(), "OK".to_owned()));
        }
        (reply, plan)
    }

    fn answer(&mut self, call: &Call, page: Page, bend: Bend) -> Reply {
        match &mut self.bulk {
            // The static site can be empty and nothing else: it is there for speed.
            Some(bulk) if !bend.empty => bulk.answer(call, page),
            _ => extender::answer(&self.population, call, page, bend),
        }
    }
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let uri = request.uri();
    let (reply, plan) = shared.answer(request.method(), uri.path(), uri.query().unwrap_or_default(), request.headers());
    if !plan.delay.is_zero() {
        tokio::time::sleep(plan.delay).await;
    }
    respond(reply, plan.truncate)
}

fn respond(reply: Reply, truncate: bool) -> Response {
    let length = reply.body.len();
    let mut response = Response::new(if truncate { half(reply.body) } else { Body::from(reply.body) });
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    response
}

/// Half a body, and then an error, at which the server closes the connection.
fn half(body: Bytes) -> Body {
    let half = stream::iter([Ok(body.slice(..body.len() / 2))]);
    // Without the pause the error overtakes what is still in hyper's buffer, and the client sees no reply at all.
    let cut = stream::once(async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut short"))
    });
    Body::from_stream(half.chain(cut))
}
