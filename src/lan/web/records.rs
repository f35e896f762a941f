//! What each machine asked for.

use protocol::{InstanceId, WebRequest};
use std::cell::RefCell;
use std::collections::VecDeque;

/// How many requests are remembered.
const RECORDS_MAX: usize = 1000;
/// As much is kept of an address, in characters.
const URL_MAX: usize = 500;

/// The newest requests of all machines.
#[derive(Debug, Default)]
pub struct Records(RefCell<VecDeque<WebRequest>>);

impl super::Web {
    /// A machine wanted to look up a name that it may not reach.
    pub fn name_refused(&self, at: vlan::switch::PortId, name: &str) {
        if let Err(why) = self.check(at, &format!("http://{name}/"))
            && let Some(permit) = self.permits.borrow().get(&at)
        {
            self.records.push(&permit.id, "DNS", name, Err(&why));
        }
    }
}

impl Records {
    /// Adds one.
    pub fn push(&self, machine: &InstanceId, method: &str, url: &str, outcome: Result<u16, &str>) {
        let mut records = self.0.borrow_mut();
        if records.len() == RECORDS_MAX {
            records.pop_front();
        }
        records.push_back(WebRequest {
            at: js_sys::Date::now() as u64,
            machine: machine.clone(),
            method: method.chars().take(20).collect(),
            url: url.chars().take(URL_MAX).collect(),
            status: outcome.ok(),
            refused: outcome.err().map(str::to_owned),
        });
    }

    /// The newest ones, the newest first.
    pub fn newest(&self, count: usize) -> Vec<WebRequest> {
        self.0.borrow().iter().rev().take(count).cloned().collect()
    }
}
