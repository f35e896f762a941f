//! What machines asked for on the web.

use protocol::{WebRequest, World};
use ui::moment;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub(crate) struct RequestsProps {
    pub(crate) requests: Vec<WebRequest>,
    pub(crate) world: World,
}

/// The newest requests, the newest first.
#[component]
pub(crate) fn Requests(props: &RequestsProps) -> Html {
    let row = |request: &WebRequest| {
        let name = props.world.instance(&request.machine).map_or("a deleted machine", |instance| &instance.name);
        let (class, outcome) = match (&request.refused, request.status) {
            (Some(why), _) => ("bad", why.clone()),
            (None, Some(status)) => (if status < 400 { "ok" } else { "warn" }, status.to_string()),
            (None, None) => ("warn", "no answer".to_owned()),
        };
        html! {
            <tr>
                <td class="when">{ moment(request.at) }</td>
                <td>{ name }</td>
                <td class="asked"><span>{ &request.method }{ " " }</span>{ &request.url }</td>
                <td class={classes!("outcome", class)}>{ outcome }</td>
            </tr>
        }
    };
    html! {
        <section class="section" aria-labelledby="asked">
            <h2 id="asked">{ "Asked for on the web" }</h2>
            <div class="panel scroll requests" role="region" aria-labelledby="asked" tabindex="0">
                if props.requests.is_empty() {
                    <p class="nothing">{ "Nothing yet. What machines fetch through the gateway is listed here until the browser is closed." }</p>
                } else {
                    <table>
                        <thead><tr>
                            <th scope="col">{ "When" }</th><th scope="col">{ "Machine" }</th>
                            <th scope="col">{ "What" }</th><th scope="col">{ "Outcome" }</th>
                        </tr></thead>
                        <tbody>{ for props.requests.iter().map(row) }</tbody>
                    </table>
                }
            </div>
        </section>
    }
}
