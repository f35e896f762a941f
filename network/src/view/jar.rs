//! The cookies of one machine's sites (RFC 6265), as long as the page is open. They are the machine's own: no other machine and nothing of
//! the browser's ever meets them.

use url::Url;

/// How many are kept; the oldest goes first.
const COOKIES_MAX: usize = 100;
/// The longest name with its value, in bytes (RFC 6265, section 6.1).
const COOKIE_MAX: usize = 4096;

#[derive(Debug, Clone, PartialEq)]
struct Cookie {
    name: String,
    value: String,
    path: String,
    /// Scripts don't see it.
    hidden: bool,
    /// When it ends, in milliseconds since 1970.
    ends: Option<f64>,
}

/// The cookies.
#[derive(Debug, Default)]
pub(crate) struct Jar(Vec<Cookie>);

/// Whether a path is a cookie's or below it (RFC 6265, section 5.1.4).
fn matches(path: &str, cookie: &str) -> bool {
    let below = |rest: &str| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/');
    path.strip_prefix(cookie).is_some_and(below)
}

fn default_path(url: &Url) -> String {
    match url.path().rfind('/') {
        None | Some(0) => "/".to_owned(),
        Some(end) => url.path()[..end].to_owned(),
    }
}

impl Jar {
    /// Takes in what a server, or a script of its page, sets. `date` reads a date, in milliseconds since 1970.
    pub(crate) fn set(&mut self, url: &Url, line: &str, script: bool, now: f64, date: impl Fn(&str) -> Option<f64>) {
        let mut parts = line.split(';');
        let pair = parts.next().unwrap_or_default();
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        let (name, value) = (name.trim(), value.trim());
        let control = |text: &str| text.bytes().any(|byte| byte < b' ' || byte == 0x7f);
        if name.is_empty() && value.is_empty() || name.len() + value.len() > COOKIE_MAX || control(pair) {
            return;
        }
        let (mut path, mut hidden, mut ends, mut age) = (default_path(url), false, None, None);
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match (&*key.trim().to_ascii_lowercase(), value.trim()) {
                ("path", given) if given.starts_with('/') && given.len() <= COOKIE_MAX => path = given.to_owned(),
                ("max-age", given) => age = given.parse::<i64>().ok().map(|seconds| now + seconds as f64 * 1000.0),
                ("expires", given) => ends = date(given),
                ("httponly", _) => hidden = true,
                _ => {}
            }
        }
        let known = self.0.iter().position(|cookie| cookie.name == name && cookie.path == path);
        if script && (hidden || known.is_some_and(|at| self.0[at].hidden)) {
            return;
        }
        if let Some(at) = known {
            self.0.remove(at);
        }
        let ends = age.or(ends);
        if ends.is_none_or(|ends| ends > now) {
            let (name, value) = (name.to_owned(), value.to_owned());
            self.0.push(Cookie { name, value, path, hidden, ends });
        }
        if self.0.len() > COOKIES_MAX {
            self.0.remove(0);
        }
    }

    /// What is sent to an address; `script` for what its page's scripts see.
    pub(crate) fn of(&self, url: &Url, script: bool, now: f64) -> String {
        let fits = |cookie: &&Cookie| {
            matches(url.path(), &cookie.path) && !(script && cookie.hidden) && cookie.ends.is_none_or(|ends| ends > now)
        };
        let mut cookies: Vec<_> = self.0.iter().filter(fits).collect();
        cookies.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pair = |cookie: &Cookie| match &*cookie.name {
            "" => cookie.value.clone(),
            name => format!("{name}={}", cookie.value),
        };
        cookies.into_iter().map(pair).collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(path: &str) -> Url {
        Url::parse(&format!("http://a.lan:8080{path}")).unwrap()
    }

    fn jar(lines: &[&str]) -> Jar {
        let mut jar = Jar::default();
        for line in lines {
            jar.set(&url("/shop/cart"), line, false, 1000.0, |date| date.parse().ok());
        }
        jar
    }

    #[test]
    fn cookies_go_where_their_path_says() {
        let jar = jar(&["a=1", "b=2; Path=/", "c=3; path=/shop/cart; HttpOnly", "d=4; Path=/shop/c"]);
        assert_eq!(jar.of(&url("/shop/cart/x"), false, 0.0), "c=3; a=1; b=2");
        assert_eq!(jar.of(&url("/shop/cart"), true, 0.0), "a=1; b=2");
        assert_eq!(jar.of(&url("/shopping"), false, 0.0), "b=2");
    }

    #[test]
    fn cookies_end() {
        let mut jar = jar(&["a=1; Max-Age=10", "b=2; Expires=3000", "c=3; Expires=1", "d=4"]);
        assert_eq!(jar.of(&url("/shop/"), false, 2000.0), "a=1; b=2; d=4");
        assert_eq!(jar.of(&url("/shop/"), false, 12_000.0), "d=4");
        jar.set(&url("/shop/x"), "d=; Max-Age=0", false, 1000.0, |_| None);
        assert_eq!(jar.of(&url("/shop/"), false, 2000.0), "a=1; b=2");
    }

    #[test]
    fn scripts_neither_see_nor_set_what_is_hidden_from_them() {
        let mut jar = jar(&["a=1; HttpOnly"]);
        jar.set(&url("/shop/x"), "a=2", true, 1000.0, |_| None);
        jar.set(&url("/shop/x"), "b=2; HttpOnly", true, 1000.0, |_| None);
        assert_eq!(jar.of(&url("/shop/"), false, 1000.0), "a=1");
    }

    #[test]
    fn what_is_no_cookie_is_left_out_and_there_are_not_too_many() {
        let long = format!("a={}", "x".repeat(5000));
        assert_eq!(jar(&["", "=", &long, "a=b\r\nc", "; Path=/"]).0, []);
        let many: Vec<String> = (0..150).map(|n| format!("n{n}=1")).collect();
        let many = jar(&many.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!((many.0.len(), &*many.0[0].name), (100, "n50"));
    }
}
