//! Packages that were fetched, kept in the private file system for all machines: what has not changed is not fetched again, and what can't be
//! fetched is there all the same.
//!
//! A file of `packages/` begins with a line of JSON, [`Line`]; the body follows. Its name is the SHA-256 of its address.

use super::fetching::Answer;
use crate::bridge::log;
use crate::disks::opfs::{Directory, LockedFile};
use block::BlockFile;
use js_sys::Uint8Array;
use serde::{Deserialize, Serialize};
use url::Url;
use vlan::http::{Request, Response};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::File;

/// How much is kept, in bytes; what was written longest ago goes first.
const KEPT_MAX: f64 = 512.0 * 1024.0 * 1024.0;
/// What has no more than this many bytes of headers is kept.
const LINE_MAX: usize = 16 * 1024;
/// What addresses of packages, and of lists of packages, end with.
const ENDS: [&str; 7] =
    [".apk", "/APKINDEX.tar.gz", ".deb", "/InRelease", "/Packages.gz", "/Packages.xz", "/Release.gpg"];
/// What a file that is not whole yet has behind its name.
const PART: &str = ".part";

/// What is kept beside the body.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    url: String,
    headers: Vec<(String, String)>,
}

/// An answer that is kept.
pub struct Found {
    line: Line,
    file: File,
    begin: f64,
}

/// An answer that is being kept.
pub struct Keeping {
    file: Option<LockedFile>,
    at: u64,
    begin: u64,
    length: Option<u64>,
    name: String,
}

/// Whether the answer is worth keeping: the whole of a package.
pub fn is_package(request: &Request) -> bool {
    let ranged = request.headers.iter().any(|(name, _)| name == "range");
    request.method == "GET" && !ranged && ENDS.iter().any(|end| request.url.path().ends_with(end))
}

async fn name(url: &Url) -> Option<String> {
    let scope: web_sys::WorkerGlobalScope = js_sys::global().unchecked_into();
    let digest = scope.crypto().ok()?.subtle().digest_with_str_and_u8_array("SHA-256", url.as_str().as_bytes()).ok()?;
    let digest = Uint8Array::new(&JsFuture::from(digest).await.ok()?);
    Some(digest.to_vec().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What is kept of this address.
pub async fn find(url: &Url) -> Option<Found> {
    let directory = Directory::open(&["packages"]).await.ok()?;
    let file = directory.shared(&name(url).await?).await.ok()??;
    let start = JsFuture::from(file.slice_with_f64_and_f64(0.0, LINE_MAX as f64).ok()?.array_buffer()).await.ok()?;
    let start = Uint8Array::new(&start).to_vec();
    let end = start.iter().position(|byte| *byte == b'\n')?;
    let line: Line = serde_json::from_slice(&start[..end]).ok()?;
    (line.url == url.as_str()).then_some(Found { line, file, begin: end as f64 + 1.0 })
}

impl Found {
    fn header(&self, wanted: &str) -> Option<String> {
        self.line.headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
    }

    /// The header that asks whether this is still good (RFC 9110, section 13.1).
    pub fn validator(&self) -> Option<(&'static str, String)> {
        let etag = self.header("etag").map(|etag| ("if-none-match", etag));
        etag.or_else(|| Some(("if-modified-since", self.header("last-modified")?)))
    }

    /// This as an answer.
    pub fn answer(self) -> Result<Answer, String> {
        let body =
            self.file.slice_with_f64(self.begin).map_err(|_| "what was kept of this can’t be read".to_owned())?;
        let mut headers: Vec<_> =
            self.line.headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
        headers.push(("x-cache".to_owned(), b"kept by VM Workbench".to_vec()));
        let response = Response { status: 200, reason: String::new(), headers, length: Some(body.size() as u64) };
        Ok(Answer { response, body: Some(body.stream()), keeping: None })
    }
}

/// Begins to keep an answer; `None` if that can't be, or another machine is at it.
pub async fn keep(url: &Url, head: &Response) -> Option<Keeping> {
    let directory = Directory::open(&["packages"]).await.ok()?;
    let text = |value: &Vec<u8>| String::from_utf8(value.clone()).ok();
    let headers = head.headers.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect();
    let mut line = serde_json::to_vec(&Line { url: url.as_str().to_owned(), headers }).ok()?;
    line.push(b'\n');
    if line.len() > LINE_MAX {
        return None;
    }
    let name = name(url).await?;
    make_room(&directory, head.length.unwrap_or(0) as f64).await;
    let mut file = directory.locked(&format!("{name}{PART}")).await.ok()?;
    file.set_len(0).and_then(|()| file.write_at(0, &line)).ok()?;
    let begin = line.len() as u64;
    Some(Keeping { file: Some(file), at: begin, begin, length: head.length, name })
}

/// Removes what was written longest ago until there is room for so many bytes.
async fn make_room(directory: &Directory, bytes: f64) {
    let mut kept = vec![];
    for entry in directory.entries().await.unwrap_or_default() {
        if let Ok(Some(file)) = directory.shared(&entry.name).await {
            kept.push((file.last_modified(), file.size(), entry.name));
        }
    }
    kept.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut all: f64 = kept.iter().map(|(_, size, _)| size).sum();
    for (_, size, name) in kept {
        if all + bytes <= KEPT_MAX {
            break;
        }
        // One that is just being written can't be removed.
        if directory.remove(&name).await.is_ok() {
            all -= size;
        }
    }
}

impl Keeping {
    /// The next piece. What can't be kept is not kept, and nobody else need know.
    pub fn write(&mut self, piece: &[u8]) {
        let Some(file) = &mut self.file else { return };
        match file.write_at(self.at, piece) {
            Ok(()) => self.at += piece.len() as u64,
            Err(error) => {
                log(&format!("a package can’t be kept: {error}"));
                self.file = None;
            }
        }
    }

    /// It is whole, and takes the place of what was kept before.
    pub async fn finish(mut self) {
        let Some(mut file) = self.file.take() else { return };
        let whole = self.length.is_none_or(|length| length == self.at - self.begin) && file.flush().is_ok();
        drop(file);
        let part = format!("{}{PART}", self.name);
        let put = async {
            let directory = Directory::open(&["packages"]).await?;
            if !whole {
                return directory.remove(&part).await;
            }
            directory.remove(&self.name).await?;
            directory.rename(&part, &self.name).await
        };
        if let Err(problem) = put.await {
            log(&problem.message);
        }
    }
}
