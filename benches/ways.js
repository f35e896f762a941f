// How batches of frames get from one worker to another: by messages, as the extension sends them (src/machine/network.rs, src/lan/line.rs), and
// through a ring in shared memory. Either way at most so many bytes are ahead of what the other side has taken, which copies each batch into
// memory of its own. Neither side may stand still to wait: an emulator runs on its thread.
const AHEAD = 512 * 1024;

const message = (target) => new Promise((heard) => target.addEventListener("message", ({ data }) => heard(data), { once: true }));
// Where the ring's ends are, in bytes that have passed; both wrap around as 32-bit numbers do.
const HEAD = 0, TAIL = 1;

function overMessages(port, batch, count) {
  const own = new Uint8Array(batch);
  let ahead = 0, sent = 0, acknowledged = 0;
  return new Promise((done) => {
    const pump = () => {
      while (sent < count && ahead + batch <= AHEAD) {
        const bytes = own.slice();
        port.postMessage(bytes, [bytes.buffer]);
        ahead += batch;
        sent += 1;
      }
      if (acknowledged === count) done();
    };
    port.onmessage = ({ data }) => {
      ahead -= data;
      acknowledged += 1;
      pump();
    };
    pump();
  });
}

function takeMessages(port, batch) {
  const own = new Uint8Array(batch);
  port.onmessage = ({ data }) => {
    own.set(data);
    port.postMessage(data.length);
  };
}

const changed = async (ends, which, from) => {
  const { async, value } = Atomics.waitAsync(ends, which, from);
  if (async) await value;
};

async function overRing({ ends, bytes }, batch, count) {
  const own = new Uint8Array(batch);
  for (let sent = 0; sent < count; sent += 1) {
    const tail = Atomics.load(ends, TAIL);
    for (let head; ((tail + batch - (head = Atomics.load(ends, HEAD))) | 0) > bytes.length;) await changed(ends, HEAD, head);
    const at = (tail >>> 0) % bytes.length, first = Math.min(batch, bytes.length - at);
    bytes.set(own.subarray(0, first), at);
    bytes.set(own.subarray(first), 0);
    Atomics.store(ends, TAIL, (tail + batch) | 0);
    Atomics.notify(ends, TAIL);
  }
  const end = Atomics.load(ends, TAIL);
  for (let head; (head = Atomics.load(ends, HEAD)) !== end;) await changed(ends, HEAD, head);
}

async function takeRing({ ends, bytes }, batch) {
  const own = new Uint8Array(batch);
  for (;;) {
    const head = Atomics.load(ends, HEAD);
    for (let tail; ((tail = Atomics.load(ends, TAIL)) - head | 0) < batch;) await changed(ends, TAIL, tail);
    const at = (head >>> 0) % bytes.length, first = Math.min(batch, bytes.length - at);
    own.set(bytes.subarray(at, at + first));
    own.set(bytes.subarray(0, batch - first), first);
    Atomics.store(ends, HEAD, (head + batch) | 0);
    Atomics.notify(ends, HEAD);
  }
}

async function work({ sends, way, batch, count, port, memory }) {
  const ring = memory && { ends: new Int32Array(memory, 0, 2), bytes: new Uint8Array(memory, 8) };
  if (!sends) return way === "ring" ? takeRing(ring, batch) : takeMessages(port, batch);
  const begun = performance.now();
  await (way === "ring" ? overRing(ring, batch, count) : overMessages(port, batch, count));
  postMessage(performance.now() - begun);
}

if (globalThis.document) {
  // Milliseconds for so many batches of so many bytes.
  globalThis.measure = async (way, batch, count) => {
    const [sender, receiver] = [0, 1].map(() => new Worker(import.meta.url, { type: "module" }));
    const { port1, port2 } = new MessageChannel();
    const memory = way === "ring" ? new SharedArrayBuffer(8 + AHEAD) : undefined;
    await Promise.all([sender, receiver].map(message));
    const took = message(sender);
    receiver.postMessage({ sends: false, way, batch, port: port2, memory }, [port2]);
    sender.postMessage({ sends: true, way, batch, count, port: port1, memory }, [port1]);
    try {
      return await took;
    } finally {
      sender.terminate();
      receiver.terminate();
    }
  };
} else {
  message(globalThis).then(work);
  postMessage("ready");
}
