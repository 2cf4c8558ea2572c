// A compiled network in the runtime's WebAssembly module.

const bytesOf = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

class Network {
  static async open(module, plan) {
    const { exports } = await WebAssembly.instantiate(module, {});
    return new Network(exports, plan);
  }

  constructor(exports, plan) {
    this.exports = exports;
    this.end = exports.__heap_base.value;
    const file = this.take(plan.length);
    new Uint8Array(exports.memory.buffer).set(plan, file);
    const model = this.take(48), sizes = this.take(16), place = this.take(4);
    this.require(exports.sw_open(file, BigInt(plan.length), model));
    this.require(exports.sw_measure(model, 0, 1, sizes, sizes + 8));
    const [netBytes, sessionBytes] = new BigUint64Array(exports.memory.buffer, sizes, 2);
    this.require(exports.sw_prepare(model, 0, this.take(Number(netBytes)), netBytes, place));
    const net = this.pointer(place);
    this.target = this.text(exports.sw_net_target(net));
    this.require(exports.sw_start(net, 1, this.take(Number(sessionBytes)), sessionBytes, place));
    this.session = this.pointer(place);

    const shape = this.take(12);
    const shapeOf = () => [...new Int32Array(exports.memory.buffer, shape, 3)];
    exports.sw_input(model, shape);
    this.inputShape = shapeOf();
    this.input = this.take(4 * count(this.inputShape));
    const outputs = new Uint32Array(exports.memory.buffer, model + 32, 1)[0];
    this.results = this.take(4 * outputs);
    this.outputs = [];
    for (let index = 0; index < outputs; index++) {
      exports.sw_output(model, index, shape);
      const found = shapeOf();
      this.outputs.push({ shape: found, at: this.take(4 * count(found)) });
    }
    new Uint32Array(exports.memory.buffer, this.results, outputs).set(this.outputs.map((output) => output.at));
  }

  // Memory from the end of what is in use, aligned, with room for a kernel to read past it.
  take(bytes) {
    const memory = this.exports.memory, start = Math.ceil(this.end / 64) * 64;
    this.end = start + bytes + 64;
    const missing = this.end - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / 65536));
    return start;
  }

  pointer(at) { return new Uint32Array(this.exports.memory.buffer, at, 1)[0]; }

  text(at) {
    const bytes = new Uint8Array(this.exports.memory.buffer, at);
    return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)));
  }

  require(status) { if (status) throw new Error(this.text(this.exports.sw_message(status))); }

  // One image, (C, H, W) floats -> a list of {shape, data}.
  run(image) {
    new Float32Array(this.exports.memory.buffer, this.input, image.length).set(image);
    this.again();
    return this.outputs.map(({ shape, at }) => (
      { shape, data: new Float32Array(this.exports.memory.buffer.slice(at, at + 4 * count(shape))) }
    ));
  }

  // The last image once more: what a run costs.
  again() { this.require(this.exports.sw_run(this.session, 1n, this.input, this.results, 0, 0)); }

  // Milliseconds of one run: the median of batches long enough for a browser's coarse clock.
  latency() {
    const timed = (runs) => {
      const start = performance.now();
      for (let run = 0; run < runs; run++) this.again();
      return performance.now() - start;
    };
    let runs = 8;
    while (timed(runs) < 2 && runs < 4096) runs *= 2;
    return median(Array.from({ length: 15 }, () => timed(runs) / runs));
  }
}

const count = (shape) => shape.reduce((product, size) => product * size, 1);
const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];
