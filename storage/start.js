import "../vendor/browser.js";
import start from "./storage.js";

start({ module_or_path: new URL("storage_bg.wasm", import.meta.url) }).catch((error) => {
  document.getElementById("failed").hidden = false;
  throw error;
});
