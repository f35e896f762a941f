//! The user's own profiles: a tar for each in a folder of the browser's private file system.

use js_sys::{ArrayBuffer, Uint8Array};
use profile::{ARCHIVE_MAX, Bundle, Name};
use protocol::{OWN_PROFILES, Problem, ProblemCode};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, File, FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions,
    FileSystemGetFileOptions, FileSystemHandle, FileSystemWritableFileStream, HtmlAnchorElement, Url,
};

#[wasm_bindgen]
extern "C" {
    /// `AsyncIterator` of a directory's handles.
    #[wasm_bindgen(extends = FileSystemDirectoryHandle)]
    type Listed;
    #[wasm_bindgen(method)]
    fn values(this: &Listed) -> js_sys::AsyncIterator;
}

fn failed(what: &str) -> impl Fn(JsValue) -> Problem {
    move |error| {
        let said = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message())).unwrap_or_default();
        Problem::new(ProblemCode::NoStorage, format!("{what}: {said}"))
    }
}

async fn folder() -> Result<FileSystemDirectoryHandle, JsValue> {
    let window = web_sys::window().ok_or(JsValue::UNDEFINED)?;
    let root = JsFuture::from(window.navigator().storage().get_directory()).await?;
    let options = FileSystemGetDirectoryOptions::new();
    options.set_create(true);
    let root: FileSystemDirectoryHandle = root.dyn_into()?;
    JsFuture::from(root.get_directory_handle_with_options(OWN_PROFILES, &options)).await?.dyn_into()
}

fn file_name(name: &Name) -> String {
    format!("{name}.tar")
}

/// All of them; what can't be read is told beside.
pub async fn load() -> Result<(Vec<Bundle>, Vec<String>), Problem> {
    read_all().await.map_err(failed("Your profiles can’t be read"))
}

async fn read_all() -> Result<(Vec<Bundle>, Vec<String>), JsValue> {
    let handles = folder().await?.unchecked_into::<Listed>().values();
    let (mut bundles, mut bad) = (vec![], vec![]);
    loop {
        let next: js_sys::IteratorNext = JsFuture::from(handles.next_iterator()?).await?.unchecked_into();
        if next.done() {
            bundles.sort_by(|one: &Bundle, other| one.profile().name.cmp(&other.profile().name));
            return Ok((bundles, bad));
        }
        let handle: FileSystemHandle = next.value().unchecked_into();
        let name = handle.name();
        let Ok(handle) = handle.dyn_into::<FileSystemFileHandle>() else { continue };
        if !name.ends_with(".tar") {
            continue;
        }
        let file: File = JsFuture::from(handle.get_file()).await?.unchecked_into();
        match bundle(&file).await {
            Ok(bundle) => bundles.push(bundle),
            Err(problem) => bad.push(format!("{name}: {}", problem.message)),
        }
    }
}

/// The profile in a file of the user's.
pub async fn bundle(file: &File) -> Result<Bundle, Problem> {
    let refused = |why: &dyn std::fmt::Display| Problem::new(ProblemCode::BadFile, format!("{}: {why}.", file.name()));
    if file.size() > ARCHIVE_MAX as f64 {
        return Err(refused(&"it is too large for a profile"));
    }
    let bytes = JsFuture::from(file.array_buffer()).await.map_err(|_| refused(&"it can’t be read"))?;
    let bytes: ArrayBuffer = bytes.unchecked_into();
    Bundle::from_archive(&Uint8Array::new(&bytes).to_vec()).map_err(|error| refused(&error))
}

/// Keeps a profile, in the place of the one of the same name.
pub async fn keep(bundle: &Bundle) -> Result<(), Problem> {
    let bytes = bundle.to_tar().map_err(|error| Problem::new(ProblemCode::Internal, format!("{error}.")))?;
    write(&file_name(&bundle.profile().name), &bytes).await.map_err(failed("The profile was not saved"))
}

async fn write(name: &str, bytes: &[u8]) -> Result<(), JsValue> {
    let options = FileSystemGetFileOptions::new();
    options.set_create(true);
    let file = JsFuture::from(folder().await?.get_file_handle_with_options(name, &options)).await?;
    let file: FileSystemFileHandle = file.dyn_into()?;
    // The file gets its new content when this is closed, all of it or none.
    let stream: FileSystemWritableFileStream = JsFuture::from(file.create_writable()).await?.dyn_into()?;
    JsFuture::from(stream.write_with_js_u8_array(&Uint8Array::from(bytes))?).await?;
    JsFuture::from(stream.close()).await.map(drop)
}

/// Forgets a profile.
pub async fn forget(name: &Name) -> Result<(), Problem> {
    let removed = async { JsFuture::from(folder().await?.remove_entry(&file_name(name))).await.map(drop) };
    removed.await.map_err(failed("The profile was not deleted"))
}

/// Gives a profile to the browser to save, as a zip.
pub fn export(bundle: &Bundle) -> Result<(), Problem> {
    let bytes = bundle.to_zip().map_err(|error| Problem::new(ProblemCode::Internal, format!("{error}.")))?;
    let name = format!("{}-{}.zip", bundle.profile().name, bundle.profile().version);
    save(&bytes, &name).map_err(failed("The browser did not begin to save the profile"))
}

fn save(bytes: &[u8], name: &str) -> Result<(), JsValue> {
    let blob = Blob::new_with_u8_array_sequence(&js_sys::Array::of1(&Uint8Array::from(bytes)))?;
    let address = Url::create_object_url_with_blob(&blob)?;
    let document = web_sys::window().and_then(|window| window.document()).ok_or(JsValue::UNDEFINED)?;
    let link: HtmlAnchorElement = document.create_element("a")?.dyn_into()?;
    link.set_href(&address);
    link.set_download(name);
    link.click();
    // The browser reads it a little later.
    gloo_timers::callback::Timeout::new(60_000, move || drop(Url::revoke_object_url(&address))).forget();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_s_file_is_found_by_its_name() {
        assert_eq!(file_name(&Name::try_from("mine").unwrap()), "mine.tar");
    }
}
