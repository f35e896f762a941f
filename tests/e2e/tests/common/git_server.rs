//! A web server with one repository, which Git's own program for servers answers.

use super::sum;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use tempfile::TempDir;

pub struct GitServer {
    folder: TempDir,
    port: u16,
}

fn git(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let me = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "init.defaultBranch=main"];
    let done = Command::new("git").args(me).args(arguments).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

impl GitServer {
    /// One whose repository `tree.git` is empty and takes what is pushed.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "-q", "--bare", "tree.git"]);
        git(&folder.path().join("tree.git"), &["config", "http.receivepack", "true"]);
        let listener = TcpListener::bind(("127.0.0.2", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let root = folder.path().to_owned();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let root = root.clone();
                thread::spawn(move || serve(stream, &root));
            }
        });
        Self { folder, port }
    }

    /// Address and port.
    pub fn host(&self) -> String {
        format!("127.0.0.2:{}", self.port)
    }

    /// Puts so many files into the repository, and gives the checksum of the list of their checksums.
    pub fn commit(&self, count: u32) -> String {
        let tree: PathBuf = self.folder.path().join("tree");
        git(self.folder.path(), &["clone", "-q", "tree.git", "tree"]);
        let mut lines = vec![];
        for number in 0..count {
            let name = format!("d{}/f{number:04}", number % 7);
            let content = format!("{number}\n").repeat(number as usize * 3 + 1);
            let file = tree.join(&name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, &content).unwrap();
            lines.push(format!("{}  ./{name}\n", sum(content.as_bytes())));
        }
        git(&tree, &["add", "."]);
        git(&tree, &["commit", "-q", "-m", "all"]);
        git(&tree, &["push", "-q", "origin", "HEAD:main"]);
        lines.sort_by(|a, b| a[66..].cmp(&b[66..]));
        sum(lines.concat().as_bytes())
    }

    /// A file as it is in the repository now.
    pub fn file(&self, name: &str) -> String {
        String::from_utf8(git(&self.folder.path().join("tree.git"), &["show", &format!("main:{name}")])).unwrap()
    }
}

/// One request, by the protocol between web servers and programs (RFC 3875).
fn serve(mut stream: TcpStream, root: &Path) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ');
    let (method, url) = (words.next()?, words.next()?);
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let mut program = Command::new("git");
    program.arg("http-backend").env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1");
    program.env("REQUEST_METHOD", method).env("PATH_INFO", path).env("QUERY_STRING", query);
    let mut length = 0;
    loop {
        let header = line()?;
        let Some((name, value)) = header.split_once(": ") else { break };
        match &*name.to_ascii_lowercase() {
            "content-length" => length = value.parse().ok()?,
            "content-type" => drop(program.env("CONTENT_TYPE", value)),
            "content-encoding" => drop(program.env("HTTP_CONTENT_ENCODING", value)),
            "git-protocol" => drop(program.env("GIT_PROTOCOL", value)),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let piped = program.env("CONTENT_LENGTH", length.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = piped.spawn().ok()?;
    let mut input = child.stdin.take()?;
    let writer = thread::spawn(move || input.write_all(&body));
    let answer = child.wait_with_output().ok()?.stdout;
    writer.join().ok()?.ok()?;
    let end = answer.windows(4).position(|end| end == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    let length = answer.len() - end - 4;
    let start = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n");
    stream.write_all(start.as_bytes()).and_then(|()| stream.write_all(&answer)).ok()
}
