//! The way to the folder that is shown.

use protocol::FilePath;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub(super) struct CrumbsProps {
    pub(super) path: FilePath,
    /// A folder on the way was chosen.
    pub(super) go: Callback<FilePath>,
}

/// The folders from the top to here; each but the last leads there.
#[component]
pub(super) fn Crumbs(props: &CrumbsProps) -> Html {
    let mut at = FilePath::root();
    let mut way = vec![(at.clone(), "share".to_owned())];
    for name in props.path.names() {
        at = at.join(&name);
        way.push((at.clone(), name.shown()));
    }
    let last = way.len() - 1;
    let crumb = |(depth, (path, label)): (usize, (FilePath, String))| {
        let go = props.go.reform(move |_: MouseEvent| path.clone());
        html! {
            <li>
                if depth == last {
                    <bdi aria-current="page">{ label }</bdi>
                } else {
                    <button type="button" class="crumb" onclick={go}><bdi>{ label }</bdi></button>
                }
            </li>
        }
    };
    html! {
        <nav class="crumbs" aria-label="Folder">
            <ol>{ for way.into_iter().enumerate().map(crumb) }</ol>
        </nav>
    }
}
