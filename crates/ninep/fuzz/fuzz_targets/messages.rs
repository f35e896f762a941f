#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ninep_fuzz::messages(data));
