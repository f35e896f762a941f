use crate::workbench::parse;
use crate::{Error, Result, Workbench};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use protocol::{
    DiskReply, DiskRequest, FilePath, InstanceId, PageRequest, ShareRequest, ShareWhat, TASK_ARTIFACTS, Task, TaskEnd,
    TaskStage, TemplateId,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Asks a machine about its script; gives what it has said since the last call, and how far it is.
const SCRIPT: &str = "
    window.tasks ??= new Map();
    const [id, ask, from] = arguments;
    let known = window.tasks.get(id);
    if (!known) {
        known = { channel: new BroadcastChannel(`task:${id}`), stage: null, pieces: [], wake: null };
        known.channel.onmessage = ({ data }) => {
            if (data?.Now) known.stage = data.Now;
            if (data?.Output) known.pieces.push(data.Output);
            known.wake?.();
        };
        window.tasks.set(id, known);
    }
    if (ask) known.channel.postMessage(ask);
    if (known.pieces.length === 0) {
        await new Promise((resolve) => {
            const timer = setTimeout(resolve, 200);
            known.wake = () => (clearTimeout(timer), resolve());
        });
        known.wake = null;
    }
    let at = from, binary = '';
    for (const { offset, bytes } of known.pieces.splice(0)) {
        const fresh = bytes.subarray(Math.max(0, at - Number(offset)));
        for (let i = 0; i < fresh.length; i += 8192) binary += String.fromCharCode(...fresh.subarray(i, i + 8192));
        at = Math.max(at, Number(offset) + bytes.length);
    }
    return { base64: btoa(binary), stage: known.stage && JSON.stringify(known.stage), at };";

/// Reads a file that an export wrote.
const READ: &str = "
    const root = await navigator.storage.getDirectory();
    const file = await (await (await root.getDirectoryHandle('exports')).getFileHandle(arguments[0])).getFile();
    const bytes = new Uint8Array(await file.slice(arguments[1], arguments[1] + arguments[2]).arrayBuffer());
    let binary = '';
    for (let i = 0; i < bytes.length; i += 8192) binary += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return btoa(binary);";
/// How much of it is read at once.
const PIECE: u64 = 1 << 20;

#[derive(Deserialize)]
struct Heard {
    base64: String,
    stage: Option<String>,
    at: u64,
}

impl Workbench<'_> {
    /// Launches a machine that vanishes when it ends, for a script.
    pub async fn launch_for_task(&self, template: &TemplateId) -> Result<InstanceId> {
        let id = self.call(&PageRequest::LaunchForTask { template: template.clone() }).await?;
        id.ok_or_else(|| Error::Answer("no machine".to_owned()))
    }

    /// Runs a script in such a machine; `output` is given what it puts out as it comes. `timeout` is for the machine to be ready, too.
    pub async fn run_task(
        &self,
        id: &InstanceId,
        task: &Task,
        timeout: Duration,
        mut output: impl FnMut(&[u8]),
    ) -> Result<TaskEnd> {
        let started = Instant::now();
        let (mut ask, mut at, mut said) = (json!("Look"), 0, String::new());
        loop {
            let heard: Heard = parse(self.eval(SCRIPT, vec![json!(id), ask, json!(at)]).await?)?;
            let bytes = STANDARD.decode(heard.base64).map_err(|error| Error::Answer(error.to_string()))?;
            said.push_str(&String::from_utf8_lossy(&bytes));
            output(&bytes);
            at = heard.at;
            let stage = heard.stage.as_deref().map(serde_json::from_str::<TaskStage>).transpose();
            let stage = stage.map_err(|error| Error::Answer(error.to_string()))?;
            ask = match stage {
                Some(TaskStage::Over(end)) if bytes.is_empty() => return Ok(end),
                Some(TaskStage::None) => json!({ "Run": task }),
                Some(_) => Value::Null,
                None => json!("Look"),
            };
            // A machine that could not start says why; one that is gone says nothing any more.
            if let Some(problem) = self.instance(id).await?.problem {
                return Err(Error::Problem(problem));
            }
            if started.elapsed() > timeout {
                let wanted = "the end of the script".to_owned();
                return Err(Error::Silent { wanted, seconds: timeout.as_secs(), shown: said });
            }
        }
    }

    /// Fetches what a script has made, as a zip; nothing if it made nothing.
    pub async fn artifacts(&self, id: &InstanceId, timeout: Duration) -> Result<Option<Vec<u8>>> {
        let path = FilePath::try_from(TASK_ARTIFACTS.to_owned()).map_err(|error| Error::Answer(error.to_string()))?;
        let share = |what| DiskRequest::Share(ShareRequest { id: id.clone(), what });
        match self.disks(share(ShareWhat::List { path: path.clone(), after: 0 })).await {
            Ok(DiskReply::Share(listing)) if !listing.entries.is_empty() => {}
            _ => return Ok(None),
        }
        let job = self.begin(share(ShareWhat::Download(path))).await?;
        let outcome = self.wait_for_job(&job, timeout).await?;
        let bytes = outcome.file.map_or(0, |file| file.bytes);
        let mut zip = vec![];
        while (zip.len() as u64) < bytes {
            let piece = self.eval(READ, vec![json!(job), json!(zip.len()), json!(PIECE)]).await?;
            let piece = STANDARD.decode(piece.as_str().unwrap_or_default());
            let piece = piece.map_err(|error| Error::Answer(error.to_string()))?;
            if piece.is_empty() {
                return Err(Error::Answer("a file that ends early".to_owned()));
            }
            zip.extend(piece);
        }
        self.disks(DiskRequest::DismissJob(job)).await?;
        Ok(Some(zip))
    }
}
