//! A machine's addresses as this page knows them: what can be shown here, and what leads elsewhere.

use url::Url;

/// The longest address that is looked at.
const ADDRESS_MAX: usize = 8192;

/// The sites of one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Site {
    host: String,
}

/// Why an address can't be shown here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Elsewhere {
    /// Not an address.
    NoAddress,
    /// HTTPS: the certificate could not be checked.
    Secure,
    /// Another scheme.
    Scheme(String),
    /// Another host.
    Host(String),
}

impl Elsewhere {
    /// What is said, and what can be done.
    pub(crate) fn words(&self) -> (String, String) {
        match self {
            Self::NoAddress => ("This is not an address.".to_owned(), "Type a path such as /index.html.".to_owned()),
            Self::Secure => (
                "This address begins with https:, and only a machine’s plain HTTP can be shown here.".to_owned(),
                "Have the machine’s server speak HTTP on this port.".to_owned(),
            ),
            Self::Scheme(scheme) => (
                format!("An address that begins with {scheme}: can’t be shown here."),
                "Only the machine’s own pages, by http:, can.".to_owned(),
            ),
            Self::Host(host) => (
                format!("{host} is not this machine, so it is not opened from here."),
                "Type its address into a tab of your own if you trust where it leads.".to_owned(),
            ),
        }
    }
}

impl Site {
    /// Those of the machine with this name.
    pub(crate) fn new(machine: &str) -> Self {
        Self { host: format!("{machine}.lan") }
    }

    /// The first page at a port.
    pub(crate) fn start(&self, port: u16) -> Option<Url> {
        Url::parse(&format!("http://{}:{port}/", self.host)).ok()
    }

    /// What a link on a page leads to, or what was typed there. What the machine calls `localhost` is the machine.
    pub(crate) fn resolve(&self, base: &Url, text: &str) -> Result<Url, Elsewhere> {
        let text = text.trim();
        if text.len() > ADDRESS_MAX {
            return Err(Elsewhere::NoAddress);
        }
        let mut url = base.join(text).map_err(|_| Elsewhere::NoAddress)?;
        match url.scheme() {
            "http" => {}
            "https" => return Err(Elsewhere::Secure),
            other => return Err(Elsewhere::Scheme(other.chars().take(40).collect())),
        }
        let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_owned();
        let short = self.host.trim_end_matches(".lan");
        if host != self.host && host != short && !["localhost", "127.0.0.1", "[::1]", "0.0.0.0"].contains(&&*host) {
            return Err(Elsewhere::Host(host));
        }
        // Both can be set in an address with a host.
        let _ = (url.set_host(Some(&self.host)), url.set_username(""), url.set_password(None));
        Ok(url)
    }

    /// What was typed into the address field: whole, or without `http://`, or only a path.
    pub(crate) fn typed(&self, base: &Url, text: &str) -> Result<Url, Elsewhere> {
        let text = text.trim();
        let bare = !text.starts_with(['/', '?', '#']) && !text.contains("://");
        let named = |text: &str| {
            let host = text.split(['/', ':', '?']).next().unwrap_or_default();
            host == self.host || host == "localhost" || host == self.host.trim_end_matches(".lan")
        };
        if bare && named(text) { self.resolve(base, &format!("http://{text}")) } else { self.resolve(base, text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<String, Elsewhere> {
        let site = Site::new("alpine-1");
        site.resolve(&site.start(8080).unwrap().join("/a/b").unwrap(), text).map(String::from)
    }

    #[test]
    fn links_lead_to_the_machine_or_nowhere() {
        for (link, there) in [
            ("c", "http://alpine-1.lan:8080/a/c"),
            ("/c?d#e", "http://alpine-1.lan:8080/c?d#e"),
            ("//alpine-1.lan:9000/", "http://alpine-1.lan:9000/"),
            ("http://localhost:3000/x", "http://alpine-1.lan:3000/x"),
            ("http://me:secret@127.0.0.1/x", "http://alpine-1.lan/x"),
            ("http://ALPINE-1/x", "http://alpine-1.lan/x"),
        ] {
            assert_eq!(resolve(link).as_deref(), Ok(there), "{link}");
        }
        for link in
            ["http://alpine-2.lan/", "http://192.168.0.1/", "//example.org/", "http://alpine-1.lan.example.org/"]
        {
            assert!(matches!(resolve(link), Err(Elsewhere::Host(_))), "{link}");
        }
        for link in
            ["javascript:alert(1)", "data:text/html,x", "chrome-extension://x/", "file:///etc/passwd", "ftp://a/"]
        {
            assert!(matches!(resolve(link), Err(Elsewhere::Scheme(_))), "{link}");
        }
        assert_eq!(resolve("https://alpine-1.lan/"), Err(Elsewhere::Secure));
        assert_eq!(resolve("http://[/"), Err(Elsewhere::NoAddress));
    }

    #[test]
    fn an_address_can_be_typed_without_its_beginning() {
        let site = Site::new("alpine-1");
        let base = site.start(8080).unwrap();
        for (text, there) in [
            ("alpine-1.lan:90/x", "http://alpine-1.lan:90/x"),
            ("localhost:90", "http://alpine-1.lan:90/"),
            ("/x", "http://alpine-1.lan:8080/x"),
            ("x.html", "http://alpine-1.lan:8080/x.html"),
        ] {
            assert_eq!(site.typed(&base, text).map(String::from).as_deref(), Ok(there), "{text}");
        }
    }
}
