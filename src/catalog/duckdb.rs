//! DuckDB, as its npm package has it: the blocking interface, whose calls return when they are done.
//!
//! `extension/catalog.js` puts the package's exports into the worker's global `duckdb`. What is assumed of version 1.32.0:
//! a path `opfs://NAME` is opened after `prepareDBFileHandle`, with `useDirectIO`, as its own worker does it; and what is not
//! checkpointed may be lost.

use crate::bridge::{name_of, problem, text_of, to_js};
use catalog::{Engine, EngineError, Row, Value};
use js_sys::{Array, Reflect};
use protocol::{Problem, ProblemCode};
use serde_json::json;
use wasm_bindgen::prelude::*;

/// DuckDB's WebAssembly, for browsers with exceptions in WebAssembly, as all that we support have them.
const MODULE: &str = "/vendor/duckdb-eh.wasm";
/// Words with which DuckDB says that it can't go on.
const FATAL: [&str; 3] = ["FATAL Error", "INTERNAL Error", "database has been invalidated"];

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = duckdb, js_name = createDuckDB, catch)]
    async fn create(bundles: &JsValue, logger: &JsValue, runtime: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(thread_local_v2, js_namespace = duckdb, js_name = BROWSER_RUNTIME)]
    static RUNTIME: JsValue;

    #[wasm_bindgen(js_namespace = duckdb, js_name = VoidLogger)]
    type VoidLogger;

    #[wasm_bindgen(constructor, js_namespace = duckdb, js_class = "VoidLogger")]
    fn new() -> VoidLogger;

    type Bindings;

    #[wasm_bindgen(method, catch)]
    async fn instantiate(this: &Bindings) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, js_name = prepareDBFileHandle)]
    async fn prepare_file(this: &Bindings, path: &str, protocol: u32) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, js_name = registerFileHandle)]
    fn register(this: &Bindings, path: &str, handle: &JsValue, protocol: u32, direct: bool) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    fn open(this: &Bindings, config: &JsValue) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    fn connect(this: &Bindings) -> Result<Connection, JsValue>;

    #[derive(Debug)]
    type Connection;

    #[wasm_bindgen(method, catch)]
    fn prepare(this: &Connection, sql: &str) -> Result<Statement, JsValue>;

    type Statement;

    #[wasm_bindgen(method, catch, variadic)]
    fn query(this: &Statement, values: &Array) -> Result<Table, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn close(this: &Statement) -> Result<(), JsValue>;

    /// Arrow's table.
    type Table;

    #[wasm_bindgen(method, getter, js_name = numRows)]
    fn rows(this: &Table) -> u32;

    #[wasm_bindgen(method, getter, js_name = numCols)]
    fn columns(this: &Table) -> u32;

    #[wasm_bindgen(method, js_name = getChildAt)]
    fn column(this: &Table, index: u32) -> Column;

    type Column;

    #[wasm_bindgen(method, catch)]
    fn get(this: &Column, index: u32) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_name = String)]
    fn as_text(value: &JsValue) -> String;
}

/// `DuckDBDataProtocol.BROWSER_FSACCESS`, `DuckDBAccessMode.READ_WRITE`.
fn number(of: &str, name: &str) -> Option<u32> {
    let duckdb = Reflect::get(&js_sys::global(), &"duckdb".into()).ok()?;
    let number = Reflect::get(&Reflect::get(&duckdb, &of.into()).ok()?, &name.into()).ok()?;
    number.as_f64().map(|number| number as u32)
}

/// A loaded DuckDB without a database.
pub struct Loaded(Bindings);

impl Loaded {
    /// Loads and starts it: a second or two.
    pub async fn load() -> Result<Self, Problem> {
        let failed = |error: JsValue| problem(ProblemCode::Internal, "The catalog’s database did not start", &error);
        let module = crate::package::url(MODULE);
        let bundle = json!({ "mainModule": module, "mainWorker": "" });
        let bundles = to_js(&json!({ "mvp": bundle, "eh": bundle }))?;
        let runtime = RUNTIME.with(JsValue::clone);
        let bindings: Bindings = create(&bundles, &VoidLogger::new(), &runtime).await.map_err(failed)?.unchecked_into();
        bindings.instantiate().await.map_err(failed)?;
        Ok(Self(bindings))
    }

    /// Opens the file, or makes it. In DuckDB's words why not.
    pub async fn open(self, name: &str) -> Result<Duck, EngineError> {
        let Self(bindings) = self;
        let path = format!("opfs://{name}");
        let broken = || EngineError::Broken("the database’s package is another one than expected".to_owned());
        let protocol = number("DuckDBDataProtocol", "BROWSER_FSACCESS").ok_or_else(broken)?;
        let access = number("DuckDBAccessMode", "READ_WRITE").ok_or_else(broken)?;
        bindings.prepare_file(&path, protocol).await.map_err(|error| engine_error(&error))?;
        register_log(&bindings, &path, protocol).map_err(|error| engine_error(&error))?;
        let config = json!({ "path": path, "accessMode": access, "useDirectIO": true, "maximumThreads": 1 });
        let config = to_js(&config).map_err(|problem| EngineError::Broken(problem.message))?;
        bindings.open(&config).map_err(|error| engine_error(&error))?;
        let connection = bindings.connect().map_err(|error| engine_error(&error))?;
        Ok(Duck { connection })
    }
}

/// Makes the log of a file that is not empty known to DuckDB.
///
/// The package leaves an empty log out, and DuckDB, which looks into the log of a file that is there, then opens it to read
/// only: nothing could be written (its issues 1990 and 2182). A new file has no log to look into, and needs nothing.
fn register_log(bindings: &Bindings, path: &str, protocol: u32) -> Result<(), JsValue> {
    let prepared = RUNTIME.with(|runtime| Reflect::get(runtime, &"_preparedHandles".into()))?;
    let log = format!("{path}.wal");
    let handle = Reflect::get(&prepared, &log.as_str().into())?;
    let is_new = !Reflect::get(&prepared, &path.into())?.is_undefined();
    if is_new || handle.is_undefined() {
        return Ok(());
    }
    bindings.register(&log, &handle, protocol, true)
}

/// DuckDB with an open file. It is given free with the worker.
#[derive(Debug)]
pub struct Duck {
    connection: Connection,
}

/// What a thrown value means: DuckDB's own errors are plain ones, everything else is a failure of the program.
fn engine_error(error: &JsValue) -> EngineError {
    let text = text_of(error);
    if name_of(error) != "Error" || FATAL.iter().any(|word| text.contains(word)) {
        return EngineError::Broken(text);
    }
    EngineError::Refused(text)
}

fn values_of(values: &[Value]) -> Array {
    let value = |value: &Value| match value {
        Value::Null => JsValue::NULL,
        Value::Text(text) => JsValue::from_str(text),
        Value::Int(number) => JsValue::from_f64(*number as f64),
    };
    values.iter().map(value).collect()
}

fn rows_of(table: &Table) -> Result<Vec<Row>, EngineError> {
    let columns: Vec<Column> = (0..table.columns()).map(|index| table.column(index)).collect();
    let value = |column: &Column, row| {
        let value = column.get(row).map_err(|error| engine_error(&error))?;
        Ok((!value.is_null() && !value.is_undefined()).then(|| as_text(&value)))
    };
    (0..table.rows()).map(|row| columns.iter().map(|column| value(column, row)).collect()).collect()
}

impl Duck {
    fn with<T>(&self, sql: &str, work: impl FnOnce(&Statement) -> Result<T, JsValue>) -> Result<T, EngineError> {
        let statement = self.connection.prepare(sql).map_err(|error| engine_error(&error))?;
        let done = work(&statement);
        // Only a statement that does not exist can't be closed.
        drop(statement.close());
        done.map_err(|error| engine_error(&error))
    }
}

impl Engine for Duck {
    fn run(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, EngineError> {
        let table = self.with(sql, |statement| statement.query(&values_of(values)))?;
        rows_of(&table)
    }

    fn check(&mut self, sql: &str) -> Result<(), EngineError> {
        self.with(sql, |_| Ok(()))
    }

    fn run_each(&mut self, sql: &str, lists: &[Vec<Value>]) -> Result<(), EngineError> {
        if lists.is_empty() {
            return Ok(());
        }
        self.with(sql, |statement| lists.iter().try_for_each(|values| statement.query(&values_of(values)).map(drop)))
    }
}
