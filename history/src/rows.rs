//! The catalog's rows of events as events.

use protocol::{EVENT_COLUMNS, EventKind, Table};

/// A row of the history.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EventRow {
    pub(crate) id: String,
    /// In milliseconds since 1970.
    pub(crate) time: u64,
    pub(crate) kind: EventKind,
    pub(crate) machine: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) duration: Option<u64>,
    pub(crate) bytes: Option<u64>,
    pub(crate) details: String,
}

/// The events of an answer; rows of kinds that this version does not know are left out.
pub(crate) fn events(table: &Table) -> Vec<EventRow> {
    table.rows.iter().filter_map(|row| event(row)).collect()
}

fn event(row: &[Option<String>]) -> Option<EventRow> {
    let [id, time, kind, machine, name, _boot, duration, bytes, details] =
        row.first_chunk::<{ EVENT_COLUMNS.len() }>()?;
    let number = |value: &Option<String>| value.as_ref().and_then(|text| text.parse().ok());
    Some(EventRow {
        id: id.clone()?,
        time: number(time)?,
        kind: EventKind::from_word(kind.as_deref()?)?,
        machine: machine.clone(),
        name: name.clone(),
        duration: number(duration),
        bytes: number(bytes),
        details: details.clone().unwrap_or_default(),
    })
}

/// How long something took, in two units at most.
pub(crate) fn duration(milliseconds: u64) -> String {
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100),
        _ => ui::uptime(0, milliseconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: &str, duration: Option<&str>) -> Vec<Option<String>> {
        let text = |text: &str| Some(text.to_owned());
        let duration = duration.map(str::to_owned);
        vec![text("7"), text("1000"), text(kind), text("m"), text("web"), text("1"), duration, None, text("d")]
    }

    #[test]
    fn rows_become_events_and_strange_ones_are_left_out() {
        let rows = vec![row("booted", Some("612")), row("of-the-future", None), vec![None]];
        let events = events(&Table { columns: vec![], rows, more: false });
        assert_eq!(events.len(), 1);
        assert_eq!((events[0].time, events[0].kind, events[0].duration), (1000, EventKind::Booted, Some(612)));
    }

    #[test]
    fn short_times_have_milliseconds_and_long_ones_minutes() {
        assert_eq!(duration(612), "612 ms");
        assert_eq!(duration(2_345), "2.3 s");
        assert_eq!(duration(125_000), "2 min");
    }
}
