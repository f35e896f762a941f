//! What the endpoint has done, as numbers: on a loopback port, in the text form that Prometheus reads.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use uplink::Reason;
use vlan::{Counters, DropReason};

/// How long who asks for numbers may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest question.
const QUESTION_MAX: usize = 4096;

/// Everything that is counted.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Browsers that are in a room now.
    pub clients: AtomicU64,
    /// Rooms in which somebody is.
    pub rooms: AtomicU64,
    /// Sessions that were let in.
    pub joined: AtomicU64,
    /// Frames that came, and their bytes.
    pub frames_in: AtomicU64,
    /// See `frames_in`.
    pub bytes_in: AtomicU64,
    /// Frames that were sent, and their bytes.
    pub frames_out: AtomicU64,
    /// See `frames_out`.
    pub bytes_out: AtomicU64,
    ended: Mutex<BTreeMap<&'static str, u64>>,
    dropped: Mutex<BTreeMap<DropReason, u64>>,
}

fn name(reason: Reason) -> &'static str {
    match reason {
        Reason::Left => "left",
        Reason::Version => "version",
        Reason::Token => "token",
        Reason::Room => "room",
        Reason::Full => "full",
        Reason::Collision => "collision",
        Reason::Malformed => "malformed",
        Reason::Shutdown => "shutdown",
        Reason::Replaced => "replaced",
        Reason::Abuse => "abuse",
        Reason::Silent => "silent",
        Reason::Other(_) => "other",
    }
}

fn word(why: DropReason) -> String {
    // `SourceMac` becomes `source_mac`.
    let mut word = String::new();
    for letter in format!("{why:?}").chars() {
        if letter.is_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.push(letter.to_ascii_lowercase());
    }
    word
}

impl Metrics {
    /// A session has ended, or was refused, for this reason.
    pub fn end(&self, reason: Reason) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner).entry(name(reason)).or_default() += 1;
    }

    /// What a member of a room has counted in all.
    pub fn add(&self, counters: &Counters) {
        let add = |to: &AtomicU64, count| {
            to.fetch_add(count, Ordering::Relaxed);
        };
        add(&self.frames_in, counters.frames_in);
        add(&self.bytes_in, counters.bytes_in);
        add(&self.frames_out, counters.frames_out);
        add(&self.bytes_out, counters.bytes_out);
        let mut dropped = self.dropped.lock().unwrap_or_else(PoisonError::into_inner);
        for (why, count) in counters.drops() {
            *dropped.entry(why).or_default() += count;
        }
    }

    /// All of it as text; `live` are the counters of those who are there.
    pub fn text(&self, live: &[Counters]) -> String {
        let sum = Metrics::default();
        live.iter().for_each(|counters| sum.add(counters));
        let get = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let mut text = String::new();
        let pairs = [
            ("endpoint_clients", get(&self.clients)),
            ("endpoint_rooms", get(&self.rooms)),
            ("endpoint_joined_total", get(&self.joined)),
            ("endpoint_frames_in_total", get(&self.frames_in) + get(&sum.frames_in)),
            ("endpoint_bytes_in_total", get(&self.bytes_in) + get(&sum.bytes_in)),
            ("endpoint_frames_out_total", get(&self.frames_out) + get(&sum.frames_out)),
            ("endpoint_bytes_out_total", get(&self.bytes_out) + get(&sum.bytes_out)),
        ];
        // Writing into a string does not fail.
        for (name, value) in pairs {
            let _ = writeln!(text, "{name} {value}");
        }
        for (reason, count) in &*self.ended.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = writeln!(text, "endpoint_ended_total{{reason=\"{reason}\"}} {count}");
        }
        let mut dropped = self.dropped.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (why, count) in &*sum.dropped.lock().unwrap_or_else(PoisonError::into_inner) {
            *dropped.entry(*why).or_default() += count;
        }
        for (why, count) in dropped {
            let _ = writeln!(text, "endpoint_dropped_total{{reason=\"{}\"}} {count}", word(why));
        }
        text
    }
}

/// Answers whoever asks at this address, which must be a loopback one, until the process ends. Returns where it listens.
pub async fn serve(
    address: SocketAddr,
    text: impl Fn() -> String + Send + Sync + 'static,
) -> std::io::Result<SocketAddr> {
    if !address.ip().is_loopback() {
        let kind = std::io::ErrorKind::InvalidInput;
        return Err(std::io::Error::new(kind, "the numbers are for this computer only: name a loopback address"));
    }
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    let text = Arc::new(text);
    tokio::spawn(async move {
        // One after the other: who asks is on this computer, and has five seconds.
        while let Ok((stream, _)) = listener.accept().await {
            let _ = tokio::time::timeout(PATIENCE, answer(stream, &*text)).await;
        }
    });
    Ok(bound)
}

async fn answer(mut stream: TcpStream, text: &(dyn Fn() -> String + Send + Sync)) -> std::io::Result<()> {
    let mut question = Vec::new();
    while !question.windows(4).any(|end| end == b"\r\n\r\n") {
        if question.len() > QUESTION_MAX || stream.read_buf(&mut question).await? == 0 {
            return Ok(());
        }
    }
    let (status, body) = match question.starts_with(b"GET /metrics ") || question.starts_with(b"GET / ") {
        true => ("200 OK", text()),
        false => ("404 Not Found", String::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_words_with_lines_below() {
        assert_eq!(word(DropReason::SourceMac), "source_mac");
        assert_eq!(word(DropReason::Ipv4Spoof), "ipv4_spoof");
        let metrics = Metrics::default();
        metrics.end(Reason::Token);
        assert!(metrics.text(&[]).contains("endpoint_ended_total{reason=\"token\"} 1\n"));
    }
}
