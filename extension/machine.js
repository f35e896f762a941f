// Starts a machine worker (src/machine/). Commands that come before the WASM is there wait in a queue.
import "./yield.js";
import { V86 } from "./vendor/v86.js";
import init, { Machine } from "./wasm/workbench.js";

self.V86 = V86;
const waiting = [];
self.onmessage = (event) => waiting.push(event.data);

// Where it can't be started the host page hears of it.
init().then(() => {
  const machine = new Machine();
  self.onmessage = (event) => machine.command(event.data);
  for (const command of waiting.splice(0)) machine.command(command);
}).catch(reportError);
