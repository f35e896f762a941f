// DuckDB for the tests beside this file: a line of JSON in, {sql, values} or {check}, a line of JSON out, {rows} or {error}.
const readline = require("node:readline");
const dist = `${__dirname}/../../../node_modules/@duckdb/duckdb-wasm/dist/`;
const duckdb = require(`${dist}duckdb-node-blocking.cjs`);

async function start() {
  const bundle = { mainModule: `${dist}duckdb-eh.wasm`, mainWorker: "" };
  const database = await duckdb.createDuckDB(
    { mvp: bundle, eh: bundle }, new duckdb.VoidLogger(), duckdb.NODE_RUNTIME);
  await database.instantiate();
  database.open({ path: ":memory:", accessMode: duckdb.DuckDBAccessMode.READ_WRITE, maximumThreads: 1 });
  return database.connect();
}

function rowsOf(table) {
  const columns = Array.from({ length: table.numCols }, (_, at) => table.getChildAt(at));
  const value = (column, row) => (column.get(row) === null ? null : String(column.get(row)));
  return Array.from({ length: table.numRows }, (_, row) => columns.map((column) => value(column, row)));
}

function answer(connection, { sql, values, check }) {
  try {
    const statement = connection.prepare(check ?? sql);
    try {
      return { rows: check ? [] : rowsOf(statement.query(...values)) };
    } finally {
      statement.close();
    }
  } catch (error) {
    return { error: error.message };
  }
}

start().then((connection) => {
  readline.createInterface({ input: process.stdin }).on("line", (line) => {
    process.stdout.write(`${JSON.stringify(answer(connection, JSON.parse(line)))}\n`);
  });
});
