//! Alpine itself, with its own init and apk, in namespaces of this machine's kernel: quicker than an emulated machine. It needs root and the
//! archive that the guest's image is made of.

use super::repository;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long it may take until init is there.
const START: Duration = Duration::from_secs(20);

/// A running system; it ends with this.
pub struct Alpine {
    /// What it was unpacked into goes with it.
    _folder: tempfile::TempDir,
    outer: Child,
    init: String,
}

/// What a command did.
#[derive(Debug)]
pub struct Done {
    pub status: i32,
    pub text: String,
}

fn archive() -> Option<PathBuf> {
    let files = fs::read_dir(repository("target/guest")).ok()?;
    let mut files = files.filter_map(|file| Some(file.ok()?.path()));
    files.find(|file| file.to_string_lossy().contains("minirootfs"))
}

impl Alpine {
    /// Starts one, or says why it can't be: then the test is left out. Where `CI` is set that is a failure, unless this is not root, or Alpine's
    /// archive can be had from nowhere and the guest is another one.
    pub fn start() -> Option<Self> {
        Self::or_say_why(Self::try_start(None))
    }

    /// The same on a disk of so many MiB, which can be full; the shared files are on another one.
    pub fn on_disk_of(mib: u32) -> Option<Self> {
        Self::or_say_why(Self::try_start(Some(mib)))
    }

    fn or_say_why(started: Result<Self, String>) -> Option<Self> {
        match started {
            Ok(alpine) => Some(alpine),
            Err(reason) => {
                let excused =
                    reason.contains("root") || archive().is_none() && !repository("../shared/alpine").exists();
                assert!(std::env::var_os("CI").is_none() || excused, "{reason}");
                eprintln!("skipped: {reason}");
                None
            }
        }
    }

    fn try_start(disk: Option<u32>) -> Result<Self, String> {
        let archive = archive().ok_or("Alpine’s archive is not in target/guest: build the extension first")?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let script = "set -e; [ -z \"$2\" ] || mount -t tmpfs -o size=$2m disk $0
            tar -xzf \"$1\" -C $0; cd $0; mkdir -p mnt/host workspace var/log; [ -z \"$2\" ] || mount -t tmpfs host mnt/host
            mkdir -p mnt/host/profiles mnt/host/cache mnt/host/share; echo '::respawn:/bin/sleep 1000000' > etc/inittab; cd /
            mount -t proc proc $0/proc; mount --rbind /dev $0/dev; mount -t tmpfs run $0/run; mount -t tmpfs tmp $0/tmp
            chroot $0 /sbin/ifconfig lo up; exec chroot $0 /sbin/init";
        let archive = archive.canonicalize().map_err(|error| error.to_string())?;
        let disk = disk.map_or_else(String::new, |mib| mib.to_string());
        Self::in_namespaces(folder, script, &[archive.as_os_str(), disk.as_ref()])
    }

    /// A system in which `script` starts BusyBox's init, called with the folder for the system and then these arguments.
    pub fn in_namespaces(folder: tempfile::TempDir, script: &str, arguments: &[&OsStr]) -> Result<Self, String> {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--net", "--fork", "--kill-child", "sh", "-c", script]).arg(folder.path());
        command.args(arguments);
        // A group of its own, so that Ctrl-C at the test's terminal is not init's.
        let outer = command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut outer = outer.map_err(|error| error.to_string())?;
        let began = Instant::now();
        loop {
            let children = format!("/proc/{0}/task/{0}/children", outer.id());
            let init = fs::read_to_string(children).unwrap_or_default().trim().to_owned();
            let program = fs::read_link(format!("/proc/{init}/exe")).unwrap_or_default();
            if program.ends_with("busybox") {
                return Ok(Self { _folder: folder, outer, init });
            }
            if outer.try_wait().is_ok_and(|status| status.is_some()) || began.elapsed() > START {
                drop(outer.kill());
                return Err("a system can’t be started in namespaces here, for which one has to be root".to_owned());
            }
            std::thread::yield_now();
        }
    }

    /// A path of the system's, from outside.
    pub fn path(&self, path: &str) -> PathBuf {
        Path::new("/proc").join(&self.init).join("root").join(path.trim_start_matches('/'))
    }

    /// A command in its shell that has not ended yet.
    pub fn spawn(&self, command: &str) -> Child {
        let mut enter = Command::new("nsenter");
        enter.args(["-t", &self.init, "--mount", "--pid", "--net", "--root", "--wd", "/bin/sh", "-c", command]);
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        enter.env_clear().env("PATH", path).env("HOME", "/root").stdin(Stdio::null());
        enter.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Runs a command in its shell.
    pub fn sh(&self, command: &str) -> Done {
        let output = self.spawn(&format!("{{ {command}\n}} 2>&1")).wait_with_output().unwrap();
        Done { status: output.status.code().unwrap_or(-1), text: String::from_utf8_lossy(&output.stdout).into_owned() }
    }

    /// What a command that succeeds prints.
    pub fn text(&self, command: &str) -> String {
        let done = self.sh(command);
        assert_eq!(done.status, 0, "{command}\n{}", done.text);
        done.text
    }

    /// Everything that could be changed: each file with its checksum, mode and owner, the packages, and what runs. The runner's own state and logs
    /// are left out, and so is the archive of scripts that apk packs anew each time.
    pub fn everything(&self) -> String {
        self.text(
            "cd /
            list() {
                find . -xdev \\( -path ./proc -o -path ./dev -o -path ./run -o -path ./tmp -o -path ./mnt/host -o -path ./var/lib/workbench \
                    -o -path ./var/log/workbench -o -path ./lib/apk/db/scripts.tar \\) -prune -o \"$@\" -print0 | sort -z
            }
            list -name '*' | xargs -0 stat -c '%N %a %u:%g'
            list -type f | xargs -0 sha256sum
            apk info -v | sort
            ps -o args | grep -v -e '^\\[' -e 'ps -o' -e grep -e '/bin/sh -c' -e '^COMMAND' -e sort | sort",
        )
    }
}

impl Drop for Alpine {
    fn drop(&mut self) {
        // Its init goes with it, and everything else with that.
        drop(self.outer.kill());
        drop(self.outer.wait());
    }
}

/// Copies a folder.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(path, target)?;
        }
    }
    Ok(())
}
