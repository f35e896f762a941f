//! Accepts sessions until it is shut down.

use crate::identity::{self, Certificate, IdentityError};
use crate::metrics::{self, Metrics};
use crate::rooms::Rooms;
use crate::session;
use crate::tokens::Tokens;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, interval, interval_at, timeout};
use uplink::{End, MEMBERS_MAX, Reason};
use wtransport::endpoint::IncomingSession;
use wtransport::endpoint::endpoint_side;
use wtransport::{Endpoint, ServerConfig, VarInt};

/// The path of a session's address.
pub const PATH: &str = "/lan";
/// How long QUIC waits for a sign of life, and how often it gives one.
const IDLE: Duration = Duration::from_secs(20);
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// How often members are told who is there, if that has changed.
const TELL: Duration = Duration::from_millis(250);
/// How often it is looked whether the next certificate's time has come.
const RENEW: Duration = Duration::from_secs(3600);
/// How long the sessions have to end when the endpoint does.
const FAREWELL: Duration = Duration::from_secs(4);

/// How much is taken at most. Everything that a browser can make the endpoint hold is bounded by these and by the protocol's.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Sessions at a time.
    pub sessions: usize,
    /// Sessions at a time from one network address.
    pub sessions_each: usize,
    /// Rooms at a time.
    pub rooms: usize,
    /// Members of a room; at most [`MEMBERS_MAX`].
    pub members: usize,
    /// Bytes a second from one member.
    pub bytes_per_second: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { sessions: 256, sessions_each: 32, rooms: 64, members: 32, bytes_per_second: 20 << 20 }
    }
}

/// Where the certificate comes from.
#[derive(Debug, Clone)]
pub enum Certificates {
    /// Self-made, kept in this folder.
    Own(PathBuf),
    /// These files: the certificate's chain and its key, as PEM.
    Given(PathBuf, PathBuf),
}

/// What a server is started with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Names and addresses by which browsers call it, for a self-made certificate.
    pub names: Vec<String>,
    /// Its certificate.
    pub certificates: Certificates,
    /// Who may come in.
    pub tokens: Tokens,
    /// How much.
    pub limits: Limits,
    /// Where its numbers can be asked for.
    pub metrics: Option<SocketAddr>,
    /// Whether pages of the web may come in as well.
    pub any_origin: bool,
}

/// Why it can't be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no certificate.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// It can't listen there.
    #[error("can’t listen at {0}: {1}; name another address with --listen")]
    Listen(SocketAddr, std::io::Error),
    /// Its numbers can't be had there.
    #[error("the numbers can’t be had at {0}: {1}; name another address with --metrics")]
    Metrics(SocketAddr, std::io::Error),
}

/// What sessions share.
pub(crate) struct Shared {
    pub(crate) tokens: Tokens,
    pub(crate) limits: Limits,
    pub(crate) any_origin: bool,
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) metrics: Arc<Metrics>,
    /// The hash of the next certificate.
    pub(crate) next: watch::Receiver<Option<[u8; 32]>>,
}

/// A running endpoint. Dropping it ends it at once.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// The hash of its certificate.
    pub hash: [u8; 32],
    /// The hash of the next one.
    pub next: Option<[u8; 32]>,
    /// Where its numbers are.
    pub metrics: Option<SocketAddr>,
    closing: watch::Sender<bool>,
    task: JoinHandle<()>,
}

fn quic(listen: SocketAddr, certificate: &Certificate) -> Result<ServerConfig, Error> {
    let builder = ServerConfig::builder().with_bind_address(listen);
    let builder = builder.with_identity(certificate.identity.clone_identity()).keep_alive_interval(Some(KEEP_ALIVE));
    #[expect(clippy::expect_used, reason = "twenty seconds are a time that QUIC can say")]
    let builder = builder.max_idle_timeout(Some(IDLE)).expect("a short time");
    Ok(builder.build())
}

async fn certificate(config: &Config) -> Result<Certificate, IdentityError> {
    match &config.certificates {
        Certificates::Own(folder) => identity::kept(folder, &config.names, SystemTime::now()).await,
        Certificates::Given(certificate, key) => identity::given(certificate, key).await,
    }
}

impl Server {
    /// Begins to listen.
    ///
    /// # Errors
    /// If there is no certificate, or no place to listen.
    pub async fn start(config: Config) -> Result<Server, Error> {
        let certificate = certificate(&config).await?;
        let failed = |error| Error::Listen(config.listen, error);
        let endpoint = Endpoint::server(quic(config.listen, &certificate)?).map_err(failed)?;
        let address = endpoint.local_addr().map_err(failed)?;
        let counted = Arc::new(Metrics::default());
        let limits = Limits { members: config.limits.members.min(MEMBERS_MAX), ..config.limits };
        let rooms = Rooms::new(limits, Arc::clone(&counted));
        let (next_told, next) = watch::channel(certificate.next);
        let shared = Shared {
            tokens: config.tokens.clone(),
            limits,
            any_origin: config.any_origin,
            rooms: Arc::clone(&rooms),
            metrics: Arc::clone(&counted),
            next,
        };
        let metrics = match config.metrics {
            None => None,
            Some(wanted) => {
                let served = metrics::serve(wanted, move || counted.text(&rooms.live())).await;
                Some(served.map_err(|error| Error::Metrics(wanted, error))?)
            }
        };
        let (closing, closed) = watch::channel(false);
        let (hash, next) = (certificate.hash, certificate.next);
        let listener =
            Listener { endpoint, config, shared: Arc::new(shared), next: next_told, hash, each: Arc::default() };
        let task = tokio::spawn(listener.run(closed));
        Ok(Server { address, hash, next, metrics, closing, task })
    }

    /// Tells all browsers that it ends, and waits a moment until they have heard it.
    pub async fn shut_down(mut self) {
        self.closing.send_replace(true);
        // If it has panicked there is nothing more to end.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How many sessions each network address has.
type Each = Arc<Mutex<BTreeMap<IpAddr, usize>>>;

struct Listener {
    endpoint: Endpoint<endpoint_side::Server>,
    config: Config,
    shared: Arc<Shared>,
    next: watch::Sender<Option<[u8; 32]>>,
    hash: [u8; 32],
    each: Each,
}

/// Counts a session of an address as long as it is there.
struct Counted(Each, IpAddr);

impl Counted {
    fn new(each: &Each, address: IpAddr, most: usize) -> Option<Counted> {
        let mut counts = each.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Counted(Arc::clone(each), address))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(&self.1) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(counts.remove(&self.1)),
        }
    }
}

/// Returns when it is to end.
async fn told(closed: &mut watch::Receiver<bool>) {
    // An error is that nobody is left to say so.
    drop(closed.wait_for(|closed| *closed).await);
}

impl Listener {
    async fn run(mut self, mut closed: watch::Receiver<bool>) {
        let mut sessions = JoinSet::new();
        let (mut tell, mut renew) = (interval(TELL), interval_at(Instant::now() + RENEW, RENEW));
        loop {
            tokio::select! {
                incoming = self.endpoint.accept() => self.accept(incoming, &mut sessions),
                _ = tell.tick() => self.shared.rooms.tell(),
                _ = renew.tick() => self.renew().await,
                Some(_) = sessions.join_next() => {}
                () = told(&mut closed) => break,
            }
        }
        self.shared.rooms.dismiss_all(&End::new(Reason::Shutdown, "The endpoint is being shut down."));
        let _ = timeout(FAREWELL, async { while sessions.join_next().await.is_some() {} }).await;
        self.endpoint.close(VarInt::from_u32(u32::from(Reason::Shutdown.code())), b"");
        let _ = timeout(FAREWELL, self.endpoint.wait_idle()).await;
    }

    fn accept(&self, incoming: IncomingSession, sessions: &mut JoinSet<()>) {
        let limits = self.shared.limits;
        if sessions.len() >= limits.sessions {
            return incoming.refuse();
        }
        if !incoming.remote_address_validated() && sessions.len() >= limits.sessions / 2 {
            // Under load only who gets our answers is let in: sender addresses can be made up.
            return incoming.retry();
        }
        match Counted::new(&self.each, incoming.remote_address().ip(), limits.sessions_each) {
            None => incoming.refuse(),
            Some(counted) => {
                let shared = Arc::clone(&self.shared);
                sessions.spawn(async move {
                    session::run(shared, incoming).await;
                    drop(counted);
                });
            }
        }
    }

    /// Takes the next certificate, if its time has come.
    async fn renew(&mut self) {
        let renewed = match certificate(&self.config).await {
            Ok(certificate) if certificate.hash == self.hash => return,
            Ok(certificate) => certificate,
            Err(error) => return eprintln!("the certificate can’t be renewed: {error}"),
        };
        let reloaded = quic(self.config.listen, &renewed).map(|config| self.endpoint.reload_config(config, false));
        match reloaded {
            Ok(Ok(())) => {
                println!("certificate hash: {}", identity::shown(&renewed.hash));
                self.hash = renewed.hash;
                self.next.send_replace(renewed.next);
            }
            Ok(Err(error)) => eprintln!("the certificate can’t be renewed: {error}"),
            Err(error) => eprintln!("the certificate can’t be renewed: {error}"),
        }
    }
}
