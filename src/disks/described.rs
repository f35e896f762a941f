//! Small text files of the private file system, written and read where there are no synchronous handles: by the background.

use super::opfs::{Directory, storage_problem};
use protocol::Problem;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    /// `FileSystemFileHandle`, with what web-sys has not.
    type Handle;

    #[wasm_bindgen(method, catch, js_name = createWritable)]
    async fn create_writable(this: &Handle) -> Result<JsValue, JsValue>;

    /// `FileSystemWritableFileStream`.
    type Stream;

    #[wasm_bindgen(method, catch)]
    async fn write(this: &Stream, text: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    async fn close(this: &Stream) -> Result<JsValue, JsValue>;
}

/// Gives the file this content. What it had before stays until all of it is written.
pub async fn replace(directory: &Directory, name: &str, text: &str) -> Result<(), Problem> {
    let failed = |error: JsValue| storage_problem(&format!("The file {name} could not be written"), &error);
    let handle: Handle = directory.handle(name, true).await.map_err(failed)?.unchecked_into();
    let stream: Stream = handle.create_writable().await.map_err(failed)?.unchecked_into();
    stream.write(text).await.map_err(failed)?;
    stream.close().await.map_err(failed)?;
    Ok(())
}

/// The file's content; `None` if there is none, or one that is larger than this, in bytes.
pub async fn read(directory: &Directory, name: &str, most: u64) -> Result<Option<String>, Problem> {
    let Some(file) = directory.shared(name).await?.filter(|file| file.size() <= most as f64) else { return Ok(None) };
    let failed = |error: JsValue| storage_problem(&format!("The file {name} could not be read"), &error);
    Ok(JsFuture::from(file.text()).await.map_err(failed)?.as_string())
}
