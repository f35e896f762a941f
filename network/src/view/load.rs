//! Loading a page or a part of it: redirects are followed, cookies kept.

use super::asking::{self, Answer, Ask};
use super::jar::Jar;
use super::site::Site;
use protocol::InstanceId;
use std::cell::RefCell;
use std::rc::Rc;
use url::Url;

/// How many redirects are followed (Fetch Standard, "HTTP-redirect fetch").
const REDIRECTS_MAX: usize = 20;

/// The machine whose site is shown, and its cookies.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) id: InstanceId,
    pub(crate) site: Site,
    pub(crate) jar: Rc<RefCell<Jar>>,
}

/// Why something could not be loaded: what happened, and what can be done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trouble {
    pub(crate) message: String,
    pub(crate) advice: String,
}

fn now() -> f64 {
    js_sys::Date::now()
}

fn date(text: &str) -> Option<f64> {
    let date = js_sys::Date::parse(text);
    (!date.is_nan()).then_some(date)
}

impl Visitor {
    /// Asks the machine and follows where its answers lead; gives the last one and where it came from.
    pub(crate) async fn load(&self, mut ask: Ask) -> Result<(Url, Answer), Trouble> {
        for _ in 0..=REDIRECTS_MAX {
            let url = ask.url.clone();
            let mut sent = ask.clone();
            sent.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("cookie"));
            let cookies = self.cookies(&url);
            if !cookies.is_empty() {
                sent.headers.push(("cookie".to_owned(), cookies));
            }
            let answer = asking::ask(&self.id, sent).await.map_err(|why| failed(&url, &why))?;
            for (name, value) in &answer.headers {
                if name == "set-cookie" {
                    self.jar.borrow_mut().set(&url, value, false, now(), date);
                }
            }
            let Some(there) =
                answer.header("location").filter(|_| matches!(answer.status, 301 | 302 | 303 | 307 | 308))
            else {
                return Ok((url, answer));
            };
            let fragment = url.fragment().map(str::to_owned);
            let mut next = self.site.resolve(&url, there).map_err(|elsewhere| {
                let (message, advice) = elsewhere.words();
                Trouble { message: format!("The site leads on to {}. {message}", shortened(there)), advice }
            })?;
            if next.fragment().is_none() {
                next.set_fragment(fragment.as_deref());
            }
            // The method changes as in browsers (Fetch Standard, "HTTP-redirect fetch").
            let post = ask.method == "POST" && matches!(answer.status, 301 | 302);
            if post || answer.status == 303 && !matches!(&*ask.method, "GET" | "HEAD") {
                ask.method = "GET".to_owned();
                ask.body.clear();
                ask.headers.retain(|(name, _)| !name.to_ascii_lowercase().starts_with("content-"));
            }
            ask.url = next;
        }
        Err(Trouble {
            message: "The site leads on from page to page without end.".to_owned(),
            advice: "Look at the server’s redirects.".to_owned(),
        })
    }

    /// What is sent of them.
    pub(crate) fn cookies(&self, url: &Url) -> String {
        self.jar.borrow().of(url, false, now())
    }

    /// What the scripts of a page see of its cookies.
    pub(crate) fn script_cookies(&self, url: &Url) -> String {
        self.jar.borrow().of(url, true, now())
    }

    /// A script sets a cookie.
    pub(crate) fn set_script_cookie(&self, url: &Url, line: &str) {
        self.jar.borrow_mut().set(url, line, true, now(), date);
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}

fn failed(url: &Url, why: &str) -> Trouble {
    let port = url.port_or_known_default().unwrap_or(80);
    Trouble {
        message: format!("Port {port} did not answer: {why}."),
        advice: format!("See that the server in the machine runs and listens on 0.0.0.0:{port}, then reload."),
    }
}
