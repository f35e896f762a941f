//! What the background is told without having asked.

use crate::bridge::{log, text_of, to_js};
use crate::webext::send_message;
use protocol::{Envelope, Notice};

/// How often a notice that the background did not take is sent again.
const TRIES: u32 = 5;

/// Tells the background; returns whether it has taken it. It may be just starting, so it is told more than once.
pub async fn tell(notice: Notice) -> bool {
    let message = match to_js(&Envelope::Background(notice)) {
        Ok(message) => message,
        Err(problem) => {
            log(&problem.message);
            return false;
        }
    };
    for _ in 0..TRIES {
        match send_message(&message).await {
            Ok(answer) if answer.is_truthy() => return true,
            Ok(_) => log("the background did not take a notice"),
            Err(error) => log(&format!("a notice did not reach the background: {}", text_of(&error))),
        }
    }
    false
}
