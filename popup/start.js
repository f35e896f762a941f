import "../vendor/browser.js";
import start from "./popup.js";

start({ module_or_path: new URL("popup_bg.wasm", import.meta.url) }).catch((error) => {
  document.getElementById("failed").hidden = false;
  throw error;
});
