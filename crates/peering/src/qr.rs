//! A code as a picture.

use fast_qr::{ECL, QRBuilder};

/// A QR code: rows of modules, which are dark or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// How many modules a side has, without the quiet zone of four around it.
    pub side: usize,
    dark: Vec<bool>,
}

/// The text can't be made a picture of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this text is too long for a QR code")]
pub struct TooLong;

impl Picture {
    /// Of a text. Letters are capital, so that the code has few modules and a poor camera reads it.
    pub fn of(text: &str) -> Result<Picture, TooLong> {
        let code = QRBuilder::new(text).ecl(ECL::M).build().map_err(|_| TooLong)?;
        let side = code.size;
        let dark = (0..side * side).map(|at| code[at / side][at % side].value()).collect();
        Ok(Picture { side, dark })
    }

    /// Whether a module is dark.
    pub fn is_dark(&self, x: usize, y: usize) -> bool {
        x < self.side && y < self.side && self.dark[y * self.side + x]
    }

    /// The dark modules as the path of a picture in SVG, one unit each.
    pub fn path(&self) -> String {
        let mut path = String::new();
        for y in 0..self.side {
            let mut x = 0;
            while x < self.side {
                let length = (x..self.side).take_while(|x| self.is_dark(*x, y)).count();
                if length > 0 {
                    path.push_str(&format!("M{x} {y}h{length}v1h-{length}z"));
                }
                x += length.max(1);
            }
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::tests::code;
    use proptest::prelude::*;

    fn read(picture: &Picture) -> String {
        const SCALE: usize = 4;
        let side = (picture.side + 8) * SCALE;
        let grey = |x: usize, y: usize| {
            let (x, y) = ((x / SCALE).wrapping_sub(4), (y / SCALE).wrapping_sub(4));
            if picture.is_dark(x, y) { 0 } else { 255 }
        };
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(side, side, grey);
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1);
        grids[0].decode().unwrap().1
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn another_decoder_reads_it(code in code()) {
            let text = code.to_text().unwrap();
            prop_assert_eq!(read(&Picture::of(&text).unwrap()), text);
        }
    }

    #[test]
    fn the_longest_code_has_a_picture_and_a_book_has_none() {
        let text = format!("VMW{}", "Z".repeat(crate::code::TEXT_MAX - 3));
        let picture = Picture::of(&text).unwrap();
        assert_eq!(read(&picture), text);
        assert!(picture.path().starts_with("M0 0h7v1h-7z"));
        assert_eq!(Picture::of(&"A".repeat(10_000)), Err(TooLong));
    }
}
