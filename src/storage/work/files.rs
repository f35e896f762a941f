//! Files that work writes from front to back.

use crate::disks::disk_problem;
use crate::disks::opfs::{Directory, LockedFile};
use block::{BlockError, BlockFile};
use protocol::{JobId, Problem, ProblemCode};
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

/// Puts the finished file `out` where the page finds it, to be saved under this name.
pub async fn hand_out(place: &Directory, job: &JobId, name: &str) -> Result<(), Problem> {
    let exports = Directory::open(&["exports"]).await?;
    let mut sidecar = NewFile::create(&exports, &format!("{job}.name")).await?;
    let failed = |error| Problem::new(ProblemCode::Internal, format!("The file’s name could not be kept: {error}."));
    sidecar.write_all(name.as_bytes()).map_err(failed)?;
    sidecar.finish()?;
    place.move_to("out", &exports, job.as_str()).await
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
