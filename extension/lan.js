// Starts the LAN's worker (src/lan/). Commands that come before the WASM is there wait in a queue.
import init, { LanWorker } from "./wasm/workbench.js";

const waiting = [];
self.onmessage = (event) => waiting.push(event.data);

// TLS is large, and few machines need it.
const loadTls = async () => {
  const tls = await import("./tls/tls.js");
  await tls.default();
  return tls;
};

// Where it can't be started the host page hears of it.
init().then(() => {
  const lan = new LanWorker(loadTls);
  self.onmessage = (event) => lan.command(event.data);
  for (const message of waiting.splice(0)) lan.command(message);
}).catch(reportError);
