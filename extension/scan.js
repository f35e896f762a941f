// Reads QR codes (scan/) apart from the page: a picture can take long, or be one that the reader fails on.
import init, { read } from "./scan/scan.js";

const loaded = init();
self.onmessage = async ({ data }) => {
  try {
    await loaded;
    self.postMessage({ Ok: read(data.width, data.height, data.data) });
  } catch (error) {
    self.postMessage({ Err: typeof error === "string" ? error : "this picture can’t be read" });
  }
};
