// v86 yields to the event loop through a worker that it makes from a blob, which an extension's content security policy
// forbids. This stands in its place: the same answers, over a channel of this worker's own. Must come before v86.
self.Worker = class Yield {
  // For how many milliseconds the emulator was at work: it works while it is being called.
  static busy = 0;
  #channel = new MessageChannel();
  #timer = 0;

  constructor() {
    this.#channel.port1.onmessage = (event) => {
      const start = performance.now();
      this.onmessage?.(event);
      Yield.busy += performance.now() - start;
    };
  }

  postMessage({ t, tick }) {
    clearTimeout(this.#timer);
    if (t < 1) this.#channel.port2.postMessage(tick);
    else this.#timer = setTimeout(() => this.#channel.port2.postMessage(tick), t);
  }

  terminate() {
    clearTimeout(this.#timer);
    this.#channel.port1.close();
  }
};
