// The answer: the best class in large, a bar for each class.

const SHOWN = 10; // of many classes, the best

function softmax(scores) {
  const top = Math.max(...scores), powers = Array.from(scores, (score) => Math.exp(score - top));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

const percent = (share) => `${(100 * share).toFixed(share < 0.0005 || share > 0.9995 ? 0 : 1)} %`;

class Answer {
  #telling = 0;

  constructor(classes) {
    this.classes = classes;
    const longest = Math.max(...classes.map((name) => name.length));
    document.querySelector(".answer").classList.toggle("short", longest < 3 && classes.length <= SHOWN);
    this.rows = classes.slice(0, SHOWN).map(() => {
      const row = element($("bars"), "li");
      return { row, name: element(row, "span"), bar: element(row, "i"), share: element(row, "span") };
    });
  }

  // The mean over the images of a drawing; null where nothing is drawn.
  show(scores) {
    const each = scores?.map(softmax) ?? [];
    const chances = this.classes.map((_, index) => each.reduce((sum, one) => sum + one[index] / each.length, 0));
    const order = chances.map((_, index) => index).sort((a, b) => chances[b] - chances[a]);
    const shown = this.classes.length > SHOWN ? order : [...this.classes.keys()];
    this.rows.forEach(({ row, name, bar, share }, place) => {
      const index = shown[place];
      name.textContent = this.classes[index];
      bar.style.setProperty("--p", chances[index]);
      share.textContent = scores ? percent(chances[index]) : "";
      row.className = scores && index === order[0] ? "first" : "";
    });
    const [best, how] = $("best").children, chance = chances[order[0]];
    best.textContent = scores ? this.classes[order[0]] : "–";
    const sure = chance > 0.9 ? "quite sure" : chance > 0.6 ? "fairly sure" : "not sure";
    how.textContent = scores ? sure : "nothing drawn yet";
    clearTimeout(this.#telling);
    this.#telling = setTimeout(() => { $("spoken").textContent = `${best.textContent}, ${how.textContent}`; }, 700);
  }
}
