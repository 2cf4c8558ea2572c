// A drawing is a list of strokes, a stroke a list of points [x, y] from 0 to 1. Here it becomes the network's image.

const FINE = 4; // small squares a side of each pixel: the digits of UCI are 32x32 bitmaps, counted in blocks of 4x4
const BRUSH = 0.07; // of the board's width
const INK = 0.3; // share of black in a UCI digit; it is the same for all ten
const LEANS = [-0.45, -0.3, -0.15, 0, 0.15, 0.3, 0.45]; // few hands wrote the digits: a drawing is seen at each slant

// Squared distance of each small square's centre to the strokes.
function distances(strokes, width, height) {
  const found = new Float64Array(width * height).fill(Infinity);
  for (const stroke of strokes) {
    for (let index = 0; index < stroke.length; index++) {
      const [ax, ay] = stroke[Math.max(index - 1, 0)], [bx, by] = stroke[index];
      const dx = bx - ax, dy = by - ay, length = dx * dx + dy * dy;
      for (let y = 0, at = 0; y < height; y++) {
        for (let x = 0; x < width; x++, at++) {
          const px = x + 0.5 - ax, py = y + 0.5 - ay;
          const t = length ? Math.min(Math.max((px * dx + py * dy) / length, 0), 1) : 0;
          found[at] = Math.min(found[at], (px - t * dx) ** 2 + (py - t * dy) ** 2);
        }
      }
    }
  }
  return found;
}

// Without points that are closer than the drawing can tell.
function thin(stroke) {
  const kept = [stroke[0]];
  for (const [x, y] of stroke) {
    const [lastX, lastY] = kept.at(-1);
    if ((x - lastX) ** 2 + (y - lastY) ** 2 > 0.015 ** 2) kept.push([x, y]);
  }
  return kept;
}

// As the digits were made: as high as the image, at most 0.7 as wide, centred.
function fitDigit(strokes, width, height, lean) {
  const leaning = strokes.map((stroke) => stroke.map(([x, y]) => [x + lean * y, y]));
  const points = leaning.flat(), pen = 0.14 * height;
  const span = (axis) => {
    const along = points.map((point) => point[axis]);
    return [Math.min(...along), Math.max(...along)];
  };
  const [left, right] = span(0), [top, bottom] = span(1);
  const tall = Math.max(bottom - top, 0.25 * (right - left), 1e-6);
  const scaleY = (height - pen) / tall;
  const scaleX = Math.min(1.1 * scaleY, (0.7 * width - pen) / Math.max(right - left, 1e-6));
  return leaning.map((stroke) => stroke.map(([x, y]) => [
    width / 2 + (x - (left + right) / 2) * scaleX, height / 2 + (y - (top + bottom) / 2) * scaleY,
  ]));
}

// (C, H, W) pixel values 0 to 255; a lean is a digit's, which is fitted and drawn with a pen that gives equal ink.
function imageOf(strokes, [channels, rows, columns], lean = null) {
  const image = new Float32Array(channels * rows * columns);
  if (!strokes.length) return image;
  const width = columns * FINE, height = rows * FINE;
  const scaled = strokes.map((stroke) => thin(stroke).map(([x, y]) => [x * width, y * height]));
  const far = distances(lean === null ? scaled : fitDigit(scaled, width, height, lean), width, height);
  const pen = lean === null ? (BRUSH / 2 * width) ** 2 : Float64Array.from(far).sort()[Math.round(INK * far.length)];
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      if (far[at] <= pen) image[(y / FINE | 0) * columns + (x / FINE | 0)] += 1;
    }
  }
  // Values of the digits are whole sixteenths, brought to 0 to 255 and rounded.
  const plane = rows * columns;
  for (let at = 0; at < plane; at++) image[at] = Math.round(image[at] * 255 / (FINE * FINE));
  for (let channel = 1; channel < channels; channel++) image.copyWithin(channel * plane, 0, plane);
  return image;
}

const arc = (x, y, rx, ry, from, to) => Array.from({ length: 25 }, (_, index) => {
  const angle = (from + (to - from) * index / 24) * Math.PI / 180;
  return [x + rx * Math.cos(angle), y + ry * Math.sin(angle)];
});

// The ten digits as a hand draws them.
const SAMPLES = [
  [arc(0.5, 0.5, 0.2, 0.34, -90, 275)],
  [[[0.38, 0.3], [0.54, 0.16], [0.54, 0.84]]],
  [[...arc(0.48, 0.34, 0.19, 0.19, -170, 40), [0.29, 0.84], [0.72, 0.84]]],
  [[...arc(0.46, 0.33, 0.19, 0.17, -150, 90), ...arc(0.46, 0.67, 0.22, 0.18, -90, 150)]],
  [[[0.52, 0.15], [0.27, 0.6], [0.74, 0.6]], [[0.61, 0.4], [0.58, 0.86]]],
  [[[0.68, 0.16], [0.37, 0.16], [0.34, 0.46], ...arc(0.48, 0.63, 0.21, 0.21, -120, 145)]],
  [[[0.6, 0.14], ...arc(0.49, 0.64, 0.2, 0.2, -160, 200), [0.3, 0.6]]],
  [[[0.28, 0.17], [0.72, 0.17], [0.45, 0.85]], [[0.38, 0.52], [0.66, 0.52]]],
  [arc(0, 0, 1, 1, 0, 360).map(([x, y]) => [0.5 + 0.34 * x * y + 0.04 * x, 0.5 - 0.34 * x])],
  [[...arc(0.5, 0.34, 0.19, 0.19, 0, -360), [0.68, 0.5], [0.62, 0.85]]],
];
