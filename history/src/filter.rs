use protocol::{EventFilter, EventKind, InstanceId, World};
use ui::SelectField;
use yew::prelude::*;

/// Spans of time: what they are called, and how many milliseconds.
const SPANS: [(&str, Option<u64>); 4] = [
    ("Last 24 hours", Some(86_400_000)),
    ("Last 7 days", Some(7 * 86_400_000)),
    ("Last 30 days", Some(30 * 86_400_000)),
    ("Any time", None),
];

/// What was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) machine: Option<InstanceId>,
    pub(crate) kind: Option<EventKind>,
    span: usize,
}

impl Default for Chosen {
    fn default() -> Self {
        Self { machine: None, kind: None, span: 2 }
    }
}

impl Chosen {
    /// When the span began, in milliseconds since 1970.
    pub(crate) fn since(&self, now: u64) -> Option<u64> {
        SPANS.get(self.span).and_then(|(_, length)| *length).map(|length| now.saturating_sub(length))
    }

    /// The events that are wanted.
    pub(crate) fn filter(&self, now: u64, limit: u32) -> EventFilter {
        let kinds = self.kind.into_iter().collect();
        EventFilter { machine: self.machine.clone(), kinds, since: self.since(now), limit }
    }
}

/// The machines that can be chosen: those that there are, and those that there were.
pub(crate) fn machines(world: &World, gone: &[(String, String)]) -> Vec<(InstanceId, String)> {
    let mut all: Vec<_> = world.instances.iter().map(|one| (one.id.clone(), one.name.clone())).collect();
    for (id, name) in gone {
        let Ok(id) = InstanceId::try_from(id.clone()) else { continue };
        if all.iter().all(|(known, _)| *known != id) {
            all.push((id, format!("{name} (deleted)")));
        }
    }
    all
}

#[derive(Properties, PartialEq)]
pub(crate) struct FilterProps {
    pub(crate) machines: Vec<(InstanceId, String)>,
    pub(crate) chosen: Chosen,
    pub(crate) onchoose: Callback<Chosen>,
}

/// Which machine, what, and when.
#[component]
pub(crate) fn Filter(props: &FilterProps) -> Html {
    let FilterProps { machines, chosen, onchoose } = props;
    let all = |word: &str| std::iter::once(AttrValue::from(word.to_owned()));
    let machine_names =
        all("All machines").chain(machines.iter().map(|(_, name)| name.clone().into())).collect::<Vec<_>>();
    let machine = chosen.machine.as_ref().and_then(|id| machines.iter().position(|(known, _)| known == id));
    let choose_machine = {
        let (chosen, machines) = (chosen.clone(), machines.clone());
        onchoose.reform(move |index: usize| {
            let machine = index.checked_sub(1).and_then(|index| machines.get(index)).map(|(id, _)| id.clone());
            Chosen { machine, ..chosen.clone() }
        })
    };
    let kind_names = all("All kinds").chain(EventKind::ALL.iter().map(|kind| kind.label().into())).collect::<Vec<_>>();
    let kind = chosen.kind.and_then(|kind| EventKind::ALL.iter().position(|known| *known == kind));
    let choose_kind = {
        let chosen = chosen.clone();
        onchoose.reform(move |index: usize| {
            let kind = index.checked_sub(1).and_then(|index| EventKind::ALL.get(index)).copied();
            Chosen { kind, ..chosen.clone() }
        })
    };
    let choose_span = {
        let chosen = chosen.clone();
        onchoose.reform(move |span: usize| Chosen { span, ..chosen.clone() })
    };
    let spans = SPANS.iter().map(|(name, _)| AttrValue::from(*name)).collect::<Vec<_>>();
    html! {
        <div class="filters" role="group" aria-label="Filters">
            <SelectField id="machine" label="Machine" bare=true options={machine_names}
                chosen={machine.map_or(0, |index| index + 1)} onchoose={choose_machine} />
            <SelectField id="kind" label="Kind" bare=true options={kind_names}
                chosen={kind.map_or(0, |index| index + 1)} onchoose={choose_kind} />
            <SelectField id="span" label="Time" bare=true options={spans} chosen={chosen.span} onchoose={choose_span} />
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_counts_back_from_now_and_never_below_nothing() {
        let chosen = |span| Chosen { span, ..Chosen::default() };
        assert_eq!(chosen(0).since(100_000_000), Some(13_600_000));
        assert_eq!(chosen(0).since(5), Some(0));
        assert_eq!(chosen(3).since(5), None);
        assert_eq!(chosen(1).filter(0, 9).limit, 9);
    }
}
