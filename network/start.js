import "../vendor/browser.js";
import start from "./network.js";

start({ module_or_path: new URL("network_bg.wasm", import.meta.url) }).catch((error) => {
  document.getElementById("failed").hidden = false;
  throw error;
});
