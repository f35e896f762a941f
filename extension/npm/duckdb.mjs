// What src/catalog/duckdb.rs binds. The package's own list of entries leaves its blocking interface for browsers out.
export {
  BROWSER_RUNTIME,
  DuckDBAccessMode,
  DuckDBDataProtocol,
  VoidLogger,
  createDuckDB,
} from "../../node_modules/@duckdb/duckdb-wasm/dist/duckdb-browser-blocking.mjs";
