/** The planner: question -> thoughts -> answer, the loop of atp_lite/model/loop.py for one question. */

import { unpack, type Checkpoint, type PlannerConfig, type Weights } from "./checkpoint";
import { encodeStep, latentHead, mode, stopHead, type Distribution, type LatentHead } from "./heads";
import { linear, type Vector } from "./math";
import { Llama, type Cache } from "./llama";
import { Tokenizer } from "./tokenizer";

export interface Thought {
  /** What the latent head said. */
  distribution: Distribution;
  /** What was fed back: the distribution's mode, or an edit. */
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
  /** Positions of the question, and what the backbone remembers of them and of the thoughts. */
  questionLength: number;
  cache: Cache;
}

export class Planner {
  readonly config: PlannerConfig;
  private readonly tokenizer: Tokenizer;
  private readonly weights: Weights;
  private readonly backbone: Llama;
  private readonly decoder: Llama | null;
  private readonly head: LatentHead;
  private readonly stop: (hidden: Vector) => number;

  private constructor(checkpoint: Checkpoint, weights: Weights) {
    this.config = checkpoint.config;
    this.tokenizer = new Tokenizer(checkpoint.tokenizer);
    this.weights = weights;
    this.backbone = new Llama(weights, "backbone", this.config.backbone);
    this.decoder = this.config.decoder && new Llama(weights, "decoder.lm", this.config.decoder);
    this.head = latentHead(weights, this.config);
    this.stop = stopHead(weights);
  }

  /** @throws Error if the weights are damaged. */
  static async load(checkpoint: Checkpoint): Promise<Planner> {
    return new Planner(checkpoint, await unpack(checkpoint));
  }

  /** Think about a question and answer it.
   *
   * @throws Error that names a word outside the vocabulary, or an edit of the wrong width.
   */
  think(question: string, edits: Edits = new Map()): Trace {
    this.checkEdits(edits);
    const ids = [...this.tokenizer.encode(question), this.config.start_id];
    const cache = this.backbone.emptyCache();
    const hidden = this.backbone.readAll(
      ids.map((id) => this.backbone.embed(id)),
      cache,
    );
    return this.goOn(question, edits, [], hidden, cache, ids.length);
  }

  /** The same question with other edits: what comes before the first that differs is kept, all after it thought anew. */
  rethink(trace: Trace, edits: Edits): Trace {
    this.checkEdits(edits);
    const changed = [...new Set([...trace.edits.keys(), ...edits.keys()])]
      .filter((t) => edits.get(t) !== trace.edits.get(t) && t <= trace.thoughts.length)
      .sort((a, b) => a - b);
    if (!changed.length) return { ...trace, edits };
    const kept = changed[0] - 1;
    const cache = trace.cache.fork(trace.questionLength + kept);
    const thoughts = trace.thoughts.slice(0, kept);
    return this.goOn(trace.question, edits, thoughts, trace.thoughts[kept].hidden, cache, trace.questionLength);
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

  /** What the decoder reads in the c latents of one step, or null where there is no decoder. */
  readBack(latents: Vector[]): Step | null {
    if (!this.decoder) return null;
    const bridge = this.weights.find("decoder.bridge.weight");
    const bias = this.weights.find("decoder.bridge.bias");
    const prefix = latents.map((latent) => this.scaled(bridge ? linear(bridge, latent, bias) : latent));
    const cache = this.decoder.emptyCache();
    const hidden = this.decoder.readAll(prefix, cache);
    const written = this.decoder.write(hidden, cache, this.config.max_step_tokens, this.config.eos_id);
    return { text: this.text(written.ids), logProbability: written.logProbability };
  }

  /** The latent loop, from the state that produces the next latent; ends with the answer. */
  private goOn(
    question: string,
    edits: Edits,
    before: Thought[],
    state: Vector,
    cache: Cache,
    questionLength: number,
  ): Trace {
    const { max_latents: limit, latents_per_step: c, layout } = this.config;
    const thoughts = [...before];
    let hidden = state;
    for (let t = thoughts.length + 1; t <= limit; t++) {
      const distribution = this.head(hidden);
      const latent = edits.get(t) ?? mode(distribution);
      const stopLogit = this.stop(hidden);
      thoughts.push({ distribution, latent, hidden, stopLogit });
      hidden = this.backbone.read(this.scaled(latent), cache);
      if (layout !== "fixed" && t % c === 0 && stopLogit > 0) break;
    }
    const { words, answer } = this.answer(cache.fork(questionLength + thoughts.length));
    const steps = [...this.decoded(thoughts), ...words];
    return { question, edits, thoughts, steps, answer, questionLength, cache };
  }

  /** What is written after the thoughts: steps in words, each ended by a semicolon, and the answer. */
  private answer(cache: Cache): { words: Step[]; answer: string } {
    const { end_id: end, max_answer_tokens: limit, eos_id: eos } = this.config;
    const hidden = this.backbone.read(this.backbone.embed(end), cache);
    const written = this.backbone.write(hidden, cache, limit, eos);
    const texts = this.text(written.ids).split(";").map((text) => text.trim());
    const answer = texts.pop() ?? "";
    return { words: texts.map((text) => ({ text, logProbability: written.logProbability })), answer };
  }

  /** The text of every whole step; where the number of latents is fixed, empty texts at the end are no steps. */
  private decoded(thoughts: Thought[]): Step[] {
    const c = this.config.latents_per_step;
    const steps: Step[] = [];
    for (let i = 0; i + c <= thoughts.length; i += c) {
      const step = this.readBack(thoughts.slice(i, i + c).map((thought) => thought.latent));
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
