#![no_main]
//! A ring whose memory holds any bytes and whose counters are anywhere: batches come out that lie within what was written, or an error.

use std::cell::{Cell, RefCell};
use vlan::ring::{End, Ring, Shared};

struct Memory {
    ends: [Cell<u32>; 2],
    bytes: RefCell<Vec<u8>>,
}

impl Shared for Memory {
    fn capacity(&self) -> usize {
        self.bytes.borrow().len()
    }

    fn load(&self, end: End) -> u32 {
        self.ends[end as usize].get()
    }

    fn store(&self, end: End, value: u32) {
        self.ends[end as usize].set(value);
    }

    fn read(&self, at: usize, into: &mut [u8]) {
        into.copy_from_slice(&self.bytes.borrow()[at..at + into.len()]);
    }

    fn write(&self, at: usize, bytes: &[u8]) {
        self.bytes.borrow_mut()[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

libfuzzer_sys::fuzz_target!(|input: ([u32; 2], u8, Vec<u8>, Vec<Option<Vec<u8>>>)| {
    let ([read, written], size, mut bytes, steps) = input;
    bytes.resize(1 << (size % 12), 0);
    let capacity = bytes.len();
    let ring = Ring::new(Memory { ends: [Cell::new(read), Cell::new(written)], bytes: RefCell::new(bytes) });
    for step in steps {
        let room = ring.room();
        match step {
            Some(batch) => assert_eq!(ring.put(&batch), batch.len() <= room),
            None => {
                if let Ok(Some(batch)) = ring.take() {
                    assert!(batch.len() <= capacity);
                }
            }
        }
    }
});
