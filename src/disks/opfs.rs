//! Files in the origin private file system. A worker's own file is held by a synchronous access handle, which locks it; a shared one is read as a `File`, without a lock.

use crate::bridge::{name_of, problem, text_of};
use block::{BlockError, BlockFile, check_range};
use js_sys::{ArrayBuffer, Uint8Array};
use protocol::{InstanceId, Problem, ProblemCode};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    File, FileReaderSync, FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions,
    FileSystemGetFileOptions, FileSystemHandle, FileSystemHandleKind, FileSystemReadWriteOptions,
    FileSystemRemoveOptions, FileSystemSyncAccessHandle, StorageManager,
};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_namespace = navigator, js_name = storage)]
    static STORAGE: Option<StorageManager>;

    /// `FileSystemHandle.move`, which web-sys lacks.
    type Movable;

    #[wasm_bindgen(method, catch, js_name = "move")]
    async fn rename(this: &Movable, name: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, js_name = "move")]
    async fn move_to(this: &Movable, to: &FileSystemDirectoryHandle, name: &str) -> Result<JsValue, JsValue>;
}

/// What a directory has in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Whether it is a directory itself.
    pub directory: bool,
}

/// A directory of the private file system.
#[derive(Debug, Clone)]
pub struct Directory(FileSystemDirectoryHandle);

/// What a failed storage operation means to the user.
pub(super) fn storage_problem(what: &str, error: &JsValue) -> Problem {
    let code = match name_of(error).as_str() {
        "QuotaExceededError" => ProblemCode::NoSpace,
        "NoModificationAllowedError" => ProblemCode::DiskBusy,
        "SecurityError" | "NotAllowedError" | "InvalidStateError" => ProblemCode::NoStorage,
        _ => ProblemCode::Internal,
    };
    problem(code, what, error)
}

/// What a failed read or write means to the layers above.
fn block_error(error: &JsValue) -> BlockError {
    match name_of(error).as_str() {
        "QuotaExceededError" => BlockError::NoSpace,
        _ => BlockError::Io(text_of(error)),
    }
}

impl Directory {
    /// The directory at this path from the root, made if it is not there.
    pub async fn open(path: &[&str]) -> Result<Self, Problem> {
        let none = "The browser gives this window no private storage, so a machine’s disk has no place";
        let failed = |error: JsValue| problem(ProblemCode::NoStorage, none, &error);
        let storage = STORAGE.with(Clone::clone);
        let storage = storage.ok_or_else(|| Problem::new(ProblemCode::NoStorage, format!("{none}.")))?;
        let mut handle: FileSystemDirectoryHandle =
            JsFuture::from(storage.get_directory()).await.map_err(failed)?.unchecked_into();
        let options = FileSystemGetDirectoryOptions::new();
        options.set_create(true);
        for name in path {
            let next = JsFuture::from(handle.get_directory_handle_with_options(name, &options)).await;
            let next =
                next.map_err(|error| storage_problem("A directory for the machine could not be made", &error))?;
            handle = next.unchecked_into();
        }
        Ok(Self(handle))
    }

    pub(super) async fn handle(&self, name: &str, create: bool) -> Result<FileSystemFileHandle, JsValue> {
        let options = FileSystemGetFileOptions::new();
        options.set_create(create);
        Ok(JsFuture::from(self.0.get_file_handle_with_options(name, &options)).await?.unchecked_into())
    }

    /// The file of this name for reading without a lock, or `None` if there is none.
    pub async fn shared(&self, name: &str) -> Result<Option<File>, Problem> {
        let failed = |error: JsValue| storage_problem(&format!("The file {name} could not be opened"), &error);
        let handle = match self.handle(name, false).await {
            Ok(handle) => handle,
            Err(error) if name_of(&error) == "NotFoundError" => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        Ok(Some(JsFuture::from(handle.get_file()).await.map_err(failed)?.unchecked_into()))
    }

    /// The file of this name, made empty if it is not there, locked for this worker alone.
    pub async fn locked(&self, name: &str) -> Result<LockedFile, Problem> {
        let failed = |error: JsValue| storage_problem(&format!("The file {name} could not be opened"), &error);
        let handle = self.handle(name, true).await.map_err(failed)?;
        let access = JsFuture::from(handle.create_sync_access_handle()).await.map_err(failed)?;
        Ok(LockedFile { access: access.unchecked_into(), options: FileSystemReadWriteOptions::new() })
    }

    /// Gives the file of this name another one.
    pub async fn rename(&self, from: &str, to: &str) -> Result<(), Problem> {
        let failed = |error: JsValue| storage_problem(&format!("The file {to} could not be put in its place"), &error);
        let handle = self.handle(from, false).await.map_err(failed)?;
        handle.unchecked_into::<Movable>().rename(to).await.map_err(failed)?;
        Ok(())
    }

    /// Moves a file into another directory, under a name that nothing has there.
    pub async fn move_to(&self, from: &str, to: &Self, name: &str) -> Result<(), Problem> {
        let failed =
            |error: JsValue| storage_problem(&format!("The file {name} could not be put in its place"), &error);
        let handle = self.handle(from, false).await.map_err(failed)?;
        handle.unchecked_into::<Movable>().move_to(&to.0, name).await.map_err(failed)?;
        Ok(())
    }

    /// All that is in it, in no order.
    pub async fn entries(&self) -> Result<Vec<Entry>, Problem> {
        let failed = |error: JsValue| storage_problem("A directory could not be read", &error);
        let handles = self.0.values();
        let mut entries = vec![];
        loop {
            let next = JsFuture::from(handles.next_iterator().map_err(failed)?).await.map_err(failed)?;
            let next: js_sys::IteratorNext = next.unchecked_into();
            if next.done() {
                return Ok(entries);
            }
            let handle: FileSystemHandle = next.value().unchecked_into();
            let directory = handle.kind() == FileSystemHandleKind::Directory;
            entries.push(Entry { name: handle.name(), directory });
        }
    }

    /// The directory of this name in it, made if it is not there.
    pub async fn directory(&self, name: &str) -> Result<Self, Problem> {
        let options = FileSystemGetDirectoryOptions::new();
        options.set_create(true);
        let handle = JsFuture::from(self.0.get_directory_handle_with_options(name, &options)).await;
        let handle = handle.map_err(|error| storage_problem("A directory could not be made", &error))?;
        Ok(Self(handle.unchecked_into()))
    }

    /// Removes what has this name, if anything, with all that is in it.
    pub async fn remove(&self, name: &str) -> Result<(), Problem> {
        let options = FileSystemRemoveOptions::new();
        options.set_recursive(true);
        match JsFuture::from(self.0.remove_entry_with_options(name, &options)).await {
            Ok(_) => Ok(()),
            Err(error) if name_of(&error) == "NotFoundError" => Ok(()),
            Err(error) => Err(storage_problem(&format!("{name} could not be removed"), &error)),
        }
    }
}

/// Removes all files of an instance. Works in every context, also where no file can be locked.
pub async fn remove_instance(id: &InstanceId) -> Result<(), Problem> {
    let instances = Directory::open(&["instances"]).await?;
    let own = instances.directory(id.as_str()).await?;
    // First, so that what can't be removed now is known to belong to nothing.
    for slot in super::records::SLOTS {
        own.remove(slot).await?;
    }
    instances.remove(id.as_str()).await
}

/// A file that this worker alone has open. Dropping it gives it free.
#[derive(Debug)]
pub struct LockedFile {
    access: FileSystemSyncAccessHandle,
    /// Where to read or write next; one object for all accesses.
    options: FileSystemReadWriteOptions,
}

impl Drop for LockedFile {
    fn drop(&mut self) {
        self.access.close();
    }
}

impl LockedFile {
    /// Reads what there is from an offset on, as far as `buf` goes, and says how many bytes that were.
    pub fn read_some(&mut self, offset: u64, buf: &mut [u8]) -> Result<usize, BlockError> {
        let read = self.access.read_with_u8_array_and_options(buf, self.at(offset));
        Ok(read.map_err(|error| block_error(&error))? as usize)
    }

    fn at(&self, offset: u64) -> &FileSystemReadWriteOptions {
        self.options.set_at(offset as f64);
        &self.options
    }
}

impl BlockFile for LockedFile {
    fn len(&self) -> Result<u64, BlockError> {
        Ok(self.access.get_size().map_err(|error| block_error(&error))? as u64)
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        let wanted = buf.len();
        let read = self.access.read_with_u8_array_and_options(buf, self.at(offset));
        let read = read.map_err(|error| block_error(&error))? as usize;
        if read != wanted {
            check_range(offset, wanted, self.len()?)?;
            return Err(BlockError::Io(format!("{read} bytes came instead of {wanted}")));
        }
        Ok(())
    }

    fn write_at(&mut self, offset: u64, data: &[u8]) -> Result<(), BlockError> {
        let written = self.access.write_with_u8_array_and_options(data, self.at(offset));
        let written = written.map_err(|error| block_error(&error))? as usize;
        // A write that stops short is how a browser says that there is no room.
        if written == data.len() { Ok(()) } else { Err(BlockError::NoSpace) }
    }

    fn set_len(&mut self, len: u64) -> Result<(), BlockError> {
        self.access.truncate_with_f64(len as f64).map_err(|error| block_error(&error))
    }

    fn flush(&mut self) -> Result<(), BlockError> {
        self.access.flush().map_err(|error| block_error(&error))
    }
}

/// How much is read from a shared file at once: a read costs about the same whatever its size up to here.
const WINDOW: u64 = 256 * 1024;
/// How many windows a machine keeps: 16 MiB, more than a boot reads twice.
const WINDOWS_MAX: usize = 64;

/// A file that others read as well.
#[derive(Debug)]
pub struct SharedFile {
    file: File,
    reader: FileReaderSync,
    len: u64,
    /// Newest last.
    windows: Vec<(u64, Uint8Array)>,
}

impl SharedFile {
    /// Takes an immutable file.
    pub fn new(file: File) -> Result<Self, Problem> {
        let reader = FileReaderSync::new()
            .map_err(|error| problem(ProblemCode::Internal, "The base image can’t be read here", &error))?;
        let len = file.size() as u64;
        Ok(Self { file, reader, len, windows: vec![] })
    }

    /// All bytes from this offset on, as JavaScript's.
    pub fn rest(&self, from: u64) -> Result<ArrayBuffer, BlockError> {
        let blob = self.file.slice_with_f64_and_f64(from as f64, self.len as f64);
        blob.and_then(|blob| self.reader.read_as_array_buffer(&blob)).map_err(|error| block_error(&error))
    }

    fn window(&mut self, index: u64) -> Result<Uint8Array, BlockError> {
        if let Some(place) = self.windows.iter().position(|(kept, _)| *kept == index) {
            let kept = self.windows.remove(place);
            self.windows.push(kept);
        } else {
            let start = index * WINDOW;
            let end = (start + WINDOW).min(self.len);
            let blob = self.file.slice_with_f64_and_f64(start as f64, end as f64);
            let bytes = blob.and_then(|blob| self.reader.read_as_array_buffer(&blob));
            let bytes: JsValue = bytes.map_err(|error| block_error(&error))?.into();
            let bytes = Uint8Array::new(&bytes);
            if u64::from(bytes.length()) != end - start {
                return Err(BlockError::Io("the base image’s file has changed".to_owned()));
            }
            if self.windows.len() == WINDOWS_MAX {
                self.windows.remove(0);
            }
            self.windows.push((index, bytes));
        }
        self.windows.last().map(|(_, bytes)| bytes.clone()).ok_or_else(|| BlockError::Io("no window".to_owned()))
    }
}

impl BlockFile for SharedFile {
    fn len(&self) -> Result<u64, BlockError> {
        Ok(self.len)
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        check_range(offset, buf.len(), self.len)?;
        let mut done = 0;
        while done < buf.len() {
            let place = offset + done as u64;
            let within = place % WINDOW;
            let count = (buf.len() - done).min((WINDOW - within) as usize);
            let window = self.window(place / WINDOW)?;
            window.subarray(within as u32, within as u32 + count as u32).copy_to(&mut buf[done..done + count]);
            done += count;
        }
        Ok(())
    }

    fn write_at(&mut self, _offset: u64, _data: &[u8]) -> Result<(), BlockError> {
        Err(BlockError::ReadOnly)
    }

    fn set_len(&mut self, _len: u64) -> Result<(), BlockError> {
        Err(BlockError::ReadOnly)
    }

    fn flush(&mut self) -> Result<(), BlockError> {
        Ok(())
    }
}
