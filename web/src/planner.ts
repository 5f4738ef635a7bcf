/** The planner: question -> thoughts -> answer, the loop of atp_lite/model/loop.py for one question. */

import { unpack, type Checkpoint, type PlannerConfig, type Weights } from "./checkpoint";
import { encodeStep, latentHead, stopHead, type Distribution, type LatentHead } from "./heads";
import { linear, type Vector } from "./math";
import { Llama, type Cache } from "./llama";
import { LIKELIEST, type Choices } from "./random";
import { Tokenizer } from "./tokenizer";

export interface Thought {
  /** What the latent head said. */
  distribution: Distribution;
  /** What was fed back: the distribution's mode, a draw from it, or an edit. */
  latent: Vector;
  /** h_t, the state that produced it. */
  hidden: Vector;
  /** The logit of "this latent is the last". */
  stopLogit: number;
}

export interface Step {
  text: string;
  /** log p(text | its latents), in nats. */
  logProbability: number;
}

/** t, counted from 1 -> the latent (d) that is fed back in the place of l_t. */
export type Edits = ReadonlyMap<number, Vector>;

export interface Trace {
  question: string;
  edits: Edits;
  thoughts: Thought[];
  /** Decoded latents first, then what is written in words. */
  steps: Step[];
  answer: string;
  /** Every token that was written after the thoughts, without the end token, and whether that came. */
  written: string[];
  ended: boolean;
  /** Positions of the question, and what the backbone remembers of them and of the thoughts. */
  questionLength: number;
  cache: Cache;
}

export class Planner {
  readonly config: PlannerConfig;
  readonly weights: Weights;
  private readonly tokenizer: Tokenizer;
  private readonly backbone: Llama;
  private readonly decoder: Llama | null;
  private readonly head: LatentHead;
  private readonly stop: (hidden: Vector) => number;

  private constructor(config: PlannerConfig, tokenizer: Tokenizer, weights: Weights) {
    this.config = config;
    this.tokenizer = tokenizer;
    this.weights = weights;
    this.backbone = new Llama(weights, "backbone", this.config.backbone);
    const thinks = config.max_latents > 0; // one of words alone travels without these parts
    this.decoder = thinks && config.decoder ? new Llama(weights, "decoder.lm", config.decoder) : null;
    this.head = latentHead(weights, config);
    this.stop = stopHead(weights);
  }

  /** @throws Error if the weights are damaged. */
  static async load(checkpoint: Checkpoint): Promise<Planner> {
    return new Planner(checkpoint.config, new Tokenizer(checkpoint.tokenizer), await unpack(checkpoint));
  }

  /** The same planner with weights of its own, which may change. */
  copy(): Planner {
    return new Planner(this.config, this.tokenizer, this.weights.copy());
  }

  /** Think about a question and answer it.
   *
   * @param choices how latents, texts and the answer are chosen: the likeliest, or drawn.
   * @throws Error that names a word outside the vocabulary, or an edit of the wrong width.
   */
  think(question: string, edits: Edits = new Map(), choices = LIKELIEST): Trace {
    this.checkEdits(edits);
    const ids = [...this.tokenizer.encode(question), this.config.start_id];
    const cache = this.backbone.emptyCache();
    const hidden = this.backbone.readAll(
      ids.map((id) => this.backbone.embed(id)),
      cache,
    );
    return this.goOn(question, edits, [], hidden, cache, ids.length, choices);
  }

  /** The same question with other edits: what comes before the first that differs is kept, all after it thought anew.
   *
   * @param reads whether the thoughts are read back too; without, there are no steps of them.
   */
  rethink(trace: Trace, edits: Edits, reads = true): Trace {
    this.checkEdits(edits);
    const changed = [...new Set([...trace.edits.keys(), ...edits.keys()])]
      .filter((t) => edits.get(t) !== trace.edits.get(t) && t <= trace.thoughts.length)
      .sort((a, b) => a - b);
    if (!changed.length) return { ...trace, edits };
    const kept = changed[0] - 1;
    const cache = trace.cache.fork(trace.questionLength + kept);
    const thoughts = trace.thoughts.slice(0, kept);
    return this.goOn(trace.question, edits, thoughts, trace.thoughts[kept].hidden, cache, trace.questionLength, LIKELIEST, reads);
  }

  /** The question of a trace thought anew from its first thought on, without edits. */
  retry(trace: Trace, choices: Choices): Trace {
    const { question, thoughts, questionLength, cache } = trace;
    return this.goOn(question, new Map(), [], thoughts[0].hidden, cache.fork(questionLength), questionLength, choices);
  }

  /** A step's text as the latents that stand for it, c of them.
   *
   * @throws Error if the planner has no step encoder, or a word is outside its vocabulary.
   */
  thought(step: string): Vector[] {
    if (!this.config.step_encoder) {
      throw new Error("this planner has no step encoder, so text cannot become a thought: pack one of the method atp-step");
    }
    const ids = [...this.tokenizer.encode(step), this.config.eos_id];
    return encodeStep(
      this.weights,
      this.config,
      ids.map((id) => this.backbone.embed(id)),
    );
  }

  /** The tokens of a question as text. */
  tokens(question: string): string[] {
    return this.tokenizer.encode(question).map((id) => this.tokenizer.decode([id]));
  }

  /** Every token that is read before the first thought, `<|start-latent|>` at the end, with its embedding (d). */
  embeddings(question: string): { text: string; embedding: Vector }[] {
    return [...this.tokenizer.encode(question), this.config.start_id].map((id) => ({
      text: this.tokenizer.decode([id]),
      embedding: this.backbone.embed(id),
    }));
  }

  /** What thought t looked at: of every layer and head, the weight of each token of the question, `<|start-latent|>` at
   * its end, and of the thoughts before; they add up to 1.
   */
  attention(trace: Trace, t: number): Float64Array[][] {
    const cache = trace.cache.fork(trace.questionLength + t - 2);
    const before = t > 1 ? this.scaled(trace.thoughts[t - 2].latent) : this.backbone.embed(this.config.start_id);
    const seen: Float64Array[][] = [];
    this.backbone.read(before, cache, seen);
    return seen;
  }

  /** What the decoder reads in the c latents of one step, or null where there is no decoder. */
  readBack(latents: Vector[], choices = LIKELIEST): Step | null {
    const opened = this.open(latents);
    if (!opened) return null;
    const { max_step_tokens: limit, eos_id: eos } = this.config;
    const written = opened.decoder.write(opened.hidden, opened.cache, limit, eos, choices.token);
    return { text: this.text(written.ids), logProbability: written.logProbability };
  }

  /** Everything that the decoder may read in the c latents of one step with a probability of `least` or more, the
   * likeliest first; nothing where there is no decoder.
   */
  readings(latents: Vector[], least: number): Step[] {
    const opened = this.open(latents);
    if (!opened) return [];
    const { max_step_tokens: limit, eos_id: eos } = this.config;
    const found = opened.decoder.writings(opened.hidden, opened.cache, limit, eos, least);
    return found.map(({ ids, logProbability }) => ({ text: this.text(ids), logProbability }));
  }

  /** Everything that may be written after the thoughts with a probability of `least` or more, the likeliest first. */
  answers(trace: Trace, least: number): Step[] {
    const { end_id: end, max_answer_tokens: limit, eos_id: eos } = this.config;
    const cache = trace.cache.fork(trace.questionLength + trace.thoughts.length);
    const hidden = this.backbone.read(this.backbone.embed(end), cache);
    const found = this.backbone.writings(hidden, cache, limit, eos, least);
    return found.map(({ ids, logProbability }) => ({ text: this.text(ids), logProbability }));
  }

  /** The decoder after it has read latents. */
  private open(latents: Vector[]): { decoder: Llama; cache: Cache; hidden: Vector } | null {
    if (!this.decoder) return null;
    const bridge = this.weights.find("decoder.bridge.weight");
    const bias = this.weights.find("decoder.bridge.bias");
    const prefix = latents.map((latent) => this.scaled(bridge ? linear(bridge, latent, bias) : latent));
    const cache = this.decoder.emptyCache();
    return { decoder: this.decoder, cache, hidden: this.decoder.readAll(prefix, cache) };
  }

  /** The latent loop, from the state that produces the next latent; ends with the answer. */
  private goOn(
    question: string,
    edits: Edits,
    before: Thought[],
    state: Vector,
    cache: Cache,
    questionLength: number,
    choices = LIKELIEST,
    reads = true,
  ): Trace {
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
    const steps = [...(reads ? this.decoded(thoughts, choices) : []), ...words];
    return { question, edits, thoughts, steps, ...written, questionLength, cache };
  }

  /** What is written after the thoughts: steps in words, each ended by a semicolon, and the answer. */
  private answer(cache: Cache, choices: Choices): Pick<Trace, "answer" | "written" | "ended"> & { words: Step[] } {
    const { end_id: end, max_answer_tokens: limit, eos_id: eos } = this.config;
    const hidden = this.backbone.read(this.backbone.embed(end), cache);
    const { ids, logProbability, ended } = this.backbone.write(hidden, cache, limit, eos, choices.token);
    const texts = this.text(ids).split(";").map((text) => text.trim());
    const answer = texts.pop() ?? "";
    const words = texts.map((text) => ({ text, logProbability }));
    return { words, answer, written: ids.map((id) => this.text([id])), ended };
  }

  /** The text of every whole step; where the number of latents is fixed, empty texts at the end are no steps. */
  private decoded(thoughts: Thought[], choices: Choices): Step[] {
    const c = this.config.latents_per_step;
    const steps: Step[] = [];
    for (let i = 0; i + c <= thoughts.length; i += c) {
      const step = this.readBack(thoughts.slice(i, i + c).map((thought) => thought.latent), choices);
      if (step) steps.push(step);
    }
    if (this.config.layout === "fixed") while (steps.at(-1)?.text === "") steps.pop();
    return steps;
  }

  /** Padding is silent; any other special token stays visible. */
  private text(ids: number[]): string {
    return this.tokenizer.decode(ids.filter((id) => id !== this.config.pad_id));
  }

  private scaled(latent: Vector): Vector {
    const scale = this.config.latent_scale;
    return scale === 1 ? latent : latent.map((value) => scale * value);
  }

  private checkEdits(edits: Edits): void {
    const d = this.config.backbone.hidden_size;
    for (const [t, latent] of edits) {
      if (latent.length !== d) throw new Error(`the edit of thought ${t} has ${latent.length} numbers: give ${d}`);
    }
  }
}
