//! What the pages that show the LAN are told.

use super::line::Line;
use super::{Hub, now};
use crate::bridge::{from_js, log, text_of, to_js};
use protocol::{Confined, InstanceId, LAN_CHANNEL, LanAsk, LanLine, LanTold, LanView};
use std::rc::Rc;
use vlan::stage::pcap::CaptureConfig;
use vlan::switch::{Confinement, PortId};
use vlan::{DropReason, Mac, plan};
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, MessageEvent};

/// How many requests are shown.
const REQUESTS: usize = 200;

/// Begins to answer pages.
pub fn serve(hub: &Rc<Hub>) {
    let channel = match BroadcastChannel::new(LAN_CHANNEL) {
        Ok(channel) => channel,
        Err(error) => return log(&format!("the LAN can’t be shown: {}", text_of(&error))),
    };
    let (hub, out) = (hub.clone(), channel.clone());
    let hear = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
        // What other pages ask comes here, and nothing else that is an `LanAsk`.
        let Ok(ask) = from_js::<LanAsk>(event.data()) else { return };
        let Some(told) = answer(&hub, ask) else { return };
        match to_js(&told).map(|message| out.post_message(&message)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => log(&text_of(&error)),
            Err(problem) => log(&problem.message),
        }
    });
    channel.set_onmessage(Some(hear.into_js_value().unchecked_ref()));
}

fn answer(hub: &Rc<Hub>, ask: LanAsk) -> Option<LanTold> {
    match ask {
        LanAsk::Show => return Some(LanTold::View(view(hub))),
        LanAsk::Capture(id, on) => {
            let at = hub.place(&id)?;
            hub.lan.borrow_mut().set_capture(at, on.then(CaptureConfig::default));
        }
        LanAsk::Captured(id) => {
            let at = hub.place(&id)?;
            let file = hub.lan.borrow_mut().capture(at)?.file();
            return Some(LanTold::Captured(id, file));
        }
        LanAsk::Visit(request) => {
            hub.visits.begin(hub, request);
            return None;
        }
        LanAsk::Confine(id, confined) => {
            hub.confine(&id, confined);
        }
        LanAsk::Uplink(ask) => hub.uplinks.carry_out(hub, ask),
    }
    Some(LanTold::View(view(hub)))
}

fn view(hub: &Rc<Hub>) -> LanView {
    let plan = hub.kept.plan();
    let lines = hub.lines.borrow();
    LanView {
        gateway: plan.gateway().to_string(),
        gateway_mac: plan.gateway_mac().to_string(),
        mtu: plan::MTU,
        now: now().as_millis() as u64,
        lines: lines.iter().map(|(at, line)| shown(hub, *at, &line.id)).collect(),
        uplinks: hub.uplinks.view(hub),
        requests: hub.web.records.newest(REQUESTS),
    }
}

/// Why frames were dropped, as a word.
pub fn reason(why: DropReason) -> String {
    serde_json::to_value(why).ok().and_then(|why| why.as_str().map(str::to_owned)).unwrap_or_default()
}

fn shown(hub: &Hub, at: PortId, id: &InstanceId) -> LanLine {
    let mut lan = hub.lan.borrow_mut();
    let captured = lan.capture(at).map(|capture| capture.frames() as u64);
    let switch = lan.switch();
    let counters = switch.counters(at).cloned().unwrap_or_default();
    let Confinement { blocked, isolated } = switch.confinement(at);
    LanLine {
        id: id.clone(),
        mac: Mac::of_name(id.as_str()).to_string(),
        addresses: switch.addresses(at).iter().map(ToString::to_string).collect(),
        sent: (counters.frames_in, counters.bytes_in),
        received: (counters.frames_out, counters.bytes_out),
        dropped: counters.drops().map(|(why, count)| (reason(why), count)).collect(),
        missed: counters.missed,
        confined: match (blocked, isolated) {
            (true, _) => Confined::Blocked,
            (_, true) => Confined::Isolated,
            _ => Confined::Free,
        },
        captured,
        shares_memory: hub.lines.borrow().get(&at).is_some_and(Line::shares_memory),
    }
}
