//! One thing, used by many who wait: a lock that is fair, for one thread, without a runtime.
//!
//! The order is that of the calls of [`Turns::turn`]. This is what makes `Tflush` right: it is answered after the message that
//! it names, because it came after it.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Something that is used by turns.
#[derive(Debug)]
pub struct Turns<T> {
    value: RefCell<T>,
    next: Cell<u64>,
    /// Whose turn it is, and who waits, in order.
    queue: RefCell<VecDeque<(u64, Option<Waker>)>>,
}

impl<T> Turns<T> {
    /// Nobody uses it yet.
    pub fn new(value: T) -> Self {
        Self { value: RefCell::new(value), next: Cell::new(0), queue: RefCell::default() }
    }

    /// A place in the queue, taken now, though waited for later. Dropping it gives the place up.
    pub fn turn(&self) -> Turn<'_, T> {
        let ticket = self.next.get();
        self.next.set(ticket.wrapping_add(1));
        self.queue.borrow_mut().push_back((ticket, None));
        Turn { place: Some(Place { turns: self, ticket }) }
    }

    /// Takes the thing out.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

#[derive(Debug)]
struct Place<'a, T> {
    turns: &'a Turns<T>,
    ticket: u64,
}

impl<T> Drop for Place<'_, T> {
    fn drop(&mut self) {
        let first = {
            let mut queue = self.turns.queue.borrow_mut();
            queue.retain(|(ticket, _)| *ticket != self.ticket);
            queue.front_mut().and_then(|(_, waker)| waker.take())
        };
        // Outside of the borrow: a waker may poll at once.
        if let Some(waker) = first {
            waker.wake();
        }
    }
}

/// A place in the queue: a future of the thing itself.
#[derive(Debug)]
pub struct Turn<'a, T> {
    place: Option<Place<'a, T>>,
}

impl<'a, T> Future for Turn<'a, T> {
    type Output = Held<'a, T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Held<'a, T>> {
        let Some(place) = self.place.take() else { return Poll::Pending };
        let turns = place.turns;
        let mut queue = turns.queue.borrow_mut();
        let first = queue.front().is_some_and(|(ticket, _)| *ticket == place.ticket);
        if first && let Ok(value) = turns.value.try_borrow_mut() {
            drop(queue);
            return Poll::Ready(Held { value, _place: place });
        }
        if let Some(entry) = queue.iter_mut().find(|(ticket, _)| *ticket == place.ticket) {
            entry.1 = Some(context.waker().clone());
        }
        drop(queue);
        self.place = Some(place);
        Poll::Pending
    }
}

/// The thing, for as long as this lives.
#[derive(Debug)]
pub struct Held<'a, T> {
    // Dropped before the place, so that the next one finds it free.
    value: RefMut<'a, T>,
    _place: Place<'a, T>,
}

impl<T> Deref for Held<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Held<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{now, yield_once};
    use std::pin::pin;

    #[test]
    fn the_turn_is_that_of_the_call_and_not_of_the_first_poll() {
        let turns = Turns::new(Vec::new());
        let add = |n: u32| {
            let turn = turns.turn();
            async move {
                let mut held = turn.await;
                yield_once().await;
                held.push(n);
            }
        };
        let (mut first, mut second) = (pin!(add(1)), pin!(add(2)));
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..3 {
            assert_eq!(second.as_mut().poll(&mut context), Poll::Pending);
        }
        assert_eq!(first.as_mut().poll(&mut context), Poll::Pending);
        assert_eq!(second.as_mut().poll(&mut context), Poll::Pending);
        assert_eq!(first.as_mut().poll(&mut context), Poll::Ready(()));
        assert_eq!(second.as_mut().poll(&mut context), Poll::Pending);
        assert_eq!(second.as_mut().poll(&mut context), Poll::Ready(()));
        assert_eq!(*now(turns.turn()).unwrap(), [1, 2]);
    }

    #[test]
    fn who_gives_up_holds_nobody_up() {
        let turns = Turns::new(());
        let (first, second, third) = (turns.turn(), turns.turn(), turns.turn());
        drop(second);
        drop(now(first).unwrap());
        assert!(now(third).is_some());
        assert!(now(turns.turn()).is_some());
    }
}
