//! Reads the code in a picture: a worker of its own does it (`extension/scan.js`).

use js_sys::Promise;
use protocol::sentence;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, ImageBitmap, ImageData, MessageEvent, OffscreenCanvas, OffscreenCanvasRenderingContext2d, Worker,
    WorkerOptions, WorkerType,
};
use webbridge::from_js;

/// What the worker runs, from where the pages are.
const SCRIPT: &str = "../scan.js";
/// The most pixels that are searched; the reader takes no more (`peering::scan::PIXELS_MAX`).
const PIXELS_MAX: f64 = 4_000_000.0;
/// The pixels of the second try: what is noise on a photo is gone when it is small.
const PIXELS_FEW: f64 = 700_000.0;
/// How long a picture may take.
const LIMIT_MS: i32 = 20_000;

/// Why there is no code: a sentence.
pub(super) type Why = String;

/// The worker, which ends with it.
pub(super) struct Reader(Worker);

impl Reader {
    pub(super) fn new() -> Result<Self, Why> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let failed = |_| "What reads QR codes could not be started.".to_owned();
        Worker::new_with_options(SCRIPT, &options).map(Self).map_err(failed)
    }

    /// The text of the code in a file's picture.
    pub(super) async fn file(&self, file: &Blob) -> Result<String, Why> {
        let failed = |_| "This file is no picture that the browser knows.".to_owned();
        let promise =
            web_sys::window().ok_or(JsValue::NULL).and_then(|window| window.create_image_bitmap_with_blob(file));
        let bitmap: ImageBitmap = JsFuture::from(promise.map_err(failed)?).await.map_err(failed)?.unchecked_into();
        let size = (f64::from(bitmap.width()), f64::from(bitmap.height()));
        let mut told = String::new();
        for pixels in [PIXELS_MAX, PIXELS_FEW] {
            let drawn = pixels_of(size, pixels, |canvas, width, height| {
                canvas.draw_image_with_image_bitmap_and_dw_and_dh(&bitmap, 0.0, 0.0, width, height)
            });
            match self.read(&drawn?).await {
                Ok(text) => return Ok(text),
                // The first try sees most of it, and says best what is wrong.
                Err(why) if told.is_empty() => told = why,
                Err(_) => {}
            }
        }
        bitmap.close();
        Err(told)
    }

    /// The text of the code in an image.
    pub(super) async fn read(&self, image: &ImageData) -> Result<String, Why> {
        let asked = Promise::new(&mut |resolve, reject| {
            self.0.set_onmessage(Some(&resolve));
            self.0.set_onerror(Some(&reject));
            let sent = self.0.post_message(image).and_then(|()| {
                let window = web_sys::window().ok_or(JsValue::NULL)?;
                window.set_timeout_with_callback_and_timeout_and_arguments_0(&reject, LIMIT_MS)
            });
            if let Err(error) = sent {
                // Nobody hears what a function gives that only ends a promise.
                let _ = reject.call1(&JsValue::NULL, &error);
            }
        });
        let failed = || "This picture can’t be read.".to_owned();
        let told: MessageEvent = JsFuture::from(asked).await.map_err(|_| failed())?.unchecked_into();
        from_js::<Result<String, String>>(told.data()).map_err(|_| failed())?.map_err(sentence)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.terminate();
    }
}

/// What `draw` draws of a picture of this size, made smaller if it has more pixels than that.
pub(super) fn pixels_of(
    size: (f64, f64),
    pixels: f64,
    draw: impl Fn(&OffscreenCanvasRenderingContext2d, f64, f64) -> Result<(), JsValue>,
) -> Result<ImageData, Why> {
    let (width, height) = fitted(size, pixels);
    let drawn = || {
        let canvas = OffscreenCanvas::new(width, height)?;
        let context = canvas.get_context("2d")?.ok_or(JsValue::NULL)?;
        let context: OffscreenCanvasRenderingContext2d = context.unchecked_into();
        draw(&context, f64::from(width), f64::from(height))?;
        context.get_image_data(0.0, 0.0, f64::from(width), f64::from(height))
    };
    drawn().map_err(|_: JsValue| "The browser could not draw this picture.".to_owned())
}

/// The size of a picture that has at most so many pixels, of the same form.
fn fitted((width, height): (f64, f64), pixels: f64) -> (u32, u32) {
    let scale = (pixels / (width * height)).sqrt().min(1.0);
    let fit = |side: f64| (side * scale).clamp(1.0, pixels) as u32;
    (fit(width), fit(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_made_smaller_only_if_it_is_too_large() {
        assert_eq!(fitted((640.0, 480.0), PIXELS_MAX), (640, 480));
        assert_eq!(fitted((8000.0, 2000.0), PIXELS_MAX), (4000, 1000));
        assert_eq!(fitted((9e9, 1.0), PIXELS_MAX), (4_000_000, 1));
    }
}
