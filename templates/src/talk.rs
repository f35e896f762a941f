//! The channel to a machine's worker about the script in it.

use crate::text::take_in;
use protocol::{InstanceId, TaskAsk, TaskNews, TaskStage, task_channel};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, MessageEvent};
use webbridge::{from_js, to_js};
use yew::prelude::*;

/// What is known of a machine's script.
#[derive(Clone, PartialEq, Default)]
pub(crate) struct Heard {
    /// How far it is; none while the worker has not spoken.
    pub(crate) stage: Option<TaskStage>,
    /// The newest of what it has put out.
    pub(crate) said: Rc<Vec<u8>>,
}

/// What a page does with what it hears.
enum News {
    Stage(TaskStage),
    Output(u64, Vec<u8>),
    Anew,
}

#[derive(Default, PartialEq)]
struct Kept {
    heard: Heard,
    before: u64,
}

impl Reducible for Kept {
    type Action = News;

    fn reduce(self: Rc<Self>, news: News) -> Rc<Self> {
        let mut heard = self.heard.clone();
        let mut before = self.before;
        match news {
            News::Anew => return Rc::default(),
            News::Stage(stage) => heard.stage = Some(stage),
            News::Output(offset, bytes) => {
                let known = Rc::make_mut(&mut heard.said);
                take_in(known, &mut before, offset, &bytes);
                let over = known.len().saturating_sub(protocol::TASK_KEPT_MAX);
                known.drain(..over);
                before += over as u64;
            }
        }
        Rc::new(Self { heard, before })
    }
}

/// Speaks with the machine's worker, and asks it again whenever `again` changes.
#[hook]
pub(crate) fn use_talk(id: Option<&InstanceId>, again: &Option<u64>) -> (Heard, Callback<TaskAsk>) {
    let kept = use_reducer(Kept::default);
    let channel = use_mut_ref(|| None::<BroadcastChannel>);
    let ask = {
        let channel = channel.clone();
        Callback::from(move |ask: TaskAsk| match (&*channel.borrow(), to_js(&ask)) {
            // Posting fails only on a closed channel.
            (Some(channel), Ok(ask)) => drop(channel.post_message(&ask)),
            (None, _) => {}
            (_, Err(error)) => web_sys::console::error_1(&error.to_string().into()),
        })
    };
    use_effect_with(id.cloned(), {
        let kept = kept.dispatcher();
        move |id| {
            kept.dispatch(News::Anew);
            let opened = id.as_ref().and_then(|id| BroadcastChannel::new(&task_channel(id)).ok());
            let heard = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
                // What other pages ask comes here too, and is no news.
                match from_js(event.data()) {
                    Ok(TaskNews::Now(stage)) => kept.dispatch(News::Stage(stage)),
                    Ok(TaskNews::Output { offset, bytes }) => kept.dispatch(News::Output(offset, bytes)),
                    Err(_) => {}
                }
            });
            if let Some(opened) = &opened {
                opened.set_onmessage(Some(heard.as_ref().unchecked_ref()));
            }
            channel.replace(opened);
            move || {
                if let Some(opened) = channel.take() {
                    opened.set_onmessage(None);
                    opened.close();
                }
                drop(heard);
            }
        }
    });
    use_effect_with((id.cloned(), *again), {
        let ask = ask.clone();
        move |_| ask.emit(TaskAsk::Look)
    });
    (kept.heard.clone(), ask)
}
