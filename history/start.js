import "../vendor/browser.js";
import start from "./history.js";

start({ module_or_path: new URL("history_bg.wasm", import.meta.url) }).catch((error) => {
  document.getElementById("failed").hidden = false;
  throw error;
});
