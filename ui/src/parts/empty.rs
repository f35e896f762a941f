use yew::prelude::*;

/// Properties of [`EmptyState`].
#[derive(Properties, PartialEq)]
pub struct EmptyStateProps {
    /// What is not there.
    pub title: AttrValue,
    /// What would change that.
    pub text: AttrValue,
    /// A picture.
    #[prop_or_default]
    pub picture: Html,
    /// What to press.
    #[prop_or_default]
    pub children: Html,
}

/// What stands where nothing is yet.
#[component]
pub fn EmptyState(props: &EmptyStateProps) -> Html {
    html! {
        <div class="empty">
            <div class="empty-picture">{ props.picture.clone() }</div>
            <h2>{ &props.title }</h2>
            <p>{ &props.text }</p>
            { props.children.clone() }
        </div>
    }
}
