//! The consoles that a pairing shows and watches.

use super::Peer;
use crate::bridge::{log, text_of};
use crate::host::peers::secret;
use crate::host::peers::watch::{Show, Watched};
use crate::host::worker::after;
use peering::control::{Message, Screen};
use protocol::{InstanceId, LanMachine};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// How long it gathers what consoles put out.
const GATHER: Duration = Duration::from_millis(100);
/// So much is said of consoles each time: far less often than what a peer may say in a second.
const SCREENS: usize = 2;

impl Peer {
    /// The other side wants to see a machine's console, or not any more. What it may not see is not shown to it.
    pub fn show(self: &Rc<Self>, machine: &str, on: bool, machines: &[LanMachine]) {
        if !on {
            self.shows.borrow_mut().remove(machine);
        }
        if !on || self.shows.borrow().contains_key(machine) {
            return;
        }
        let Some(LanMachine { id, .. }) = machines.iter().find(|own| own.name == machine && self.may_see(&own.id))
        else {
            return;
        };
        let own = Rc::downgrade(self);
        let wake = move || {
            if let Some(own) = own.upgrade() {
                own.say_soon();
            }
        };
        match Show::new(id, wake) {
            Ok(show) => drop(self.shows.borrow_mut().insert(machine.to_owned(), show)),
            Err(error) => log(&format!("a console can’t be shown: {}", text_of(&error))),
        }
    }

    fn may_see(&self, id: &InstanceId) -> bool {
        let rule = self.rule.borrow();
        rule.may_watch() && rule.machines.contains(id)
    }

    fn say_soon(self: &Rc<Self>) {
        if self.gathers.replace(true) {
            return;
        }
        let own = Rc::downgrade(self);
        let timer = after(GATHER, move || {
            if let Some(own) = own.upgrade() {
                own.gathers.set(false);
                own.say_screens();
            }
        });
        if let Err(error) = timer {
            log(&text_of(&error));
        }
    }

    /// Says what is new, of each console in turn.
    fn say_screens(self: &Rc<Self>) {
        let Ok(connection) = self.connection() else { return };
        let shows = self.shows.borrow();
        if shows.is_empty() {
            return;
        }
        if !connection.has_room() {
            return self.say_soon();
        }
        let turn = self.turn.replace(self.turn.get().wrapping_add(1)) % shows.len();
        let in_turn = shows.iter().skip(turn).chain(shows.iter().take(turn));
        let screens: Vec<Screen> = in_turn.filter_map(|(name, show)| show.next(name)).take(SCREENS).collect();
        if !screens.is_empty() {
            self.say_soon();
        }
        for screen in screens {
            connection.say(&Message::Screen(screen));
        }
    }

    /// The machines whose consoles the other side looks at.
    pub fn looks_at(&self) -> Vec<String> {
        self.shows.borrow().keys().cloned().collect()
    }

    /// Shows no console any more that may not be seen now.
    pub(super) fn hide(&self, machines: &[LanMachine]) {
        // A name may have gone over to another machine.
        let is = |name: &String, id: &InstanceId| machines.iter().any(|own| own.name == *name && own.id == *id);
        self.shows.borrow_mut().retain(|name, show| self.may_see(&show.id) && is(name, &show.id));
    }

    /// The other side shows what is new on a console.
    pub(super) fn see(&self, screen: &Screen) {
        if let Some(watched) = self.watched.borrow().get(&screen.machine) {
            watched.take(screen);
        }
    }

    /// Has pages find the consoles that the other side would show, and asks for those that are looked at.
    pub fn watch(&self) {
        let mut watched = self.watched.borrow_mut();
        let session = self.session.borrow();
        let offered: Vec<&str> = match self.is_joined() {
            true => session.machines().iter().filter(|machine| machine.watch).map(|one| one.name.as_str()).collect(),
            false => vec![],
        };
        watched.retain(|name, _| offered.contains(&name.as_str()));
        for name in offered {
            if !watched.contains_key(name) {
                let Ok(bits) = secret() else { continue };
                match Watched::new(InstanceId::from_random(u64::from_le_bytes(bits))) {
                    Ok(one) => drop(watched.insert(name.to_owned(), one)),
                    Err(error) => log(&format!("a console can’t be watched: {}", text_of(&error))),
                }
            }
        }
        let Ok(connection) = self.connection() else { return };
        for (name, one) in &*watched {
            let on = one.is_looked_at();
            if one.is_asked.replace(on) != on {
                connection.say(&Message::Watch { machine: name.clone(), on });
            }
        }
    }

    /// As which pages find the consoles that they may watch.
    pub(super) fn watchable(&self) -> BTreeMap<String, InstanceId> {
        self.watched.borrow().iter().map(|(name, one)| (name.clone(), one.id.clone())).collect()
    }
}
