//! Alpine itself, with its own init and apk, in namespaces of this machine's kernel: quicker than an emulated machine. It needs root and the
//! archive that the guest's image is made of.

use super::repository;
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
    folder: tempfile::TempDir,
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
        match Self::try_start() {
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

    fn try_start() -> Result<Self, String> {
        let archive = archive().ok_or("Alpine’s archive is not in target/guest: build the extension first")?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let root = folder.path();
        let unpacked = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(root).status();
        if !unpacked.is_ok_and(|status| status.success()) {
            return Err("the archive could not be unpacked, for which one has to be root".to_owned());
        }
        for made in ["mnt/host/profiles", "mnt/host/cache", "mnt/host/share", "workspace", "var/log"] {
            fs::create_dir_all(root.join(made)).map_err(|error| error.to_string())?;
        }
        fs::write(root.join("etc/inittab"), "::respawn:/bin/sleep 1000000\n").map_err(|error| error.to_string())?;
        let script = "set -e; mount -t proc proc $0/proc; mount --rbind /dev $0/dev; mount -t tmpfs run $0/run; mount -t tmpfs tmp $0/tmp
            chroot $0 /sbin/ifconfig lo up; exec chroot $0 /sbin/init";
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--net", "--fork", "--kill-child", "sh", "-c", script]).arg(root);
        // A group of its own, so that Ctrl-C at the test's terminal is not init's.
        let outer = command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut outer = outer.map_err(|error| error.to_string())?;
        let began = Instant::now();
        loop {
            let children = format!("/proc/{0}/task/{0}/children", outer.id());
            let init = fs::read_to_string(children).unwrap_or_default().trim().to_owned();
            let program = fs::read_link(format!("/proc/{init}/exe")).unwrap_or_default();
            if program.ends_with("busybox") {
                return Ok(Self { folder, outer, init });
            }
            if outer.try_wait().is_ok_and(|status| status.is_some()) || began.elapsed() > START {
                drop(outer.kill());
                return Err("namespaces can’t be made here, for which one has to be root".to_owned());
            }
            std::thread::yield_now();
        }
    }

    /// A path of the system's, from outside.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
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
            find . -xdev \\( -path ./proc -o -path ./dev -o -path ./run -o -path ./tmp -o -path ./mnt/host -o -path ./var/lib/workbench \
                -o -path ./var/log/workbench -o -path ./lib/apk/db/scripts.tar \\) -prune -o -print | sort > /tmp/paths
            while read -r path; do
                stat -c '%N %a %u:%g' \"$path\"
                [ -L \"$path\" ] || [ ! -f \"$path\" ] || sha256sum \"$path\"
            done < /tmp/paths
            rm -f /tmp/paths
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
