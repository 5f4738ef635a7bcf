/** A packed checkpoint (atp_lite/views/live.py writes it): configuration, tokenizer, and weights as float16. */

import type { Vector } from "./math";

/** What the engine reads of a LLaMA's configuration. */
export interface LlamaConfig {
  hidden_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  num_key_value_heads: number;
  head_dim: number;
  rms_norm_eps: number;
  rope_theta: number;
}

export interface PlannerConfig {
  backbone: LlamaConfig;
  decoder: LlamaConfig | null;
  step_encoder: "places" | "pooled" | null;
  latent_head: "gaussian" | "mixture" | "hidden" | "projector" | "filler";
  layout: string;
  latents_per_step: number;
  latent_scale: number;
  max_latents: number;
  max_step_tokens: number;
  max_answer_tokens: number;
  start_id: number;
  end_id: number;
  eos_id: number;
  pad_id: number;
  domain: string | null;
}

export interface TokenizerFile {
  /** Token -> its id. */
  vocabulary: Record<string, number>;
  /** A regular expression: each match is one token. */
  pieces: string;
  /** Tokens are joined by spaces, those that this regular expression finds are taken out; null joins without. */
  glue: string | null;
}

export interface Checkpoint {
  config: PlannerConfig;
  tokenizer: TokenizerFile;
  /** Name and shape of every tensor, in the order of `data`. */
  tensors: [string, number[]][];
  /** float16, little-endian, in base64. */
  data: string;
  /** Of the bytes in `data`, in hexadecimal digits. */
  sha256: string;
}

/** The tensors of a checkpoint by name, each as float32. */
export class Weights {
  private readonly tensors: Map<string, Vector>;

  constructor(tensors: Map<string, Vector>) {
    this.tensors = tensors;
  }

  /** Tensors of its own, with the same values. */
  copy(): Weights {
    return new Weights(new Map(Array.from(this.tensors, ([name, tensor]) => [name, tensor.slice()])));
  }

  /** @throws Error if there is no tensor of that name. */
  get(name: string): Vector {
    const tensor = this.tensors.get(name);
    if (!tensor) throw new Error(`the checkpoint has no tensor ${name}: pack it again from its folder`);
    return tensor;
  }

  /** The tensor, or undefined where there is none. */
  find(name: string): Vector | undefined {
    return this.tensors.get(name);
  }

  /** Row i of a tensor (n, width). */
  row(name: string, i: number, width: number): Vector {
    return this.get(name).subarray(i * width, (i + 1) * width);
  }

  /** W x + b of a linear layer; without b where the layer has none. */
  layer(name: string): { weight: Vector; bias?: Vector } {
    const bias = this.find(`${name}.bias`);
    return { weight: this.get(`${name}.weight`), ...(bias && { bias }) };
  }
}

/** Unpacks the weights.
 *
 * @throws Error if the bytes are not those that the checkpoint's hash was made of.
 */
export async function unpack(checkpoint: Checkpoint): Promise<Weights> {
  const bytes = fromBase64(checkpoint.data);
  if ("subtle" in crypto) {
    // elsewhere (plain http from another computer) browsers have no digest
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    if (found !== checkpoint.sha256) {
      throw new Error(`the weights' sha256 is ${found}, not ${checkpoint.sha256}: the file is damaged, pack it again`);
    }
  }
  const values = toFloat32(bytes);
  const tensors = new Map<string, Vector>();
  let at = 0;
  for (const [name, shape] of checkpoint.tensors) {
    const size = shape.reduce((product, side) => product * side, 1);
    tensors.set(name, values.subarray(at, at + size));
    at += size;
  }
  if (at !== values.length) throw new Error(`the tensors' shapes make ${at} numbers, and there are ${values.length}`);
  return new Weights(tensors);
}

/** Numbers as float16 in base64 -> float32. */
export const floats = (base64: string): Vector => toFloat32(fromBase64(base64));

const fromBase64 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));

/** IEEE 754 half precision, two bytes each, little-endian -> float32. */
export function toFloat32(bytes: Uint8Array): Vector {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Float32Array(bytes.length / 2);
  for (let i = 0; i < values.length; i++) {
    const half = view.getUint16(2 * i, true);
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    if (exponent === 31) values[i] = fraction ? NaN : sign * Infinity;
    else values[i] = sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
  }
  return values;
}
