//! The guest's own agent script, run natively by the system's busybox between two pseudo terminals, and our end of the connection.

use agent::{Agent, AgentError, Event, Reply, Request, RequestId, Stream};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A pseudo terminal as a port of the machine.
struct Port {
    host: File,
    /// Kept open, so that the terminal's settings and bytes outlive the agent, as a port's do.
    _guest: File,
    path: PathBuf,
}

impl Port {
    fn new() -> Self {
        let host: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&host).unwrap();
        unlockpt(&host).unwrap();
        let path = PathBuf::from(ptsname(&host, vec![]).unwrap().into_string().unwrap());
        let guest = File::options().read(true).write(true).open(&path).unwrap();
        let mut settings = tcgetattr(&guest).unwrap();
        settings.make_raw();
        tcsetattr(&guest, OptionalActions::Now, &settings).unwrap();
        fcntl_setfl(&host, OFlags::NONBLOCK).unwrap();
        Self { host: File::from(host), _guest: guest, path }
    }

    fn read(&mut self) -> Vec<u8> {
        let mut buffer = vec![0; 65536];
        match self.host.read(&mut buffer) {
            Ok(count) => buffer[..count].to_vec(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => vec![],
            Err(error) => panic!("{error}"),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> usize {
        match self.host.write(bytes) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => panic!("{error}"),
        }
    }
}

/// What a command gave.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub status: i32,
    pub out: Vec<u8>,
    pub err: Vec<u8>,
}

pub struct World {
    pub agent: Agent,
    pub directory: TempDir,
    control: Port,
    bulk: Port,
    child: Child,
    began: Instant,
}

impl World {
    /// A running agent; or none, with the reason printed, where there is no busybox.
    pub fn new() -> Option<Self> {
        if let Err(error) = Command::new("busybox").arg("true").status() {
            assert!(std::env::var_os("CI").is_none(), "busybox is needed in CI: {error}");
            eprintln!("skipped: the agent runs on busybox, which is not here ({error})");
            return None;
        }
        let (control, bulk, directory) = (Port::new(), Port::new(), tempfile::tempdir().unwrap());
        let child = start(&control, &bulk, directory.path());
        let mut world = Self { agent: Agent::new(9), directory, control, bulk, child, began: Instant::now() };
        world.until(|event| (*event == Event::Up).then_some(()));
        Some(world)
    }

    /// Ends the agent as if it had crashed, and starts it again as init would.
    pub fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = start(&self.control, &self.bulk, self.directory.path());
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes to the control port past the connection.
    pub fn write_control(&mut self, bytes: &[u8]) {
        assert_eq!(self.control.write(bytes), bytes.len());
    }

    pub fn ask(&mut self, request: &Request) -> RequestId {
        let now = self.now();
        self.agent.request(request, now, PATIENCE.as_millis() as u64).unwrap()
    }

    fn now(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    /// Lets bytes flow until an event is the one that is waited for.
    pub fn until<T>(&mut self, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
        let limit = Instant::now() + PATIENCE;
        loop {
            while let Some(event) = self.agent.event() {
                if let Some(found) = wanted(&event) {
                    return found;
                }
            }
            assert!(Instant::now() < limit, "nothing came for a minute");
            self.flow();
        }
    }

    fn flow(&mut self) {
        let given = self.control.write(self.agent.control_output());
        self.agent.control_sent(given);
        let given = self.bulk.write(self.agent.bulk_output());
        self.agent.bulk_sent(given);
        let flags = |waits: bool| if waits { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        let mut ports = [
            PollFd::new(&self.control.host, flags(!self.agent.control_output().is_empty())),
            PollFd::new(&self.bulk.host, flags(!self.agent.bulk_output().is_empty())),
        ];
        poll(&mut ports, Some(&Timespec { tv_sec: 0, tv_nsec: 100_000_000 })).unwrap();
        self.agent.control_input(&self.control.read());
        self.agent.bulk_input(&self.bulk.read());
        self.agent.tick(self.now());
    }

    pub fn result(&mut self, wanted: RequestId) -> Result<Reply, AgentError> {
        self.until(|event| match event {
            Event::Over { id, result } if *id == wanted => Some(result.clone()),
            _ => None,
        })
    }

    pub fn exec(&mut self, command: &str, input: &[u8]) -> Outcome {
        let request = Request::Exec { command: command.into(), input: input.to_vec(), output_max: 1 << 20 };
        let wanted = self.ask(&request);
        let (mut out, mut err) = (vec![], vec![]);
        let result = self.until(|event| match event {
            Event::Output { id, stream, bytes } if *id == wanted => {
                if *stream == Stream::Out { &mut out } else { &mut err }.extend_from_slice(bytes);
                None
            }
            Event::Over { id, result } if *id == wanted => Some(result.clone()),
            _ => None,
        });
        let Ok(Reply::Exit(status)) = result else { panic!("{result:?}") };
        Outcome { status, out, err }
    }

    pub fn put(&mut self, directory: &Path, tar: &[u8]) -> Result<Reply, AgentError> {
        let id = self.ask(&Request::Put { directory: directory.to_str().unwrap().into() });
        let mut rest = tar;
        loop {
            rest = &rest[self.agent.put(id, rest)..];
            if rest.is_empty() {
                self.agent.end(id);
                return self.result(id);
            }
            let over = self.until(|event| match event {
                Event::Room { id: room, .. } if *room == id => Some(None),
                Event::Over { id: over, result } if *over == id => Some(Some(result.clone())),
                _ => None,
            });
            if let Some(result) = over {
                return result;
            }
        }
    }

    pub fn get(&mut self, directory: &Path) -> Result<Vec<u8>, AgentError> {
        let wanted = self.ask(&Request::Get { directory: directory.to_str().unwrap().into() });
        let mut tar = vec![];
        loop {
            let step = self.until(|event| match event {
                Event::Data { id, bytes } if *id == wanted => Some(Ok(bytes.clone())),
                Event::Over { id, result } if *id == wanted => Some(Err(result.clone())),
                _ => None,
            });
            match step {
                Ok(bytes) => {
                    self.agent.taken(wanted, bytes.len() as u64);
                    tar.extend_from_slice(&bytes);
                }
                Err(result) => return result.map(|_| tar),
            }
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(control: &Port, bulk: &Port, directory: &Path) -> Child {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../images/common/overlay/usr/lib/workbench");
    let mut command = Command::new("busybox");
    command.arg("sh").arg(scripts.join("agent")).arg(&control.path).arg(&bulk.path).arg(directory.join("state"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}
