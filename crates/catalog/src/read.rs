//! What is asked.

use crate::guard::{Question, check};
use crate::{Catalog, Engine, EngineError, Row, Value};
use protocol::{CatalogRequest, Column, EVENT_COLUMNS, EventFilter, InstanceId, Problem, ProblemCode, ROWS_MAX, Table};

/// Most bytes of one answer, so that it fits one message with ease.
const BYTES_MAX: usize = 8 << 20;
/// Most characters of one value.
const VALUE_MAX: u32 = 10_000;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// The question is wrong; what to say of it.
    Problem(Problem),
    /// The engine has failed and can't be used any more.
    Broken(String),
}

impl From<EngineError> for ReadError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Refused(text) => Self::Problem(refused(text)),
            EngineError::Broken(text) => Self::Broken(text),
        }
    }
}

fn refused(message: String) -> Problem {
    let advice = "Change the question and run it again.".to_owned();
    Problem { code: ProblemCode::Refused, message, advice }
}

impl<E: Engine> Catalog<E> {
    /// Answers; `None` to what asks for no rows.
    ///
    /// # Errors
    /// If the question is refused, here or by the database.
    pub fn answer(&mut self, request: &CatalogRequest) -> Result<Option<Table>, ReadError> {
        match request {
            CatalogRequest::Events(filter) => Ok(Some(self.events(filter)?)),
            CatalogRequest::Query { sql, rows } => {
                let question = check(sql).map_err(|refusal| ReadError::Problem(refused(refusal.to_string())))?;
                Ok(Some(self.question(&question, (*rows).clamp(1, ROWS_MAX))?))
            }
            CatalogRequest::Save | CatalogRequest::Recover | CatalogRequest::Dismiss(_) => Ok(None),
        }
    }

    fn events(&mut self, filter: &EventFilter) -> Result<Table, EngineError> {
        let limit = filter.limit.clamp(1, ROWS_MAX);
        let mut sql = "SELECT id::VARCHAR, epoch_ms(time)::VARCHAR, kind, machine, name, boot::VARCHAR, \
                       duration_ms::VARCHAR, bytes::VARCHAR, details FROM events WHERE true"
            .to_owned();
        let mut values: Vec<Value> = vec![];
        if let Some(machine) = &filter.machine {
            sql += " AND machine = ?";
            values.push(InstanceId::as_str(machine).into());
        }
        if !filter.kinds.is_empty() {
            let marks = vec!["?"; filter.kinds.len()].join(", ");
            sql += &format!(" AND kind IN ({marks})");
            values.extend(filter.kinds.iter().map(|kind| Value::from(kind.word())));
        }
        if let Some(since) = filter.since {
            sql += " AND time >= epoch_ms(?::BIGINT)";
            values.push(since.into());
        }
        sql += " ORDER BY time DESC, id DESC LIMIT ?::BIGINT";
        values.push((limit + 1).into());
        let rows = self.engine.run(&sql, &values)?;
        let column = |name: &&str| Column { name: (*name).to_owned(), kind: "VARCHAR".to_owned() };
        Ok(bounded(EVENT_COLUMNS.iter().map(column).collect(), rows, limit))
    }

    /// Asks where nothing can be written, and leaves nothing behind.
    fn question(&mut self, question: &Question, limit: u32) -> Result<Table, EngineError> {
        self.engine.run("BEGIN TRANSACTION READ ONLY", &[])?;
        let answered = self.question_within(question, limit);
        match (answered, self.engine.run("ROLLBACK", &[])) {
            (Err(error), _) | (_, Err(error)) => Err(error),
            (Ok(table), Ok(_)) => Ok(table),
        }
    }

    fn question_within(&mut self, question: &Question, limit: u32) -> Result<Table, EngineError> {
        // On lines of their own: the question may end with a comment.
        let Question { sql, explains } = question;
        self.engine.check(sql)?;
        if *explains {
            let column = |name: &str| Column { name: name.to_owned(), kind: "VARCHAR".to_owned() };
            let rows = self.engine.run(sql, &[])?;
            return Ok(bounded(vec![column("explain_key"), column("explain_value")], rows, limit));
        }
        let described = self
            .engine
            .run(&format!("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM (\n{sql}\n))"), &[])?;
        let columns = described.into_iter().map(column).collect();
        let text = format!("SELECT left(COLUMNS(*)::VARCHAR, {VALUE_MAX}) FROM (\n{sql}\n) LIMIT {}", limit + 1);
        Ok(bounded(columns, self.engine.run(&text, &[])?, limit))
    }
}

fn column(row: Row) -> Column {
    let mut words = row.into_iter().map(Option::unwrap_or_default);
    Column { name: words.next().unwrap_or_default(), kind: words.next().unwrap_or_default() }
}

/// At most so many rows, and no more bytes than fit.
fn bounded(columns: Vec<Column>, rows: Vec<Row>, limit: u32) -> Table {
    let all = rows.len();
    let mut bytes = 0;
    let fits = |row: &Row| {
        bytes += row.iter().map(|value| 8 + value.as_ref().map_or(0, String::len)).sum::<usize>();
        bytes <= BYTES_MAX
    };
    let rows: Vec<Row> = rows.into_iter().take(limit as usize).take_while(fits).collect();
    Table { columns, more: rows.len() < all, rows }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_bounded_by_rows_and_by_bytes() {
        let rows = |count: usize, size: usize| vec![vec![Some("x".repeat(size))]; count];
        let table = bounded(vec![], rows(3, 1), 2);
        assert_eq!((table.rows.len(), table.more), (2, true));
        assert!(!bounded(vec![], rows(2, 1), 2).more);
        let table = bounded(vec![], rows(9, BYTES_MAX / 4), 100);
        assert_eq!((table.rows.len(), table.more), (3, true));
    }
}
