// Starts the catalog's worker (src/catalog/). Commands that come before the WASM is there wait in a queue.
import * as duckdb from "./vendor/duckdb.js";
import init, { CatalogWorker } from "./wasm/workbench.js";

self.duckdb = duckdb;
const waiting = [];
self.onmessage = (event) => waiting.push(event.data);

// Where it can't be started the host page hears of it.
init().then(() => {
  const catalog = new CatalogWorker();
  self.onmessage = (event) => catalog.command(event.data);
  for (const command of waiting.splice(0)) catalog.command(command);
}).catch(reportError);
