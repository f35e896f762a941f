#![no_main]
//! Addresses of any kind: what is let through is http or https and has a public host.

use vlan::policy::{self, Policy};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(url) = policy::parse(text) else { return };
    let allowed = Policy { web: true, ..Policy::default() }.check(&url);
    if allowed.is_ok() {
        let host = url.host().unwrap();
        assert!(matches!(url.scheme(), "http" | "https") && policy::place(&host).is_none());
        // Read again, as the browser will do, it is the same.
        assert_eq!(policy::parse(url.as_str()).as_ref(), Ok(&url));
        assert!(url.username().is_empty());
    }
    assert!(Policy::default().check(&url).is_err());
});
