#![no_main]
//! Any bytes as a file of a profile, a catalog, a `profile.toml`, or what a guest's runner says.

use libfuzzer_sys::fuzz_target;
use profile::{Bundle, Profile, Report, from_catalog, marks};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(bundle) = Bundle::from_archive(bytes) {
        // What is taken goes out and in again as it is.
        let again = bundle.to_tar().ok().and_then(|tar| Bundle::from_archive(&tar).ok());
        assert_eq!(again.as_ref(), Some(&bundle));
    }
    drop(from_catalog(bytes));
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(profile) = Profile::parse(text) {
            assert!(profile.plan().lines().all(|line| line.contains(' ')));
        }
        drop(marks(text));
    }
    Report::default().push(bytes);
});
