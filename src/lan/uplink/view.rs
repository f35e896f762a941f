//! An uplink as pages see it.

use super::one::Uplink;
use super::{address, plan, usable};
use crate::lan::Hub;
use crate::lan::view::reason;
use protocol::{UplinkMember, UplinkView};
use vlan::gateway::LanNames;

pub(super) fn view(hub: &Hub, uplink: &Uplink, names: &LanNames) -> UplinkView {
    let mut lan = hub.lan.borrow_mut();
    let live = uplink.port().map(|port| lan.switch().counters(port).cloned().unwrap_or_default());
    let sums = match &live {
        Some(counters) => uplink.sums.borrow().with(counters),
        None => uplink.sums.borrow().clone(),
    };
    let stored = uplink.stored.borrow();
    UplinkView {
        id: stored.id,
        settings: stored.settings.clone(),
        has_token: !stored.token.is_empty(),
        muted: stored.muted,
        state: uplink.state(),
        sent: sums.sent,
        received: sums.received,
        dropped: sums.dropped.into_iter().map(|(why, count)| (reason(why), count)).collect(),
        rtt_ms: uplink.rtt.get().map(|rtt| u32::try_from(rtt.as_millis()).unwrap_or(u32::MAX)),
        members: members(uplink, names),
        log: uplink.log.borrow().iter().cloned().collect(),
    }
}

fn members(uplink: &Uplink, names: &LanNames) -> Vec<UplinkMember> {
    let members = uplink.members.borrow();
    let shown = members.iter().map(|member| UplinkMember {
        name: member.name.clone(),
        label: names.label(&member.name, plan(member)),
        network: format!("10.{}.{}.0/24", member.a, member.b),
        machines: member
            .machines
            .iter()
            .filter(|machine| usable(machine))
            .map(|machine| (machine.name.clone(), address(member, machine).to_string()))
            .collect(),
    });
    shown.collect()
}
