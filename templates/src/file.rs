//! Templates as files of the user's.

use protocol::{Plan, Problem, ProblemCode, TEMPLATE_FILE_MAX, TemplateFileError};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, BlobPropertyBag, File, HtmlAnchorElement, Url};

/// What a template's file ends with.
pub(crate) const ENDING: &str = ".template.json";

/// A file on its way to the downloads. The browser may read it as long as this is kept.
#[derive(Debug)]
pub(crate) struct Saved(String);

impl Drop for Saved {
    fn drop(&mut self) {
        // Fails only for what is no address.
        let _ = Url::revoke_object_url(&self.0);
    }
}

/// Makes the browser save the template.
pub(crate) fn save(plan: &Plan) -> Result<Saved, Problem> {
    let failed = |_: JsValue| Problem::new(ProblemCode::Internal, "The browser did not begin to save the template.");
    click(&name(&plan.title), &plan.to_file()).map_err(failed)
}

/// A file's name out of a title.
fn name(title: &str) -> String {
    let sign = |sign: char| if sign.is_ascii_alphanumeric() { sign.to_ascii_lowercase() } else { '-' };
    let name: String = title.chars().map(sign).collect();
    let name = name.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    format!("{}{ENDING}", if name.is_empty() { "machine" } else { &name })
}

fn click(name: &str, text: &str) -> Result<Saved, JsValue> {
    let options = BlobPropertyBag::new();
    options.set_type("application/json");
    let blob = Blob::new_with_str_sequence_and_options(&js_sys::Array::of1(&text.into()), &options)?;
    let saved = Saved(Url::create_object_url_with_blob(&blob)?);
    let document = web_sys::window().and_then(|window| window.document()).ok_or(JsValue::UNDEFINED)?;
    let link: HtmlAnchorElement = document.create_element("a")?.dyn_into()?;
    link.set_href(&saved.0);
    link.set_download(name);
    link.click();
    Ok(saved)
}

/// Reads a file that the user chose.
pub(crate) async fn read(file: File) -> Result<Plan, Problem> {
    let bad = |why: String| Problem {
        code: ProblemCode::BadFile,
        message: format!("{} was not imported: {why}.", file.name()),
        advice: format!("Choose a file that was exported here; its name ends with {ENDING}."),
    };
    if file.size() > TEMPLATE_FILE_MAX as f64 {
        return Err(bad(TemplateFileError::Length.to_string()));
    }
    let text = JsFuture::from(file.text()).await.map_err(|_| bad("it can’t be read".to_owned()))?;
    Plan::from_file(&text.as_string().unwrap_or_default()).map_err(|error| bad(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn a_title_becomes_a_file_name() {
        assert_eq!(name("Node dev VM"), "node-dev-vm.template.json");
        assert_eq!(name("../../x"), "x.template.json");
        assert_eq!(name("ü"), "machine.template.json");
    }
}
