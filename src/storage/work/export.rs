//! What goes out to a file of the user's.

use super::files::{NewFile, hand_out};
use super::{Reporter, machine_out, transfer_problem};
use crate::disks::layers;
use crate::disks::opfs::Directory;
use crate::storage::requests;
use protocol::{
    ArchiveFormat, DiskFormat, DiskName, DiskOrder, ExportWhat, ExportedFile, ImageFile, JobId, LayerId, Outcome,
    Point, Problem, ProblemCode, SnapshotId, Subject,
};
use qcow2::ClusterPacking;
use transfer::disk::{ExportFormat, Packing};
use transfer::workspace::Format;

/// The level of deflate for packed clusters: more costs much time and gains little.
const DEFLATE_LEVEL: u32 = 6;

/// Writes the file and puts it where the page finds it.
pub async fn export(
    job: &JobId,
    place: &Directory,
    order: &DiskOrder,
    (snapshot, what): (Option<&SnapshotId>, ExportWhat),
    frozen: Option<Point>,
) -> Result<Outcome, Problem> {
    let none = || Problem::new(ProblemCode::NotFound, "This machine does not exist any more.");
    let Subject { instance, image } = order.subject.as_ref().ok_or_else(none)?;
    let point = requests::point(instance, snapshot, frozen).await?;
    let packaged = [image.clone(), order.inventory.workspace.clone()];
    let mut out = NewFile::create(place, "out").await?;
    let message = match what {
        ExportWhat::Disk(disk, format) => {
            let layer = layer(&point, disk)?;
            self::disk(layer, &packaged, format, &mut out).await?;
            String::new()
        }
        ExportWhat::Workspace(format) => {
            let layer = layer(&point, DiskName::Workspace)?;
            workspace(layer, &packaged, format, &mut out).await?
        }
        ExportWhat::Machine => {
            out = machine_out::write(instance, snapshot, &point, out).await?;
            String::new()
        }
    };
    let bytes = out.finish()?;
    let name = format!("{}{}", instance.name, ending(what));
    hand_out(place, job, &name).await?;
    Ok(Outcome { message, file: Some(ExportedFile { name, bytes }), made: None })
}

fn layer(point: &Point, disk: DiskName) -> Result<&LayerId, Problem> {
    match disk {
        DiskName::System => Ok(&point.system),
        DiskName::Workspace => {
            let none = || Problem::new(ProblemCode::NotFound, "This machine has no workspace.");
            point.workspace.as_ref().ok_or_else(none)
        }
    }
}

async fn disk(layer: &LayerId, packaged: &[ImageFile], format: DiskFormat, out: &mut NewFile) -> Result<(), Problem> {
    let mut disk = layers::open_frozen(layer, packaged).await?;
    let format = match format {
        DiskFormat::Qcow2 => ExportFormat::Qcow2(None),
        DiskFormat::Qcow2Deflate => ExportFormat::Qcow2(Some(ClusterPacking::Deflate(DEFLATE_LEVEL))),
        DiskFormat::Qcow2Zstd => ExportFormat::Qcow2(Some(ClusterPacking::Zstd)),
        DiskFormat::Raw => ExportFormat::Raw(None),
        DiskFormat::RawGzip => ExportFormat::Raw(Some(Packing::Gzip)),
        DiskFormat::RawZstd => ExportFormat::Raw(Some(Packing::Zstd)),
    };
    let mut reporter = Reporter::new("Writing the disk");
    let written = transfer::disk::export(&mut disk, format, out, &mut |progress| reporter.tell(progress));
    written.map(drop).map_err(|error| transfer_problem("The disk could not be written to a file", &error))
}

/// Returns what there is to say of it.
async fn workspace(
    layer: &LayerId,
    packaged: &[ImageFile],
    format: ArchiveFormat,
    out: &mut NewFile,
) -> Result<String, Problem> {
    let disk = layers::open_frozen(layer, packaged).await?;
    let format = match format {
        ArchiveFormat::Tar => Format::Tar(None),
        ArchiveFormat::TarGzip => Format::Tar(Some(Packing::Gzip)),
        ArchiveFormat::Zip => Format::Zip,
    };
    let mut reporter = Reporter::new("Packing the files");
    let exported = transfer::workspace::export(Box::new(disk), format, out, &mut |progress| reporter.tell(progress));
    let exported = exported.map_err(|error| transfer_problem("The workspace’s files could not be packed", &error))?;
    let mut message = format!("{} files and {} directories.", exported.files, exported.directories);
    if exported.left_out > 0 {
        let names = exported.left_out_names.join(", ");
        message.push_str(&format!(" Left out, being no files: {} ({names}).", exported.left_out));
    }
    Ok(message)
}

/// What the file's name ends with.
fn ending(what: ExportWhat) -> String {
    match what {
        ExportWhat::Disk(disk, format) => {
            let disk = match disk {
                DiskName::System => "",
                DiskName::Workspace => "-workspace",
            };
            let format = match format {
                DiskFormat::Qcow2 | DiskFormat::Qcow2Deflate | DiskFormat::Qcow2Zstd => "qcow2",
                DiskFormat::Raw => "img",
                DiskFormat::RawGzip => "img.gz",
                DiskFormat::RawZstd => "img.zst",
            };
            format!("{disk}.{format}")
        }
        ExportWhat::Workspace(ArchiveFormat::Tar) => "-workspace.tar".to_owned(),
        ExportWhat::Workspace(ArchiveFormat::TarGzip) => "-workspace.tar.gz".to_owned(),
        ExportWhat::Workspace(ArchiveFormat::Zip) => "-workspace.zip".to_owned(),
        ExportWhat::Machine => ".machine.tar".to_owned(),
    }
}
