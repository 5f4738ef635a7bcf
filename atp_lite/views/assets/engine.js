// src/arithmetic.ts
var stepText = (step) => `${step.left}${step.operator}${step.right}=${step.value}`;
var work = (left, operator, right) => operator === "+" ? left + right : operator === "-" ? left - right : left * right;
function readStep(text) {
  const found = /^(\d+)([-+*])(\d+)=(\d+)$/u.exec(text);
  if (!found) return null;
  const step = {
    left: Number(found[1]),
    operator: found[2],
    right: Number(found[3]),
    value: Number(found[4]),
    sources: [null, null]
  };
  return work(step.left, step.operator, step.right) === step.value ? step : null;
}
function workOut(text) {
  const tokens = Array.from(text.matchAll(/\d+|[^\s\d]/gu), ([token2]) => ({ "×": "*", "·": "*", "−": "-" })[token2] ?? token2);
  const [steps, numbers] = [[], []];
  const known = /* @__PURE__ */ new Map();
  let at = 0;
  const token = () => tokens.at(at);
  function fail() {
    const where = token() === void 0 ? "it ends too early" : `"${tokens[at]}" cannot stand there`;
    throw new Error(`${where}: write whole numbers with + - * and parentheses, such as (3+4)*2`);
  }
  function operand() {
    const first = token();
    if (first === "(") {
      at++;
      const inner = sum();
      if (token() !== ")") fail();
      at++;
      return inner;
    }
    if (first === void 0 || !/^\d+$/u.test(first)) fail();
    at++;
    numbers.push(Number(first));
    return { value: Number(first), step: null };
  }
  function chain(operators, next) {
    let left = next();
    for (let operator = token(); operator !== void 0 && operators.includes(operator); operator = token()) {
      at++;
      left = combine(left, operator, next());
    }
    return left;
  }
  function combine(left, operator, right) {
    const neutral = operator === "*" ? 1 : 0;
    if (right.step === null && right.value === neutral) return left;
    if (operator !== "-" && left.step === null && left.value === neutral) return right;
    const side = (part) => part.step === null ? `${part.value}` : `s${part.step}`;
    const key = `${side(left)}${operator}${side(right)}`;
    const value = work(left.value, operator, right.value);
    let step = known.get(key);
    if (step === void 0) {
      step = steps.length;
      known.set(key, step);
      steps.push({ left: left.value, operator, right: right.value, value, sources: [left.step, right.step] });
    }
    return { value, step };
  }
  const product = () => chain("*", operand);
  const sum = () => chain("+-", product);
  const whole = sum();
  if (at < tokens.length) fail();
  return { steps, value: whole.value, numbers };
}
function verify(needed, chain) {
  const left = new Set(needed.keys());
  const inPlace = chain.map((text) => {
    const fit = [...left].find((i) => stepText(needed[i]) === text && used(needed[i]).every((j) => !left.has(j)));
    return fit !== void 0 && left.delete(fit);
  });
  const done = needed.length - left.size;
  return { needed: needed.length, done, inPlace, right: left.size === 0 && chain.length === needed.length };
}
var used = (step) => step.sources.filter((source) => source !== null);
function replaced(needed, chain, place, put) {
  const order = [];
  for (const text of chain) {
    const fit = needed.findIndex(
      (step, i) => stepText(step) === text && !order.includes(i) && used(step).every((j) => order.includes(j))
    );
    if (fit < 0) return null;
    order.push(fit);
  }
  if (order.length !== needed.length || place >= order.length) return null;
  const made = [];
  order.forEach((i, at) => {
    const { operator, sources, left, right } = needed[i];
    const worth = (number, source) => source === null ? number : made[source].value;
    const [first, second] = [worth(left, sources[0]), worth(right, sources[1])];
    made[i] = at === place ? { ...put, sources } : { left: first, operator, right: second, value: work(first, operator, second), sources };
  });
  return made.some((step) => step.value < 0) ? null : { chain: order.map((i) => made[i]), needed: made };
}

// src/math.ts
function linear(weight, x, bias) {
  const m = x.length;
  const y = new Float32Array(weight.length / m);
  for (let i = 0, k = 0; i < y.length; i++) {
    let sum = bias ? bias[i] : 0;
    for (let j = 0; j < m; j++, k++) sum += weight[k] * x[j];
    y[i] = sum;
  }
  return y;
}
function rmsNorm(x, gain, eps) {
  let square = 0;
  for (const value of x) square += value * value;
  const scale = 1 / Math.sqrt(square / x.length + eps);
  return x.map((value, i) => value * scale * gain[i]);
}
function layerNorm(x, gain, bias) {
  let mean = 0;
  let variance = 0;
  for (const value of x) mean += value / x.length;
  for (const value of x) variance += (value - mean) ** 2 / x.length;
  const scale = 1 / Math.sqrt(variance + 1e-5);
  return x.map((value, i) => (value - mean) * scale * gain[i] + bias[i]);
}
function erf(x) {
  const size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  let term = size;
  let sum = size;
  for (let n = 1; term > 1e-17 * sum; n++) {
    term *= 2 * size * size / (2 * n + 1);
    sum += term;
  }
  return Math.sign(x) * 2 * Math.exp(-size * size) * sum / Math.sqrt(Math.PI);
}
var normalCdf = (x) => 0.5 * (1 + erf(x / Math.SQRT2));
var gelu = (x) => x.map((value) => value * normalCdf(value));
var silu = (value) => value / (1 + Math.exp(-value));
function argmax(values) {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}
function softmax(logits) {
  const top = logits[argmax(logits)];
  const shares = logits.map((logit) => Math.exp(logit - top));
  const sum = shares.reduce((total, share) => total + share, 0);
  return shares.map((share) => share / sum);
}
function logProbability(logits, index) {
  const top = logits[argmax(logits)];
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - top);
  return logits[index] - top - Math.log(sum);
}
function normal(random) {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

// src/heads.ts
var mode = (said) => said.means[argmax(said.logits)];
var addNoise = (latent, sigma, random) => latent.map((value) => value + sigma * normal(random));
var point = (mean) => ({ logits: new Float32Array(1), means: [mean], logvars: null });
var APART = 0.1;
function latentHead(weights, config) {
  const layer = (name, x) => {
    const { weight, bias } = weights.layer(`latent_head.${name}`);
    return linear(weight, x, bias);
  };
  const trunk = (hidden) => {
    const norm = weights.layer("latent_head.trunk.3");
    const features = layer("trunk.2", gelu(layer("trunk.0", hidden)));
    return layerNorm(features, norm.weight, norm.bias ?? new Float32Array(features.length));
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
        const features = trunk(hidden);
        const [mean, logvar] = [layer("mean", features), layer("log_variance", features)];
        return { logits: new Float32Array(1), means: [mean], logvars: [logvar] };
      };
    case "mixture":
      return (hidden) => {
        const features = trunk(hidden);
        const around = (middle, apart) => {
          const [center, all] = [layer(middle, features), layer(apart, features)];
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
  const [first, last] = [weights.layer("stop_head.layers.0"), weights.layer("stop_head.layers.2")];
  return (hidden) => linear(last.weight, gelu(linear(first.weight, hidden, first.bias)), last.bias)[0];
}
function encodeStep(weights, config, embeddings) {
  const d = config.backbone.hidden_size;
  const words = embeddings.map((embedding) => embedding.map((value) => value / config.latent_scale));
  const first = weights.layer("step_encoder.first");
  const features = config.step_encoder === "places" ? inPlaces(words, first.weight, first.bias, d) : pooled(weights, words, d);
  const [trunk, mean] = [weights.layer("step_encoder.trunk.1"), weights.layer("step_encoder.mean")];
  const hidden = gelu(linear(trunk.weight, gelu(features), trunk.bias));
  return chunks(linear(mean.weight, hidden, mean.bias), d);
}
function inPlaces(words, weight, bias, d) {
  const places = weight.length / (bias?.length ?? 1) / d;
  const placed = new Float32Array(places * d);
  words.slice(0, places).forEach((word, i) => {
    placed.set(word, i * d);
  });
  return linear(weight, placed, bias);
}
function pooled(weights, words, d) {
  const first = weights.layer("step_encoder.first");
  const width = first.weight.length / d;
  const places = weights.get("step_encoder.place.weight");
  const sum = new Float32Array(width);
  words.forEach((word, i) => {
    const at = Math.min(i, places.length / width - 1) * width;
    const each = gelu(linear(first.weight, word, first.bias).map((value, j) => value + places[at + j]));
    for (let j = 0; j < width; j++) sum[j] += each[j] / words.length;
  });
  return sum;
}
function chunks(values, size) {
  return Array.from({ length: values.length / size }, (_, i) => values.subarray(i * size, (i + 1) * size));
}

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
    const tensor = this.tensors.get(name);
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
    const bias = this.find(`${name}.bias`);
    return { weight: this.get(`${name}.weight`), ...bias && { bias } };
  }
};
async function unpack(checkpoint) {
  const bytes = fromBase64(checkpoint.data);
  if ("subtle" in crypto) {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    if (found !== checkpoint.sha256) {
      throw new Error(`the weights' sha256 is ${found}, not ${checkpoint.sha256}: the file is damaged, pack it again`);
    }
  }
  const values = toFloat32(bytes);
  const tensors = /* @__PURE__ */ new Map();
  let at = 0;
  for (const [name, shape] of checkpoint.tensors) {
    const size = shape.reduce((product, side) => product * side, 1);
    tensors.set(name, values.subarray(at, at + size));
    at += size;
  }
  if (at !== values.length) throw new Error(`the tensors' shapes make ${at} numbers, and there are ${values.length}`);
  return new Weights(tensors);
}
var fromBase64 = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
function toFloat32(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Float32Array(bytes.length / 2);
  for (let i = 0; i < values.length; i++) {
    const half = view.getUint16(2 * i, true);
    const sign = half & 32768 ? -1 : 1;
    const exponent = half >> 10 & 31;
    const fraction = half & 1023;
    if (exponent === 31) values[i] = fraction ? NaN : sign * Infinity;
    else values[i] = sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
  }
  return values;
}

// src/llama.ts
var Cache = class _Cache {
  keys;
  values;
  constructor(keys, values) {
    this.keys = keys;
    this.values = values;
  }
  static empty(layers) {
    const lists = () => Array.from({ length: layers }, () => []);
    return new _Cache(lists(), lists());
  }
  /** The first `length` positions, to go on from there. */
  fork(length) {
    const cut = (lists) => lists.map((list) => list.slice(0, length));
    return new _Cache(cut(this.keys), cut(this.values));
  }
};
var Llama = class {
  config;
  layers;
  embeddings;
  norm;
  outputs;
  frequencies;
  /** prefix: what its tensors' names begin with. */
  constructor(weights, prefix, config) {
    const get = (name) => weights.get(`${prefix}.${name}.weight`);
    this.config = config;
    this.embeddings = get("model.embed_tokens");
    this.norm = get("model.norm");
    this.outputs = get("lm_head");
    this.layers = Array.from({ length: config.num_hidden_layers }, (_, i) => {
      const of = (name) => get(`model.layers.${i}.${name}`);
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
    const half = config.head_dim / 2;
    this.frequencies = Float64Array.from({ length: half }, (_, i) => config.rope_theta ** (-i / half));
  }
  emptyCache() {
    return Cache.empty(this.layers.length);
  }
  /** The embedding of a token (d). */
  embed(id) {
    const d = this.config.hidden_size;
    return this.embeddings.subarray(id * d, (id + 1) * d);
  }
  /** Read one embedding (d) after what the cache holds, which grows by it -> the last hidden state (d).
   *
   * @param seen receives, of every layer and head, the weight of each position so far (they add up to 1).
   */
  read(embedding, cache, seen) {
    const eps = this.config.rms_norm_eps;
    const position = cache.keys[0].length;
    let x = embedding;
    this.layers.forEach((layer, i) => {
      const normed = rmsNorm(x, layer.attentionNorm, eps);
      const query = this.rotate(linear(layer.query, normed), position);
      cache.keys[i].push(this.rotate(linear(layer.key, normed), position));
      cache.values[i].push(linear(layer.value, normed));
      x = add(x, linear(layer.output, this.attend(query, cache.keys[i], cache.values[i], seen)));
      const y = rmsNorm(x, layer.feedForwardNorm, eps);
      const up = linear(layer.up, y);
      const gated = linear(layer.gate, y).map((value, j) => silu(value) * up[j]);
      x = add(x, linear(layer.down, gated));
    });
    return rmsNorm(x, this.norm, eps);
  }
  /** Read several embeddings -> the last hidden state of the last of them. */
  readAll(embeddings, cache) {
    let hidden = new Float32Array(0);
    for (const embedding of embeddings) hidden = Float32Array.from(this.read(embedding, cache));
    return hidden;
  }
  /** Write after the cache, whose last hidden state is `hidden`, up to the end token.
   *
   * @param choose logits -> the token that is written.
   */
  write(hidden, cache, maxTokens, endId, choose = argmax) {
    const ids = [];
    let total = 0;
    for (let i = 0; i < maxTokens; i++) {
      const logits = linear(this.outputs, hidden);
      const id = choose(logits);
      total += logProbability(logits, id);
      if (id === endId) return { ids, logProbability: total, ended: true };
      ids.push(id);
      if (i + 1 < maxTokens) hidden = this.read(this.embed(id), cache);
    }
    return { ids, logProbability: total, ended: false };
  }
  /** Everything that may be written after the cache with a probability of `least` or more, the likeliest first. */
  writings(hidden, cache, maxTokens, endId, least) {
    const found = [];
    const goOn = (state, cache2, ids, before) => {
      const shares = softmax(linear(this.outputs, state));
      shares.forEach((share, id) => {
        const logProbability2 = before + Math.log(share);
        if (logProbability2 < Math.log(least)) return;
        const ended = id === endId;
        const longer = ended ? ids : [...ids, id];
        if (ended || longer.length === maxTokens) {
          found.push({ ids: longer, logProbability: logProbability2, ended });
        } else {
          const fork = cache2.fork(cache2.keys[0].length);
          goOn(this.read(this.embed(id), fork), fork, longer, logProbability2);
        }
      });
    };
    goOn(hidden, cache, [], 0);
    return found.sort((a, b) => b.logProbability - a.logProbability);
  }
  /** Rotary position embedding, in place (Su et al. 2021): dimension i turns together with i + head_dim / 2. */
  rotate(x, position) {
    const half = this.frequencies.length;
    for (let i = 0; i < half; i++) {
      const cos = Math.cos(position * this.frequencies[i]);
      const sin = Math.sin(position * this.frequencies[i]);
      for (let a = i; a < x.length; a += 2 * half) {
        const [first, second] = [x[a], x[a + half]];
        x[a] = first * cos - second * sin;
        x[a + half] = second * cos + first * sin;
      }
    }
    return x;
  }
  /** Softmax attention of one query over all keys; several heads may share their keys and values. */
  attend(query, keys, values, seen) {
    const size = this.config.head_dim;
    const shared = this.config.num_attention_heads / this.config.num_key_value_heads;
    const mixed = new Float32Array(query.length);
    const scores = new Float64Array(keys.length);
    const heads = [];
    seen?.push(heads);
    for (let head = 0; head < this.config.num_attention_heads; head++) {
      const at = head * size;
      const from = Math.floor(head / shared) * size;
      let top = -Infinity;
      for (let t = 0; t < keys.length; t++) {
        const key = keys[t];
        let dot = 0;
        for (let j = 0; j < size; j++) dot += query[at + j] * key[from + j];
        scores[t] = dot / Math.sqrt(size);
        top = Math.max(top, scores[t]);
      }
      let sum = 0;
      for (let t = 0; t < keys.length; t++) sum += scores[t] = Math.exp(scores[t] - top);
      if (seen) heads.push(scores.map((score) => score / sum));
      for (let t = 0; t < keys.length; t++) {
        const value = values[t];
        const weight = scores[t] / sum;
        for (let j = 0; j < size; j++) mixed[at + j] += weight * value[from + j];
      }
    }
    return mixed;
  }
};
var add = (x, y) => x.map((value, i) => value + y[i]);

// src/random.ts
function seeded(seed) {
  let state = seed | 0;
  return () => {
    state = state + 2654435769 | 0;
    let mixed = Math.imul(state ^ state >>> 16, 2246822507);
    mixed = Math.imul(mixed ^ mixed >>> 13, 3266489909);
    return ((mixed ^ mixed >>> 16) >>> 0) / 2 ** 32;
  };
}
function pick(shares, random) {
  let left = random();
  for (let i = 0; i < shares.length - 1; i++) {
    left -= shares[i];
    if (left < 0) return i;
  }
  return shares.length - 1;
}
function draw(said, random) {
  const component = said.means.length > 1 ? pick(softmax(said.logits), random) : 0;
  const mean = said.means[component];
  if (!said.logvars) return mean;
  const logvar = said.logvars[component];
  return mean.map((value, i) => value + Math.exp(0.5 * logvar[i]) * normal(random));
}
var LIKELIEST = { latent: mode, token: argmax };
var drawn = (random) => ({
  latent: (said) => draw(said, random),
  token: (logits) => pick(softmax(logits), random)
});

// src/tokenizer.ts
var Tokenizer = class {
  vocabulary;
  words = [];
  pieces;
  glue;
  constructor(file) {
    this.vocabulary = new Map(Object.entries(file.vocabulary));
    for (const [word, id] of this.vocabulary) this.words[id] = word;
    this.pieces = new RegExp(file.pieces, "gu");
    this.glue = file.glue === null ? null : new RegExp(file.glue, "gu");
  }
  /** Text -> token ids.
   *
   * @throws Error that names the first word outside the vocabulary.
   */
  encode(text) {
    const parts = text.split(/\s+/u).flatMap((part) => part.match(this.pieces) ?? []);
    return parts.map((part) => {
      const id = this.vocabulary.get(part);
      if (id === void 0) throw new Error(`"${part}" is not in this planner's vocabulary: write it with other words`);
      return id;
    });
  }
  /** Token ids -> text; special tokens stay visible. */
  decode(ids) {
    const words = ids.map((id) => this.words[id]);
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
    this.config = config;
    this.tokenizer = tokenizer;
    this.weights = weights;
    this.backbone = new Llama(weights, "backbone", this.config.backbone);
    this.decoder = this.config.decoder && new Llama(weights, "decoder.lm", this.config.decoder);
    this.head = latentHead(weights, this.config);
    this.stop = stopHead(weights);
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
    const ids = [...this.tokenizer.encode(question), this.config.start_id];
    const cache = this.backbone.emptyCache();
    const hidden = this.backbone.readAll(
      ids.map((id) => this.backbone.embed(id)),
      cache
    );
    return this.goOn(question, edits, [], hidden, cache, ids.length, choices);
  }
  /** The same question with other edits: what comes before the first that differs is kept, all after it thought anew. */
  rethink(trace, edits) {
    this.checkEdits(edits);
    const changed = [.../* @__PURE__ */ new Set([...trace.edits.keys(), ...edits.keys()])].filter((t) => edits.get(t) !== trace.edits.get(t) && t <= trace.thoughts.length).sort((a, b) => a - b);
    if (!changed.length) return { ...trace, edits };
    const kept = changed[0] - 1;
    const cache = trace.cache.fork(trace.questionLength + kept);
    const thoughts = trace.thoughts.slice(0, kept);
    return this.goOn(trace.question, edits, thoughts, trace.thoughts[kept].hidden, cache, trace.questionLength);
  }
  /** The question of a trace thought anew from its first thought on, without edits. */
  retry(trace, choices) {
    const { question, thoughts, questionLength, cache } = trace;
    return this.goOn(question, /* @__PURE__ */ new Map(), [], thoughts[0].hidden, cache.fork(questionLength), questionLength, choices);
  }
  /** A step's text as the latents that stand for it, c of them.
   *
   * @throws Error if the planner has no step encoder, or a word is outside its vocabulary.
   */
  thought(step) {
    if (!this.config.step_encoder) {
      throw new Error("this planner has no step encoder, so text cannot become a thought: pack one of the method atp-step");
    }
    const ids = [...this.tokenizer.encode(step), this.config.eos_id];
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
    const cache = trace.cache.fork(trace.questionLength + t - 2);
    const before = t > 1 ? this.scaled(trace.thoughts[t - 2].latent) : this.backbone.embed(this.config.start_id);
    const seen = [];
    this.backbone.read(before, cache, seen);
    return seen;
  }
  /** What the decoder reads in the c latents of one step, or null where there is no decoder. */
  readBack(latents, choices = LIKELIEST) {
    const opened = this.open(latents);
    if (!opened) return null;
    const { max_step_tokens: limit, eos_id: eos } = this.config;
    const written = opened.decoder.write(opened.hidden, opened.cache, limit, eos, choices.token);
    return { text: this.text(written.ids), logProbability: written.logProbability };
  }
  /** Everything that the decoder may read in the c latents of one step with a probability of `least` or more, the
   * likeliest first; nothing where there is no decoder.
   */
  readings(latents, least) {
    const opened = this.open(latents);
    if (!opened) return [];
    const { max_step_tokens: limit, eos_id: eos } = this.config;
    const found = opened.decoder.writings(opened.hidden, opened.cache, limit, eos, least);
    return found.map(({ ids, logProbability: logProbability2 }) => ({ text: this.text(ids), logProbability: logProbability2 }));
  }
  /** Everything that may be written after the thoughts with a probability of `least` or more, the likeliest first. */
  answers(trace, least) {
    const { end_id: end, max_answer_tokens: limit, eos_id: eos } = this.config;
    const cache = trace.cache.fork(trace.questionLength + trace.thoughts.length);
    const hidden = this.backbone.read(this.backbone.embed(end), cache);
    const found = this.backbone.writings(hidden, cache, limit, eos, least);
    return found.map(({ ids, logProbability: logProbability2 }) => ({ text: this.text(ids), logProbability: logProbability2 }));
  }
  /** The decoder after it has read latents. */
  open(latents) {
    if (!this.decoder) return null;
    const bridge = this.weights.find("decoder.bridge.weight");
    const bias = this.weights.find("decoder.bridge.bias");
    const prefix = latents.map((latent) => this.scaled(bridge ? linear(bridge, latent, bias) : latent));
    const cache = this.decoder.emptyCache();
    return { decoder: this.decoder, cache, hidden: this.decoder.readAll(prefix, cache) };
  }
  /** The latent loop, from the state that produces the next latent; ends with the answer. */
  goOn(question, edits, before, state, cache, questionLength, choices = LIKELIEST) {
    const { max_latents: limit, latents_per_step: c, layout } = this.config;
    const thoughts = [...before];
    let hidden = state;
    for (let t = thoughts.length + 1; t <= limit; t++) {
      const distribution = this.head(hidden);
      const latent = edits.get(t) ?? choices.latent(distribution);
      const stopLogit = this.stop(hidden);
      thoughts.push({ distribution, latent, hidden, stopLogit });
      hidden = this.backbone.read(this.scaled(latent), cache);
      if (layout !== "fixed" && t % c === 0 && stopLogit > 0) break;
    }
    const { words, ...written } = this.answer(cache.fork(questionLength + thoughts.length), choices);
    const steps = [...this.decoded(thoughts, choices), ...words];
    return { question, edits, thoughts, steps, ...written, questionLength, cache };
  }
  /** What is written after the thoughts: steps in words, each ended by a semicolon, and the answer. */
  answer(cache, choices) {
    const { end_id: end, max_answer_tokens: limit, eos_id: eos } = this.config;
    const hidden = this.backbone.read(this.backbone.embed(end), cache);
    const { ids, logProbability: logProbability2, ended } = this.backbone.write(hidden, cache, limit, eos, choices.token);
    const texts = this.text(ids).split(";").map((text) => text.trim());
    const answer = texts.pop() ?? "";
    const words = texts.map((text) => ({ text, logProbability: logProbability2 }));
    return { words, answer, written: ids.map((id) => this.text([id])), ended };
  }
  /** The text of every whole step; where the number of latents is fixed, empty texts at the end are no steps. */
  decoded(thoughts, choices) {
    const c = this.config.latents_per_step;
    const steps = [];
    for (let i = 0; i + c <= thoughts.length; i += c) {
      const step = this.readBack(thoughts.slice(i, i + c).map((thought) => thought.latent), choices);
      if (step) steps.push(step);
    }
    if (this.config.layout === "fixed") while (steps.at(-1)?.text === "") steps.pop();
    return steps;
  }
  /** Padding is silent; any other special token stays visible. */
  text(ids) {
    return this.tokenizer.decode(ids.filter((id) => id !== this.config.pad_id));
  }
  scaled(latent) {
    const scale = this.config.latent_scale;
    return scale === 1 ? latent : latent.map((value) => scale * value);
  }
  checkEdits(edits) {
    const d = this.config.backbone.hidden_size;
    for (const [t, latent] of edits) {
      if (latent.length !== d) throw new Error(`the edit of thought ${t} has ${latent.length} numbers: give ${d}`);
    }
  }
};

// src/practice.ts
function compare(group) {
  const mean = group.reduce((sum, one) => sum + one.reward, 0) / group.length;
  const deviation = Math.sqrt(group.reduce((sum, one) => sum + (one.reward - mean) ** 2, 0) / group.length);
  for (const one of group) one.advantage = deviation > 1e-6 ? (one.reward - mean) / deviation : 0;
}
var LAYERS = ["trunk.0", "trunk.2", "trunk.3", "mean"].flatMap((name) => [`${name}.weight`, `${name}.bias`]);
var [FIRST, SECOND] = [0.9, 0.999];
var Practice = class {
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
    this.planner = start.copy();
    this.rate = rate;
    this.random = random;
    this.weights = LAYERS.map((name) => this.planner.weights.get(`latent_head.${name}`));
    this.size = this.weights.reduce((sum, values) => sum + values.length, 0);
    this.gradients = this.weights.map((values) => new Float32Array(values.length));
    this.moments = this.weights.map((values) => [new Float32Array(values.length), new Float32Array(values.length)]);
  }
  /** One try on a map, drawn and judged. first: what the planner thinks about the map without dice. */
  attempt(route, first) {
    const trace = this.planner.retry(first, { ...LIKELIEST, latent: (said) => draw(said, this.random) });
    const steps = trace.steps.map((step) => step.text);
    const verdict = route.judge(steps);
    const inPlace = verdict.hops.filter((hop) => hop.inPlace).length;
    return { trace, steps, verdict, reward: Number(verdict.arrives) + inPlace / Math.max(1, steps.length), advantage: 0 };
  }
  /** Climb: mean over tries of the mean over thoughts of A d log q(l_t | h_t), along mu alone; then a step of Adam. */
  learn(tries) {
    for (const { trace, advantage } of tries) {
      if (!advantage) continue;
      for (const { hidden, latent, distribution } of trace.thoughts) {
        const [mean, logvar] = [distribution.means[0], distribution.logvars?.[0]];
        const scale = advantage / (trace.thoughts.length * tries.length);
        this.backward(hidden, latent.map((value, i) => scale * (value - mean[i]) / Math.exp(logvar?.[i] ?? 0)));
      }
    }
    this.step();
  }
  /** The gradient at mu, carried back to every weight of the head. */
  backward(hidden, atMean) {
    const [w0, b0, w2, b2, gain, bias, wm] = this.weights;
    const inner = linear(w0, hidden, b0);
    const active = gelu(inner);
    const wide = linear(w2, active, b2);
    const features = layerNorm(wide, gain, bias);
    const [g0, gb0, g2, gb2, gGain, gBias, gm, gbm] = this.gradients;
    const atFeatures = back(wm, gm, gbm, features, atMean);
    const atWide = backNorm(wide, gain, gGain, gBias, atFeatures);
    const atActive = back(w2, g2, gb2, active, atWide);
    const atInner = atActive.map((value, i) => {
      const x = inner[i];
      return value * (normalCdf(x) + x * Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI));
    });
    back(w0, g0, gb0, hidden, atInner);
  }
  /** Adam (Kingma and Ba 2015), uphill, on gradients of length 1 at most; the gradients are empty again. */
  step() {
    this.updates++;
    let square = 0;
    for (const gradient of this.gradients) for (const value of gradient) square += value * value;
    const clip = 1 / Math.max(1, Math.sqrt(square));
    const [firstLeft, secondLeft] = [1 - FIRST ** this.updates, 1 - SECOND ** this.updates];
    this.weights.forEach((weight, k) => {
      const [gradient, [m, v]] = [this.gradients[k], this.moments[k]];
      for (let i = 0; i < weight.length; i++) {
        const g = gradient[i] * clip;
        m[i] = FIRST * m[i] + (1 - FIRST) * g;
        v[i] = SECOND * v[i] + (1 - SECOND) * g * g;
        weight[i] += this.rate * (m[i] / firstLeft) / (Math.sqrt(v[i] / secondLeft) + 1e-8);
        gradient[i] = 0;
      }
    });
  }
};
function back(weight, atWeight, atBias, x, atY) {
  const atX = new Float32Array(x.length);
  for (let i = 0, k = 0; i < atY.length; i++) {
    atBias[i] += atY[i];
    for (let j = 0; j < x.length; j++, k++) {
      atWeight[k] += atY[i] * x[j];
      atX[j] += weight[k] * atY[i];
    }
  }
  return atX;
}
function backNorm(x, gain, atGain, atBias, atY) {
  const n = x.length;
  let mean = 0;
  let variance = 0;
  for (const value of x) mean += value / n;
  for (const value of x) variance += (value - mean) ** 2 / n;
  const scale = 1 / Math.sqrt(variance + 1e-5);
  let [sum, along] = [0, 0];
  for (let i = 0; i < n; i++) {
    const normed = (x[i] - mean) * scale;
    atGain[i] += atY[i] * normed;
    atBias[i] += atY[i];
    sum += atY[i] * gain[i] / n;
    along += atY[i] * gain[i] * normed / n;
  }
  return atY.map((value, i) => scale * (value * gain[i] - sum - (x[i] - mean) * scale * along));
}

// src/routes.ts
var LETTERS = "abcdefghi";
var LARGEST = LETTERS.length;
var QUESTION = /^\s*(\d)\s*:((?:\s*[a-z]{2}\b)*)\s*:\s*([a-z]{2})\s+to\s+([a-z]{2})\s*$/u;
var HOP = /^\s*([a-z]{2})\s*>\s*([a-z]{2})\s*$/u;
var cellName = (row, column) => LETTERS[row] + LETTERS[column];
var cellPlace = (cell) => [LETTERS.indexOf(cell[0]), LETTERS.indexOf(cell[1])];
function readHop(text) {
  const found = HOP.exec(text);
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
    this.size = size;
    this.blocked = new Set(blocked);
    this.start = start;
    this.goal = goal;
    const last = cellName(size - 1, size - 1);
    for (const cell of [...this.blocked, start, goal]) {
      if (!this.has(cell)) throw new Error(`"${cell}" is not on a map of ${size} x ${size} cells: use aa to ${last}`);
    }
    if (this.blocked.has(start)) throw new Error(`the start ${start} is blocked: choose a free cell`);
    if (this.blocked.has(goal)) throw new Error(`the goal ${goal} is blocked: choose a free cell`);
    [this.distances, this.counts] = this.search();
  }
  /** @throws Error that says how such a question is written. */
  static read(question) {
    const found = QUESTION.exec(question.toLowerCase());
    if (!found) {
      throw new Error(
        `"${question}" is no question about a route: write the size, the blocked cells, start and goal, such as 5 : ab cd : aa to de`
      );
    }
    const [, size, blocked, start, goal] = found;
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
    const [row, column] = cellPlace(cell);
    return cell.length === 2 && Math.min(row, column) >= 0 && Math.max(row, column) < this.size;
  }
  /** Free cells above, below, left and right of a cell. */
  neighbours(cell) {
    const [row, column] = cellPlace(cell);
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
    let at = this.start;
    const hops = steps.map((text) => {
      const hop = readHop(text);
      const legal = hop !== null && this.isLegal(hop);
      const inPlace = legal && hop.start === at;
      at = hop?.end ?? null;
      return { hop, legal, inPlace };
    });
    const arrives = hops.length > 0 && hops.every((each) => each.inPlace) && at === this.goal;
    return { hops, arrives, shortest: arrives && hops.length === this.distance };
  }
  /** Breadth-first from the goal; a cell's shortest routes are those of its neighbours that are nearer. */
  search() {
    const distances = /* @__PURE__ */ new Map([[this.goal, 0]]);
    const counts = /* @__PURE__ */ new Map([[this.goal, 1]]);
    const queue = [this.goal];
    for (let cell = queue.shift(); cell !== void 0; cell = queue.shift()) {
      const next = (distances.get(cell) ?? 0) + 1;
      for (const other of this.neighbours(cell)) {
        if (!distances.has(other)) {
          distances.set(other, next);
          queue.push(other);
        }
        if (distances.get(other) === next) counts.set(other, (counts.get(other) ?? 0) + (counts.get(cell) ?? 0));
      }
    }
    return [distances, counts];
  }
};
export {
  LIKELIEST,
  Planner,
  Practice,
  Route,
  addNoise,
  cellName,
  cellPlace,
  compare,
  drawn,
  mode,
  readHop,
  readStep,
  replaced,
  seeded,
  stepText,
  verify,
  workOut
};
