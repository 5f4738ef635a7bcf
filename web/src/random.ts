/** Chance that can be had again: a seed gives the same draws in every browser. */

import { mode, type Distribution } from "./heads";
import { argmax, normal, softmax, type Vector } from "./math";

/** Uniform numbers in [0, 1) from a 32-bit seed: a Weyl sequence, mixed as in MurmurHash3's finalizer. */
export function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  };
}

/** The index that is drawn where index i has the share shares[i]; the shares add up to 1. */
export function pick(shares: ArrayLike<number>, random: () => number): number {
  let left = random();
  for (let i = 0; i < shares.length - 1; i++) {
    left -= shares[i];
    if (left < 0) return i;
  }
  return shares.length - 1;
}

/** mu + sigma eps, eps ~ N(0, 1), of a component drawn by its weight; a point has no spread and is itself. */
export function draw(said: Distribution, random: () => number): Vector {
  const component = said.means.length > 1 ? pick(softmax(said.logits), random) : 0;
  const mean = said.means[component];
  if (!said.logvars) return mean;
  const logvar = said.logvars[component];
  return mean.map((value, i) => value + Math.exp(0.5 * logvar[i]) * normal(random));
}

/** What is thought of what the latent head said, and what is written of the logits of the next token. */
export interface Choices {
  latent: (said: Distribution) => Vector;
  token: (logits: Vector) => number;
}

/** The likeliest, always. */
export const LIKELIEST: Choices = { latent: mode, token: argmax };

/** Latents and tokens are drawn from what the planner said. */
export const drawn = (random: () => number): Choices => ({
  latent: (said) => draw(said, random),
  token: (logits) => pick(softmax(logits), random),
});
