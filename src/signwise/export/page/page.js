// The page: board, answer, facts.

const $ = (id) => document.getElementById(id);
const facts = JSON.parse($("data").textContent);
const digits = facts.input.join() === "1,8,8" && facts.classes.join("") === "0123456789";
const board = $("board"), pen = board.getContext("2d");
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const number = (value) => value.toLocaleString("en", { maximumSignificantDigits: 3 });
const size = (bytes) => (bytes < 1e6 ? `${number(bytes / 1e3)} kB` : `${number(bytes / 1e6)} MB`);

let network, view, strokes = [], drawing = false, cursor = null, penDown = false, playing = 0, telling = 0;

function element(parent, tag, text = "", name = "") {
  const made = parent.appendChild(document.createElement(tag));
  made.textContent = text;
  if (name) made.className = name;
  return made;
}

function fail(error) {
  $("error").textContent = `The network cannot run here: ${error.message}. A current Chrome, Edge, Firefox or Safari can.`;
  $("error").hidden = false;
}

// --- the board ---

function paint() {
  const side = board.width;
  pen.clearRect(0, 0, side, side);
  pen.lineWidth = BRUSH * side;
  pen.lineCap = pen.lineJoin = "round";
  pen.strokeStyle = colour("--ink");
  for (const stroke of strokes) {
    pen.beginPath();
    for (const [x, y] of [stroke[0], ...stroke]) pen.lineTo(x * side, y * side);
    pen.stroke();
  }
  if (cursor) {
    pen.beginPath();
    pen.arc(cursor[0] * side, cursor[1] * side, BRUSH * side, 0, 7);
    pen.lineWidth = 3;
    pen.strokeStyle = colour("--accent");
    pen.stroke();
  }
  $("hint").hidden = strokes.length > 0 || cursor !== null;
}

function pointOf(event) {
  const box = board.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

function replaceDrawing(next) {
  playing++;
  [strokes, drawing, penDown] = [next, false, false];
  changed();
}

// A sample appears point by point, as if drawn.
async function play(sample) {
  replaceDrawing([]);
  const mine = playing;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  for (const stroke of sample) {
    const points = stroke.length > 8 ? stroke : dense(stroke);
    if (still) { strokes.push(points); continue; }
    strokes.push([points[0]]);
    for (const point of points) {
      await new Promise(requestAnimationFrame);
      if (mine !== playing) return;
      strokes.at(-1).push(point);
      changed();
    }
  }
  changed();
}

const dense = (stroke) => stroke.slice(1).flatMap(([bx, by], index) => {
  const [ax, ay] = stroke[index];
  return Array.from({ length: 10 }, (_, step) => [ax + (bx - ax) * step / 9, ay + (by - ay) * step / 9]);
});

board.addEventListener("pointerdown", (event) => {
  board.setPointerCapture(event.pointerId);
  playing++;
  [drawing, cursor] = [true, null];
  strokes.push([pointOf(event)]);
  changed();
});
board.addEventListener("pointermove", (event) => {
  if (!drawing) return;
  const moves = event.getCoalescedEvents?.() ?? [];
  strokes.at(-1).push(...(moves.length ? moves : [event]).map(pointOf));
  changed();
});
for (const end of ["pointerup", "pointercancel"]) board.addEventListener(end, () => { drawing = false; });

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
board.addEventListener("keydown", (event) => {
  const step = STEPS[event.key];
  if (!step && event.key !== " ") return;
  event.preventDefault();
  playing++;
  const from = cursor ?? [0.5, 0.5];
  cursor = from;
  if (!step) {
    penDown = !penDown;
    if (penDown) strokes.push([from]);
  } else {
    cursor = from.map((place, axis) => Math.min(Math.max(place + step[axis] / 24, 0.05), 0.95));
    if (penDown) strokes.at(-1).push(cursor);
  }
  changed();
});
const clear = () => replaceDrawing([]);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") clear();
  if (digits && /^[0-9]$/.test(event.key)) play(SAMPLES[event.key]);
});
board.addEventListener("blur", () => { [penDown, cursor] = [false, null]; paint(); });
$("clear").addEventListener("click", clear);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => changed());

// --- the answer ---

function softmax(scores) {
  const top = Math.max(...scores), powers = Array.from(scores, (score) => Math.exp(score - top));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

const scoresOf = (image) => network.run(image)[0].data;

function changed() {
  paint();
  if (!network) return;
  const image = imageOf(strokes, facts.input, digits);
  const chances = strokes.length ? softmax(scoresOf(image)) : facts.classes.map(() => 0);
  const order = chances.map((_, index) => index).sort((a, b) => chances[b] - chances[a]);
  const shown = facts.classes.length > 10 ? order.slice(0, 10) : [...facts.classes.keys()];
  $("bars").replaceChildren();
  for (const index of shown) {
    const row = element($("bars"), "li", "", strokes.length && index === order[0] ? "first" : "");
    element(row, "span", facts.classes[index]);
    element(row, "i").style.setProperty("--p", chances[index]);
    element(row, "span", strokes.length ? `${(100 * chances[index]).toFixed(1)} %` : "");
  }
  $("best").className = Math.max(...facts.classes.map((name) => name.length)) > 2 ? "word" : "";
  const [best, how] = $("best").children;
  best.textContent = strokes.length ? facts.classes[order[0]] : "–";
  const chance = chances[order[0]];
  const sure = chance > 0.9 ? "quite sure" : chance > 0.6 ? "fairly sure" : "not sure";
  how.textContent = strokes.length ? sure : "nothing yet";
  clearTimeout(telling);
  telling = setTimeout(() => { $("spoken").textContent = `${best.textContent}, ${how.textContent}`; }, 700);
  inside(image);
}

// --- what happens inside ---

let figures;

function buildInside() {
  const add = (width, height, scale, caption) => {
    const figure = element($("inside"), "figure"), canvas = element(figure, "canvas");
    [canvas.width, canvas.height, canvas.style.width] = [width, height, `${width * scale}px`];
    element(figure, "figcaption", caption);
    return canvas;
  };
  const [channels, height, width] = facts.input;
  figures = [add(width, height, Math.max(128 / width, 1), `Input: ${width} × ${height}${channels > 1 ? ", grey" : ""}`)];
  if (!view) return;
  view.outputs.forEach(({ shape: [maps, rows, columns] }, index) => {
    const across = Math.ceil(Math.sqrt(maps * 2 * rows / columns)), down = Math.ceil(maps / across);
    const wide = across * (columns + 1) - 1;
    const canvas = add(wide, down * (rows + 1) - 1, Math.max(Math.round(200 / wide), 1),
      `${["Early", "Midway", "Late"][view.outputs.length === 1 ? 0 : index]}: ${maps} maps of signs`);
    canvas.dataset.across = across;
    figures.push(canvas);
  });
  $("inside-note").textContent = "Each small map is one feature the network looks for; a lit square is a plus, a pale "
    + "one a minus. This is all that flows from one binary layer to the next: one bit a square.";
}

function rgb(name) {
  const value = parseInt(colour(name).slice(1).padEnd(6, "f"), 16);
  return [value >> 16, value >> 8 & 255, value & 255];
}

function fill(canvas, pixel) {
  const context = canvas.getContext("2d"), picture = context.createImageData(canvas.width, canvas.height);
  for (let y = 0, at = 0; y < canvas.height; y++) {
    for (let x = 0; x < canvas.width; x++, at += 4) {
      const shade = pixel(x, y);
      if (shade) picture.data.set([...shade, 255], at);
    }
  }
  context.putImageData(picture, 0, 0);
}

function inside(image) {
  const paper = rgb("--paper"), ink = rgb("--ink"), plus = rgb("--accent"), minus = rgb("--rule");
  const width = facts.input[2];
  fill(figures[0], (x, y) => {
    const share = image[y * width + x] / 255;
    return paper.map((value, index) => value + (ink[index] - value) * share);
  });
  if (!view) return;
  view.run(image).forEach(({ shape: [maps, rows, columns], data }, index) => {
    const canvas = figures[index + 1], across = Number(canvas.dataset.across);
    fill(canvas, (x, y) => {
      const map = (x / (columns + 1) | 0) + across * (y / (rows + 1) | 0);
      const column = x % (columns + 1), row = y % (rows + 1);
      if (map >= maps || column === columns || row === rows) return null;
      return data[(map * rows + row) * columns + column] > 0 ? plus : minus;
    });
  });
}

// --- facts ---

let latency;

function describe() {
  $("intro").textContent = facts.binaryLayers
    ? `Nearly all it knows is ${facts.binaryWeights.toLocaleString("en")} weights of one bit each.` : "";
  const card = (value, text) => {
    const made = element($("facts"), "div", "", "card");
    element(made, "span", text, "").before(element(made, "b", value));
    return made.firstChild;
  };
  latency = card("…", "for one image, measured here, one thread");
  card(size(facts.bytes), `is the whole network, ${number(facts.floatBytes / facts.bytes)} times smaller than as float32 (${size(facts.floatBytes)})`);
  card(`${number(100 * facts.binaryWeights / (facts.binaryWeights + facts.otherNumbers))} %`,
    `of its numbers are single bits, in ${facts.binaryLayers} binary layers`);
  $("small-print").textContent = `Latency: the median of 15 rounds of repeated runs of the whole network, WebAssembly `
    + `target "${network.target}". Numbers: weights, scales, thresholds and shifts, as they are in the compiled file. `
    + `Made by signwise export wasm.`;
  $("keys").textContent = digits
    ? "Or let the page draw: the buttons, or keys 0 to 9. Escape clears. On the board, space puts the pen down and "
      + "lifts it, arrow keys move it."
    : "On the board, space puts the pen down and lifts it, arrow keys move it. Escape clears.";
  if (!digits) return;
  SAMPLES.forEach((sample, digit) => {
    const button = element($("samples"), "button", digit);
    button.type = "button";
    button.setAttribute("aria-label", `Draw a ${digit}`);
    button.addEventListener("click", () => play(sample));
  });
}

function measure() {
  const milliseconds = network.latency();
  latency.textContent = milliseconds < 1 ? `${number(1000 * milliseconds)} µs` : `${number(milliseconds)} ms`;
}

// With #selftest: scores of made-up images and of the sample drawings, for a machine to compare.
function selftest() {
  const images = Array.from({ length: 4 }, (_, index) => (
    Float32Array.from({ length: count(facts.input) }, (_, at) => (at * at * 7 + at * 31 + index * 101) % 256)
  ));
  const scores = (image) => [...scoresOf(image)];
  const samples = digits ? SAMPLES.map((sample) => scores(imageOf(sample, facts.input, digits))) : [];
  $("selftest").textContent = JSON.stringify({ target: network.target, images: images.map(scores), samples });
}

try {
  const binary = bytesOf(facts.module);
  if (!WebAssembly.validate(binary)) throw new Error("this browser lacks WebAssembly with SIMD");
  const module = await WebAssembly.compile(binary);
  network = await Network.open(module, bytesOf(facts.plan));
  if (facts.view) view = await Network.open(module, bytesOf(facts.view));
  describe();
  buildInside();
  changed();
  if (location.hash === "#selftest") selftest();
  else if (digits) play(SAMPLES[3]).then(measure);
  else measure();
} catch (error) {
  fail(error);
}
