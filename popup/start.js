import "../vendor/browser.js";
import start from "./popup.js";

start().catch((error) => {
  document.getElementById("failed").hidden = false;
  throw error;
});
