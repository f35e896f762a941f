//! The certificate authorities of the machines whose HTTPS is read here. Each is kept among its machine's files, so it goes with the machine, and
//! nothing else reads it: neither what is exported of a machine nor the catalog has it.

use super::secured::{Authority, Loader, Tls};
use super::stream::Stream;
use crate::bridge::{log, text_of};
use crate::disks::disk_problem;
use crate::disks::opfs::{Directory, SharedFile};
use crate::lan::Hub;
use crate::storage::patiently;
use block::BlockFile;
use futures_util::lock::Mutex;
use js_sys::Function;
use protocol::{InstanceId, Problem, ProblemCode};
use serde::de::IgnoredAny;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use vlan::http::{Request, Response};
use vlan::switch::PortId;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;

/// The file in a machine's folder.
const FILE: &str = "authority.json";
/// A file that is longer is none of ours, in bytes.
const LONGEST: u64 = 64 * 1024;
/// The names by which a machine knows the gateway, besides its address.
const OWN_NAMES: [&str; 2] = ["gateway.lan", "gateway"];
/// Where the gateway has the certificate that a machine has to trust.
const CERTIFICATE: &str = "/ca.crt";

/// A machine whose HTTPS is to be read.
struct Wanted {
    id: InstanceId,
    /// What signs for it, or why nothing does yet.
    authority: Result<Rc<Authority>, String>,
}

/// Those of the machines on the LAN.
pub struct Authorities {
    loader: Loader,
    wanted: RefCell<BTreeMap<PortId, Wanted>>,
    /// Files are read, written and removed one after the other.
    turn: Mutex<()>,
}

/// Why HTTPS is refused.
fn no_https(host: &str) -> String {
    format!(
        "HTTPS can't be passed through to {host}. Ask for it by http://: the gateway fetches it by HTTPS. Or turn on HTTPS for this machine on the network page."
    )
}

impl Authorities {
    /// Of no machine yet. `load` gives a promise of the module with TLS.
    pub fn new(load: Function) -> Self {
        Self { loader: Loader::new(load), wanted: RefCell::default(), turn: Mutex::default() }
    }

    /// A machine's HTTPS is read from now on, or not any more: then its authority is forgotten.
    pub fn want(&self, hub: &Rc<Hub>, at: PortId, id: &InstanceId, on: bool) {
        if on {
            let soon = || Err("The machine’s certificate authority is being read. Try again.".to_owned());
            self.wanted.borrow_mut().entry(at).or_insert_with(|| Wanted { id: id.clone(), authority: soon() });
        } else {
            self.leave(at);
        }
        let (hub, id) = (hub.clone(), id.clone());
        spawn_local(async move { hub.web.authorities.settle(at, &id, on).await });
    }

    /// A machine has gone.
    pub fn leave(&self, at: PortId) {
        self.wanted.borrow_mut().remove(&at);
    }

    /// Reads, makes or removes the file, if that is still what is wanted when it is its turn.
    async fn settle(&self, at: PortId, id: &InstanceId, on: bool) {
        let _turn = self.turn.lock().await;
        if !on {
            let again = self.wanted.borrow().values().any(|wanted| wanted.id == *id);
            if let (false, Err(problem)) = (again, forget(id).await) {
                log(&problem.message);
            }
            return;
        }
        let waits = |wanted: &Wanted| wanted.id == *id && wanted.authority.is_err();
        if !self.wanted.borrow().get(&at).is_some_and(waits) {
            return;
        }
        let loaded = load(&self.loader, id).await.map_err(|problem| {
            log(&problem.message);
            problem.message
        });
        if let Some(waiting) = self.wanted.borrow_mut().get_mut(&at).filter(|wanted| waits(wanted)) {
            waiting.authority = loaded;
        }
    }

    /// The authority of a machine, or why its HTTPS to this host is refused.
    pub fn of(&self, at: PortId, host: &str) -> Result<Rc<Authority>, String> {
        self.wanted.borrow().get(&at).map_or_else(|| Err(no_https(host)), |wanted| wanted.authority.clone())
    }

    /// TLS for a connection of a machine, in the place of a host.
    pub fn tls(&self, at: PortId, host: &str) -> Result<Tls, String> {
        self.of(at, host)?.tls(host)
    }

    /// Answers what is asked of the gateway itself: the certificate that a machine has to trust, for all may know it. Says whether it was that.
    pub fn serve(&self, hub: &Hub, stream: &Stream, request: &Request) -> bool {
        let host = request.url.host_str().unwrap_or_default();
        if !OWN_NAMES.contains(&host) && host != hub.kept.plan().gateway().to_string() {
            return false;
        }
        let mut http = stream.http.borrow_mut();
        let certificate = self.of(stream.conn.port, "this machine's hosts").and_then(|authority| authority.pem());
        match (request.url.path(), certificate) {
            (CERTIFICATE, Ok(pem)) => {
                let (response, body) = Response::sentence(200, pem.trim_end());
                http.respond(&response);
                http.body(&body);
                http.finish();
            }
            (CERTIFICATE, Err(why)) => http.refuse(404, &why),
            _ => http.refuse(404, &format!("The gateway has {CERTIFICATE} and nothing else.")),
        }
        true
    }
}

/// A machine's authority: the one that it has, or else a new one. One that can't be read is not replaced: the machine trusts it.
async fn load(loader: &Loader, id: &InstanceId) -> Result<Rc<Authority>, Problem> {
    let failed = |error: String| {
        let message = format!("The machine’s certificate authority can’t be used: {error}.");
        Problem::new(ProblemCode::Internal, message)
    };
    if let Some(kept) = read(id).await? {
        return loader.kept_authority(&kept).await.map_err(failed);
    }
    let mut random = [0; 32];
    let scope: web_sys::WorkerGlobalScope = js_sys::global().unchecked_into();
    let drawn = scope.crypto().and_then(|crypto| crypto.get_random_values_with_u8_array(&mut random));
    drawn.map_err(|error| failed(text_of(&error)))?;
    let made = loader.new_authority(id.as_str(), &random).await.map_err(failed)?;
    write(id, &made.kept().map_err(failed)?).await?;
    Ok(made)
}

/// Forgets a machine's authority: what it has signed is worth nothing any more.
async fn forget(id: &InstanceId) -> Result<(), Problem> {
    Directory::open(&["instances", id.as_str()]).await?.remove(FILE).await
}

/// What is kept, if anything is. A file that is damaged is nothing: it was never whole, so no machine trusts what was to be in it.
async fn read(id: &InstanceId) -> Result<Option<String>, Problem> {
    let folder = Directory::open(&["instances", id.as_str()]).await?;
    let Some(file) = folder.shared(FILE).await? else { return Ok(None) };
    let mut file = SharedFile::new(file)?;
    let broken = |error| disk_problem("The machine’s certificate authority can’t be read", &error);
    let mut bytes = vec![0; file.len().map_err(broken)?.min(LONGEST) as usize];
    file.read_at(0, &mut bytes).map_err(broken)?;
    let whole = serde_json::from_slice::<IgnoredAny>(&bytes);
    Ok(match whole {
        Ok(_) => String::from_utf8(bytes).ok(),
        Err(error) => {
            log(&format!("{FILE} can’t be understood: {error}"));
            None
        }
    })
}

async fn write(id: &InstanceId, kept: &str) -> Result<(), Problem> {
    let folder = Directory::open(&["instances", id.as_str()]).await?;
    let broken = |error| disk_problem("The machine’s certificate authority can’t be written", &error);
    let mut file = patiently(async || folder.locked(FILE).await).await?;
    file.set_len(0).and_then(|()| file.write_at(0, kept.as_bytes())).map_err(broken)?;
    file.flush().map_err(broken)
}
