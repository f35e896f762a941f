//! Files that work writes from front to back.

use crate::disks::disk_problem;
use crate::disks::opfs::{Directory, LockedFile};
use block::{BlockError, BlockFile};
use protocol::Problem;
use std::io::{self, Write};

/// So much is gathered before it is written.
const GATHER: usize = 1 << 20;

/// A new file of the private file system, written from front to back.
pub struct NewFile {
    file: LockedFile,
    gathered: Vec<u8>,
    at: u64,
}

impl NewFile {
    /// Makes it, empty.
    pub async fn create(place: &Directory, name: &str) -> Result<Self, Problem> {
        let mut file = place.locked(name).await?;
        file.set_len(0).map_err(|error| disk_problem("The file could not be written", &error))?;
        Ok(Self { file, gathered: Vec::with_capacity(GATHER), at: 0 })
    }

    fn write_gathered(&mut self) -> Result<(), BlockError> {
        self.file.write_at(self.at, &self.gathered)?;
        self.at += self.gathered.len() as u64;
        self.gathered.clear();
        Ok(())
    }

    /// Makes it durable; returns its length in bytes.
    pub fn finish(mut self) -> Result<u64, Problem> {
        let finished = self.write_gathered().and_then(|()| self.file.flush());
        finished.map_err(|error| disk_problem("The file could not be written", &error))?;
        Ok(self.at)
    }
}

/// An error on its way through somebody's `Write`, who finds ours in it again.
fn into_io(error: BlockError) -> io::Error {
    io::Error::other(transfer::Error::Storage(error))
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gathered.len() + bytes.len() > GATHER {
            self.write_gathered().map_err(into_io)?;
        }
        if bytes.len() >= GATHER {
            self.file.write_at(self.at, bytes).map_err(into_io)?;
            self.at += bytes.len() as u64;
        } else {
            self.gathered.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_gathered().map_err(into_io)
    }
}
