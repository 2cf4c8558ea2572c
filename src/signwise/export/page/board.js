// The board: strokes by finger, pen, mouse or keyboard, and samples that the page draws by itself.

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

class Board {
  strokes = [];
  sampled = false; // the page drew what is there; the visitor's first stroke replaces it
  #drawing = false;
  #cursor = null; // the keyboard's pen
  #penDown = false;
  #playing = 0;

  constructor(canvas, changed) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.changed = changed;
    canvas.addEventListener("pointerdown", (event) => this.#press(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { this.#drawing = false; });
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => { [this.#penDown, this.#cursor] = [false, null]; this.paint(); });
  }

  clear() { this.#start(false); this.changed(); }

  // The drawing appears point by point, as if by hand.
  async play(sample) {
    this.#start(true);
    const mine = this.#playing;
    for (const stroke of sample) {
      this.strokes.push([stroke[0]]);
      for (const point of dense(stroke)) {
        if (!still()) await new Promise(requestAnimationFrame);
        if (mine !== this.#playing) return;
        this.strokes.at(-1).push(point);
        if (!still()) this.changed();
      }
    }
    this.changed();
  }

  #start(sampled) {
    this.#playing++;
    [this.strokes, this.sampled, this.#drawing, this.#penDown] = [[], sampled, false, false];
  }

  #stroke(point) {
    if (this.sampled) this.#start(false);
    this.strokes.push([point]);
  }

  #press(event) {
    if (event.button || !event.isPrimary) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.#cursor = null;
    this.#stroke(this.#place(event));
    this.#drawing = true;
    this.changed();
  }

  #move(event) {
    if (!this.#drawing || !event.isPrimary) return;
    const moves = event.getCoalescedEvents?.() ?? [];
    this.strokes.at(-1).push(...(moves.length ? moves : [event]).map((move) => this.#place(move)));
    this.changed();
  }

  #key(event) {
    const step = STEPS[event.key];
    if (!step && event.key !== " ") return;
    event.preventDefault();
    this.#cursor ??= [0.5, 0.5];
    if (step) {
      this.#cursor = this.#cursor.map((at, axis) => Math.min(Math.max(at + step[axis] / 24, 0.05), 0.95));
      if (this.#penDown) this.strokes.at(-1).push(this.#cursor);
    } else if (this.#penDown) {
      this.#penDown = false;
    } else {
      this.#stroke(this.#cursor);
      this.#penDown = true;
    }
    this.changed();
  }

  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  paint() {
    const side = this.canvas.width, pen = this.pen;
    pen.clearRect(0, 0, side, side);
    pen.lineWidth = BRUSH * side;
    pen.lineCap = pen.lineJoin = "round";
    pen.strokeStyle = colour(this.sampled ? "--accent" : "--ink");
    for (const stroke of this.strokes) {
      pen.beginPath();
      for (const [x, y] of [stroke[0], ...stroke]) pen.lineTo(x * side, y * side);
      pen.stroke();
    }
    if (this.#cursor) {
      pen.beginPath();
      pen.arc(this.#cursor[0] * side, this.#cursor[1] * side, BRUSH * side, 0, 7);
      pen.lineWidth = this.#penDown ? 10 : 4;
      pen.strokeStyle = colour("--accent");
      pen.stroke();
    }
    const [words, how] = $("hint").children;
    $("hint").hidden = !this.sampled && (this.strokes.length > 0 || this.#cursor !== null);
    $("hint").className = this.sampled ? "turn" : "";
    words.textContent = facts.digits ? "Draw a digit" : "Draw here";
    how.textContent = this.sampled ? "Your turn: draw over it" : "with a finger, a pen or a mouse";
    $("clear").hidden = !this.strokes.length;
  }
}

const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// Enough points to be drawn slowly.
const dense = (stroke) => (stroke.length > 8 ? stroke.slice(1) : stroke.slice(1).flatMap(([bx, by], index) => {
  const [ax, ay] = stroke[index];
  return Array.from({ length: 10 }, (_, step) => [ax + (bx - ax) * (step + 1) / 10, ay + (by - ay) * (step + 1) / 10]);
}));
