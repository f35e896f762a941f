use crate::card::{Card, Wish};
use crate::editor::Editor;
use crate::file;
use crate::removed::RemovedTemplates;
use crate::runner::Runner;
use protocol::{PageRequest, Plan, Problem, TITLE_MAX, Template, TemplateId, World};
use ui::{Button, FilePicker, Icon, Kind, Logo, Notice, PageDrop, Tellings, WorldProvider, use_world};
use wasm_bindgen_futures::spawn_local;
use web_sys::File;
use yew::prelude::*;

/// The templates page.
#[component]
pub(crate) fn Page() -> Html {
    html! { <WorldProvider><Templates /></WorldProvider> }
}

/// What is open beside the list.
#[derive(Clone, PartialEq)]
enum Open {
    Nothing,
    /// The template that is changed, or the one that the new one is like, and what is in the fields.
    Editor(Option<TemplateId>, Option<Box<Template>>, Box<Plan>),
    Runner(TemplateId),
}

/// A title that no template has yet.
fn free_title(like: &str, world: &World) -> String {
    let taken = |title: &str| world.templates.iter().any(|template| template.plan.title == title);
    let short: String = like.chars().take(TITLE_MAX - 4).collect();
    let numbered = (2..100).map(|number| format!("{short} {number}"));
    std::iter::once(like.to_owned()).chain(numbered).find(|title| !taken(title)).unwrap_or_else(|| like.to_owned())
}

#[component]
fn Templates() -> Html {
    let workbench = use_world();
    let open = use_state(|| Open::Nothing);
    let problem = use_state(|| None::<Problem>);
    let world = workbench.world.clone();
    let close = {
        let open = open.setter();
        Callback::from(move |()| open.set(Open::Nothing))
    };
    let on_wish = {
        let (open, problem, world) = (open.setter(), problem.setter(), world.clone());
        Callback::from(move |wish| match wish {
            Wish::Edit(template) => {
                let (id, plan) = (template.id.clone(), Box::new(template.plan.clone()));
                open.set(Open::Editor(Some(id), Some(Box::new(template)), plan));
            }
            Wish::Duplicate(template) => {
                let plan = template.plan.clone();
                let title = world.as_ref().map_or_else(|| plan.title.clone(), |world| free_title(&plan.title, world));
                open.set(Open::Editor(None, Some(Box::new(template)), Box::new(Plan { title, ..plan })));
            }
            Wish::Run(id) => open.set(Open::Runner(id)),
            Wish::Tell(now) => problem.set(Some(now)),
        })
    };
    let create = {
        let (open, world) = (open.setter(), world.clone());
        Callback::from(move |_: MouseEvent| {
            let image = world.as_ref().and_then(|world| world.images.first()).map(|image| image.id.clone());
            if let Some(image) = image {
                open.set(Open::Editor(None, None, Box::new(Plan::plain("", "", image))));
            }
        })
    };
    let import = {
        let (workbench, problem) = (workbench.clone(), problem.setter());
        Callback::from(move |file: File| {
            let (workbench, problem) = (workbench.clone(), problem.clone());
            problem.set(None);
            spawn_local(async move {
                match file::read(file).await {
                    Err(failed) => problem.set(Some(failed)),
                    Ok(plan) => {
                        let world = workbench.world.clone();
                        let title = world.map_or_else(|| plan.title.clone(), |world| free_title(&plan.title, &world));
                        let plan = Box::new(Plan { title, ..plan });
                        workbench.ask(PageRequest::SaveTemplate { id: None, plan, like: None }, |_, _| ());
                    }
                }
            });
        })
    };
    html! {
        <div class="page">
            <header class="head">
                <Logo />
                <h1>{ "Templates" }</h1>
                <a class="button secondary small" href="../storage/index.html">{ Html::from(Icon::Disk) }{ "Storage" }</a>
                <a class="button secondary small" href="../history/index.html">{ Html::from(Icon::History) }{ "History" }</a>
                <a class="button secondary small" href="../options/index.html">{ Html::from(Icon::Settings) }{ "Options" }</a>
            </header>
            <Tellings />
            if let Some(problem) = workbench.problem.clone().filter(|_| !matches!(*open, Open::Editor(..))) {
                <Notice {problem} on_dismiss={workbench.dismissal()} />
            }
            if let Some(now) = (*problem).clone() {
                <Notice problem={now} on_dismiss={Callback::from({ let problem = problem.setter(); move |()| problem.set(None) })} />
            }
            <RemovedTemplates />
            <PageDrop text="Drop it to import the template" on_file={import.clone()} />
            <main>
                if let Some(world) = world.as_deref() {
                    { match &*open {
                        Open::Nothing => Html::default(),
                        Open::Editor(id, like, plan) => html! {
                            <Editor id={id.clone()} like={like.as_deref().cloned()} plan={(**plan).clone()} images={world.images.clone()}
                                on_close={close} />
                        },
                        Open::Runner(template) => html! { <Runner template={template.clone()} on_close={close} /> },
                    } }
                    <section class="section" aria-labelledby="all">
                        <div class="section-head">
                            <h2 id="all">{ "What machines are made from" }</h2>
                            <Button label="New template" icon={Icon::Pencil} kind={Kind::Secondary} class="small" onclick={create} />
                        </div>
                        <ul class="cards" aria-label="Templates">
                            { for world.templates.iter().map(|template| html! {
                                <Card key={template.id.as_str()} template={template.clone()} settings={world.settings.clone()}
                                    on_wish={on_wish.clone()} />
                            }) }
                        </ul>
                    </section>
                    <section class="section import-place" aria-label="Import">
                        <FilePicker label="Import a template" hint="A file that was exported here, or in another browser" accept=".json"
                            on_file={import} />
                    </section>
                } else {
                    <div class="skeleton" role="status" aria-label="Loading"><div class="bone bone-section" /></div>
                }
            </main>
        </div>
    }
}
