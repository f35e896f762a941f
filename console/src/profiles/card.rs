//! One profile of the catalog: what it is, how it stands in the machine, and what can be done.

use super::Question;
use bundles::{Entry, own};
use profile::{Mark, MarkState, Reason, Standing};
use protocol::{Problem, ProfileAsk, ProfileVerb};
use ui::{Button, Icon, Kind, Menu, MenuItem};
use yew::prelude::*;

#[derive(Clone, Properties, PartialEq)]
pub(super) struct CardProps {
    pub(super) entry: Entry,
    /// What the guest says of it.
    pub(super) mark: Option<Mark>,
    /// The guest has said what it has.
    pub(super) known: bool,
    /// Nothing can be done now: the machine does not run, or something is being done.
    pub(super) idle: bool,
    pub(super) pose: Callback<Question>,
    pub(super) act: Callback<(ProfileVerb, profile::Name)>,
    pub(super) ask: Callback<ProfileAsk>,
    pub(super) failed: Callback<Problem>,
}

/// The profile's state as a word and, so that nobody needs to tell colours apart, as text only.
fn state_class(standing: &Standing) -> &'static str {
    match standing {
        Standing::NotApplied => "none",
        Standing::Applied(_) => "good",
        Standing::Differs { .. } | Standing::Unfinished => "warning",
        Standing::Failed => "bad",
    }
}

/// The card.
#[component]
pub(super) fn Card(props: &CardProps) -> Html {
    let about = props.entry.bundle.profile();
    let name = &about.name;
    let standing = Standing::of(props.mark.as_ref(), &about.version);
    let there = props.mark.as_ref().is_some_and(|mark| mark.state == MarkState::Applied);
    let needed = there && props.mark.as_ref().is_some_and(|mark| mark.reason == Reason::Dependency);
    let act = |verb: ProfileVerb| {
        let name = name.clone();
        props.act.reform(move |_: MouseEvent| (verb, name.clone()))
    };
    let button = |label: &'static str, kind: Kind, verb: ProfileVerb| {
        html! {
            <Button {label} name={format!("{label} {name}")} class="small" {kind} disabled={props.idle} onclick={act(verb)} />
        }
    };
    let rollback = {
        let (pose, name) = (props.pose.clone(), name.clone());
        Callback::from(move |_: MouseEvent| pose.emit(Question::Rollback(name.clone())))
    };
    html! {
        <li class="profile" aria-label={name.as_str().to_owned()}>
            <div class="profile-head">
                <h3>{ name.as_str() }</h3>
                <span class="profile-version number">{ about.version.to_string() }</span>
                if props.entry.own { <span class="profile-own">{ "yours" }</span> }
                <More ..props.clone() />
            </div>
            <p class="profile-about">{ &about.description }</p>
            <p class="profile-facts">{ facts(&props.entry) }</p>
            <div class="profile-foot">
                if props.known {
                    <span class={classes!("profile-state", state_class(&standing))}>
                        { standing.words() }{ if needed { ", needed by others" } else { "" } }
                    </span>
                }
                <span class="profile-actions">
                    { match &standing {
                        Standing::Applied(_) => html! {},
                        Standing::Differs { applied, catalog } if applied < catalog => button("Upgrade", Kind::Primary, ProfileVerb::Apply),
                        Standing::Differs { .. } => button("Apply again", Kind::Secondary, ProfileVerb::Apply),
                        Standing::NotApplied | Standing::Failed | Standing::Unfinished => button("Apply", Kind::Primary, ProfileVerb::Apply),
                    } }
                    if there {
                        { button("Check", Kind::Secondary, ProfileVerb::Check) }
                        <Button label="Roll back" name={format!("Roll back {name}")} class="small" disabled={props.idle} onclick={rollback} />
                    }
                </span>
            </div>
        </li>
    }
}

/// What it takes and brings, in a line.
fn facts(entry: &Entry) -> String {
    let about = entry.bundle.profile();
    let mut facts = vec![format!("{} MiB", about.size_mib)];
    if !about.packages.alpine.is_empty() {
        facts.push(about.packages.alpine.join(", "));
    }
    if !about.depends.is_empty() {
        let names: Vec<_> = about.depends.iter().map(profile::Name::as_str).collect();
        facts.push(format!("needs {}", names.join(", ")));
    }
    facts.extend(about.ports.iter().map(|port| format!("port {}: {}", port.port, port.what)));
    facts.join(" · ")
}

/// What can be done with the profile itself.
#[component]
fn More(props: &CardProps) -> Html {
    let bundle = props.entry.bundle.clone();
    let name = bundle.profile().name.clone();
    let item = |label: &'static str, icon: Icon, danger: bool, onselect: Callback<()>| MenuItem {
        label: label.into(),
        detail: None,
        name: Some(format!("{label} {name}").into()),
        icon: Some(icon),
        danger,
        onselect,
    };
    let pose = |question: Question| props.pose.reform(move |()| question.clone());
    let export = {
        let (bundle, failed) = (bundle.clone(), props.failed.clone());
        Callback::from(move |()| {
            if let Err(problem) = own::export(&bundle) {
                failed.emit(problem);
            }
        })
    };
    let mut items = vec![item("Export", Icon::Export, false, export)];
    if props.known {
        let name = name.clone();
        items.push(item("Show log", Icon::History, false, props.ask.reform(move |()| ProfileAsk::Log(name.clone()))));
    }
    if props.entry.own {
        items.push(item("Edit…", Icon::Pencil, false, pose(Question::Edit(Some(bundle.clone())))));
        items.push(item("Delete…", Icon::Trash, true, pose(Question::Delete(bundle))));
    }
    html! { <Menu label={format!("More for {name}")} icon={Icon::More} class="small" {items} /> }
}
