//! What the background keeps of the catalog's matters between its lives: events that are not known to be saved, what users
//! have to be told, and which descriptions lie beside the disks.

use protocol::{CatalogLoss, Event, EventKind, InstanceId, Telling};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most events that wait. They are stored whole on each change, and a catalog that can't be opened must not fill the storage.
const WAITING_MAX: usize = 1000;
/// Most tellings that are kept.
const TELLINGS_MAX: usize = 5;
/// Identifiers are below 2^52, so that they pass through JSON.
const ID_BITS: u64 = (1 << 52) - 1;

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Waiting {
    /// Events that the catalog has not confirmed, oldest first.
    events: Vec<Event>,
    /// How many were dropped because there were too many.
    dropped: u64,
    /// The catalog that was saved to last.
    identity: Option<String>,
    /// The sums of the descriptions that lie beside the disks.
    described: BTreeMap<InstanceId, u32>,
    /// When the storage was measured last, in milliseconds since 1970.
    measured: u64,
    tellings: Vec<Telling>,
    last_telling: u32,
}

/// An event without particulars; `random` becomes its identifier.
pub fn event(kind: EventKind, time: u64, random: u64) -> Event {
    Event {
        id: random & ID_BITS,
        time,
        kind,
        machine: None,
        name: None,
        boot: None,
        duration: None,
        bytes: None,
        details: String::new(),
        session: None,
    }
}

impl Waiting {
    /// Takes events in. One of an identifier that waits already is the same one.
    pub fn add(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            if self.events.iter().all(|known| known.id != event.id) {
                self.events.push(event);
            }
        }
        let surplus = self.events.len().saturating_sub(WAITING_MAX);
        self.events.drain(..surplus);
        self.dropped += surplus as u64;
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.dropped == 0
    }

    /// All that waits; what was dropped becomes an event itself.
    pub fn events(&mut self, now: u64, random: u64) -> Vec<Event> {
        if self.dropped > 0 {
            let details = format!("{} events that waited for the catalog were dropped", self.dropped);
            self.dropped = 0;
            self.add([Event { details, ..event(EventKind::Dropped, now, random) }]);
        }
        self.events.clone()
    }

    /// These are saved, in this catalog.
    pub fn saved(&mut self, events: &[Event], identity: &str) {
        self.events.retain(|waiting| events.iter().all(|saved| saved.id != waiting.id));
        self.identity = Some(identity.to_owned());
    }

    /// The catalog that was saved to last.
    pub fn identity(&self) -> Option<&str> {
        self.identity.as_deref()
    }

    /// What the user has to know.
    pub fn tellings(&self) -> &[Telling] {
        &self.tellings
    }

    /// The user has to know this.
    pub fn tell(&mut self, message: impl Into<String>, advice: &str) {
        self.last_telling = self.last_telling.wrapping_add(1);
        self.tellings.push(Telling { id: self.last_telling, message: message.into(), advice: advice.to_owned() });
        let surplus = self.tellings.len().saturating_sub(TELLINGS_MAX);
        self.tellings.drain(..surplus);
    }

    /// The user has put it away.
    pub fn dismiss(&mut self, id: u32) {
        self.tellings.retain(|telling| telling.id != id);
    }

    /// The catalog had to be made anew.
    pub fn lost(&mut self, loss: &CatalogLoss, now: u64, random: u64) {
        let details = match loss {
            CatalogLoss::Damaged(file) => format!("the damaged file is kept as {file}"),
            CatalogLoss::Missing => "the file was missing".to_owned(),
        };
        let what = match loss {
            CatalogLoss::Damaged(_) => "The catalog was damaged",
            CatalogLoss::Missing => "The catalog was missing",
        };
        let message = format!(
            "{what}, so a new one was made out of the list of machines and their disks. Earlier history is not in it; {details}."
        );
        self.tell(message, "Your machines and their disks are as they were. Nothing was deleted.");
        self.add([Event { details, ..event(EventKind::Rebuilt, now, random) }]);
    }

    /// Whether the storage should be measured again, and notes that it is.
    pub fn measure_again(&mut self, now: u64, after: u64) -> bool {
        let due = now.saturating_sub(self.measured) >= after || now < self.measured;
        if due {
            self.measured = now;
        }
        due
    }

    /// Whether this description lies beside the instance's disks.
    pub fn is_described(&self, id: &InstanceId, sum: u32) -> bool {
        self.described.get(id) == Some(&sum)
    }

    /// This description lies beside the instance's disks now.
    pub fn described(&mut self, id: InstanceId, sum: u32) {
        self.described.insert(id, sum);
    }

    /// Forgets the descriptions of instances that are gone.
    pub fn keep_described(&mut self, exists: impl Fn(&InstanceId) -> bool) {
        self.described.retain(|id, _| exists(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(ids: std::ops::Range<u64>) -> Vec<Event> {
        ids.map(|id| event(EventKind::Started, id, id)).collect()
    }

    #[test]
    fn events_wait_until_they_are_confirmed() {
        let mut waiting = Waiting::default();
        waiting.add(events(0..5));
        waiting.add(events(4..6));
        let sent = waiting.events(9, 9);
        assert_eq!(sent.len(), 6);
        waiting.add(events(6..7));
        waiting.saved(&sent, "one");
        assert_eq!(waiting.events(9, 9), events(6..7));
        assert_eq!(waiting.identity(), Some("one"));
    }

    #[test]
    fn what_waits_is_bounded_and_what_was_dropped_is_told() {
        let mut waiting = Waiting::default();
        waiting.add(events(0..WAITING_MAX as u64 + 3));
        let sent = waiting.events(9, 1 << 40);
        assert_eq!(sent.len(), WAITING_MAX);
        assert_eq!(sent[0].id, 4);
        assert_eq!(sent.last().unwrap().details, "3 events that waited for the catalog were dropped");
        waiting.saved(&sent, "one");
        // The one that had to go for the last of them.
        assert!(!waiting.is_empty());
    }

    #[test]
    fn a_telling_stays_until_it_is_put_away() {
        let mut waiting = Waiting::default();
        waiting.lost(&CatalogLoss::Damaged("catalog-damaged-1".to_owned()), 5, 6);
        waiting.tell("b", "c");
        let json = serde_json::to_string(&waiting).unwrap();
        let mut again: Waiting = serde_json::from_str(&json).unwrap();
        assert!(again.tellings()[0].message.contains("catalog-damaged-1"));
        again.dismiss(again.tellings()[0].id);
        assert_eq!(again.tellings().len(), 1);
        assert_eq!(again.events(0, 0)[0].kind, EventKind::Rebuilt);
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_stop_the_measuring() {
        let mut waiting = Waiting::default();
        assert!(waiting.measure_again(1_000_000, 1000));
        assert!(!waiting.measure_again(1_000_999, 1000));
        assert!(waiting.measure_again(5, 1000));
    }
}
