#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| qcow2_fuzz::image_as_is(data));
