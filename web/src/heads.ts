/** What the planner may think next, when it stops, and what a typed step means. */

import type { PlannerConfig, Weights } from "./checkpoint";
import { argmax, gelu, layerNorm, linear, normal, type Vector } from "./math";

/** sum_k softmax(logits)_k N(means_k, exp(logvars_k)); a Gaussian has one component, a point no logvars. */
export interface Distribution {
  logits: Vector;
  means: Vector[];
  logvars: Vector[] | null;
}

export type LatentHead = (hidden: Vector) => Distribution;

/** The mean of the likeliest component: what is thought without sampling. */
export const mode = (said: Distribution): Vector => said.means[argmax(said.logits)];

/** The latent with noise of standard deviation sigma in every dimension. */
export const addNoise = (latent: Vector, sigma: number, random: () => number): Vector =>
  latent.map((value) => value + sigma * normal(random));

const point = (mean: Vector): Distribution => ({ logits: new Float32Array(1), means: [mean], logvars: null });

/** How far the components of a mixture move from the Gaussian in the middle (`MixtureHead.APART`). */
const APART = 0.1;

export function latentHead(weights: Weights, config: PlannerConfig): LatentHead {
  const layer = (name: string, x: Vector): Vector => {
    const { weight, bias } = weights.layer(`latent_head.${name}`);
    return linear(weight, x, bias);
  };
  const trunk = (hidden: Vector): Vector => {
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
        const around = (middle: string, apart: string): Vector[] => {
          const [center, all] = [layer(middle, features), layer(apart, features)];
          return chunks(all, center.length).map((own) => center.map((value, i) => value + APART * own[i]));
        };
        return {
          logits: layer("weights", features).map((value) => APART * value),
          means: around("mean", "means"),
          logvars: around("log_variance", "log_variances"),
        };
      };
  }
}

/** h_t -> the logit of "latent t is the last one". */
export function stopHead(weights: Weights): (hidden: Vector) => number {
  return (hidden) => {
    const [first, last] = [weights.layer("stop_head.layers.0"), weights.layer("stop_head.layers.2")];
    return linear(last.weight, gelu(linear(first.weight, hidden, first.bias)), last.bias)[0];
  };
}

/** The embeddings of a step's tokens, its end token included -> the c latents that stand for it, each (d). */
export function encodeStep(weights: Weights, config: PlannerConfig, embeddings: Vector[]): Vector[] {
  const d = config.backbone.hidden_size;
  const words = embeddings.map((embedding) => embedding.map((value) => value / config.latent_scale));
  const first = weights.layer("step_encoder.first");
  const features =
    config.step_encoder === "places" ? inPlaces(words, first.weight, first.bias, d) : pooled(weights, words, d);
  const [trunk, mean] = [weights.layer("step_encoder.trunk.1"), weights.layer("step_encoder.mean")];
  const hidden = gelu(linear(trunk.weight, gelu(features), trunk.bias));
  return chunks(linear(mean.weight, hidden, mean.bias), d);
}

/** sum_i W_i e_i: each place has a matrix of its own; what is longer than the places is cut. */
function inPlaces(words: Vector[], weight: Vector, bias: Vector | undefined, d: number): Vector {
  const places = weight.length / (bias?.length ?? 1) / d;
  const placed = new Float32Array(places * d);
  words.slice(0, places).forEach((word, i) => {
    placed.set(word, i * d);
  });
  return linear(weight, placed, bias);
}

/** The mean of GELU(W e_i + p_i). */
function pooled(weights: Weights, words: Vector[], d: number): Vector {
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

function chunks(values: Vector, size: number): Vector[] {
  return Array.from({ length: values.length / size }, (_, i) => values.subarray(i * size, (i + 1) * size));
}
