//! A machine's page made ready for its frame: what it needs of the machine is fetched here and put into it, since the frame itself reaches nothing.
//!
//! The text is read by the browser's own parser into a document without a window, in which nothing is run or loaded. It never becomes part of
//! the extension's document.

use super::asking::Ask;
use super::css;
use super::load::Visitor;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt;
use futures_util::stream::iter;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use url::Url;
use wasm_bindgen::prelude::*;
use web_sys::{Document, DomParser, Element, SupportedType, TextDecoder};

/// The largest part of a page, in bytes.
const PART_MAX: usize = 16 * 1024 * 1024;
/// All parts of a page together.
const PARTS_MAX: usize = 64 * 1024 * 1024;
/// How many parts a page can have.
const PARTS_COUNT: usize = 1000;
/// How many are fetched at a time.
const AT_A_TIME: usize = 6;
/// How deep style sheets can import others.
const IMPORTS_MAX: usize = 4;

/// Elements that have no place in a page without scripts, or that a frame could lead out by.
const REMOVED: &str = "base, iframe, frame, object, embed, applet, portal, fencedframe, meta[http-equiv]";
/// Elements with the address of something that is shown.
const PARTS: &str = "img[src], input[src], video[src], video[poster], audio[src], source[src], track[src], image[href], \
                     link[rel~=icon][href], link[rel~=stylesheet][href], script[src]";

/// How the frame treats scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scripts {
    /// They run, in a frame that is nobody's origin.
    Run,
    /// There are none.
    None,
}

/// A page that is ready.
pub(crate) struct Ready {
    pub(crate) html: String,
    pub(crate) title: String,
    /// Where the page wants to go on to by itself, and after how many seconds.
    pub(crate) refresh: Option<(u32, String)>,
}

/// Text as the server, or else the page itself, says that it is written.
pub(crate) fn decode(bytes: &[u8], content_type: &str) -> String {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).into_owned();
    let label = |text: &str| {
        let at = text.to_ascii_lowercase().find("charset=")? + "charset=".len();
        let label: String = text.get(at..)?.trim_start_matches(['"', '\'']).chars().take(40).collect();
        label.split(['"', '\'', ';', ' ', '>', '/']).next().map(str::to_owned)
    };
    let label = label(content_type).or_else(|| label(&start)).unwrap_or_else(|| "utf-8".to_owned());
    let decoder = TextDecoder::new_with_label(&label).or_else(|_| TextDecoder::new());
    let text = decoder.and_then(|decoder| decoder.decode_with_u8_array(bytes));
    text.unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned())
}

/// Fetches parts, each once.
struct Parts<'a> {
    visitor: &'a Visitor,
    known: RefCell<BTreeMap<Url, Option<String>>>,
    left: Cell<usize>,
}

impl Parts<'_> {
    /// What is at this address, as a `data:` address; nothing if it can't be had.
    async fn part(&self, base: &Url, address: &str, depth: usize) -> Option<String> {
        if address.trim_start().starts_with("data:") {
            return Some(address.to_owned());
        }
        let mut url = self.visitor.site.resolve(base, address).ok()?;
        let fragment = url.fragment().map(|fragment| format!("#{fragment}")).unwrap_or_default();
        url.set_fragment(None);
        let known = self.known.borrow().get(&url).cloned();
        let part = match known {
            Some(part) => part,
            None => {
                if self.known.borrow().len() >= PARTS_COUNT {
                    return None;
                }
                let part = self.fetch(&url, depth).await;
                self.known.borrow_mut().insert(url, part.clone());
                part
            }
        };
        part.map(|part| part + &fragment)
    }

    async fn fetch(&self, url: &Url, depth: usize) -> Option<String> {
        let (from, answer) = self.visitor.load(Ask::get(url.clone())).await.ok()?;
        if !(200..300).contains(&answer.status) {
            return None;
        }
        let kind = answer.header("content-type").unwrap_or("application/octet-stream").to_owned();
        let body = answer.whole(PART_MAX.min(self.left.get()), |_| {}).await.ok()?;
        self.left.set(self.left.get().saturating_sub(body.len()));
        let essence: String = kind.chars().filter(|sign| !matches!(sign, ',' | '#' | '"' | '\\')).take(200).collect();
        if essence.trim_start().starts_with("text/css") {
            let text = Box::pin(self.style(&from, &decode(&body, &kind), depth + 1)).await;
            return Some(format!("data:text/css;charset=utf-8;base64,{}", STANDARD.encode(text)));
        }
        Some(format!("data:{essence};base64,{}", STANDARD.encode(body)))
    }

    /// A style sheet with everything that it needs in it.
    async fn style(&self, base: &Url, text: &str, depth: usize) -> String {
        let references = css::references(text);
        let mut addresses = vec![];
        for reference in &references {
            let too_deep = reference.import && depth >= IMPORTS_MAX;
            let wanted = !too_deep && !reference.address.starts_with('#');
            addresses.push(match wanted {
                true => self.part(base, &reference.address, depth).await,
                false => Some(reference.address.clone()).filter(|address| address.starts_with('#')),
            });
        }
        css::replaced(text, &references, &addresses)
    }
}

fn all(document: &Document, selector: &str) -> Vec<Element> {
    let Ok(list) = document.query_selector_all(selector) else { return vec![] };
    (0..list.length()).filter_map(|at| list.item(at)).map(JsCast::unchecked_into).collect()
}

fn set(element: &Element, name: &str, value: &str) {
    // Fails only for what is no name.
    let _ = element.set_attribute(name, value);
}

/// Makes a page ready.
pub(crate) async fn ready(visitor: &Visitor, url: &Url, text: &str, scripts: Scripts) -> Result<Ready, JsValue> {
    let document = DomParser::new()?.parse_from_string(text, SupportedType::TextHtml)?;
    let base = document.query_selector("base[href]")?.and_then(|base| base.get_attribute("href"));
    let base = base.and_then(|href| visitor.site.resolve(url, &href).ok()).unwrap_or_else(|| url.clone());
    let refresh = refresh(&document);
    for element in all(&document, REMOVED) {
        element.remove();
    }
    if scripts == Scripts::None {
        without_scripts(&document);
    }
    let parts = Parts { visitor, known: RefCell::default(), left: Cell::new(PARTS_MAX) };
    fill(&document, &base, &parts).await;
    let head = document.head().ok_or(JsValue::UNDEFINED)?;
    let element = document.create_element("base")?;
    if scripts == Scripts::Run {
        // What scripts make of addresses is the machine's, though nothing is fetched from there by itself.
        set(&element, "href", base.as_str());
        head.prepend_with_node_1(&element)?;
    }
    let whole = document.document_element().map(|root| root.outer_html()).unwrap_or_default();
    let quirks = document.compat_mode() == "BackCompat";
    let html = if quirks { whole } else { format!("<!doctype html>{whole}") };
    Ok(Ready { html, title: document.title(), refresh })
}

/// Takes out what runs, or leads out of the frame by itself.
fn without_scripts(document: &Document) {
    for element in all(document, "script, template, link:not([rel~=stylesheet]):not([rel~=icon])") {
        element.remove();
    }
    for element in all(document, "*") {
        for name in element.get_attribute_names().iter().filter_map(|name| name.as_string()) {
            let value = element.get_attribute(&name).unwrap_or_default();
            let leads = matches!(&*name, "href" | "xlink:href" | "action" | "formaction" | "src");
            // Browsers pass over blanks and line breaks in an address, also within its scheme.
            let address: String = value.chars().filter(|sign| *sign > ' ').collect();
            let runs = name.starts_with("on") || (leads && address.to_ascii_lowercase().starts_with("javascript:"));
            if runs || matches!(&*name, "ping" | "srcdoc" | "target" | "formtarget") {
                drop(element.remove_attribute(&name));
            }
        }
    }
}

/// Puts what the page needs into it.
async fn fill(document: &Document, base: &Url, parts: &Parts<'_>) {
    let mut wanted = vec![];
    for element in all(document, PARTS) {
        for name in ["src", "href", "poster"] {
            let address = element.get_attribute(name).filter(|address| !address.trim().is_empty());
            wanted.extend(address.map(|address| (element.clone(), name, address)));
        }
    }
    // One picture of several is enough, and it is in `src`.
    for element in all(document, "[srcset], [imagesrcset]") {
        let first = element.get_attribute("srcset").unwrap_or_default();
        let first = first.trim().split([' ', ',']).next().unwrap_or_default().to_owned();
        drop((element.remove_attribute("srcset"), element.remove_attribute("imagesrcset")));
        if !element.has_attribute("src") && !first.is_empty() {
            wanted.push((element, "src", first));
        }
    }
    let fetch = |(element, name, address): (Element, &'static str, String)| async move {
        let part = parts.part(base, &address, 0).await;
        // What is not there is as an address where nothing is.
        set(&element, name, part.as_deref().unwrap_or("data:,"));
        for gone in ["integrity", "crossorigin", "nonce"] {
            drop(element.remove_attribute(gone));
        }
    };
    iter(wanted).map(fetch).buffer_unordered(AT_A_TIME).collect::<Vec<()>>().await;
    for element in all(document, "style") {
        let text = element.text_content().unwrap_or_default();
        element.set_text_content(Some(&parts.style(base, &text, 0).await));
    }
    for element in all(document, "[style*='url(' i]") {
        let text = element.get_attribute("style").unwrap_or_default();
        set(&element, "style", &parts.style(base, &text, 0).await);
    }
}

fn refresh(document: &Document) -> Option<(u32, String)> {
    let metas = all(document, "meta[http-equiv=refresh i]");
    let content = metas.first()?.get_attribute("content")?;
    let (seconds, rest) = content.split_once([';', ',']).unwrap_or((&content, ""));
    let seconds = seconds.trim().split('.').next()?.parse().ok()?;
    let rest = rest.trim();
    let lower = rest.to_ascii_lowercase();
    let address = if lower.starts_with("url") { rest[3..].trim_start().strip_prefix('=')? } else { rest };
    Some((seconds, address.trim().trim_matches(['"', '\'']).to_owned()))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A page with a text as it is.
pub(crate) fn plain(text: &str) -> String {
    format!(
        "<!doctype html><meta name=color-scheme content='light dark'><pre style='white-space:pre-wrap'>{}</pre>",
        escaped(text)
    )
}

/// A page with a picture.
pub(crate) fn picture(kind: &str, bytes: &[u8], name: &str) -> String {
    let kind: String = kind.chars().filter(|sign| sign.is_ascii_alphanumeric() || "/+.-".contains(*sign)).collect();
    let name = escaped(name);
    format!(
        "<!doctype html><title>{name}</title><body style='margin:0'><img style='max-width:100%' alt=\"{name}\" src=\"data:{kind};base64,{}\">",
        STANDARD.encode(bytes)
    )
}
