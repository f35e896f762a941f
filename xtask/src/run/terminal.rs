//! This process's terminal as the machine's console.

use super::{BOOT, SHELL};
use anyhow::Result;
use e2e::{Console, Workbench};
use protocol::{InstanceId, Stream, TerminalSize};
use std::io::{IsTerminal, Read, Write};
use std::process::{Command, ExitCode, Stdio};
use tokio::sync::mpsc;

/// Ctrl-], as in telnet and virsh: leaves the machine.
const LEAVE: u8 = 0x1d;
/// How much is read from the standard input at once.
const CHUNK: usize = 4096;

/// The terminal's settings as they were; put back when dropped.
struct RawTerminal {
    saved: String,
}

fn stty(arguments: &[&str]) -> Option<String> {
    let output = Command::new("stty").args(arguments).stdin(Stdio::inherit()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

impl RawTerminal {
    fn enter() -> Option<Self> {
        let saved = stty(&["-g"])?;
        stty(&["raw", "-echo"])?;
        Some(Self { saved })
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        stty(&[&self.saved]);
    }
}

/// The terminal's size, if it says one.
fn size() -> Option<TerminalSize> {
    let text = stty(&["size"])?;
    let (rows, cols) = text.split_once(' ')?;
    let size = TerminalSize { rows: rows.parse().ok()?, cols: cols.parse().ok()? };
    (size.rows > 0 && size.cols > 0).then_some(size)
}

/// What is typed or piped in; the channel closes at its end.
fn standard_input() -> mpsc::UnboundedReceiver<Vec<u8>> {
    let (send, received) = mpsc::unbounded_channel();
    // A thread of its own, because a read of a terminal can't be called off.
    std::thread::spawn(move || {
        let mut chunk = [0; CHUNK];
        while let Ok(count) = std::io::stdin().read(&mut chunk) {
            if count == 0 || send.send(chunk[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    received
}

fn show(bytes: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(())
}

/// Connects the standard input and output with the machine's shell until the machine stops or the user leaves it.
pub async fn attach(workbench: &Workbench<'_>, id: &InstanceId, console: &mut Console<'_>) -> Result<ExitCode> {
    boot(console).await?;
    let interactive = std::io::stdin().is_terminal();
    if interactive {
        eprintln!("Leave with Ctrl-]; the machine is then shut down.\r");
    }
    if let Some(size) = size().filter(|_| interactive) {
        console.resize(size).await?;
    }
    let _raw = interactive.then(RawTerminal::enter);
    let mut input = standard_input();
    let mut ended = false;
    while workbench.instance(id).await?.state.is_live() {
        loop {
            match input.try_recv() {
                Ok(bytes) if interactive && bytes.contains(&LEAVE) => return Ok(ExitCode::SUCCESS),
                Ok(bytes) => console.send(SHELL, &as_typed(&bytes, interactive)).await?,
                Err(mpsc::error::TryRecvError::Disconnected) if !ended => {
                    ended = true;
                    // A script that was piped in ends the shell; the machine then has nothing more to do.
                    console.send(SHELL, b"poweroff\r").await?;
                }
                Err(_) => break,
            }
        }
        show(&console.read(SHELL).await?)?;
    }
    show(&console.read(SHELL).await?)?;
    Ok(ExitCode::SUCCESS)
}

/// A piped script has line feeds where a keyboard has returns.
fn as_typed(bytes: &[u8], interactive: bool) -> Vec<u8> {
    let typed = |byte: &u8| if *byte == b'\n' && !interactive { b'\r' } else { *byte };
    bytes.iter().map(typed).collect()
}

/// Shows the boot messages until the shell is there.
async fn boot(console: &mut Console<'_>) -> Result<()> {
    let started = std::time::Instant::now();
    loop {
        show(&console.read(Stream::Serial).await?)?;
        let shell = console.read(SHELL).await?;
        if !shell.is_empty() {
            return show(&shell);
        }
        anyhow::ensure!(started.elapsed() < BOOT, "the machine showed no shell within {} s", BOOT.as_secs());
    }
}
