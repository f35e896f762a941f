//! `globalThis.workbenchTest`: what the terminals show, for tests and for assistive tools that can't read a canvas.
//!
//! `text(stream)` is everything in a terminal (`"shell"` or `"serial"`) with its scrollback, `text(stream, lines)` no more
//! than so many of its newest lines, `size()` is `[cols, rows]` of both, `stream()` is the terminal that is shown. It only reads.

use crate::{desk::Desk, js::object};
use js_sys::Array;
use protocol::Stream;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// Puts the object there.
pub(crate) fn expose(desk: &Rc<Desk>) {
    let text = {
        let desk = desk.clone();
        Closure::<dyn Fn(String, Option<u32>) -> String>::new(move |name: String, lines: Option<u32>| {
            desk.screen(stream(&name)).text(lines.unwrap_or(u32::MAX))
        })
    };
    let size = {
        let desk = desk.clone();
        Closure::<dyn Fn() -> Array>::new(move || {
            let size = desk.screen(desk.tab()).size();
            Array::of2(&size.cols.into(), &size.rows.into())
        })
    };
    let shown = {
        let desk = desk.clone();
        Closure::<dyn Fn() -> String>::new(move || name(desk.tab()).to_owned())
    };
    let probe =
        object(&[("text", text.into_js_value()), ("size", size.into_js_value()), ("stream", shown.into_js_value())]);
    crate::js::set(&js_sys::global(), "workbenchTest", &probe);
}

fn name(stream: Stream) -> &'static str {
    match stream {
        Stream::Serial => "serial",
        Stream::Shell => "shell",
    }
}

fn stream(name: &str) -> Stream {
    if name == "serial" { Stream::Serial } else { Stream::Shell }
}
