/** A packed checkpoint (atp_lite/views/live.py writes it): configuration, tokenizer, and weights as 8-bit integers. */

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

/** In base64, as a page holds them, or as a notebook's kernel sends them. */
export type Bytes = string | DataView<ArrayBuffer>;

export interface Checkpoint {
  config: PlannerConfig;
  tokenizer: TokenizerFile;
  /** Name and shape of every tensor, in the order of `data`. */
  tensors: [string, number[]][];
  /** Little-endian. A vector is float32; a matrix is a float32 scale for each row, then 8-bit integers. */
  data: Bytes;
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
  const bytes = plain(checkpoint.data);
  if ("subtle" in crypto) {
    // elsewhere (plain http from another computer) browsers have no digest
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    if (found !== checkpoint.sha256) {
      throw new Error(`the weights' sha256 is ${found}, not ${checkpoint.sha256}: the file is damaged, pack it again`);
    }
  }
  const tensors = new Map<string, Vector>();
  let at = 0;
  for (const [name, shape] of checkpoint.tensors) {
    const [values, end] = read(bytes, at, shape);
    tensors.set(name, values);
    at = end;
  }
  if (at !== bytes.length) throw new Error(`the tensors' shapes make ${at} bytes, and there are ${bytes.length}`);
  return new Weights(tensors);
}

/** The rows of a matrix (n, width), packed as those of `Checkpoint.data`. */
export function matrix(data: Bytes, n: number, width: number): Vector {
  return n ? read(plain(data), 0, [n, width])[0] : new Float32Array();
}

const plain = (data: Bytes): Uint8Array<ArrayBuffer> =>
  typeof data === "string"
    ? Uint8Array.from(atob(data), (char) => char.charCodeAt(0))
    : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** One tensor from some byte on, and where the next begins.
 *
 * @throws Error if the bytes end before it.
 */
function read(bytes: Uint8Array, at: number, shape: readonly number[]): [Vector, number] {
  const size = shape.reduce((product, side) => product * side, 1);
  const width = shape.length > 1 ? shape[shape.length - 1] : 1;
  const first = at + 4 * (size / width);
  const end = shape.length > 1 ? first + size : first;
  if (end > bytes.length) throw new Error(`a tensor ends at byte ${end}, and there are ${bytes.length}: pack it again`);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const values = Float32Array.from({ length: size / width }, (_, row) => view.getFloat32(at + 4 * row, true));
  if (shape.length < 2) return [values, end];
  return [Float32Array.from({ length: size }, (_, i) => values[Math.floor(i / width)] * view.getInt8(first + i)), end];
}
