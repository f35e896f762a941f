//! The place of the two terminals.

use crate::{
    desk::Desk,
    probe, store,
    view::{Signal, View},
};
use gloo_events::EventListener;
use gloo_timers::callback::Interval;
use protocol::{InstanceId, Stream};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{Document, Element, ResizeObserver, VisibilityState, Window};
use yew::prelude::*;

/// How often the attachment looks whether it has waited too long, in milliseconds.
const TICK_MS: u32 = 250;

#[derive(Properties, PartialEq)]
pub(crate) struct StageProps {
    pub(crate) id: InstanceId,
    pub(crate) view: View,
    /// The run that is live.
    pub(crate) run: Option<u32>,
    pub(crate) dark: bool,
    /// The machine stands still.
    pub(crate) dim: bool,
    /// Nothing is typed here.
    #[prop_or_default]
    pub(crate) watch: bool,
    pub(crate) signal: Callback<Signal>,
    /// The terminals are set up.
    pub(crate) ready: Callback<DeskHandle>,
}

/// The page's terminals, for its tools.
#[derive(Clone)]
pub(crate) struct DeskHandle(pub(crate) Rc<Desk>);

impl PartialEq for DeskHandle {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

/// Both terminals in one place, one of them shown.
#[component]
pub(crate) fn Stage(props: &StageProps) -> Html {
    let places = [use_node_ref(), use_node_ref()];
    let stage = use_node_ref();
    let desk = use_state(|| None::<DeskHandle>);
    use_effect_with((), {
        let (places, stage, desk) = (places.clone(), stage.clone(), desk.setter());
        let (id, font, dark) = (props.id.clone(), props.view.font, props.dark);
        let (signal, ready) = (props.signal.clone(), props.ready.clone());
        move |()| {
            let kept = set_up(&id, &places, &stage, font, dark, signal);
            if let Some((made, _)) = &kept {
                desk.set(Some(made.clone()));
                ready.emit(made.clone());
            }
            move || drop(kept)
        }
    });
    let tab = props.view.tab();
    let desk = (*desk).clone();
    use_effect_with((desk.clone(), tab), |(desk, tab)| with(desk, |desk| desk.show(*tab)));
    use_effect_with((desk.clone(), props.run), |(desk, run)| with(desk, |desk| desk.set_run(*run)));
    use_effect_with((desk.clone(), props.dark), |(desk, dark)| with(desk, |desk| desk.set_dark(*dark)));
    use_effect_with((desk.clone(), props.view.font), |(desk, font)| {
        with(desk, |desk| {
            desk.set_font(*font);
            store::set_font(*font);
        });
    });
    use_effect_with((desk.clone(), props.view.spoken), |(desk, spoken)| {
        with(desk, |desk| {
            desk.set_spoken(*spoken);
            store::set_spoken(*spoken);
        });
    });
    use_effect_with((desk, props.run.is_some()), |(desk, live)| {
        if *live {
            with(desk, |desk| desk.focus(desk.tab()));
        }
    });
    let [serial, shell] = places;
    html! {
        <div ref={stage} class={classes!("stage", props.dim.then_some("dim"), props.watch.then_some("watch"))}>
            <div ref={shell} id="panel-shell" class="terminal" role="tabpanel" aria-labelledby="tab-shell"
                hidden={tab != Stream::Shell} />
            <div ref={serial} id="panel-serial" class="terminal" role="tabpanel" aria-labelledby="tab-serial"
                hidden={tab != Stream::Serial} />
            <p id="keys-hint" class="visually-hidden">
                if props.watch { { "Keys go nowhere. " } } else { { "Keys go to the machine. " } }
                { "Ctrl+Shift+Up moves to the toolbar." }
            </p>
        </div>
    }
}

fn with(desk: &Option<DeskHandle>, act: impl FnOnce(&Rc<Desk>)) {
    if let Some(DeskHandle(desk)) = desk {
        act(desk);
    }
}

/// What lives as long as the terminals.
struct Kept {
    _listeners: Vec<EventListener>,
    _ticking: Interval,
    observer: ResizeObserver,
    _resized: Closure<dyn Fn()>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.observer.disconnect();
    }
}

fn set_up(
    id: &InstanceId,
    places: &[NodeRef; 2],
    stage: &NodeRef,
    font: u32,
    dark: bool,
    signal: Callback<Signal>,
) -> Option<(DeskHandle, Kept)> {
    let window = web_sys::window()?;
    let document = window.document()?;
    let [serial, shell] = [places[0].cast::<Element>()?, places[1].cast::<Element>()?];
    let desk = Desk::new(id, [&serial, &shell], font, dark, signal).ok()?;
    probe::expose(&desk);
    let resized = {
        let desk = desk.clone();
        Closure::<dyn Fn()>::new(move || desk.fit_soon())
    };
    let observer = ResizeObserver::new(resized.as_ref().unchecked_ref()).ok()?;
    observer.observe(&stage.cast::<Element>()?);
    let ticking = {
        let desk = desk.clone();
        Interval::new(TICK_MS, move || desk.tick())
    };
    let kept =
        Kept { _listeners: listeners(&desk, &window, &document), _ticking: ticking, observer, _resized: resized };
    Some((DeskHandle(desk), kept))
}

/// Being looked at, coming and going.
fn listeners(desk: &Rc<Desk>, window: &Window, document: &Document) -> Vec<EventListener> {
    let on = |target: &web_sys::EventTarget, event: &'static str, act: fn(&Desk)| {
        let desk = desk.clone();
        EventListener::new(target, event, move |_| act(&desk))
    };
    let shown = {
        let (desk, document) = (desk.clone(), document.clone());
        move || {
            let hidden = document.visibility_state() == VisibilityState::Hidden;
            desk.set_hidden(hidden);
            if !hidden && document.has_focus().unwrap_or(false) {
                desk.take_turn();
            }
        }
    };
    shown();
    vec![
        EventListener::new(document, "visibilitychange", move |_| shown()),
        on(window, "focus", Desk::take_turn),
        on(window, "pagehide", Desk::leave),
        on(window, "pageshow", Desk::come_back),
        // Chrome freezes pages that were hidden for long: they hear nothing, and must not hold the machine back.
        on(document, "freeze", Desk::leave),
        on(document, "resume", Desk::come_back),
    ]
}
