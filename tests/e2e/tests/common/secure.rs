//! A web server that speaks HTTPS only, with a certificate of its own.

use authority::{Authority, Tls};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

pub struct SecureServer {
    pub port: u16,
    asked: Arc<AtomicU32>,
}

fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap()
}

/// What `/bytes/COUNT` is.
pub fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at * 7 + at / 251) as u8).collect()
}

impl SecureServer {
    pub fn start(host: &'static str) -> Self {
        let authority = Authority::new("server", &[9; 32], now()).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let (port, asked) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU32::new(0)));
        let count = asked.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (authority, count) = (authority.clone(), count.clone());
                thread::spawn(move || {
                    Connection { stream, tls: Tls::new(&authority, host, now()).unwrap() }.serve(&count)
                });
            }
        });
        Self { port, asked }
    }

    /// How many requests there were.
    pub fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }
}

struct Connection {
    stream: TcpStream,
    tls: Tls,
}

impl Connection {
    /// One request: says what it was, or sends bytes.
    fn serve(mut self, count: &AtomicU32) -> Option<()> {
        let mut plain = vec![];
        let head = loop {
            let end = plain.windows(4).position(|end| end == b"\r\n\r\n");
            if let Some(end) = end {
                break end + 4;
            }
            self.read(&mut plain)?;
        };
        let text = String::from_utf8_lossy(&plain[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
        while plain.len() < head + length {
            self.read(&mut plain)?;
        }
        count.fetch_add(1, Ordering::SeqCst);
        let first = String::from_utf8_lossy(&plain[..head]).into_owned();
        let (method, rest) = first.split_once(' ')?;
        let path = rest.split(' ').next()?;
        let body = match path.strip_prefix("/bytes/") {
            Some(count) => bytes(count.parse().ok()?),
            None => {
                let said = String::from_utf8_lossy(&plain[head..head + length]).into_owned();
                format!("{}\n", format!("{method} {path} {said}").trim_end()).into_bytes()
            }
        };
        let mut answer =
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len()).into_bytes();
        answer.extend(body);
        let mut at = 0;
        while at < answer.len() {
            at += self.tls.send(&answer[at..]);
            self.flush()?;
        }
        self.tls.close();
        self.flush()
    }

    fn read(&mut self, plain: &mut Vec<u8>) -> Option<()> {
        let mut bytes = [0; 16_384];
        let count = self.stream.read(&mut bytes).ok().filter(|count| *count > 0)?;
        let taken = self.tls.input(&bytes[..count], plain).ok();
        self.flush()?;
        taken
    }

    fn flush(&mut self) -> Option<()> {
        let sealed = self.tls.output().to_vec();
        self.tls.sent(sealed.len());
        self.stream.write_all(&sealed).ok()
    }
}
