//! The instance's disks: overlays in the private file system on base images that machines share.

use super::disk_problem;
use super::opfs::{Directory, SharedFile};
use super::package;
use block::{BlockError, BlockFile, Disk};
use protocol::{MachineSpec, Problem, ProblemCode};
use qcow2::{BackingFormat, BackingRef, CreateOptions, Qcow2};

/// The first disk: `system.qcow2`, made on the first start as an empty overlay on the template's image.
pub async fn system(spec: &MachineSpec) -> Result<Box<dyn Disk>, Problem> {
    let image = package::base_image(&spec.image).await?;
    let mut file = Directory::open(&["instances", spec.id.as_str()]).await?.locked("system.qcow2").await?;
    let damaged = |error: qcow2::Error| {
        Problem::new(ProblemCode::DiskDamaged, format!("The disk of {} can’t be opened: {error}.", spec.name))
    };
    let base = Qcow2::open_read_only(SharedFile::new(image)?, None).map_err(damaged)?;
    let failed = |error| disk_problem(&format!("The disk of {} can’t be read", spec.name), &error);
    if is_unmade(&mut file).map_err(failed)? {
        let name = format!("{}.qcow2", spec.image.sha256);
        let options = CreateOptions::overlay(base.size(), BackingRef { name, format: Some(BackingFormat::Qcow2) });
        qcow2::create(&mut file, &options).map_err(damaged)?;
    }
    Ok(Box::new(Qcow2::open(file, Some(Box::new(base))).map_err(damaged)?))
}

/// Whether the file has yet to be made into an image: it is empty, or its making was cut short before the header, which
/// comes last, was written.
fn is_unmade(file: &mut impl BlockFile) -> Result<bool, BlockError> {
    let mut magic = [0; 4];
    if file.len()? < magic.len() as u64 {
        return Ok(true);
    }
    file.read_at(0, &mut magic)?;
    Ok(magic == [0; 4])
}
