// src/arithmetic.ts
var stepText = (step) => `${step.left}${step.operator}${step.right}=${step.value}`, work = (left, operator, right) => operator === "+" ? left + right : operator === "-" ? left - right : left * right;
function claimed(text) {
  let found = /^(\d+)([-+*])(\d+)=(\d+)$/u.exec(text);
  return found && {
    left: Number(found[1]),
    operator: found[2],
    right: Number(found[3]),
    value: Number(found[4]),
    sources: [null, null]
  };
}
function workOut(text) {
  let tokens = Array.from(text.matchAll(/\d+|[^\s\d]/gu), ([token2]) => ({ "×": "*", "·": "*", "−": "-" })[token2] ?? token2), [steps, numbers] = [[], []], known = /* @__PURE__ */ new Map(), at = 0, token = () => tokens.at(at);
  function fail() {
    let where = token() === void 0 ? "it ends too early" : `"${tokens[at]}" cannot stand there`;
    throw new Error(`${where}: write whole numbers with + - * and parentheses, such as (3+4)*2`);
  }
  function operand() {
    let first = token();
    if (first === "(") {
      at++;
      let inner = sum();
      return token() !== ")" && fail(), at++, inner;
    }
    return (first === void 0 || !/^\d+$/u.test(first)) && fail(), at++, numbers.push(Number(first)), { value: Number(first), step: null };
  }
  function chain(operators, next) {
    let left = next();
    for (let operator = token(); operator !== void 0 && operators.includes(operator); operator = token())
      at++, left = combine(left, operator, next());
    return left;
  }
  function combine(left, operator, right) {
    let neutral = operator === "*" ? 1 : 0;
    if (right.step === null && right.value === neutral) return left;
    if (operator !== "-" && left.step === null && left.value === neutral) return right;
    let side2 = (part) => part.step === null ? `${part.value}` : `s${part.step}`, key = `${side2(left)}${operator}${side2(right)}`, value = work(left.value, operator, right.value), step = known.get(key);
    return step === void 0 && (step = steps.length, known.set(key, step), steps.push({ left: left.value, operator, right: right.value, value, sources: [left.step, right.step] })), { value, step };
  }
  let product = () => chain("*", operand), sum = () => chain("+-", product), whole = sum();
  return at < tokens.length && fail(), { steps, value: whole.value, numbers };
}
function verify(needed, chain) {
  let left = new Set(needed.keys()), inPlace = chain.map((text) => {
    let fit = [...left].find((i) => stepText(needed[i]) === text && used(needed[i]).every((j) => !left.has(j)));
    return fit !== void 0 && left.delete(fit);
  }), done = needed.length - left.size;
  return { needed: needed.length, done, inPlace, right: left.size === 0 && chain.length === needed.length };
}
var used = (step) => step.sources.filter((source) => source !== null);
function replaced(needed, chain, place, put) {
  let order = [];
  for (let text of chain) {
    let fit = needed.findIndex(
      (step, i) => stepText(step) === text && !order.includes(i) && used(step).every((j) => order.includes(j))
    );
    if (fit < 0) return null;
    order.push(fit);
  }
  if (order.length !== needed.length || place >= order.length) return null;
  let made = [];
  return order.forEach((i, at) => {
    let { operator, sources, left, right } = needed[i], worth = (number, source) => source === null ? number : made[source].value, [first, second] = [worth(left, sources[0]), worth(right, sources[1])];
    made[i] = at === place ? { ...put, sources } : { left: first, operator, right: second, value: work(first, operator, second), sources };
  }), made.some((step) => step.value < 0) ? null : { chain: order.map((i) => made[i]), needed: made };
}

// src/dom.ts
function element(tag, attributes = {}, ...children) {
  let made = document.createElement(tag);
  for (let [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made.append(...children), made;
}
function button(text, press, attributes = {}) {
  let made = element("button", { type: "button", ...attributes }, text);
  return made.addEventListener("click", press), made;
}
function shape(tag, attributes = {}, ...children) {
  let made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (let [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made.append(...children), made;
}
function colour(name, at) {
  let probe = element("span", { style: `color: var(${name})` });
  at.append(probe);
  let found = getComputedStyle(probe).color;
  return probe.remove(), found;
}
function themed(node) {
  let root2 = node.getRootNode();
  return root2 instanceof ShadowRoot ? root2.host : document.documentElement;
}
function isDark(node) {
  let { theme: theme2 } = themed(node).dataset;
  return theme2 === "dark" || theme2 !== "light" && matchMedia("(prefers-color-scheme: dark)").matches;
}
function sized(canvas) {
  let pen = canvas.getContext("2d");
  if (!pen) throw new Error("this browser has no canvas to draw on: try a newer one");
  let { clientWidth: width, clientHeight: height } = canvas, scale = devicePixelRatio || 1;
  return canvas.width = Math.round(width * scale), canvas.height = Math.round(height * scale), pen.setTransform(scale, 0, 0, scale, 0, 0), { pen, width, height };
}

// src/math.ts
function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
function linear(weight, x, bias) {
  let m = x.length, y = new Float32Array(weight.length / m);
  for (let i = 0, k = 0; i < y.length; i++) {
    let sum = bias ? bias[i] : 0;
    for (let j = 0; j < m; j++, k++) sum += weight[k] * x[j];
    y[i] = sum;
  }
  return y;
}
function rmsNorm(x, gain, eps) {
  let square = 0;
  for (let value of x) square += value * value;
  let scale = 1 / Math.sqrt(square / x.length + eps);
  return x.map((value, i) => value * scale * gain[i]);
}
function layerNorm(x, gain, bias) {
  let mean = 0, variance = 0;
  for (let value of x) mean += value / x.length;
  for (let value of x) variance += (value - mean) ** 2 / x.length;
  let scale = 1 / Math.sqrt(variance + 1e-5);
  return x.map((value, i) => (value - mean) * scale * gain[i] + bias[i]);
}
function erf(x) {
  let size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  let term2 = size, sum = size;
  for (let n = 1; term2 > 1e-17 * sum; n++)
    term2 *= 2 * size * size / (2 * n + 1), sum += term2;
  return Math.sign(x) * 2 * Math.exp(-size * size) * sum / Math.sqrt(Math.PI);
}
var normalCdf = (x) => 0.5 * (1 + erf(x / Math.SQRT2)), gelu = (x) => x.map((value) => value * normalCdf(value)), silu = (value) => value / (1 + Math.exp(-value));
function argmax(values) {
  let best = 0;
  for (let i = 1; i < values.length; i++) values[i] > values[best] && (best = i);
  return best;
}
function softmax(logits) {
  let top = logits[argmax(logits)], shares = logits.map((logit) => Math.exp(logit - top)), sum = shares.reduce((total, share) => total + share, 0);
  return shares.map((share) => share / sum);
}
function logProbability(logits, index) {
  let top = logits[argmax(logits)], sum = 0;
  for (let logit of logits) sum += Math.exp(logit - top);
  return logits[index] - top - Math.log(sum);
}
function normal(random) {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

// src/move/plane.ts
var Plane = class {
  origin;
  /** Where the two others lie, and the middle of what is shown. */
  first;
  second;
  centre;
  /** From the centre to each edge of what is shown. */
  reach;
  /** How far out of the plane the third thought lies. */
  depth;
  axes;
  constructor(origin, first, second, third) {
    this.origin = origin;
    let [a, b, c] = [first, second, third].map((other) => other.map((value, i) => value - origin[i])), right = unit(a.map((value, i) => value + b[i]), []), up = unit(a.map((value, i) => value - b[i]), [right]);
    this.axes = [right, up, unit(c, [right, up])], this.first = this.coordinates(first), this.second = this.coordinates(second), this.depth = dot(c, this.axes[2]);
    let x = (Math.min(0, this.first[0], this.second[0]) + Math.max(0, this.first[0], this.second[0])) / 2, y = (this.first[1] + this.second[1]) / 2;
    this.centre = [x, y, 0];
    let far = [[0, 0], this.first, this.second].map(([px, py]) => Math.max(Math.abs(px - x), Math.abs(py - y)));
    this.reach = 1.55 * Math.max(...far);
  }
  at([x, y, z]) {
    let [right, up, out] = this.axes;
    return this.origin.map((value, i) => value + x * right[i] + y * up[i] + z * out[i]);
  }
  coordinates(latent) {
    let away = latent.map((value, i) => value - this.origin[i]), [x, y, z] = this.axes.map((axis) => dot(away, axis));
    return [x, y, z];
  }
  /** What lies in no direction of the three. */
  rest(vector) {
    return without(vector, this.axes);
  }
  /** The covariance of N(., diag(exp(logvar))) in the plane: xx, xy, yy. */
  covariance(logvar) {
    let [right, up] = this.axes, sum = (a, b) => a.reduce((total, value, i) => total + value * b[i] * Math.exp(logvar[i]), 0);
    return [sum(right, right), sum(right, up), sum(up, up)];
  }
}, distance = (x, y) => Math.sqrt(x.reduce((sum, value, i) => sum + (value - y[i]) ** 2, 0));
function without(vector, axes) {
  let left = vector;
  for (let axis of axes) {
    let share = dot(left, axis);
    left = left.map((value, i) => value - share * axis[i]);
  }
  return left;
}
function unit(vector, axes) {
  for (let i = -1; i < vector.length; i++) {
    let own = without(i < 0 ? vector : vector.map((_, j) => j === i ? 1 : 0), axes), length = Math.sqrt(dot(own, own));
    if (length > 1e-3) return own.map((value) => value / length);
  }
  throw new Error(`${axes.length} directions fill a space of ${vector.length}: there is no other`);
}

// src/move/experiment.ts
var HOWS = ["dragged", "noise", "swapped", "typed"], Experiment = class {
  question;
  /** As it was thought without edits. */
  original;
  /** With the edits. */
  edited;
  edits = /* @__PURE__ */ new Map();
  past = [];
  /** Marks of the planes of thoughts that were not edited. */
  chosen = /* @__PURE__ */ new Map();
  near = /* @__PURE__ */ new Map();
  live;
  /** @throws Error for a question with words that the planner does not know. */
  constructor(live, question) {
    this.live = live, this.question = question, this.original = this.edited = live.planner.think(question);
  }
  get thoughts() {
    return Math.max(this.original.thoughts.length, this.edited.thoughts.length);
  }
  list() {
    return [...this.edits.values()].sort((a, b) => a.thought - b.thought);
  }
  edit(thought) {
    return this.edits.get(thought);
  }
  /** The step that was typed in the place of a thought, and is still there. */
  typed(thought) {
    let edit = this.edits.get(thought);
    return edit?.how === "typed" && typeof edit.first == "string" ? edit.first : void 0;
  }
  /** Remember the edits as they are, for `undo`. */
  remember() {
    this.past.push(this.edits);
  }
  get canUndo() {
    return this.past.length > 0;
  }
  undo() {
    this.edits = this.past.pop() ?? this.edits, this.think();
  }
  put(edit) {
    this.edits = new Map([...this.edits, [edit.thought, edit]]), this.think();
  }
  drop(thought) {
    this.edits = new Map([...this.edits].filter(([t]) => t !== thought)), this.think();
  }
  /** The trace with the edits of earlier thoughts alone: where thought t comes from. */
  before(thought) {
    return this.run(this.list().filter((edit) => edit.thought < thought));
  }
  /** Where a thought is now, in its plane. */
  placeOf(thought) {
    return this.edits.get(thought)?.place ?? [0, 0, 0];
  }
  marksOf(thought) {
    let edit = this.edits.get(thought);
    return edit ? [edit.first, edit.second] : this.chosen.get(thought) ?? this.marks(thought);
  }
  /** The plane of a thought now. */
  plane(thought, before = this.before(thought)) {
    return this.planeOf(before, thought, ...this.marksOf(thought));
  }
  /** The latent of a place in a thought's plane, with the noise that was added. */
  latent(thought, plane, place) {
    let rest2 = this.rest(this.edits.get(thought)?.seeds ?? [], this.original, thought, plane), at = plane.at(place);
    return rest2 ? at.map((value, i) => value + rest2[i]) : at;
  }
  /** An edit that moves a thought within its plane. */
  moved(thought, place) {
    let [first, second] = this.marksOf(thought), before = this.edits.get(thought);
    return { thought, first, second, place, seeds: before?.seeds ?? [], how: "dragged" };
  }
  /** An edit that adds noise as wide as the planner's own cloud. */
  noisy(thought, seed) {
    let plane = this.plane(thought), noise = this.noise(this.original, thought, seed), shift = plane.coordinates(plane.origin.map((value, i) => value + noise[i])), [x, y, z] = this.placeOf(thought), edit = this.moved(thought, [x + shift[0], y + shift[1], z + shift[2]]);
    return { ...edit, seeds: [...edit.seeds, seed], how: "noise" };
  }
  /** An edit that puts another thought in the place of one. */
  swapped(thought, mark2) {
    let [first, second] = this.marksOf(thought), how2 = typeof mark2 == "string" ? "typed" : "swapped", marks = mark2 === second && how2 === "swapped" ? [first, second] : [mark2, mark2 === first ? second : first], plane = this.planeOf(this.before(thought), thought, ...marks);
    return { thought, first: marks[0], second: marks[1], place: plane.coordinates(this.latentOf(mark2)), seeds: [], how: how2 };
  }
  textOf(mark2) {
    return typeof mark2 == "string" ? mark2 : this.live.landmarks[mark2].text;
  }
  /** Other thoughts in the same place of their questions that read differently, each text once, the nearest first. */
  nearest(thought) {
    let known = this.near.get(thought) ?? this.sorted(thought);
    return this.near.set(thought, known), known;
  }
  sorted(thought) {
    let trace = this.original.thoughts.length >= thought ? this.original : this.edited, [own, origin] = [trace.steps[thought - 1]?.text, trace.thoughts[thought - 1].latent], same = (mark2) => mark2.place === thought, { landmarks } = this.live, fitting = landmarks.filter(same).length > 3 ? same : () => !0, far = landmarks.map((mark2, index) => ({ mark: mark2, index, far: distance(mark2.latent, origin) })), seen = /* @__PURE__ */ new Set([own]);
    return far.filter(({ mark: mark2 }) => fitting(mark2)).sort((a, b) => a.far - b.far).filter(({ mark: mark2 }) => !seen.has(mark2.text) && seen.add(mark2.text)).map(({ index }) => index);
  }
  /** The edits, for a link. */
  write() {
    return this.list().map(
      ({ thought, first, second, place, seeds, how: how2 }) => [thought, first, second, ...place.map((value) => value.toFixed(2)), seeds.join("."), HOWS.indexOf(how2)].join(",")
    ).join(";");
  }
  /** The edits of a link; what makes no sense there is left out. */
  read(text) {
    for (let part of text.split(";")) {
      let [thought, first, second, x, y, z, seeds, how2] = part.split(","), marks = [first, second].map((mark2) => /^\d+$/u.test(mark2) ? Number(mark2) : mark2), place = [x, y, z].map(Number), known = marks.every((mark2) => typeof mark2 == "string" || mark2 < this.live.landmarks.length), within = Number(thought) >= 1 && Number(thought) <= this.thoughts;
      !known || !within || !place.every(Number.isFinite) || this.put({
        thought: Number(thought),
        first: marks[0],
        second: marks[1],
        place: [place[0], place[1], place[2]],
        seeds: seeds ? seeds.split(".").map(Number) : [],
        how: HOWS[Number(how2)] ?? "dragged"
      });
    }
  }
  think() {
    this.edited = this.run(this.list());
  }
  run(edits) {
    let trace = this.original;
    for (let { thought, first, second, place, seeds } of edits) {
      if (thought > trace.thoughts.length) continue;
      let plane = this.planeOf(trace, thought, first, second), rest2 = this.rest(seeds, this.original, thought, plane), at = plane.at(place), latent = rest2 ? at.map((value, i) => value + rest2[i]) : at;
      trace = this.live.planner.rethink(trace, new Map([...trace.edits, [thought, latent]]));
    }
    return trace;
  }
  planeOf(before, thought, first, second) {
    let third = this.nearest(thought).find((index) => index !== first && index !== second) ?? 0, [a, b, c] = [first, second, third].map((mark2) => this.latentOf(mark2));
    return new Plane(before.thoughts[thought - 1].latent, a, b, c);
  }
  marks(thought) {
    let { opening } = this.live, nearest = this.nearest(thought), here = opening?.question === this.question && opening.place === thought ? opening.landmarks : [], [first, second] = [...here, ...nearest.filter((index) => !here.includes(index))];
    return this.chosen.set(thought, [first, second]), [first, second];
  }
  latentOf(mark2) {
    return typeof mark2 == "string" ? this.live.planner.thought(mark2)[0] : this.live.landmarks[mark2].latent;
  }
  noise(trace, thought, seed) {
    let { logvars, means } = trace.thoughts[Math.min(thought, trace.thoughts.length) - 1].distribution, random = stream(seed);
    return means[0].map((_, i) => (logvars ? Math.exp(0.5 * logvars[0][i]) : 0.5) * normal(random));
  }
  rest(seeds, trace, thought, plane) {
    if (!seeds.length) return null;
    let noises = seeds.map((seed) => this.noise(trace, thought, seed));
    return plane.rest(noises[0].map((_, i) => noises.reduce((sum, noise) => sum + noise[i], 0)));
  }
};
function stream(seed) {
  let state = seed >>> 0;
  return () => {
    state = state + 1831565813 >>> 0;
    let mixed = Math.imul(state ^ state >>> 15, state | 1);
    return mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61), ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  };
}

// node_modules/d3-color/src/define.js
function define_default(constructor, factory, prototype) {
  constructor.prototype = factory.prototype = prototype, prototype.constructor = constructor;
}
function extend(parent, definition) {
  var prototype = Object.create(parent.prototype);
  for (var key in definition) prototype[key] = definition[key];
  return prototype;
}

// node_modules/d3-color/src/color.js
function Color() {
}
var darker = 0.7, brighter = 1 / darker, reI = "\\s*([+-]?\\d+)\\s*", reN = "\\s*([+-]?(?:\\d*\\.)?\\d+(?:[eE][+-]?\\d+)?)\\s*", reP = "\\s*([+-]?(?:\\d*\\.)?\\d+(?:[eE][+-]?\\d+)?)%\\s*", reHex = /^#([0-9a-f]{3,8})$/, reRgbInteger = new RegExp(`^rgb\\(${reI},${reI},${reI}\\)$`), reRgbPercent = new RegExp(`^rgb\\(${reP},${reP},${reP}\\)$`), reRgbaInteger = new RegExp(`^rgba\\(${reI},${reI},${reI},${reN}\\)$`), reRgbaPercent = new RegExp(`^rgba\\(${reP},${reP},${reP},${reN}\\)$`), reHslPercent = new RegExp(`^hsl\\(${reN},${reP},${reP}\\)$`), reHslaPercent = new RegExp(`^hsla\\(${reN},${reP},${reP},${reN}\\)$`), named = {
  aliceblue: 15792383,
  antiquewhite: 16444375,
  aqua: 65535,
  aquamarine: 8388564,
  azure: 15794175,
  beige: 16119260,
  bisque: 16770244,
  black: 0,
  blanchedalmond: 16772045,
  blue: 255,
  blueviolet: 9055202,
  brown: 10824234,
  burlywood: 14596231,
  cadetblue: 6266528,
  chartreuse: 8388352,
  chocolate: 13789470,
  coral: 16744272,
  cornflowerblue: 6591981,
  cornsilk: 16775388,
  crimson: 14423100,
  cyan: 65535,
  darkblue: 139,
  darkcyan: 35723,
  darkgoldenrod: 12092939,
  darkgray: 11119017,
  darkgreen: 25600,
  darkgrey: 11119017,
  darkkhaki: 12433259,
  darkmagenta: 9109643,
  darkolivegreen: 5597999,
  darkorange: 16747520,
  darkorchid: 10040012,
  darkred: 9109504,
  darksalmon: 15308410,
  darkseagreen: 9419919,
  darkslateblue: 4734347,
  darkslategray: 3100495,
  darkslategrey: 3100495,
  darkturquoise: 52945,
  darkviolet: 9699539,
  deeppink: 16716947,
  deepskyblue: 49151,
  dimgray: 6908265,
  dimgrey: 6908265,
  dodgerblue: 2003199,
  firebrick: 11674146,
  floralwhite: 16775920,
  forestgreen: 2263842,
  fuchsia: 16711935,
  gainsboro: 14474460,
  ghostwhite: 16316671,
  gold: 16766720,
  goldenrod: 14329120,
  gray: 8421504,
  green: 32768,
  greenyellow: 11403055,
  grey: 8421504,
  honeydew: 15794160,
  hotpink: 16738740,
  indianred: 13458524,
  indigo: 4915330,
  ivory: 16777200,
  khaki: 15787660,
  lavender: 15132410,
  lavenderblush: 16773365,
  lawngreen: 8190976,
  lemonchiffon: 16775885,
  lightblue: 11393254,
  lightcoral: 15761536,
  lightcyan: 14745599,
  lightgoldenrodyellow: 16448210,
  lightgray: 13882323,
  lightgreen: 9498256,
  lightgrey: 13882323,
  lightpink: 16758465,
  lightsalmon: 16752762,
  lightseagreen: 2142890,
  lightskyblue: 8900346,
  lightslategray: 7833753,
  lightslategrey: 7833753,
  lightsteelblue: 11584734,
  lightyellow: 16777184,
  lime: 65280,
  limegreen: 3329330,
  linen: 16445670,
  magenta: 16711935,
  maroon: 8388608,
  mediumaquamarine: 6737322,
  mediumblue: 205,
  mediumorchid: 12211667,
  mediumpurple: 9662683,
  mediumseagreen: 3978097,
  mediumslateblue: 8087790,
  mediumspringgreen: 64154,
  mediumturquoise: 4772300,
  mediumvioletred: 13047173,
  midnightblue: 1644912,
  mintcream: 16121850,
  mistyrose: 16770273,
  moccasin: 16770229,
  navajowhite: 16768685,
  navy: 128,
  oldlace: 16643558,
  olive: 8421376,
  olivedrab: 7048739,
  orange: 16753920,
  orangered: 16729344,
  orchid: 14315734,
  palegoldenrod: 15657130,
  palegreen: 10025880,
  paleturquoise: 11529966,
  palevioletred: 14381203,
  papayawhip: 16773077,
  peachpuff: 16767673,
  peru: 13468991,
  pink: 16761035,
  plum: 14524637,
  powderblue: 11591910,
  purple: 8388736,
  rebeccapurple: 6697881,
  red: 16711680,
  rosybrown: 12357519,
  royalblue: 4286945,
  saddlebrown: 9127187,
  salmon: 16416882,
  sandybrown: 16032864,
  seagreen: 3050327,
  seashell: 16774638,
  sienna: 10506797,
  silver: 12632256,
  skyblue: 8900331,
  slateblue: 6970061,
  slategray: 7372944,
  slategrey: 7372944,
  snow: 16775930,
  springgreen: 65407,
  steelblue: 4620980,
  tan: 13808780,
  teal: 32896,
  thistle: 14204888,
  tomato: 16737095,
  turquoise: 4251856,
  violet: 15631086,
  wheat: 16113331,
  white: 16777215,
  whitesmoke: 16119285,
  yellow: 16776960,
  yellowgreen: 10145074
};
define_default(Color, color, {
  copy(channels) {
    return Object.assign(new this.constructor(), this, channels);
  },
  displayable() {
    return this.rgb().displayable();
  },
  hex: color_formatHex,
  // Deprecated! Use color.formatHex.
  formatHex: color_formatHex,
  formatHex8: color_formatHex8,
  formatHsl: color_formatHsl,
  formatRgb: color_formatRgb,
  toString: color_formatRgb
});
function color_formatHex() {
  return this.rgb().formatHex();
}
function color_formatHex8() {
  return this.rgb().formatHex8();
}
function color_formatHsl() {
  return hslConvert(this).formatHsl();
}
function color_formatRgb() {
  return this.rgb().formatRgb();
}
function color(format) {
  var m, l;
  return format = (format + "").trim().toLowerCase(), (m = reHex.exec(format)) ? (l = m[1].length, m = parseInt(m[1], 16), l === 6 ? rgbn(m) : l === 3 ? new Rgb(m >> 8 & 15 | m >> 4 & 240, m >> 4 & 15 | m & 240, (m & 15) << 4 | m & 15, 1) : l === 8 ? rgba(m >> 24 & 255, m >> 16 & 255, m >> 8 & 255, (m & 255) / 255) : l === 4 ? rgba(m >> 12 & 15 | m >> 8 & 240, m >> 8 & 15 | m >> 4 & 240, m >> 4 & 15 | m & 240, ((m & 15) << 4 | m & 15) / 255) : null) : (m = reRgbInteger.exec(format)) ? new Rgb(m[1], m[2], m[3], 1) : (m = reRgbPercent.exec(format)) ? new Rgb(m[1] * 255 / 100, m[2] * 255 / 100, m[3] * 255 / 100, 1) : (m = reRgbaInteger.exec(format)) ? rgba(m[1], m[2], m[3], m[4]) : (m = reRgbaPercent.exec(format)) ? rgba(m[1] * 255 / 100, m[2] * 255 / 100, m[3] * 255 / 100, m[4]) : (m = reHslPercent.exec(format)) ? hsla(m[1], m[2] / 100, m[3] / 100, 1) : (m = reHslaPercent.exec(format)) ? hsla(m[1], m[2] / 100, m[3] / 100, m[4]) : named.hasOwnProperty(format) ? rgbn(named[format]) : format === "transparent" ? new Rgb(NaN, NaN, NaN, 0) : null;
}
function rgbn(n) {
  return new Rgb(n >> 16 & 255, n >> 8 & 255, n & 255, 1);
}
function rgba(r, g, b, a) {
  return a <= 0 && (r = g = b = NaN), new Rgb(r, g, b, a);
}
function rgbConvert(o) {
  return o instanceof Color || (o = color(o)), o ? (o = o.rgb(), new Rgb(o.r, o.g, o.b, o.opacity)) : new Rgb();
}
function rgb(r, g, b, opacity) {
  return arguments.length === 1 ? rgbConvert(r) : new Rgb(r, g, b, opacity ?? 1);
}
function Rgb(r, g, b, opacity) {
  this.r = +r, this.g = +g, this.b = +b, this.opacity = +opacity;
}
define_default(Rgb, rgb, extend(Color, {
  brighter(k) {
    return k = k == null ? brighter : Math.pow(brighter, k), new Rgb(this.r * k, this.g * k, this.b * k, this.opacity);
  },
  darker(k) {
    return k = k == null ? darker : Math.pow(darker, k), new Rgb(this.r * k, this.g * k, this.b * k, this.opacity);
  },
  rgb() {
    return this;
  },
  clamp() {
    return new Rgb(clampi(this.r), clampi(this.g), clampi(this.b), clampa(this.opacity));
  },
  displayable() {
    return -0.5 <= this.r && this.r < 255.5 && -0.5 <= this.g && this.g < 255.5 && -0.5 <= this.b && this.b < 255.5 && 0 <= this.opacity && this.opacity <= 1;
  },
  hex: rgb_formatHex,
  // Deprecated! Use color.formatHex.
  formatHex: rgb_formatHex,
  formatHex8: rgb_formatHex8,
  formatRgb: rgb_formatRgb,
  toString: rgb_formatRgb
}));
function rgb_formatHex() {
  return `#${hex(this.r)}${hex(this.g)}${hex(this.b)}`;
}
function rgb_formatHex8() {
  return `#${hex(this.r)}${hex(this.g)}${hex(this.b)}${hex((isNaN(this.opacity) ? 1 : this.opacity) * 255)}`;
}
function rgb_formatRgb() {
  let a = clampa(this.opacity);
  return `${a === 1 ? "rgb(" : "rgba("}${clampi(this.r)}, ${clampi(this.g)}, ${clampi(this.b)}${a === 1 ? ")" : `, ${a})`}`;
}
function clampa(opacity) {
  return isNaN(opacity) ? 1 : Math.max(0, Math.min(1, opacity));
}
function clampi(value) {
  return Math.max(0, Math.min(255, Math.round(value) || 0));
}
function hex(value) {
  return value = clampi(value), (value < 16 ? "0" : "") + value.toString(16);
}
function hsla(h, s, l, a) {
  return a <= 0 ? h = s = l = NaN : l <= 0 || l >= 1 ? h = s = NaN : s <= 0 && (h = NaN), new Hsl(h, s, l, a);
}
function hslConvert(o) {
  if (o instanceof Hsl) return new Hsl(o.h, o.s, o.l, o.opacity);
  if (o instanceof Color || (o = color(o)), !o) return new Hsl();
  if (o instanceof Hsl) return o;
  o = o.rgb();
  var r = o.r / 255, g = o.g / 255, b = o.b / 255, min = Math.min(r, g, b), max = Math.max(r, g, b), h = NaN, s = max - min, l = (max + min) / 2;
  return s ? (r === max ? h = (g - b) / s + (g < b) * 6 : g === max ? h = (b - r) / s + 2 : h = (r - g) / s + 4, s /= l < 0.5 ? max + min : 2 - max - min, h *= 60) : s = l > 0 && l < 1 ? 0 : h, new Hsl(h, s, l, o.opacity);
}
function hsl(h, s, l, opacity) {
  return arguments.length === 1 ? hslConvert(h) : new Hsl(h, s, l, opacity ?? 1);
}
function Hsl(h, s, l, opacity) {
  this.h = +h, this.s = +s, this.l = +l, this.opacity = +opacity;
}
define_default(Hsl, hsl, extend(Color, {
  brighter(k) {
    return k = k == null ? brighter : Math.pow(brighter, k), new Hsl(this.h, this.s, this.l * k, this.opacity);
  },
  darker(k) {
    return k = k == null ? darker : Math.pow(darker, k), new Hsl(this.h, this.s, this.l * k, this.opacity);
  },
  rgb() {
    var h = this.h % 360 + (this.h < 0) * 360, s = isNaN(h) || isNaN(this.s) ? 0 : this.s, l = this.l, m2 = l + (l < 0.5 ? l : 1 - l) * s, m1 = 2 * l - m2;
    return new Rgb(
      hsl2rgb(h >= 240 ? h - 240 : h + 120, m1, m2),
      hsl2rgb(h, m1, m2),
      hsl2rgb(h < 120 ? h + 240 : h - 120, m1, m2),
      this.opacity
    );
  },
  clamp() {
    return new Hsl(clamph(this.h), clampt(this.s), clampt(this.l), clampa(this.opacity));
  },
  displayable() {
    return (0 <= this.s && this.s <= 1 || isNaN(this.s)) && 0 <= this.l && this.l <= 1 && 0 <= this.opacity && this.opacity <= 1;
  },
  formatHsl() {
    let a = clampa(this.opacity);
    return `${a === 1 ? "hsl(" : "hsla("}${clamph(this.h)}, ${clampt(this.s) * 100}%, ${clampt(this.l) * 100}%${a === 1 ? ")" : `, ${a})`}`;
  }
}));
function clamph(value) {
  return value = (value || 0) % 360, value < 0 ? value + 360 : value;
}
function clampt(value) {
  return Math.max(0, Math.min(1, value || 0));
}
function hsl2rgb(h, m1, m2) {
  return (h < 60 ? m1 + (m2 - m1) * h / 60 : h < 180 ? m2 : h < 240 ? m1 + (m2 - m1) * (240 - h) / 60 : m1) * 255;
}

// node_modules/d3-color/src/math.js
var radians = Math.PI / 180, degrees = 180 / Math.PI;

// node_modules/d3-color/src/lab.js
var K = 18, Xn = 0.96422, Yn = 1, Zn = 0.82521, t0 = 4 / 29, t1 = 6 / 29, t2 = 3 * t1 * t1, t3 = t1 * t1 * t1;
function labConvert(o) {
  if (o instanceof Lab) return new Lab(o.l, o.a, o.b, o.opacity);
  if (o instanceof Hcl) return hcl2lab(o);
  o instanceof Rgb || (o = rgbConvert(o));
  var r = rgb2lrgb(o.r), g = rgb2lrgb(o.g), b = rgb2lrgb(o.b), y = xyz2lab((0.2225045 * r + 0.7168786 * g + 0.0606169 * b) / Yn), x, z;
  return r === g && g === b ? x = z = y : (x = xyz2lab((0.4360747 * r + 0.3850649 * g + 0.1430804 * b) / Xn), z = xyz2lab((0.0139322 * r + 0.0971045 * g + 0.7141733 * b) / Zn)), new Lab(116 * y - 16, 500 * (x - y), 200 * (y - z), o.opacity);
}
function lab(l, a, b, opacity) {
  return arguments.length === 1 ? labConvert(l) : new Lab(l, a, b, opacity ?? 1);
}
function Lab(l, a, b, opacity) {
  this.l = +l, this.a = +a, this.b = +b, this.opacity = +opacity;
}
define_default(Lab, lab, extend(Color, {
  brighter(k) {
    return new Lab(this.l + K * (k ?? 1), this.a, this.b, this.opacity);
  },
  darker(k) {
    return new Lab(this.l - K * (k ?? 1), this.a, this.b, this.opacity);
  },
  rgb() {
    var y = (this.l + 16) / 116, x = isNaN(this.a) ? y : y + this.a / 500, z = isNaN(this.b) ? y : y - this.b / 200;
    return x = Xn * lab2xyz(x), y = Yn * lab2xyz(y), z = Zn * lab2xyz(z), new Rgb(
      lrgb2rgb(3.1338561 * x - 1.6168667 * y - 0.4906146 * z),
      lrgb2rgb(-0.9787684 * x + 1.9161415 * y + 0.033454 * z),
      lrgb2rgb(0.0719453 * x - 0.2289914 * y + 1.4052427 * z),
      this.opacity
    );
  }
}));
function xyz2lab(t) {
  return t > t3 ? Math.pow(t, 1 / 3) : t / t2 + t0;
}
function lab2xyz(t) {
  return t > t1 ? t * t * t : t2 * (t - t0);
}
function lrgb2rgb(x) {
  return 255 * (x <= 31308e-7 ? 12.92 * x : 1.055 * Math.pow(x, 1 / 2.4) - 0.055);
}
function rgb2lrgb(x) {
  return (x /= 255) <= 0.04045 ? x / 12.92 : Math.pow((x + 0.055) / 1.055, 2.4);
}
function hclConvert(o) {
  if (o instanceof Hcl) return new Hcl(o.h, o.c, o.l, o.opacity);
  if (o instanceof Lab || (o = labConvert(o)), o.a === 0 && o.b === 0) return new Hcl(NaN, 0 < o.l && o.l < 100 ? 0 : NaN, o.l, o.opacity);
  var h = Math.atan2(o.b, o.a) * degrees;
  return new Hcl(h < 0 ? h + 360 : h, Math.sqrt(o.a * o.a + o.b * o.b), o.l, o.opacity);
}
function hcl(h, c, l, opacity) {
  return arguments.length === 1 ? hclConvert(h) : new Hcl(h, c, l, opacity ?? 1);
}
function Hcl(h, c, l, opacity) {
  this.h = +h, this.c = +c, this.l = +l, this.opacity = +opacity;
}
function hcl2lab(o) {
  if (isNaN(o.h)) return new Lab(o.l, 0, 0, o.opacity);
  var h = o.h * radians;
  return new Lab(o.l, Math.cos(h) * o.c, Math.sin(h) * o.c, o.opacity);
}
define_default(Hcl, hcl, extend(Color, {
  brighter(k) {
    return new Hcl(this.h, this.c, this.l + K * (k ?? 1), this.opacity);
  },
  darker(k) {
    return new Hcl(this.h, this.c, this.l - K * (k ?? 1), this.opacity);
  },
  rgb() {
    return hcl2lab(this).rgb();
  }
}));

// src/move/territories.ts
var [COARSE, FINE] = [8, 128], SLICE = 6, Territories = class {
  /** Cells on a side; 0 before the coarse ones are read. */
  side = 0;
  /** Row by row from the top left. */
  cells = [];
  next = [];
  timer = 0;
  waiting = !1;
  read;
  finer;
  /** @param read what is read at shares x (from the left) and y (from the top) of the side.
   *  @param finer is called when there is more to see.
   */
  constructor(read2, finer) {
    this.read = read2, this.finer = finer, this.timer = setTimeout(this.work);
  }
  /** While true, nothing is read. */
  set paused(value) {
    this.waiting = value, !value && !this.timer && this.side < FINE && (this.timer = setTimeout(this.work));
  }
  get done() {
    return this.side >= FINE;
  }
  stop() {
    clearTimeout(this.timer), this.side = FINE;
  }
  work = () => {
    if (this.timer = 0, this.waiting || this.done) return;
    let side2 = this.side ? 2 * this.side : COARSE, end = performance.now() + SLICE;
    for (; this.next.length < side2 * side2 && performance.now() < end; ) this.next.push(this.cell(this.next.length, side2));
    this.next.length === side2 * side2 && ([this.cells, this.next, this.side] = [this.next, [], side2], this.finer()), this.side < FINE && (this.timer = setTimeout(this.work));
  };
  /** Read anew where the coarser cells around differ, else taken from them. */
  cell(index, side2) {
    let [column, row] = [index % side2, Math.floor(index / side2)];
    if (this.side) {
      let coarse = (c2, r2) => {
        let within = (i) => Math.min(this.side - 1, Math.max(0, i));
        return this.cells[within(r2) * this.side + within(c2)];
      }, [c, r] = [column >> 1, row >> 1], [dc, dr] = [column % 2 ? 1 : -1, row % 2 ? 1 : -1], around = [coarse(c, r), coarse(c + dc, r), coarse(c, r + dr), coarse(c + dc, r + dr)];
      if (around.every((other) => other.text === around[0].text)) {
        let chance = (9 * around[0].chance + 3 * around[1].chance + 3 * around[2].chance + around[3].chance) / 16;
        return { text: around[0].text, chance };
      }
    }
    return this.read((column + 0.5) / side2, (row + 0.5) / side2);
  }
  /** The place furthest inside each connected territory, the roomiest first. */
  labels() {
    let { side: side2, cells } = this, inside = new Int32Array(cells.length).fill(-1), front = [], neighbours = (index) => {
      let [column, row] = [index % side2, Math.floor(index / side2)];
      return [
        ...column > 0 ? [index - 1] : [],
        ...column < side2 - 1 ? [index + 1] : [],
        ...row > 0 ? [index - side2] : [],
        ...row < side2 - 1 ? [index + side2] : []
      ];
    };
    cells.forEach((cell, i) => {
      let around = neighbours(i);
      (around.length < 4 || around.some((j) => cells[j].text !== cell.text)) && (inside[i] = 0, front.push(i));
    });
    let order = [...front];
    for (; front.length; ) {
      let further = [];
      for (let i of front)
        for (let j of neighbours(i))
          inside[j] < 0 && (inside[j] = inside[i] + 1, further.push(j));
      order.push(...further), front = further;
    }
    let seen = new Uint8Array(cells.length), found = [];
    for (let start of order.reverse()) {
      if (seen[start]) continue;
      let text = cells[start].text;
      seen[start] = 1;
      let stack = [start];
      for (let i = stack.pop(); i !== void 0; i = stack.pop())
        for (let j of neighbours(i))
          !seen[j] && cells[j].text === text && (seen[j] = 1, stack.push(j));
      let [column, row] = [start % side2, Math.floor(start / side2)];
      found.push({ text, x: (column + 0.5) / side2, y: (row + 0.5) / side2, room: (inside[start] + 0.5) / side2 });
    }
    return found;
  }
};

// src/move/map.ts
var ThoughtMap = class {
  root;
  canvas = element("canvas", { "aria-hidden": "true" });
  drawing = shape("svg", { "aria-hidden": "true" });
  names = element("div", { class: "names" });
  marks = element("div", { class: "marks" });
  handle = element("button", { type: "button", class: "handle" });
  origin = element("span", { class: "origin", "aria-hidden": "true" });
  bubble = element("output", { class: "bubble", "aria-hidden": "true" });
  handlers;
  view = null;
  territories = null;
  key = "";
  wanted = null;
  dragging = !1;
  constructor(handlers) {
    this.handlers = handlers, this.root = element("div", { class: "space" }), this.root.append(this.canvas, this.drawing, this.names, this.origin, this.marks, this.bubble, this.handle), this.root.addEventListener("pointerdown", this.down), this.root.addEventListener("pointermove", this.drag);
    for (let name of ["pointerup", "pointercancel"]) this.root.addEventListener(name, this.up);
    this.handle.addEventListener("keydown", this.press);
  }
  /** Whether all territories are as fine as they will be, and nothing is dragged. */
  get done() {
    return !this.dragging && (this.territories?.done ?? !1);
  }
  focus() {
    this.handle.focus();
  }
  stop() {
    this.territories?.stop();
  }
  show(view) {
    let before = this.view;
    if (this.view = view, view.key !== this.key || !this.territories) {
      this.key = view.key, this.territories?.stop();
      let { plane, read: read2 } = view, depth = view.place[2];
      this.territories = new Territories((x, y) => read2(this.placeOf(plane, x, y, depth)), this.paint), this.root.classList.add("coarse");
    }
    before?.marks.map((mark2) => mark2.text).join() !== view.marks.map((mark2) => mark2.text).join() && this.nameMarks(view), this.place(view);
  }
  /** Paint all of it again, such as in another size or theme. */
  paint = () => {
    let { territories } = this, { pen, width, height } = sized(this.canvas);
    if (territories?.side) {
      let { side: side2, cells } = territories, image = new ImageData(side2, side2), dark = isDark(this.root);
      cells.forEach(({ text, chance }, i) => {
        image.data.set(shade(text, chance, dark), 4 * i);
      });
      let small = element("canvas", { width: `${side2}`, height: `${side2}` });
      small.getContext("2d")?.putImageData(image, 0, 0), pen.imageSmoothingQuality = "high", pen.drawImage(small, 0, 0, width, height), this.root.classList.toggle("coarse", side2 < 64), this.name(width);
    }
    this.view && this.place(this.view);
  };
  /** Names of the territories that have room for one, away from what else is drawn. */
  name(width) {
    if (!this.territories || !this.view) return;
    let taken = [];
    for (let mark2 of this.view.marks) {
      let [x, y] = this.share(mark2.place);
      taken.push({ x: x * width, y: y * width, w: 96, h: 44 });
    }
    let [ox, oy] = this.share([0, 0, 0]);
    taken.push({ x: ox * width, y: oy * width + 16, w: 70, h: 64 });
    let names = [];
    for (let { text, x, y, room } of this.territories.labels()) {
      let w = 8.2 * text.length + 10;
      if (room * width < 13 || w > 3.4 * room * width || names.length > 16 || !text || text === this.view.original) continue;
      let box = { x: Math.min(width - w / 2 - 2, Math.max(w / 2 + 2, x * width)), y: y * width, w, h: 20 };
      box.y < 12 || box.y > width - 12 || taken.some((other) => overlap(box, other)) || (taken.push(box), names.push(element("span", { style: `left:${100 * box.x / width}%;top:${100 * box.y / width}%` }, text)));
    }
    this.names.replaceChildren(...names);
  }
  nameMarks(view) {
    this.marks.replaceChildren(
      ...view.marks.map(({ text, from }, i) => {
        let mark2 = button("", () => {
          this.handlers.jump(i);
        }, { class: "mark", title: from, "aria-label": `Put the thought here: ${text}, ${from}` });
        return mark2.append(element("i"), text), mark2;
      })
    );
  }
  place(view) {
    let at = (node, [x2, y2]) => {
      node.style.left = `${100 * x2}%`, node.style.top = `${100 * y2}%`;
    }, [ox, oy] = this.share([0, 0, 0]), [x, y] = this.share(view.place);
    view.marks.forEach((mark2, i) => {
      let where = this.share(mark2.place), node = this.marks.children[i];
      at(node, where), node.classList.toggle("left", where[0] > 0.8), node.classList.toggle("here", Math.hypot(where[0] - x, where[1] - y) < 0.06);
    }), at(this.origin, [ox, oy]), this.origin.textContent = view.original;
    let inside = [clamp(x), clamp(y)];
    at(this.handle, inside), at(this.bubble, inside), this.bubble.classList.toggle("below", y < 0.12), this.bubble.style.setProperty("--shift", `${(inside[0] < 0.12 ? 30 : inside[0] > 0.88 ? -30 : 0).toFixed(0)}px`), this.bubble.textContent = view.text || "(nothing)", this.handle.textContent = `${view.thought}`, this.handle.setAttribute(
      "aria-label",
      `Thought ${view.thought}, reads ${view.text || "nothing"}. Arrow keys move it, with Shift further; Escape puts it back.`
    ), this.root.classList.toggle("edited", view.edited), this.drawing.setAttribute("viewBox", "0 0 100 100"), this.drawing.replaceChildren(
      ...view.cloud ? [3, 2, 1].map((n) => ellipse(view.cloud ?? [0, 0, 0], n, ox, oy, view.plane.reach)) : [],
      shape("line", { class: "moved", x1: 100 * ox, y1: 100 * oy, x2: 100 * inside[0], y2: 100 * inside[1] }),
      shape("circle", { class: "ring", cx: 100 * ox, cy: 100 * oy, r: 2 })
    );
  }
  /** Shares from the left and from the top of a place in the plane. */
  share([x, y]) {
    let { centre, reach } = this.view.plane;
    return [(x - centre[0] + reach) / (2 * reach), (centre[1] + reach - y) / (2 * reach)];
  }
  placeOf({ centre, reach }, x, y, z) {
    return [centre[0] - reach + 2 * reach * x, centre[1] + reach - 2 * reach * y, z];
  }
  pointed(event) {
    let { left, top, width, height } = this.root.getBoundingClientRect(), view = this.view;
    return this.placeOf(view.plane, clamp((event.clientX - left) / width), clamp((event.clientY - top) / height), view.place[2]);
  }
  down = (event) => {
    let onHandle = event.target === this.handle;
    if (!(event.button > 0 || event.target.closest(".mark"))) {
      if (event.pointerType === "touch" && !onHandle) {
        this.tap(event);
        return;
      }
      event.preventDefault(), this.focus(), this.dragging = !0, this.territories && (this.territories.paused = !0), this.root.setPointerCapture(event.pointerId), this.root.classList.add("dragging"), this.handlers.begin(), onHandle || this.want(this.pointed(event));
    }
  };
  /** A finger beside the thought may want to scroll: it moves the thought only where it is lifted again. */
  tap(event) {
    let lifted = (up) => {
      this.root.removeEventListener("pointercancel", lifted), !(up.type !== "pointerup" || Math.hypot(up.clientX - event.clientX, up.clientY - event.clientY) > 10) && (this.handlers.begin(), this.handlers.moveTo(this.pointed(up)), this.handlers.end());
    };
    this.root.addEventListener("pointerup", lifted, { once: !0 }), this.root.addEventListener("pointercancel", lifted, { once: !0 });
  }
  drag = (event) => {
    this.dragging && this.want(this.pointed(event));
  };
  up = () => {
    this.dragging && (this.dragging = !1, this.root.classList.remove("dragging"), this.territories && (this.territories.paused = !1), this.wanted && this.handlers.moveTo(this.wanted), this.wanted = null, this.handlers.end());
  };
  /** Where the thought is to be at the next frame. */
  want(place) {
    this.wanted || requestAnimationFrame(() => {
      this.wanted && this.handlers.moveTo(this.wanted), this.wanted = null;
    }), this.wanted = place;
  }
  press = (event) => {
    let way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1], Escape: [0, 0] }[event.key];
    if (!way || !this.view) return;
    event.preventDefault();
    let { plane, place } = this.view, far = (event.shiftKey ? 0.2 : 0.05) * plane.reach;
    this.handlers.begin(), this.handlers.moveTo(event.key === "Escape" ? [0, 0, 0] : [place[0] + far * way[0], place[1] + far * way[1], place[2]]), this.handlers.end();
  };
}, overlap = (a, b) => 2 * Math.abs(a.x - b.x) < a.w + b.w && 2 * Math.abs(a.y - b.y) < a.h + b.h, clamp = (share) => Math.min(0.985, Math.max(0.015, share));
function ellipse([xx, xy, yy], n, ox, oy, reach) {
  let middle2 = (xx + yy) / 2, apart = Math.hypot((xx - yy) / 2, xy), scale = n * 50 / reach;
  return shape("ellipse", {
    class: "cloud",
    rx: scale * Math.sqrt(middle2 + apart),
    ry: scale * Math.sqrt(Math.max(0, middle2 - apart)),
    transform: `translate(${100 * ox} ${100 * oy}) rotate(${-Math.atan2(2 * xy, xx - yy) * 90 / Math.PI})`
  });
}
var hues = /* @__PURE__ */ new Map();
function shade(text, chance, dark) {
  let result = /=(\d+)$/u.exec(text)?.[1], hue = hues.get(text);
  hue === void 0 && (hue = result === void 0 ? -1 : (255 + 137.508 * Number(result)) % 360, hues.set(text, hue));
  let key = `${hue} ${Math.round(40 * chance)} ${dark}`, known = shades.get(key);
  if (known) return known;
  let chroma = hue < 0 ? 3 : (dark ? 10 : 9) + (dark ? 20 : 27) * chance, { r, g, b } = hcl(Math.max(0, hue), chroma, dark ? 20 + 15 * chance : 97 - 11 * chance).rgb().clamp(), made = [r, g, b, 255];
  return shades.set(key, made), made;
}
var shades = /* @__PURE__ */ new Map();

// src/move/words.ts
function implied(worked, original, thought, text) {
  let put = claimed(text), chain = original.steps.map((step) => step.text), made = put && replaced(worked.steps, chain, thought - 1, put);
  if (!made) return null;
  let { chain: steps, needed } = made;
  return { later: steps.slice(thought).map(stepText), answer: `${steps[steps.length - 1].value}`, needed };
}
function outcome(worked, original, edited, thought, typed) {
  let [before, reads] = [original, edited].map((trace) => trace.steps.at(thought - 1)?.text ?? ""), now = typed ?? reads, misread = reads === now ? null : reads, chain = edited.steps.map((step, i) => i === thought - 1 ? now : step.text), same = edited.answer === original.answer;
  if (now === before) {
    let text = same ? "Cross a border: on the other side it reads as another step." : `Still, the answer is now ${edited.answer}.`;
    return { kind: "none", head: `Thought ${thought} still reads ${now}.`, text };
  }
  if (verify(worked.steps, chain).right && edited.answer === `${worked.value}`)
    return { kind: "cause", head: `Thought ${thought} now reads ${now}.`, text: "The planner took the steps in another order that is just as right, and the answer stays." };
  let head = misread === null ? `Thought ${thought} now reads ${now || "nothing"}.` : `You typed ${now}. The decoder reads ${misread || "nothing"}: it has learned from right steps alone, and can be wrong.`, should = implied(worked, original, thought, now);
  if (!should) {
    let text = same ? `The answer stays ${edited.answer}.` : `The answer went from ${original.answer} to ${edited.answer}.`;
    return { kind: "other", head, text: `${text} What should follow from it, nobody can say.` };
  }
  let from = `From ${misread === null ? "that" : "what you typed"} follows ${[...should.later, `the answer ${should.answer}`].join(", then ")}.`;
  if (should.answer === original.answer) {
    let text = same ? "and that is what the planner says" : `but the planner says ${edited.answer}`;
    return { kind: same ? "other" : "partly", head, text: `It gives the same answer as before, ${text}.` };
  }
  if (edited.answer === should.answer) {
    let text = verify(should.needed, chain).right ? "That is what the planner went on to think: the thought is a cause." : "The planner answers so, though not every step on the way follows.";
    return { kind: "cause", head, text: `${from} ${text}` };
  }
  return same ? { kind: "ignored", head, text: `${from} The planner still says ${edited.answer}: it ignored the thought.` } : { kind: "partly", head, text: `${from} The planner says ${edited.answer}: it was moved, but not to what follows.` };
}
function judged(worked, trace) {
  let { needed, done, right } = verify(worked.steps, trace.steps.map((step) => step.text));
  if (right) return `all ${needed} needed steps, each once, in a possible order`;
  let extra = trace.steps.length - done;
  return `${done} of ${needed} needed steps${extra ? `, ${extra} that ${extra > 1 ? "are" : "is"} not needed or too early` : ""}`;
}
function warnings(worked, { steps, numbers }, known) {
  let said = [], unknown = worked.numbers.filter((number) => !known(number));
  unknown.length && said.push(`${unknown.join(" and ")} ${unknown.length > 1 ? "are" : "is"} not among its words, so it cannot even read the question`);
  let far = worked.numbers.filter((number) => known(number) && (number < numbers[0] || number > numbers[1]));
  far.length && said.push(`it was trained on numbers from ${numbers[0]} to ${numbers[1]}, not on ${far.join(" or ")}`);
  let n = worked.steps.length;
  (n < steps[0] || n > steps[1]) && said.push(`this takes ${n} step${n === 1 ? "" : "s"}, and it was trained on ${steps[0]} to ${steps[1]}`);
  let results = worked.steps.map((step) => step.value).filter((value) => value < 0 || !known(value));
  return results.length && said.push(`the way leads over ${results.join(" and ")}, for which it has no word`), said;
}

// src/pages/move.ts
var move = {
  name: "move",
  title: "Move a thought",
  mount: (root2, context) => new MovePage(root2, context)
}, SWAPS = 24, MovePage = class {
  context;
  live;
  range;
  map;
  field;
  problem = element("p", { class: "problem", role: "status" });
  chain = element("table", { class: "chain" });
  heading = element("h2");
  verdict = element("p", { class: "verdict" });
  depth = element("input", { type: "range", min: "-1", max: "1", step: "0.02", id: "depth" });
  depthName = element("label", { for: "depth" });
  swaps = element("select", { "aria-label": "Swap with a thought about another question" });
  list = element("ol", { class: "edits" });
  undo;
  matters = element("div", { class: "matters" });
  answers = element("div", { class: "answers" });
  looked = element("p", { class: "looked mono" });
  readings = element("p", { class: "readings soft" });
  goals = element("p", { class: "goals" });
  reached = /* @__PURE__ */ new Set();
  working = element("div", { class: "working" });
  below = element("div", { class: "below" });
  typed = element("input", { type: "text", id: "typed", class: "mono", size: "9", autocomplete: "off", spellcheck: "false" });
  experiment = null;
  worked = null;
  thought = 1;
  plane = null;
  asked = 0;
  /** Whether what is shown is the page's own edit. */
  opened = !1;
  /** What speaks against the question. */
  warned = "";
  constructor(root2, context) {
    this.context = context, this.live = context.planner, this.range = rangeOf(this.live.examples), this.map = new ThoughtMap({
      begin: () => {
        this.opened = !1, this.experiment?.remember();
      },
      moveTo: (place) => {
        if (!this.experiment) return;
        let start = performance.now();
        place.every((value) => value === 0) ? this.experiment.drop(this.thought) : this.experiment.put(this.experiment.moved(this.thought, place)), this.moved(), performance.measure("thought anew", { start });
      },
      end: () => {
        this.settled();
      },
      jump: (index) => {
        this.experiment && this.change(this.experiment.swapped(this.thought, this.experiment.marksOf(this.thought)[index]));
      }
    }), this.field = element("input", { type: "text", id: "question", class: "mono", autocomplete: "off", spellcheck: "false", inputmode: "text" }), this.undo = button("undo", () => {
      this.experiment?.undo(), this.show();
    }), this.build(root2), this.start();
  }
  redraw() {
    this.map.paint();
  }
  picture() {
    return this.working;
  }
  unmount() {
    this.asked++, this.map.stop();
  }
  // ------------------------------------------------------------------ the page
  build(root2) {
    let { config } = this.live.planner, width = config.backbone.hidden_size, form = element("form", { class: "ask" }, element("label", { for: "question" }, "Question"), this.field);
    form.append(element("button", { type: "submit", class: "primary" }, "think")), form.addEventListener("submit", (event) => {
      event.preventDefault(), this.ask(this.field.value);
    });
    let picks = element("div", { class: "picks", role: "group", "aria-label": "Examples" });
    for (let question of this.offers())
      picks.append(
        button(question, () => {
          this.ask(question);
        }, { class: "mono pick-one" })
      );
    this.depth.addEventListener("pointerdown", () => this.experiment?.remember()), this.depth.addEventListener("keydown", (event) => {
      event.key.startsWith("Arrow") && this.experiment?.remember();
    }), this.depth.addEventListener("input", () => {
      if (!this.experiment || !this.plane) return;
      let [x, y] = this.experiment.placeOf(this.thought);
      this.experiment.put(this.experiment.moved(this.thought, [x, y, Number(this.depth.value) * this.plane.depth])), this.moved();
    }), this.depth.addEventListener("change", () => {
      this.settled();
    }), this.swaps.addEventListener("change", () => {
      this.experiment && this.swaps.value && this.change(this.experiment.swapped(this.thought, Number(this.swaps.value)));
    });
    let noise = button("add noise", () => {
      this.experiment && this.change(this.experiment.noisy(this.thought, Math.floor(Math.random() * 2 ** 20)));
    }, { title: "As wide as the planner's own cloud" }), back2 = button("put it back", () => {
      this.experiment?.remember(), this.experiment?.drop(this.thought), this.show();
    }), type = element("form", { class: "type" }, element("label", { for: "typed" }, "or type a thought"), this.typed);
    type.append(element("button", { type: "submit" }, "put it there")), type.addEventListener("submit", (event) => {
      event.preventDefault(), this.type(this.typed.value.replace(/\s+/gu, ""));
    }), type.hidden = !this.live.entry.encodes;
    let { parameters, accuracy } = this.live.entry, size = `It has ${(parameters / 1e6).toFixed(1)} million parameters`, known = accuracy === null ? `${size}.` : `${size} and is right on ${(100 * accuracy).toFixed(0)} % of its test questions.`;
    root2.append(
      element(
        "div",
        { class: "hero" },
        element(
          "div",
          {},
          element("h1", {}, "Move a thought"),
          lead(
            "Between a question and its answer this small language model writes nothing down: it thinks a few ",
            term("thoughts"),
            `, each a list of ${width} numbers. A `,
            term("decoder"),
            " beside it can read them as text. Drag one, and all that comes after it is thought anew, here in your browser."
          )
        ),
        element("div", {}, form, picks, element("p", { class: "soft small" }, known))
      ),
      this.problem
    );
    let left = element("section", { class: "plane", "aria-labelledby": "around" });
    this.heading.id = "around", left.append(
      this.heading,
      this.map.root,
      this.readings,
      element("div", { class: "depth" }, this.depthName, this.depth),
      what(
        "This map is a flat cut through the space of all thoughts. At every place of it the decoder was asked what it reads there: ",
        "places of one colour give the same result, and where the decoder is unsure the colour is pale. The cut passes through the thought itself (the ring) ",
        "and through two real thoughts about other questions (the squares; press one to go there). The ellipses are the thought's cloud: the planner does not say ",
        "one point but a normal distribution, and they lie at one, two and three standard deviations. The slider moves the cut out of the plane, towards a third thought."
      )
    );
    let cards = element("section", { class: "cards", "aria-label": "What is thought" }, this.chain), right = element("section", { class: "follow", "aria-label": "What came of it, and other edits" });
    right.append(
      this.verdict,
      this.goals,
      element("div", { class: "row" }, noise, this.swaps, back2, this.undo),
      type,
      what(
        "Read downwards: each line is one thought as the decoder reads it, with the probability it gives that text. ",
        "Thoughts before the moved one stay as they were. The planner itself never sees this text: it goes on from the numbers. ",
        "“All needed steps” is the word of a program that knows arithmetic, not of the model."
      )
    ), this.working.append(cards, left, right);
    let matters = element("section", { "aria-labelledby": "matters" });
    matters.append(
      element("h2", { id: "matters" }, "How much does each thought matter?"),
      this.matters,
      what(
        `Each thought is swapped, in turn, for up to ${SWAPS} real thoughts about other questions, and the planner thinks on. `,
        "Dark: the answer became what follows from the thought that was put in. Light: it changed to something else. Where nobody can say what follows ",
        "(such as below zero) a swap counts as light. ",
        "A thought whose swaps change nothing is not a cause of the answer: the planner reads the question again instead."
      )
    );
    let edits = element("section", { "aria-labelledby": "edits" });
    edits.append(element("h2", { id: "edits" }, "The edits"), this.list);
    let answers = element("section", { "aria-labelledby": "answers" });
    answers.append(
      element("h2", { id: "answers" }, "What the answer might be"),
      this.answers,
      what("The planner gives every answer a probability and says the likeliest. Blue: as it thought. Orange: after the edit.")
    );
    let looked = element("section", { "aria-labelledby": "looked" });
    looked.append(
      element("h2", { id: "looked" }, "What it looked at"),
      this.looked,
      what(
        "Attention: how much each part of the question, and each earlier thought, weighed in the last layer when the chosen thought was made, ",
        "on average over the heads. It is a hint at what was used, not a proof: swaps are the proof."
      )
    ), this.below.append(matters, answers, looked, edits), root2.append(this.working, this.below);
  }
  /** The opening, and examples of every number of steps. */
  offers() {
    let { examples, opening } = this.live, steps = (question) => workOut(question).steps.length, several = [2, 3, 4].flatMap((n) => examples.filter((question) => steps(question) === n).slice(3, 4));
    return [.../* @__PURE__ */ new Set([...opening ? [opening.question] : [], examples[0], ...several])];
  }
  // ----------------------------------------------------------------- questions
  start() {
    let { opening, examples } = this.live, { state } = this.context, question = state.get("q");
    question !== void 0 ? this.ask(question, Number(state.get("t") ?? 1), state.get("e")) : opening ? (this.ask(opening.question, opening.place), this.experiment && (this.opened = !0, this.experiment.put(this.experiment.swapped(opening.place, opening.landmarks[0])), this.show())) : this.ask(examples[0]);
  }
  ask(question, thought = 1, edits = "") {
    this.field.value = question, this.opened = !1, this.asked++;
    try {
      let known = (number) => this.knows(`${number}`), worked = workOut(question), said = warnings(worked, this.range, known);
      if (this.warned = said.length ? `Out of its depth: ${said.join("; ")}. The right answer is ${worked.value}.` : "", this.problem.textContent = this.warned, this.hide(worked.numbers.some((number) => !known(number))), this.working.hidden) return;
      this.worked = worked, this.experiment = new Experiment(this.live, question.replace(/\s+/gu, "")), edits && this.experiment.read(edits);
    } catch (error) {
      this.problem.textContent = error instanceof Error ? error.message : String(error), this.hide(!0);
      return;
    }
    this.thought = Math.min(Math.max(1, thought), this.experiment.thoughts), this.show(), this.measure(this.experiment, this.worked, this.asked);
  }
  /** Nothing is shown where nothing can be thought. */
  hide(hidden) {
    this.working.hidden = this.below.hidden = hidden;
  }
  knows(word) {
    try {
      return this.live.planner.tokens(word), !0;
    } catch {
      return !1;
    }
  }
  type(text) {
    try {
      this.experiment && this.change(this.experiment.swapped(this.thought, text));
    } catch (error) {
      this.problem.textContent = error instanceof Error ? error.message : String(error);
    }
  }
  // --------------------------------------------------------------------- edits
  change(edit) {
    this.opened = !1, this.problem.textContent = this.warned, this.experiment?.remember(), this.experiment?.put(edit), this.show();
  }
  /** All of it: another question, another thought, other landmarks. */
  show() {
    this.plane = null, this.moved(), this.offerSwaps(), this.settled();
  }
  /** The thought is in another place of the same plane. */
  moved() {
    let { experiment, worked, thought } = this;
    if (!experiment || !worked) return;
    let before = this.plane ? null : experiment.before(thought), plane = this.plane ??= experiment.plane(thought, before ?? void 0), marks = experiment.marksOf(thought), place = experiment.placeOf(thought), { distribution } = experiment.original.thoughts[Math.min(thought, experiment.original.thoughts.length) - 1], edit = experiment.edit(thought), seeds = edit?.seeds.join(".") ?? "", others = experiment.list().filter((other) => other.thought < thought);
    this.map.show({
      thought,
      plane,
      place,
      key: [experiment.question, thought, ...marks, place[2], seeds, JSON.stringify(others)].join("|"),
      read: (at) => {
        let step = this.live.planner.readBack([experiment.latent(thought, plane, at)]);
        return { text: step?.text ?? "", chance: Math.exp(step?.logProbability ?? 0) };
      },
      marks: [plane.first, plane.second].map((at, i) => ({
        text: experiment.textOf(marks[i]),
        place: at,
        from: this.origin(marks[i])
      })),
      cloud: distribution.logvars && plane.covariance(distribution.logvars[0]),
      edited: edit !== void 0,
      text: experiment.edited.steps[thought - 1]?.text ?? "",
      original: experiment.original.steps[thought - 1]?.text ?? ""
    }), this.tell(experiment, worked), this.depth.value = `${plane.depth ? place[2] / plane.depth : 0}`;
  }
  /** The thought rests: what need not be done at every frame of a drag. */
  settled() {
    let { experiment, worked, thought } = this;
    if (!experiment || !worked) return;
    this.heading.textContent = `Around thought ${thought}`, this.depthName.textContent = "third direction", this.undo.disabled = !experiment.canUndo, this.list.replaceChildren(
      ...experiment.list().map((edit) => {
        let step = experiment.edited.steps[edit.thought - 1]?.text ?? "nothing", was = experiment.original.steps[edit.thought - 1]?.text ?? "nothing", drop = button("take back", () => {
          experiment.remember(), experiment.drop(edit.thought), this.show();
        }, { "aria-label": `Take back the edit of thought ${edit.thought}` });
        return element("li", {}, element("span", {}, `Thought ${edit.thought} ${HOW[edit.how]}: `, mono(was), " → ", mono(experiment.typed(edit.thought) ?? step)), drop);
      })
    ), experiment.list().length || this.list.append(element("li", { class: "soft" }, "None yet: drag the numbered dot.")), this.drawReadings(experiment), this.drawAnswers(experiment), this.drawLooked(experiment), this.context.keep({ q: experiment.question, t: `${thought}`, e: experiment.write() });
    let { head, text } = outcome(worked, experiment.original, experiment.edited, thought, experiment.typed(thought));
    this.context.say(`${head} ${text}`);
  }
  origin(mark2) {
    if (typeof mark2 == "string") return "typed by you";
    let { place, question } = this.live.landmarks[mark2];
    return `thought ${place} about ${question}`;
  }
  offerSwaps() {
    let { experiment, thought } = this;
    if (!experiment) return;
    let options = experiment.nearest(thought).slice(0, 40);
    this.swaps.replaceChildren(
      element("option", { value: "" }, "swap with …"),
      ...options.map((index) => {
        let { text, question } = this.live.landmarks[index];
        return element("option", { value: `${index}` }, `${text}  (about ${question})`);
      })
    );
  }
  // -------------------------------------------------------------- what is told
  tell(experiment, worked) {
    let { original, edited } = experiment, rows = Array.from({ length: experiment.thoughts }, (_, i) => this.row(experiment, i + 1)), right = `${worked.value}`, { kind, head, text } = outcome(worked, original, edited, this.thought, experiment.typed(this.thought)), answer = (trace) => {
      let follows = trace === edited && kind === "cause" && trace.answer !== right, cell = element("td", {}, element("b", {}, trace.answer || "nothing"), follows ? FOLLOWS() : mark(trace.answer === right));
      return trace.answer !== original.answer && (cell.className = "changed"), cell;
    }, word = (trace) => element("td", {}, judged(worked, trace));
    this.chain.replaceChildren(
      element("thead", {}, element("tr", {}, element("td"), heading("as it thought"), heading("after the edit"))),
      element("tbody", {}, ...rows),
      element(
        "tfoot",
        {},
        element("tr", { class: "answer" }, side("answer"), answer(original), answer(edited)),
        element("tr", { class: "truth" }, side("right is"), element("td", { colspan: "2" }, mono(right))),
        element("tr", { class: "word" }, side("verifier"), word(original), word(edited))
      )
    ), this.verdict.className = `verdict ${kind}`, this.verdict.replaceChildren(element("b", {}, head), " ", text, this.opened ? " We moved it to begin with. Now you: drag the dot." : ""), this.drawGoals(experiment, worked);
  }
  /** Answers that can be had by moving one thought of the opening. */
  drawGoals(experiment, worked) {
    let { opening, landmarks } = this.live, here = opening?.question === experiment.question ? opening : null, [place, marks] = [here?.place ?? 1, here?.landmarks ?? []], goals = marks.map((index) => implied(worked, experiment.original, place, landmarks[index].text)?.answer ?? "");
    experiment.list().length === 1 && goals.includes(experiment.edited.answer) && this.reached.add(experiment.edited.answer), this.goals.hidden = !goals.length, this.goals.replaceChildren(
      "Can you make it answer ",
      ...goals.sort((a, b) => Number(a) - Number(b)).map((goal) => element("span", { class: this.reached.has(goal) ? "goal reached" : "goal" }, goal, this.reached.has(goal) ? " ✓" : "")),
      ` by moving thought ${place} alone?`
    );
  }
  /** What else may be read in the chosen thought. */
  drawReadings({ edited }) {
    let thought = edited.thoughts.at(this.thought - 1), found = thought ? this.live.planner.readings([thought.latent], 0.01).slice(0, 4) : [];
    this.readings.replaceChildren("Here the decoder reads "), found.forEach(({ text, logProbability: logProbability2 }, i) => {
      this.readings.append(i ? ", " : "", mono(text || "nothing"), ` (${percent(Math.exp(logProbability2))})`);
    }), this.readings.append(".");
  }
  drawAnswers({ original, edited }) {
    let chances = [original, edited].map(
      (trace) => new Map(this.live.planner.answers(trace, 0.01).map(({ text, logProbability: logProbability2 }) => [text, Math.exp(logProbability2)]))
    ), texts = [...new Set(chances.flatMap((of) => [...of.keys()].slice(0, 5)))].sort((a, b) => Number(a) - Number(b)), bar = (chance) => element("i", { style: `width:${(100 * chance).toFixed(1)}%` }), said = (text) => chances.map((of) => percent(of.get(text) ?? 0)).join(" → ");
    this.answers.replaceChildren(
      ...texts.map(
        (text) => element(
          "div",
          { class: "chance" },
          element("b", { class: "mono" }, text || "nothing"),
          element("div", { class: "pair" }, ...chances.map((of) => bar(of.get(text) ?? 0))),
          element("small", {}, said(text))
        )
      )
    );
  }
  drawLooked({ edited }) {
    let { planner } = this.live, t = Math.min(this.thought, edited.thoughts.length), heads = planner.attention(edited, t).at(-1) ?? [], names = [...planner.tokens(edited.question), "start", ...edited.steps.slice(0, t - 1).map((step) => step.text)], weights = names.map((_, i) => heads.reduce((sum, head) => sum + head[i] / heads.length, 0)), most = Math.max(...weights);
    this.looked.replaceChildren(
      ...names.map((name, i) => {
        let word = element("span", { style: `--weight:${(weights[i] / most).toFixed(3)}`, title: percent(weights[i]) }, name);
        return i >= names.length - t && (word.className = "after"), word;
      })
    );
  }
  row(experiment, thought) {
    let { original, edited } = experiment, choose = button("", () => {
      this.thought = thought, this.show(), this.chain.querySelector(`[data-thought="${thought}"]`)?.focus();
    }, { class: "thought", "data-thought": `${thought}`, "aria-pressed": `${thought === this.thought}`, "aria-label": `Thought ${thought}` });
    choose.append(glyph(original, thought), `${thought}`);
    let cell = (trace) => {
      let step = trace.steps.at(thought - 1);
      if (thought > trace.thoughts.length) return element("td", { class: "soft" }, "not thought");
      if (!step) return element("td", { class: "soft" }, "nothing");
      let changed = step.text !== original.steps[thought - 1]?.text, chance = Math.exp(step.logProbability);
      return element("td", { class: changed ? "changed" : "" }, mono(step.text || "nothing"), element("small", {}, percent(chance)));
    }, line = element("tr", {}, element("th", { scope: "row" }, choose), cell(original), cell(edited));
    return experiment.edit(thought) && (line.className = "moved"), line;
  }
  /** Swap every thought for real ones, in turn, one whenever nothing else is to be done. */
  async measure(experiment, worked, asked) {
    let { original } = experiment, counts = original.thoughts.map(() => ({ swaps: 0, changed: 0, followed: 0, clear: 0 }));
    this.drawMatters(counts);
    let others = counts.map(
      (_, i) => this.live.landmarks.filter((one) => one.place === i + 1 && one.text !== original.steps[i]?.text)
    );
    for (let n = 0; n < SWAPS; n++) {
      for (let [i, count2] of counts.entries()) {
        if (n >= others[i].length) continue;
        let one = others[i][n];
        do
          await idle();
        while (!this.map.done && asked === this.asked);
        if (asked !== this.asked) return;
        let after = this.live.planner.rethink(original, /* @__PURE__ */ new Map([[i + 1, one.latent]]), !1), should = implied(worked, original, i + 1, one.text);
        count2.swaps++, should && should.answer !== original.answer && count2.clear++, after.answer !== original.answer && (after.answer === should?.answer ? count2.followed++ : count2.changed++);
      }
      this.drawMatters(counts);
    }
  }
  drawMatters(counts) {
    this.matters.replaceChildren(
      ...counts.map(({ swaps, changed, followed, clear }, i) => {
        let share = (n) => `${swaps ? 100 * n / swaps : 0}%`, bar = element("div", { class: "bar-of" }, element("i", { style: `width:${share(followed)}` }), element("i", { style: `width:${share(changed)}` })), said = swaps ? `${followed + changed} of ${swaps} swaps change the answer${clear ? `; ${followed} of the ${clear} that can be checked give what follows` : ""}` : "…";
        return element("div", { class: "matter" }, element("span", {}, `${i + 1}`), bar, element("small", {}, said));
      })
    );
  }
}, idle = () => new Promise((resolve) => {
  "requestIdleCallback" in window ? requestIdleCallback(resolve) : setTimeout(resolve, 20);
}), HOW = { dragged: "dragged", noise: "with noise", swapped: "swapped", typed: "typed" }, percent = (share) => `${Math.round(100 * share)} %`, term = (text) => element("dfn", {}, text), lead = (...parts) => element("p", { class: "lead" }, ...parts), mono = (text) => element("span", { class: "mono" }, text), heading = (text) => element("th", { scope: "col" }, text), side = (text) => element("th", { scope: "row" }, text), what = (...text) => element("details", { class: "what" }, element("summary", {}, "What is this?"), element("p", {}, text.join(""))), FOLLOWS = () => element("small", { class: "right" }, "✓ follows"), mark = (right) => element("small", { class: right ? "right" : "wrong" }, right ? "✓ right" : "✗ wrong");
function glyph(trace, thought) {
  let said = trace.thoughts[thought - 1]?.distribution.logvars?.[0], sigma = said ? said.reduce((sum, value) => sum + Math.exp(0.5 * value), 0) / said.length : 0, picture = shape("svg", { viewBox: "-12 -12 24 24", "aria-hidden": "true" });
  for (let n of [1, 0.66, 0.33]) picture.append(shape("circle", { r: n * (2.5 + 9 * Math.min(1, sigma)), class: "cloud" }));
  return picture;
}
function rangeOf(examples) {
  let all = examples.map(workOut), steps = all.map((one) => one.steps.length), numbers = all.flatMap((one) => one.numbers);
  return { steps: [Math.min(...steps), Math.max(...steps)], numbers: [Math.min(...numbers), Math.max(...numbers)] };
}

// src/heads.ts
var mode = (said) => said.means[argmax(said.logits)];
var point = (mean) => ({ logits: new Float32Array(1), means: [mean], logvars: null }), APART = 0.1;
function latentHead(weights, config) {
  let layer = (name, x) => {
    let { weight, bias } = weights.layer(`latent_head.${name}`);
    return linear(weight, x, bias);
  }, trunk = (hidden) => {
    let norm2 = weights.layer("latent_head.trunk.3"), features = layer("trunk.2", gelu(layer("trunk.0", hidden)));
    return layerNorm(features, norm2.weight, norm2.bias ?? new Float32Array(features.length));
  };
  switch (config.latent_head) {
    case "hidden":
      return point;
    case "filler":
      return () => point(weights.get("latent_head.filler.weight"));
    case "projector":
      return (hidden) => point(layer("mean", trunk(hidden)));
    case "gaussian":
      return (hidden) => {
        let features = trunk(hidden), [mean, logvar] = [layer("mean", features), layer("log_variance", features)];
        return { logits: new Float32Array(1), means: [mean], logvars: [logvar] };
      };
    case "mixture":
      return (hidden) => {
        let features = trunk(hidden), around = (middle2, apart) => {
          let [center, all] = [layer(middle2, features), layer(apart, features)];
          return chunks(all, center.length).map((own) => center.map((value, i) => value + APART * own[i]));
        };
        return {
          logits: layer("weights", features).map((value) => APART * value),
          means: around("mean", "means"),
          logvars: around("log_variance", "log_variances")
        };
      };
  }
}
function stopHead(weights) {
  return (hidden) => {
    let [first, last] = [weights.layer("stop_head.layers.0"), weights.layer("stop_head.layers.2")];
    return linear(last.weight, gelu(linear(first.weight, hidden, first.bias)), last.bias)[0];
  };
}
function encodeStep(weights, config, embeddings) {
  let d = config.backbone.hidden_size, words = embeddings.map((embedding) => embedding.map((value) => value / config.latent_scale)), first = weights.layer("step_encoder.first"), features = config.step_encoder === "places" ? inPlaces(words, first.weight, first.bias, d) : pooled(weights, words, d), [trunk, mean] = [weights.layer("step_encoder.trunk.1"), weights.layer("step_encoder.mean")], hidden = gelu(linear(trunk.weight, gelu(features), trunk.bias));
  return chunks(linear(mean.weight, hidden, mean.bias), d);
}
function inPlaces(words, weight, bias, d) {
  let places = weight.length / (bias?.length ?? 1) / d, placed = new Float32Array(places * d);
  return words.slice(0, places).forEach((word, i) => {
    placed.set(word, i * d);
  }), linear(weight, placed, bias);
}
function pooled(weights, words, d) {
  let first = weights.layer("step_encoder.first"), width = first.weight.length / d, places = weights.get("step_encoder.place.weight"), sum = new Float32Array(width);
  return words.forEach((word, i) => {
    let at = Math.min(i, places.length / width - 1) * width, each = gelu(linear(first.weight, word, first.bias).map((value, j) => value + places[at + j]));
    for (let j = 0; j < width; j++) sum[j] += each[j] / words.length;
  }), sum;
}
function chunks(values, size) {
  return Array.from({ length: values.length / size }, (_, i) => values.subarray(i * size, (i + 1) * size));
}

// src/random.ts
function seeded(seed) {
  let state = seed | 0;
  return () => {
    state = state + 2654435769 | 0;
    let mixed = Math.imul(state ^ state >>> 16, 2246822507);
    return mixed = Math.imul(mixed ^ mixed >>> 13, 3266489909), ((mixed ^ mixed >>> 16) >>> 0) / 2 ** 32;
  };
}
function pick(shares, random) {
  let left = random();
  for (let i = 0; i < shares.length - 1; i++)
    if (left -= shares[i], left < 0) return i;
  return shares.length - 1;
}
function draw(said, random) {
  let component = said.means.length > 1 ? pick(softmax(said.logits), random) : 0, mean = said.means[component];
  if (!said.logvars) return mean;
  let logvar = said.logvars[component];
  return mean.map((value, i) => value + Math.exp(0.5 * logvar[i]) * normal(random));
}
var LIKELIEST = { latent: mode, token: argmax }, drawn = (random) => ({
  latent: (said) => draw(said, random),
  token: (logits) => pick(softmax(logits), random)
});

// src/pages/how.ts
var how = {
  name: "how",
  title: "How it works",
  mount
}, PROBLEMS = ["(3+4)*(9-2)", "(2*3)+(4*5)", "((6-2)*3)+8"], [TRIES, DRAWS] = [8, 40], STOPS = [
  {
    title: "Words become numbers",
    says: "A network computes, so every word of the question must become numbers. A table holds one row of 64 numbers for each word it knows. That row is the word's embedding. Each line here is one; blue is below zero, orange above.",
    formula: ["e_i = E[x_i]", "x_i is the i-th token, E a learned table with 64 columns. ⟨think⟩ is a token too: it says that thinking begins."]
  },
  {
    title: "Layers read the question",
    says: "The embeddings pass through layers. In each, every position looks back at the others and takes what it needs: this is attention. The result at the last position is the state: 64 numbers that hold what matters for the next thought. The darker a token, the more the last layer looked at it.",
    formula: ["h_t = f(e_1 … e_n, l_1 … l_t-1)", "f is a small transformer. Attention weights are softmax(q·k / √16), one set for each of 4 heads; shown is their mean."]
  },
  {
    title: "A cloud of possible thoughts",
    says: "From the state a small head makes not one thought but a cloud: for each of 64 numbers a middle, mu, and a spread, sigma. A dot is a middle, its bar reaches one spread up and down. A wide bar says: this number may vary.",
    formula: ["q(l_t | h_t) = N(mu_t, sigma_t²)", "A Gaussian in 64 dimensions, each independent of the others. mu and log sigma² are linear in features of h_t."]
  },
  {
    title: "One thought is drawn",
    says: "When it explores, it draws a thought from the cloud, by dice. When it should do its best, it takes the middle. Draw a few: the ring is what was drawn. Below is what forty draws are read as.",
    formula: ["l_t = mu_t + sigma_t · ε,  ε ~ N(0, 1)", "Written so, the noise stands apart, and a gradient can pass through mu and sigma (Kingma and Welling 2014)."]
  },
  {
    title: "The thought is read back",
    says: "64 numbers tell you nothing. So a second small network, the decoder, was trained to write each thought out as the step it stands for. It gives several readings a probability. It is there for us, and for the reward: the planner does not need it.",
    formula: ["p(step | l_t) = Π_k p(token_k | l_t, tokens before)", "The decoder writes token by token; the probability of a step is the product."]
  },
  {
    title: "Again, or enough?",
    says: "The thought is fed back as the next input, and the loop turns. After each one a third small head says how likely it was the last. Above one half, thinking stops.",
    formula: ["p(stop_t) = 1 / (1 + exp(-s(h_t)))", "s is a small network of two layers. No one tells it how many thoughts a question needs."]
  },
  {
    title: "The answer is written",
    says: "Now it speaks: it writes the answer in words, token by token, with the question and its thoughts in view. The right answer stands beside it, worked out from the question.",
    formula: ["p(answer | question, l_1 … l_T)", "The same transformer as before, now with words as inputs and outputs."]
  },
  {
    title: "Practice, with a reward",
    says: "How does such a network learn to plan? It tries each question eight times, with dice. Every try gets a reward: the share of its steps that the question needs, each in its place. Tries above their group's mean are made likelier, those below rarer.",
    formula: ["A_i = (r_i − mean(r)) / std(r)", "The advantage of try i within its group (GRPO, Shao et al. 2024). It multiplies the gradient of log p(what was tried)."]
  }
];
async function mount(root2, context) {
  let before = context.planners.find((entry) => entry.name === "atp-sft");
  return new HowPage(root2, context, before ? await context.load(before.name) : context.planner);
}
var HowPage = class {
  context;
  before;
  field = element("input", { type: "text", id: "problem", autocomplete: "off", spellcheck: "false" });
  message = element("p", { class: "alert", role: "status" });
  thoughtPicker = element("div", { class: "row", role: "group", "aria-label": "Which thought is shown" });
  pictures;
  sections;
  rail = element("nav", { class: "rail", "aria-label": "Eight stops" });
  watch;
  trace = null;
  worked = null;
  t = 1;
  seed = 1;
  constructor(root2, context, before) {
    this.context = context, this.before = before, this.field.value = context.state.get("q") ?? PROBLEMS[0], this.field.addEventListener("change", () => {
      this.think();
    }), this.pictures = STOPS.map(() => element("div", { class: "picture" })), this.sections = STOPS.map((stop, i) => section(stop, i, this.pictures[i])), this.rail.append(
      ...STOPS.map(
        ({ title }, i) => button(String(i + 1), () => {
          this.sections[i].scrollIntoView({ behavior: smooth(), block: "start" }), this.sections[i].querySelector("h2")?.focus({ preventScroll: !0 });
        }, { "aria-label": `Stop ${i + 1}: ${title}`, title })
      )
    ), root2.append(
      element("h1", {}, "How it works"),
      element(
        "p",
        { class: "lead" },
        "Follow one question through the planner, in eight stops. Every number on this page is computed here, by the planner itself, while you read."
      ),
      element(
        "div",
        { class: "row" },
        element("label", { for: "problem", class: "soft" }, "Question"),
        this.field,
        ...PROBLEMS.map(
          (problem) => button(problem, () => {
            this.field.value = problem, this.think();
          })
        )
      ),
      this.message,
      this.thoughtPicker,
      element("div", { class: "stops" }, this.rail, element("div", {}, ...this.sections))
    ), this.watch = new IntersectionObserver(
      (seen) => {
        for (let { target } of seen.filter((one) => one.isIntersecting)) {
          for (let stop of this.rail.children) stop.removeAttribute("aria-current");
          this.rail.children.item(this.sections.indexOf(target))?.setAttribute("aria-current", "step");
        }
      },
      { rootMargin: "-40% 0px -60% 0px" }
      // a line: one stop is on it, or none between two
    );
    for (let each of this.sections) this.watch.observe(each);
    this.think();
  }
  unmount() {
    this.watch.disconnect();
  }
  think() {
    let question = this.field.value.trim();
    this.message.textContent = "";
    try {
      this.worked = workOut(question), this.trace = this.context.planner.planner.think(question);
      let steps = this.worked.steps.length;
      (steps < 2 || steps > 4) && (this.message.textContent = `It was trained on questions of two to four steps; this one has ${steps}, so expect mistakes.`);
    } catch (error) {
      this.message.textContent = error instanceof Error ? error.message : String(error);
      return;
    }
    this.context.keep({ q: question }), this.t = 1, this.show();
  }
  show() {
    let { trace, worked } = this;
    if (!trace || !worked) return;
    this.thoughtPicker.replaceChildren(
      element("span", { class: "soft" }, "Stops 2 to 5 show"),
      ...trace.thoughts.map((_, i) => {
        let made = button(`thought ${i + 1}`, () => {
          this.t = i + 1, this.show();
        });
        return made.setAttribute("aria-pressed", String(this.t === i + 1)), made;
      })
    );
    let fill = [
      this.words(trace),
      this.state(trace),
      this.cloud(trace),
      this.drawing(trace),
      this.reading(trace),
      this.stopping(trace),
      this.answering(trace, worked),
      this.practice(worked)
    ];
    this.pictures.forEach((picture, i) => {
      picture.replaceChildren(...fill[i]);
    });
  }
  get thought() {
    let found = this.trace?.thoughts[this.t - 1];
    if (!found) throw new Error(`there is no thought ${this.t}`);
    return found;
  }
  words(trace) {
    let { planner } = this.context.planner;
    return planner.embeddings(trace.question).map(
      ({ text, embedding }) => element("div", { class: "line" }, element("span", { class: "mono" }, special(text)), strip(embedding, `embedding of ${special(text)}`))
    );
  }
  state(trace) {
    let { planner } = this.context.planner, last = planner.attention(trace, this.t).at(-1) ?? [], names = [...planner.embeddings(trace.question).map(({ text }) => special(text)), ...trace.thoughts.slice(0, this.t - 1).map((_, i) => `thought ${i + 1}`)], weights = names.map((_, i) => last.reduce((sum, head) => sum + head[i], 0) / last.length), top = Math.max(...weights);
    return [
      element(
        "div",
        { class: "tokens" },
        ...names.map(
          (name, i) => element(
            "span",
            { class: "token", style: `--weight: ${(weights[i] / top).toFixed(3)}` },
            element("b", { class: "mono" }, name),
            element("small", {}, percent2(weights[i]))
          )
        )
      ),
      element("div", { class: "line" }, element("span", {}, `state ${this.t}`), strip(this.thought.hidden, `state ${this.t}`))
    ];
  }
  cloud(trace) {
    let said = this.thought.distribution, spread = said.logvars ? deviations(said.logvars[0]) : null, mean = spread ? spread.reduce((sum, value) => sum + value, 0) / spread.length : 0;
    return [
      cloudOf(said.means[0], spread, null, `mu and sigma of thought ${this.t}`),
      caption(
        spread ? `Thought ${this.t} of ${trace.thoughts.length}. The mean spread is ${mean.toFixed(2)}; mu reaches from ${Math.min(...said.means[0]).toFixed(2)} to ${Math.max(...said.means[0]).toFixed(2)}.` : "This planner thinks points: there is no cloud."
      )
    ];
  }
  drawing(trace) {
    let { planner } = this.context.planner, said = this.thought.distribution, random = seeded(this.seed * 1e3 + this.t), latent = draw(said, random), read2 = planner.readBack([latent]), counts = /* @__PURE__ */ new Map();
    for (let i = 0; i < DRAWS; i++) {
      let text = planner.readBack([draw(said, random)])?.text ?? "";
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
    let again = button("draw again", () => {
      this.seed++, this.pictures[3].replaceChildren(...this.drawing(trace)), this.pictures[3].querySelector("button")?.focus({ preventScroll: !0 });
    });
    return [
      cloudOf(said.means[0], said.logvars ? deviations(said.logvars[0]) : null, latent, `a draw of thought ${this.t}`),
      element("p", { class: "row" }, again, element("span", {}, "this draw reads "), element("b", { class: "mono" }, read2?.text ?? "")),
      bars([...counts].sort((a, b) => b[1] - a[1]).slice(0, 5).map(([text, n]) => [text, n / DRAWS, `${n} of ${DRAWS}`]))
    ];
  }
  reading(trace) {
    let { planner } = this.context.planner, found = planner.readings([this.thought.latent], 1e-3).slice(0, 5);
    return [
      element("div", { class: "line" }, element("span", {}, `thought ${this.t}`), strip(this.thought.latent, `thought ${this.t}`)),
      bars(found.map(({ text, logProbability: logProbability2 }) => [text, Math.exp(logProbability2), percent2(Math.exp(logProbability2))])),
      caption(`All of them: ${trace.steps.map((step) => step.text).join(", then ")}.`)
    ];
  }
  stopping(trace) {
    return [
      bars(
        trace.thoughts.map(({ stopLogit }, i) => {
          let share = 1 / (1 + Math.exp(-stopLogit));
          return [`after thought ${i + 1}`, share, `${percent2(share)}: ${share > 0.5 ? "enough" : "again"}`];
        }),
        !0
      )
    ];
  }
  answering(trace, worked) {
    let right = trace.answer === String(worked.value);
    return [
      element("p", { class: "answer", "data-right": String(right) }, element("small", {}, "it writes"), trace.answer || "nothing"),
      element("p", { class: "answer" }, element("small", {}, "right is"), String(worked.value)),
      caption(`${trace.written.length} token${trace.written.length === 1 ? "" : "s"} in words, after ${trace.thoughts.length} thoughts.`)
    ];
  }
  practice(worked) {
    let tries = Array.from({ length: TRIES }, (_, i) => {
      let chain = this.before.planner.think(this.field.value.trim(), /* @__PURE__ */ new Map(), drawn(seeded(100 * this.seed + i))).steps.map((step) => step.text), { done, needed, inPlace } = verify(worked.steps, chain);
      return { chain, inPlace, reward: done / Math.max(needed, chain.length) };
    }), mean = tries.reduce((sum, one) => sum + one.reward, 0) / TRIES, deviation = Math.sqrt(tries.reduce((sum, one) => sum + (one.reward - mean) ** 2, 0) / TRIES), rows = tries.map(({ chain, inPlace, reward }, i) => {
      let advantage = deviation > 1e-6 ? (reward - mean) / deviation : 0;
      return element(
        "tr",
        {},
        element("th", { scope: "row" }, String(i + 1)),
        element("td", { class: "mono" }, ...chain.map((text, k) => element("span", { class: "step", "data-right": String(inPlace[k]) }, text))),
        element("td", {}, reward.toFixed(2)),
        element("td", { class: "advantage", "data-sign": String(Math.sign(advantage)) }, signed(advantage))
      );
    }), again = button("eight others", () => {
      this.seed++, this.pictures[7].replaceChildren(...this.practice(worked)), this.pictures[7].querySelector("button")?.focus({ preventScroll: !0 });
    });
    return [
      caption(
        this.before === this.context.planner ? "Eight tries of this planner:" : `Eight tries of a network that has not practised, only imitated (${this.before.entry.title}):`
      ),
      element(
        "table",
        {},
        element("thead", {}, element("tr", {}, ...["try", "its steps", "reward", "advantage"].map((text) => element("th", { scope: "col" }, text)))),
        element("tbody", {}, ...rows)
      ),
      element("p", { class: "row" }, again, element("span", { class: "soft" }, `mean reward ${mean.toFixed(2)}; above it likelier, below it rarer`))
    ];
  }
}, smooth = () => matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth", percent2 = (share) => share > 0.995 && share < 1 ? "> 99 %" : share < 5e-3 && share > 0 ? "< 1 %" : `${Math.round(100 * share)} %`, signed = (value) => Math.abs(value) < 5e-3 ? "0" : `${value > 0 ? "+" : "−"}${Math.abs(value).toFixed(2)}`, special = (text) => text.startsWith("<|") ? "⟨think⟩" : text, deviations = (logvar) => logvar.map((value) => Math.exp(0.5 * value)), caption = (text) => element("p", { class: "soft caption" }, text);
function section(stop, i, picture) {
  return element(
    "section",
    { class: "stop" },
    element(
      "div",
      { class: "prose" },
      element("span", { class: "number", "aria-hidden": "true" }, String(i + 1)),
      element("h2", { tabindex: "-1" }, stop.title),
      element("p", {}, stop.says)
    ),
    element(
      "div",
      {},
      picture,
      element("details", {}, element("summary", {}, "The formula"), element("p", { class: "formula" }, stop.formula[0]), element("p", { class: "soft" }, stop.formula[1]))
    )
  );
}
function strip(values, label) {
  let top = Math.max(...values.map(Math.abs)) || 1;
  return shape(
    "svg",
    { class: "strip", viewBox: `0 0 ${values.length} 10`, preserveAspectRatio: "none", role: "img", "aria-label": `${label}: ${Array.from(values.slice(0, 4), (value) => value.toFixed(2)).join(", ")} and ${values.length - 4} more` },
    ...Array.from(values, (value, i) => {
      let size = 5 * Math.abs(value) / top;
      return shape("rect", { class: value < 0 ? "below" : "above", x: i + 0.1, width: 0.8, y: value < 0 ? 5 : 5 - size, height: Math.max(size, 0.15) });
    })
  );
}
function cloudOf(mean, spread, drawnLatent, label) {
  let [width, height] = [640, 220], reach = 1.08 * Math.max(...mean.map((value, i) => Math.abs(value) + (spread?.[i] ?? 0)), ...(drawnLatent ?? new Float32Array(1)).map(Math.abs)), y = (value) => height / 2 - value / reach * (height / 2 - 8), x = (i) => 34 + (i + 0.5) * (width - 40) / mean.length, parts = [shape("line", { class: "zero", x1: 30, x2: width, y1: y(0), y2: y(0) }), shape("text", { x: 24, y: y(0) + 4, "text-anchor": "end" }, "0")];
  for (let value of [Math.floor(reach), -Math.floor(reach)])
    value && parts.push(shape("text", { x: 24, y: y(value) + 4, "text-anchor": "end" }, String(value).replace("-", "−")));
  return mean.forEach((value, i) => {
    let sigma = spread?.[i] ?? 0;
    parts.push(shape("line", { class: "sigma", x1: x(i), x2: x(i), y1: y(value - sigma), y2: y(value + sigma) })), parts.push(shape("circle", { class: "mu", cx: x(i), cy: y(value), r: 2.6 })), drawnLatent && parts.push(shape("circle", { class: "drawn", cx: x(i), cy: y(drawnLatent[i]), r: 3.2 }));
  }), shape("svg", { class: "cloud", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, ...parts);
}
function bars(rows, half = !1) {
  return element(
    "dl",
    { class: half ? "bars half" : "bars" },
    ...rows.flatMap(([name, share, says]) => [
      element("dt", { class: half ? "" : "mono" }, name || "nothing"),
      element("dd", {}, element("i", { style: `--share: ${share.toFixed(4)}` }), element("span", {}, says))
    ])
  );
}

// src/pages/race.ts
var race = {
  name: "race",
  title: "Race",
  shows: 1 / 0,
  mount: mount2
}, RACERS = {
  cot: ["Words", "Chain of thought: it writes every step down, one token after the other."],
  "sim-cot": ["SIM-CoT", "Thinks in vectors, always four of them; taught with a decoder at its side."],
  "atp-sft": ["Imitator", "ATP-Latent: thinks in vectors and stops when it is done; taught by imitation."],
  "atp-step": ["Planner", "The imitator after practice, paid for right chains in any order; then imitating the right chains it had chosen itself."]
}, PROBLEMS2 = ["(3+4)*(9-2)", "((2*3)-(2+1))+6", "(2*3)+(4*5)", "((6-2)*3)+8"], USUAL = 3;
async function mount2(root2, context) {
  let order = Object.keys(RACERS), rank = (name) => order.includes(name) ? order.indexOf(name) : order.length, entries = [...context.planners].sort((a, b) => rank(a.name) - rank(b.name));
  return new Race(root2, context, await Promise.all(entries.map((entry) => context.load(entry.name))));
}
var Race = class {
  context;
  lanes;
  field = element("input", { type: "text", id: "problem", autocomplete: "off", spellcheck: "false" });
  message = element("p", { class: "alert", role: "status" });
  clock = element("output", { class: "clock", "aria-label": "passes so far" });
  playing;
  speed = element("input", { type: "range", id: "speed", min: "-2", max: "2", step: "0.5", value: "0" });
  worked = { steps: [], value: 0, numbers: [] };
  now = 0;
  timer = 0;
  constructor(root2, context, planners) {
    this.context = context, this.lanes = planners.map(lane), this.playing = button("play", () => {
      this.play(!this.timer);
    }), this.field.value = context.state.get("q") ?? PROBLEMS2[0], this.field.addEventListener("change", () => {
      this.start();
    }), root2.append(
      element("h1", {}, "Race"),
      element(
        "p",
        { class: "lead" },
        "A network that writes its steps needs one pass through itself for every token: every number and every sign. A network that thinks in vectors needs one pass for a whole step. Here they race, in slow motion."
      ),
      element(
        "div",
        { class: "row" },
        element("label", { for: "problem", class: "soft" }, "Problem"),
        this.field,
        ...PROBLEMS2.map(
          (problem) => button(problem, () => {
            this.field.value = problem, this.start();
          })
        )
      ),
      this.message,
      element(
        "div",
        { class: "row", role: "group", "aria-label": "The race" },
        this.playing,
        button("one pass", () => {
          this.play(!1), this.show(this.now + 1);
        }),
        button("from the start", () => {
          this.show(0), this.play(!0);
        }),
        button("to the end", () => {
          this.play(!1), this.show(this.length());
        }),
        element("label", { class: "slow", for: "speed" }, "slow", this.speed, "fast"),
        element("span", { class: "soft" }, "pass ", this.clock)
      ),
      element("div", { class: "lanes" }, ...this.lanes.map((each) => each.root)),
      notes()
    ), this.start(!matchMedia("(prefers-reduced-motion: reduce)").matches);
  }
  unmount() {
    this.play(!1);
  }
  length() {
    return Math.max(0, ...this.lanes.map((each) => each.passes.length));
  }
  /** Think about what is in the field, and race from the start; or stand at the end. */
  start(run = !0) {
    let question = this.field.value.trim();
    this.message.textContent = "";
    for (let each of this.lanes) [each.trace, each.passes] = [null, []];
    try {
      if (this.worked = workOut(question), this.worked.value < 0 || this.worked.steps.some((step) => step.value < 0))
        throw new Error("a number below zero comes up, and these networks know none: turn the subtraction round");
      for (let each of this.lanes)
        each.trace = each.live.planner.think(question), each.passes = passes(each.trace);
      let steps = this.worked.steps.length;
      (steps < 2 || steps > 4) && (this.message.textContent = `They were trained on problems of two to four steps; this one has ${steps}, so expect mistakes.`);
    } catch (error) {
      this.message.textContent = error instanceof Error ? error.message : String(error);
    }
    this.context.keep({ q: question }), this.show(run ? 0 : this.length()), this.play(run);
  }
  play(on) {
    if (clearTimeout(this.timer), this.timer = 0, on && this.now >= this.length() && this.show(0), on && this.length()) {
      let tick = () => {
        this.show(this.now + 1), this.timer = 0, this.now < this.length() ? this.timer = setTimeout(tick, 1e3 / (USUAL * 2 ** Number(this.speed.value))) : this.context.say(this.lanes.map((each) => `${each.live.entry.title}: ${each.result.textContent}`).join(". ")), this.playing.textContent = this.timer ? "pause" : "play";
      };
      this.timer = setTimeout(tick, 600);
    }
    this.playing.textContent = this.timer ? "pause" : "play";
  }
  /** The race after so many passes. */
  show(now) {
    this.now = Math.min(now, this.length()), this.clock.textContent = String(this.now);
    for (let each of this.lanes) {
      let done = each.passes.slice(0, this.now);
      each.track.childElementCount > done.length && each.track.replaceChildren();
      for (let pass of done.slice(each.track.childElementCount)) each.track.append(pill(pass));
      each.count.textContent = String(done.length), this.showRead(each, done);
      let over = done.length === each.passes.length && each.trace !== null;
      each.root.dataset.over = String(over), each.result.replaceChildren(...over ? this.verdict(each) : []);
    }
  }
  /** What its thoughts so far mean, each judged. */
  showRead(each, done) {
    let thoughts = done.filter((pass) => pass.kind === "thought").length, texts = each.trace?.steps.slice(0, each.live.planner.config.max_latents ? thoughts : 0).map((step) => step.text) ?? [], { inPlace } = verify(this.worked.steps, each.trace?.steps.map((step) => step.text) ?? []), known = each.read.childElementCount;
    known > texts.length && each.read.replaceChildren(), texts.slice(each.read.childElementCount).forEach((text, i) => {
      let right = inPlace[each.read.childElementCount === 0 ? i : known + i];
      each.read.append(element("span", { class: "step", "data-right": String(right) }, `${right ? "✓" : "✗"} ${text || "nothing"}`));
    });
  }
  /** Whether its answer and its steps are right. */
  verdict({ trace, live }) {
    if (!trace) return [];
    let said = (right, yes, no) => element("span", { "data-right": String(right) }, right ? `✓ ${yes}` : `✗ ${no}`), answer = said(
      trace.answer === String(this.worked.value),
      `answer ${trace.answer}`,
      `answer ${trace.answer || "nothing"}, right is ${this.worked.value}`
    );
    if (!live.entry.decodes && live.planner.config.max_latents) return [answer];
    let chain = verify(this.worked.steps, trace.steps.map((step) => step.text));
    return [answer, said(chain.right, "steps right", `steps: ${chain.done} of ${chain.needed} right`)];
  }
};
function passes(trace) {
  let answered = trace.written.lastIndexOf(";") + 1;
  return [
    ...trace.thoughts.map((_, i) => ({ kind: "thought", text: String(i + 1) })),
    ...trace.written.map((text, i) => ({ kind: i < answered ? "token" : "answer", text })),
    ...trace.ended ? [{ kind: "end", text: "end" }] : []
  ];
}
function pill(pass) {
  let what2 = { thought: "a thought", token: "a token", answer: "the answer", end: "the end token" }[pass.kind];
  return element("span", { class: `pass ${pass.kind}`, title: what2 }, pass.text);
}
function lane(live) {
  let [title, how2] = RACERS[live.entry.name] ?? [live.entry.title, "Your checkpoint."], track = element("div", { class: "track" }), read2 = element("div", { class: "read" }), count2 = element("b", {}, "0"), result = element("p", { class: "result" }), root2 = element(
    "section",
    { class: "lane", "aria-label": title },
    element("div", { class: "who" }, element("h2", {}, title), element("p", { class: "soft" }, how2)),
    element("div", { class: "course" }, track, read2, result),
    element("p", { class: "count" }, count2, " passes")
  );
  return { live, root: root2, track, read: read2, count: count2, result, passes: [], trace: null };
}
function notes() {
  let part = (title, text) => element("section", {}, element("h2", {}, title), element("p", {}, text));
  return element(
    "div",
    { class: "story" },
    part(
      "What is counted",
      "All racers have read the problem. Then every box is one pass through the same four layers, and none can begin before the last has ended. A blue disc is a thought: a vector that is fed back as it is. A letter or number is a token that is written and read again. “end” says: I am done."
    ),
    part(
      "What you see below the discs",
      "A small decoder reads each thought as text. That is for us. The racer does not wait for it, so it is not counted. ✓ marks a step that the problem needs, once, and only after the steps it builds on."
    ),
    part(
      "Look at two steps that could come first",
      "In (3+4)*(9-2) either bracket may be worked out first. Teachers disagree, so imitation thinks of both at once: it says the same step twice. The answer may be right all the same: it is read from the vectors, not from their text. The planner was paid for right chains and takes one after the other."
    )
  );
}

// src/routes.ts
var LETTERS = "abcdefghi", LARGEST = LETTERS.length, QUESTION = /^\s*(\d)\s*:((?:\s*[a-z]{2}\b)*)\s*:\s*([a-z]{2})\s+to\s+([a-z]{2})\s*$/u, HOP = /^\s*([a-z]{2})\s*>\s*([a-z]{2})\s*$/u, cellName = (row, column) => LETTERS[row] + LETTERS[column], cellPlace = (cell) => [LETTERS.indexOf(cell[0]), LETTERS.indexOf(cell[1])];
function readHop(text) {
  let found = HOP.exec(text);
  return found && { start: found[1], end: found[2] };
}
var Route = class _Route {
  size;
  blocked;
  start;
  goal;
  /** Hops from each cell to the goal; cells from which it cannot be reached are left out. */
  distances;
  /** How many shortest routes lead from each of these cells to the goal. */
  counts;
  /** @throws Error for a size, cell, start or goal that makes no map. */
  constructor(size, blocked, start, goal) {
    if (size < 2 || size > LARGEST) throw new Error(`a map of ${size} x ${size} cells: give a size of 2 to ${LARGEST}`);
    this.size = size, this.blocked = new Set(blocked), this.start = start, this.goal = goal;
    let last = cellName(size - 1, size - 1);
    for (let cell of [...this.blocked, start, goal])
      if (!this.has(cell)) throw new Error(`"${cell}" is not on a map of ${size} x ${size} cells: use aa to ${last}`);
    if (this.blocked.has(start)) throw new Error(`the start ${start} is blocked: choose a free cell`);
    if (this.blocked.has(goal)) throw new Error(`the goal ${goal} is blocked: choose a free cell`);
    [this.distances, this.counts] = this.search();
  }
  /** @throws Error that says how such a question is written. */
  static read(question) {
    let found = QUESTION.exec(question.toLowerCase());
    if (!found)
      throw new Error(
        `"${question}" is no question about a route: write the size, the blocked cells, start and goal, such as 5 : ab cd : aa to de`
      );
    let [, size, blocked, start, goal] = found;
    return new _Route(Number(size), blocked.match(/\S+/gu) ?? [], start, goal);
  }
  /** Every cell, row by row. */
  get cells() {
    return Array.from({ length: this.size ** 2 }, (_, i) => cellName(Math.floor(i / this.size), i % this.size));
  }
  /** The question as the planner reads it. */
  get question() {
    return `${this.size} : ${[...this.blocked].sort().map((cell) => `${cell} `).join("")}: ${this.start} to ${this.goal}`;
  }
  /** Hops of a shortest route, or null where there is none. */
  get distance() {
    return this.distances.get(this.start) ?? null;
  }
  /** How many shortest routes there are. */
  get count() {
    return this.counts.get(this.start) ?? 0;
  }
  has(cell) {
    let [row, column] = cellPlace(cell);
    return cell.length === 2 && Math.min(row, column) >= 0 && Math.max(row, column) < this.size;
  }
  /** Free cells above, below, left and right of a cell. */
  neighbours(cell) {
    let [row, column] = cellPlace(cell);
    return [
      [row - 1, column],
      [row + 1, column],
      [row, column - 1],
      [row, column + 1]
    ].filter((place) => place.every((i) => i >= 0 && i < this.size)).map(([i, j]) => cellName(i, j)).filter((other) => !this.blocked.has(other));
  }
  /** Both cells are free, side by side. */
  isLegal(hop) {
    return this.has(hop.start) && !this.blocked.has(hop.start) && this.neighbours(hop.start).includes(hop.end);
  }
  judge(steps) {
    let at = this.start, hops = steps.map((text) => {
      let hop = readHop(text), legal = hop !== null && this.isLegal(hop), inPlace = legal && hop.start === at;
      return at = hop?.end ?? null, { hop, legal, inPlace };
    }), arrives = hops.length > 0 && hops.every((each) => each.inPlace) && at === this.goal;
    return { hops, arrives, shortest: arrives && hops.length === this.distance };
  }
  /** Breadth-first from the goal; a cell's shortest routes are those of its neighbours that are nearer. */
  search() {
    let distances = /* @__PURE__ */ new Map([[this.goal, 0]]), counts = /* @__PURE__ */ new Map([[this.goal, 1]]), queue = [this.goal];
    for (let cell = queue.shift(); cell !== void 0; cell = queue.shift()) {
      let next = (distances.get(cell) ?? 0) + 1;
      for (let other of this.neighbours(cell))
        distances.has(other) || (distances.set(other, next), queue.push(other)), distances.get(other) === next && counts.set(other, (counts.get(other) ?? 0) + (counts.get(cell) ?? 0));
    }
    return [distances, counts];
  }
};

// src/hopplane.ts
var Plane2 = class {
  origin;
  anchors;
  axes;
  /** others: real thoughts, of which the first two span the plane. */
  constructor(origin, others) {
    this.origin = origin;
    let steps = others.map(({ latent }) => minus(latent, origin)), first = unit2(steps.at(0) ?? unitAlong(origin.length, 0)), rest2 = steps.length > 1 ? minus(steps[1], times(first, dot(steps[1], first))) : unitAlong(origin.length, 1);
    norm(rest2) < 1e-6 && (rest2 = unitAlong(origin.length, 1)), rest2 = minus(rest2, times(first, dot(rest2, first))), this.axes = [first, unit2(rest2)], this.anchors = others.slice(0, 2).map((other) => ({ ...other, at: this.place(other.latent) }));
  }
  /** Where a thought is, seen from the origin, once it is projected onto the plane. */
  place(latent) {
    let step = minus(latent, this.origin);
    return [dot(step, this.axes[0]), dot(step, this.axes[1])];
  }
  thought([x, y]) {
    return this.origin.map((value, i) => value + x * this.axes[0][i] + y * this.axes[1][i]);
  }
}, minus = (a, b) => a.map((value, i) => value - b[i]), times = (a, k) => a.map((value) => value * k), norm = (a) => Math.sqrt(dot(a, a)), unit2 = (a) => times(a, 1 / Math.max(norm(a), 1e-9)), unitAlong = (d, i) => Float32Array.from({ length: d }, (_, j) => +(i === j));
function nearestOf(landmarks, text, place, thought) {
  let fitting = landmarks.filter((landmark) => landmark.text === text), cost = (one) => norm(minus(one.latent, thought)) + (one.place === place ? 0 : 1e3);
  return fitting.length ? fitting.reduce((best, one) => cost(one) < cost(best) ? one : best) : null;
}
var ARROWS = { "-1,0": "↑", "1,0": "↓", "0,-1": "←", "0,1": "→" }, DIRECTIONS = { "↑": "--up", "→": "--right", "↓": "--down", "←": "--left" };
function direction(hop) {
  let [a, b] = cellPlace(hop.start), [c, d] = cellPlace(hop.end);
  return ARROWS[`${c - a},${d - b}`] ?? "";
}
var FINEST = 36, PlaneView = class {
  canvas = element("canvas", { class: "plane", tabindex: "0", role: "application" });
  plane = null;
  planner = null;
  from = "";
  point = [0, 0];
  reach = 1;
  field = null;
  job = 0;
  /** moved is called with where the thought was put, at most once a frame. */
  constructor(moved) {
    this.canvas.setAttribute("aria-label", "The plane around the thought; arrow keys move it, Home puts it back");
    let wanted = null, held = !1, where = (event) => {
      let { left, top, width, height } = this.canvas.getBoundingClientRect(), clip = (share) => Math.min(1, Math.max(0, share)) * 2 - 1;
      return [
        this.centre[0] + clip((event.clientX - left) / width) * this.reach,
        this.centre[1] - clip((event.clientY - top) / height) * this.reach
      ];
    }, go = (point2) => {
      wanted || requestAnimationFrame(() => {
        wanted && moved(wanted, !1), wanted = null;
      }), wanted = point2;
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      held = !0, this.canvas.setPointerCapture(event.pointerId), go(where(event));
    }), this.canvas.addEventListener("pointermove", (event) => {
      held && go(where(event));
    });
    let release = () => {
      held && moved(wanted ?? this.point, !0), held = !1, wanted = null;
    };
    this.canvas.addEventListener("pointerup", release), this.canvas.addEventListener("pointercancel", release), this.canvas.addEventListener("keydown", (event) => {
      let step = this.reach / (event.shiftKey ? 4 : 16), move2 = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1], Home: [0, 0] }[event.key];
      if (!move2) return;
      event.preventDefault();
      let [x, y] = this.point;
      moved(event.key === "Home" ? [0, 0] : [x + step * move2[0], y + step * move2[1]], !0);
    });
  }
  centre = [0, 0];
  /** from: the cell where the walk stands. */
  show(planner, plane, from) {
    this.planner = planner, this.plane = plane, this.from = from;
    let points = [[0, 0], ...plane.anchors.map((anchor) => anchor.at)], middle2 = (k) => (Math.min(...points.map((p) => p[k])) + Math.max(...points.map((p) => p[k]))) / 2;
    this.centre = [middle2(0), middle2(1)], this.reach = 1.5 * Math.max(0.5, ...points.map((p) => Math.max(Math.abs(p[0] - this.centre[0]), Math.abs(p[1] - this.centre[1])))), this.point = [0, 0], this.field = null, this.fill();
  }
  move(point2) {
    this.point = point2, this.draw();
  }
  stop() {
    this.job++;
  }
  /** Coarse first, then finer, in the breaks between frames. */
  fill() {
    let job = ++this.job, n = 9, cells = [], some = () => {
      let { plane, planner } = this;
      if (job !== this.job || !plane || !planner) return;
      let end = performance.now() + 7;
      for (; performance.now() < end && cells.length < n * n; ) {
        let [i, j] = [cells.length % n, Math.floor(cells.length / n)], x = this.centre[0] + ((i + 0.5) / n * 2 - 1) * this.reach, y = this.centre[1] - ((j + 0.5) / n * 2 - 1) * this.reach, read2 = planner.readBack([plane.thought([x, y])]);
        cells.push({ text: read2?.text ?? "", share: Math.exp(read2?.logProbability ?? -99) });
      }
      if (cells.length === n * n) {
        if (this.field = { n, cells }, this.draw(), n >= FINEST) return;
        [n, cells] = [n * 2, []];
      }
      setTimeout(some, 4);
    };
    this.draw(), setTimeout(some, 0);
  }
  draw() {
    let { pen, width, height } = sized(this.canvas);
    pen.clearRect(0, 0, width, height);
    let [ink, page, orange, soft] = ["--ink", "--page", "--orange", "--soft"].map((name) => colour(name, this.canvas)), at = ([x2, y2]) => [
      ((x2 - this.centre[0]) / this.reach + 1) * 0.5 * width,
      (1 - (y2 - this.centre[1]) / this.reach) * 0.5 * height
    ];
    this.field && this.drawField(pen, width, height, ink, [at([0, 0]), at(this.point)]);
    let disc = ([x2, y2], r, fill, edge) => {
      pen.beginPath(), pen.arc(x2, y2, r, 0, 7), pen.fillStyle = fill, pen.fill(), pen.lineWidth = 2, pen.strokeStyle = edge, pen.stroke();
    };
    for (let anchor of this.plane?.anchors ?? []) disc(at(anchor.at), 4, page, soft);
    let [x, y] = at([0, 0]);
    pen.beginPath(), pen.arc(x, y, 13, 0, 7), pen.strokeStyle = ink, pen.lineWidth = 1.5, pen.setLineDash([3, 3]), pen.stroke(), pen.setLineDash([]), disc(at(this.point), 9, orange, page);
  }
  /** dots: where no label may stand. */
  drawField(pen, width, height, ink, dots) {
    let { n, cells } = this.field ?? { n: 1, cells: [] }, [w, h] = [width / n, height / n], colours = new Map(Object.values(DIRECTIONS).map((name) => [name, colour(name, this.canvas)])), other = colour("--soft", this.canvas), sums = /* @__PURE__ */ new Map();
    cells.forEach(({ text, share }, k) => {
      let hop = readHop(text), name = hop && hop.start === this.from ? DIRECTIONS[direction(hop)] : void 0;
      pen.globalAlpha = name ? 0.12 + 0.5 * share ** 2 : 0.05 + 0.14 * share, pen.fillStyle = (name && colours.get(name)) ?? other;
      let [i, j] = [k % n, Math.floor(k / n)], [left, top] = [Math.round(i * w), Math.round(j * h)];
      pen.fillRect(left, top, Math.round((i + 1) * w) - left, Math.round((j + 1) * h) - top);
      let sum = sums.get(text) ?? [0, 0, 0];
      sums.set(text, [sum[0] + i + 0.5, sum[1] + j + 0.5, sum[2] + 1]);
    }), pen.globalAlpha = 1, pen.textAlign = "center", pen.textBaseline = "middle", pen.fillStyle = ink;
    let put = [];
    for (let [text, [i, j, k]] of [...sums].sort((a, b) => b[1][2] - a[1][2])) {
      let hop = readHop(text);
      if (!hop || k < 0.02 * n * n) continue;
      let here = hop.start === this.from, x = Math.min(width - 40, Math.max(40, i / k * w)), y = Math.min(height - 12, Math.max(12, j / k * h));
      for (let [u, v] of dots) Math.abs(u - x) < 52 && Math.abs(v - y) < 22 && (y = v + (v > height - 60 ? -27 : 27));
      put.some(([u, v]) => Math.abs(u - x) < 74 && Math.abs(v - y) < 18) || (put.push([x, y]), pen.font = `${here ? "600 14px" : "12px"} ${getComputedStyle(this.canvas).fontFamily}`, pen.fillText(`${direction(hop)} ${hop.start} to ${hop.end}`, x, y));
    }
  }
};

// src/map.ts
var LEAST = 0.02;
function walked(planner, route2, trace) {
  let steps = trace.steps.map((step) => step.text), readings = trace.thoughts.map(
    (thought) => planner.readings([thought.latent], LEAST).map(({ text, logProbability: logProbability2 }) => ({
      text,
      hop: readHop(text),
      share: Math.exp(logProbability2)
    }))
  );
  return { route: route2, trace, readings, steps, verdict: route2.judge(steps) };
}
function standing(walk, t) {
  return t === 1 ? walk.route.start : walk.verdict.hops[t - 2]?.hop?.end ?? null;
}
var count = (n, what2) => `${n} ${what2}${n === 1 ? "" : "s"}`;
function sentence(walk) {
  let { verdict, route: route2, steps } = walk;
  if (verdict.shortest) return `Arrives, by a shortest way: ${count(steps.length, "hop")}.`;
  if (verdict.arrives) return `Arrives by a detour: ${count(steps.length, "hop")}, where ${route2.distance ?? 0} would do.`;
  let wrong = verdict.hops.findIndex((each) => !each.inPlace), at = standing(walk, wrong < 0 ? steps.length + 1 : wrong + 1);
  if (wrong < 0) return `Does not arrive: it stops in ${at ?? "no cell"}.`;
  let { hop, legal } = verdict.hops[wrong], t = wrong + 1;
  return hop ? legal ? `Does not arrive: hop ${t} begins in ${hop.start}, but the walk stands in ${at ?? "no cell"}.` : route2.blocked.has(hop.end) ? `Does not arrive: hop ${t} runs into the wall ${hop.end}.` : route2.blocked.has(hop.start) ? `Does not arrive: hop ${t} begins in the wall ${hop.start}.` : `Does not arrive: hop ${t} jumps from ${hop.start} to ${hop.end}.` : `Does not arrive: thought ${t} reads “${steps[wrong]}”, which is no hop.`;
}
var MapView = class {
  root = element("div", { class: "map" });
  options;
  grid;
  lines = shape("svg", { class: "map-lines", "aria-hidden": "true" });
  cells = /* @__PURE__ */ new Map();
  route = null;
  held = null;
  focus = "aa";
  constructor(options) {
    this.options = options, this.grid = element("div", { class: "map-grid", role: options.change ? "group" : "img", "aria-label": options.label }), this.root.append(this.grid, this.lines), options.change && this.listen(options.change);
  }
  show(route2, walk, drawn2 = {}) {
    this.route?.size !== route2.size && this.build(route2), this.route = route2;
    for (let [name, cell] of this.cells) {
      let is = name === route2.start ? "start" : name === route2.goal ? "goal" : route2.blocked.has(name) ? "wall" : "free";
      cell.dataset.is = is, this.options.change && (cell.setAttribute("aria-label", `${name}, ${is}`), cell.setAttribute("tabindex", name === this.focus ? "0" : "-1"));
    }
    if (!this.options.change) {
      let said = walk ? ` Hops: ${walk.steps.join(", ") || "none"}. ${sentence(walk)}` : "";
      this.grid.setAttribute("aria-label", `${this.options.label}. ${route2.question}.${said}`);
    }
    this.draw(route2, walk, drawn2);
  }
  build(route2) {
    this.cells = new Map(
      route2.cells.map((name) => {
        let attributes = { class: "map-cell", "data-cell": name };
        return [name, this.options.change ? element("button", { type: "button", ...attributes }, name) : element("span", attributes, name)];
      })
    ), this.grid.replaceChildren(...this.cells.values()), this.grid.style.setProperty("--size", String(route2.size)), this.lines.setAttribute("viewBox", `0 0 ${route2.size} ${route2.size}`);
  }
  draw(route2, walk, { chosen = 0, alone = 0, before = [], ways = !1, until = 99 }) {
    let layers = [];
    ways && layers.push(...shortestWays(route2).map((hop) => arrow(hop, "way", 1))), layers.push(...ends(route2));
    for (let text of before) {
      let hop = readHop(text);
      hop && layers.push(arrow(hop, "before", 1));
    }
    let badges = [];
    walk?.readings.slice(0, until).forEach((readings, i) => {
      let faded = alone > 0 && alone !== i + 1 ? " faded" : "";
      for (let { hop, text, share: share2 } of readings)
        hop && text !== walk.steps[i] && layers.push(arrow(hop, `also${faded}`, share2));
      let judged2 = walk.verdict.hops.at(i);
      if (!judged2?.hop) return;
      let kind = `${judged2.inPlace ? "right" : "wrong"}${faded}`, share = readings.find((reading) => reading.text === walk.steps[i])?.share ?? 0.5;
      layers.push(arrow(judged2.hop, kind, 0.35 + 0.65 * share)), badges.push(badge(judged2.hop, i + 1, chosen === i + 1 ? `${kind} chosen` : kind));
    }), this.lines.replaceChildren(...layers, ...badges);
  }
  listen(change) {
    let cellOf = (event) => event.target.dataset.cell ?? null, put = (name) => {
      let route2 = this.route;
      if (!route2 || !this.held) return;
      let free = !route2.blocked.has(name) && name !== route2.start && name !== route2.goal;
      this.held === "start" && free && change({ start: name }), this.held === "goal" && free && change({ goal: name }), this.held === "wall" && free && change({ cell: name, blocked: !0 }), this.held === "free" && route2.blocked.has(name) && change({ cell: name, blocked: !1 });
    };
    this.grid.addEventListener("pointerdown", (event) => {
      let name = cellOf(event), is = name && this.cells.get(name)?.dataset.is;
      if (!(!name || event.button)) {
        if (this.hold(name), is === "start" || is === "goal") this.held = is;
        else if (event.pointerType === "mouse")
          this.held = is === "wall" ? "free" : "wall", put(name);
        else return;
        this.grid.setPointerCapture(event.pointerId);
      }
    }), this.grid.addEventListener("pointermove", (event) => {
      if (!this.held || !this.route) return;
      let { left, top, width, height } = this.grid.getBoundingClientRect(), size = this.route.size, row = Math.floor((event.clientY - top) / height * size), column = Math.floor((event.clientX - left) / width * size);
      Math.min(row, column) >= 0 && Math.max(row, column) < size && put(cellName(row, column));
    });
    let release = () => {
      this.held = null;
    };
    this.grid.addEventListener("pointerup", release), this.grid.addEventListener("pointercancel", release), this.grid.addEventListener("click", (event) => {
      let name = cellOf(event), is = name && this.cells.get(name)?.dataset.is;
      !name || event.detail > 0 && event.pointerType === "mouse" || (is === "wall" || is === "free") && change({ cell: name, blocked: is === "free" });
    }), this.grid.addEventListener("keydown", (event) => {
      let name = cellOf(event), route2 = this.route;
      if (!name || !route2) return;
      let free = !route2.blocked.has(name);
      event.key === "s" && free && name !== route2.goal && change({ start: name }), event.key === "g" && free && name !== route2.start && change({ goal: name });
      let move2 = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (!move2) return;
      event.preventDefault();
      let [row, column] = cellPlace(name), [i, j] = [row + move2[0], column + move2[1]];
      if (Math.min(i, j) < 0 || Math.max(i, j) >= route2.size) return;
      let other = cellName(i, j), takes = !route2.blocked.has(other) && other !== route2.start && other !== route2.goal;
      event.shiftKey && takes && name === route2.start && change({ start: other }), event.shiftKey && takes && name === route2.goal && change({ goal: other }), this.hold(other), this.cells.get(other)?.focus();
    });
  }
  hold(name) {
    this.cells.get(this.focus)?.setAttribute("tabindex", "-1"), this.focus = name, this.cells.get(name)?.setAttribute("tabindex", "0");
  }
};
function shortestWays(route2) {
  let hops = [], seen = /* @__PURE__ */ new Set([route2.start]);
  for (let cell of seen)
    for (let other of route2.neighbours(cell))
      route2.distances.get(other) === (route2.distances.get(cell) ?? 0) - 1 && (hops.push({ start: cell, end: other }), seen.add(other));
  return hops;
}
var middle = (cell) => {
  let [row, column] = cellPlace(cell);
  return [column + 0.5, row + 0.5];
};
function ends(route2) {
  let [x, y] = middle(route2.start), [u, v] = middle(route2.goal), points = Array.from({ length: 10 }, (_, i) => {
    let [angle, r] = [i * Math.PI / 5, i % 2 ? 0.15 : 0.36];
    return `${u + r * Math.sin(angle)},${v - r * Math.cos(angle)}`;
  });
  return [
    shape("circle", { class: "map-start", cx: x, cy: y, r: 0.32 }),
    shape("polygon", { class: "map-goal", points: points.join(" ") })
  ];
}
function arrow(hop, kind, strength) {
  let [x, y] = middle(hop.start), [u, v] = middle(hop.end), length = Math.hypot(u - x, v - y) || 1, [dx, dy] = [(u - x) / length, (v - y) / length], [gap, head] = [0.16, 0.1 + 0.1 * strength], [a, b] = [x + gap * dx, y + gap * dy], [c, d] = [u - gap * dx, v - gap * dy], [e, f] = [c - head * dx, d - head * dy], wing = 0.6 * head;
  return shape(
    "g",
    { class: `map-arrow ${kind}`, style: `--strength: ${strength.toFixed(3)}` },
    shape("line", { x1: a, y1: b, x2: e, y2: f, "stroke-width": 0.03 + 0.06 * strength }),
    shape("polygon", { points: `${c},${d} ${e - wing * dy},${f + wing * dx} ${e + wing * dy},${f - wing * dx}` })
  );
}
function badge(hop, number, kind) {
  let [x, y] = middle(hop.start), [u, v] = middle(hop.end), [cx, cy] = [0.56 * x + 0.44 * u, 0.56 * y + 0.44 * v];
  return shape(
    "g",
    { class: `map-badge ${kind}` },
    shape("circle", { cx, cy, r: 0.135 }),
    shape("text", { x: cx, y: cy + 5e-3, "font-size": 0.17 }, String(number))
  );
}

// src/pages/route.ts
var route = {
  name: "route",
  title: "Draw a route",
  shows: 2,
  mount: mount3
}, TRAINED = { blocked: 5, least: 2, most: 6 }, MAPS = [
  ["12 ways", "5 : ad be da dd ea : aa to ec"],
  ["3 ways", "5 : bd cd db de ee : da to bc"],
  ["a single way", "5 : ab bb cd db dd : aa to ac"],
  ["too far", "5 : ba bb bc bd de : aa to ca"]
];
async function mount3(root2, context) {
  let names = context.planners.map((entry) => entry.name), imitator = names.find((name) => name === "routes-sft"), picked = context.planner.entry.name, other = picked === imitator ? names.find((name) => name !== imitator) : picked, shown = [imitator, other].filter((name) => name !== void 0);
  return new RoutePage(root2, context, await Promise.all(shown.map((name) => context.load(name))));
}
var RoutePage = class {
  context;
  sides;
  facts = element("p", { class: "facts" });
  warning = element("p", { class: "warning", role: "status" });
  planeView = new PlaneView((point2, done) => {
    this.drag(point2, done);
  });
  planeTitle = element("h2", {}, "");
  planeSays = element("p", { class: "soft", role: "status" });
  picks = element("div", { class: "picks", role: "group", "aria-label": "Let this thought mean another hop" });
  undo = button("undo the edit", () => {
    this.think();
  });
  field = element("input", { type: "text", id: "question", autocomplete: "off", spellcheck: "false" });
  ways = element("input", { type: "checkbox", id: "ways" });
  stage;
  route;
  chosen = { side: 0, t: 1 };
  plane = null;
  edit = null;
  constructor(root2, context, planners) {
    this.context = context, this.route = readOr(context.state.get("q"), MAPS[0][1]), this.sides = planners.map((live) => this.side(live)), this.ways.addEventListener("change", () => {
      this.draw();
    }), this.stage = element(
      "div",
      { class: "stage" },
      ...this.sides.map(
        ({ title, how: how2, view, verdict, thoughts }) => element(
          "section",
          { class: "side", "aria-label": title },
          element("h2", {}, title),
          element("p", { class: "how soft" }, how2),
          view.root,
          verdict,
          thoughts
        )
      ),
      element(
        "section",
        { class: "inside", "aria-label": "Inside one thought" },
        this.planeTitle,
        element("p", { class: "how soft" }, "Drag the dot: this thought becomes another, and every later hop is thought anew."),
        this.planeView.canvas,
        this.planeSays,
        this.picks,
        this.undo
      )
    ), root2.append(
      element("h1", {}, "Draw a route"),
      element(
        "p",
        { class: "lead" },
        "Two small networks look for a way from the ring to the star. They do not write it down. They think it: one vector of 64 numbers for every hop. Build walls, drag the ring or the star, and watch both think again."
      ),
      this.tools(),
      this.facts,
      this.warning,
      this.stage,
      legend(),
      story()
    );
    let side2 = Number(context.state.get("side") ?? this.sides.length - 1);
    this.chosen = { side: side2 in this.sides ? side2 : 0, t: Number(context.state.get("t") ?? 2) }, this.think(), this.restore();
  }
  picture() {
    return this.stage;
  }
  redraw() {
    this.planeView.draw();
  }
  unmount() {
    this.planeView.stop();
  }
  side(live) {
    let imitates = live.entry.name === "routes-sft", title = imitates ? "Imitation" : live.entry.name === "routes-plan" ? "Planning" : live.entry.title, how2 = imitates ? "It copies teachers. Each showed one way, drawn by lot." : live.entry.name === "routes-plan" ? "The same network, later: it practised, paid for arriving." : "Your checkpoint.", view = new MapView({
      label: `Map, ${title}. Arrow keys walk, Enter builds a wall, s and g set start and goal`,
      change: (change) => {
        this.change(change);
      }
    }), walk = walked(live.planner, this.route, live.planner.think(this.route.question)), verdict = element("p", { class: "verdict" });
    return { live, title, how: how2, view, verdict, thoughts: element("ol", { class: "thoughts" }), base: walk, walk };
  }
  tools() {
    let go = (question) => {
      this.open(Route.read(question));
    };
    return this.field.addEventListener("change", () => {
      try {
        go(this.field.value);
      } catch (error) {
        this.warning.textContent = error instanceof Error ? error.message : String(error);
      }
    }), element(
      "div",
      { class: "row tools-row" },
      element("span", { class: "soft" }, "Maps"),
      ...MAPS.map(
        ([title, question]) => button(title, () => {
          go(question);
        })
      ),
      button("another", () => {
        this.open(anyMap());
      }),
      element("label", { class: "check", for: "ways" }, this.ways, "show every shortest way"),
      element("label", { class: "as-text", for: "question" }, element("span", { class: "soft" }, "what it reads"), this.field)
    );
  }
  /** @throws Error that names a word which a planner does not know. */
  open(route2) {
    this.think(route2), this.choose(this.chosen.side, 2);
  }
  change(change) {
    let { size, start, goal } = this.route, blocked = new Set(this.route.blocked);
    "cell" in change && blocked[change.blocked ? "add" : "delete"](change.cell);
    let ends2 = { start, goal, ..."cell" in change ? {} : change };
    this.think(new Route(size, blocked, ends2.start, ends2.goal));
  }
  /** Both planners think about a map anew. */
  think(route2 = this.route) {
    let walks = this.sides.map(({ live: { planner } }) => walked(planner, route2, planner.think(route2.question)));
    this.route = route2, this.edit = null, this.sides.forEach((side2, i) => {
      side2.base = side2.walk = walks[i];
    }), this.choose(this.chosen.side, this.chosen.t);
  }
  /** Show one thought's plane. */
  choose(side2, t) {
    let { base, live } = this.sides[side2], last = Math.max(1, base.steps.length);
    if (this.chosen = { side: side2, t: Math.min(Math.max(1, t), last) }, this.edit && (this.edit.side !== side2 || this.edit.t !== this.chosen.t)) {
      this.edit = null;
      for (let each of this.sides) each.walk = each.base;
    }
    let thought = base.trace.thoughts.at(this.chosen.t - 1), from = standing(base, this.chosen.t) ?? this.route.start;
    if (thought) {
      let others = this.alternatives(from, base.steps[this.chosen.t - 1], thought.latent);
      this.plane = new Plane2(thought.latent, others), this.planeView.show(live.planner, this.plane, from), this.showPicks(others);
    }
    this.draw();
  }
  /** Real thoughts about other maps, of another hop from the same cell; those that go on towards the goal first. */
  alternatives(from, own, thought) {
    let far = (cell) => this.route.distances.get(cell) ?? 99, { landmarks } = this.sides[this.chosen.side].live;
    return this.route.neighbours(from).sort((a, b) => far(a) - far(b)).map((end) => ({ start: from, end })).filter((hop) => `${hop.start}>${hop.end}` !== own).flatMap((hop) => {
      let text = `${hop.start}>${hop.end}`, found = nearestOf(landmarks, text, this.chosen.t, thought);
      return found ? [{ text, hop, latent: found.latent }] : [];
    });
  }
  showPicks(others) {
    this.picks.replaceChildren(
      element("span", { class: "soft" }, "or let it mean"),
      ...others.map(
        ({ text, hop, latent }) => button(
          `${direction(hop)} ${hop.end}`,
          () => {
            this.put({ ...this.chosen, latent, how: text });
          },
          { title: `the thought ${text} about another map` }
        )
      )
    );
  }
  drag(point2, done) {
    this.plane && this.put({ ...this.chosen, latent: this.plane.thought(point2), how: point2 }, done);
  }
  put(edit, done = !0) {
    this.edit = edit;
    let side2 = this.sides[edit.side], { planner } = side2.live;
    side2.walk = walked(planner, this.route, planner.rethink(side2.base.trace, /* @__PURE__ */ new Map([[edit.t, edit.latent]]))), this.planeView.move(typeof edit.how == "string" ? this.plane?.place(edit.latent) ?? [0, 0] : edit.how), this.draw(), done && this.context.say(`Thought ${edit.t} now reads ${side2.walk.steps[edit.t - 1]}. ${sentence(side2.walk)}`);
  }
  /** The edit that a link holds. */
  restore() {
    let [at, pick2] = [this.context.state.get("at"), this.context.state.get("pick")], point2 = at?.split(",").map(Number) ?? [];
    point2.length === 2 && point2.every(Number.isFinite) && this.drag([point2[0], point2[1]], !0);
    let anchor = this.plane?.anchors.find((one) => one.text === pick2);
    anchor && this.put({ ...this.chosen, latent: anchor.latent, how: anchor.text });
  }
  draw() {
    let { route: route2, edit, chosen } = this;
    this.sides.forEach((side2, i) => {
      this.show(i), side2.verdict.textContent = `${side2.walk.verdict.arrives ? "✓" : "✗"} ${sentence(side2.walk)}`, side2.verdict.dataset.arrives = String(side2.walk.verdict.arrives), this.drawThoughts(side2, i);
    }), this.drawFacts();
    let { walk, base, title } = this.sides[chosen.side];
    this.planeTitle.textContent = `Inside thought ${chosen.t} of ${title.toLowerCase()}`;
    let [now, was] = [walk.steps[chosen.t - 1] ?? "", base.steps[chosen.t - 1] ?? ""], later = walk.steps.slice(chosen.t).filter((text, k) => text !== base.steps[chosen.t + k]).length;
    this.planeSays.textContent = edit ? now === was ? `Moved, and still read as ${spoken(was)}${later ? `; yet ${later} later ${later > 1 ? "hops change" : "hop changes"}.` : "."}` : `${spoken(was)} became ${spoken(now)}; ${later} of the later hops changed.` : `Here the decoder reads ${spoken(was)}. Each colour is another hop.`, this.undo.disabled = !edit;
    let keep = { q: route2.question, side: String(chosen.side), t: String(chosen.t) };
    edit && typeof edit.how == "string" ? keep.pick = edit.how : edit && (keep.at = edit.how.map((value) => value.toFixed(3)).join(",")), this.context.keep(keep), this.field.value = route2.question;
  }
  /** A side's map; of one thought alone, or of all. */
  show(i, alone = 0) {
    let { view, walk, base } = this.sides[i];
    view.show(this.route, walk, {
      alone,
      ways: this.ways.checked,
      chosen: i === this.chosen.side ? this.chosen.t : 0,
      before: this.edit?.side === i ? base.steps : []
    });
  }
  drawThoughts(side2, i) {
    side2.thoughts.replaceChildren(
      ...side2.walk.steps.map((text, k) => {
        let readings = side2.walk.readings.at(k) ?? [], judged2 = side2.walk.verdict.hops[k], isChosen = i === this.chosen.side && k + 1 === this.chosen.t, made = button("", () => {
          this.choose(i, k + 1);
        });
        made.append(
          element("span", { class: "unseen" }, "Thought"),
          element("span", { class: "number" }, String(k + 1)),
          element("span", { class: "mono" }, (judged2.hop ? `${judged2.hop.start}→${judged2.hop.end}` : text) || "nothing"),
          bars2(readings, text),
          element("span", { class: "unseen" }, `${spokenReadings(readings)}${judged2.inPlace ? "" : "; it does not go on from the last hop"}`)
        ), made.setAttribute("aria-pressed", String(isChosen)), made.dataset.kind = judged2.inPlace ? "right" : "wrong";
        let hover = (alone) => () => {
          this.show(i, alone);
        };
        return made.addEventListener("pointerenter", hover(k + 1)), made.addEventListener("pointerleave", hover(0)), element("li", {}, made);
      })
    );
  }
  drawFacts() {
    let { route: route2 } = this, { distance: distance2, count: count2 } = route2;
    this.facts.textContent = distance2 === null ? "No way leads to the star." : `The shortest way has ${distance2} hop${distance2 === 1 ? "" : "s"}. ` + (count2 === 1 ? "There is only one such way." : `There are ${count2} such ways, all equally right.`);
    let notes2 = [];
    distance2 === null ? notes2.push("They were never shown such a map and cannot say “there is no way”: what they draw is a guess.") : distance2 < TRAINED.least ? notes2.push("They were trained on 2 to 6 hops; one hop is new to them.") : distance2 > TRAINED.most && notes2.push(`They were trained on 2 to 6 hops; ${distance2} is new to them, so expect a wrong way.`), route2.blocked.size !== TRAINED.blocked && notes2.push(`Every map of their training had 5 walls, this one has ${route2.blocked.size}, which is new to them.`), this.warning.textContent = notes2.join(" ");
  }
}, spoken = (text) => {
  let hop = readHop(text);
  return hop ? `${hop.start} → ${hop.end}` : `“${text}”`;
}, spokenReadings = (readings) => readings.slice(0, 3).map(({ text, share }) => `${spoken(text)} ${Math.round(100 * share)} %`).join(", ");
function bars2(readings, text) {
  let first = readings.find((reading) => reading.text === text), rest2 = readings.filter((reading) => reading !== first), part = (reading, kind) => element("i", { class: kind, style: `flex-grow: ${reading.share.toFixed(3)}`, title: `${spoken(reading.text)} ${Math.round(100 * reading.share)} %` }), left = 1 - readings.reduce((sum, reading) => sum + reading.share, 0);
  return element(
    "span",
    { class: "shares", "aria-hidden": "true" },
    ...first ? [part(first, "own")] : [],
    ...rest2.map((reading) => part(reading, "also")),
    element("i", { style: `flex-grow: ${Math.max(0, left).toFixed(3)}` })
  );
}
function readOr(text, otherwise) {
  try {
    return Route.read(text ?? otherwise);
  } catch {
    return Route.read(otherwise);
  }
}
function anyMap() {
  let random = seeded(Math.floor(Math.random() * 2147483648));
  for (; ; ) {
    let cells = Array.from({ length: 25 }, (_, i) => cellName(Math.floor(i / 5), i % 5)), drawn2 = Array.from({ length: 7 }, () => cells.splice(Math.floor(random() * cells.length), 1)[0]), made = new Route(5, drawn2.slice(2), drawn2[0], drawn2[1]);
    if (made.distance !== null && made.distance > 2 && made.distance < 7) return made;
  }
}
function legend() {
  let line = (kind, text) => element("span", {}, element("i", { class: `key ${kind}` }), text);
  return element(
    "p",
    { class: "legend" },
    line("own", "the hop a thought is read as"),
    line("also", "what the same thought says as well; the stronger, the likelier"),
    line("wrong", "a hop that does not go on from the last one"),
    line("was", "before your edit")
  );
}
function story() {
  let part = (title, text) => element("section", {}, element("h2", {}, title), element("p", {}, text));
  return element(
    "div",
    { class: "story" },
    part(
      "What a thought is",
      "After it has read the map, the network makes a vector: a list of 64 numbers. The vector is fed back as its next input, and so on, one for every hop. We call such a vector a latent thought. A second small network, the decoder, reads each thought as text, such as “aa to ab”. What you see on the map is what the decoder reads."
    ),
    part(
      "Why imitation blurs",
      "If several ways are equally short, teachers disagree: one goes right, one goes down. A thought that should please all of them lands in between. Read back, it says a bit of each: the orange arrows. The next thought cannot know which was meant, and the walk breaks."
    ),
    part(
      "What planning changes",
      "Planning is practice with a reward. The network tries eight walks on a map. Walks that arrive by legal hops are made likelier, whichever way they take. No teacher is asked. So it may settle on one way. Orange grows paler and need not go: what counts is that the blue hops join up."
    ),
    part(
      "Why look at thoughts at all?",
      "Asked where it has arrived, either network just names the star. That is always right and tells nothing. Only the hops show whether there was a plan."
    )
  );
}

// src/practice.ts
function compare(group) {
  let mean = group.reduce((sum, one) => sum + one.reward, 0) / group.length, deviation = Math.sqrt(group.reduce((sum, one) => sum + (one.reward - mean) ** 2, 0) / group.length);
  for (let one of group) one.advantage = deviation > 1e-6 ? (one.reward - mean) / deviation : 0;
}
var LAYERS = ["trunk.0", "trunk.2", "trunk.3", "mean"].flatMap((name) => [`${name}.weight`, `${name}.bias`]), [FIRST, SECOND] = [0.9, 0.999], Practice = class {
  /** The planner that learns, with weights of its own. */
  planner;
  /** How often it has learnt. */
  updates = 0;
  /** How many numbers learn. */
  size;
  rate;
  random;
  weights;
  gradients;
  moments;
  /** rate: Adam's. */
  constructor(start, rate, random) {
    this.planner = start.copy(), this.rate = rate, this.random = random, this.weights = LAYERS.map((name) => this.planner.weights.get(`latent_head.${name}`)), this.size = this.weights.reduce((sum, values) => sum + values.length, 0), this.gradients = this.weights.map((values) => new Float32Array(values.length)), this.moments = this.weights.map((values) => [new Float32Array(values.length), new Float32Array(values.length)]);
  }
  /** One try on a map, drawn and judged. first: what the planner thinks about the map without dice. */
  attempt(route2, first) {
    let trace = this.planner.retry(first, { ...LIKELIEST, latent: (said) => draw(said, this.random) }), steps = trace.steps.map((step) => step.text), verdict = route2.judge(steps), inPlace = verdict.hops.filter((hop) => hop.inPlace).length;
    return { trace, steps, verdict, reward: Number(verdict.arrives) + inPlace / Math.max(1, steps.length), advantage: 0 };
  }
  /** Climb: mean over tries of the mean over thoughts of A d log q(l_t | h_t), along mu alone; then a step of Adam. */
  learn(tries) {
    for (let { trace, advantage } of tries)
      if (advantage)
        for (let { hidden, latent, distribution } of trace.thoughts) {
          let [mean, logvar] = [distribution.means[0], distribution.logvars?.[0]], scale = advantage / (trace.thoughts.length * tries.length);
          this.backward(hidden, latent.map((value, i) => scale * (value - mean[i]) / Math.exp(logvar?.[i] ?? 0)));
        }
    this.step();
  }
  /** The gradient at mu, carried back to every weight of the head. */
  backward(hidden, atMean) {
    let [w0, b0, w2, b2, gain, bias, wm] = this.weights, inner = linear(w0, hidden, b0), active = gelu(inner), wide = linear(w2, active, b2), features = layerNorm(wide, gain, bias), [g0, gb0, g2, gb2, gGain, gBias, gm, gbm] = this.gradients, atFeatures = back(wm, gm, gbm, features, atMean), atWide = backNorm(wide, gain, gGain, gBias, atFeatures), atInner = back(w2, g2, gb2, active, atWide).map((value, i) => {
      let x = inner[i];
      return value * (normalCdf(x) + x * Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI));
    });
    back(w0, g0, gb0, hidden, atInner);
  }
  /** Adam (Kingma and Ba 2015), uphill, on gradients of length 1 at most; the gradients are empty again. */
  step() {
    this.updates++;
    let square = 0;
    for (let gradient of this.gradients) for (let value of gradient) square += value * value;
    let clip = 1 / Math.max(1, Math.sqrt(square)), [firstLeft, secondLeft] = [1 - FIRST ** this.updates, 1 - SECOND ** this.updates];
    this.weights.forEach((weight, k) => {
      let [gradient, [m, v]] = [this.gradients[k], this.moments[k]];
      for (let i = 0; i < weight.length; i++) {
        let g = gradient[i] * clip;
        m[i] = FIRST * m[i] + (1 - FIRST) * g, v[i] = SECOND * v[i] + (1 - SECOND) * g * g, weight[i] += this.rate * (m[i] / firstLeft) / (Math.sqrt(v[i] / secondLeft) + 1e-8), gradient[i] = 0;
      }
    });
  }
};
function back(weight, atWeight, atBias, x, atY) {
  let atX = new Float32Array(x.length);
  for (let i = 0, k = 0; i < atY.length; i++) {
    atBias[i] += atY[i];
    for (let j = 0; j < x.length; j++, k++)
      atWeight[k] += atY[i] * x[j], atX[j] += weight[k] * atY[i];
  }
  return atX;
}
function backNorm(x, gain, atGain, atBias, atY) {
  let n = x.length, mean = 0, variance = 0;
  for (let value of x) mean += value / n;
  for (let value of x) variance += (value - mean) ** 2 / n;
  let scale = 1 / Math.sqrt(variance + 1e-5), [sum, along] = [0, 0];
  for (let i = 0; i < n; i++) {
    let normed = (x[i] - mean) * scale;
    atGain[i] += atY[i] * normed, atBias[i] += atY[i], sum += atY[i] * gain[i] / n, along += atY[i] * gain[i] * normed / n;
  }
  return atY.map((value, i) => scale * (value * gain[i] - sum - (x[i] - mean) * scale * along));
}

// src/pages/watch.ts
var watch = {
  name: "watch",
  title: "Watch it learn",
  /** The bundled planner has practised already. */
  mount: (root2, context) => new WatchPage(root2, context)
}, MAPS2 = [
  ["12 ways", "5 : ad be da dd ea : aa to ec"],
  ["3 ways", "5 : bd cd db de ee : da to bc"],
  ["10 ways", "5 : ba be cd ce da : bb to ee"]
], TRIES2 = 8, RATE = 1e-3, [REST, LOOK] = [120, 10], OTHERS = 20, SMOOTH = 8, WatchPage = class {
  context;
  live;
  map;
  verdict = element("p", { class: "verdict" });
  chart = element("div", { class: "chart" });
  counts = element("p", { class: "counts", role: "status" });
  tries;
  playing = button("practise", () => {
    this.play(!this.on);
  }, { class: "main" });
  speed = element("input", { type: "range", id: "pace", min: "0", max: "4", step: "1", value: "3" });
  stage;
  others;
  route;
  practice;
  history = [];
  /** After how many updates, and the share of the other maps on which it arrives without dice. */
  looks = [];
  group = [];
  on = !1;
  runs = 0;
  constructor(root2, context) {
    this.context = context, this.live = context.planner, this.route = readOr2(context.state.get("q"), MAPS2[0][1]), this.practice = this.fresh(), this.others = this.live.examples.map((question) => Route.read(question)).filter((route2) => route2.count > 1).slice(0, OTHERS), this.map = new MapView({
      label: "Map. Arrow keys walk, Enter builds a wall, s and g set start and goal",
      change: (change) => {
        this.change(change);
      }
    }), this.tries = Array.from({ length: TRIES2 }, (_, i) => {
      let view = new MapView({ label: `Try ${i + 1}` }), says = element("p", {});
      return { view, says, root: element("li", {}, view.root, says) };
    });
    let step = button("one update", () => {
      this.play(!1), this.run(1);
    }), again = button("forget it all", () => {
      this.reset(this.route);
    });
    this.stage = element(
      "div",
      { class: "stage" },
      element(
        "section",
        { "aria-label": "What it thinks now" },
        element("h2", {}, "What it thinks now"),
        element("p", { class: "how soft" }, "Without dice. Blue is what its thoughts are read as, orange what they say as well."),
        this.map.root,
        this.verdict
      ),
      element(
        "section",
        { "aria-label": "How often its tries arrive" },
        element("h2", {}, "How often its tries arrive"),
        element("p", { class: "how soft" }, "A point is one group of eight tries; the line is a mean of eight groups."),
        this.chart,
        this.counts
      )
    ), root2.append(
      element("h1", {}, "Watch it learn"),
      element(
        "p",
        { class: "lead" },
        "This network has imitated teachers, and on this map its thoughts are a blur. Let it practise: it tries eight walks by dice, sees which ones are good, and changes a little. Nothing is played back. It trains here, in your browser."
      ),
      element(
        "div",
        { class: "row" },
        this.playing,
        step,
        again,
        element("label", { class: "slow", for: "pace" }, "slow", this.speed, "fast"),
        element("span", { class: "soft maps" }, "Map"),
        ...MAPS2.map(
          ([title, question]) => button(title, () => {
            this.reset(Route.read(question));
          })
        )
      ),
      this.stage,
      element("h2", { class: "eight" }, "The eight tries of this update"),
      element(
        "p",
        { class: "soft" },
        "Reward: 1 for arriving, plus the share of its hops that are in place. Advantage: how far above (green) or below (red) the mean of the eight. What is above becomes likelier, what is below rarer."
      ),
      element("ol", { class: "tries" }, ...this.tries.map((each) => each.root)),
      this.story()
    ), this.reset(this.route);
  }
  picture() {
    return this.stage;
  }
  unmount() {
    this.runs++;
  }
  fresh() {
    return new Practice(this.live.planner, RATE, seeded(1));
  }
  change(change) {
    let { size, start, goal } = this.route, blocked = new Set(this.route.blocked);
    "cell" in change && blocked[change.blocked ? "add" : "delete"](change.cell);
    let ends2 = { start, goal, ..."cell" in change ? {} : change };
    this.reset(new Route(size, blocked, ends2.start, ends2.goal));
  }
  /** The network as it was, on a map. */
  reset(route2) {
    this.play(!1), this.route = route2, this.practice = this.fresh(), [this.history, this.looks, this.group] = [[], [], []], this.context.keep({ q: route2.question }), this.draw(), this.drawTries(), this.look(this.runs);
  }
  play(on) {
    this.runs++, this.on = on, this.playing.textContent = on ? "pause" : "practise", this.playing.setAttribute("aria-pressed", String(on)), on && this.run(REST - this.history.length % REST);
  }
  /** So many updates; one try at a time, so that the page never stands still. */
  async run(updates) {
    let run = ++this.runs;
    for (let i = 0; i < updates; i++) {
      let pause = [260, 120, 50, 10, 0][Number(this.speed.value)], first = this.practice.planner.think(this.route.question);
      for (this.group = []; this.group.length < TRIES2; )
        if (this.group.push(this.practice.attempt(this.route, first)), pause > 20 && this.drawTries(), await rest(pause), run !== this.runs) return;
      compare(this.group), this.practice.learn(this.group);
      let mean = (read2) => this.group.reduce((sum, one) => sum + read2(one), 0) / TRIES2;
      if (this.history.push({ arrived: mean((one) => Number(one.verdict.arrives)), reward: mean((one) => one.reward) }), this.drawTries(), this.draw(), this.history.length % LOOK === 0 && await this.look(run), await rest(4 * pause), run !== this.runs) return;
    }
    this.on && this.play(!1), this.context.say(this.counts.textContent);
  }
  /** How it does on maps that it does not practise on. */
  async look(run) {
    let { practice } = this, arrived = 0;
    for (let route2 of this.others) {
      let trace = practice.planner.think(route2.question);
      if (arrived += Number(route2.judge(trace.steps.map((step) => step.text)).arrives), await rest(0), practice !== this.practice || run !== this.runs && run !== 0 && this.on) return;
    }
    this.looks.push([practice.updates, arrived / Math.max(1, this.others.length)]), this.draw();
  }
  draw() {
    let { route: route2, history: history2 } = this, walk = walked(this.practice.planner, route2, this.practice.planner.think(route2.question));
    this.map.show(route2, walk), this.verdict.textContent = `${walk.verdict.arrives ? "✓" : "✗"} ${route2.distance === null ? "No way leads to the star, so there is nothing to learn." : sentence(walk)}`, this.verdict.dataset.arrives = String(walk.verdict.arrives), this.chart.replaceChildren(chart(history2, this.looks));
    let last = history2.slice(-SMOOTH), mean = (read2) => last.reduce((sum, one) => sum + read2(one), 0) / Math.max(1, last.length), look = this.looks.at(-1);
    this.counts.textContent = history2.length ? `After ${history2.length} update${history2.length > 1 ? "s" : ""}: ${percent3(mean((one) => one.arrived))} of the last tries arrive, mean reward ${mean((one) => one.reward).toFixed(2)} of 2.` + (look ? ` On ${this.others.length} maps it does not practise on, it arrives ${percent3(look[1])} of the time, without dice.` : "") : look ? `Before practice it arrives on ${percent3(look[1])} of ${this.others.length} other maps, without dice.` : "Press practise.";
  }
  drawTries() {
    this.tries.forEach(({ root: root2, view, says }, i) => {
      let one = this.group.at(i);
      if (!one) {
        view.show(this.route, null), says.textContent = "not yet tried", root2.dataset.sign = "0";
        return;
      }
      let readings = one.steps.map(() => []);
      view.show(this.route, { route: this.route, trace: one.trace, readings, steps: one.steps, verdict: one.verdict }), says.replaceChildren(
        element("span", {}, `reward ${one.reward.toFixed(2)}`),
        element("b", {}, one.advantage ? `${one.advantage > 0 ? "▲" : "▼"} ${Math.abs(one.advantage).toFixed(2)}` : "")
      ), root2.dataset.sign = String(Math.sign(one.advantage));
    });
  }
  story() {
    let part = (title, text) => element("section", {}, element("h2", {}, title), element("p", {}, text)), all = this.live.entry.parameters.toLocaleString("en");
    return element(
      "div",
      { class: "story" },
      part(
        "What is learnt",
        `The network has ${all} numbers. Here only the head that makes the middle of the cloud of thoughts learns: ${this.practice.size.toLocaleString("en")} of them. The rest stays as it is, so that a browser keeps up. Dice add noise to every thought; if a noisy thought led to a good walk, the middle moves towards it. For some 25 updates little may be seen of it.`
      ),
      part(
        "No teacher",
        "Nobody shows it a way. A walk is judged by rules alone: is every hop legal, does each begin where the last one ended, does it arrive? Any of the equally short ways is fine. It settles on one."
      ),
      part(
        "One map is not the world",
        "Practice on a single map teaches that map. The dashed line shows other maps: it need not rise, and may fall. The planner of the page “Draw a route” practised longer, on many maps, with all of itself but the decoder."
      )
    );
  }
}, rest = (milliseconds) => new Promise((resolve) => {
  setTimeout(resolve, milliseconds);
}), percent3 = (share) => `${Math.round(100 * share)} %`;
function readOr2(text, otherwise) {
  try {
    return Route.read(text ?? otherwise);
  } catch {
    return Route.read(otherwise);
  }
}
function chart(history2, looks) {
  let [width, height, left, bottom] = [520, 340, 56, 34], span = Math.max(40, Math.ceil(history2.length / 20) * 20), x = (update) => left + update / span * (width - left - 12), y = (share) => 10 + (1 - share) * (height - bottom - 14), line = (points) => points.map(([a, b]) => `${x(a).toFixed(1)},${y(b).toFixed(1)}`).join(" "), means = history2.map((_, i) => {
    let last = history2.slice(Math.max(0, i + 1 - SMOOTH), i + 1);
    return [i + 1, last.reduce((sum, one) => sum + one.arrived, 0) / last.length];
  }), now = means.at(-1), parts = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
    shape("line", { class: "grid", x1: left, x2: width - 12, y1: y(share), y2: y(share) }),
    shape("text", { x: left - 8, y: y(share) + 4, "text-anchor": "end" }, percent3(share))
  ]);
  for (let update = 0; update <= span; update += span / 4)
    parts.push(shape("text", { x: x(update), y: height - 12, "text-anchor": update ? "middle" : "start" }, update ? String(update) : "0 updates"));
  history2.forEach((one, i) => {
    parts.push(shape("circle", { class: "point", cx: x(i + 1), cy: y(one.arrived), r: 3 }));
  }), parts.push(shape("polyline", { class: "others", points: line([...looks]) }));
  for (let [update, share] of looks) parts.push(shape("circle", { class: "other", cx: x(update), cy: y(share), r: 3.5 }));
  parts.push(shape("polyline", { class: "mean", points: line(means) })), now && parts.push(shape("circle", { class: "now", cx: x(now[0]), cy: y(now[1]), r: 5 }));
  let look = looks.at(-1);
  look && parts.push(shape("text", { class: "named", x: Math.min(x(look[0]) + 8, width - 90), y: y(look[1]) - 9 }, "other maps"));
  let label = now ? `After ${now[0]} updates ${percent3(now[1])} of the tries arrive` : "No update yet";
  return shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, ...parts);
}

// src/pages/index.ts
var PAGES = [move, route, watch, race, how];

// src/checkpoint.ts
var Weights = class _Weights {
  tensors;
  constructor(tensors) {
    this.tensors = tensors;
  }
  /** Tensors of its own, with the same values. */
  copy() {
    return new _Weights(new Map(Array.from(this.tensors, ([name, tensor]) => [name, tensor.slice()])));
  }
  /** @throws Error if there is no tensor of that name. */
  get(name) {
    let tensor = this.tensors.get(name);
    if (!tensor) throw new Error(`the checkpoint has no tensor ${name}: pack it again from its folder`);
    return tensor;
  }
  /** The tensor, or undefined where there is none. */
  find(name) {
    return this.tensors.get(name);
  }
  /** Row i of a tensor (n, width). */
  row(name, i, width) {
    return this.get(name).subarray(i * width, (i + 1) * width);
  }
  /** W x + b of a linear layer; without b where the layer has none. */
  layer(name) {
    let bias = this.find(`${name}.bias`);
    return { weight: this.get(`${name}.weight`), ...bias && { bias } };
  }
};
async function unpack(checkpoint) {
  let bytes = plain(checkpoint.data);
  if ("subtle" in crypto) {
    let digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)), found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    if (found !== checkpoint.sha256)
      throw new Error(`the weights' sha256 is ${found}, not ${checkpoint.sha256}: the file is damaged, pack it again`);
  }
  let tensors = /* @__PURE__ */ new Map(), at = 0;
  for (let [name, shape2] of checkpoint.tensors) {
    let [values, end] = read(bytes, at, shape2);
    tensors.set(name, values), at = end;
  }
  if (at !== bytes.length) throw new Error(`the tensors' shapes make ${at} bytes, and there are ${bytes.length}`);
  return new Weights(tensors);
}
function matrix(data, n, width) {
  return n ? read(plain(data), 0, [n, width])[0] : new Float32Array();
}
var plain = (data) => typeof data == "string" ? Uint8Array.from(atob(data), (char) => char.charCodeAt(0)) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
function read(bytes, at, shape2) {
  let size = shape2.reduce((product, side2) => product * side2, 1), width = shape2.length > 1 ? shape2[shape2.length - 1] : 1, first = at + 4 * (size / width), end = shape2.length > 1 ? first + size : first;
  if (end > bytes.length) throw new Error(`a tensor ends at byte ${end}, and there are ${bytes.length}: pack it again`);
  let view = new DataView(bytes.buffer, bytes.byteOffset), values = Float32Array.from({ length: size / width }, (_, row) => view.getFloat32(at + 4 * row, !0));
  return shape2.length < 2 ? [values, end] : [Float32Array.from({ length: size }, (_, i) => values[Math.floor(i / width)] * view.getInt8(first + i)), end];
}

// src/llama.ts
var Cache = class _Cache {
  keys;
  values;
  constructor(keys, values) {
    this.keys = keys, this.values = values;
  }
  static empty(layers) {
    let lists = () => Array.from({ length: layers }, () => []);
    return new _Cache(lists(), lists());
  }
  /** The first `length` positions, to go on from there. */
  fork(length) {
    let cut = (lists) => lists.map((list) => list.slice(0, length));
    return new _Cache(cut(this.keys), cut(this.values));
  }
}, Llama = class {
  config;
  layers;
  embeddings;
  norm;
  outputs;
  frequencies;
  /** prefix: what its tensors' names begin with. */
  constructor(weights, prefix, config) {
    let get = (name) => weights.get(`${prefix}.${name}.weight`);
    this.config = config, this.embeddings = get("model.embed_tokens"), this.norm = get("model.norm"), this.outputs = get("lm_head"), this.layers = Array.from({ length: config.num_hidden_layers }, (_, i) => {
      let of = (name) => get(`model.layers.${i}.${name}`);
      return {
        attentionNorm: of("input_layernorm"),
        query: of("self_attn.q_proj"),
        key: of("self_attn.k_proj"),
        value: of("self_attn.v_proj"),
        output: of("self_attn.o_proj"),
        feedForwardNorm: of("post_attention_layernorm"),
        gate: of("mlp.gate_proj"),
        up: of("mlp.up_proj"),
        down: of("mlp.down_proj")
      };
    });
    let half = config.head_dim / 2;
    this.frequencies = Float64Array.from({ length: half }, (_, i) => config.rope_theta ** (-i / half));
  }
  emptyCache() {
    return Cache.empty(this.layers.length);
  }
  /** The embedding of a token (d). */
  embed(id) {
    let d = this.config.hidden_size;
    return this.embeddings.subarray(id * d, (id + 1) * d);
  }
  /** Read one embedding (d) after what the cache holds, which grows by it -> the last hidden state (d).
   *
   * @param seen receives, of every layer and head, the weight of each position so far (they add up to 1).
   */
  read(embedding, cache, seen) {
    let eps = this.config.rms_norm_eps, position = cache.keys[0].length, x = embedding;
    return this.layers.forEach((layer, i) => {
      let normed = rmsNorm(x, layer.attentionNorm, eps), query = this.rotate(linear(layer.query, normed), position);
      cache.keys[i].push(this.rotate(linear(layer.key, normed), position)), cache.values[i].push(linear(layer.value, normed)), x = add(x, linear(layer.output, this.attend(query, cache.keys[i], cache.values[i], seen)));
      let y = rmsNorm(x, layer.feedForwardNorm, eps), up = linear(layer.up, y), gated = linear(layer.gate, y).map((value, j) => silu(value) * up[j]);
      x = add(x, linear(layer.down, gated));
    }), rmsNorm(x, this.norm, eps);
  }
  /** Read several embeddings -> the last hidden state of the last of them. */
  readAll(embeddings, cache) {
    let hidden = new Float32Array(0);
    for (let embedding of embeddings) hidden = Float32Array.from(this.read(embedding, cache));
    return hidden;
  }
  /** Write after the cache, whose last hidden state is `hidden`, up to the end token.
   *
   * @param choose logits -> the token that is written.
   */
  write(hidden, cache, maxTokens, endId, choose = argmax) {
    let ids = [], total = 0;
    for (let i = 0; i < maxTokens; i++) {
      let logits = linear(this.outputs, hidden), id = choose(logits);
      if (total += logProbability(logits, id), id === endId) return { ids, logProbability: total, ended: !0 };
      ids.push(id), i + 1 < maxTokens && (hidden = this.read(this.embed(id), cache));
    }
    return { ids, logProbability: total, ended: !1 };
  }
  /** Everything that may be written after the cache with a probability of `least` or more, the likeliest first. */
  writings(hidden, cache, maxTokens, endId, least) {
    let found = [], goOn = (state, cache2, ids, before) => {
      softmax(linear(this.outputs, state)).forEach((share, id) => {
        let logProbability2 = before + Math.log(share);
        if (logProbability2 < Math.log(least)) return;
        let ended = id === endId, longer = ended ? ids : [...ids, id];
        if (ended || longer.length === maxTokens)
          found.push({ ids: longer, logProbability: logProbability2, ended });
        else {
          let fork = cache2.fork(cache2.keys[0].length);
          goOn(this.read(this.embed(id), fork), fork, longer, logProbability2);
        }
      });
    };
    return goOn(hidden, cache, [], 0), found.sort((a, b) => b.logProbability - a.logProbability);
  }
  /** Rotary position embedding, in place (Su et al. 2021): dimension i turns together with i + head_dim / 2. */
  rotate(x, position) {
    let half = this.frequencies.length;
    for (let i = 0; i < half; i++) {
      let cos = Math.cos(position * this.frequencies[i]), sin = Math.sin(position * this.frequencies[i]);
      for (let a = i; a < x.length; a += 2 * half) {
        let [first, second] = [x[a], x[a + half]];
        x[a] = first * cos - second * sin, x[a + half] = second * cos + first * sin;
      }
    }
    return x;
  }
  /** Softmax attention of one query over all keys; several heads may share their keys and values. */
  attend(query, keys, values, seen) {
    let size = this.config.head_dim, shared = this.config.num_attention_heads / this.config.num_key_value_heads, mixed = new Float32Array(query.length), scores = new Float64Array(keys.length), heads = [];
    seen?.push(heads);
    for (let head = 0; head < this.config.num_attention_heads; head++) {
      let at = head * size, from = Math.floor(head / shared) * size, top = -1 / 0;
      for (let t = 0; t < keys.length; t++) {
        let key = keys[t], dot2 = 0;
        for (let j = 0; j < size; j++) dot2 += query[at + j] * key[from + j];
        scores[t] = dot2 / Math.sqrt(size), top = Math.max(top, scores[t]);
      }
      let sum = 0;
      for (let t = 0; t < keys.length; t++) sum += scores[t] = Math.exp(scores[t] - top);
      seen && heads.push(scores.map((score) => score / sum));
      for (let t = 0; t < keys.length; t++) {
        let value = values[t], weight = scores[t] / sum;
        for (let j = 0; j < size; j++) mixed[at + j] += weight * value[from + j];
      }
    }
    return mixed;
  }
}, add = (x, y) => x.map((value, i) => value + y[i]);

// src/tokenizer.ts
var Tokenizer = class {
  vocabulary;
  words = [];
  pieces;
  glue;
  constructor(file) {
    this.vocabulary = new Map(Object.entries(file.vocabulary));
    for (let [word, id] of this.vocabulary) this.words[id] = word;
    this.pieces = new RegExp(file.pieces, "gu"), this.glue = file.glue === null ? null : new RegExp(file.glue, "gu");
  }
  /** Text -> token ids.
   *
   * @throws Error that names the first word outside the vocabulary.
   */
  encode(text) {
    return text.split(/\s+/u).flatMap((part) => part.match(this.pieces) ?? []).map((part) => {
      let id = this.vocabulary.get(part);
      if (id === void 0) throw new Error(`"${part}" is not in this planner's vocabulary: write it with other words`);
      return id;
    });
  }
  /** Token ids -> text; special tokens stay visible. */
  decode(ids) {
    let words = ids.map((id) => this.words[id]);
    return this.glue ? words.join(" ").replace(this.glue, "") : words.join("");
  }
};

// src/planner.ts
var Planner = class _Planner {
  config;
  weights;
  tokenizer;
  backbone;
  decoder;
  head;
  stop;
  constructor(config, tokenizer, weights) {
    this.config = config, this.tokenizer = tokenizer, this.weights = weights, this.backbone = new Llama(weights, "backbone", this.config.backbone);
    let thinks = config.max_latents > 0;
    this.decoder = thinks && config.decoder ? new Llama(weights, "decoder.lm", config.decoder) : null, this.head = latentHead(weights, config), this.stop = stopHead(weights);
  }
  /** @throws Error if the weights are damaged. */
  static async load(checkpoint) {
    return new _Planner(checkpoint.config, new Tokenizer(checkpoint.tokenizer), await unpack(checkpoint));
  }
  /** The same planner with weights of its own, which may change. */
  copy() {
    return new _Planner(this.config, this.tokenizer, this.weights.copy());
  }
  /** Think about a question and answer it.
   *
   * @param choices how latents, texts and the answer are chosen: the likeliest, or drawn.
   * @throws Error that names a word outside the vocabulary, or an edit of the wrong width.
   */
  think(question, edits = /* @__PURE__ */ new Map(), choices = LIKELIEST) {
    this.checkEdits(edits);
    let ids = [...this.tokenizer.encode(question), this.config.start_id], cache = this.backbone.emptyCache(), hidden = this.backbone.readAll(
      ids.map((id) => this.backbone.embed(id)),
      cache
    );
    return this.goOn(question, edits, [], hidden, cache, ids.length, choices);
  }
  /** The same question with other edits: what comes before the first that differs is kept, all after it thought anew.
   *
   * @param reads whether the thoughts are read back too; without, there are no steps of them.
   */
  rethink(trace, edits, reads = !0) {
    this.checkEdits(edits);
    let changed = [.../* @__PURE__ */ new Set([...trace.edits.keys(), ...edits.keys()])].filter((t) => edits.get(t) !== trace.edits.get(t) && t <= trace.thoughts.length).sort((a, b) => a - b);
    if (!changed.length) return { ...trace, edits };
    let kept = changed[0] - 1, cache = trace.cache.fork(trace.questionLength + kept), thoughts = trace.thoughts.slice(0, kept);
    return this.goOn(trace.question, edits, thoughts, trace.thoughts[kept].hidden, cache, trace.questionLength, LIKELIEST, reads);
  }
  /** The question of a trace thought anew from its first thought on, without edits. */
  retry(trace, choices) {
    let { question, thoughts, questionLength, cache } = trace;
    return this.goOn(question, /* @__PURE__ */ new Map(), [], thoughts[0].hidden, cache.fork(questionLength), questionLength, choices);
  }
  /** A step's text as the latents that stand for it, c of them.
   *
   * @throws Error if the planner has no step encoder, or a word is outside its vocabulary.
   */
  thought(step) {
    if (!this.config.step_encoder)
      throw new Error("this planner has no step encoder, so text cannot become a thought: pack one of the method atp-step");
    let ids = [...this.tokenizer.encode(step), this.config.eos_id];
    return encodeStep(
      this.weights,
      this.config,
      ids.map((id) => this.backbone.embed(id))
    );
  }
  /** The tokens of a question as text. */
  tokens(question) {
    return this.tokenizer.encode(question).map((id) => this.tokenizer.decode([id]));
  }
  /** Every token that is read before the first thought, `<|start-latent|>` at the end, with its embedding (d). */
  embeddings(question) {
    return [...this.tokenizer.encode(question), this.config.start_id].map((id) => ({
      text: this.tokenizer.decode([id]),
      embedding: this.backbone.embed(id)
    }));
  }
  /** What thought t looked at: of every layer and head, the weight of each token of the question, `<|start-latent|>` at
   * its end, and of the thoughts before; they add up to 1.
   */
  attention(trace, t) {
    let cache = trace.cache.fork(trace.questionLength + t - 2), before = t > 1 ? this.scaled(trace.thoughts[t - 2].latent) : this.backbone.embed(this.config.start_id), seen = [];
    return this.backbone.read(before, cache, seen), seen;
  }
  /** What the decoder reads in the c latents of one step, or null where there is no decoder. */
  readBack(latents, choices = LIKELIEST) {
    let opened = this.open(latents);
    if (!opened) return null;
    let { max_step_tokens: limit, eos_id: eos } = this.config, written = opened.decoder.write(opened.hidden, opened.cache, limit, eos, choices.token);
    return { text: this.text(written.ids), logProbability: written.logProbability };
  }
  /** Everything that the decoder may read in the c latents of one step with a probability of `least` or more, the
   * likeliest first; nothing where there is no decoder.
   */
  readings(latents, least) {
    let opened = this.open(latents);
    if (!opened) return [];
    let { max_step_tokens: limit, eos_id: eos } = this.config;
    return opened.decoder.writings(opened.hidden, opened.cache, limit, eos, least).map(({ ids, logProbability: logProbability2 }) => ({ text: this.text(ids), logProbability: logProbability2 }));
  }
  /** Everything that may be written after the thoughts with a probability of `least` or more, the likeliest first. */
  answers(trace, least) {
    let { end_id: end, max_answer_tokens: limit, eos_id: eos } = this.config, cache = trace.cache.fork(trace.questionLength + trace.thoughts.length), hidden = this.backbone.read(this.backbone.embed(end), cache);
    return this.backbone.writings(hidden, cache, limit, eos, least).map(({ ids, logProbability: logProbability2 }) => ({ text: this.text(ids), logProbability: logProbability2 }));
  }
  /** The decoder after it has read latents. */
  open(latents) {
    if (!this.decoder) return null;
    let bridge = this.weights.find("decoder.bridge.weight"), bias = this.weights.find("decoder.bridge.bias"), prefix = latents.map((latent) => this.scaled(bridge ? linear(bridge, latent, bias) : latent)), cache = this.decoder.emptyCache();
    return { decoder: this.decoder, cache, hidden: this.decoder.readAll(prefix, cache) };
  }
  /** The latent loop, from the state that produces the next latent; ends with the answer. */
  goOn(question, edits, before, state, cache, questionLength, choices = LIKELIEST, reads = !0) {
    let { max_latents: limit, latents_per_step: c, layout } = this.config, thoughts = [...before], hidden = state;
    for (let t = thoughts.length + 1; t <= limit; t++) {
      let distribution = this.head(hidden), latent = edits.get(t) ?? choices.latent(distribution), stopLogit = this.stop(hidden);
      if (thoughts.push({ distribution, latent, hidden, stopLogit }), hidden = this.backbone.read(this.scaled(latent), cache), layout !== "fixed" && t % c === 0 && stopLogit > 0) break;
    }
    let { words, ...written } = this.answer(cache.fork(questionLength + thoughts.length), choices), steps = [...reads ? this.decoded(thoughts, choices) : [], ...words];
    return { question, edits, thoughts, steps, ...written, questionLength, cache };
  }
  /** What is written after the thoughts: steps in words, each ended by a semicolon, and the answer. */
  answer(cache, choices) {
    let { end_id: end, max_answer_tokens: limit, eos_id: eos } = this.config, hidden = this.backbone.read(this.backbone.embed(end), cache), { ids, logProbability: logProbability2, ended } = this.backbone.write(hidden, cache, limit, eos, choices.token), texts = this.text(ids).split(";").map((text) => text.trim()), answer = texts.pop() ?? "";
    return { words: texts.map((text) => ({ text, logProbability: logProbability2 })), answer, written: ids.map((id) => this.text([id])), ended };
  }
  /** The text of every whole step; where the number of latents is fixed, empty texts at the end are no steps. */
  decoded(thoughts, choices) {
    let c = this.config.latents_per_step, steps = [];
    for (let i = 0; i + c <= thoughts.length; i += c) {
      let step = this.readBack(thoughts.slice(i, i + c).map((thought) => thought.latent), choices);
      step && steps.push(step);
    }
    if (this.config.layout === "fixed") for (; steps.at(-1)?.text === ""; ) steps.pop();
    return steps;
  }
  /** Padding is silent; any other special token stays visible. */
  text(ids) {
    return this.tokenizer.decode(ids.filter((id) => id !== this.config.pad_id));
  }
  scaled(latent) {
    let scale = this.config.latent_scale;
    return scale === 1 ? latent : latent.map((value) => scale * value);
  }
  checkEdits(edits) {
    let d = this.config.backbone.hidden_size;
    for (let [t, latent] of edits)
      if (latent.length !== d) throw new Error(`the edit of thought ${t} has ${latent.length} numbers: give ${d}`);
  }
};

// src/planners.ts
var Library = class {
  entries;
  packed;
  loaded = /* @__PURE__ */ new Map();
  /** @param packed gives one of them by its name. */
  constructor(entries, packed) {
    this.entries = entries, this.packed = packed;
  }
  /** Those that a page can show. */
  fitting(page) {
    return this.entries.filter((entry) => entry.pages.includes(page));
  }
  /** A planner, ready to think.
   *
   * @throws Error if its weights are damaged or missing.
   */
  load(name) {
    let known = this.loaded.get(name) ?? this.read(name);
    return this.loaded.set(name, known), known;
  }
  async read(name) {
    let entry = this.entries.find((one) => one.name === name);
    if (!entry) throw new Error(`there is no planner ${name} here: choose ${this.entries.map((one) => one.name).join(", ")}`);
    let { checkpoint, examples, landmarks, opening } = await this.packed(name), planner = await Planner.load(checkpoint), d = checkpoint.config.backbone.hidden_size, latents = matrix(landmarks.data, landmarks.of.length, d);
    return {
      entry,
      planner,
      examples,
      landmarks: landmarks.of.map(([text, example, place], i) => ({
        text,
        question: examples[example],
        place,
        latent: latents.subarray(i * d, (i + 1) * d)
      })),
      opening: opening && { ...opening, question: examples[opening.example] }
    };
  }
};
function ofSite() {
  return new Library(JSON.parse(document.getElementById("planners")?.textContent ?? "[]"), besides);
}
async function besides(name) {
  let inside = document.getElementById(`planner-${name}`);
  if (inside) return JSON.parse(inside.textContent);
  let src = `planners/${name}.js`;
  await new Promise((resolve, reject) => {
    let script = document.createElement("script");
    script.src = src, script.onload = () => {
      resolve();
    }, script.onerror = () => {
      reject(new Error(`${src} is missing beside this page: copy the whole folder, or make one file`));
    }, document.head.append(script);
  });
  let found = globalThis.atpLive?.[name];
  if (!found) throw new Error(`${src} holds no planner ${name}: build the site again`);
  return found;
}

// src/picture.ts
async function save(what2, name) {
  let { width, height } = what2.getBoundingClientRect(), margin = 24, image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg(what2, width, height, margin))}`, await image.decode();
  let canvas = document.createElement("canvas"), scale = 2;
  canvas.width = (width + 2 * margin) * scale, canvas.height = (height + 2 * margin) * scale;
  let pen = canvas.getContext("2d");
  if (!pen) return "no canvas";
  pen.scale(scale, scale), pen.fillStyle = getComputedStyle(themed(what2)).backgroundColor, pen.fillRect(0, 0, canvas.width, canvas.height), pen.drawImage(image, 0, 0);
  let link = document.createElement("a");
  return link.href = canvas.toDataURL("image/png"), link.download = name, link.click(), "saved";
}
function svg(what2, width, height, margin) {
  let copy = what2.cloneNode(!0), elements = [what2, ...what2.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((node, i) => {
    let style2 = getComputedStyle(elements[i]);
    for (let property of style2) node.style.setProperty(property, style2.getPropertyValue(property));
  });
  let canvases = what2.querySelectorAll("canvas");
  copy.querySelectorAll("canvas").forEach((canvas, i) => {
    let image = document.createElement("img");
    image.style.cssText = canvas.style.cssText, image.src = canvases[i].toDataURL("image/png"), canvas.replaceWith(image);
  });
  let fields = what2.querySelectorAll("input");
  copy.querySelectorAll("input").forEach((field, i) => {
    field.setAttribute("value", fields[i].value);
  });
  let rules = Array.from(what2.getRootNode().querySelectorAll("style"), (style2) => style2.textContent).join(`
`), html = document.createElement("html");
  html.dataset.theme = isDark(what2) ? "dark" : "light";
  let style = document.createElement("style");
  style.textContent = rules;
  let body = document.createElement("body");
  body.style.cssText = `margin: 0; padding: ${margin}px; width: ${width}px; background: none`, body.append(copy), html.append(style, body);
  let inner = new XMLSerializer().serializeToString(html), [w, h] = [width + 2 * margin, height + 2 * margin];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}"><foreignObject width="${w}" height="${h}">${inner}</foreignObject></svg>`;
}

// src/notebook.ts
async function render({ model, el }) {
  let planners = model.get("planners"), library = new Library(
    planners.map(({ entry }) => entry),
    (name) => planners.find(({ entry }) => entry.name === name).packed
  ), page = PAGES.find((one) => one.name === model.get("page")), fitting = library.fitting(page.name), status = element("p", { class: "unseen", role: "status" }), root2 = element("div", { class: `page page-${page.name}` }), site = element("div", { class: "site" }, root2, status), host = element("div", { "data-lm-suppress-shortcuts": "true" });
  site.addEventListener("beforeinput", (event) => {
    event.stopPropagation();
  }), host.attachShadow({ mode: "open" }).append(element("style", {}, model.get("_style")), site), el.append(host);
  let load = (name) => library.load(name), mounted = await page.mount(root2, {
    planner: await load(fitting[0].name),
    planners: fitting,
    load,
    state: new Map(Object.entries(model.get("state"))),
    keep: (state) => {
      model.set("state", { ...state }), model.save_changes();
    },
    say: (text) => {
      status.textContent = text;
    }
  }), frame = 0, redraw = () => {
    cancelAnimationFrame(frame), frame = requestAnimationFrame(() => {
      host.dataset.theme = theme(el), mounted.redraw?.();
    });
  }, size = new ResizeObserver(redraw);
  size.observe(host);
  let look = new MutationObserver(redraw);
  return look.observe(document.body, { attributes: !0 }), () => {
    size.disconnect(), look.disconnect(), mounted.unmount?.();
  };
}
function theme(around) {
  for (let node = around; node; node = node.parentElement) {
    let [r, g, b, alpha = 1] = (getComputedStyle(node).backgroundColor.match(/[\d.]+/gu) ?? []).map(Number);
    if (alpha > 0) return 0.3 * r + 0.6 * g + 0.1 * b < 128 ? "dark" : "light";
  }
  return "light";
}
var notebook_default = { render };

// src/site.ts
var THEMES = ["auto", "light", "dark"], Site = class {
  library = ofSite();
  pages = PAGES.filter((page) => this.library.fitting(page.name).length);
  tabs = element("nav", { class: "tabs", "aria-label": "Pages" });
  picker = element("select", { id: "planner", "aria-label": "Planner" });
  pick = element("label", { class: "pick" }, element("span", {}, "planner"), this.picker);
  status = element("p", { class: "unseen", role: "status" });
  main = element("main", { id: "page", tabindex: "-1" });
  theme;
  mounted = {};
  labels = /* @__PURE__ */ new Map();
  shown = 0;
  link = "";
  constructor(root2) {
    this.theme = button("", () => {
      this.setTheme(THEMES[(THEMES.indexOf(this.themeName()) + 1) % THEMES.length]);
    });
    let link = button("", () => void this.copyLink(link), { title: "A link to what is shown now" });
    link.append(element("span", { class: "wide" }, "copy "), "link");
    let picture = button("", () => void this.savePicture(picture), { title: "What is shown now as a PNG" });
    picture.append(element("span", { class: "wide" }, "save "), "picture");
    for (let page of this.pages) this.tabs.append(element("a", { href: `#${page.name}` }, page.title));
    this.picker.addEventListener("change", () => {
      let { page, state } = this.read();
      this.show(page, new Map([...state, ["planner", this.picker.value]]));
    }), root2.append(
      element("a", { class: "skip", href: "#page" }, "Skip to the page"),
      element(
        "header",
        { class: "bar" },
        element("strong", { class: "brand" }, "atp_lite ", element("span", {}, "live")),
        this.tabs,
        element(
          "div",
          { class: "tools" },
          this.pick,
          this.theme,
          link,
          picture
        )
      ),
      this.main,
      this.status
    ), root2.querySelector(".skip")?.addEventListener("click", (event) => {
      event.preventDefault(), this.main.focus();
    }), this.setTheme(this.themeName()), matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.mounted.redraw?.());
    let frame = 0;
    addEventListener("resize", () => {
      cancelAnimationFrame(frame), frame = requestAnimationFrame(() => this.mounted.redraw?.());
    }), addEventListener("hashchange", () => {
      location.hash !== this.link && this.follow();
    }), this.follow();
  }
  follow() {
    let { page, state } = this.read();
    return this.show(page, state);
  }
  /** `#NAME?key=value&...` -> page and state. */
  read() {
    let [name, query] = location.hash.slice(1).split(/\?(.*)/su);
    return { page: this.pages.find((one) => one.name === name) ?? this.pages[0], state: new Map(new URLSearchParams(query)) };
  }
  async show(page, state) {
    let turn = ++this.shown, fitting = this.library.fitting(page.name), entry = fitting.find((one) => one.name === state.get("planner")) ?? fitting[0];
    this.mounted.unmount?.(), this.mounted = {}, this.picker.replaceChildren(
      ...fitting.map((one) => {
        let option = element("option", { value: one.name }, one.title);
        return option.selected = one === entry, option;
      })
    ), this.pick.hidden = fitting.length <= (page.shows ?? 1);
    for (let tab of this.tabs.children)
      tab.getAttribute("href") === `#${page.name}` ? tab.setAttribute("aria-current", "page") : tab.removeAttribute("aria-current");
    document.title = `${page.title} · atp_lite`;
    let root2 = element("div", { class: `page page-${page.name}` });
    this.main.replaceChildren(root2);
    try {
      let load = (name) => this.library.load(name), planner = await load(entry.name);
      if (turn !== this.shown) return;
      let mounted = await page.mount(root2, {
        planner,
        planners: fitting,
        load,
        state,
        keep: (values) => {
          turn === this.shown && this.keep(page, entry, values);
        },
        say: (text) => {
          this.status.textContent = text;
        }
      });
      turn !== this.shown ? mounted.unmount?.() : this.mounted = mounted, performance.mark("mounted");
    } catch (error) {
      throw root2.append(element("p", { class: "alert", role: "alert" }, error instanceof Error ? error.message : String(error))), error;
    }
  }
  keep(page, entry, values) {
    let query = new URLSearchParams({ planner: entry.name, ...values });
    this.link = `#${page.name}?${query.toString()}`, history.replaceState(null, "", this.link);
  }
  themeName() {
    return THEMES.find((theme2) => theme2 === document.documentElement.dataset.theme) ?? "auto";
  }
  setTheme(theme2) {
    document.documentElement.dataset.theme = theme2, this.theme.textContent = { auto: "◐ auto", light: "○ light", dark: "● dark" }[theme2], this.theme.setAttribute("aria-label", `Theme: ${theme2}`), this.mounted.redraw?.();
  }
  async copyLink(by) {
    try {
      await navigator.clipboard.writeText(location.href), this.answer(by, "copied");
    } catch {
      this.answer(by, "it is in the address bar");
    }
  }
  async savePicture(by) {
    let what2 = this.mounted.picture?.() ?? this.main.firstElementChild;
    this.answer(by, await save(what2, `${this.read().page.name}.png`));
  }
  /** What came of a button, on the button for a moment and for screen readers. */
  answer(by, text) {
    let before = this.labels.get(by) ?? [...by.childNodes];
    this.labels.set(by, before), by.replaceChildren(text), this.status.textContent = text, setTimeout(() => {
      by.replaceChildren(...before);
    }, 1600);
  }
}, root = document.getElementById("site");
root && new Site(root);
var site_default = notebook_default;
export {
  site_default as default
};
