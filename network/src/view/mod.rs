//! The page that shows a web site of a machine: an address field, and the site in a frame that is no part of the extension.
//!
//! - [`site`], [`jar`], [`css`] know addresses, cookies and style sheets without a browser.
//! - [`asking`] asks the lan worker, [`load`] follows redirects and keeps cookies, [`document`] makes a page ready for the frame.
//! - [`socket`] is a web socket of a page's script.
//! - [`session`] is one visit, [`frame`] the frame, [`viewer`] what the user sees around it.

mod asking;
mod css;
mod document;
mod frame;
mod jar;
mod load;
mod session;
mod site;
mod socket;
mod viewer;

pub(crate) use viewer::Viewer;

/// The name of the page's file.
pub(crate) const FILE: &str = "view.html";
