use crate::{
    stage::DeskHandle,
    view::{FONTS, Signal, View},
};
use protocol::Stream;
use ui::{Button, Icon, Kind};
use web_sys::HtmlElement;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub(crate) struct TabsProps {
    pub(crate) desk: DeskHandle,
    pub(crate) tab: Stream,
    pub(crate) signal: Callback<Signal>,
}

/// The choice between the two terminals, after the “tabs” pattern of the ARIA Authoring Practices.
#[component]
pub(crate) fn Tabs(props: &TabsProps) -> Html {
    let refs = [use_node_ref(), use_node_ref()];
    let onkeydown = {
        let (signal, refs, tab) = (props.signal.clone(), refs.clone(), props.tab);
        Callback::from(move |event: KeyboardEvent| {
            let other = match (event.key().as_str(), tab) {
                ("ArrowLeft" | "ArrowRight", Stream::Shell) | ("End", _) => Stream::Serial,
                ("ArrowLeft" | "ArrowRight", Stream::Serial) | ("Home", _) => Stream::Shell,
                _ => return,
            };
            event.prevent_default();
            signal.emit(Signal::Choose(other));
            if let Some(button) = refs[usize::from(other == Stream::Serial)].cast::<HtmlElement>() {
                // The tab is in the page and can take the focus.
                let _ = button.focus();
            }
        })
    };
    let tab = |stream: Stream, id: &'static str, label: &'static str, node: &NodeRef| {
        let onclick = {
            let (desk, signal) = (props.desk.clone(), props.signal.clone());
            Callback::from(move |event: MouseEvent| {
                if is_pointer(&event) {
                    desk.0.focus(stream);
                }
                signal.emit(Signal::Choose(stream));
            })
        };
        let chosen = props.tab == stream;
        html! {
            <button ref={node.clone()} type="button" role="tab" id={format!("tab-{id}")} class="tab"
                aria-controls={format!("panel-{id}")} aria-selected={if chosen { "true" } else { "false" }}
                tabindex={if chosen { "0" } else { "-1" }} {onclick}>{ label }</button>
        }
    };
    html! {
        <div class="tabs" role="tablist" aria-label="Terminal" {onkeydown}>
            { tab(Stream::Shell, "shell", "Shell", &refs[0]) }
            { tab(Stream::Serial, "serial", "Serial", &refs[1]) }
        </div>
    }
}

#[derive(Properties, PartialEq)]
pub(crate) struct ToolsProps {
    pub(crate) desk: DeskHandle,
    pub(crate) view: View,
    pub(crate) signal: Callback<Signal>,
}

/// What can be done with the shown terminal.
#[component]
pub(crate) fn Tools(props: &ToolsProps) -> Html {
    let ToolsProps { desk, view, signal } = props;
    let tool = |act: fn(&DeskHandle)| {
        let desk = desk.clone();
        Callback::from(move |event: MouseEvent| {
            act(&desk);
            if is_pointer(&event) {
                desk.0.focus(desk.0.tab());
            }
        })
    };
    let search = if view.searching { Signal::EndSearch } else { Signal::Find };
    let font = |by: i32| {
        let size = view.font.saturating_add_signed(by);
        signal.reform(move |_: MouseEvent| Signal::Font(size))
    };
    html! {
        <div class="tools" role="toolbar" aria-label="Terminal tools">
            <Button label="Search" icon={Icon::Search} icon_only=true kind={Kind::Ghost} pressed={view.searching}
                onclick={signal.reform(move |_| search.clone())} />
            <span class="tools-gap" />
            <Button label="Copy" icon={Icon::Copy} icon_only=true kind={Kind::Ghost} disabled={!view.selected}
                onclick={tool(|desk| desk.0.copy())} />
            <Button label="Paste" icon={Icon::Paste} icon_only=true kind={Kind::Ghost}
                onclick={tool(|desk| desk.0.paste())} />
            <Button label="Clear scrollback" icon={Icon::Clear} icon_only=true kind={Kind::Ghost}
                onclick={tool(|desk| desk.0.screen(desk.0.tab()).clear())} />
            <span class="tools-gap" />
            <Button label="Smaller text" icon={Icon::TextSmaller} icon_only=true kind={Kind::Ghost}
                disabled={view.font <= FONTS[0]} onclick={font(-1)} />
            <Button label="Larger text" icon={Icon::TextLarger} icon_only=true kind={Kind::Ghost}
                disabled={view.font >= FONTS[2]} onclick={font(1)} />
            <span class="tools-gap" />
            <Button label="Profiles" icon={Icon::Package} icon_only=true kind={Kind::Ghost} pressed={view.profiles}
                onclick={signal.reform(|_| Signal::ToggleProfiles)} />
            <Button label="Files" icon={Icon::Folder} icon_only=true kind={Kind::Ghost} pressed={view.files}
                onclick={signal.reform(|_| Signal::ToggleFiles)} />
            <Button label="Disks" icon={Icon::Disk} icon_only=true kind={Kind::Ghost} pressed={view.disks}
                onclick={signal.reform(|_| Signal::ToggleDisks)} />
            <Button label="Health" icon={Icon::Pulse} icon_only=true kind={Kind::Ghost} pressed={view.health}
                onclick={signal.reform(|_| Signal::ToggleHealth)} />
        </div>
    }
}

/// Whether the pointer pressed the button, and not a key. Whoever uses the pointer goes on typing in the terminal;
/// whoever uses keys is still in the toolbar.
fn is_pointer(event: &MouseEvent) -> bool {
    event.detail() > 0
}
