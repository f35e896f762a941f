//! A code out of a picture: a file, or what a camera sees.

use rqrr::PreparedImage;

/// The most pixels of a picture. A code has about 70 modules at a side, so that a quarter of it may be the code.
pub const PIXELS_MAX: usize = 4 << 20;
/// What all our codes begin with: another one beside it in the picture is not meant.
const BEGINNING: &str = "VMW";

/// The picture has no code that could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// The pixels are none, too many, or not as many as was said.
    #[error(
        "this picture can’t be searched for a QR code: it has {0} pixels, and at most {PIXELS_MAX} can be searched"
    )]
    Size(usize),
    /// Nothing looks like a code.
    #[error("there is no QR code to be seen in this picture: it has to show the whole code and some white around it")]
    Nothing,
    /// Something does, but nothing comes of it.
    #[error("the QR code in this picture can’t be read: it has to be sharp, and larger")]
    Unreadable,
}

/// The text of the QR code in a picture of rows of pixels, each a byte of red, green, blue and opacity.
pub fn read(width: usize, height: usize, rgba: &[u8]) -> Result<String, ScanError> {
    let (pixels, rest) = rgba.as_chunks::<4>();
    let fits = width.checked_mul(height) == Some(pixels.len()) && rest.is_empty();
    if !fits || pixels.is_empty() || pixels.len() > PIXELS_MAX {
        return Err(ScanError::Size(pixels.len()));
    }
    let mut image = PreparedImage::prepare_from_greyscale(width, height, |x, y| grey(pixels[y * width + x]));
    let grids = image.detect_grids();
    let mut texts = grids.iter().filter_map(|grid| grid.decode().ok()).map(|(_, text)| text);
    let first = texts.next().ok_or(if grids.is_empty() { ScanError::Nothing } else { ScanError::Unreadable })?;
    if first.starts_with(BEGINNING) {
        return Ok(first);
    }
    Ok(texts.find(|text| text.starts_with(BEGINNING)).unwrap_or(first))
}

/// How bright a pixel is on white paper (ITU-R BT.601).
fn grey([red, green, blue, opacity]: [u8; 4]) -> u8 {
    let bright = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    let (bright, opacity) = (bright / 1000, u32::from(opacity));
    // Both are at most 255, and so is what lies between them.
    ((bright * opacity + 255 * (255 - opacity)) / 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::{TEXT_MAX, tests::code};
    use crate::qr::Picture;
    use proptest::prelude::*;

    /// Rows of pixels, all white.
    struct Paper {
        width: usize,
        height: usize,
        rgba: Vec<u8>,
    }

    impl Paper {
        fn new(width: usize, height: usize) -> Self {
            Self { width, height, rgba: vec![255; width * height * 4] }
        }

        /// Draws a code whose modules have so many pixels.
        fn draw(mut self, text: &str, (left, top): (usize, usize), scale: usize, dark: [u8; 4]) -> Self {
            let picture = Picture::of(text).unwrap();
            for (y, x) in (0..picture.side * scale).flat_map(|y| (0..picture.side * scale).map(move |x| (y, x))) {
                if picture.is_dark(x / scale, y / scale) {
                    let at = ((top + y) * self.width + left + x) * 4;
                    self.rgba[at..at + 4].copy_from_slice(&dark);
                }
            }
            self
        }

        fn read(&self) -> Result<String, ScanError> {
            read(self.width, self.height, &self.rgba)
        }
    }

    fn longest() -> String {
        format!("VMW{}", "Z".repeat(TEXT_MAX - 3))
    }

    #[test]
    fn the_longest_code_is_read_in_any_colour_of_ink() {
        for ink in [[0, 0, 0, 255], [90, 20, 60, 255], [0, 0, 0, 200]] {
            let paper = Paper::new(640, 480).draw(&longest(), (200, 100), 4, ink);
            assert_eq!(paper.read(), Ok(longest()), "{ink:?}");
        }
        // Pages without a background are white.
        let mut clear = Paper::new(400, 400);
        clear.rgba.fill(0);
        assert_eq!(clear.draw("VMWABC", (40, 40), 5, [0, 0, 0, 255]).read(), Ok("VMWABC".to_owned()));
    }

    #[test]
    fn of_two_codes_ours_is_meant() {
        let ink = [0, 0, 0, 255];
        let paper =
            Paper::new(800, 300).draw("HTTPS://EXAMPLE.ORG", (40, 40), 5, ink).draw("VMWABC", (500, 60), 5, ink);
        assert_eq!(paper.read(), Ok("VMWABC".to_owned()));
        let alone = Paper::new(300, 300).draw("HTTPS://EXAMPLE.ORG", (40, 40), 5, ink);
        assert_eq!(alone.read(), Ok("HTTPS://EXAMPLE.ORG".to_owned()));
    }

    #[test]
    fn what_can_not_be_read_is_said() {
        assert_eq!(Paper::new(300, 200).read(), Err(ScanError::Nothing));
        assert_eq!(read(0, 0, &[]), Err(ScanError::Size(0)));
        assert_eq!(read(3, 3, &[0; 32]), Err(ScanError::Size(8)));
        assert_eq!(read(2, 1, &[0; 9]), Err(ScanError::Size(2)));
        assert_eq!(read(usize::MAX, 2, &[0; 8]), Err(ScanError::Size(2)));
        let large = Paper::new(PIXELS_MAX + 1, 1);
        assert_eq!(large.read(), Err(ScanError::Size(PIXELS_MAX + 1)));
        // A blot over the middle.
        let mut blotted = Paper::new(400, 400).draw(&longest(), (40, 40), 4, [0, 0, 0, 255]);
        for row in 130..250 {
            blotted.rgba[(row * 400 + 130) * 4..(row * 400 + 250) * 4].fill(0);
        }
        assert_eq!(blotted.read(), Err(ScanError::Unreadable));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn every_code_is_read_at_any_size(code in code(), scale in 2_usize..8, left in 8_usize..40, top in 8_usize..40) {
            let text = code.to_text().unwrap();
            let side = Picture::of(&text).unwrap().side * scale + 80;
            let paper = Paper::new(side + 40, side).draw(&text, (left, top), scale, [0, 0, 0, 255]);
            prop_assert_eq!(paper.read(), Ok(text));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_bytes_are_a_picture_with_or_without_a_code(
            width in 1_usize..120, rgba in prop::collection::vec(any::<u8>(), 0..40_000)
        ) {
            let height = rgba.len() / 4 / width;
            let _ = read(width, height, &rgba[..width * height * 4]);
            let _ = read(width, height, &rgba);
        }

        #[test]
        fn a_code_with_dirt_on_it_is_that_code_or_none(
            spots in prop::collection::vec((0_usize..300, 0_usize..300, 1_usize..30, any::<u8>()), 0..40)
        ) {
            let mut paper = Paper::new(330, 330).draw("VMWABCDEFGHIJ", (60, 60), 6, [0, 0, 0, 255]);
            for (left, top, side, grey) in spots {
                for y in top..top + side {
                    paper.rgba[(y * 330 + left) * 4..(y * 330 + left + side) * 4].fill(grey);
                }
            }
            if let Ok(text) = paper.read() {
                prop_assert_eq!(text, "VMWABCDEFGHIJ");
            }
        }
    }
}
