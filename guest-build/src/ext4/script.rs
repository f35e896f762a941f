//! The commands by which `debugfs` puts a root file system into an image (its manual page, "COMMANDS").

use crate::rootfs::{Kind, Node, Rootfs};
use crate::{Error, Result, files};
use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

/// File type bits of `i_mode` (kernel documentation, `filesystems/ext4/inodes.rst`), which debugfs wants beside the permissions.
const S_IFCHR: u32 = 0o020_000;
const S_IFDIR: u32 = 0o040_000;
const S_IFBLK: u32 = 0o060_000;
const S_IFREG: u32 = 0o100_000;
const S_IFLNK: u32 = 0o120_000;

/// Writes the files' contents into `staging`, where debugfs is to be run, and returns the commands.
pub fn stage(rootfs: &Rootfs, staging: &Path) -> Result<String> {
    let mut script = Script { commands: String::new(), directory: None };
    let mut links = HashMap::<&str, u32>::new();
    for (number, (path, node)) in rootfs.nodes().enumerate() {
        reject_unsafe(path)?;
        match &node.kind {
            Kind::Directory if path.is_empty() => {}
            Kind::Directory => script.make(path, |name| format!("mkdir \"{name}\"")),
            Kind::File(content) => {
                files::write(&staging.join(number.to_string()), content)?;
                script.make(path, |name| format!("write {number} \"{name}\""));
            }
            Kind::Symlink(target) => {
                reject_unsafe(target)?;
                script.make(path, |name| format!("symlink \"{name}\" \"{target}\""));
            }
            Kind::Device { block, major, minor } => {
                let letter = if *block { 'b' } else { 'c' };
                script.make(path, |name| format!("mknod \"{name}\" {letter} {major} {minor}"));
            }
            Kind::HardLink(first) => {
                *links.entry(first).or_insert(1) += 1;
                script.make(path, |name| format!("ln \"/{first}\" \"{name}\""));
                continue;
            }
        }
        script.set_fields(path, node);
    }
    for (path, count) in sorted(links) {
        script.line(&format!("set_inode_field \"/{path}\" links_count {count}"));
    }
    Ok(script.commands)
}

struct Script {
    commands: String,
    /// Where debugfs is; `mkdir`, `write` and their like take a name in it, not a path.
    directory: Option<String>,
}

impl Script {
    fn line(&mut self, command: &str) {
        self.commands.push_str(command);
        self.commands.push('\n');
    }

    fn make(&mut self, path: &str, command: impl FnOnce(&str) -> String) {
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        if self.directory.as_deref() != Some(directory) {
            self.line(&format!("cd \"/{directory}\""));
            self.directory = Some(directory.to_owned());
        }
        self.line(&command(name));
    }

    fn set_fields(&mut self, path: &str, node: &Node) {
        let file_type = match node.kind {
            Kind::Directory => S_IFDIR,
            Kind::File(_) | Kind::HardLink(_) => S_IFREG,
            Kind::Symlink(_) => S_IFLNK,
            Kind::Device { block: true, .. } => S_IFBLK,
            Kind::Device { block: false, .. } => S_IFCHR,
        };
        let mode = format!("0{:o}", file_type | node.mode);
        // The times of access, change and creation are the file system's own, by debugfs's stopped clock.
        let fields = [
            ("mode", mode),
            ("uid", node.uid.to_string()),
            ("gid", node.gid.to_string()),
            ("mtime", format!("@{}", node.mtime)),
        ];
        for (field, value) in fields {
            // Writing to a String can't fail.
            let _ = writeln!(self.commands, "set_inode_field \"/{path}\" {field} {value}");
        }
    }
}

fn sorted(links: HashMap<&str, u32>) -> Vec<(&str, u32)> {
    let mut links: Vec<_> = links.into_iter().collect();
    links.sort_unstable();
    links
}

/// debugfs reads a command for each line and splits it at spaces outside double quotes.
fn reject_unsafe(name: &str) -> Result<()> {
    if name.contains(|c: char| c == '"' || c.is_control()) {
        let problem = "debugfs can't be given a name with a quotation mark or a control character".to_owned();
        return Err(Error::BadNode { path: name.to_owned(), problem });
    }
    Ok(())
}
