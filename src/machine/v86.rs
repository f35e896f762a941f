//! The only file that knows v86: its options, its bus, and the places inside of it that we depend on.
//!
//! v86 (npm `v86`, pinned exactly) promises none of this from one version to the next; the end-to-end tests hold on to
//! each assumption.

use super::supplies::Supplies;
use crate::bridge::{log, problem, text_of};
use js_sys::{Array, ArrayBuffer, Function, Object, Promise, Reflect, Uint8Array, Uint32Array, WebAssembly};
use protocol::{Problem, ProblemCode, TerminalSize};
use vlan::frame::LONGEST;
use vlan::offload;
use vlan::plan::MTU;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    /// `V86` of v86's `starter.js`; the bootstrap puts it on the global object.
    #[derive(Debug, Clone)]
    type V86;

    #[wasm_bindgen(constructor, catch)]
    fn new(options: &Object) -> Result<V86, JsValue>;

    #[wasm_bindgen(method, getter)]
    fn bus(this: &V86) -> Bus;

    #[wasm_bindgen(method, catch)]
    async fn run(this: &V86) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    async fn stop(this: &V86) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    async fn destroy(this: &V86) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method)]
    fn is_running(this: &V86) -> bool;

    #[wasm_bindgen(method, catch)]
    async fn save_state(this: &V86) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    async fn restore_state(this: &V86, state: &ArrayBuffer) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method)]
    fn add_listener(this: &V86, event: &str, listener: &Function);

    #[wasm_bindgen(method)]
    fn keyboard_send_scancodes(this: &V86, codes: &Array);

    #[derive(Debug, Clone)]
    type Bus;

    #[wasm_bindgen(method)]
    fn send(this: &Bus, event: &str, value: &JsValue);

    /// One of a device's queues (virtio 1.2, 2.7).
    #[derive(Debug, Clone)]
    type Queue;

    #[wasm_bindgen(method)]
    fn is_configured(this: &Queue) -> JsValue;

    #[wasm_bindgen(method)]
    fn has_request(this: &Queue) -> bool;

    #[wasm_bindgen(method)]
    fn pop_request(this: &Queue) -> Buffers;

    #[wasm_bindgen(method)]
    fn push_reply(this: &Queue, buffers: &Buffers);

    #[wasm_bindgen(method)]
    fn flush_replies(this: &Queue);

    /// What a guest offers at a time.
    type Buffers;

    #[wasm_bindgen(method)]
    fn set_next_blob(this: &Buffers, bytes: &[u8]) -> u32;
}

/// Make and break codes of Ctrl, Alt and Delete (scan code set 1).
const CTRL_ALT_DEL: [u8; 8] = [0x1d, 0x38, 0xe0, 0x53, 0xe0, 0xd3, 0xb8, 0x9d];
/// The command register of the first IDE channel, on which both of a machine's disks are.
const IDE_COMMAND_PORT: &str = "503";
/// ATA's FLUSH CACHE and FLUSH CACHE EXT (ATA8-ACS, 7.10 and 7.11), which v86 answers without telling the disk.
const ATA_FLUSHES: [u8; 2] = [0xe7, 0xea];
/// ATA's IDENTIFY DEVICE (ATA8-ACS, 7.12).
const ATA_IDENTIFY: u8 = 0xec;
/// The bytes of its answer with the bits for “has a write cache” (word 82) and “it is on” (word 85).
const WRITE_CACHE_BYTES: [u32; 2] = [2 * 82, 2 * 85];
/// The bit in both.
const WRITE_CACHE: u8 = 1 << 5;
/// Linux gives the virtio console one page for each buffer that it offers.
const CONSOLE_PIECE: u32 = 4096;

/// The network card's queue of the guest's free buffers (virtio 1.2, 5.1.2).
const NET_INPUT_QUEUE: &str = "0";
/// VIRTIO_CONSOLE_CONSOLE_PORT (virtio 1.2, 5.3.6.2): the port is a terminal.
const CONSOLE_PORT_EVENT: u16 = 4;

/// A port of the virtio console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// The user's shell, a terminal: `/dev/hvc0`.
    Shell,
    /// The agent's requests and answers: `/dev/vport0p1`.
    Control,
    /// The agent's files: `/dev/vport0p2`.
    Bulk,
}

impl Port {
    fn number(self) -> u16 {
        match self {
            Self::Shell => 0,
            Self::Control => 1,
            Self::Bulk => 2,
        }
    }

    /// Its queue of the guest's free buffers (virtio 1.2, 5.3.2).
    fn input_queue(self) -> &'static str {
        match self {
            Self::Shell => "0",
            Self::Control => "4",
            Self::Bulk => "6",
        }
    }
}

/// What a machine is made of, besides its disk.
#[derive(Debug)]
pub struct Parts {
    /// What all machines are made of.
    pub supplies: Supplies,
    /// The kernel's command line.
    pub cmdline: String,
    /// Memory in bytes.
    pub memory: u64,
    /// The first disk, as v86 wants it (see `disk.rs`); `undefined` for none.
    pub disk: JsValue,
    /// The second one, if there is one.
    pub second_disk: Option<JsValue>,
    /// Whether the disk brings what it is started with, instead of the kernel.
    pub firmware: bool,
    /// Whether there is a network card.
    pub network: bool,
    /// What answers the guest's 9P messages, `(message, reply)`; none if there is no device for them.
    pub share: Option<JsValue>,
}

/// Called by the emulator when something happens in it.
pub trait Listener: 'static {
    /// The first serial port has put out a byte.
    fn serial_output(&self, byte: u8);
    /// A port of the virtio console has put out bytes.
    fn output(&self, port: Port, bytes: Vec<u8>);
    /// The processor stands still for good: the guest has shut down.
    fn halted(&self);
    /// The guest has asked for a reset.
    fn reset(&self);
    /// The guest wants what it has written to be durable.
    fn flush(&self);
    /// The network card has sent an Ethernet frame.
    fn frame(&self, frame: &[u8]);
}

/// A running v86.
#[derive(Debug, Clone)]
pub struct Emulator {
    v86: V86,
}

fn set(object: &Object, key: &str, value: &JsValue) {
    // Setting a property of a plain object does not fail.
    let _ = Reflect::set(object, &JsValue::from_str(key), value);
}

fn buffer(bytes: &ArrayBuffer) -> JsValue {
    let object = Object::new();
    set(&object, "buffer", bytes);
    object.into()
}

/// Follows a path of properties.
fn inner(start: &JsValue, path: &[&str]) -> Result<JsValue, JsValue> {
    let step = |from: JsValue, name: &&str| Reflect::get(&from, &JsValue::from_str(name));
    path.iter().try_fold(start.clone(), step)
}

/// Sets a property inside of v86; one that can't be set means that v86 is not what this file knows.
fn replace(object: &JsValue, name: &str, value: &JsValue) -> Result<(), JsValue> {
    if Reflect::set(object, &JsValue::from_str(name), value)? {
        return Ok(());
    }
    Err(js_sys::Error::new(&format!("v86’s {name} can’t be replaced")).into())
}

/// Puts itself before the first IDE channel's command register, to hear FLUSH CACHE. Linux sends it only to a drive that
/// says that it has a write cache, which v86's does not say.
fn hear_flushes(cpu: &JsValue, listener: std::rc::Rc<impl Listener>) -> Result<(), JsValue> {
    let channel = inner(cpu, &["devices", "ide", "primary"])?;
    let register = inner(cpu, &["io", "ports", IDE_COMMAND_PORT])?;
    let original: Function = inner(&register, &["write8"])?.dyn_into()?;
    let write = Closure::<dyn Fn(u8) -> Result<JsValue, JsValue>>::new(move |command: u8| {
        if ATA_FLUSHES.contains(&command) {
            listener.flush();
        }
        let answer = original.call1(&channel, &command.into())?;
        if command == ATA_IDENTIFY {
            let data: Uint8Array = inner(&channel, &["current_interface", "data"])?.dyn_into()?;
            for byte in WRITE_CACHE_BYTES {
                data.set_index(byte, data.get_index(byte) | WRITE_CACHE);
            }
        }
        Ok(answer)
    });
    replace(&register, "write8", &write.into_js_value())
}

/// Keeps v86 from telling the guest that every port of the virtio console is a terminal. The others than the shell's are then plain character
/// devices, through which all bytes pass as they are and many at a time.
fn make_plain_ports(cpu: &JsValue) -> Result<(), JsValue> {
    let console = inner(cpu, &["devices", "virtio_console"])?;
    let original: Function = inner(&console, &["SendEvent"])?.dyn_into()?;
    let device = console.clone();
    let send =
        Closure::<dyn Fn(u16, u16, u16) -> Result<JsValue, JsValue>>::new(move |port: u16, event: u16, value: u16| {
            if port != Port::Shell.number() && event == CONSOLE_PORT_EVENT {
                return Ok(JsValue::UNDEFINED);
            }
            original.call3(&device, &port.into(), &event.into(), &value.into())
        });
    replace(&console, "SendEvent", &send.into_js_value())
}

/// Has the network card, if there is one, offer what [`offload`] does. A kernel that goes on knows what it was offered when it took up the card.
fn offer_checksums(cpu: &JsValue) -> Result<(), JsValue> {
    let card = inner(cpu, &["devices", "virtio_net"])?;
    if card.is_undefined() {
        return Ok(());
    }
    let features: Uint32Array = inner(&card, &["virtio", "device_feature"])?.dyn_into()?;
    features.set_index(0, features.get_index(0) | offload::FEATURES);
    Ok(())
}

/// What v86 calls with its imports to get the exports of its WASM.
fn start_engine(engine: WebAssembly::Module) -> JsValue {
    let start = Closure::<dyn Fn(Object) -> Promise>::new(move |imports: Object| {
        let instance = WebAssembly::instantiate_module(&engine, &imports);
        wasm_bindgen_futures::future_to_promise(async move {
            let instance: WebAssembly::Instance = JsFuture::from(instance).await?.unchecked_into();
            Ok(instance.exports().into())
        })
    });
    start.into_js_value()
}

fn options(parts: &Parts) -> Object {
    let options = Object::new();
    set(&options, "wasm_fn", &start_engine(parts.supplies.engine.clone()));
    set(&options, "memory_size", &JsValue::from_f64(parts.memory as f64));
    // Enough for a text screen; v86 keeps it in every saved state.
    set(&options, "vga_memory_size", &JsValue::from_f64(f64::from(1 << 20)));
    set(&options, "bios", &buffer(&parts.supplies.bios));
    set(&options, "vga_bios", &buffer(&parts.supplies.vga_bios));
    if !parts.firmware {
        set(&options, "bzimage", &buffer(&parts.supplies.kernel));
        set(&options, "cmdline", &JsValue::from_str(&parts.cmdline));
    }
    set(&options, "hda", &parts.disk);
    if let Some(disk) = &parts.second_disk {
        set(&options, "hdb", disk);
    }
    if let Some(handler) = &parts.share {
        let filesystem = Object::new();
        set(&filesystem, "handle9p", handler);
        set(&options, "filesystem", &filesystem);
    }
    set(&options, "virtio_console", &JsValue::TRUE);
    for unused in ["disable_keyboard", "disable_mouse", "disable_speaker"] {
        set(&options, unused, &JsValue::TRUE);
    }
    let card = Object::new();
    // Without “none” v86 adds an NE2000, for which the guest would wait.
    set(&card, "type", &JsValue::from_str(if parts.network { "virtio" } else { "none" }));
    set(&card, "mtu", &MTU.into());
    set(&options, "net_device", &card);
    // Else a machine that goes on would have a card with another address than its kernel knows.
    set(&options, "preserve_mac_from_state_image", &JsValue::TRUE);
    set(&options, "autostart", &JsValue::FALSE);
    options
}

fn unmade(error: &JsValue) -> Problem {
    problem(ProblemCode::EngineTrap, "The machine could not be made", error)
}

impl Emulator {
    /// Makes the machine and returns when it can run.
    pub async fn new(parts: &Parts, listener: std::rc::Rc<impl Listener>) -> Result<Self, Problem> {
        let emulator = Self::bare(parts).await?;
        emulator.listen(listener).map_err(|error| unmade(&error))?;
        Ok(emulator)
    }

    /// The same without anybody who listens.
    pub async fn bare(parts: &Parts) -> Result<Self, Problem> {
        let v86 = V86::new(&options(parts)).map_err(|error| unmade(&error))?;
        let ready = Promise::new(&mut |resolve, _| v86.add_listener("emulator-ready", &resolve));
        JsFuture::from(ready).await.map_err(|error| unmade(&error))?;
        inner(&v86, &["v86", "cpu"]).and_then(|cpu| offer_checksums(&cpu)).map_err(|error| unmade(&error))?;
        Ok(Self { v86 })
    }

    fn listen(&self, listener: std::rc::Rc<impl Listener>) -> Result<(), JsValue> {
        let to = listener.clone();
        let serial = Closure::<dyn Fn(u8)>::new(move |byte| to.serial_output(byte)).into_js_value();
        self.v86.add_listener("serial0-output-byte", serial.unchecked_ref());
        for port in [Port::Shell, Port::Control, Port::Bulk] {
            let to = listener.clone();
            let output = Closure::<dyn Fn(Uint8Array)>::new(move |bytes: Uint8Array| to.output(port, bytes.to_vec()));
            let event = format!("virtio-console{}-output-bytes", port.number());
            self.v86.add_listener(&event, output.into_js_value().unchecked_ref());
        }
        let to = listener.clone();
        let frame = Closure::<dyn Fn(Uint8Array)>::new(move |frame: Uint8Array| {
            if frame.length() as usize > LONGEST {
                // No LAN has such frames, and no memory is taken for it.
                return;
            }
            // In front of the frame, in the same buffer, is what the guest wants done with it.
            let mut bytes = Uint8Array::new(&frame.buffer()).to_vec();
            if let Some(frame) = offload::sent(&mut bytes) {
                to.frame(frame);
            }
        });
        self.v86.add_listener("net0-send", frame.into_js_value().unchecked_ref());
        let to = listener.clone();
        let halt = Closure::<dyn Fn()>::new(move || to.halted()).into_js_value();
        self.v86.add_listener("cpu-event-halt", halt.unchecked_ref());
        // v86's own reset can't boot again: the kernel's image is gone by then, and the engine panics.
        let cpu = inner(&self.v86, &["v86", "cpu"])?;
        let to = listener.clone();
        let reset = Closure::<dyn Fn()>::new(move || to.reset()).into_js_value();
        replace(&cpu, "reboot_internal", &reset)?;
        make_plain_ports(&cpu)?;
        hear_flushes(&cpu, listener)
    }

    /// Lets the processor go on.
    pub async fn run(&self) {
        if let Err(error) = self.v86.run().await {
            log(&format!("v86 did not start: {}", text_of(&error)));
        }
    }

    /// Stops the processor; returns when it stands still.
    pub async fn stop(&self) {
        if let Err(error) = self.v86.stop().await {
            log(&format!("v86 did not stop: {}", text_of(&error)));
        }
    }

    /// Stops the processor for good, and gives the memory free.
    pub async fn destroy(&self) {
        if let Err(error) = self.v86.destroy().await {
            log(&format!("v86 did not end: {}", text_of(&error)));
        }
    }

    /// The state of everything but the disks, of a processor that stands still.
    pub async fn save_state(&self) -> Result<ArrayBuffer, Problem> {
        let failed = |error| problem(ProblemCode::EngineTrap, "The machine’s memory could not be saved", &error);
        self.v86.save_state().await.map_err(failed)?.dyn_into().map_err(failed)
    }

    /// Goes back to a saved state, which must be one of a machine with the same memory and disks.
    pub async fn restore_state(&self, state: &ArrayBuffer) -> Result<(), Problem> {
        let failed = |error| problem(ProblemCode::EngineTrap, "The machine can’t go on from where it was", &error);
        self.v86.restore_state(state).await.map(drop).map_err(failed)
    }

    /// Whether the processor runs.
    pub fn is_running(&self) -> bool {
        self.v86.is_running()
    }

    /// Presses Ctrl-Alt-Del.
    pub fn ctrl_alt_del(&self) {
        let codes = CTRL_ALT_DEL.iter().map(|code| JsValue::from(*code)).collect::<Array>();
        self.v86.keyboard_send_scancodes(&codes);
    }

    /// Gives the first serial port bytes to read.
    pub fn serial_input(&self, bytes: &[u8]) {
        let bus = self.v86.bus();
        for byte in bytes {
            bus.send("serial0-input", &JsValue::from(*byte));
        }
    }

    /// Gives a port of the virtio console as many of the bytes as the guest has room for now; returns how many that were.
    ///
    /// v86 drops what the guest has no buffer for, so its queue is looked at first.
    pub fn input(&self, port: Port, bytes: &[u8]) -> usize {
        let event = format!("virtio-console{}-input-bytes", port.number());
        let mut given = 0;
        while given < bytes.len() && self.has_room(port).unwrap_or(false) {
            let end = (given + CONSOLE_PIECE as usize).min(bytes.len());
            self.v86.bus().send(&event, &Uint8Array::from(&bytes[given..end]));
            given = end;
        }
        given
    }

    fn has_room(&self, port: Port) -> Result<bool, JsValue> {
        Ok(self.queue("virtio_console", port.input_queue())?.has_buffer())
    }

    fn queue(&self, device: &str, queue: &str) -> Result<Queue, JsValue> {
        Ok(inner(&self.v86, &["v86", "cpu", "devices", device, "virtio", "queues", queue])?.unchecked_into())
    }

    /// The network card's way to the guest.
    pub fn card(&self) -> Result<Card, Problem> {
        Ok(Card(self.queue("virtio_net", NET_INPUT_QUEUE).map_err(|error| unmade(&error))?))
    }

    /// The network card's hardware address; `None` if there is no card.
    pub fn mac(&self) -> Option<[u8; 6]> {
        let mac: Uint8Array =
            inner(&self.v86, &["v86", "cpu", "devices", "virtio_net", "mac"]).ok()?.dyn_into().ok()?;
        mac.to_vec().try_into().ok()
    }

    /// Gives the network card its hardware address. A kernel learns it when it takes up the card.
    pub fn set_mac(&self, mac: [u8; 6]) -> Result<(), Problem> {
        let set = inner(&self.v86, &["v86", "cpu", "devices", "virtio_net"])
            .and_then(|card| replace(&card, "mac", &Uint8Array::from(&mac[..])));
        set.map_err(|error| unmade(&error))
    }

    /// Gives the virtio console this size. v86 names the two numbers the other way round than Linux takes them.
    pub fn resize(&self, size: TerminalSize) {
        let pair = Array::of2(&size.rows.into(), &size.cols.into());
        self.v86.bus().send("virtio-console0-resize", &pair);
    }
}

impl Queue {
    /// Whether the guest offers a buffer in it.
    fn has_buffer(&self) -> bool {
        self.is_configured().is_truthy() && self.has_request()
    }
}

/// What a network card receives. v86's own way tells the guest of each frame by itself, and can't say that a checksum was looked at.
#[derive(Debug, Clone)]
pub struct Card(Queue);

impl Card {
    /// Whether the guest has a buffer for a frame.
    pub fn has_room(&self) -> bool {
        self.0.has_buffer()
    }

    /// Puts a frame, behind [`offload::HEADER`] bytes of whatever, into a buffer of the guest's, which there must be.
    pub fn receive(&self, bytes: &mut [u8]) {
        offload::received(bytes);
        let buffers = self.0.pop_request();
        buffers.set_next_blob(bytes);
        self.0.push_reply(&buffers);
    }

    /// Tells the guest of what it has received.
    pub fn interrupt(&self) {
        self.0.flush_replies();
    }
}
