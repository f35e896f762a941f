use protocol::{Care, Instance, Minutes, PERIODS_MIN, PageRequest, State};
use ui::{Button, Icon, SelectField, bytes, moment, use_world};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub(super) struct CareProps {
    pub(super) instance: Instance,
}

/// What is done for the machine without being asked each time.
#[component]
pub(super) fn CareSection(props: &CareProps) -> Html {
    let workbench = use_world();
    let instance = &props.instance;
    let saving = use_state(|| false);
    let set = {
        let (workbench, id) = (workbench.clone(), instance.id.clone());
        Callback::from(move |care| workbench.ask(PageRequest::SetCare(id.clone(), care), |_, _| ()))
    };
    let Care { checkpoint, suspend } = instance.care;
    let care = instance.care;
    let up = matches!(instance.state, State::Running | State::Paused);
    let save = {
        let (id, saving) = (instance.id.clone(), saving.setter());
        Callback::from(move |_: MouseEvent| {
            saving.set(true);
            workbench.ask(PageRequest::SaveCheckpoint(id.clone()), |_, _| ());
        })
    };
    // It is saved, or could not be: both come with the instance.
    use_effect_with((instance.checkpoint, instance.problem.clone(), instance.state), {
        let saving = saving.setter();
        move |_| saving.set(false)
    });
    let last = match instance.checkpoint {
        Some(known) => format!(
            "Last one: {}, {}. The machine stood still for {} ms.",
            moment(known.at),
            bytes(known.bytes),
            known.pause
        ),
        None => "There is none now. If the browser ends, the machine boots from its disk.".to_owned(),
    };
    html! {
        <section class="side-section" aria-labelledby="health-care">
            <div class="side-section-head"><h3 id="health-care">{ "Without being asked" }</h3></div>
            <div class="care">
                <SelectField id="care-checkpoint" label="Save a checkpoint" options={labels("Every")} chosen={index(checkpoint)}
                    hint="A crash of the browser then costs what came after it, and no more."
                    onchoose={set.reform(move |index| Care { checkpoint: period(index), ..care })} />
                <p class="why" role="status">{ last }</p>
                <Button label="Save checkpoint now" icon={Icon::Snapshot} class="small" busy={*saving && up}
                    disabled={!up} onclick={save} />
                <SelectField id="care-suspend" label="Suspend when idle" options={labels("After")} chosen={index(suspend)}
                    hint="Idle: nothing was typed, and it used less than a tenth of its processor's time."
                    onchoose={set.reform(move |index| Care { suspend: period(index), ..care })} />
            </div>
        </section>
    }
}

fn labels(word: &str) -> Vec<AttrValue> {
    let label = |minutes: u16| match minutes {
        1 => format!("{word} minute").replace("After minute", "After 1 minute"),
        60 => format!("{word} hour").replace("After hour", "After 1 hour"),
        _ => format!("{word} {minutes} minutes"),
    };
    std::iter::once("Never".into()).chain(PERIODS_MIN.map(|minutes| label(minutes).into())).collect()
}

fn index(chosen: Option<Minutes>) -> usize {
    let place = |period: Minutes| PERIODS_MIN.iter().position(|minutes| *minutes == period.get());
    chosen.and_then(place).map_or(0, |place| place + 1)
}

fn period(index: usize) -> Option<Minutes> {
    let minutes = PERIODS_MIN.get(index.checked_sub(1)?)?;
    Minutes::try_from(*minutes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_choice_is_the_period_that_its_label_names() {
        assert_eq!(period(0), None);
        for (place, label) in labels("Every").iter().enumerate() {
            assert_eq!(index(period(place)), place, "{label}");
        }
        assert_eq!(labels("Every")[1], "Every minute");
        assert_eq!(labels("After")[2], "After 5 minutes");
        assert_eq!(labels("After")[6], "After 1 hour");
        assert_eq!(period(2).unwrap().get(), 5);
    }
}
