// Starts the host page (src/host/). Its listener is there before the page counts as loaded, so that the background's
// first call can't be lost.
import "./vendor/browser.js";
import init, { Host } from "./wasm/workbench.js";

const ready = init().then(() => new Host());

browser.runtime.onMessage.addListener((message, sender) => {
  if (message?.to !== "host") return undefined;
  return ready.then((host) => host.call(message, sender));
});
