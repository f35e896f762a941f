//! What the catalog needs of a database.

/// A row: each value as text, `None` is NULL.
pub type Row = Vec<Option<String>>;

/// A value for a `?` of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// NULL.
    Null,
    /// Text.
    Text(String),
    /// A whole number, whose absolute value is below 2^53: it passes through JSON.
    Int(i64),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u64> for Value {
    /// What is too large becomes the largest that passes.
    fn from(number: u64) -> Self {
        const MAX: i64 = (1 << 53) - 1;
        Self::Int(i64::try_from(number).map_or(MAX, |number| number.min(MAX)))
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Int(number.into())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Why a statement could not be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The database says no, in its words; it can be used further.
    #[error("{0}")]
    Refused(String),
    /// The database itself has failed and can't be used any more.
    #[error("{0}")]
    Broken(String),
}

/// A database.
pub trait Engine {
    /// Runs one statement with values for its `?`.
    ///
    /// # Errors
    /// If the database refuses it, or fails.
    fn run(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, EngineError>;

    /// Looks whether it is one statement that could be run, and says why not in words about this text.
    ///
    /// # Errors
    /// As [`Engine::run`].
    fn check(&mut self, sql: &str) -> Result<(), EngineError>;

    /// Runs one statement once for each list of values.
    ///
    /// # Errors
    /// As [`Engine::run`].
    fn run_each(&mut self, sql: &str, lists: &[Vec<Value>]) -> Result<(), EngineError> {
        lists.iter().try_for_each(|values| self.run(sql, values).map(drop))
    }
}

impl<E: Engine> Engine for &mut E {
    fn run(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, EngineError> {
        (**self).run(sql, values)
    }

    fn check(&mut self, sql: &str) -> Result<(), EngineError> {
        (**self).check(sql)
    }

    fn run_each(&mut self, sql: &str, lists: &[Vec<Value>]) -> Result<(), EngineError> {
        (**self).run_each(sql, lists)
    }
}
