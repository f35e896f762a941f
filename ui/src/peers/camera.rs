//! Reads a code with the camera.

use super::reader::{Reader, Why, pixels_of};
use crate::{Button, Icon};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Object, Reflect};
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{DomException, HtmlVideoElement, MediaStream, MediaStreamConstraints, MediaStreamTrack};
use yew::prelude::*;

/// How often a frame is searched for a code.
const FRAME_MS: u32 = 200;
/// The most pixels of a frame that are searched.
const PIXELS_MAX: f64 = 1_000_000.0;

#[derive(Properties, PartialEq)]
pub(super) struct CameraProps {
    /// A code was seen.
    pub(super) on_text: Callback<String>,
    /// No code will be seen: it was stopped, or there is a reason.
    pub(super) on_end: Callback<Option<Why>>,
}

/// What the camera sees, until there is a code in it. The camera is on as long as this is rendered.
#[component]
pub(super) fn Camera(props: &CameraProps) -> Html {
    let node = use_node_ref();
    use_effect_with((), {
        let (node, on_text, on_end) = (node.clone(), props.on_text.clone(), props.on_end.clone());
        move |()| {
            let wanted = Rc::new(Cell::new(true));
            let still = wanted.clone();
            spawn_local(async move {
                match watch(&node, &still).await {
                    Ok(Some(text)) => on_text.emit(text),
                    Ok(None) => {}
                    Err(why) => on_end.emit(Some(why)),
                }
            });
            move || wanted.set(false)
        }
    });
    html! {
        <div class="camera">
            <video ref={node} aria-label="What the camera sees" autoplay=true playsinline=true muted=true />
            <div class="code-buttons">
                <span class="soft" role="status">{ "Hold the QR code in front of the camera." }</span>
                <Button label="Stop" name="Stop the camera" icon={Icon::Close} class="small" onclick={props.on_end.reform(|_| None)} />
            </div>
        </div>
    }
}

/// A camera that is on; off when it is dropped.
struct Stream(MediaStream);

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.get_tracks().iter().for_each(|track| track.unchecked_into::<MediaStreamTrack>().stop());
    }
}

/// Waits for a code; nothing comes if it is not wanted any more.
async fn watch(node: &NodeRef, wanted: &Cell<bool>) -> Result<Option<String>, Why> {
    let stream = Stream(camera().await.map_err(|error| reason(&error))?);
    let reader = Reader::new()?;
    if let Some(video) = node.cast::<HtmlVideoElement>() {
        video.set_src_object(Some(&stream.0));
    }
    while wanted.get() {
        TimeoutFuture::new(FRAME_MS).await;
        if !stream.0.active() {
            return Err("The camera was switched off, or is gone.".to_owned());
        }
        let Some(video) = node.cast::<HtmlVideoElement>() else { break };
        let size = (f64::from(video.video_width()), f64::from(video.video_height()));
        if size.0 * size.1 < 1.0 {
            // The first frame has not come.
            continue;
        }
        let frame = pixels_of(size, PIXELS_MAX, |canvas, width, height| {
            canvas.draw_image_with_html_video_element_and_dw_and_dh(&video, 0.0, 0.0, width, height)
        })?;
        if let Ok(text) = reader.read(&frame).await {
            return Ok(wanted.get().then_some(text));
        }
    }
    Ok(None)
}

/// Asks the user for the camera; the one at the back, if there are two.
async fn camera() -> Result<MediaStream, JsValue> {
    let video = Object::new();
    Reflect::set(&video, &"facingMode".into(), &"environment".into())?;
    let constraints = MediaStreamConstraints::new();
    constraints.set_video(&video);
    let window = web_sys::window().ok_or(JsValue::NULL)?;
    let promise = window.navigator().media_devices()?.get_user_media_with_constraints(&constraints)?;
    Ok(JsFuture::from(promise).await?.unchecked_into())
}

/// Why there is no camera (Media Capture and Streams, getUserMedia()).
fn reason(error: &JsValue) -> Why {
    let name = error.dyn_ref::<DomException>().map(DomException::name).unwrap_or_default();
    match name.as_str() {
        "NotAllowedError" | "SecurityError" => {
            "The camera may not be used: allow it beside the address of this page, or take a picture of the code."
        }
        "NotFoundError" | "OverconstrainedError" => "There is no camera. A picture of the code does as well.",
        "NotReadableError" | "AbortError" => "The camera can’t be used: maybe another program has it.",
        _ => "The browser has no way to the camera.",
    }
    .to_owned()
}
