import "../vendor/browser.js";
import start from "./options.js";

start().catch((error) => {
  document.getElementById("failed").hidden = false;
  throw error;
});
