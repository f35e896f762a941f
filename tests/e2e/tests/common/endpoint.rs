//! The reference endpoint in a process of its own, which can be killed, and one that speaks another version.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use uplink::{End, Message, Reason};
use wtransport::{Identity, ServerConfig};

/// Says to this program that it is an endpoint, and with which arguments.
const ARGUMENTS: &str = "TEST_ENDPOINT";
/// No test lasts longer, so neither does an endpoint.
const LONGEST: Duration = Duration::from_secs(900);

/// Runs the endpoint if this process was started for it. This is the test program itself, started anew, so that nothing else has to be built.
pub fn serve() {
    let Ok(arguments) = std::env::var(ARGUMENTS) else { return };
    std::thread::spawn(|| {
        std::thread::sleep(LONGEST);
        std::process::exit(1);
    });
    let arguments = ["endpoint"].into_iter().chain(arguments.split('\n')).map(Into::into);
    let _ = endpoint::cli::run(arguments);
    std::process::exit(0);
}

/// A running endpoint; it ends with the test.
pub struct Endpoint {
    pub address: String,
    pub hash: String,
    folder: tempfile::TempDir,
    process: Option<Child>,
}

impl Endpoint {
    /// One with these tokens, at a port that is free.
    pub fn start(tokens: &str) -> Endpoint {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tokens"), tokens).unwrap();
        let (process, address, hash) = begin("127.0.0.1:0", folder.path());
        Endpoint { address, hash, folder, process: Some(process) }
    }

    pub fn host(&self) -> String {
        self.address.trim_start_matches("https://").split('/').next().unwrap().to_owned()
    }

    /// Ends it without a word.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Another one in its place.
    pub fn restart(&mut self) {
        self.kill();
        let (process, address, hash) = begin(&self.host(), self.folder.path());
        assert_eq!((&address, &hash), (&self.address, &self.hash));
        self.process = Some(process);
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn begin(listen: &str, folder: &Path) -> (Child, String, String) {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let arguments = ["--listen", listen, "--state", &path("state"), "--tokens", &path("tokens")].join("\n");
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_endpoints_own_process", "--nocapture"])
        .env(ARGUMENTS, arguments)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut value = |name: &str| {
        let line = lines.find_map(|line| line.split_once(name).map(|(_, value)| value.trim().to_owned()));
        line.unwrap_or_else(|| panic!("the endpoint did not say its {name}"))
    };
    let (address, hash) = (value("address:"), value("certificate hash:"));
    // It may say more, and must not find its output closed.
    std::thread::spawn(move || lines.for_each(drop));
    (process, address, hash)
}

/// An endpoint that speaks another version and says so.
pub struct Stranger {
    address: String,
    pub hash: String,
    asked: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Stranger {
    pub async fn start(version: u16) -> Stranger {
        let identity = Identity::self_signed(["127.0.0.1"]).unwrap();
        let hash = identity.certificate_chain().as_slice()[0].hash();
        let hash = hash.fmt(wtransport::tls::Sha256DigestFmt::DottedHex);
        let config = ServerConfig::builder().with_bind_address("127.0.0.1:0".parse().unwrap()).with_identity(identity);
        let server = wtransport::Endpoint::server(config.build()).unwrap();
        let address = format!("https://{}/lan", server.local_addr().unwrap());
        let asked = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            loop {
                let Ok(request) = server.accept().await.await else { continue };
                let Ok(connection) = request.accept().await else { continue };
                let Ok((mut send, mut receive)) = connection.accept_bi().await else { continue };
                let mut hello = [0; 64];
                heard.store(receive.read(&mut hello).await.is_ok(), Ordering::Relaxed);
                let end = End { reason: Reason::Version, version, text: "No.".to_owned() };
                let _ = send.write_all(&Message::End(end).to_bytes()).await;
                let _ = send.finish().await;
                let _ = tokio::time::timeout(Duration::from_secs(5), connection.closed()).await;
            }
        });
        Stranger { address, hash, asked, task }
    }

    /// As one that can be joined.
    pub fn endpoint(&self) -> Endpoint {
        let folder = tempfile::tempdir().unwrap();
        Endpoint { address: self.address.clone(), hash: self.hash.clone(), folder, process: None }
    }

    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.task.abort();
    }
}
