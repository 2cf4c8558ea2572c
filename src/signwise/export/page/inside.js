// What happens inside: the image as the network gets it, and maps of signs on its way through.

const TALL = 140; // of a picture, in pixels

const SLANTS = `The network sees a drawing at ${LEANS.length} slants, since few hands wrote what it learnt from; here is `
  + "the upright one, and the answer above is the mean of all.";

class Inside {
  constructor(input, view) {
    this.view = view;
    const [channels, height, width] = this.input = input;
    const of = channels > 1 ? `${channels} times ` : "";
    this.image = this.#picture(width, height, "Input", `${of}${width} × ${height} greys`);
    const outputs = view ? view.outputs : [];
    const names = outputs.length === 1 ? ["Signs"] : ["Early signs", "Midway", "Late"];
    this.maps = outputs.map(({ shape: [maps, rows, columns] }, index) => {
      const across = columnsFor(maps, rows, columns), down = Math.ceil(maps / across);
      const size = [across * (columns + 1) - 1, down * (rows + 1) - 1];
      return { across, canvas: this.#picture(...size, names[index], `${maps} maps, ${columns} × ${rows}`) };
    });
    const note = $("inside-note");
    if (!view) {
      note.textContent = "No binary layer of this network reads a plane of signs, so there are no maps to show.";
      return;
    }
    element(note, "span", "", "key");
    note.append("plus  ");
    element(note, "span", "", "key minus");
    note.append("minus. Each small map is one feature the network looks for. One bit a square is all that a binary "
      + `layer reads. ${facts.digits ? SLANTS : ""}`);
  }

  #picture(width, height, title, caption) {
    const figure = element($("inside"), "figure"), canvas = element(figure, "canvas");
    const scale = Math.max(Math.round(TALL / height), 1);
    [canvas.width, canvas.height, canvas.style.width] = [width, height, `${width * scale}px`];
    const words = element(figure, "figcaption");
    element(words, "b", title);
    words.append(caption);
    return canvas;
  }

  show(image) {
    const paper = rgb("--paper"), ink = rgb("--ink"), plus = rgb("--accent"), minus = rgb("--minus");
    const width = this.input[2];
    fill(this.image, (x, y) => {
      const share = image[y * width + x] / 255;
      return paper.map((value, index) => value + (ink[index] - value) * share);
    });
    this.view?.run(image).forEach(({ shape: [maps, rows, columns], data }, index) => {
      const { across, canvas } = this.maps[index];
      fill(canvas, (x, y) => {
        const map = (x / (columns + 1) | 0) + across * (y / (rows + 1) | 0);
        const column = x % (columns + 1), row = y % (rows + 1);
        if (map >= maps || column === columns || row === rows) return null;
        return data[(map * rows + row) * columns + column] > 0 ? plus : minus;
      });
    });
  }
}

// Maps in a row, so that the whole is half as wide again as high and few places stay empty.
function columnsFor(maps, rows, columns) {
  const cost = (across) => {
    const down = Math.ceil(maps / across);
    return Math.abs(Math.log(across * columns / (down * rows) / 1.5)) + (across * down - maps) / maps;
  };
  return Array.from({ length: maps }, (_, index) => index + 1).reduce((a, b) => (cost(b) < cost(a) ? b : a));
}

function rgb(name) {
  const short = colour(name).slice(1), long = short.length === 3 ? short.replace(/./g, "$&$&") : short;
  return [0, 2, 4].map((at) => parseInt(long.slice(at, at + 2), 16));
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
