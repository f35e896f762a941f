import "../vendor/browser.js";
import start from "./templates.js";

start({ module_or_path: new URL("templates_bg.wasm", import.meta.url) }).catch((error) => {
  document.getElementById("failed").hidden = false;
  throw error;
});
