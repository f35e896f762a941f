import "../vendor/browser.js";
import start from "./console.js";

start().catch((error) => {
  document.getElementById("failed").hidden = false;
  throw error;
});
