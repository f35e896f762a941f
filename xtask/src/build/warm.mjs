// Boots a template's machine in Node.js up to its gate (docs/agent.md) and saves its state, from which new machines start.
//
// node warm.mjs EXTENSION JOB: the built extension's folder, and a JSON file { image, diskBytes, cmdline, memory, out }. Writes into the folder
// `out`: state.bin, serial.bin and shell.bin (what the terminals have shown), clusters.bin (what the guest has written to its disk) and clusters.json
// (where).
import { closeSync, openSync, readFileSync, readSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { join } from "node:path";

// qcow2's.
const CLUSTER = 64 * 1024;
// A guest that is not there by then will never be.
const PATIENCE_MS = 300_000;

const [, , extension, jobFile] = process.argv;
const job = JSON.parse(readFileSync(jobFile, "utf8"));
const load = (name) => import(pathToFileURL(join(extension, name)));

globalThis.self = globalThis;
await load("yield.js");
const { V86 } = await load("vendor/v86.js");
globalThis.V86 = V86;
const { default: init, StateMaker } = await load("wasm/workbench.js");
await init({ module_or_path: readFileSync(join(extension, "wasm/workbench_bg.wasm")) });

const buffer = (name) => {
  const bytes = readFileSync(join(extension, name));
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
};

// The image with what is written over it, by cluster.
class Disk {
  byteLength = job.diskBytes;
  written = new Map();
  #image = openSync(job.image, "r");

  load() {
    this.onload({});
  }

  #from(index) {
    const bytes = new Uint8Array(CLUSTER);
    readSync(this.#image, bytes, 0, CLUSTER, index * CLUSTER);
    return bytes;
  }

  // Calls `each` with a cluster's index and the parts of it and of the range that are the same bytes.
  #walk(offset, count, each) {
    for (let done = 0; done < count; ) {
      const index = Math.floor((offset + done) / CLUSTER);
      const start = (offset + done) % CLUSTER;
      const some = Math.min(CLUSTER - start, count - done);
      each(index, start, done, some);
      done += some;
    }
  }

  get_from_cache(offset, count) {
    const bytes = new Uint8Array(count);
    this.#walk(offset, count, (index, start, done, some) => {
      const cluster = this.written.get(index) ?? this.#from(index);
      bytes.set(cluster.subarray(start, start + some), done);
    });
    return bytes;
  }

  get(offset, count, done) {
    done(this.get_from_cache(offset, count));
  }

  get_and_cache(offset, count, done) {
    this.get(offset, count, done);
  }

  set(offset, bytes, done) {
    this.#walk(offset, bytes.length, (index, start, from, some) => {
      if (!this.written.has(index)) this.written.set(index, this.#from(index));
      this.written.get(index).set(bytes.subarray(from, from + some), start);
    });
    done();
  }

  get_state() {
    return [];
  }

  set_state() {}

  close() {
    closeSync(this.#image);
  }
}

const disk = new Disk();
const said = { serial: [], shell: [], control: [], bulk: [] };
const text = (port) => Buffer.from(said[port]).toString();
let maker;

const ready = new Promise((resolve, reject) => {
  const late = () => reject(new Error(`the guest did not come to its gate in time; it said: ${text("serial")}`));
  const timer = setTimeout(late, PATIENCE_MS);
  const hear = (port, bytes) => {
    if (port === "stopped") return reject(new Error(`the guest has stopped; it said: ${text("serial")}`));
    said[port].push(...bytes);
    // The agent is the last to start, and greets when everything else waits at the gate.
    if (port === "control" && text("control").includes("hello ")) {
      clearTimeout(timer);
      resolve();
    }
  };
  StateMaker.boot({
    engine: new WebAssembly.Module(readFileSync(join(extension, "vendor/v86.wasm"))),
    kernel: buffer("images/kernel.bin"),
    bios: buffer("images/bios.bin"),
    vga_bios: buffer("images/vgabios.bin"),
    cmdline: job.cmdline,
    memory: job.memory,
    disk,
    hear,
  }).then((made) => (maker = made), reject);
});

await ready;
const state = new Uint8Array(await maker.save());
const indexes = [...disk.written.keys()].sort((a, b) => a - b);
disk.close();
writeFileSync(join(job.out, "state.bin"), state);
writeFileSync(join(job.out, "serial.bin"), Uint8Array.from(said.serial));
writeFileSync(join(job.out, "shell.bin"), Uint8Array.from(said.shell));
writeFileSync(join(job.out, "clusters.bin"), Buffer.concat(indexes.map((index) => disk.written.get(index))));
writeFileSync(join(job.out, "clusters.json"), JSON.stringify(indexes));
process.exit(0);
