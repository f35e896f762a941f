//! Text that the user saves as a file.

use wasm_bindgen::prelude::*;
use web_sys::{Blob, BlobPropertyBag, HtmlAnchorElement, Url};

/// A file on its way to the downloads. The browser may read it as long as this is kept.
#[derive(Debug)]
pub(crate) struct TextDownload(String);

impl Drop for TextDownload {
    fn drop(&mut self) {
        // Fails only for what is no address.
        let _ = Url::revoke_object_url(&self.0);
    }
}

/// Makes the browser save the text under this name.
pub(crate) fn save_text(name: &str, kind: &str, text: &str) -> Result<TextDownload, JsValue> {
    let options = BlobPropertyBag::new();
    options.set_type(kind);
    let blob = Blob::new_with_str_sequence_and_options(&js_sys::Array::of1(&text.into()), &options)?;
    let download = TextDownload(Url::create_object_url_with_blob(&blob)?);
    let document = web_sys::window().and_then(|window| window.document()).ok_or(JsValue::UNDEFINED)?;
    let link: HtmlAnchorElement = document.create_element("a")?.dyn_into()?;
    link.set_href(&download.0);
    link.set_download(name);
    link.click();
    Ok(download)
}
