//! A catalog that is open.

use crate::schema::{ABOUT, MIGRATIONS, TABLES, VERSION, migrate, set_about, transaction};
use crate::{Engine, EngineError};

/// What the engine is told first. Afterwards no statement reaches a file or another machine, and none of this can be changed.
const SETTINGS: [&str; 7] = [
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    // A question that asks for too much fails, and the browser's memory is left alone.
    "SET memory_limit = '256MB'",
    "SET max_temp_directory_size = '0B'",
    "SET preserve_insertion_order = true",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
];

/// Why a catalog can't be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// What is in the file can't be read.
    #[error("the catalog is damaged: {0}")]
    Damaged(String),
    /// It could not be prepared or brought to the newest version; nothing is known to be wrong with the file.
    #[error("{0}")]
    Failed(String),
    /// It was written by a version that is newer than this one.
    #[error("the catalog was written by a newer version of the extension")]
    Newer,
}

impl From<EngineError> for OpenError {
    fn from(error: EngineError) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// An open catalog of the newest version, every table of which can be read.
#[derive(Debug)]
pub struct Catalog<E> {
    pub(crate) engine: E,
    identity: String,
    is_new: bool,
}

impl<E: Engine> Catalog<E> {
    /// Takes an engine that has opened its file. An empty one becomes a catalog of the identity `fresh`.
    ///
    /// # Errors
    /// If a table can't be read, or is of a newer version.
    pub fn open(mut engine: E, fresh: &str) -> Result<Self, OpenError> {
        for setting in SETTINGS {
            engine.run(setting, &[]).map_err(|error| OpenError::Failed(error.to_string()))?;
        }
        Self::open_ready(engine, fresh)
    }

    /// As [`Catalog::open`], with an engine that has its settings.
    ///
    /// # Errors
    /// As [`Catalog::open`].
    pub fn open_ready(mut engine: E, fresh: &str) -> Result<Self, OpenError> {
        let failed = |error: EngineError| OpenError::Failed(error.to_string());
        let tables = engine.run("SELECT count(*)::VARCHAR FROM duckdb_tables()", &[])?;
        let is_new = first(tables).as_deref() == Some("0");
        if is_new {
            transaction(&mut engine, |engine| {
                engine.run(ABOUT, &[])?;
                set_about(engine, "identity", fresh)
            })
            .map_err(failed)?;
        }
        let version = about(&mut engine, "version")?.map_or(Ok(0), |text| text.parse::<usize>());
        let version = version.map_err(|_| OpenError::Damaged("its version is no number".to_owned()))?;
        if version > VERSION {
            return Err(OpenError::Newer);
        }
        migrate(&mut engine, version, MIGRATIONS).map_err(failed)?;
        let identity = about(&mut engine, "identity")?;
        let identity = identity.ok_or_else(|| OpenError::Damaged("it has no identity".to_owned()))?;
        let mut catalog = Self { engine, identity, is_new };
        catalog.read_all()?;
        Ok(catalog)
    }

    /// Reads every value once: each block has a checksum, which is looked at only when the block is read.
    fn read_all(&mut self) -> Result<(), EngineError> {
        for table in TABLES {
            self.engine.run(&format!("SELECT bit_xor(hash(whole))::VARCHAR FROM {table} AS whole"), &[])?;
        }
        Ok(())
    }

    /// Says which catalog it is.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Whether it was made just now.
    pub fn is_new(&self) -> bool {
        self.is_new
    }
}

pub(crate) fn first(rows: Vec<crate::Row>) -> Option<String> {
    rows.into_iter().next()?.into_iter().next()?
}

/// One of the catalog's own words.
pub(crate) fn about(engine: &mut impl Engine, key: &str) -> Result<Option<String>, EngineError> {
    engine.run("SELECT value FROM about WHERE key = ?", &[key.into()]).map(first)
}
