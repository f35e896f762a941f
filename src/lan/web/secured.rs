//! TLS with machines, which is a WebAssembly module of its own (`tls/`), loaded when the first machine wants its HTTPS to be read.

use crate::bridge::text_of;
use futures_util::lock::Mutex;
use js_sys::{Function, Promise};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    /// The module.
    type Module;

    #[wasm_bindgen(method, catch, js_name = newAuthority)]
    fn new_authority(this: &Module, machine: &str, random: &[u8], now: f64) -> Result<RawAuthority, JsValue>;
    #[wasm_bindgen(method, catch, js_name = keptAuthority)]
    fn kept_authority(this: &Module, kept: &str) -> Result<RawAuthority, JsValue>;

    type RawAuthority;

    #[wasm_bindgen(method, catch)]
    fn kept(this: &RawAuthority) -> Result<String, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn pem(this: &RawAuthority) -> Result<String, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn tls(this: &RawAuthority, host: &str, now: f64) -> Result<RawTls, JsValue>;
    #[wasm_bindgen(method, js_name = free)]
    fn free_authority(this: &RawAuthority);

    type RawTls;

    #[wasm_bindgen(method)]
    fn host(this: &RawTls) -> Option<String>;
    #[wasm_bindgen(method, catch)]
    fn input(this: &RawTls, bytes: &[u8]) -> Result<(), JsValue>;
    #[wasm_bindgen(method)]
    fn plain(this: &RawTls) -> Vec<u8>;
    #[wasm_bindgen(method)]
    fn ended(this: &RawTls) -> bool;
    #[wasm_bindgen(method)]
    fn send(this: &RawTls, plain: &[u8]) -> usize;
    #[wasm_bindgen(method)]
    fn close(this: &RawTls);
    #[wasm_bindgen(method)]
    fn waiting(this: &RawTls) -> usize;
    #[wasm_bindgen(method)]
    fn output(this: &RawTls) -> Vec<u8>;
    #[wasm_bindgen(method)]
    fn sent(this: &RawTls, count: usize);
    #[wasm_bindgen(method, js_name = free)]
    fn free_tls(this: &RawTls);
}

/// The seconds since 1970.
fn now() -> f64 {
    js_sys::Date::now() / 1000.0
}

/// Loads the module, once.
pub struct Loader {
    load: Function,
    module: Mutex<Option<Rc<Module>>>,
}

impl Loader {
    /// `load` gives a promise of the module.
    pub fn new(load: Function) -> Self {
        Self { load, module: Mutex::new(None) }
    }

    async fn module(&self) -> Result<Rc<Module>, String> {
        let mut module = self.module.lock().await;
        if let Some(module) = &*module {
            return Ok(module.clone());
        }
        let failed = |error: JsValue| format!("what reads HTTPS can’t be loaded: {}", text_of(&error));
        let promise: Promise = self.load.call0(&JsValue::NULL).map_err(failed)?.unchecked_into();
        let loaded = Rc::new(JsFuture::from(promise).await.map_err(failed)?.unchecked_into());
        Ok(module.insert(loaded).clone())
    }

    /// A new authority, out of random bytes that nobody else knows.
    pub async fn new_authority(&self, machine: &str, random: &[u8; 32]) -> Result<Rc<Authority>, String> {
        let made = self.module().await?.new_authority(machine, random, now());
        made.map(Authority::new).map_err(|error| text_of(&error))
    }

    /// The authority that was kept with [`Authority::kept`].
    pub async fn kept_authority(&self, kept: &str) -> Result<Rc<Authority>, String> {
        self.module().await?.kept_authority(kept).map(Authority::new).map_err(|error| text_of(&error))
    }
}

/// The certificate authority of one machine.
pub struct Authority(RawAuthority);

impl Authority {
    fn new(raw: RawAuthority) -> Rc<Self> {
        Rc::new(Self(raw))
    }

    /// What is to be kept, as JSON.
    pub fn kept(&self) -> Result<String, String> {
        self.0.kept().map_err(|error| text_of(&error))
    }

    /// The certificate that the machine has to trust.
    pub fn pem(&self) -> Result<String, String> {
        self.0.pem().map_err(|error| text_of(&error))
    }

    /// TLS for a connection that has just been made, in the place of a host.
    pub fn tls(&self, host: &str) -> Result<Tls, String> {
        self.0.tls(host, now()).map(Tls).map_err(|error| text_of(&error))
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        self.0.free_authority();
    }
}

/// One connection of a machine.
pub struct Tls(RawTls);

impl Tls {
    /// The host that the machine has named.
    pub fn host(&self) -> Option<String> {
        self.0.host()
    }

    /// Takes bytes of the machine, all of them, and appends the plain ones that come of it.
    pub fn input(&self, bytes: &[u8], plain: &mut Vec<u8>) -> Result<(), String> {
        let taken = self.0.input(bytes).map_err(|error| text_of(&error));
        plain.append(&mut self.0.plain());
        taken
    }

    /// Whether the machine has said that it sends no more.
    pub fn ended(&self) -> bool {
        self.0.ended()
    }

    /// Plain bytes for the machine. Gives how many were taken: none while much waits to be sent.
    pub fn send(&self, plain: &[u8]) -> usize {
        self.0.send(plain)
    }

    /// We send no more.
    pub fn close(&self) {
        self.0.close();
    }

    /// Whether bytes wait to be sent to the machine.
    pub fn waits(&self) -> bool {
        self.0.waiting() > 0
    }

    /// The next bytes for the machine.
    pub fn output(&self) -> Vec<u8> {
        self.0.output()
    }

    /// So many of them have been sent.
    pub fn sent(&self, count: usize) {
        self.0.sent(count);
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        self.0.free_tls();
    }
}
