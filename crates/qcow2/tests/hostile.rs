//! Images that somebody made with bad intentions. The fuzz targets under `fuzz/` do the same for longer.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test, an error is a failure")]

#[path = "../fuzz/src/driver.rs"]
mod driver;
#[path = "../fuzz/src/templates.rs"]
mod templates;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_image_does_no_harm(input in prop::collection::vec(any::<u8>(), 0..200)) {
        driver::patched_image(&input);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn bytes_that_only_begin_like_an_image_do_no_harm(
        cluster_bits in 9..13u8, mut bytes in prop::collection::vec(any::<u8>(), 64..3000), plausible: bool
    ) {
        bytes[..8].copy_from_slice(b"QFI\xfb\0\0\0\x03");
        if plausible {
            bytes[16..24].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, cluster_bits]);
            bytes[24..31].fill(0);
            bytes[32..40].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 40]);
        }
        driver::image_as_is(&bytes);
    }
}
