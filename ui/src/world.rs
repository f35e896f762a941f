//! The state of everything, for every component of a page.

use crate::{
    browser::left,
    hand_over,
    link::{Client, Link, Update, silent},
    theme::use_theme,
};
use protocol::{
    CatalogReply, CatalogRequest, DiskReply, DiskRequest, InstanceId, PageRequest, PeerRequest, Problem, Reply,
    SHOWN_KEY, World,
};
use std::rc::Rc;
use yew::prelude::*;

/// What components see of the world and can do to it.
#[derive(Clone, PartialEq)]
pub struct Workbench {
    /// The latest world; none until the background has spoken.
    pub world: Option<Rc<World>>,
    /// How the link to the background is.
    pub link: Link,
    /// The last thing that went wrong and was not dismissed.
    pub problem: Option<Problem>,
    client: Client,
    report: Callback<Option<Problem>>,
}

impl Workbench {
    /// Asks the background. What goes wrong becomes [`Workbench::problem`]; `done` hears whether it went well.
    pub fn ask(&self, request: PageRequest, done: impl FnOnce(Option<InstanceId>, bool) + 'static) {
        let report = self.report.clone();
        report.emit(None);
        self.client.ask(request, move |answer| match answer {
            Ok(reply) => done(reply.instance().cloned(), true),
            Err(problem) => {
                report.emit(Some(problem));
                done(None, false);
            }
        });
    }

    /// Asks about disks, snapshots or storage. What goes wrong is the caller's to show.
    pub fn ask_disks(&self, request: DiskRequest, done: impl FnOnce(Result<DiskReply, Problem>) + 'static) {
        self.client.ask(PageRequest::Disks(request), move |answer| {
            done(answer.map(|reply| match reply {
                Reply::Disks(reply) => reply,
                Reply::Machine(_) | Reply::Catalog(_) | Reply::Peer(_) => DiskReply::Done,
            }));
        });
    }

    /// Asks about the catalog. What goes wrong is the caller's to show.
    pub fn ask_catalog(&self, request: CatalogRequest, done: impl FnOnce(Result<CatalogReply, Problem>) + 'static) {
        self.client.ask(PageRequest::Catalog(request), move |answer| {
            done(answer.map(|reply| match reply {
                Reply::Catalog(reply) => reply,
                Reply::Machine(_) | Reply::Disks(_) | Reply::Peer(_) => CatalogReply::Done,
            }));
        });
    }

    /// Asks about peers. What goes wrong is the caller's to show.
    pub fn ask_peers(&self, request: PeerRequest, done: impl FnOnce(Result<(), Problem>) + 'static) {
        self.client.ask(PageRequest::Peers(request), move |answer| done(answer.map(drop)));
    }

    /// Puts [`Workbench::problem`] away; none when it lasts.
    pub fn dismissal(&self) -> Option<Callback<()>> {
        (self.link != Link::Silent).then(|| self.report.reform(|()| None))
    }
}

/// Properties of [`WorldProvider`].
#[derive(Properties, PartialEq)]
pub struct WorldProviderProps {
    /// Said to the background first on every connection.
    #[prop_or_default]
    pub greeting: Option<PageRequest>,
    /// What is shown until the background speaks.
    #[prop_or_default]
    pub was: Option<Rc<World>>,
    /// The page.
    pub children: Html,
}

/// Connects the page to the background, applies the theme, and gives the world to everything below.
#[component]
pub fn WorldProvider(props: &WorldProviderProps) -> Html {
    let world = use_state(|| props.was.clone());
    let link = use_state(|| Link::Connecting);
    let problem = use_state(|| None);
    let client = use_memo((), {
        let (world, link, problem) = (world.setter(), link.setter(), problem.setter());
        let listener = move |update| match update {
            Update::World(now) => {
                hand_over::settle(&now.jobs);
                world.set(Some(now));
            }
            Update::Link(now) => link.set(now),
            Update::Unavailable(now) => problem.set(Some(now)),
        };
        |()| Client::new(props.greeting.clone(), Callback::from(listener))
    });
    use_effect_with((), {
        let client = client.clone();
        move |()| move || client.close()
    });
    use_theme(world.as_ref().map(|world: &Rc<World>| world.settings.theme));
    let problem_now = if *link == Link::Silent { Some(silent()) } else { (*problem).clone() };
    let workbench = Workbench {
        world: (*world).clone(),
        link: *link,
        problem: problem_now,
        client: (*client).clone(),
        report: Callback::from({
            let problem = problem.setter();
            move |now| problem.set(now)
        }),
    };
    html! { <ContextProvider<Workbench> context={workbench}>{ props.children.clone() }</ContextProvider<Workbench>> }
}

/// What pages were told last, which is there while the background sleeps.
pub async fn shown_last() -> Option<Rc<World>> {
    let world = serde_json::from_str(&left(SHOWN_KEY).await?).ok()?;
    Some(Rc::new(world))
}

/// The world and what can be done to it. Only below a [`WorldProvider`].
#[hook]
#[expect(clippy::expect_used, reason = "a component outside the provider is a mistake in our own page")]
pub fn use_world() -> Workbench {
    use_context::<Workbench>().expect("a WorldProvider above")
}
