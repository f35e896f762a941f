//! WebTransport, as far as uplinks need it (W3C, *WebTransport*). `web-sys` has it only behind a flag of the compiler, so it is named here.

use crate::bridge::text_of;
use crate::storage::pause;
use futures_util::future::{Either, select};
use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use std::pin::pin;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{ReadableStream, ReadableStreamDefaultReader, WritableStream, WritableStreamDefaultWriter};

#[wasm_bindgen]
extern "C" {
    type WebTransport;
    #[wasm_bindgen(constructor, catch)]
    fn new(url: &str, options: &JsValue) -> Result<WebTransport, JsValue>;
    #[wasm_bindgen(method, getter)]
    fn ready(this: &WebTransport) -> Promise;
    #[wasm_bindgen(method, getter)]
    fn closed(this: &WebTransport) -> Promise;
    #[wasm_bindgen(method, catch)]
    fn close(this: &WebTransport) -> Result<(), JsValue>;
    #[wasm_bindgen(method, js_name = createBidirectionalStream)]
    fn create_bidirectional_stream(this: &WebTransport) -> Promise;
    #[wasm_bindgen(method, getter)]
    fn datagrams(this: &WebTransport) -> JsValue;
}

/// How long an endpoint may take until a session is there, in milliseconds.
const OPEN_MS: i32 = 15_000;
/// How many datagrams are read ahead, and so how many may come at once.
const DATAGRAMS_AHEAD: u32 = 256;

/// A session with a stream both ways, and datagrams if the browser has them. Dropping it closes it.
pub struct Transport {
    session: WebTransport,
    reader: ReadableStreamDefaultReader,
    writer: WritableStreamDefaultWriter,
    datagrams: Option<Datagrams>,
}

/// Both ways for datagrams.
struct Datagrams {
    object: JsValue,
    reader: ReadableStreamDefaultReader,
    writer: WritableStreamDefaultWriter,
}

fn property(object: &JsValue, name: &str) -> Result<JsValue, JsValue> {
    Reflect::get(object, &name.into())
}

/// Tells the browser of the certificates that it is to believe.
fn options(hashes: &[[u8; 32]]) -> Result<JsValue, JsValue> {
    let options = Object::new();
    if !hashes.is_empty() {
        let list = Array::new();
        for hash in hashes {
            let entry = Object::new();
            Reflect::set(&entry, &"algorithm".into(), &"sha-256".into())?;
            Reflect::set(&entry, &"value".into(), &Uint8Array::from(&hash[..]))?;
            list.push(&entry);
        }
        Reflect::set(&options, &"serverCertificateHashes".into(), &list)?;
    }
    Ok(options.into())
}

impl Datagrams {
    fn new(session: &WebTransport) -> Result<Self, JsValue> {
        let object = session.datagrams();
        Reflect::set(&object, &"incomingHighWaterMark".into(), &DATAGRAMS_AHEAD.into())?;
        let reader = property(&object, "readable")?.dyn_into::<ReadableStream>()?.get_reader().dyn_into()?;
        // Newer drafts make a stream on demand where older ones have one.
        let writable = match property(&object, "writable")?.dyn_into::<WritableStream>() {
            Ok(writable) => writable,
            Err(_) => {
                let make = property(&object, "createWritable")?.dyn_into::<js_sys::Function>()?;
                make.call0(&object)?.dyn_into::<WritableStream>()?
            }
        };
        let writer = writable.get_writer()?;
        Ok(Self { object, reader, writer })
    }
}

/// The next piece of a stream; `None` at its end.
async fn next(reader: &ReadableStreamDefaultReader) -> Result<Option<Uint8Array>, JsValue> {
    let read = JsFuture::from(reader.read()).await?;
    match property(&read, "done")?.is_truthy() {
        true => Ok(None),
        false => Ok(Some(property(&read, "value")?.dyn_into()?)),
    }
}

impl Transport {
    /// Opens a session; the error is what the browser says.
    pub async fn open(address: &str, hashes: &[[u8; 32]]) -> Result<Self, String> {
        let failed = |error: JsValue| text_of(&error);
        let session = WebTransport::new(address, &options(hashes).map_err(failed)?).map_err(failed)?;
        let closed = JsFuture::from(session.closed());
        spawn_local(async move {
            // Who reads hears of it; a rejection that nobody waits for would be reported as an error.
            drop(closed.await);
        });
        let opened = match select(pin!(Self::streams(&session)), pin!(pause(OPEN_MS))).await {
            Either::Left((opened, _)) => opened.map_err(failed),
            Either::Right(_) => Err("nobody has answered".to_owned()),
        };
        match opened {
            Ok((reader, writer)) => {
                let datagrams = Datagrams::new(&session).ok();
                Ok(Self { session, reader, writer, datagrams })
            }
            Err(error) => {
                drop(session.close());
                Err(error)
            }
        }
    }

    async fn streams(
        session: &WebTransport,
    ) -> Result<(ReadableStreamDefaultReader, WritableStreamDefaultWriter), JsValue> {
        JsFuture::from(session.ready()).await?;
        let stream = JsFuture::from(session.create_bidirectional_stream()).await?;
        let reader = property(&stream, "readable")?.dyn_into::<ReadableStream>()?.get_reader().dyn_into()?;
        let writer = property(&stream, "writable")?.dyn_into::<WritableStream>()?.get_writer()?;
        Ok((reader, writer))
    }

    /// The next bytes of the stream; `None` at its end.
    pub async fn read(&self) -> Result<Option<Vec<u8>>, String> {
        let piece = next(&self.reader).await.map_err(|error| text_of(&error))?;
        Ok(piece.map(|piece| piece.to_vec()))
    }

    /// Writes into the stream; returns when the browser takes more.
    pub async fn write(&self, bytes: &[u8]) -> Result<(), String> {
        let bytes = Uint8Array::from(bytes);
        JsFuture::from(self.writer.write_with_chunk(&bytes)).await.map(drop).map_err(|error| text_of(&error))
    }

    /// How long a datagram may be; zero if there are none.
    pub fn datagram_max(&self) -> usize {
        let size = self.datagrams.as_ref().and_then(|datagrams| property(&datagrams.object, "maxDatagramSize").ok());
        size.and_then(|size| size.as_f64()).map_or(0, |size| size as usize)
    }

    /// Sends a datagram, unless too many are waiting; says whether it did.
    pub fn send_datagram(&self, bytes: &[u8]) -> bool {
        let Some(datagrams) = &self.datagrams else { return false };
        if !matches!(datagrams.writer.desired_size(), Ok(Some(room)) if room > 0.0) {
            return false;
        }
        let sent = JsFuture::from(datagrams.writer.write_with_chunk(&Uint8Array::from(bytes)));
        spawn_local(async move {
            // Datagrams may be lost.
            drop(sent.await);
        });
        true
    }

    /// The next datagram; `None` if there will be none.
    pub async fn datagram(&self) -> Option<Vec<u8>> {
        next(&self.datagrams.as_ref()?.reader).await.ok()?.map(|piece| piece.to_vec())
    }

    /// Ends the session.
    pub fn close(&self) {
        // One that is closed already is what is wanted.
        drop(self.session.close());
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        self.close();
    }
}
