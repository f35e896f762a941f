//! Serves the plain page, and what it boots, to the browser on this machine.

use anyhow::{Context, Result, anyhow};
use serde_json::Value;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use tiny_http::{Header, Response, Server};

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const WASM: &str = "application/wasm";
const BYTES: &str = "application/octet-stream";

/// What guests download.
pub const DOWNLOAD: &str = "/download";
/// How many bytes that has.
pub const DOWNLOAD_BYTES: usize = 16 << 20;

/// One file that is served.
#[derive(Debug)]
struct Asset {
    url: &'static str,
    kind: &'static str,
    body: Body,
    /// Whether it may share memory with its workers, as the extension's pages may.
    isolated: bool,
}

#[derive(Debug)]
enum Body {
    File(PathBuf),
    Text(String),
    Bytes(Vec<u8>),
}

/// A server that lives as long as this.
pub struct PlainPage {
    server: Arc<Server>,
    thread: Option<JoinHandle<()>>,
    address: SocketAddr,
}

impl PlainPage {
    /// Serves the page of `benches/`, npm's v86, and the guest that the extension in `dist` has, with the same image as
    /// it was before it became a qcow2. `machine` says the machine's memory and command line.
    pub fn serve(root: &Path, dist: &Path, image: &Path, machine: &Value) -> Result<Self> {
        let asset = |url, kind, path| Asset { url, kind, body: Body::File(path), isolated: false };
        let isolated = |url, kind, path| Asset { isolated: true, ..asset(url, kind, path) };
        let (benches, v86, guest) = (root.join("benches"), root.join("node_modules/v86/build"), dist.join("images"));
        Self::with(vec![
            asset("/plain.html", HTML, benches.join("plain.html")),
            asset("/plain.js", SCRIPT, benches.join("plain.js")),
            isolated("/ways.html", HTML, benches.join("ways.html")),
            isolated("/ways.js", SCRIPT, benches.join("ways.js")),
            asset("/libv86.mjs", SCRIPT, v86.join("libv86.mjs")),
            asset("/v86.wasm", WASM, v86.join("v86.wasm")),
            asset("/bios.bin", BYTES, guest.join("bios.bin")),
            asset("/vgabios.bin", BYTES, guest.join("vgabios.bin")),
            asset("/kernel.bin", BYTES, guest.join("kernel.bin")),
            asset("/disk.img", BYTES, image.to_owned()),
            Asset {
                url: "/machine.json",
                kind: "application/json",
                body: Body::Text(machine.to_string()),
                isolated: false,
            },
            Asset { url: DOWNLOAD, kind: BYTES, body: Body::Bytes(vec![b'w'; DOWNLOAD_BYTES]), isolated: false },
        ])
    }

    fn with(assets: Vec<Asset>) -> Result<Self> {
        let server = Server::http("127.0.0.1:0").map_err(|error| anyhow!("no server could be started: {error}"))?;
        let address = server.server_addr().to_ip().context("the server has no address")?;
        let server = Arc::new(server);
        let own = server.clone();
        let thread = std::thread::spawn(move || {
            for request in own.incoming_requests() {
                let path = request.url().split('?').next().unwrap_or_default();
                let answered = match assets.iter().find(|asset| asset.url == path) {
                    Some(asset) => answer(request, asset),
                    None => request.respond(Response::empty(404)).map_err(Into::into),
                };
                if let Err(error) = answered {
                    eprintln!("the plain page's server: {error:#}");
                }
            }
        });
        Ok(Self { server, thread: Some(thread), address })
    }

    /// The page's address.
    pub fn url(&self) -> String {
        format!("http://{}/plain.html", self.address)
    }

    /// The address of the page whose machine is on this network of v86's.
    pub fn url_with(&self, network: &str) -> String {
        format!("{}?network={network}", self.url())
    }

    /// The address of the page with ways between workers.
    pub fn ways_url(&self) -> String {
        format!("http://{}/ways.html", self.address)
    }

    /// The port of its server on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

fn answer(request: tiny_http::Request, asset: &Asset) -> Result<()> {
    let mut response = match &asset.body {
        Body::File(path) => {
            let file = File::open(path).with_context(|| format!("{} can't be read", path.display()))?;
            Response::from_file(file).with_chunked_threshold(usize::MAX).boxed()
        }
        Body::Text(text) => Response::from_string(text).boxed(),
        // With its length, however long it is.
        Body::Bytes(bytes) => Response::from_data(bytes.clone()).with_chunked_threshold(usize::MAX).boxed(),
    };
    // The image would push all else out of the browser's cache.
    let mut headers = vec![("Content-Type", asset.kind), ("Cache-Control", "no-store")];
    if asset.isolated {
        headers
            .extend([("Cross-Origin-Opener-Policy", "same-origin"), ("Cross-Origin-Embedder-Policy", "require-corp")]);
    }
    for (name, value) in headers {
        let header = Header::from_bytes(name, value).map_err(|()| anyhow!("{name}: {value} is no header"))?;
        response.add_header(header);
    }
    Ok(request.respond(response)?)
}

impl Drop for PlainPage {
    fn drop(&mut self) {
        self.server.unblock();
        if let Some(thread) = self.thread.take() {
            // It has said on its own what went wrong.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    fn get(page: &PlainPage, path: &str) -> String {
        let host = page.address;
        let mut stream = TcpStream::connect(host).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn only_what_the_page_needs_is_served_with_its_type_and_length() {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let length = std::fs::metadata(&own).unwrap().len();
        let page = PlainPage::with(vec![Asset { url: "/a.js", kind: SCRIPT, body: Body::File(own), isolated: false }])
            .unwrap();
        let found = get(&page, "/a.js");
        assert!(found.starts_with("HTTP/1.1 200"), "{found}");
        assert!(found.contains(&format!("Content-Length: {length}")) && found.contains(SCRIPT), "{found}");
        assert!(get(&page, "/../Cargo.toml").starts_with("HTTP/1.1 404"));
    }
}
