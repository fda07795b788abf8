//! The HTTP side: one handler for every path.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::response::Response;
use axum::serve::ListenerExt;
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::auth::{self, Auth, Visitor};
use super::bulk::Bulk;
use super::call::{Call, Endpoint, Page, Reply};
use super::cloud;
use super::connection::{self, Line, Lines};
use super::deliver::{Stop, deliver};
use super::extender::{self, Bend};
use super::faults::{Fault, Faults, Plan};
use super::population::Population;
use super::requests::Requests;
use super::settings::{Settings, UserExportApp, UserLists};
use super::tokens;
use super::user_export::{self, Files};

/// A list of a hundred thousand users for User Export to convert is half of it.
const LARGEST_BODY: usize = 128 << 20;

/// Everything that can change while the server runs, behind one lock: a request sees one state of the site.
struct Site {
    settings: Settings,
    population: Population,
    /// The static site, served instead of the population.
    bulk: Option<Bulk>,
    auth: Auth,
    faults: Faults,
    requests: Requests,
    /// What User Export left in the temp folder.
    files: Files,
    /// Where the site says it is.
    base_url: String,
}

struct Shared {
    site: Mutex<Site>,
    stop: Stop,
}

/// A running simulated Confluence. It stops when dropped.
pub struct Simulator {
    shared: Arc<Shared>,
    base_url: String,
    gateway_url: String,
    organization_url: String,
    /// Dropped to stop.
    running: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Simulator {
    /// Serves a site that evolves. Must be called within a tokio runtime.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let mut population = Population::generate(settings.users, settings.seed, settings.first_day, settings.zone);
        if let Some(cloud) = &settings.cloud {
            population.on_cloud(cloud);
        }
        Self::serve(settings, population, None).await
    }

    /// Serves a large static site as fast as it can; its population is not served and does not matter.
    pub async fn start_bulk(settings: Settings) -> io::Result<Self> {
        let population = Population::generate(0, settings.seed, settings.first_day, settings.zone);
        let bulk = Bulk::generate(&settings);
        Self::serve(settings, population, Some(bulk)).await
    }

    async fn serve(mut settings: Settings, population: Population, bulk: Option<Bulk>) -> io::Result<Self> {
        let listener = TcpListener::bind(settings.listen).await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let base_url = format!("{origin}{}", settings.context_path);
        let cloud_id = settings.cloud.as_ref().map_or("", |cloud| cloud.cloud_id.as_str());
        let gateway_url = format!("{origin}/ex/confluence/{cloud_id}/wiki");
        let organization_url = format!("{origin}/admin");
        let mut faults = Faults::default();
        settings.faults.drain(..).for_each(|fault| faults.add(fault));
        let fast = bulk.is_some();
        let site = Site {
            settings,
            population,
            bulk,
            auth: Auth::default(),
            faults,
            requests: Requests::default(),
            files: Files::default(),
            base_url: base_url.clone(),
        };
        let (running, stopped) = watch::channel(());
        let shared = Arc::new(Shared { site: Mutex::new(site), stop: Stop(stopped) });
        let router = Router::new().fallback(handle).with_state(shared.clone());
        let task = if fast {
            // The static site does without what only faults need.
            let listener = listener.tap_io(|stream| connection::no_delay(stream));
            let server = axum::serve(listener, router).with_graceful_shutdown(shared.stop.stopped());
            tokio::spawn(async move { drop(server.await) })
        } else {
            let service = router.into_make_service_with_connect_info::<Line>();
            let server = axum::serve(Lines(listener), service).with_graceful_shutdown(shared.stop.stopped());
            tokio::spawn(async move { drop(server.await) })
        };
        Ok(Self { shared, base_url, gateway_url, organization_url, running, task })
    }

    /// What a configuration would have as `base_url`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The base URL of a Cloud site for scoped tokens and OAuth.
    pub fn gateway_url(&self) -> &str {
        &self.gateway_url
    }

    /// The base URL of the API of a Cloud site's organization.
    pub fn organization_url(&self) -> &str {
        &self.organization_url
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
        drop(self.running);
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

    fn answer(&self, head: &Parts, body: &Bytes) -> (Reply, Plan) {
        let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
        let site = &mut *self.site();
        let below = path.strip_prefix(site.settings.context_path.as_str());
        let call = match &site.settings.cloud {
            Some(cloud) => cloud::read(cloud, &site.settings.context_path, path, query),
            None => Call::read(below.unwrap_or("/"), query),
        };
        let endpoint = call.as_ref().map_or(Endpoint::Other, |call| call.endpoint);
        let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        site.requests.note(endpoint, &target, body);
        if endpoint == Endpoint::UsersBulk {
            site.requests.note_batch(cloud::count_ids(body));
        }

        if below == Some("/login.action") {
            return (auth::login_page(), Plan::default());
        }
        if let Some(cloud) = site.settings.cloud.as_ref().filter(|cloud| cloud.tenant && path == cloud::TENANT) {
            return (cloud::tenant(cloud), Plan::default());
        }
        let answered = call.and_then(|mut call| {
            let header = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
            let visitor = site.admit(&call, header)?;
            site.check_method(&call, head)?;
            site.read_body(&mut call, body)?;
            Ok(site.answer_call(call, visitor, body))
        });
        answered.unwrap_or_else(|reply| (reply, Plan::default()))
    }
}

impl Site {
    fn admit(&mut self, call: &Call, header: Option<&str>) -> Result<Visitor, Reply> {
        match &self.settings.cloud {
            Some(cloud) => cloud::admit(&self.settings, cloud, header, call).map(|()| Visitor::Known),
            None => self.auth.admit(&self.settings, header, call.endpoint),
        }
    }

    /// Reads what the body, or the site, says about a call beyond its address.
    fn read_body(&self, call: &mut Call, body: &[u8]) -> Result<(), Reply> {
        match call.endpoint {
            Endpoint::UserExportSearch if self.serves(call) => call.read_search(body),
            Endpoint::OrgUsers => cloud::read_organization(call, body),
            Endpoint::CloudMembers => {
                let name = match &self.bulk {
                    Some(bulk) => bulk.group_called(&call.cloud.id),
                    None => self.population.group_called(&call.cloud.id),
                };
                call.subject = name.unwrap_or(&call.cloud.id).to_owned();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Whether the app that this call belongs to is installed and knows this address.
    fn serves(&self, call: &Call) -> bool {
        if self.settings.cloud.is_some() {
            return call.endpoint.is_cloud();
        }
        if call.endpoint.is_user_export() {
            return self.settings.user_export != UserExportApp::Missing;
        }
        if call.endpoint == Endpoint::Tokens {
            return self.settings.token_expiries.is_some();
        }
        match self.settings.user_lists {
            UserLists::New => !call.old_name,
            UserLists::Old => call.endpoint != Endpoint::UserList || call.old_name,
            UserLists::Both => true,
            UserLists::AppMissing => false,
        }
    }

    /// Whether the call comes by the right method and, if that changes things, is no forgery as Confluence sees it.
    fn check_method(&self, call: &Call, head: &Parts) -> Result<(), Reply> {
        let posted = call.endpoint.is_posted();
        if head.method != if posted { Method::POST } else { Method::GET } {
            return match self.serves(call) {
                true => Err(Reply::message(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")),
                false => Err(Reply::message(StatusCode::NOT_FOUND, "null for uri")),
            };
        }
        if posted && self.serves(call) && !auth::is_from_a_program(&head.headers) {
            return Err(Reply::message(StatusCode::FORBIDDEN, "XSRF check failed"));
        }
        Ok(())
    }

    fn answer_call(&mut self, mut call: Call, visitor: Visitor, body: &[u8]) -> (Reply, Plan) {
        let asked = call.page(self.settings.page_cap);
        let page = asked.start / asked.limit.max(1);
        let mut plan = self.faults.strike(&call, page, &mut self.population, &self.settings.context_path);
        if let Some(reply) = plan.instead.take() {
            return (reply, plan);
        }
        if !self.serves(&call) {
            return (Reply::message(StatusCode::NOT_FOUND, "null for uri"), plan);
        }
        if plan.ignore_max_results {
            call.limit = None;
        }
        if plan.ignore_start_at {
            call.start = 0;
            call.cloud.after.clear();
        }
        let caps = [self.settings.page_cap, plan.cap];
        let page = call.page(caps.into_iter().flatten().min());
        let visitor = if plan.anonymous { Visitor::Anonymous } else { visitor };
        let (user, mut reply) = match visitor {
            Visitor::Known => (self.settings.username.clone(), self.answer(&call, page, plan.bend, body)),
            Visitor::Anonymous => ("anonymous".to_owned(), self.answer_anonymous(&call, page, plan.bend, body)),
        };
        self.faults.rewrite(&plan, &call, &mut reply);
        // Cloud names nobody.
        if self.settings.cloud.is_none() {
            reply.headers.push(("X-AUSERNAME".to_owned(), user));
            if let Visitor::Known = visitor {
                reply.headers.push(("X-Seraph-LoginReason".to_owned(), "OK".to_owned()));
            }
        }
        (reply, plan)
    }

    /// Listings are empty, nobody is found, and files are for those who are logged in.
    fn answer_anonymous(&mut self, call: &Call, page: Page, bend: Bend, body: &[u8]) -> Reply {
        match call.endpoint {
            Endpoint::UserDetails => extender::no_such_user(&call.subject),
            Endpoint::UserExportFile | Endpoint::UserExportDownload | Endpoint::Tokens => auth::unauthorized("OUT"),
            _ => self.answer(call, page, Bend { empty: true, ..bend }, body),
        }
    }

    fn answer(&mut self, call: &Call, page: Page, bend: Bend, body: &[u8]) -> Reply {
        if let Some(cloud) = &self.settings.cloud {
            let base = &self.base_url;
            return match &mut self.bulk {
                Some(bulk) if !bend.empty => bulk.answer_cloud(cloud, base, call, page, body),
                _ => cloud::answer(&mut self.population, cloud, base, call, page, bend, body),
            };
        }
        match (&mut self.bulk, call.endpoint) {
            (_, Endpoint::Tokens) => tokens::personal(self.settings.token_expiries.as_deref().unwrap_or_default()),
            (_, Endpoint::UserExportFile | Endpoint::UserExportDownload) => {
                self.files.answer(call, body, self.settings.seed)
            }
            // The static site can be empty and nothing else: it is there for speed.
            (Some(bulk), _) if !bend.empty => bulk.answer(call, page),
            (_, Endpoint::UserExportSearch) => {
                let last_login = self.settings.user_export == UserExportApp::WithLastLogin;
                user_export::search(&self.population, call, page, bend, last_login)
            }
            _ => extender::answer(&self.population, call, page, bend),
        }
    }
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    // What arrives with a GET is not read.
    let body = match head.method {
        Method::POST => axum::body::to_bytes(body, LARGEST_BODY).await.unwrap_or_default(),
        _ => Bytes::new(),
    };
    let (mut reply, plan) = shared.answer(&head, &body);
    reply.headers.extend(shared.site().settings.headers.iter().cloned());
    if !plan.delay.is_zero() {
        tokio::select! {
            () = tokio::time::sleep(plan.delay) => {}
            () = shared.stop.stopped() => {}
        }
    }
    let line = head.extensions.get::<ConnectInfo<Line>>().map(|info| &info.0);
    deliver(reply, plan.delivery, line, &shared.stop).await
}
