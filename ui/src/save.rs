//! Saves a file that an export wrote where the browser saves downloads.

use crate::room::manager;
use protocol::{JobId, Problem, ProblemCode};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{File, FileSystemDirectoryHandle, FileSystemFileHandle, HtmlAnchorElement, Url};

/// The folder of the private file system with what exports wrote.
const FOLDER: &str = "exports";

/// A file on its way to the downloads. The browser may read it as long as this is kept.
#[derive(Debug)]
pub struct Download(String);

impl Drop for Download {
    fn drop(&mut self) {
        // Fails only for what is no address.
        let _ = Url::revoke_object_url(&self.0);
    }
}

/// Makes the browser save the file that the job wrote, under this name.
pub async fn save(job: &JobId, name: &str) -> Result<Download, Problem> {
    let file = open(job).await.map_err(|_| Problem {
        code: ProblemCode::NotFound,
        message: format!("{name} can’t be read any more."),
        advice: "Dismiss this, and export it again.".to_owned(),
    })?;
    let failed = |_| Problem::new(ProblemCode::Internal, format!("The browser did not begin to save {name}."));
    let download = Download(Url::create_object_url_with_blob(&file).map_err(failed)?);
    click(&download.0, name).map_err(failed)?;
    Ok(download)
}

async fn open(job: &JobId) -> Result<File, JsValue> {
    let manager = manager().ok_or(JsValue::UNDEFINED)?;
    let root: FileSystemDirectoryHandle = JsFuture::from(manager.get_directory()).await?.dyn_into()?;
    let folder: FileSystemDirectoryHandle = JsFuture::from(root.get_directory_handle(FOLDER)).await?.dyn_into()?;
    let handle: FileSystemFileHandle = JsFuture::from(folder.get_file_handle(job.as_str())).await?.dyn_into()?;
    JsFuture::from(handle.get_file()).await?.dyn_into()
}

fn click(address: &str, name: &str) -> Result<(), JsValue> {
    let document = web_sys::window().and_then(|window| window.document()).ok_or(JsValue::UNDEFINED)?;
    let link: HtmlAnchorElement = document.create_element("a")?.dyn_into()?;
    link.set_href(address);
    link.set_download(name);
    link.click();
    Ok(())
}
