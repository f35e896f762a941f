// Starts a storage worker (src/storage/). Commands that come before the WASM is there wait in a queue.
import init, { Storage } from "./wasm/workbench.js";

const waiting = [];
self.onmessage = (event) => waiting.push(event.data);

// Where it can't be started the host page hears of it.
init().then(() => {
  const storage = new Storage();
  self.onmessage = (event) => storage.command(event.data);
  for (const command of waiting.splice(0)) storage.command(command);
}).catch(reportError);
