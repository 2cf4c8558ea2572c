// The page: opens the network, tells its size and speed, and brings board, answer and inside together.

const $ = (id) => document.getElementById(id);
const facts = JSON.parse($("data").textContent);
facts.digits = facts.input.join() === "1,8,8" && facts.classes.join("") === "0123456789";
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const whole = (value) => Math.round(value).toLocaleString("en");
const number = (value) => value.toLocaleString("en", { maximumSignificantDigits: value < 1000 ? 3 : 2 });
const size = (bytes) => (bytes < 1e6 ? `${number(bytes / 1e3)} kB` : `${number(bytes / 1e6)} MB`);

function element(parent, tag, text = "", name = "") {
  const made = parent.appendChild(document.createElement(tag));
  made.textContent = text;
  if (name) made.className = name;
  return made;
}

function card(value, text, share) {
  const made = element($("facts"), "div");
  element(made, "b", value);
  element(made, "span", text);
  if (share) element(made, "i").style.setProperty("--p", share);
}

function describe(network) {
  const { bytes, floatBytes, binaryWeights, otherNumbers, binaryLayers } = facts;
  const does = facts.digits ? ["Draw a digit", "reads it"] : ["Draw", "says what it sees"];
  const weights = binaryLayers ? `a network of ${whole(binaryWeights)} one-bit weights` : "a neural network";
  $("lead").textContent = `${does[0]}, and ${weights} ${does[1]}. Nothing leaves this page.`;
  const times = number(floatBytes / bytes);
  card(size(bytes), `the whole network. As 32-bit floats: ${size(floatBytes)}, ${times} times as much`,
    bytes / floatBytes);
  const all = binaryWeights + otherNumbers;
  card(`${number(100 * binaryWeights / all)} %`, `of its ${whole(all)} numbers are single bits, in ${binaryLayers} `
    + `binary layer${binaryLayers === 1 ? "" : "s"}`, binaryWeights / all);
  $("small-print").textContent = "Speed: the median of 15 rounds of repeated runs of the whole network, in WebAssembly "
    + `(target ${network.target}), on one thread. Numbers: weights, scales, thresholds and shifts of the compiled `
    + `file of ${whole(bytes)} bytes. Made with signwise.`;
}

function measure(network) {
  const milliseconds = network.latency();
  const each = milliseconds < 1 ? `${number(1000 * milliseconds)} µs` : `${number(milliseconds)} ms`;
  const rate = whole(Number((1000 / milliseconds).toPrecision(2)));
  card(each, `for one image, here and now: ${rate} images a second`);
}

function offerSamples(board) {
  const buttons = SAMPLES.map((sample, digit) => {
    const button = element($("samples"), "button", digit);
    button.type = "button";
    button.setAttribute("aria-label", `Draw a ${digit}`);
    button.addEventListener("click", () => board.play(sample));
    return button;
  });
  document.addEventListener("keydown", (event) => {
    if (/^[0-9]$/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey) buttons[event.key].click();
  });
}

// With #selftest: scores of made-up images and of the sample drawings, for a machine to compare.
function selftest(network) {
  const images = Array.from({ length: 4 }, (_, index) => (
    Float32Array.from({ length: count(facts.input) }, (_, at) => (at * at * 7 + at * 31 + index * 101) % 256)
  ));
  const scores = (image) => [...network.run(image)[0].data];
  const samples = facts.digits ? SAMPLES.map((sample) => scores(imageOf(sample, facts.input, 0))) : [];
  $("selftest").textContent = JSON.stringify({ target: network.target, images: images.map(scores), samples });
}

async function open() {
  const binary = bytesOf(facts.module);
  if (!globalThis.WebAssembly?.validate(binary)) throw new Error("this browser lacks WebAssembly with SIMD");
  const module = await WebAssembly.compile(binary);
  const network = await Network.open(module, bytesOf(facts.plan));
  const view = facts.view ? await Network.open(module, bytesOf(facts.view)) : null;
  measure(network);
  describe(network);
  const answer = new Answer(facts.classes), inside = new Inside(facts.input, view);
  const board = new Board($("board"), () => {
    const seen = (lean) => imageOf(board.strokes, facts.input, lean);
    const images = facts.digits ? LEANS.map(seen) : [seen(null)];
    board.paint();
    answer.show(board.strokes.length ? images.map((image) => network.run(image)[0].data) : null);
    inside.show(images[images.length >> 1]);
  });
  $("tip").textContent = facts.digits
    ? "It learnt from the hands of thirteen people: a 7 with a bar, a pointed 4, a 1 without a foot."
    : "The network gets the drawing as it is: ink as 255, paper as 0.";
  $("keys").textContent = `Keys: ${facts.digits ? "0 to 9 draw a sample, " : ""}Escape clears; on the board, space `
    + "puts the pen down and lifts it, arrows move it.";
  $("clear").addEventListener("click", () => board.clear());
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") board.clear(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => board.changed());
  board.changed();
  if (facts.digits) offerSamples(board);
  if (location.hash === "#selftest") selftest(network);
  else if (facts.digits) board.play(SAMPLES[3]);
}

open().then(() => { document.body.className = "ready"; }, (error) => {
  document.body.className = "failed";
  $("error").textContent = `The network cannot run here: ${error.message}. `
    + "A current Chrome, Edge, Firefox or Safari can.";
  $("error").hidden = false;
});
