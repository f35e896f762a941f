//! DuckDB in a process of Node.js.

use catalog::{Engine, EngineError, Row, Value};
use serde_json::{Value as Json, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A database in memory.
pub struct Duck {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// A new database; none, with a word, where Node.js or the package is not installed. In CI they have to be.
pub fn database() -> Option<Duck> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = folder.join("../../node_modules/@duckdb/duckdb-wasm");
    let mut command = Command::new("node");
    command.arg(folder.join("tests/duckdb.cjs")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let started = package.is_dir().then(|| command.spawn().ok()).flatten();
    let Some(mut process) = started else {
        assert!(std::env::var_os("CI").is_none(), "Node.js and DuckDB have to be installed in CI");
        eprintln!("skipped: Node.js or DuckDB is not installed");
        return None;
    };
    let (input, output) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
    Some(Duck { process, input, output })
}

impl Drop for Duck {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Duck {
    fn ask(&mut self, request: &Json) -> Result<Vec<Row>, EngineError> {
        writeln!(self.input, "{request}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let answer: Json = serde_json::from_str(&line).expect("DuckDB has ended");
        match answer["error"].as_str() {
            Some(error) => Err(EngineError::Refused(error.to_owned())),
            None => Ok(serde_json::from_value(answer["rows"].clone()).unwrap()),
        }
    }
}

impl Engine for Duck {
    fn run(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, EngineError> {
        let value = |value: &Value| match value {
            Value::Null => Json::Null,
            Value::Text(text) => json!(text),
            Value::Int(number) => json!(number),
        };
        self.ask(&json!({ "sql": sql, "values": values.iter().map(value).collect::<Vec<_>>() }))
    }

    fn check(&mut self, sql: &str) -> Result<(), EngineError> {
        self.ask(&json!({ "check": sql })).map(drop)
    }
}
