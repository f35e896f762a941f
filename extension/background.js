// The synchronous part of the background: listeners must be there in the first turn after the browser wakes it, and the
// WASM comes later. What arrives meanwhile waits in a queue; src/background/ decides everything.
import "./vendor/browser.js";
import init, { Background } from "./wasm/workbench.js";

let background = null;
const waiting = [];
let lastPort = 0;

function hand(method, ...args) {
  if (background) background[method](...args);
  else waiting.push([method, args]);
}

browser.runtime.onConnect.addListener((port) => {
  const id = ++lastPort;
  hand("connect", id, port);
  port.onMessage.addListener((message) => hand("page_message", id, message));
  port.onDisconnect.addListener(() => hand("disconnect", id));
});

browser.runtime.onMessage.addListener((message, sender) => {
  if (message?.to !== "background") return undefined;
  return new Promise((resolve) => hand("host_message", message, sender, resolve));
});

browser.runtime.onStartup.addListener(() => hand("woken"));
browser.runtime.onInstalled.addListener(() => hand("woken"));

init().then(() => {
  background = new Background();
  for (const [method, args] of waiting.splice(0)) background[method](...args);
});
