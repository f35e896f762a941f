//! Asks for what is in a folder, and asks again when it has changed.

use super::{Place, folder::sorted};
use protocol::{DiskReply, InstanceId, Problem, ProblemCode, ShareEntry, ShareListing, ShareWhat, share_news_channel};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use ui::{Workbench, use_world};
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, MessageEvent};
use yew::prelude::*;

/// So many entries are asked for: a page that shows more serves nobody.
const LISTED_MAX: usize = 20_000;

/// What is known of a folder.
#[derive(Clone, PartialEq)]
pub(super) struct Listing {
    /// What is in it, sorted; none until the first answer.
    pub(super) entries: Option<Rc<Vec<ShareEntry>>>,
    /// There is more than was asked for.
    pub(super) more: bool,
    /// Why it is not known.
    pub(super) problem: Option<Problem>,
    /// Asks again.
    pub(super) reload: Callback<()>,
}

/// What was heard last, and of which folder.
#[derive(Clone, PartialEq, Default)]
struct Heard {
    entries: Option<Rc<Vec<ShareEntry>>>,
    more: bool,
    problem: Option<Problem>,
}

/// One way through a folder's parts, from question to question.
struct Walk {
    workbench: Workbench,
    place: Place,
    /// The walk that counts: a later one makes this one end.
    newest: Rc<Cell<u32>>,
    number: u32,
    /// Something has changed since this walk began.
    again: Rc<Cell<bool>>,
    going: Rc<Cell<bool>>,
    so_far: RefCell<Vec<ShareEntry>>,
    heard: UseStateSetter<Heard>,
}

impl Walk {
    fn go(self: Rc<Self>, after: u64) {
        let request = self.place.request(ShareWhat::List { path: self.place.path.clone(), after });
        let workbench = self.workbench.clone();
        workbench.ask_disks(request, move |answer| {
            if self.newest.get() != self.number {
                return;
            }
            match answer {
                Ok(DiskReply::Share(ShareListing { entries, next })) => {
                    self.so_far.borrow_mut().extend(entries);
                    let full = self.so_far.borrow().len() >= LISTED_MAX;
                    match next {
                        Some(next) if !full => self.go(next),
                        next => self.end(next.is_some(), None),
                    }
                }
                Ok(_) => {
                    let odd = Problem::new(ProblemCode::Internal, "The extension answered something else.");
                    self.end(false, Some(odd));
                }
                Err(problem) => self.end(false, Some(problem)),
            }
        });
    }

    fn end(self: Rc<Self>, more: bool, problem: Option<Problem>) {
        let entries = problem.is_none().then(|| Rc::new(sorted(self.so_far.take())));
        self.heard.set(Heard { entries, more, problem });
        if self.again.replace(false) {
            self.go(0);
        } else {
            self.going.set(false);
        }
    }
}

/// What is in the folder, now and after every change.
#[hook]
pub(super) fn use_listing(place: &Place, key: u32) -> Listing {
    let workbench = use_world();
    let heard = use_state(Heard::default);
    let newest = use_memo((), |()| Rc::new(Cell::new(0_u32)));
    let again = use_memo((), |()| Rc::new(Cell::new(false)));
    let going = use_memo((), |()| Rc::new(Cell::new(false)));
    let begin = {
        let (workbench, heard, place) = (workbench, heard.setter(), place.clone());
        let (newest, again, going) = ((*newest).clone(), (*again).clone(), (*going).clone());
        move |afresh: bool| {
            if going.get() && !afresh {
                again.set(true);
                return;
            }
            going.set(true);
            again.set(false);
            newest.set(newest.get().wrapping_add(1));
            let walk = Walk {
                workbench: workbench.clone(),
                place: place.clone(),
                newest: newest.clone(),
                number: newest.get(),
                again: again.clone(),
                going: going.clone(),
                so_far: RefCell::default(),
                heard: heard.clone(),
            };
            Rc::new(walk).go(0);
        }
    };
    let begin = Rc::new(begin);
    use_effect_with((place.clone(), key), {
        let (begin, heard) = (begin.clone(), heard.setter());
        move |_| {
            heard.set(Heard::default());
            begin(true);
        }
    });
    let changed = use_mut_ref(|| None::<Rc<dyn Fn()>>);
    *changed.borrow_mut() = Some({
        let begin = begin.clone();
        Rc::new(move || begin(false))
    });
    use_news(&place.id, {
        let changed = changed.clone();
        Callback::from(move |()| {
            let now = changed.borrow().clone();
            if let Some(now) = now {
                now();
            }
        })
    });
    let Heard { entries, more, problem } = (*heard).clone();
    Listing { entries, more, problem, reload: Callback::from(move |()| begin(true)) }
}

/// Calls `changed` whenever whoever has the machine's files says that something is different.
#[hook]
fn use_news(id: &InstanceId, changed: Callback<()>) {
    use_effect_with(id.clone(), move |id| {
        let channel = BroadcastChannel::new(&share_news_channel(id)).ok();
        let heard = Closure::<dyn Fn(MessageEvent)>::new(move |_| changed.emit(()));
        if let Some(channel) = &channel {
            channel.set_onmessage(Some(heard.as_ref().unchecked_ref()));
        }
        move || {
            if let Some(channel) = channel {
                channel.set_onmessage(None);
                channel.close();
            }
            drop(heard);
        }
    });
}
