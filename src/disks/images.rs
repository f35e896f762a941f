//! Base images: put from the extension's package into the private file system once, and then shared.

use super::locks::Lock;
use super::opfs::{Directory, SharedFile};
use crate::bridge::problem;
use crate::package;
use block::BlockFile;
use js_sys::{ArrayBuffer, Uint8Array};
use protocol::{ImageFile, Problem, ProblemCode};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{File, SubtleCrypto};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_namespace = crypto, js_name = subtle)]
    static SUBTLE: SubtleCrypto;
}
/// An image of this name that an earlier version of the extension put into the private file system.
pub async fn older_image(name: &str) -> Result<Option<SharedFile>, Problem> {
    // A name that no image has here can't be one of another place either: it comes out of a file.
    let digest = name.strip_suffix(".qcow2").unwrap_or_default();
    if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(None);
    }
    Directory::open(&["images"]).await?.shared(name).await?.map(SharedFile::new).transpose()
}

/// The base image's file in the private file system, put there first if it is not.
pub async fn base_image(image: &ImageFile) -> Result<SharedFile, Problem> {
    SharedFile::new(base_file(image).await?)
}

async fn base_file(image: &ImageFile) -> Result<File, Problem> {
    let directory = Directory::open(&["images"]).await?;
    let name = image.name();
    if let Some(file) = installed(&directory, &name, image).await? {
        return Ok(file);
    }
    // Two machines that start at once must not both write it.
    let lock = Lock::take(&format!("image:{}", image.sha256)).await?;
    let found = installed(&directory, &name, image).await?;
    let file = match found {
        Some(file) => file,
        None => install(&directory, &name, image).await?,
    };
    drop(lock);
    Ok(file)
}

/// Only a file that was checked gets this name, so its length is all that is looked at again.
async fn installed(directory: &Directory, name: &str, image: &ImageFile) -> Result<Option<File>, Problem> {
    let file = directory.shared(name).await?;
    Ok(file.filter(|file| file.size() as u64 == image.bytes))
}

async fn install(directory: &Directory, name: &str, image: &ImageFile) -> Result<File, Problem> {
    let bytes = package::file(&image.path).await?;
    let found = sha256(&bytes).await?;
    if found != image.sha256 {
        let message = format!("The packaged base image {} is damaged: its SHA-256 is {found}.", image.path);
        return Err(Problem::new(ProblemCode::ImageDamaged, message));
    }
    let part = format!("{}.part", image.sha256);
    let written = write(directory, &part, &Uint8Array::new(&bytes)).await;
    if let Err(problem) = written {
        directory.remove(&part).await?;
        return Err(problem);
    }
    directory.remove(name).await?;
    directory.rename(&part, name).await?;
    let file = directory.shared(name).await?;
    file.ok_or_else(|| Problem::new(ProblemCode::Internal, "The base image vanished after it was stored."))
}

async fn write(directory: &Directory, name: &str, bytes: &Uint8Array) -> Result<(), Problem> {
    let mut file = directory.locked(name).await?;
    let failed = |error: block::BlockError| super::disk_problem("The base image could not be stored", &error);
    file.set_len(0).map_err(failed)?;
    let mut offset = 0;
    // In pieces, because each is copied through this module's memory.
    while offset < bytes.length() {
        let end = (offset + (1 << 20)).min(bytes.length());
        file.write_at(offset.into(), &bytes.subarray(offset, end).to_vec()).map_err(failed)?;
        offset = end;
    }
    file.flush().map_err(failed)
}

/// The digest of some bytes, in lower-case hexadecimal.
pub(super) async fn sha256(bytes: &ArrayBuffer) -> Result<String, Problem> {
    let failed = |error| problem(ProblemCode::Internal, "A checksum could not be computed", &error);
    let promise = SUBTLE.with(|subtle| subtle.digest_with_str_and_buffer_source("SHA-256", bytes)).map_err(failed)?;
    let digest = Uint8Array::new(&JsFuture::from(promise).await.map_err(failed)?).to_vec();
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}
