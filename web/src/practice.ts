/** Planning in the page: policy gradient on a latent head, the rest of the planner held fixed. */

import { gelu, layerNorm, linear, normalCdf, type Vector } from "./math";
import type { Planner, Trace } from "./planner";
import { draw, LIKELIEST } from "./random";
import type { Route, Verdict } from "./routes";

/** A walk that was tried, with thoughts drawn at random. */
export interface Try {
  trace: Trace;
  steps: string[];
  verdict: Verdict;
  /** 1 if it arrives, plus the share of its hops that are in place: in [0, 2]. */
  reward: number;
  /** (reward - mean) / deviation of its group; 0 where all are alike. */
  advantage: number;
}

/** Give the tries of one group their advantages: GRPO (Shao et al. 2024). */
export function compare(group: readonly Try[]): void {
  const mean = group.reduce((sum, one) => sum + one.reward, 0) / group.length;
  const deviation = Math.sqrt(group.reduce((sum, one) => sum + (one.reward - mean) ** 2, 0) / group.length);
  for (const one of group) one.advantage = deviation > 1e-6 ? (one.reward - mean) / deviation : 0;
}

const LAYERS = ["trunk.0", "trunk.2", "trunk.3", "mean"].flatMap((name) => [`${name}.weight`, `${name}.bias`]);
/** Adam's decay of the gradient's mean and of its square's. */
const [FIRST, SECOND] = [0.9, 0.999];

export class Practice {
  /** The planner that learns, with weights of its own. */
  readonly planner: Planner;
  /** How often it has learnt. */
  updates = 0;
  /** How many numbers learn. */
  readonly size: number;
  private readonly rate: number;
  private readonly random: () => number;
  private readonly weights: Vector[];
  private readonly gradients: Vector[];
  private readonly moments: [Vector, Vector][];

  /** rate: Adam's. */
  constructor(start: Planner, rate: number, random: () => number) {
    this.planner = start.copy();
    this.rate = rate;
    this.random = random;
    this.weights = LAYERS.map((name) => this.planner.weights.get(`latent_head.${name}`));
    this.size = this.weights.reduce((sum, values) => sum + values.length, 0);
    this.gradients = this.weights.map((values) => new Float32Array(values.length));
    this.moments = this.weights.map((values) => [new Float32Array(values.length), new Float32Array(values.length)]);
  }

  /** One try on a map, drawn and judged. first: what the planner thinks about the map by its best guess. */
  attempt(route: Route, first: Trace): Try {
    const trace = this.planner.retry(first, { ...LIKELIEST, latent: (said) => draw(said, this.random) });
    const steps = trace.steps.map((step) => step.text);
    const verdict = route.judge(steps);
    const inPlace = verdict.hops.filter((hop) => hop.inPlace).length;
    return { trace, steps, verdict, reward: Number(verdict.arrives) + inPlace / Math.max(1, steps.length), advantage: 0 };
  }

  /** Climb: mean over tries of the mean over thoughts of A d log q(l_t | h_t), along mu alone; then a step of Adam. */
  learn(tries: readonly Try[]): void {
    for (const { trace, advantage } of tries) {
      if (!advantage) continue;
      for (const { hidden, latent, distribution } of trace.thoughts) {
        const [mean, logvar] = [distribution.means[0], distribution.logvars?.[0]];
        const scale = advantage / (trace.thoughts.length * tries.length);
        this.backward(hidden, latent.map((value, i) => (scale * (value - mean[i])) / Math.exp(logvar?.[i] ?? 0)));
      }
    }
    this.step();
  }

  /** The gradient at mu, carried back to every weight of the head. */
  private backward(hidden: Vector, atMean: Vector): void {
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
      return value * (normalCdf(x) + (x * Math.exp(-0.5 * x * x)) / Math.sqrt(2 * Math.PI));
    });
    back(w0, g0, gb0, hidden, atInner);
  }

  /** Adam (Kingma and Ba 2015), uphill, on gradients of length 1 at most; the gradients are empty again. */
  private step(): void {
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
        weight[i] += (this.rate * (m[i] / firstLeft)) / (Math.sqrt(v[i] / secondLeft) + 1e-8);
        gradient[i] = 0;
      }
    });
  }
}

/** y = W x + b: adds to the gradients of W and b, and gives that of x. */
function back(weight: Vector, atWeight: Vector, atBias: Vector, x: Vector, atY: Vector): Vector {
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

/** The same of a layer norm. */
function backNorm(x: Vector, gain: Vector, atGain: Vector, atBias: Vector, atY: Vector): Vector {
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
    sum += (atY[i] * gain[i]) / n;
    along += (atY[i] * gain[i] * normed) / n;
  }
  return atY.map((value, i) => scale * (value * gain[i] - sum - (x[i] - mean) * scale * along));
}
