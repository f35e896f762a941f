import "../vendor/browser.js";
import start from "./console.js";

start({ module_or_path: new URL("console_bg.wasm", import.meta.url) }).catch((error) => {
  document.getElementById("failed").hidden = false;
  throw error;
});
