use crate::wire::number;

/// A file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Its size in bytes.
    pub total: u64,
    /// What is free of it for files, in bytes.
    pub free: u64,
}

/// How a guest is doing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Health {
    /// How many processes wanted the processor during the last minute, on average.
    pub load: f64,
    /// Seconds since the kernel's start.
    pub uptime: f64,
    /// Memory in bytes.
    pub memory_total: u64,
    /// Of it, what programs could have without swapping, in bytes.
    pub memory_available: u64,
    /// The file system on `/`.
    pub root: Disk,
    /// The file system on `/workspace`, if one is mounted there.
    pub workspace: Option<Disk>,
}

impl Health {
    /// Reads the words behind `health ID`: load, uptime, two figures of `/proc/meminfo` in KiB, and what `stat -f -c '%i %S %b %a'` prints
    /// of `/` and, if there is such a directory, of `/workspace`.
    pub(crate) fn parse(words: &[&[u8]]) -> Option<Self> {
        let [load, uptime, total, available, root_id, a, b, c, workspace @ ..] = words else { return None };
        let workspace = match workspace {
            [] => None,
            [id, _, _, _] if id == root_id => None,
            [_, d, e, f] => Some(disk(d, e, f)?),
            _ => return None,
        };
        Some(Self {
            load: decimal(load)?,
            uptime: decimal(uptime)?,
            memory_total: number::<u64>(total)?.checked_mul(1024)?,
            memory_available: number::<u64>(available)?.checked_mul(1024)?,
            root: disk(a, b, c)?,
            workspace,
        })
    }
}

fn disk(block: &[u8], total: &[u8], free: &[u8]) -> Option<Disk> {
    let block: u64 = number(block)?;
    let bytes = |blocks| number::<u64>(blocks)?.checked_mul(block);
    Some(Disk { total: bytes(total)?, free: bytes(free)? })
}

/// A number as in `/proc/loadavg`: not negative, finite.
fn decimal(text: &[u8]) -> Option<f64> {
    if !text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.') {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Health> {
        Health::parse(&text.split(' ').map(str::as_bytes).collect::<Vec<_>>())
    }

    #[test]
    fn figures_become_bytes() {
        let health = parse("0.31 13.80 236220 225656 45 4096 62456 59327 3b 4096 503386 502725").unwrap();
        assert_eq!((health.load, health.uptime), (0.31, 13.8));
        assert_eq!((health.memory_total, health.memory_available), (236_220 << 10, 225_656 << 10));
        assert_eq!(health.root, Disk { total: 62456 << 12, free: 59327 << 12 });
        assert_eq!(health.workspace.unwrap().total, 503_386 << 12);
    }

    #[test]
    fn a_workspace_on_the_root_file_system_is_none() {
        assert_eq!(parse("0 1 2 2 45 4096 9 9 45 4096 9 9").unwrap().workspace, None);
        assert_eq!(parse("0 1 2 2 45 4096 9 9").unwrap().workspace, None);
    }

    #[test]
    fn nonsense_is_no_health() {
        for text in ["", "0 1 2", "nan 1 2 2 4 1 1 1 4 1 1 1", "0 1 2 2 4 9 18446744073709551615 1 4 1 1 1"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
