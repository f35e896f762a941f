//! A button with a menu, after the “menu button” pattern of the ARIA Authoring Practices.

use super::{Button, Icon, Kind};
use gloo_events::EventListener;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, Node};
use yew::prelude::*;

/// Distance between the button and the menu, and between the menu and the window's edge, in CSS pixels.
const GAP: f64 = 4.0;

/// One entry of a [`Menu`].
#[derive(Clone, PartialEq)]
pub struct MenuItem {
    /// What it says.
    pub label: AttrValue,
    /// A second, fainter line.
    pub detail: Option<AttrValue>,
    /// Its accessible name where the label alone does not say what it acts on.
    pub name: Option<AttrValue>,
    /// Its icon.
    pub icon: Option<Icon>,
    /// It takes something away.
    pub danger: bool,
    /// It was chosen.
    pub onselect: Callback<()>,
}

/// Properties of [`Menu`].
#[derive(Properties, PartialEq)]
pub struct MenuProps {
    /// The button's accessible name and tooltip.
    pub label: AttrValue,
    /// The button's icon.
    pub icon: Icon,
    /// How much the button stands out.
    #[prop_or(Kind::Ghost)]
    pub kind: Kind,
    /// More classes for the button.
    #[prop_or_default]
    pub class: Classes,
    /// The entries.
    pub items: Vec<MenuItem>,
}

/// A button that opens a menu. Arrow keys move in it, Escape and Tab leave it.
#[component]
pub fn Menu(props: &MenuProps) -> Html {
    let open = use_state(|| false);
    let anchor = use_node_ref();
    let list = use_node_ref();
    let close = {
        let (open, anchor) = (open.setter(), anchor.clone());
        Callback::from(move |refocus: bool| {
            open.set(false);
            if let (true, Some(button)) = (refocus, button_of(&anchor)) {
                // A button that is gone can't be focused, and need not be.
                let _ = button.focus();
            }
        })
    };
    use_effect_with(*open, {
        let (anchor, list, close) = (anchor.clone(), list.clone(), close.clone());
        move |open| {
            let listeners = open.then(|| {
                place(&anchor, &list);
                focus_item(&list, |_, _| 0);
                dismissals(&list, &anchor, &close)
            });
            move || drop(listeners)
        }
    });
    let toggle = {
        let (open, state) = (open.setter(), *open);
        Callback::from(move |_| open.set(!state))
    };
    let onkeydown = {
        let (list, close) = (list.clone(), close.clone());
        Callback::from(move |event: KeyboardEvent| keydown(&event, &list, &close))
    };
    html! {
        <span class="menu-anchor" ref={anchor} data-open={open.then_some("true")}>
            <Button label={props.label.clone()} kind={props.kind} icon={props.icon} icon_only=true
                class={props.class.clone()} popup={*open} onclick={toggle} />
            if *open {
                <ul ref={list} class="menu" role="menu" aria-label={props.label.clone()} {onkeydown}>
                    { for props.items.iter().map(|item| view(item, &close)) }
                </ul>
            }
        </span>
    }
}

fn view(item: &MenuItem, close: &Callback<bool>) -> Html {
    let onclick = {
        let (close, onselect) = (close.clone(), item.onselect.clone());
        Callback::from(move |_| {
            close.emit(true);
            onselect.emit(());
        })
    };
    html! {
        <li role="none">
            <button type="button" role="menuitem" tabindex="-1" class={classes!("menu-item", item.danger.then_some("danger"))}
                aria-label={item.name.clone()} {onclick}>
                { item.icon.map(Html::from) }
                <span class="menu-label">
                    { &item.label }
                    if let Some(detail) = &item.detail { <small>{ detail }</small> }
                </span>
            </button>
        </li>
    }
}

fn button_of(anchor: &NodeRef) -> Option<HtmlElement> {
    anchor.cast::<Element>()?.query_selector("button").ok()??.dyn_into().ok()
}

/// Puts the menu below its button, or above where there is more room, inside the window.
fn place(anchor: &NodeRef, list: &NodeRef) {
    let (Some(button), Some(menu), Some(window)) = (button_of(anchor), list.cast::<HtmlElement>(), web_sys::window())
    else {
        return;
    };
    let inner = |value: Result<wasm_bindgen::JsValue, _>| value.ok().and_then(|value| value.as_f64()).unwrap_or(0.0);
    let (width, height) = (inner(window.inner_width()), inner(window.inner_height()));
    let (at, size) = (button.get_bounding_client_rect(), menu.get_bounding_client_rect());
    let left = (at.right() - size.width()).clamp(GAP, (width - size.width() - GAP).max(GAP));
    let below = at.bottom() + GAP;
    let above = at.top() - GAP - size.height();
    let top = if below + size.height() + GAP > height && above >= GAP { above } else { below };
    let style = menu.style();
    // Both are valid declarations.
    let _ = style.set_property("left", &format!("{left}px"));
    let _ = style.set_property("top", &format!("{top}px"));
}

fn items(list: &NodeRef) -> Vec<HtmlElement> {
    let Some(Ok(found)) = list.cast::<Element>().map(|list| list.query_selector_all("[role=menuitem]")) else {
        return Vec::new();
    };
    (0..found.length()).filter_map(|i| found.item(i)?.dyn_into().ok()).collect()
}

/// Focuses the entry that `choose` names by the focused entry's index and the number of entries.
fn focus_item(list: &NodeRef, choose: impl Fn(usize, usize) -> usize) {
    let items = items(list);
    let focused = web_sys::window().and_then(|window| window.document()?.active_element());
    let at = items.iter().position(|item| focused.as_ref() == Some(item.as_ref())).unwrap_or(0);
    if let Some(item) = items.get(choose(at, items.len())) {
        // The entry is there and can take the focus.
        let _ = item.focus();
    }
}

fn keydown(event: &KeyboardEvent, list: &NodeRef, close: &Callback<bool>) {
    match event.key().as_str() {
        "ArrowDown" => focus_item(list, |at, count| (at + 1) % count.max(1)),
        "ArrowUp" => focus_item(list, |at, count| (at + count - 1) % count.max(1)),
        "Home" => focus_item(list, |_, _| 0),
        "End" => focus_item(list, |_, count| count.saturating_sub(1)),
        "Escape" => close.emit(true),
        "Tab" => return close.emit(false),
        _ => return,
    }
    event.prevent_default();
    event.stop_propagation();
}

/// What closes an open menu from outside.
fn dismissals(list: &NodeRef, anchor: &NodeRef, close: &Callback<bool>) -> Vec<EventListener> {
    let Some(window) = web_sys::window() else { return Vec::new() };
    let outside = {
        let (list, anchor, close) = (list.clone(), anchor.clone(), close.clone());
        move |event: &Event| {
            let target = event.target().and_then(|target| target.dyn_into::<Node>().ok());
            let inside = |node: &NodeRef| node.get().is_some_and(|node| node.contains(target.as_ref()));
            if !inside(&list) && !inside(&anchor) {
                close.emit(false);
            }
        }
    };
    let away = {
        let close = close.clone();
        move |_: &Event| close.emit(false)
    };
    vec![
        EventListener::new(&window, "pointerdown", outside),
        EventListener::new(&window, "resize", away.clone()),
        EventListener::new(&window, "blur", away),
    ]
}
