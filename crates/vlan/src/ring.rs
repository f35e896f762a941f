//! Batches of frames in memory that two workers share: one puts them in, the other takes them out, and neither ever waits for the other.
//!
//! A ring is so many bytes, a power of two, and two counters: of the bytes that were written, and of those that were read. Both only grow, and
//! begin anew after 2³². Whoever writes moves the first one once a batch is there as a whole, whoever reads the second one once it is done with
//! one. A batch is its length, four bytes, little endian, and its bytes, and goes on at the beginning of the memory where that ends.
//!
//! What is read is not trusted: whatever the memory holds, a batch lies within what was written, or is refused.

use crate::error::RingError;
use std::ops::Range;

/// The bytes in front of each batch.
const PREFIX: usize = 4;

/// Which of the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Of the bytes that were read.
    Read,
    /// Of the bytes that were written.
    Written,
}

/// The memory of a ring. What was written before a counter was stored is there for whoever loads that counter's new value.
pub trait Shared {
    /// How many bytes there are: a power of two, of at most 2³¹.
    fn capacity(&self) -> usize;
    /// Where an end is.
    fn load(&self, end: End) -> u32;
    /// Moves an end, and wakes whoever waits for that.
    fn store(&self, end: End, value: u32);
    /// Reads bytes that all lie within the memory.
    fn read(&self, at: usize, into: &mut [u8]);
    /// Writes bytes that all lie within the memory.
    fn write(&self, at: usize, bytes: &[u8]);
}

/// Where a batch is: one range of the memory, and a second one at its beginning that is empty unless the batch goes on there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spans(pub [Range<usize>; 2]);

impl Spans {
    /// How long the batch is, in bytes.
    pub fn length(&self) -> usize {
        self.0.iter().map(ExactSizeIterator::len).sum()
    }
}

/// A ring in some memory. Either side has one of its own, and uses it in one way only.
#[derive(Debug)]
pub struct Ring<S>(S);

impl<S: Shared> Ring<S> {
    /// The ring in this memory, whose counters were both 0 when it was made.
    ///
    /// # Panics
    /// If the memory's size is not a power of two.
    pub fn new(shared: S) -> Self {
        assert!(shared.capacity().is_power_of_two() && shared.capacity() <= 1 << 31, "a power of two of bytes");
        Self(shared)
    }

    /// The memory.
    pub fn shared(&self) -> &S {
        &self.0
    }

    /// How many bytes lie in it.
    fn used(&self) -> usize {
        self.0.load(End::Written).wrapping_sub(self.0.load(End::Read)) as usize
    }

    /// How long a batch may be that is put in now, in bytes.
    pub fn room(&self) -> usize {
        self.0.capacity().saturating_sub(self.used() + PREFIX)
    }

    fn spans(&self, at: u32, length: usize) -> Spans {
        let (at, capacity) = (at as usize & (self.0.capacity() - 1), self.0.capacity());
        let first = length.min(capacity - at);
        Spans([at..at + first, 0..length - first])
    }

    fn copy_in(&self, at: u32, bytes: &[u8]) {
        let mut rest = bytes;
        for span in self.spans(at, bytes.len()).0 {
            let (part, after) = rest.split_at(span.len());
            self.0.write(span.start, part);
            rest = after;
        }
    }

    fn copy_out(&self, spans: &Spans, bytes: &mut [u8]) {
        let mut rest = bytes;
        for span in &spans.0 {
            let (part, after) = rest.split_at_mut(span.len());
            self.0.read(span.start, part);
            rest = after;
        }
    }

    /// Puts a batch in, as a whole or, where there is no room for it, not at all; says which. One without bytes is nothing to put in.
    pub fn put(&self, batch: &[u8]) -> bool {
        if batch.is_empty() {
            return true;
        }
        let Some(length) = u32::try_from(batch.len()).ok().filter(|_| batch.len() <= self.room()) else { return false };
        let at = self.0.load(End::Written);
        self.copy_in(at, &length.to_le_bytes());
        let at = at.wrapping_add(PREFIX as u32);
        self.copy_in(at, batch);
        self.0.store(End::Written, at.wrapping_add(length));
        true
    }

    /// Where the next batch is, which stays there until it is [`done`](Self::done).
    ///
    /// # Errors
    /// What lies there is no batch. It never will be one again.
    pub fn next(&self) -> Result<Option<Spans>, RingError> {
        let used = self.used();
        if used == 0 {
            return Ok(None);
        }
        if used < PREFIX || used > self.0.capacity() {
            return Err(RingError::Counters(used));
        }
        let at = self.0.load(End::Read);
        let mut length = [0; PREFIX];
        self.copy_out(&self.spans(at, PREFIX), &mut length);
        let length = u32::from_le_bytes(length) as usize;
        if length > used - PREFIX {
            return Err(RingError::Length { length, used: used - PREFIX });
        }
        Ok(Some(self.spans(at.wrapping_add(PREFIX as u32), length)))
    }

    /// The batch that [`next`](Self::next) told of is not needed any more.
    pub fn done(&self, batch: &Spans) {
        let passed = (PREFIX + batch.length()) as u32;
        self.0.store(End::Read, self.0.load(End::Read).wrapping_add(passed));
    }

    /// Takes the next batch out.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn take(&self) -> Result<Option<Vec<u8>>, RingError> {
        let Some(spans) = self.next()? else { return Ok(None) };
        let mut batch = vec![0; spans.length()];
        self.copy_out(&spans, &mut batch);
        self.done(&spans);
        Ok(Some(batch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
    use std::thread;

    /// Memory that threads share.
    #[derive(Clone, Debug)]
    struct Memory {
        ends: Arc<[AtomicU32; 2]>,
        bytes: Arc<[AtomicU8]>,
    }

    impl Memory {
        fn new(capacity: usize, [read, written]: [u32; 2]) -> Self {
            let ends = Arc::new([AtomicU32::new(read), AtomicU32::new(written)]);
            Self { ends, bytes: (0..capacity).map(|_| AtomicU8::new(0)).collect() }
        }
    }

    impl Shared for Memory {
        fn capacity(&self) -> usize {
            self.bytes.len()
        }

        fn load(&self, end: End) -> u32 {
            self.ends[end as usize].load(Ordering::Acquire)
        }

        fn store(&self, end: End, value: u32) {
            self.ends[end as usize].store(value, Ordering::Release);
        }

        fn read(&self, at: usize, into: &mut [u8]) {
            for (byte, cell) in into.iter_mut().zip(&self.bytes[at..]) {
                *byte = cell.load(Ordering::Relaxed);
            }
        }

        fn write(&self, at: usize, bytes: &[u8]) {
            for (byte, cell) in bytes.iter().zip(&self.bytes[at..]) {
                cell.store(*byte, Ordering::Relaxed);
            }
        }
    }

    proptest! {
        #[test]
        fn batches_come_out_whole_and_in_order(
            start in prop_oneof![Just(0), u32::MAX - 300..=u32::MAX, any::<u32>()],
            steps in prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 1..80)), 0..100),
        ) {
            let ring = Ring::new(Memory::new(128, [start, start]));
            let mut model = VecDeque::new();
            for step in steps {
                let used: usize = model.iter().map(|batch: &Vec<u8>| batch.len() + PREFIX).sum();
                prop_assert_eq!(ring.room(), 128usize.saturating_sub(used + PREFIX));
                match step {
                    Some(batch) => {
                        let fits = used + batch.len() + PREFIX <= 128;
                        prop_assert_eq!(ring.put(&batch), fits);
                        model.extend(fits.then_some(batch));
                    }
                    None => prop_assert_eq!(ring.take().unwrap(), model.pop_front()),
                }
            }
            while let Some(batch) = model.pop_front() {
                prop_assert_eq!(ring.take().unwrap(), Some(batch));
            }
            prop_assert_eq!(ring.take().unwrap(), None);
        }

        #[test]
        fn whatever_the_memory_holds_batches_lie_within_it(
            read in any::<u32>(), ahead in 0u32..100, bytes in prop::collection::vec(0u8..20, 64),
        ) {
            let memory = Memory::new(64, [read, read.wrapping_add(ahead)]);
            memory.write(0, &bytes);
            let ring = Ring::new(memory);
            let mut passed = 0;
            while let Ok(Some(batch)) = ring.take() {
                passed += batch.len() + PREFIX;
            }
            prop_assert!(passed <= ahead as usize && (ahead <= 64 || passed == 0));
        }
    }

    #[test]
    fn a_thread_reads_what_another_one_writes() {
        const COUNT: u32 = 20_000;
        let memory = Memory::new(1024, [u32::MAX - 5000; 2]);
        let batch = |number: u32| vec![number as u8; (number % 300 + 1) as usize];
        let writer = Ring::new(memory.clone());
        let writing = thread::spawn(move || {
            for number in 0..COUNT {
                while !writer.put(&batch(number)) {
                    thread::yield_now();
                }
            }
        });
        let reader = Ring::new(memory);
        for number in 0..COUNT {
            let taken = loop {
                match reader.take().unwrap() {
                    Some(taken) => break taken,
                    None => thread::yield_now(),
                }
            };
            assert_eq!(taken, batch(number));
        }
        writing.join().unwrap();
        assert_eq!(reader.take(), Ok(None));
    }

    #[test]
    fn each_mistake_has_its_error() {
        let ring = Ring::new(Memory::new(16, [0, 17]));
        assert_eq!(ring.next(), Err(RingError::Counters(17)));
        assert!(!ring.put(&[1]), "there is no room where more was written than there is");
        assert_eq!(Ring::new(Memory::new(16, [0, 3])).next(), Err(RingError::Counters(3)));
        let memory = Memory::new(16, [14, 24]);
        Ring::new(memory.clone()).copy_in(14, &7u32.to_le_bytes());
        assert_eq!(Ring::new(memory).next(), Err(RingError::Length { length: 7, used: 6 }));
    }

    #[test]
    fn a_batch_stays_where_it_is_until_it_is_done() {
        let ring = Ring::new(Memory::new(16, [8, 8]));
        assert!(ring.put(&[1; 6]));
        let batch = ring.next().unwrap().unwrap();
        assert_eq!(batch, Spans([12..16, 0..2]));
        assert_eq!((ring.room(), ring.next()), (2, Ok(Some(batch.clone()))));
        ring.done(&batch);
        assert_eq!((ring.room(), ring.next()), (12, Ok(None)));
    }
}
