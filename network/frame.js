// Inside the frame in which a machine's site is shown: a document of nobody's origin, without the extension's APIs and without a network. It gets one
// page and a port from the page around it (network/src/view/frame.rs), and stands in for what a browser would do with addresses: links, forms, fetch,
// XMLHttpRequest, web sockets, cookies, history. Whatever the site does to these, it harms itself only: the other end of the port trusts nothing that comes.
"use strict";

addEventListener("message", function first(event) {
  if (event.source !== parent || !event.ports[0]) return;
  removeEventListener("message", first);
  begin(event.ports[0]);
});

function begin(port) {
  const say = (message, bytes) => port.postMessage(message, bytes ? [bytes.buffer] : []);
  const waiting = new Map();
  let page = null;
  let cookies = "";
  let count = 0;

  const absolute = (address) => new URL(address, document.baseURI).href;
  const bare = (address) => address.split("#")[0];

  // What a request's parts come to: `told` hears each.
  const ask = async (request, told) => {
    const n = ++count;
    waiting.set(n, told);
    const body = new Uint8Array(request.body ? await new Response(request.body).arrayBuffer() : 0);
    say({ Fetch: { n, url: request.url, method: request.method, headers: request.headers, body } }, body);
    return n;
  };
  const give_up = (n) => waiting.delete(n) && say({ Stop: n });

  const bytes_of = async (body, headers) => {
    if (body === undefined || body === null) return null;
    const read = new Response(body);
    const type = read.headers.get("content-type");
    if (type && !headers.some(([name]) => name === "content-type")) headers.push(["content-type", type]);
    return read.arrayBuffer();
  };

  window.fetch = async (input, init = {}) => {
    const whole = input instanceof Request;
    const address = absolute(whole ? input.url : String(input));
    const method = String(init.method ?? (whole ? input.method : "GET")).toUpperCase();
    const headers = [...new Headers(init.headers ?? (whole ? input.headers : undefined))];
    const body = await bytes_of(init.body ?? (whole && !["GET", "HEAD"].includes(method) ? await input.arrayBuffer() : null), headers);
    const signal = init.signal ?? (whole ? input.signal : null);
    return new Promise((resolve, reject) => {
      let stream;
      let n;
      const failed = (why) => {
        stream ? stream.error(new TypeError(why)) : reject(new TypeError(why));
      };
      const told = (what) => {
        if (what.Head) {
          const { status, url } = what.Head;
          const pulled = { start: (controller) => (stream = controller), cancel: () => give_up(n) };
          const empty = [101, 204, 205, 304].includes(status) || method === "HEAD";
          const held = new ReadableStream(pulled, { highWaterMark: 64 });
          const answer = new Response(empty ? null : held, { status, headers: what.Head.headers });
          Object.defineProperty(answer, "url", { value: url });
          resolve(answer);
        } else if (what.Body) {
          stream.enqueue(what.Body.bytes);
        } else if (what.End) {
          stream?.close();
        } else failed(what.Failed.why);
      };
      signal?.addEventListener("abort", () => {
        give_up(n);
        reject(new DOMException("The request was given up.", "AbortError"));
      });
      ask({ url: address, method, headers, body }, told).then((number) => (n = number), reject);
    });
  };

  // XMLHttpRequest by way of fetch: what pages use of it.
  window.XMLHttpRequest = class XMLHttpRequest extends EventTarget {
    static UNSENT = 0;
    static OPENED = 1;
    static HEADERS_RECEIVED = 2;
    static LOADING = 3;
    static DONE = 4;
    readyState = 0;
    status = 0;
    statusText = "";
    response = null;
    responseText = "";
    responseType = "";
    responseURL = "";
    timeout = 0;
    withCredentials = false;
    upload = new EventTarget();
    #request = null;
    #headers = new Headers();
    #answer = null;
    #stop = new AbortController();
    #tell(name) {
      const event = new ProgressEvent(name);
      this.dispatchEvent(event);
      this["on" + name]?.call(this, event);
    }
    #become(state) {
      this.readyState = state;
      this.#tell("readystatechange");
    }
    open(method, url) {
      this.#request = { method, url: absolute(url) };
      this.#become(1);
    }
    setRequestHeader(name, value) {
      this.#headers.append(name, value);
    }
    overrideMimeType() {}
    getResponseHeader(name) {
      return this.#answer?.headers.get(name) ?? null;
    }
    getAllResponseHeaders() {
      return [...(this.#answer?.headers ?? [])].map(([name, value]) => `${name}: ${value}\r\n`).join("");
    }
    abort() {
      this.#stop.abort();
    }
    async send(body = null) {
      const { method, url } = this.#request;
      const late = this.timeout && setTimeout(() => this.#stop.abort(), this.timeout);
      try {
        const answer = await fetch(url, { method, headers: this.#headers, body, signal: this.#stop.signal });
        this.#answer = answer;
        [this.status, this.responseURL] = [answer.status, answer.url];
        this.#become(2);
        const bytes = await answer.arrayBuffer();
        const type = answer.headers.get("content-type") ?? "";
        const text = () => new TextDecoder().decode(bytes);
        if (this.responseType === "arraybuffer") this.response = bytes;
        else if (this.responseType === "blob") this.response = new Blob([bytes], { type });
        else if (this.responseType === "json") this.response = JSON.parse(text());
        else if (this.responseType === "document") this.response = new DOMParser().parseFromString(text(), "text/html");
        else this.response = this.responseText = text();
        this.#become(4);
        this.#tell("load");
      } catch (error) {
        this.#become(4);
        this.#tell(error.name === "AbortError" ? "abort" : "error");
      }
      clearTimeout(late);
      this.#tell("loadend");
    }
  };

  // What no address of the machine stands behind here.
  for (const name of ["RTCPeerConnection", "webkitRTCPeerConnection", "WebTransport", "EventSource"]) delete window[name];
  window.WebSocket = class WebSocket extends EventTarget {
    static CONNECTING = 0;
    static OPEN = 1;
    static CLOSING = 2;
    static CLOSED = 3;
    CONNECTING = 0;
    OPEN = 1;
    CLOSING = 2;
    CLOSED = 3;
    readyState = 0;
    binaryType = "blob";
    bufferedAmount = 0;
    extensions = "";
    protocol = "";
    #n;
    // Keeps what is sent in order while a Blob is read.
    #sent = Promise.resolve();
    constructor(address, protocols = []) {
      super();
      const url = new URL(address, document.baseURI);
      if (/^https?:$/.test(url.protocol)) url.protocol = url.protocol.replace("http", "ws");
      if (!/^wss?:$/.test(url.protocol) || url.hash) throw new DOMException("This is no address of a web socket.", "SyntaxError");
      this.url = url.href;
      this.#n = ++count;
      waiting.set(this.#n, (what) => this.#hear(what));
      say({ Socket: { n: this.#n, url: this.url, protocols: [protocols].flat().map(String) } });
    }
    #tell(event) {
      this.dispatchEvent(event);
      this["on" + event.type]?.call(this, event);
    }
    #message(data) {
      this.#tell(new MessageEvent("message", { data, origin: new URL(this.url).origin }));
    }
    #hear(what) {
      if (what.Opened) {
        // It was ended before it was open.
        if (this.readyState !== 0) return say({ EndSocket: { n: this.#n, reason: null } });
        [this.readyState, this.protocol] = [1, what.Opened.protocol];
        this.#tell(new Event("open"));
      } else if (what.Text) this.#message(what.Text.text);
      else if (what.Bytes) {
        const { bytes } = what.Bytes;
        this.#message(this.binaryType === "arraybuffer" ? bytes.slice().buffer : new Blob([bytes]));
      } else {
        const { status, reason, clean } = what.Closed;
        this.readyState = 3;
        if (!clean) this.#tell(new Event("error"));
        this.#tell(new CloseEvent("close", { code: status, reason, wasClean: clean }));
      }
    }
    send(data) {
      if (this.readyState === 0) throw new DOMException("The socket is not open yet.", "InvalidStateError");
      if (this.readyState !== 1) return;
      const n = this.#n;
      this.#sent = this.#sent.then(async () => {
        if (!(data instanceof Blob || data instanceof ArrayBuffer || ArrayBuffer.isView(data))) {
          return say({ SendText: { n, text: String(data) } });
        }
        const bytes = new Uint8Array(await new Response(data).arrayBuffer());
        say({ SendBytes: { n, bytes } }, bytes);
      });
    }
    close(code, reason = "") {
      if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999)) {
        throw new DOMException("This status is not one that a page can give.", "InvalidAccessError");
      }
      if (this.readyState >= 2) return;
      this.readyState = 2;
      const n = this.#n;
      this.#sent = this.#sent.then(() => say({ EndSocket: { n, reason: code === undefined ? null : [code, String(reason)] } }));
    }
  };
  const storage = () => {
    const kept = new Map();
    return {
      getItem: (key) => kept.get(String(key)) ?? null,
      setItem: (key, value) => void kept.set(String(key), String(value)),
      removeItem: (key) => void kept.delete(String(key)),
      clear: () => kept.clear(),
      key: (index) => [...kept.keys()][index] ?? null,
      get length() {
        return kept.size;
      },
    };
  };
  for (const name of ["localStorage", "sessionStorage"]) {
    Object.defineProperty(window, name, { value: storage(), configurable: true });
  }
  Object.defineProperty(Document.prototype, "cookie", {
    configurable: true,
    get: () => cookies,
    set: (line) => {
      // The page around answers with what came of it; until then the usual outcome is assumed.
      const pair = String(line).split(";")[0].trim();
      const name = pair.split("=")[0];
      const others = cookies.split("; ").filter((one) => one && one.split("=")[0] !== name);
      cookies = [...others, pair].join("; ");
      say({ Cookie: String(line) });
    },
  });
  Object.defineProperty(Document.prototype, "URL", { configurable: true, get: () => page });
  Object.defineProperty(Document.prototype, "referrer", { configurable: true, get: () => "" });

  const moved = (replace) => (state, _, address) => {
    if (address === undefined || address === null) return;
    page = absolute(address);
    say({ Moved: { url: page, replace } });
  };
  history.pushState = moved(false);
  history.replaceState = moved(true);
  history.back = () => say({ Back: 1 });

  const to_fragment = (address) => {
    const name = decodeURIComponent(address.split("#")[1] ?? "");
    const target = name ? document.getElementById(name) ?? document.getElementsByName(name)[0] : document.documentElement;
    target?.scrollIntoView();
    page = address;
    say({ Moved: { url: address, replace: false } });
    dispatchEvent(new HashChangeEvent("hashchange"));
  };
  const go = (address) => {
    if (address.includes("#") && bare(address) === bare(page)) return to_fragment(address);
    say({ Go: { url: address, method: "GET", kind: null, body: new Uint8Array(0) } });
  };
  window.open = (address) => {
    if (address) go(absolute(address));
    return null;
  };

  const listen = () => {
    const clicked = (event) => {
      const link = event.composedPath().find((node) => node.localName === "a" && (node.href || node.getAttribute?.("xlink:href")));
      if (!link || event.button > 1) return;
      const address = typeof link.href === "string" ? link.href : absolute(link.getAttribute("href") ?? link.getAttribute("xlink:href"));
      if (address.startsWith("javascript:") || address.startsWith("blob:") || address.startsWith("data:")) return;
      // The site's own listeners come first, and may have dealt with it.
      if (!event.defaultPrevented) go(address);
      event.preventDefault();
    };
    addEventListener("click", clicked);
    addEventListener("auxclick", clicked);
    addEventListener("submit", (event) => {
      if (event.defaultPrevented) return;
      event.preventDefault();
      submit(event.target, event.submitter);
    });
    HTMLFormElement.prototype.submit = function () {
      submit(this, null);
    };
    new MutationObserver((changes) => {
      for (const { target, addedNodes } of changes) {
        for (const node of [target, ...addedNodes]) if (node instanceof Element) [node, ...node.querySelectorAll("[src],link[href]")].forEach(supply);
      }
      tell_title();
    }).observe(document, { childList: true, subtree: true, attributes: true, attributeFilter: ["src", "href"] });
  };

  const submit = async (form, submitter) => {
    const data = new FormData(form, submitter);
    const action = new URL(submitter?.getAttribute("formaction") ?? form.getAttribute("action") ?? "", page ? new URL(document.baseURI) : undefined);
    if (!form.getAttribute("action") && !submitter?.getAttribute("formaction")) action.href = page;
    const method = (submitter?.getAttribute("formmethod") ?? form.getAttribute("method") ?? "get").toUpperCase();
    if (method === "DIALOG") return;
    if (method !== "POST") {
      action.search = new URLSearchParams(data).toString();
      return go(action.href);
    }
    const multipart = (submitter?.getAttribute("formenctype") ?? form.enctype) === "multipart/form-data";
    const sent = new Response(multipart ? data : new URLSearchParams(data));
    const body = new Uint8Array(await sent.arrayBuffer());
    say({ Go: { url: action.href, method, kind: sent.headers.get("content-type"), body } }, body);
  };

  // What scripts add to the page later on is fetched for it.
  const supplied = new WeakMap();
  const supply = async (element) => {
    const name = element.localName === "link" ? "href" : "src";
    const address = element.getAttribute(name);
    if (!address || /^(data|blob|about|javascript):/i.test(address) || ["iframe", "embed", "a", "base"].includes(element.localName)) return;
    if (element.localName === "link" && !/stylesheet|icon/.test(element.rel)) return;
    if (supplied.get(element) === address) return;
    supplied.set(element, address);
    try {
      const answer = await fetch(address);
      if (!answer.ok) return;
      const blob = URL.createObjectURL(await answer.blob());
      if (element.localName !== "script") return element.setAttribute(name, blob);
      // A script that has failed to load does not try again.
      const again = document.createElement("script");
      for (const { name, value } of element.attributes) again.setAttribute(name, value);
      again.onload = element.onload;
      again.onerror = element.onerror;
      again.src = blob;
      element.replaceWith(again);
    } catch {
      // It stays as it is: the browser has told of its error already.
    }
  };

  let title = null;
  const tell_title = () => {
    if (document.title !== title) say({ Title: (title = document.title) });
  };

  port.onmessage = ({ data }) => {
    if (data.Page) {
      page = data.Page.url;
      cookies = data.Page.cookies;
      // The window stays, and with it everything above; its listeners don't.
      document.open();
      listen();
      document.write(data.Page.html);
      document.close();
      const name = page.split("#")[1];
      if (name) addEventListener("load", () => document.getElementById(decodeURIComponent(name))?.scrollIntoView());
      tell_title();
      return;
    }
    if ("Still" in data) return say({ Here: true });
    if ("Cookies" in data) return void (cookies = data.Cookies);
    const [[, { n }]] = Object.entries(data);
    waiting.get(n)?.(data);
    if (data.End || data.Failed || data.Closed) waiting.delete(n);
  };
}
