//! The endpoint as a program.

use crate::identity;
use crate::server::{self, Certificates, Config, Limits, PATH, Server};
use crate::tokens::{Tokens, TokensError};
use clap::Parser;
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(name = "endpoint", about = "Joins the LANs of several VM Workbenches, in named rooms")]
struct Arguments {
    /// The address and UDP port at which browsers call.
    #[arg(long, default_value = "127.0.0.1:4433")]
    listen: SocketAddr,
    /// A name or address by which browsers call, for the self-made certificate; may be given several times.
    #[arg(long = "name")]
    names: Vec<String>,
    /// The folder for self-made certificates, so that a restart does not change them.
    #[arg(long, env = "ENDPOINT_STATE")]
    state: Option<PathBuf>,
    /// A certificate that browsers believe anyway (PEM, with its chain), instead of a self-made one.
    #[arg(long, requires = "key")]
    certificate: Option<PathBuf>,
    /// The certificate's key (PEM, PKCS #8).
    #[arg(long, requires = "certificate")]
    key: Option<PathBuf>,
    /// A file with a room and a token on each line: only these rooms are there, and only for those who have a token.
    #[arg(long)]
    tokens: Option<PathBuf>,
    /// Lets everybody who can reach it into every room, at other addresses than this computer's too.
    #[arg(long, conflicts_with = "tokens")]
    open: bool,
    /// A loopback address at which numbers can be asked for, such as 127.0.0.1:9433.
    #[arg(long)]
    metrics: Option<SocketAddr>,
    /// Lets pages of the web in, not only extensions and programs.
    #[arg(long)]
    any_origin: bool,
    /// The most browsers at a time.
    #[arg(long, default_value_t = Limits::default().sessions)]
    sessions: usize,
    /// The most browsers at a time from one network address.
    #[arg(long, default_value_t = Limits::default().sessions_each)]
    sessions_each: usize,
    /// The most rooms at a time.
    #[arg(long, default_value_t = Limits::default().rooms)]
    rooms: usize,
    /// The most browsers in a room.
    #[arg(long, default_value_t = Limits::default().members)]
    members: usize,
    /// The most bytes a second from one browser.
    #[arg(long, default_value_t = Limits::default().bytes_per_second)]
    rate: u32,
}

#[derive(Debug, thiserror::Error)]
enum Wrong {
    #[error("{0} can’t be read: {1}")]
    File(PathBuf, std::io::Error),
    #[error(transparent)]
    Tokens(#[from] TokensError),
    #[error("at {0} others can reach it: give --tokens with a file, or --open if everybody is welcome")]
    Unguarded(SocketAddr),
    #[error("there is no home folder: name a folder for the certificates with --state")]
    NoFolder,
    #[error(transparent)]
    Server(#[from] server::Error),
}

/// Runs an endpoint as these arguments say, the program's name first, until it is interrupted.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = Arguments::parse_from(arguments);
    let ended = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map(|runtime| runtime.block_on(work(arguments)));
    match ended {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: no threads can be started: {error}");
            ExitCode::FAILURE
        }
    }
}

fn read(path: &Path) -> Result<String, Wrong> {
    std::fs::read_to_string(path).map_err(|error| Wrong::File(path.to_owned(), error))
}

/// Where a program keeps what it wants to find again (XDG base directories).
fn default_folder() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    Some(state.or_else(home)?.join("vm-workbench-endpoint"))
}

/// By which names browsers may call it if none was given.
fn names(listen: IpAddr) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if !listen.is_unspecified() && !listen.is_loopback() {
        names.push(listen.to_string());
    }
    names
}

fn config(arguments: Arguments) -> Result<Config, Wrong> {
    let tokens = match &arguments.tokens {
        Some(path) => Tokens::parse(&read(path)?)?,
        None if arguments.open || arguments.listen.ip().is_loopback() => Tokens::open(),
        None => return Err(Wrong::Unguarded(arguments.listen)),
    };
    let certificates = match (arguments.certificate, arguments.key) {
        (Some(certificate), Some(key)) => Certificates::Given(certificate, key),
        _ => Certificates::Own(arguments.state.or_else(default_folder).ok_or(Wrong::NoFolder)?),
    };
    let limits = Limits {
        sessions: arguments.sessions,
        sessions_each: arguments.sessions_each,
        rooms: arguments.rooms,
        members: arguments.members,
        bytes_per_second: arguments.rate,
    };
    let listen = arguments.listen;
    let names = if arguments.names.is_empty() { names(listen.ip()) } else { arguments.names };
    let (metrics, any_origin) = (arguments.metrics, arguments.any_origin);
    Ok(Config { listen, names, certificates, tokens, limits, metrics, any_origin })
}

async fn work(arguments: Arguments) -> Result<(), Wrong> {
    let config = config(arguments)?;
    let (open, own) = (config.tokens.is_open(), matches!(config.certificates, Certificates::Own(_)));
    let server = Server::start(config).await?;
    println!("address: https://{}{PATH}", server.address);
    if own {
        println!("certificate hash: {}", identity::shown(&server.hash));
    }
    if let Some(next) = &server.next {
        println!("certificate hash, later: {}", identity::shown(next));
    }
    if let Some(address) = server.metrics {
        println!("numbers: http://{address}/metrics");
    }
    if open {
        println!("every room is open to everybody who can reach this address");
    }
    ended().await;
    server.shut_down().await;
    Ok(())
}

/// Waits for Ctrl+C, or for what a service is ended with.
async fn ended() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminated) => tokio::select! {
            _ = interrupted => {}
            _ = terminated.recv() => {}
        },
        Err(_) => drop(interrupted.await),
    }
    #[cfg(not(unix))]
    drop(interrupted.await);
}
