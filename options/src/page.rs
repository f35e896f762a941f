use crate::choice::{Choice, Choices};
use protocol::{MEMORY_CHOICES_MIB, MemoryMib, PageRequest, Settings, Template, Theme, World};
use ui::{Icon, Logo, Notice, WorldProvider, memory, use_theme, use_world, version};
use yew::prelude::*;

/// The options page.
#[component]
pub(crate) fn Page() -> Html {
    html! { <WorldProvider><Options /></WorldProvider> }
}

/// How saving goes.
#[derive(Clone, Copy, PartialEq)]
enum Saving {
    Idle,
    UnderWay,
    Saved,
}

#[component]
fn Options() -> Html {
    let workbench = use_world();
    let saving = use_state(|| Saving::Idle);
    // What was chosen and is on its way: shown at once, given up when it could not be saved.
    let chosen = use_state(|| None::<Settings>);
    let save = {
        let (workbench, saving, chosen) = (workbench.clone(), saving.setter(), chosen.setter());
        Callback::from(move |settings: Settings| {
            chosen.set(Some(settings.clone()));
            saving.set(Saving::UnderWay);
            let (saving, chosen) = (saving.clone(), chosen.clone());
            workbench.ask(PageRequest::SaveSettings(settings), move |_, well| {
                saving.set(if well { Saving::Saved } else { Saving::Idle });
                chosen.set(None);
            });
        })
    };
    let settings = (*chosen).clone().or_else(|| workbench.world.as_ref().map(|world| world.settings.clone()));
    use_theme(settings.as_ref().map(|settings| settings.theme));
    html! {
        <div class="options">
            <header class="head">
                <Logo />
                <h1>{ "Options" }</h1>
                <p class="saved" role="status" aria-live="polite">
                    if *saving == Saving::Saved { { Html::from(Icon::Check) }{ "Saved" } }
                </p>
            </header>
            if let Some(problem) = workbench.problem.clone() {
                <Notice {problem} on_dismiss={workbench.dismissal()} />
            }
            <main>
                if let (Some(world), Some(settings)) = (&workbench.world, settings) {
                    <Form world={(**world).clone()} {settings} {save} />
                } else {
                    <div class="skeleton" role="status" aria-label="Loading">
                        <div class="bone bone-section" /><div class="bone bone-section" />
                    </div>
                }
                <section class="section">
                    <h2>{ "Storage" }</h2>
                    <div class="panel about">
                        <p>{ "See what machines take up, free some of it, and import disks and machines." }</p>
                        <p><a href="../storage/index.html" target="_blank">{ "Open storage" }</a></p>
                    </div>
                </section>
                <section class="section">
                    <h2>{ "Templates" }</h2>
                    <div class="panel about">
                        <p>{ "Make your own kinds of machines, and run scripts in machines that vanish afterwards." }</p>
                        <p><a href="../templates/index.html" target="_blank">{ "Open templates" }</a></p>
                    </div>
                </section>
                <About />
            </main>
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct FormProps {
    world: World,
    settings: Settings,
    save: Callback<Settings>,
}

#[component]
fn Form(props: &FormProps) -> Html {
    let FormProps { world, settings, save } = props;
    let choice = |label: AttrValue, detail: Option<AttrValue>, icon: Html, to: Settings| Choice {
        label,
        detail,
        icon,
        chosen: to == *settings,
        onchoose: save.reform(move |()| to.clone()),
    };
    let size = |size: MemoryMib| {
        choice(memory(size).into(), None, Html::default(), Settings { memory: size, ..settings.clone() })
    };
    let template = |template: &Template| {
        let to = Settings { template: template.id.clone(), ..settings.clone() };
        choice(template.plan.title.clone().into(), Some(template.plan.description.clone().into()), Html::default(), to)
    };
    let theme = |(theme, label, icon): (Theme, &'static str, Icon)| {
        choice(label.into(), None, icon.into(), Settings { theme, ..settings.clone() })
    };
    let themes = [
        (Theme::System, "System", Icon::Monitor),
        (Theme::Light, "Light", Icon::Sun),
        (Theme::Dark, "Dark", Icon::Moon),
    ];
    let sizes = MEMORY_CHOICES_MIB.into_iter().filter_map(|mib| MemoryMib::try_from(mib).ok());
    html! {
        <>
            <section class="section">
                <h2>{ "New machines" }</h2>
                <div class="panel">
                    <Choices legend="Memory" name="memory" layout="segments" choices={sizes.map(size).collect::<Vec<_>>()}
                        hint="Taken from this computer while a machine runs; 256 MiB is plenty for a shell." />
                    <Choices legend="Template" name="template" layout="rows"
                        choices={world.templates.iter().map(template).collect::<Vec<_>>()}
                        hint="What Launch makes a machine from." />
                </div>
            </section>
            <section class="section">
                <h2>{ "Appearance" }</h2>
                <div class="panel">
                    <Choices legend="Theme" name="theme" layout="cards" choices={themes.map(theme).to_vec()}
                        hint="How the popup, the consoles and this page look." />
                </div>
            </section>
        </>
    }
}

#[component]
fn About() -> Html {
    html! {
        <section class="section">
            <h2>{ "About" }</h2>
            <div class="panel about">
                <p>
                    <strong>{ "VM Workbench" }</strong>
                    if let Some(version) = version() { <span class="number">{ format!(" {version}") }</span> }
                </p>
                <p>
                    { "Small Linux machines that run inside this browser, without an account and without a server." }
                </p>
                <p><a href="../licenses.html" target="_blank">{ "Licences of what is packaged" }</a></p>
            </div>
        </section>
    }
}
