import "../vendor/browser.js";
import start from "./options.js";

start({ module_or_path: new URL("options_bg.wasm", import.meta.url) }).catch((error) => {
  document.getElementById("failed").hidden = false;
  throw error;
});
