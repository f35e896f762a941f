//! Layers as files: making them, opening them with all that lies below, and listing them.

use super::images;
use super::locks::Structure;
use super::opfs::{Directory, LockedFile, SharedFile};
use super::{disk_problem, image_problem, random_bits};
use crate::storage::pause;
use ::layers::{Base, Graph, Layer, Overlay};
use block::{BlockError, BlockFile};
use protocol::{ImageFile, LayerId, Problem, ProblemCode};
use qcow2::{Backing, BackingFormat, BackingRef, CreateOptions, Header, Qcow2};

/// Deeper chains are refused: they are made by nobody but a damaged or hostile header.
const DEPTH_MAX: usize = 1000;

/// The directory of all layers.
pub async fn directory() -> Result<Directory, Problem> {
    Directory::open(&["layers"]).await
}

/// A new layer's identifier.
pub fn fresh() -> LayerId {
    LayerId::from_random(random_bits())
}

/// The name of a layer's file, and by which layers above refer to it.
pub fn file_name(id: &LayerId) -> String {
    format!("{id}.qcow2")
}

/// What a backing file's name in a header means.
pub fn base(header: &Header) -> Base {
    match &header.backing {
        None => Base::Nothing,
        Some(backing) => {
            let id = backing.name.strip_suffix(".qcow2").map(|stem| LayerId::try_from(stem.to_owned()));
            match id {
                Some(Ok(id)) => Base::Layer(id),
                _ => Base::Image(backing.name.clone()),
            }
        }
    }
}

/// How a header names this layer as the one below.
pub fn backing_on(id: &LayerId) -> BackingRef {
    BackingRef { name: file_name(id), format: Some(BackingFormat::Qcow2) }
}

fn missing(what: &str) -> Problem {
    Problem::new(ProblemCode::DiskDamaged, format!("{what}, which the disk consists of, is not there."))
}

/// An error unless all is there and known that these layers lie on. Else nobody knows which others they need, and none may be merged or removed.
pub fn all_known<'a>(graph: &'a Graph, tops: impl IntoIterator<Item = &'a LayerId>) -> Result<(), Problem> {
    let Some(id) = graph.gap(tops) else { return Ok(()) };
    let message = format!(
        "The layer {id}, which a disk consists of, is missing or damaged, so it is not known what else that disk needs."
    );
    Err(Problem::new(ProblemCode::DiskDamaged, message))
}

/// A layer's file for reading, without a lock.
pub async fn shared(id: &LayerId) -> Result<SharedFile, Problem> {
    let file = directory().await?.shared(&file_name(id)).await?;
    SharedFile::new(file.ok_or_else(|| missing(&format!("The layer {id}")))?)
}

/// A layer's header.
pub async fn header(id: &LayerId) -> Result<Header, Problem> {
    Header::read(&mut shared(id).await?).map_err(|error| image_problem("The disk can’t be opened", &error))
}

/// What lies below a layer with this header. `packaged` are the images that can be put in place if they are not there.
pub async fn below(header: &Header, packaged: &[ImageFile]) -> Result<Option<Box<dyn Backing>>, Problem> {
    let mut frozen = vec![];
    let mut next = base(header);
    let mut bottom: Option<Box<dyn Backing>> = loop {
        match next {
            Base::Nothing | Base::Unknown => break None,
            Base::Image(name) => {
                let file = match packaged.iter().find(|image| image.name() == name) {
                    Some(image) => images::base_image(image).await?,
                    None => images::older_image(&name).await?.ok_or_else(|| missing(&format!("The image {name}")))?,
                };
                break Some(read_only(file, None)?);
            }
            Base::Layer(id) => {
                if frozen.len() == DEPTH_MAX {
                    return Err(Problem::new(
                        ProblemCode::DiskDamaged,
                        "The disk’s layers lie on each other in a circle.",
                    ));
                }
                let mut file = shared(&id).await?;
                let header =
                    Header::read(&mut file).map_err(|error| image_problem("The disk can’t be opened", &error))?;
                next = base(&header);
                frozen.push(file);
            }
        }
    };
    for file in frozen.into_iter().rev() {
        bottom = Some(read_only(file, bottom)?);
    }
    Ok(bottom)
}

fn read_only(file: SharedFile, backing: Option<Box<dyn Backing>>) -> Result<Box<dyn Backing>, Problem> {
    let image = Qcow2::open_read_only(file, backing);
    Ok(Box::new(image.map_err(|error| image_problem("The disk can’t be opened", &error))?))
}

/// A frozen layer with all below it, for reading.
pub async fn open_frozen(id: &LayerId, packaged: &[ImageFile]) -> Result<Qcow2<SharedFile>, Problem> {
    let backing = below(&header(id).await?, packaged).await?;
    let image = Qcow2::open_read_only(shared(id).await?, backing);
    image.map_err(|error| image_problem("The disk can’t be opened", &error))
}

/// A layer with all below it, for reading and writing by this worker alone.
pub async fn open(id: &LayerId, packaged: &[ImageFile]) -> Result<Qcow2<LockedFile>, Problem> {
    let directory = directory().await?;
    if directory.shared(&file_name(id)).await?.is_none() {
        return Err(missing(&format!("The layer {id}")));
    }
    let mut file = directory.locked(&file_name(id)).await?;
    let failed = |error| image_problem("The disk can’t be opened", &error);
    let header = Header::read(&mut file).map_err(failed)?;
    let backing = below(&header, packaged).await?;
    Qcow2::open(file, backing).map_err(failed)
}

/// Makes an empty layer of this size on something.
pub async fn create(id: &LayerId, size: u64, backing: Option<BackingRef>) -> Result<(), Problem> {
    let directory = directory().await?;
    let name = file_name(id);
    let mut file = directory.locked(&name).await?;
    let options = CreateOptions { backing, ..CreateOptions::new(size) };
    let made = qcow2::create(&mut file, &options);
    drop(file);
    if let Err(error) = made {
        // Nothing names it yet, and it takes room that is short.
        directory.remove(&name).await?;
        return Err(image_problem("A layer of the disk could not be made", &error));
    }
    Ok(())
}

/// Makes a layer of a file's bytes.
pub async fn put(id: &LayerId, bytes: &[u8]) -> Result<(), Problem> {
    let directory = directory().await?;
    let name = file_name(id);
    let mut file = directory.locked(&name).await?;
    let written = file.set_len(0).and_then(|()| file.write_at(0, bytes)).and_then(|()| file.flush());
    drop(file);
    if let Err(error) = written {
        // As above.
        directory.remove(&name).await?;
        return Err(disk_problem("A layer of the disk could not be made", &error));
    }
    Ok(())
}

/// Makes empty layers on others; makes all or none.
pub async fn create_overlays(_right: &Structure, overlays: &[Overlay]) -> Result<(), Problem> {
    for (made, overlay) in overlays.iter().enumerate() {
        let create = async {
            let size = header(&overlay.on).await?.size;
            create(&overlay.layer, size, Some(backing_on(&overlay.on))).await
        };
        if let Err(problem) = create.await {
            for overlay in &overlays[..made] {
                remove(&overlay.layer).await?;
            }
            return Err(problem);
        }
    }
    Ok(())
}

/// Removes a layer's file.
pub async fn remove(id: &LayerId) -> Result<(), Problem> {
    directory().await?.remove(&file_name(id)).await
}

/// How often a header is read that another worker's writing has kept from being read, and after how many milliseconds.
const HEADER_TRIES: u32 = 50;
const HEADER_PAUSE_MS: i32 = 10;

/// What the layer in this file lies on. A running machine writes its own at any moment, and browsers refuse to read a file that has changed
/// since it was looked up; whoever opens a damaged one says what is wrong.
async fn base_of(directory: &Directory, name: &str) -> Result<Base, Problem> {
    for _ in 0..HEADER_TRIES {
        let Some(file) = directory.shared(name).await? else { break };
        match Header::read(&mut SharedFile::new(file)?) {
            Ok(header) => return Ok(base(&header)),
            Err(qcow2::Error::Block(BlockError::Io(_))) => pause(HEADER_PAUSE_MS).await,
            Err(_) => break,
        }
    }
    Ok(Base::Unknown)
}

/// All layers that there are. A file that is none is passed over.
pub async fn graph(_right: &Structure) -> Result<Graph, Problem> {
    let directory = directory().await?;
    let mut found = vec![];
    for entry in directory.entries().await? {
        let id = entry.name.strip_suffix(".qcow2").map(|stem| LayerId::try_from(stem.to_owned()));
        let (Some(Ok(id)), false) = (id, entry.directory) else { continue };
        let Some(file) = directory.shared(&entry.name).await? else { continue };
        let bytes = file.size() as u64;
        found.push((id, Layer { base: base_of(&directory, &entry.name).await?, bytes }));
    }
    Ok(found.into_iter().collect())
}
