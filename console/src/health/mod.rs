//! The side panel that says how the machine is doing: figures and small charts, what is done for it without being asked, and what was said by it
//! and about it.
//!
//! Nothing is measured but while the panel is open and the page is seen: the machine's worker answers when it is asked.

mod care;
mod chart;
mod figures;
mod log;
mod panel;

pub(crate) use panel::HealthPanel;
