//! A web server on loopback that behaves, and one that does not.

use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What a request was.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub headers: Vec<String>,
}

/// A running server; it ends with the test.
pub struct Server {
    address: &'static str,
    pub port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    gone: Arc<AtomicBool>,
}

impl Server {
    /// One on an address of loopback that the browser's driver does not use.
    pub fn start() -> Server {
        Server::start_at("127.0.0.2")
    }

    pub fn start_at(address: &'static str) -> Server {
        Server::with(address, None)
    }

    /// One with the files of a folder at `/files/`.
    pub fn of_folder(folder: &Path) -> Server {
        Server::with("127.0.0.2", Some(folder.to_owned()))
    }

    fn with(address: &'static str, folder: Option<PathBuf>) -> Server {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, gone) = (Arc::<Mutex<Vec<Asked>>>::default(), Arc::new(AtomicBool::new(false)));
        let (seen, off) = (asked.clone(), gone.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), seen, off) = (stream, seen.clone(), off.clone()) else { continue };
                let folder = folder.clone();
                // As if nobody were there: no byte is answered.
                if off.load(Ordering::Relaxed) {
                    continue;
                }
                thread::spawn(move || serve(stream, &format!("{address}:{port}"), folder.as_deref(), &seen));
            }
        });
        Server { address, port, asked, gone }
    }

    /// From now on nobody is answered.
    pub fn go_away(&self) {
        self.gone.store(true, Ordering::Relaxed);
    }

    /// What has been asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Address and port.
    pub fn host(&self) -> String {
        format!("{}:{}", self.address, self.port)
    }
}

/// The bytes of `/bytes/COUNT`.
pub fn bytes(count: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(count).collect()
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn serve(stream: TcpStream, own: &str, folder: Option<&Path>, seen: &Mutex<Vec<Asked>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let mut headers = vec![];
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok().filter(|count| *count > 0)?;
        if header.trim().is_empty() {
            break;
        }
        headers.push(header.trim().to_ascii_lowercase());
    }
    let length = headers.iter().find_map(|header| header.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    seen.lock().unwrap().push(Asked { method, headers: headers.clone() });
    match (folder, path.strip_prefix("/files/")) {
        (Some(folder), Some(file)) => file_of(stream, folder, file, &headers),
        _ => answer(stream, own, &path, &headers, &body),
    }
}

/// Answers with a file, or that it is as the one who asks knows it.
fn file_of(mut stream: TcpStream, folder: &Path, file: &str, headers: &[String]) -> Option<()> {
    let mut say = |status: &str, more: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{more}\r\n", body.len());
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).ok()
    };
    let Some(content) =
        Some(folder.join(file)).filter(|_| !file.contains("..")).and_then(|path| std::fs::read(path).ok())
    else {
        return say("404 Not Found", "", b"there is no such file\n");
    };
    let tag = format!("\"{}\"", &sha256(&content)[..16]);
    match headers.contains(&format!("if-none-match: {tag}")) {
        true => say("304 Not Modified", "", b""),
        false => say("200 OK", &format!("etag: {tag}\r\n"), &content),
    }
}

fn answer(mut stream: TcpStream, own: &str, path: &str, headers: &[String], body: &[u8]) -> Option<()> {
    let mut say = |status: &str, more: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{more}\r\n", body.len());
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).ok()
    };
    let (first, rest) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
    match first {
        "bytes" => {
            let all = bytes(rest.parse().ok()?);
            let range = headers.iter().find_map(|header| header.strip_prefix("range: bytes=")?.strip_suffix('-'));
            match range.and_then(|from| from.parse::<usize>().ok()) {
                Some(from) => {
                    let content = format!("content-range: bytes {from}-{}/{}\r\n", all.len() - 1, all.len());
                    say("206 Partial Content", &content, &all[from..])
                }
                None => say("200 OK", "accept-ranges: bytes\r\n", &all),
            }
        }
        "echo" => say("200 OK", "content-type: text/plain\r\n", sha256(body).as_bytes()),
        "missing" => say("404 Not Found", "", b"there is no such thing\n"),
        "package" if headers.iter().any(|header| header == "if-none-match: \"one\"") => {
            say("304 Not Modified", "", b"")
        }
        "package" => say("200 OK", "etag: \"one\"\r\n", &bytes(300_000)),
        "to" => say("307 Temporary Redirect", &format!("location: http://{rest}\r\n"), b""),
        "moved" => say("302 Found", &format!("location: http://{own}/bytes/1000\r\n"), b""),
        "cookie" => say("200 OK", "set-cookie: who=me\r\n", b"cookie\n"),
        // Lies and silence.
        "short" => {
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n";
            stream.write_all(head).and_then(|()| stream.write_all(&[b'x'; 1000])).ok()
        }
        "reset" => Some(()),
        "endless" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").ok()?;
            while stream.write_all(b"x-more: and more and more and more and more and more\r\n").is_ok() {}
            Some(())
        }
        "hang" => {
            // Until the other side gives up.
            stream.set_read_timeout(Some(Duration::from_secs(300))).ok()?;
            let _ = stream.read(&mut [0]);
            Some(())
        }
        _ => say("200 OK", "", b"hello\n"),
    }
}
