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

    /// Gives these bytes away.
    pub fn give(&self, bytes: &Uint8Array) {
        self.post(bytes, &Array::of1(&bytes.buffer()));
    }

    /// Passes on what has come from the other end: bytes are given away.
    pub fn pass_on(&self, message: &JsValue) {
        match message.dyn_ref() {
            Some(bytes) => self.give(bytes),
            None => self.say(message),
        }
    }

    /// Says something short.
    pub fn say(&self, word: &JsValue) {
        self.post(word, &Array::new());
    }

    fn post(&self, message: &JsValue, transfer: &Array) {
        let message = Array::of2(&self.number.into(), message);
        if let Err(error) = self.worker.post_message_with_transfer(&message, transfer) {
            log(&format!("the LAN could not be told of frames: {}", text_of(&error)));
        }
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
