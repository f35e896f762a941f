//! The catalog: the history and what is known of everything, in tables.
//!
//! A page's [`CatalogRequest`] goes to the background, which sends it on with what has not been saved yet, as a
//! [`CatalogOrder`], through the host page to the catalog's worker.

use crate::{Event, EventFilter, ImageFile, Instance, Problem, Settings, Template};
use serde::{Deserialize, Serialize};

/// Most rows of one answer.
pub const ROWS_MAX: u32 = 50_000;
/// Longest question, in bytes.
pub const SQL_MAX: usize = 20_000;

/// What a page asks of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CatalogRequest {
    /// Events, the newest first, with the columns [`crate::EVENT_COLUMNS`].
    Events(EventFilter),
    /// A question in SQL that only reads.
    Query {
        /// One statement.
        sql: String,
        /// At most so many rows.
        rows: u32,
    },
    /// Saves what waits to be saved; answered when it is.
    Save,
    /// Looks for machines that have disks and are missing in the list.
    Recover,
    /// Puts a [`Telling`] away.
    Dismiss(u32),
}

/// The answer to a [`CatalogRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CatalogReply {
    /// It is done.
    Done,
    /// Rows.
    Table(Table),
    /// So many machines were found and are in the list now.
    Recovered(u32),
}

/// A column of a [`Table`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, as DuckDB calls it.
    pub kind: String,
}

/// An answer in rows. Values are text, as DuckDB writes them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, each with a value for each column; `None` is NULL.
    pub rows: Vec<Vec<Option<String>>>,
    /// There are more rows than these.
    pub more: bool,
}

/// What the background knows and the catalog shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirror {
    /// All instances.
    pub instances: Vec<Instance>,
    /// All templates, each with the kernel's command line and its image.
    pub templates: Vec<(Template, String, ImageFile)>,
    /// What the user chose.
    pub settings: Settings,
}

impl Mirror {
    /// The kernel's command line of a machine.
    pub fn cmdline(&self, instance: &Instance) -> Option<String> {
        let (_, cmdline, _) = self.templates.iter().find(|(known, ..)| known.id == *instance.image())?;
        Some(format!("{cmdline} {}", instance.cmdline).trim_end().to_owned())
    }
}

/// What the catalog's worker is to do: save, and then answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogOrder {
    /// The catalog that was saved to last; another one, or none, means that it was lost.
    pub identity: Option<String>,
    /// For a catalog that has to be made.
    pub fresh: String,
    /// The time, in milliseconds since 1970.
    pub now: u64,
    /// Events that are not known to be saved.
    pub events: Vec<Event>,
    /// The present state of everything.
    pub mirror: Mirror,
    /// What is asked; `None` only to save, when there is time for it.
    pub ask: Option<CatalogRequest>,
}

/// What happened to the catalog before it could be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CatalogLoss {
    /// It was damaged; the file is kept under this name.
    Damaged(String),
    /// It was not there.
    Missing,
}

/// What came of a [`CatalogOrder`]. What was sent with it is saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogAnswer {
    /// The catalog that it is saved in.
    pub identity: String,
    /// What happened to the one before.
    pub loss: Option<CatalogLoss>,
    /// The answer to what was asked.
    pub answer: Result<Option<Table>, Problem>,
}

/// What the host page tells the catalog's worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogCommand {
    /// The answer carries it.
    pub call: u32,
    /// What to do.
    pub order: Box<CatalogOrder>,
    /// The file can't be used: it is to be moved aside first.
    pub aside: bool,
}

/// What the catalog's worker tells the host page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CatalogNotice {
    /// What was sent is saved, and what was asked is begun.
    Begun(u32),
    /// It is done.
    Done {
        /// The command's number.
        call: u32,
        /// What came of it.
        result: Result<CatalogAnswer, CatalogFailure>,
    },
}

/// Why the worker could not do it. It is of no use any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CatalogFailure {
    /// The file is damaged, in DuckDB's words.
    Damaged(String),
    /// Something else.
    Problem(Problem),
}

/// Something that the user has to know, shown until it is put away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telling {
    /// Its number.
    pub id: u32,
    /// What happened, as a sentence.
    pub message: String,
    /// What to do next, as a sentence.
    pub advice: String,
}
