use crate::workbench::{Workbench, parse};
use crate::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use protocol::{InstanceId, Stream, TerminalSize};
use serde::Deserialize;
use serde_json::json;
use std::time::{Duration, Instant};

/// How much of what a console showed is told when something is missing in it.
const SHOWN: usize = 2_000;
/// How long one question to the page waits for output.
const POLL_MS: u64 = 200;

#[derive(Deserialize)]
struct Read {
    base64: String,
    gaps: u32,
}

/// A viewer of a machine's two terminals.
#[derive(Debug)]
pub struct Console<'a> {
    workbench: Workbench<'a>,
    id: InstanceId,
    seen: [Vec<u8>; 2],
}

impl<'a> Console<'a> {
    pub(crate) fn new(workbench: Workbench<'a>, id: InstanceId) -> Self {
        Self { workbench, id, seen: [vec![], vec![]] }
    }

    fn seen(&mut self, stream: Stream) -> &mut Vec<u8> {
        match stream {
            Stream::Serial => &mut self.seen[0],
            Stream::Shell => &mut self.seen[1],
        }
    }

    /// Types into a terminal.
    pub async fn send(&self, stream: Stream, bytes: &[u8]) -> Result<()> {
        let arguments = vec![json!(self.id), json!(stream), json!(STANDARD.encode(bytes))];
        self.workbench.eval("window.remote.send(...arguments)", arguments).await.map(drop)
    }

    /// Shows the shell at this size.
    pub async fn resize(&self, size: TerminalSize) -> Result<()> {
        self.workbench.eval("window.remote.resize(...arguments)", vec![json!(self.id), json!(size)]).await.map(drop)
    }

    /// What has come since the last call; waits a moment if nothing has. An error if bytes are missing between two
    /// pieces.
    pub async fn read(&mut self, stream: Stream) -> Result<Vec<u8>> {
        self.read_until(stream, None).await
    }

    /// As [`Self::read`], but waits a moment for this byte or a screenful.
    pub(crate) async fn read_until(&mut self, stream: Stream, byte: Option<u8>) -> Result<Vec<u8>> {
        let arguments = vec![json!(self.id), json!(stream), json!(POLL_MS), json!(byte)];
        let read: Read = parse(self.workbench.eval("return window.remote.read(...arguments)", arguments).await?)?;
        if read.gaps > 0 {
            return Err(Error::Answer(format!("{} gaps in the console's output", read.gaps)));
        }
        let bytes = STANDARD.decode(read.base64).map_err(|error| Error::Answer(error.to_string()))?;
        self.seen(stream).extend_from_slice(&bytes);
        Ok(bytes)
    }

    /// Forgets what was shown up to now, so that [`Self::wait_for`] looks only at what comes.
    pub fn forget(&mut self, stream: Stream) {
        self.seen(stream).clear();
    }

    /// Waits until the terminal has shown this since it was attached to or told to forget, and returns all that it has
    /// shown.
    pub async fn wait_for(&mut self, stream: Stream, wanted: &str, timeout: Duration) -> Result<String> {
        let started = Instant::now();
        loop {
            let text = String::from_utf8_lossy(self.seen(stream)).into_owned();
            if text.contains(wanted) {
                return Ok(text);
            }
            if started.elapsed() > timeout {
                let skip = text.chars().count().saturating_sub(SHOWN);
                let shown = text.chars().skip(skip).collect();
                return Err(Error::Silent { wanted: format!("{wanted:?}"), seconds: timeout.as_secs(), shown });
            }
            self.read(stream).await?;
        }
    }

    /// Waits for the shell's prompt.
    pub async fn wait_for_prompt(&mut self, timeout: Duration) -> Result<()> {
        match self.wait_for(Stream::Shell, "# ", timeout).await {
            Err(Error::Silent { wanted, seconds, shown }) => {
                let shown = format!("{shown}\n{}", self.circumstances().await);
                Err(Error::Silent { wanted, seconds, shown })
            }
            waited => waited.map(drop),
        }
    }

    /// What else there is to be said of a machine that has no prompt: its state, and the end of what its first terminal has shown.
    async fn circumstances(&mut self) -> String {
        let instance = match self.workbench.instance(&self.id).await {
            Ok(instance) => format!("{:?}, {:?}", instance.state, instance.problem),
            Err(error) => error.to_string(),
        };
        let read = self.read(Stream::Serial).await.err();
        let serial = String::from_utf8_lossy(self.seen(Stream::Serial)).into_owned();
        let skip = serial.chars().count().saturating_sub(SHOWN);
        let serial: String = serial.chars().skip(skip).collect();
        format!("The machine: {instance}. Its serial console: {serial:?} {read:?}")
    }
}
