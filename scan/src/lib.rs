//! QR codes in pictures: `peering::scan` for a worker (`extension/scan.js`) of the page where a code is asked for.
//!
//! A WebAssembly module of its own: no page has to load it before somebody shows a picture, and a picture that takes long, or that the reader fails
//! on, costs the worker and not the page.

use wasm_bindgen::prelude::*;

/// The text of the QR code in a picture: rows of pixels of four bytes each, as `ImageData` has them. Throws a sentence.
#[wasm_bindgen]
pub fn read(width: usize, height: usize, rgba: &[u8]) -> Result<String, String> {
    peering::scan::read(width, height, rgba).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_picture_without_a_code_is_refused_with_a_sentence() {
        assert!(super::read(8, 8, &[255; 256]).unwrap_err().starts_with("there is no QR code"));
        assert!(super::read(8, 8, &[]).unwrap_err().contains("it has 0 pixels"));
    }
}
