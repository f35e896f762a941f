//! The guest as it is packaged: kernel, BIOS, base images as qcow2, and the list of templates.

use super::Extras;
use super::warm::{self, Ingredients};
use anyhow::{Context, Result};
use block::{RawDisk, StdFile};
use guest_build::Error;
use guest_build::image::{Flavour, GuestImage};
use guest_build::kernel::KernelInfo;
use protocol::{ImageFile, MemoryMib};
use qcow2::{ExportOptions, ExportPlan, FileSink};
use registry::BaseImage;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::path::Path;

/// BIOS images: where the repository has them, and what the machine worker asks for.
const BIOS: [(&str, &str); 2] = [("bios.bin", "bios.bin"), ("vgabios-stdvga.bin", "vgabios.bin")];

/// What the kernel is built with: Debian's packages, and what shows that each is there.
const KERNEL_TOOLS: [(&str, &str); 8] = [
    ("gcc", "gcc"),
    ("make", "make"),
    ("flex", "flex"),
    ("bison", "bison"),
    ("bc", "bc"),
    ("patch", "patch"),
    ("libelf-dev", "/usr/include/libelf.h"),
    ("xz-utils", "xz"),
];

/// Builds the kernel and our small programs from source into `images/kernel` and `images/tools`.
pub fn kernel(root: &Path) -> Result<KernelInfo> {
    setup::apt(&KERNEL_TOOLS)?;
    guest_build::tools::build(root)?;
    Ok(guest_build::kernel::build(root)?)
}

/// Builds the guest's image where it is kept between builds.
pub fn image(root: &Path) -> Result<GuestImage> {
    setup::apt(&[("e2fsprogs", "mke2fs"), ("curl", "curl")])?;
    let out = root.join("target/guest");
    fs::create_dir_all(&out)?;
    let mut built = guest_build::image::ensure(root, &out);
    if built.as_ref().is_err_and(lacks_debootstrap) {
        setup::apt(&[("debootstrap", "debootstrap")])?;
        built = guest_build::image::ensure(root, &out);
    }
    let image = built?;
    for note in &image.notes {
        eprintln!("guest: {note}");
    }
    Ok(image)
}

/// Only where no source of Alpine answers: nobody else needs it.
fn lacks_debootstrap(error: &Error) -> bool {
    matches!(error, Error::NoImage { debian, .. }
        if matches!(&**debian, Error::ToolMissing { package: "debootstrap", .. }))
}

/// Puts all that a machine boots from into `out`, and returns the images, of which the first is that of the default template.
pub fn package(root: &Path, out: &Path, extras: Extras) -> Result<Vec<GuestImage>> {
    fs::create_dir_all(out)?;
    fs::write(out.join("kernel.bin"), guest_build::kernel::flat_kernel(root)?)?;
    for (from, to) in BIOS {
        let from = root.join("images/bios").join(from);
        fs::copy(&from, out.join(to)).with_context(|| format!("{} can't be copied", from.display()))?;
    }
    let mut images = vec![image(root)?];
    if extras.debian && images[0].flavour != Flavour::Debian {
        setup::apt(&[("debootstrap", "debootstrap")])?;
        images.push(guest_build::image::ensure_flavour(root, &root.join("target/guest"), Flavour::Debian)?);
    }
    let mut entries = vec![];
    for image in &images {
        // Not on the standard output, which belongs to the guest in `run --exec`.
        eprintln!("packaged: {} ({})", image.title, image.version);
        entries.push(base(root, image, out)?);
    }
    fs::write(out.join("templates.json"), serde_json::to_string_pretty(&entries)?)?;
    fs::write(out.join("workspace.json"), serde_json::to_string_pretty(&workspace(root, out)?)?)?;
    Ok(images)
}

/// Makes the image that every new workspace disk is an overlay on.
fn workspace(root: &Path, out: &Path) -> Result<ImageFile> {
    let workspace = guest_build::image::workspace(root, &root.join("target/guest"))?;
    image_file(&workspace.path, workspace.size, "workspace.qcow2", out)
}

/// A raw image as a packaged file.
fn image_file(raw: &Path, disk_bytes: u64, name: &str, out: &Path) -> Result<ImageFile> {
    let path = out.join(name);
    convert(raw, &path).with_context(|| format!("{name} can't be made"))?;
    let bytes = fs::read(&path)?;
    let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(ImageFile { path: format!("images/{name}"), sha256, bytes: bytes.len() as u64, disk_bytes })
}

/// Makes the base image and its entry in the list.
fn base(root: &Path, image: &GuestImage, out: &Path) -> Result<BaseImage> {
    let packaged = image_file(&image.path, image.size, &format!("{}.qcow2", image.name), out)?;
    let ingredients = Ingredients {
        extension: out.parent().context("images are in a folder")?,
        raw: &image.path,
        image: &packaged,
        cmdline: &image.cmdline,
        memory: MemoryMib::DEFAULT,
        name: &image.name,
    };
    let warm = warm::package(root, &ingredients)?;
    Ok(BaseImage {
        id: image.name.clone().try_into()?,
        title: image.title.clone(),
        description: description(image.flavour).to_owned(),
        cmdline: image.cmdline.clone(),
        image: packaged,
        warm: Some(warm),
    })
}

/// A sentence on what is in it, for the list of templates.
fn description(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::Alpine => "Small and quick: BusyBox, musl and the apk package manager.",
        Flavour::Debian => "Debian's base system with the apt package manager.",
    }
}

/// A raw image as qcow2, without its zeros; the same input makes the same output.
fn convert(raw: &Path, qcow2: &Path) -> Result<()> {
    let mut disk = RawDisk::new(StdFile::new(File::open(raw)?))?;
    let plan = ExportPlan::new(&mut disk, ExportOptions::default())?;
    let mut file = StdFile::new(File::options().read(true).write(true).create(true).truncate(true).open(qcow2)?);
    let mut sink = FileSink::new(&mut file)?;
    plan.write(&mut disk, &mut sink)?;
    sink.finish()?;
    Ok(())
}
