//! The browser's question whether the extension may reach hosts: asked in the moment in which the user wants a machine to.

use protocol::{Access, Problem, ProblemCode};
use wasm_bindgen::prelude::*;
use webbridge::to_js;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = ["browser", "permissions"], js_name = request, catch)]
    async fn request(permissions: &JsValue) -> Result<JsValue, JsValue>;
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

/// Has the browser ask, if it has to. Must be called at once when something was pressed: else the browser does not ask.
pub(crate) async fn ask(access: &Access) -> Result<(), Problem> {
    let origins = patterns(access);
    if origins.is_empty() {
        return Ok(());
    }
    let wrong = |why: String| Problem {
        code: ProblemCode::Refused,
        message: format!("The browser can’t be asked for leave: {why}."),
        advice: "Check the hosts, and try again.".to_owned(),
    };
    let permissions = js_sys::Object::new();
    let origins = to_js(&origins).map_err(|error| wrong(error.to_string()))?;
    // Setting a property of a plain object does not fail.
    let _ = js_sys::Reflect::set(&permissions, &"origins".into(), &origins);
    match request(&permissions).await {
        Ok(granted) if granted.is_truthy() => Ok(()),
        Ok(_) => Err(Problem {
            code: ProblemCode::Refused,
            message: "The browser was not given leave to reach this, so nothing was changed.".to_owned(),
            advice: "Try again and allow it when the browser asks.".to_owned(),
        }),
        Err(error) => {
            let said = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
            Err(wrong(said.unwrap_or_else(|| "no reason was given".to_owned()).trim_end_matches('.').to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_become_patterns_without_ports() {
        let of = |hosts: &[&str]| {
            patterns(&Access { web: false, hosts: hosts.iter().map(|host| (*host).to_owned()).collect() })
        };
        assert_eq!(of(&["example.org", "127.0.0.1:8080"]), ["*://example.org/*", "*://127.0.0.1/*"]);
        assert_eq!(of(&["[::1]:80", "::1", "*.example.org"]), ["*://[::1]/*", "*://[::1]/*", "*://*.example.org/*"]);
        assert_eq!(patterns(&Access { web: true, hosts: vec!["nas".to_owned()] }), ["*://*/*"]);
    }
}
