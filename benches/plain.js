// What VM Workbench is measured against: the same v86, kernel, image, memory and command line, in a plain page with all
// of it in memory. What it measured is in its root element's data, and an event says so. After the prompt it runs what the
// root element's data has as a command whenever an event asks for it, and tells what that printed.
import { V86 } from "/libv86.mjs";

const root = document.documentElement;
// Stands around what a command prints (ASCII's record separator); the terminal's echo of it has it only as `\\036`.
const mark = "\x1e";

function tell(measured) {
  root.dataset.measured = JSON.stringify(measured);
  document.dispatchEvent(new Event("measured"));
}

async function load(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: status ${response.status}`);
  return { buffer: await response.arrayBuffer() };
}

async function run() {
  // v86's name of one of its own networks.
  const network = new URLSearchParams(location.search).get("network");
  const { memory, cmdline, share } = await (await fetch("/machine.json")).json();
  // One after the other: of many connections that begin at once, the server may leave one waiting for ever.
  const [bios, vga_bios] = [await load("/bios.bin"), await load("/vgabios.bin")];
  const [bzimage, hda] = [await load("/kernel.bin"), await load("/disk.img")];
  const at = {};
  const note = (name) => (at[name] ??= Date.now());
  note("launched");
  const emulator = new V86({
    wasm_path: "/v86.wasm",
    memory_size: memory,
    vga_memory_size: 1 << 20,
    bios,
    vga_bios,
    bzimage,
    cmdline,
    hda,
    virtio_console: true,
    disable_keyboard: true,
    disable_mouse: true,
    disable_speaker: true,
    net_device: network ? { type: "virtio", relay_url: network } : { type: "none" },
    ...(share ? { filesystem: {} } : {}),
    autostart: true,
  });
  emulator.add_listener("emulator-ready", () => note("engine"));
  emulator.add_listener("emulator-started", () => note("running"));
  emulator.add_listener("serial0-output-byte", () => note("serial"));
  let shown = "";
  emulator.add_listener("virtio-console0-output-bytes", (bytes) => {
    shown += String.fromCharCode(...bytes);
    if (!at.prompt) {
      if (!shown.includes("# ")) return;
      note("prompt");
      return tell({ at });
    }
    const [, printed, rest] = shown.split(mark);
    // The shell must be at its prompt again for the next command.
    if (!rest?.includes("# ")) return;
    shown = "";
    tell({ printed });
  });
  document.addEventListener("command", () => {
    shown = "";
    const typed = ` printf '\\036'; ${root.dataset.command}; printf '\\036'\r`;
    const send = () => {
      // v86 drops input for which the guest has no buffer yet.
      const [input] = emulator.v86.cpu.devices.virtio_console.virtio.queues;
      if (!input.has_request()) return setTimeout(send, 10);
      emulator.bus.send("virtio-console0-input-bytes", new TextEncoder().encode(typed));
    };
    send();
  });
}

addEventListener("error", (event) => tell({ error: event.message }));
run().catch((error) => tell({ error: error.message }));
