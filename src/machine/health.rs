//! How the machine is doing, for those who ask: counters that cost next to nothing, and what the guest's agent says of itself. The guest is asked
//! only while somebody looks.

use super::agent::GuestAgent;
use crate::bridge::{from_js, log, text_of, to_js};
use protocol::{GuestHealth, HealthAsk, HealthSample, HealthTold, InstanceId, health_channel};
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::{BroadcastChannel, MessageEvent};

/// How long what the guest has said holds, in milliseconds: to answer takes it a quarter of a second of processor time.
const GUEST_MS: f64 = 5_000.0;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;

    /// What stands in for v86's yielding worker (`extension/yield.js`).
    #[wasm_bindgen(js_name = Worker)]
    type Yield;

    #[wasm_bindgen(static_method_of = Yield, js_class = "Worker", getter)]
    fn busy() -> f64;
}

/// Milliseconds since the worker's start.
pub fn since_start() -> f64 {
    performance_now()
}

/// For how many milliseconds the processor has been at work since the worker's start.
pub fn busy() -> f64 {
    Yield::busy()
}

/// The machine's end of the channel on which pages ask.
pub struct Health {
    agent: Rc<GuestAgent>,
    channel: BroadcastChannel,
    guest: Cell<Option<GuestHealth>>,
    asked: Cell<Option<f64>>,
}

impl Health {
    /// Begins to hear those who look. `count` gives what the machine has counted.
    pub fn open(
        id: &InstanceId,
        agent: Rc<GuestAgent>,
        count: impl Fn() -> Option<HealthSample> + 'static,
    ) -> Option<Rc<Self>> {
        let channel = match BroadcastChannel::new(&health_channel(id)) {
            Ok(channel) => channel,
            Err(error) => {
                log(&text_of(&error));
                return None;
            }
        };
        let own = Rc::new(Self { agent, channel, guest: Cell::new(None), asked: Cell::new(None) });
        let weak = Rc::downgrade(&own);
        let heard = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            let (Some(own), Ok(HealthAsk::Look)) = (weak.upgrade(), from_js::<HealthAsk>(event.data())) else { return };
            if let Some(sample) = count() {
                own.tell(HealthSample { guest: own.guest.get(), ..sample });
            }
            own.ask_guest();
        });
        own.channel.set_onmessage(Some(heard.into_js_value().unchecked_ref()));
        Some(own)
    }

    /// The machine ends.
    pub fn close(&self) {
        self.channel.set_onmessage(None);
        self.channel.close();
    }

    fn tell(&self, sample: HealthSample) {
        match to_js(&HealthTold::Sample(Box::new(sample))) {
            // Posting fails only on a channel that is closed.
            Ok(told) => drop(self.channel.post_message(&told)),
            Err(problem) => log(&problem.message),
        }
    }

    /// What the guest answers is in the next sample.
    fn ask_guest(self: &Rc<Self>) {
        let now = since_start();
        if !self.agent.is_up() || self.asked.get().is_some_and(|asked| now - asked < GUEST_MS) {
            return;
        }
        self.asked.set(Some(now));
        let own = self.clone();
        spawn_local(async move {
            match own.agent.health().await {
                Ok(health) => own.guest.set(Some(GuestHealth {
                    load: health.load,
                    uptime: health.uptime,
                    memory_total: health.memory_total as f64,
                    memory_available: health.memory_available as f64,
                    root_total: health.root.total as f64,
                    root_free: health.root.free as f64,
                })),
                Err(error) => log(&format!("the guest did not say how it is doing: {error}")),
            }
        });
    }
}
