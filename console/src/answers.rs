//! Who answers when a program asks its terminal something, such as “where is the cursor?” (`ESC[6n`).
//!
//! xterm.js answers whatever it parses. It must not when it parses a replay: whoever asked has stopped waiting, and the
//! answer would look like typing. And when several pages show one machine, one answer is wanted, not several: the page
//! that was last used gives it.

use crate::{js::object, xterm::Terminal};
use js_sys::{Function, Promise};
use std::{cell::Cell, rc::Rc};
use wasm_bindgen::prelude::*;

/// Queries that xterm.js answers, as (prefix, intermediates, final) of a CSI sequence.
const CSI_QUERIES: [(&str, &str, &str); 8] = [
    ("", "", "n"),
    ("?", "", "n"),
    ("", "", "c"),
    (">", "", "c"),
    ("=", "", "c"),
    (">", "", "q"),
    ("", "$", "p"),
    ("?", "$", "p"),
];
/// Colours that can be asked for: the palette, foreground, background, cursor.
const OSC_COLOURS: [u32; 4] = [4, 10, 11, 12];

/// Whether a terminal may answer.
#[derive(Clone, Default)]
pub(crate) struct Answers {
    /// Which of this page's holds on the lock makes it the one that answers for the machine, if any.
    chosen: Rc<Cell<Option<u32>>>,
    holds: Rc<Cell<u32>>,
    /// This page has asked to be the next one.
    waiting: Rc<Cell<bool>>,
    /// What is being parsed is a replay.
    pub(crate) replaying: Rc<Cell<bool>>,
}

impl Answers {
    /// For another terminal of the same page.
    pub(crate) fn sibling(&self) -> Self {
        Self { replaying: Rc::default(), ..self.clone() }
    }

    fn muted(&self) -> bool {
        self.replaying.get() || self.chosen.get().is_none()
    }

    /// Keeps the terminal from answering when it must not.
    pub(crate) fn guard(&self, terminal: &Terminal) {
        let parser = terminal.parser();
        let muted = {
            let answers = self.clone();
            Closure::<dyn Fn() -> bool>::new(move || answers.muted())
        };
        for (prefix, intermediates, last) in CSI_QUERIES {
            let mut id = vec![("final", last.into())];
            if !prefix.is_empty() {
                id.push(("prefix", prefix.into()));
            }
            if !intermediates.is_empty() {
                id.push(("intermediates", intermediates.into()));
            }
            parser.register_csi_handler(&object(&id), &muted);
        }
        parser.register_dcs_handler(&object(&[("intermediates", "$".into()), ("final", "q".into())]), &muted);
        muted.forget();
        let colour = {
            let answers = self.clone();
            Closure::<dyn Fn(String) -> bool>::new(move |data: String| data.contains('?') && answers.muted())
        };
        OSC_COLOURS.into_iter().for_each(|id| parser.register_osc_handler(id, &colour));
        colour.forget();
    }

    /// Makes this page the one that answers for the machine with this lock, until another page takes its turn.
    pub(crate) fn take_turn(&self, lock: &str) {
        if self.chosen.get().is_none() {
            self.hold(lock, true);
        }
    }

    /// Makes this page answer when no other page does.
    pub(crate) fn wait_for_turn(&self, lock: &str) {
        if !self.waiting.replace(true) {
            self.hold(lock, false);
        }
    }

    /// A lock of the browser's is held by one page at a time, also over crashes of pages.
    fn hold(&self, lock: &str, steal: bool) {
        let hold = self.holds.get() + 1;
        self.holds.set(hold);
        let answers = self.clone();
        let got = Closure::once_into_js(move |_lock: JsValue| {
            answers.chosen.set(Some(hold));
            if !steal {
                answers.waiting.set(false);
            }
            // Kept until the page goes away, or another page steals it.
            Promise::new(&mut |_, _| ())
        });
        let (answers, name) = (self.clone(), lock.to_owned());
        let stolen = Closure::once(move |_reason: JsValue| {
            // When this page has stolen it from itself, it still answers.
            if answers.chosen.get() == Some(hold) {
                answers.chosen.set(None);
                answers.wait_for_turn(&name);
            }
        });
        match request_lock(lock, &object(&[("steal", steal.into())]), got.unchecked_ref()) {
            Ok(held) => {
                let _ = held.catch(&stolen);
                stolen.forget();
            }
            // Without locks every page answers, as if it were alone.
            Err(_) => self.chosen.set(Some(hold)),
        }
    }
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = ["navigator", "locks"], js_name = request)]
    fn request_lock(name: &str, options: &JsValue, granted: &Function) -> Result<Promise, JsValue>;
}
