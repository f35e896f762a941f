//! Which questions are let through to the database.
//!
//! This is the first of three: it says kindly what is not allowed. What it overlooks meets a transaction that can't write
//! (`read.rs`), and an engine that reaches no file and whose settings are locked (`open.rs`).

/// Words with which a question begins.
const BEGINNINGS: [&str; 9] = ["SELECT", "WITH", "FROM", "VALUES", "DESCRIBE", "DESC", "SHOW", "EXPLAIN", "SUMMARIZE"];

/// Words that no question needs outside of quotes.
const REFUSED: [&str; 31] = [
    "ALTER",
    "ANALYZE",
    "ATTACH",
    "BEGIN",
    "CALL",
    "CHECKPOINT",
    "COMMIT",
    "COPY",
    "CREATE",
    "DEALLOCATE",
    "DELETE",
    "DETACH",
    "DROP",
    "EXECUTE",
    "EXPORT",
    "IMPORT",
    "INSERT",
    "INSTALL",
    "INTO",
    "LOAD",
    "MERGE",
    "PRAGMA",
    "PREPARE",
    "RESET",
    "ROLLBACK",
    "SET",
    "TRANSACTION",
    "TRUNCATE",
    "UPDATE",
    "USE",
    "VACUUM",
];

/// Beginnings of functions' names that read files or the system.
const REFUSED_FUNCTIONS: [&str; 8] =
    ["READ_", "SNIFF_", "PARQUET_", "GLOB", "GETENV", "NEXTVAL", "WRITE_", "DUCKDB_SECRETS"];

/// A question that may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// One statement, without a semicolon.
    pub sql: String,
    /// Whether it explains a plan, which can't be part of another statement.
    pub explains: bool,
}

/// Why a text is no question.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing but blanks and comments.
    #[error("There is nothing to run.")]
    Empty,
    /// Longer than [`protocol::SQL_MAX`].
    #[error("A question has {} characters at most.", protocol::SQL_MAX)]
    Long,
    /// More than one statement.
    #[error("Run one statement at a time.")]
    Several,
    /// A quote or comment does not end.
    #[error("A quote or comment does not end.")]
    Unfinished,
    /// It begins with another word.
    #[error(
        "Only questions can be asked here: SELECT, WITH, FROM, VALUES, DESCRIBE, SHOW, SUMMARIZE, EXPLAIN; not {0}."
    )]
    NoQuestion(String),
    /// It has a word that changes something.
    #[error("The history is read only here, so {0} is not allowed.")]
    Changes(String),
    /// It reads something else than the catalog.
    #[error("Only the catalog’s own tables can be asked, so {0} is not allowed.")]
    Outside(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    /// Text in single quotes or dollars.
    Text,
    Semicolon,
    Other(char),
}

/// Reads a text as what DuckDB would take for words, quotes and signs.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    /// Passes what ends with this.
    fn until(&mut self, end: &str) -> Result<(), Refusal> {
        let at = self.rest.find(end).ok_or(Refusal::Unfinished)?;
        self.rest = &self.rest[at + end.len()..];
        Ok(())
    }

    /// `$tag$` at the beginning of what is left, if it is one.
    fn dollar_tag(&self) -> Option<String> {
        let end = self.rest[1..].find('$')? + 2;
        let tag = &self.rest[..end];
        let name = &tag[1..end - 1];
        let valid = name.chars().all(|char| char.is_alphanumeric() || char == '_');
        (valid && !name.starts_with(|char: char| char.is_ascii_digit())).then(|| tag.to_owned())
    }

    fn block_comment(&mut self) -> Result<(), Refusal> {
        self.rest = &self.rest[2..];
        let mut depth = 1;
        while depth > 0 {
            let (open, close) = (self.rest.find("/*"), self.rest.find("*/").ok_or(Refusal::Unfinished)?);
            match open.filter(|open| *open < close) {
                Some(open) => (depth, self.rest) = (depth + 1, &self.rest[open + 2..]),
                None => (depth, self.rest) = (depth - 1, &self.rest[close + 2..]),
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Token>, Refusal> {
        loop {
            let Some(char) = self.rest.chars().next() else { return Ok(None) };
            if char.is_whitespace() {
                self.rest = &self.rest[char.len_utf8()..];
            } else if self.rest.starts_with("--") {
                let end = self.rest.find(['\n', '\r']).unwrap_or(self.rest.len());
                self.rest = &self.rest[end..];
            } else if self.rest.starts_with("/*") {
                self.block_comment()?;
            } else {
                return self.token(char).map(Some);
            }
        }
    }

    fn token(&mut self, char: char) -> Result<Token, Refusal> {
        if char.is_alphabetic() || char == '_' {
            let word = |char: char| !(char.is_alphanumeric() || char == '_' || char == '$');
            let end = self.rest.find(word).unwrap_or(self.rest.len());
            let (word, rest) = self.rest.split_at(end);
            self.rest = rest;
            // E'…', where a backslash keeps a quote from ending it.
            if word.eq_ignore_ascii_case("e") && rest.starts_with('\'') {
                return self.escaped();
            }
            return Ok(Token::Word(word.to_uppercase()));
        }
        if char == '$'
            && let Some(tag) = self.dollar_tag()
        {
            self.rest = &self.rest[tag.len()..];
            self.until(&tag)?;
            return Ok(Token::Text);
        }
        self.rest = &self.rest[char.len_utf8()..];
        match char {
            // A doubled quote begins the next piece at once, which is the same here.
            '\'' => self.until("'").map(|()| Token::Text),
            '"' => self.until("\"").map(|()| Token::Other('"')),
            ';' => Ok(Token::Semicolon),
            other => Ok(Token::Other(other)),
        }
    }

    fn escaped(&mut self) -> Result<Token, Refusal> {
        let mut chars = self.rest[1..].char_indices();
        while let Some((at, char)) = chars.next() {
            match char {
                '\\' => drop(chars.next()),
                '\'' => {
                    self.rest = &self.rest[at + 2..];
                    return Ok(Token::Text);
                }
                _ => {}
            }
        }
        Err(Refusal::Unfinished)
    }
}

/// Lets a question through, or says why not.
///
/// # Errors
/// If it is no single statement that only reads the catalog.
pub fn check(text: &str) -> Result<Question, Refusal> {
    if text.len() > protocol::SQL_MAX {
        return Err(Refusal::Long);
    }
    let mut reader = Reader { rest: text };
    let mut tokens = vec![];
    let mut end = text.len();
    while let Some(token) = reader.next()? {
        if token == Token::Semicolon {
            end = text.len() - reader.rest.len() - 1;
            if reader.next()?.is_some_and(|token| token != Token::Semicolon) {
                return Err(Refusal::Several);
            }
            break;
        }
        tokens.push(token);
    }
    // A bracket may come first.
    let begins = tokens.iter().find(|token| **token != Token::Other('('));
    let first = match begins {
        None => return Err(Refusal::Empty),
        Some(Token::Word(word)) => word.clone(),
        Some(_) => String::new(),
    };
    if REFUSED.contains(&first.as_str()) && first != "ANALYZE" {
        return Err(Refusal::Changes(first));
    }
    if !BEGINNINGS.contains(&first.as_str()) {
        return Err(Refusal::NoQuestion(if first.is_empty() { "this".to_owned() } else { first }));
    }
    let explains = first == "EXPLAIN";
    check_tokens(&tokens, explains)?;
    Ok(Question { sql: text[..end].trim().to_owned(), explains })
}

fn check_tokens(tokens: &[Token], explains: bool) -> Result<(), Refusal> {
    for (at, token) in tokens.iter().enumerate() {
        let Token::Word(word) = token else { continue };
        let after_dot = at > 0 && tokens[at - 1] == Token::Other('.');
        let analyzes = word == "ANALYZE" && explains;
        if REFUSED.contains(&word.as_str()) && !after_dot && !analyzes {
            return Err(Refusal::Changes(word.clone()));
        }
        let called = tokens.get(at + 1) == Some(&Token::Other('('));
        if called && REFUSED_FUNCTIONS.iter().any(|begin| word.starts_with(begin)) {
            return Err(Refusal::Outside(format!("{}()", word.to_lowercase())));
        }
        if matches!(word.as_str(), "FROM" | "JOIN") && tokens.get(at + 1) == Some(&Token::Text) {
            return Err(Refusal::Outside("a file".to_owned()));
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
