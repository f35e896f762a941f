//! The certificate authorities of the machines whose HTTPS is read here. Each is kept among its machine's files, so it goes with the machine.

use crate::bridge::log;
use crate::disks::disk_problem;
use crate::disks::opfs::{Directory, SharedFile};
use crate::storage::patiently;
use authority::{Authority, Kept};
use block::BlockFile;
use protocol::{InstanceId, Problem, ProblemCode};
use std::sync::Arc;
use std::time::Duration;

/// The file in a machine's folder.
const FILE: &str = "authority.json";
/// A file that is longer is none of ours.
const LONGEST: u64 = 64 * 1024;

/// The time since 1970.
pub fn unix() -> Duration {
    Duration::from_secs_f64(js_sys::Date::now().max(0.0) / 1000.0)
}

fn failed(what: &str, error: &dyn std::fmt::Display) -> Problem {
    Problem::new(ProblemCode::Internal, format!("The machine’s certificate authority {what}: {error}."))
}

/// A machine's authority: the one that it has, or else a new one.
pub async fn load(id: &InstanceId, machine: &str) -> Result<Arc<Authority>, Problem> {
    match read(id).await {
        Ok(Some(kept)) => match Authority::from_kept(kept) {
            Ok(authority) => return Ok(authority),
            Err(error) => log(&error.to_string()),
        },
        Ok(None) => {}
        Err(problem) => log(&problem.message),
    }
    let mut random = [0; 32];
    let scope: web_sys::WorkerGlobalScope = wasm_bindgen::JsCast::unchecked_into(js_sys::global());
    let drawn = scope.crypto().and_then(|crypto| crypto.get_random_values_with_u8_array(&mut random));
    drawn.map_err(|error| failed("can’t be made", &crate::bridge::text_of(&error)))?;
    let made = Authority::new(machine, &random, unix()).map_err(|error| failed("can’t be made", &error))?;
    write(id, made.kept()).await?;
    Ok(made)
}

/// Forgets a machine's authority: what it has signed is worth nothing any more.
pub async fn forget(id: &InstanceId) {
    let gone = async { Directory::open(&["instances", id.as_str()]).await?.remove(FILE).await };
    if let Err(problem) = gone.await {
        log(&problem.message);
    }
}

async fn read(id: &InstanceId) -> Result<Option<Kept>, Problem> {
    let folder = Directory::open(&["instances", id.as_str()]).await?;
    let Some(file) = folder.shared(FILE).await? else { return Ok(None) };
    let mut file = SharedFile::new(file)?;
    let broken = |error| disk_problem("The file can’t be read", &error);
    let mut bytes = vec![0; file.len().map_err(broken)?.min(LONGEST) as usize];
    file.read_at(0, &mut bytes).map_err(broken)?;
    Ok(serde_json::from_slice(&bytes).inspect_err(|error| log(&format!("{FILE} can’t be understood: {error}"))).ok())
}

async fn write(id: &InstanceId, kept: &Kept) -> Result<(), Problem> {
    let folder = Directory::open(&["instances", id.as_str()]).await?;
    let broken = |error| disk_problem("The file can’t be written", &error);
    let bytes = serde_json::to_vec(kept).unwrap_or_default();
    let mut file = patiently(async || folder.locked(FILE).await).await?;
    file.set_len(0).and_then(|()| file.write_at(0, &bytes)).map_err(broken)?;
    file.flush().map_err(broken)
}
