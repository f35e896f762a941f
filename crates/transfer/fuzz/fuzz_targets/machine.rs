#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| transfer_fuzz::machine(data));
