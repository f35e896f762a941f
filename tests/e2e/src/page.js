// Runs in a page of the extension: the same port and channel that the product's own pages use.
// On `window`: in Firefox a script of a WebDriver has a global object of its own.
if (!window.remote) {
  const remote = { world: null, unavailable: null, lost: 0, consoles: new Map() };
  let port = null;
  let calls = 0;
  const waiting = new Map();

  const connect = () => {
    port = browser.runtime.connect({ name: "page" });
    port.onMessage.addListener((text) => {
      const event = JSON.parse(text);
      if (event.World) remote.world = event.World;
      if (event.Unavailable) remote.unavailable = event.Unavailable;
      if (event.Answer) waiting.get(event.Answer.call)?.(event.Answer.result);
    });
    port.onDisconnect.addListener(() => {
      port = null;
      remote.lost++;
      remote.world = null;
    });
  };

  remote.worldNow = () => {
    if (!port) connect();
    return remote.world;
  };

  remote.call = (request) => {
    if (!port) connect();
    const call = ++calls;
    return new Promise((resolve) => {
      waiting.set(call, resolve);
      port.postMessage(JSON.stringify({ call, request }));
    });
  };

  remote.attach = (id) => {
    remote.consoles.get(id)?.channel.close();
    const channel = new BroadcastChannel(`console:${id}`);
    const viewer = Math.floor(Math.random() * 0xffffffff);
    const console = { channel, viewer, boot: null, next: {}, gaps: 0, pieces: { serial: [], shell: [] }, wake: null };
    const take = ({ stream, offset, bytes }) => {
      if (console.next[stream] !== undefined && console.next[stream] !== offset) console.gaps++;
      console.next[stream] = offset + bytes.length;
      console.pieces[stream].push(bytes);
      channel.postMessage({ Ack: { viewer, stream, offset: console.next[stream] } });
      console.wake?.();
    };
    channel.onmessage = ({ data }) => {
      if (data.Ready) channel.postMessage({ Attach: { viewer } });
      if (data.Welcome?.viewer === viewer) {
        console.boot = data.Welcome.boot;
        console.next = {};
        console.pieces = { serial: [], shell: [] };
      }
      if (data.Replay?.viewer === viewer) take(data.Replay);
      if (data.Output && console.next[data.Output.stream] !== undefined) take(data.Output);
    };
    channel.postMessage({ Attach: { viewer } });
    remote.consoles.set(id, console);
  };

  remote.send = (id, stream, base64) => {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    remote.consoles.get(id).channel.postMessage({ Input: { stream, bytes } });
  };

  remote.resize = (id, size) => {
    const { channel, viewer } = remote.consoles.get(id);
    channel.postMessage({ Resize: { viewer, size } });
  };

  // What has come since the last call; waits for something, but not long. If a byte is given, it is waited for, or for a
  // screenful: what is typed comes back in pieces of a byte or two.
  remote.read = async (id, stream, milliseconds, byte) => {
    const console = remote.consoles.get(id);
    const enough = () => {
      const pieces = console.pieces[stream];
      if (byte === null) return pieces.length > 0;
      return pieces.some((piece) => piece.includes(byte)) || pieces.reduce((sum, { length }) => sum + length, 0) > 4096;
    };
    if (!enough()) {
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, milliseconds);
        console.wake = () => enough() && (clearTimeout(timer), resolve());
      });
      console.wake = null;
    }
    let binary = "";
    for (const piece of console.pieces[stream].splice(0)) {
      for (let at = 0; at < piece.length; at += 8192) {
        binary += String.fromCharCode(...piece.subarray(at, at + 8192));
      }
    }
    return { base64: btoa(binary), boot: console.boot, gaps: console.gaps };
  };

  window.remote = remote;
}
