//! The instance's disks: overlays in the private file system on base images that machines share.

use super::disk_problem;
use super::opfs::{Directory, SharedFile};
use super::package;
use block::{BlockError, BlockFile, Disk};
use protocol::{MachineSpec, Problem, ProblemCode};
use qcow2::{BackingFormat, BackingRef, CreateOptions, Header, Qcow2};

/// The first disk: `system.qcow2`, made on the first start as an empty overlay on the template's image.
///
/// An overlay lies for ever on the very image that it was made on, which its header names by SHA-256: a newer template
/// does not move it, because its clusters make sense only there.
pub async fn system(spec: &MachineSpec) -> Result<Box<dyn Disk>, Problem> {
    let mut file = Directory::open(&["instances", spec.id.as_str()]).await?.locked("system.qcow2").await?;
    let damaged = |error: qcow2::Error| {
        Problem::new(ProblemCode::DiskDamaged, format!("The disk of {} can’t be opened: {error}.", spec.name))
    };
    let failed = |error| disk_problem(&format!("The disk of {} can’t be read", spec.name), &error);
    let own_name = package::image_name(&spec.image);
    let base = if is_unmade(&mut file).map_err(failed)? {
        let base = open_base(package::base_image(&spec.image).await?).map_err(damaged)?;
        let backing = BackingRef { name: own_name, format: Some(BackingFormat::Qcow2) };
        qcow2::create(&mut file, &CreateOptions::overlay(base.size(), backing)).map_err(damaged)?;
        base
    } else {
        let header = Header::read(&mut file).map_err(damaged)?;
        let name = header.backing.map(|backing| backing.name).unwrap_or_default();
        let image = if name == own_name {
            package::base_image(&spec.image).await?
        } else {
            package::older_image(&name).await?.ok_or_else(|| {
                let message = format!("The base image {name}, on which the disk of {} lies, is not there.", spec.name);
                Problem::new(ProblemCode::DiskDamaged, message)
            })?
        };
        open_base(image).map_err(damaged)?
    };
    Ok(Box::new(Qcow2::open(file, Some(Box::new(base))).map_err(damaged)?))
}

fn open_base(image: SharedFile) -> Result<Qcow2<SharedFile>, qcow2::Error> {
    Qcow2::open_read_only(image, None)
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
