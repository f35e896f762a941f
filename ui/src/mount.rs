use yew::{BaseComponent, Renderer};

/// Puts the page's root component into its `#app` element, and makes a failure of the page's own code visible: the
/// element `#failed`, which every page has, says so to the user and the browser's console says what it was.
pub fn mount<C>()
where
    C: BaseComponent,
    C::Properties: Default,
{
    mount_with::<C>(C::Properties::default());
}

/// As [`mount`], with properties.
pub fn mount_with<C: BaseComponent>(properties: C::Properties) {
    yew::set_custom_panic_hook(Box::new(|info| {
        console_error_panic_hook::hook(info);
        if let Some(notice) = element("failed") {
            // Nothing more can be done where even this fails.
            let _ = notice.remove_attribute("hidden");
        }
    }));
    if let Some(root) = element("app") {
        Renderer::<C>::with_root_and_props(root, properties).render();
    }
}

fn element(id: &str) -> Option<web_sys::Element> {
    web_sys::window()?.document()?.get_element_by_id(id)
}
