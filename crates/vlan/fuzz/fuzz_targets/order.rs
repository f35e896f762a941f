#![no_main]
//! Numbered batches of a peer, in any order and at any time: what goes on are batches, and as many bytes at most as came.

use std::time::Duration;
use vlan::batch;
use vlan::frame::LONGEST;
use vlan::order::{NUMBER, Order};

libfuzzer_sys::fuzz_target!(|steps: Vec<(u8, Vec<u8>)>| {
    let (mut order, mut now) = (Order::default(), Duration::ZERO);
    let (mut came, mut went) = (0, 0);
    let mut check = |batches: Vec<Vec<u8>>, came: usize| {
        for batch in batches {
            assert!(batch::frames(&batch, LONGEST).is_ok());
            went += batch.len();
        }
        assert!(went <= came);
    };
    for (wait, message) in steps {
        now += Duration::from_millis(wait.into());
        check(order.overdue(now), came);
        if let Ok(batches) = order.input(&message, now) {
            came += message.len() - NUMBER;
            check(batches, came);
        }
    }
});
