/** The arithmetic of small networks: sums in float64, results in float32. */

export type Vector = Float32Array;

/** sum_i a_i b_i */
export function dot(a: Vector, b: Vector): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** W x + b. W is (n, m) row by row, x (m), b (n) or nothing -> (n). */
export function linear(weight: Vector, x: Vector, bias?: Vector): Vector {
  const m = x.length;
  const y = new Float32Array(weight.length / m);
  for (let i = 0, k = 0; i < y.length; i++) {
    let sum = bias ? bias[i] : 0;
    for (let j = 0; j < m; j++, k++) sum += weight[k] * x[j];
    y[i] = sum;
  }
  return y;
}

/** x / sqrt(mean(x^2) + eps) * gain */
export function rmsNorm(x: Vector, gain: Vector, eps: number): Vector {
  let square = 0;
  for (const value of x) square += value * value;
  const scale = 1 / Math.sqrt(square / x.length + eps);
  return x.map((value, i) => value * scale * gain[i]);
}

/** (x - mean) / sqrt(variance + 1e-5) * gain + bias */
export function layerNorm(x: Vector, gain: Vector, bias: Vector): Vector {
  let mean = 0;
  let variance = 0;
  for (const value of x) mean += value / x.length;
  for (const value of x) variance += (value - mean) ** 2 / x.length;
  const scale = 1 / Math.sqrt(variance + 1e-5);
  return x.map((value, i) => (value - mean) * scale * gain[i] + bias[i]);
}

/** erf(x) = 2 / sqrt(pi) exp(-x^2) sum_n 2^n x^(2n+1) / (2n+1)!!; every term is positive, so no digits are lost. */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  let term = size;
  let sum = size;
  for (let n = 1; term > 1e-17 * sum; n++) {
    term *= (2 * size * size) / (2 * n + 1);
    sum += term;
  }
  return (Math.sign(x) * 2 * Math.exp(-size * size) * sum) / Math.sqrt(Math.PI);
}

/** P(X <= x) of a standard normal X. */
export const normalCdf = (x: number): number => 0.5 * (1 + erf(x / Math.SQRT2));

export const gelu = (x: Vector): Vector => x.map((value) => value * normalCdf(value));

export const silu = (value: number): number => value / (1 + Math.exp(-value));

/** The index of the largest value, the first of several. */
export function argmax(values: Vector): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

/** exp(logits) / sum exp(logits) */
export function softmax(logits: Vector): Vector {
  const top = logits[argmax(logits)];
  const shares = logits.map((logit) => Math.exp(logit - top));
  const sum = shares.reduce((total, share) => total + share, 0);
  return shares.map((share) => share / sum);
}

/** log softmax(logits)[index], in nats */
export function logProbability(logits: Vector, index: number): number {
  const top = logits[argmax(logits)];
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - top);
  return logits[index] - top - Math.log(sum);
}

/** Standard normal draw from two uniform ones (Box and Muller 1958). */
export function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
