//! The reference endpoint in a process of its own, which can be killed, and one that speaks another version.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// A running endpoint; it ends with the test.
pub struct Endpoint {
    pub address: String,
    pub hash: String,
    folder: tempfile::TempDir,
    process: Option<Child>,
}

impl Endpoint {
    /// One with these tokens, at a port that is free.
    pub fn start(tokens: &str) -> Endpoint {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tokens"), tokens).unwrap();
        let (process, address, hash) = begin(&mut reference("127.0.0.1:0", folder.path()));
        Endpoint { address, hash, folder, process: Some(process) }
    }

    /// One that speaks another version.
    pub fn of_version(version: u16) -> Endpoint {
        let mut command = Command::new(built().join("examples/stranger"));
        let (process, address, hash) = begin(command.arg(version.to_string()));
        Endpoint { address, hash, folder: tempfile::tempdir().unwrap(), process: Some(process) }
    }

    pub fn host(&self) -> String {
        self.address.trim_start_matches("https://").split('/').next().unwrap().to_owned()
    }

    /// Ends it without a word.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Another one in its place.
    pub fn restart(&mut self) {
        self.kill();
        let (process, address, hash) = begin(&mut reference(&self.host(), self.folder.path()));
        assert_eq!((&address, &hash), (&self.address, &self.hash));
        self.process = Some(process);
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The folder with the endpoint's programs, built if they are not: they are a workspace of their own.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let arguments = ["build", "--quiet", "--manifest-path", "endpoint/Cargo.toml", "--target-dir", "target"];
        let built = Command::new(cargo).args(arguments).args(["--bins", "--examples"]).current_dir(&root).status();
        assert!(built.unwrap().success(), "the endpoint can’t be built");
        root.join("target/debug")
    })
}

fn reference(listen: &str, folder: &Path) -> Command {
    let mut command = Command::new(built().join("endpoint"));
    command.args(["--listen", listen, "--state"]).arg(folder.join("state")).arg("--tokens").arg(folder.join("tokens"));
    command
}

fn begin(command: &mut Command) -> (Child, String, String) {
    let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut value = |name: &str| {
        let line = lines.find_map(|line| line.strip_prefix(name).map(|value| value.trim().to_owned()));
        line.unwrap_or_else(|| panic!("the endpoint did not say its {name}"))
    };
    let (address, hash) = (value("address:"), value("certificate hash:"));
    // It may say more, and must not find its output closed.
    std::thread::spawn(move || lines.for_each(drop));
    (process, address, hash)
}
