/** A small LLaMA that reads one position at a time and remembers keys and values. */

import type { LlamaConfig, Weights } from "./checkpoint";
import { argmax, linear, logProbability, rmsNorm, silu, softmax, type Vector } from "./math";

/** Keys and values of every position that was read, for each layer; a row is never written again. */
export class Cache {
  readonly keys: Vector[][];
  readonly values: Vector[][];

  constructor(keys: Vector[][], values: Vector[][]) {
    this.keys = keys;
    this.values = values;
  }

  static empty(layers: number): Cache {
    const lists = (): Vector[][] => Array.from({ length: layers }, () => []);
    return new Cache(lists(), lists());
  }

  /** The first `length` positions, to go on from there. */
  fork(length: number): Cache {
    const cut = (lists: Vector[][]): Vector[][] => lists.map((list) => list.slice(0, length));
    return new Cache(cut(this.keys), cut(this.values));
  }
}

/** Tokens without the end token, the log-probability of all that was written, in nats, and whether it ended. */
export interface Written {
  ids: number[];
  logProbability: number;
  ended: boolean;
}

interface Layer {
  attentionNorm: Vector;
  query: Vector;
  key: Vector;
  value: Vector;
  output: Vector;
  feedForwardNorm: Vector;
  gate: Vector;
  up: Vector;
  down: Vector;
}

export class Llama {
  private readonly config: LlamaConfig;
  private readonly layers: Layer[];
  private readonly embeddings: Vector;
  private readonly norm: Vector;
  private readonly outputs: Vector;
  private readonly frequencies: Float64Array;

  /** prefix: what its tensors' names begin with. */
  constructor(weights: Weights, prefix: string, config: LlamaConfig) {
    const get = (name: string): Vector => weights.get(`${prefix}.${name}.weight`);
    this.config = config;
    this.embeddings = get("model.embed_tokens");
    this.norm = get("model.norm");
    this.outputs = get("lm_head");
    this.layers = Array.from({ length: config.num_hidden_layers }, (_, i) => {
      const of = (name: string): Vector => get(`model.layers.${i}.${name}`);
      return {
        attentionNorm: of("input_layernorm"),
        query: of("self_attn.q_proj"),
        key: of("self_attn.k_proj"),
        value: of("self_attn.v_proj"),
        output: of("self_attn.o_proj"),
        feedForwardNorm: of("post_attention_layernorm"),
        gate: of("mlp.gate_proj"),
        up: of("mlp.up_proj"),
        down: of("mlp.down_proj"),
      };
    });
    const half = config.head_dim / 2;
    this.frequencies = Float64Array.from({ length: half }, (_, i) => config.rope_theta ** (-i / half));
  }

  emptyCache(): Cache {
    return Cache.empty(this.layers.length);
  }

  /** The embedding of a token (d). */
  embed(id: number): Vector {
    const d = this.config.hidden_size;
    return this.embeddings.subarray(id * d, (id + 1) * d);
  }

  /** Read one embedding (d) after what the cache holds, which grows by it -> the last hidden state (d).
   *
   * @param seen receives, of every layer and head, the weight of each position so far (they add up to 1).
   */
  read(embedding: Vector, cache: Cache, seen?: Float64Array[][]): Vector {
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
  readAll(embeddings: Vector[], cache: Cache): Vector {
    let hidden = new Float32Array(0);
    for (const embedding of embeddings) hidden = Float32Array.from(this.read(embedding, cache));
    return hidden;
  }

  /** Write after the cache, whose last hidden state is `hidden`, up to the end token.
   *
   * @param choose logits -> the token that is written.
   */
  write(hidden: Vector, cache: Cache, maxTokens: number, endId: number, choose = argmax): Written {
    const ids: number[] = [];
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
  writings(hidden: Vector, cache: Cache, maxTokens: number, endId: number, least: number): Written[] {
    const found: Written[] = [];
    const goOn = (state: Vector, cache: Cache, ids: number[], before: number): void => {
      const shares = softmax(linear(this.outputs, state));
      shares.forEach((share, id) => {
        const logProbability = before + Math.log(share);
        if (logProbability < Math.log(least)) return;
        const ended = id === endId;
        const longer = ended ? ids : [...ids, id];
        if (ended || longer.length === maxTokens) {
          found.push({ ids: longer, logProbability, ended });
        } else {
          const fork = cache.fork(cache.keys[0].length);
          goOn(this.read(this.embed(id), fork), fork, longer, logProbability);
        }
      });
    };
    goOn(hidden, cache, [], 0);
    return found.sort((a, b) => b.logProbability - a.logProbability);
  }

  /** Rotary position embedding, in place (Su et al. 2021): dimension i turns together with i + head_dim / 2. */
  private rotate(x: Vector, position: number): Vector {
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
  private attend(query: Vector, keys: Vector[], values: Vector[], seen?: Float64Array[][]): Vector {
    const size = this.config.head_dim;
    const shared = this.config.num_attention_heads / this.config.num_key_value_heads;
    const mixed = new Float32Array(query.length);
    const scores = new Float64Array(keys.length);
    const heads: Float64Array[] = [];
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
}

const add = (x: Vector, y: Vector): Vector => x.map((value, i) => value + y[i]);
