//! The run that is under way, or the last one: how far it is, what it says, how it ended.

use protocol::{ProfileAsk, ProfileLog, ProfileRun, ProfileVerb};
use ui::{Button, Icon, Notice};
use web_sys::Element;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub(super) struct RunCardProps {
    pub(super) run: ProfileRun,
    pub(super) ask: Callback<ProfileAsk>,
}

#[derive(Properties, PartialEq)]
pub(super) struct LogCardProps {
    pub(super) log: ProfileLog,
    pub(super) ask: Callback<ProfileAsk>,
}

/// What an earlier run has said.
#[component]
pub(super) fn LogCard(props: &LogCardProps) -> Html {
    let ProfileLog { name, lines } = &props.log;
    let title = format!("Log of {name}");
    let text =
        if lines.is_empty() { "Nothing was ever said of it in this machine.".to_owned() } else { lines.join("\n") };
    html! {
        <section class="job profile-run" aria-label={title.clone()}>
            <p class="job-title">{ &title }</p>
            <div class="profile-log"><pre class="mono" tabindex="0">{ text }</pre></div>
            <div class="job-actions">
                <Button label="Dismiss" name={format!("Dismiss {title}")} class="small"
                    onclick={props.ask.reform(|_| ProfileAsk::Dismiss)} />
            </div>
        </section>
    }
}

/// What is done with which profile.
fn title(run: &ProfileRun) -> String {
    let what = match run.verb {
        ProfileVerb::Apply => "Apply",
        ProfileVerb::Rollback => "Roll back",
        ProfileVerb::Check => "Check",
    };
    format!("{what} {}", run.name)
}

/// What it does now, or that it is done.
fn words(run: &ProfileRun) -> String {
    match (&run.ended, run.verb) {
        (Some(_), ProfileVerb::Apply) => "Applied.".to_owned(),
        (Some(_), ProfileVerb::Rollback) => "Rolled back.".to_owned(),
        (Some(_), ProfileVerb::Check) => "It is there and works.".to_owned(),
        (None, _) if run.canceled => "Canceling: taking back what was done".to_owned(),
        (None, _) if run.doing.is_empty() => "Beginning".to_owned(),
        (None, _) => run.doing.clone(),
    }
}

/// The card.
#[component]
pub(super) fn RunCard(props: &RunCardProps) -> Html {
    let run = &props.run;
    let title = title(run);
    let log = use_node_ref();
    use_effect_with((log.clone(), run.log.len(), run.log.last().cloned()), |(log, ..)| {
        if let Some(log) = log.cast::<Element>() {
            log.set_scroll_top(log.scroll_height());
        }
    });
    // The steps that are done; the one that is under way is not.
    let percent = (run.steps > 0).then(|| run.step.saturating_sub(1).min(run.steps) * 100 / run.steps);
    let words = words(run);
    let say = |ask: ProfileAsk| props.ask.reform(move |_: MouseEvent| ask.clone());
    let dismiss = html! {
        <Button label="Dismiss" name={format!("Dismiss {title}")} class="small" onclick={say(ProfileAsk::Dismiss)} />
    };
    html! {
        <section class="job profile-run" aria-label={title.clone()}>
            <p class="job-title">{ &title }</p>
            { match &run.ended {
                Some(Err(problem)) => html! { <Notice problem={problem.clone()}>{ dismiss }</Notice> },
                Some(Ok(())) => html! {
                    <>
                        <p class="job-step good" role="status">{ Html::from(Icon::Check) }{ words }</p>
                        <div class="job-actions">{ dismiss }</div>
                    </>
                },
                None => html! {
                    <>
                        <p class="job-step" role="status"><span>{ &words }</span></p>
                        <div class={classes!("progress", percent.is_none().then_some("unknown"))} role="progressbar"
                            aria-label={title.clone()} aria-valuemin="0" aria-valuemax="100"
                            aria-valuenow={percent.map(|percent| percent.to_string())} aria-valuetext={words}>
                            <span style={percent.map(|percent| format!("width: {percent}%"))} />
                        </div>
                        <div class="job-actions">
                            <Button label="Cancel" name={format!("Cancel {title}")} class="small" busy={run.canceled}
                                disabled={run.verb == ProfileVerb::Rollback} onclick={say(ProfileAsk::Cancel)} />
                        </div>
                    </>
                },
            } }
            if !run.log.is_empty() {
                <details class="profile-log" open={run.ended.as_ref().is_none_or(Result::is_err)}>
                    <summary>{ "Log" }</summary>
                    <pre ref={log} class="mono" tabindex="0" aria-label={format!("Log of {title}")}>{ run.log.join("\n") }</pre>
                </details>
            }
        </section>
    }
}
