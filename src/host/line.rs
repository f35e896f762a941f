//! A line of a machine or a peer to the LAN's worker, by the messages of that worker, with a number: in Firefox each message of a `MessagePort` goes by
//! another process, and is copied on its way.

use crate::bridge::{log, text_of};
use js_sys::{Array, Uint8Array};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// What hears what comes by a line.
type Ear = Rc<dyn Fn(&JsValue)>;

/// Who hears what, by the lines' numbers.
#[derive(Default)]
pub struct Lines(RefCell<BTreeMap<u32, Ear>>);

impl Lines {
    /// The worker has sent this: a line's number, and what came by it. What comes by a line that is closed is lost.
    pub fn hear(&self, message: &Array) {
        let number = message.get(0).as_f64().map(|number| number as u32);
        // Whoever hears it may close the line.
        let ear = number.and_then(|number| self.0.borrow().get(&number).cloned());
        if let Some(ear) = ear {
            ear(&message.get(1));
        }
    }
}

/// Passes on to a worker what a line brings: a list, at whose end there may be bytes. They are given away.
pub fn pass_on(worker: &web_sys::Worker, list: &Array) {
    let bytes = list.at(-1).dyn_into::<Uint8Array>();
    let transfer: Array = bytes.iter().map(Uint8Array::buffer).collect();
    if let Err(error) = worker.post_message_with_transfer(list, &transfer) {
        log(&format!("a worker could not be given frames: {}", text_of(&error)));
    }
}

/// A line; dropping it closes it.
pub struct Line {
    number: u32,
    worker: web_sys::Worker,
    lines: Rc<Lines>,
}

impl Line {
    /// The line with this number, which the worker was told of.
    pub fn new(number: u32, worker: web_sys::Worker, lines: Rc<Lines>) -> Self {
        Self { number, worker, lines }
    }

    /// From now on `ear` hears what comes.
    pub fn listen(&self, ear: impl Fn(&JsValue) + 'static) {
        self.lines.0.borrow_mut().insert(self.number, Rc::new(ear));
    }

    /// Sends what comes from the other end: bytes, which are given away, or something short.
    pub fn send(&self, message: &JsValue) {
        pass_on(&self.worker, &Array::of2(&self.number.into(), message));
    }

    /// Hears nothing more.
    pub fn close(&self) {
        self.lines.0.borrow_mut().remove(&self.number);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.close();
    }
}
