// Runs in a page of the extension: launches a machine as the popup does and notes when what is heard of it, until its
// prompt. It only listens, to what every page of the extension hears: the background's port, runtime messages, and the
// console's channel. On `window`: in Firefox a script of a WebDriver has a global object of its own.
if (!window.bench) {
  const prompt = "# ";
  // A person who knows where the button is takes longer than this from seeing it to pressing it.
  const reactionMs = 500;

  // The popup's own page, with its real button; it is open before the clock starts.
  const openPopup = () =>
    new Promise((resolve) => {
      const frame = document.createElement("iframe");
      frame.src = browser.runtime.getURL("popup/index.html");
      frame.style = "width: 400px; height: 500px";
      document.body.prepend(frame);
      const look = () => {
        const button = frame.contentDocument?.querySelector("button.launch-main:not([disabled])");
        if (button) resolve({ button, close: () => frame.remove() });
        else setTimeout(look, 20);
      };
      look();
    });

  const launch = async (how) => {
    const at = {};
    const note = (name) => (at[name] ??= Date.now());
    const viewer = Math.floor(Math.random() * 0xffffffff);
    let [known, channel, machine, shown] = [null, null, null, ""];
    let [greeted, done, failed] = [null, null, null];
    const greeting = new Promise((resolve) => (greeted = resolve));
    const finished = new Promise((resolve, reject) => ([done, failed] = [resolve, reject]));

    const output = ({ stream, offset, bytes }) => {
      if (bytes.length === 0) return;
      channel.postMessage({ Ack: { viewer, stream, offset: offset + bytes.length } });
      if (stream === "serial") return void note("serial");
      shown += String.fromCharCode(...bytes);
      if (shown.includes(prompt)) done(note("prompt"));
    };
    const attach = (id) => {
      if (machine) return;
      machine = id;
      channel = new BroadcastChannel(`console:${id}`);
      channel.onmessage = ({ data }) => {
        if (data.Ready) {
          note("engine");
          channel.postMessage({ Attach: { viewer } });
        }
        if (data.Replay?.viewer === viewer) output(data.Replay);
        if (data.Output) output(data.Output);
      };
      channel.postMessage({ Attach: { viewer } });
    };
    const world = ({ instances }) => {
      if (!known) {
        known = new Set(instances.map(({ id }) => id));
        return greeted();
      }
      const made = instances.find(({ id }) => !known.has(id));
      if (!made) return;
      note("recorded");
      attach(made.id);
      if (made.problem) failed(new Error(made.problem.message));
    };
    const overhear = (message) => {
      if (message?.to === "host" && message.body.Start) {
        note("host");
        attach(message.body.Start.id);
      }
      // The worker itself says when its processor started.
      const running = message?.to === "background" && message.body.event.Running;
      if (running && message.body.id === machine) at.running ??= running.started;
    };

    const port = browser.runtime.connect({ name: "page" });
    note("connected");
    port.onMessage.addListener((text) => {
      const event = JSON.parse(text);
      if (event.World) world(event.World);
      if (event.Answer?.result.Err) failed(new Error(event.Answer.result.Err.message));
      if (event.Unavailable) failed(new Error(event.Unavailable.message));
    });
    browser.runtime.onMessage.addListener(overhear);
    await greeting;
    note("greeted");
    const popup = how === "button" ? await openPopup() : null;
    if (popup) await new Promise((resolve) => setTimeout(resolve, reactionMs));

    note("launched");
    if (popup) popup.button.click();
    else port.postMessage(JSON.stringify({ call: 1, request: { Launch: { template: null } } }));
    try {
      await finished;
    } finally {
      browser.runtime.onMessage.removeListener(overhear);
      channel?.postMessage({ Detach: { viewer } });
      channel?.close();
      port.disconnect();
      popup?.close();
    }
    return { machine, at };
  };

  window.bench = { launch };
}
