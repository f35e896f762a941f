//! The browser's question whether the extension may reach hosts: asked in the moment in which the user wants a machine to.

use js_sys::Promise;
use protocol::{Access, Problem, ProblemCode};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use webbridge::to_js;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = ["browser", "permissions"], js_name = request, catch)]
    fn request(permissions: &JsValue) -> Result<Promise, JsValue>;
}

/// The patterns of addresses that this needs (they name no ports).
fn patterns(access: &Access) -> Vec<String> {
    if access.web {
        return vec!["*://*/*".to_owned()];
    }
    let host = |host: &String| match host.rsplit_once(':') {
        Some((name, _)) if !name.contains(':') || name.ends_with(']') => name.to_owned(),
        _ if host.contains(':') && !host.starts_with('[') => format!("[{host}]"),
        _ => host.clone(),
    };
    access.hosts.iter().map(|named| format!("*://{}/*", host(named))).collect()
}

fn wrong(why: &str) -> Problem {
    Problem {
        code: ProblemCode::Refused,
        message: format!("The browser can’t be asked for leave: {}.", why.trim_end_matches('.')),
        advice: "Check the hosts, and try again.".to_owned(),
    }
}

fn failed(error: &JsValue) -> Problem {
    let said = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
    wrong(&said.unwrap_or_else(|| "no reason was given".to_owned()))
}

/// The browser's question, on its way; `None` if there is nothing to ask.
pub(crate) struct Question(Option<Promise>);

/// Has the browser ask, if it has to. Must be called while what was pressed is being handled, and not later: else Firefox does not ask.
pub(crate) fn ask(access: &Access) -> Result<Question, Problem> {
    let origins = patterns(access);
    if origins.is_empty() {
        return Ok(Question(None));
    }
    let permissions = js_sys::Object::new();
    let origins = to_js(&origins).map_err(|error| wrong(&error.to_string()))?;
    // Setting a property of a plain object does not fail.
    let _ = js_sys::Reflect::set(&permissions, &"origins".into(), &origins);
    Ok(Question(Some(request(&permissions).map_err(|error| failed(&error))?)))
}

/// Waits for the answer.
pub(crate) async fn answer(question: Question) -> Result<(), Problem> {
    let Some(promise) = question.0 else { return Ok(()) };
    match JsFuture::from(promise).await {
        Ok(granted) if granted.is_truthy() => Ok(()),
        Ok(_) => Err(Problem {
            code: ProblemCode::Refused,
            message: "The browser was not given leave to reach this, so nothing was changed.".to_owned(),
            advice: "Try again and allow it when the browser asks.".to_owned(),
        }),
        Err(error) => Err(failed(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_become_patterns_without_ports() {
        let of = |hosts: &[&str]| {
            patterns(&Access { hosts: hosts.iter().map(|host| (*host).to_owned()).collect(), ..Access::default() })
        };
        assert_eq!(of(&["example.org", "127.0.0.1:8080"]), ["*://example.org/*", "*://127.0.0.1/*"]);
        assert_eq!(of(&["[::1]:80", "::1", "*.example.org"]), ["*://[::1]/*", "*://[::1]/*", "*://*.example.org/*"]);
        assert_eq!(patterns(&Access { web: true, hosts: vec!["nas".to_owned()], ..Access::default() }), ["*://*/*"]);
    }
}
