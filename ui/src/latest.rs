//! A state that is never older than what the user has done.

use std::cell::RefCell;
use std::rc::Rc;
use yew::prelude::*;

/// A state of a component whose value can be read at any time.
///
/// What a `use_state` handle gives is the value of the last rendering, and Yew lets a timer decide when the next one
/// is if there is much to do: a callback that reads it, or writes a changed copy of it, can miss what came in between.
#[derive(Clone, PartialEq)]
pub struct Latest<T: PartialEq> {
    shown: UseStateHandle<T>,
    now: Rc<RefCell<T>>,
}

impl<T: Clone + PartialEq + 'static> Latest<T> {
    /// The value to be rendered.
    pub fn shown(&self) -> &T {
        &self.shown
    }

    /// The value with every change that was made.
    pub fn now(&self) -> T {
        self.now.borrow().clone()
    }

    /// Changes it.
    pub fn change(&self, change: impl FnOnce(&mut T)) {
        let mut now = self.now();
        change(&mut now);
        self.now.replace(now.clone());
        self.shown.set(now);
    }
}

/// A state whose value can be read at any time.
#[hook]
pub fn use_latest<T: Clone + PartialEq + 'static>(first: impl FnOnce() -> T) -> Latest<T> {
    let shown = use_state_eq(first);
    let now = {
        let shown = shown.clone();
        use_mut_ref(move || (*shown).clone())
    };
    Latest { shown, now }
}
