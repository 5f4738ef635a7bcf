/** The planners that a page can show (atp_lite/views/live.py packs them): inside it, each a script beside it, or a kernel's. */

import { type Bytes, type Checkpoint, matrix } from "./checkpoint";
import type { Vector } from "./math";
import { Planner } from "./planner";

/** What is known of a planner before its weights are read. */
export interface Entry {
  name: string;
  /** For people, such as "planner". */
  title: string;
  domain: string | null;
  parameters: number;
  /** Whether text can become a thought. */
  encodes: boolean;
  /** Whether thoughts can be read. */
  decodes: boolean;
  /** Names of the pages that can show it. */
  pages: string[];
  /** On the bundled test set, a share; null where nobody has measured. */
  accuracy: number | null;
  /** On the bundled test maps, the share of walks that arrive; null as above. */
  arrives: number | null;
}

/** The bundled planners of arithmetic, from words to plans: title, and how each came to be. */
export const HISTORIES: Readonly<Record<string, [string, string]>> = {
  cot: ["Words", "Chain of thought: it writes every step down, one token after the other."],
  "sim-cot": ["SIM-CoT", "Always four thoughts, taught by imitation with a decoder at its side (the method SIM-CoT)."],
  "atp-sft": ["Imitator", "It copied teachers who take the steps in different orders, so one thought may say several. It stops when it is done."],
  "atp-step": ["Planner", "It first copied teachers (the network “imitator”), then practised with a reward for right steps in any order, then copied the right chains that it had chosen itself."],
};

export const about = (entry: Entry): [string, string] => HISTORIES[entry.name] ?? [entry.title, "Your checkpoint."];

/** A thought about one of the examples. */
export interface Landmark {
  /** What the decoder reads in it. */
  text: string;
  question: string;
  /** Which thought of that question, from 1. */
  place: number;
  latent: Vector;
}

export interface LivePlanner {
  entry: Entry;
  planner: Planner;
  /** Questions of its domain that it was not trained on. */
  examples: string[];
  landmarks: Landmark[];
  /** Where thoughts are most clearly causes: a question, one of its thoughts, and landmarks from which the answer follows. */
  opening: { question: string; place: number; landmarks: number[] } | null;
}

export interface Packed {
  checkpoint: Checkpoint;
  examples: string[];
  /** Text, place among the examples, thought; their latents as a matrix, packed as `Checkpoint.data`. */
  landmarks: { of: [string, number, number][]; data: Bytes };
  opening: { example: number; place: number; landmarks: number[] } | null;
}

declare global {
  /** Where the scripts beside the page put what they hold. */
  var atpLive: Record<string, Packed> | undefined;
}

/** Planners, each unpacked when it is first asked for. */
export class Library {
  readonly entries: readonly Entry[];
  private readonly packed: (name: string) => Packed | Promise<Packed>;
  private readonly loaded = new Map<string, Promise<LivePlanner>>();

  /** @param packed gives one of them by its name. */
  constructor(entries: readonly Entry[], packed: (name: string) => Packed | Promise<Packed>) {
    this.entries = entries;
    this.packed = packed;
  }

  /** Those that a page can show. */
  fitting(page: string): Entry[] {
    return this.entries.filter((entry) => entry.pages.includes(page));
  }

  /** A planner, ready to think.
   *
   * @throws Error if its weights are damaged or missing.
   */
  load(name: string): Promise<LivePlanner> {
    const known = this.loaded.get(name) ?? this.read(name);
    this.loaded.set(name, known);
    return known;
  }

  private async read(name: string): Promise<LivePlanner> {
    const entry = this.entries.find((one) => one.name === name);
    if (!entry) throw new Error(`there is no planner ${name} here: choose ${this.entries.map((one) => one.name).join(", ")}`);
    const { checkpoint, examples, landmarks, opening } = await this.packed(name);
    const planner = await Planner.load(checkpoint);
    const d = checkpoint.config.backbone.hidden_size;
    const latents = matrix(landmarks.data, landmarks.of.length, d);
    return {
      entry,
      planner,
      examples,
      landmarks: landmarks.of.map(([text, example, place], i) => ({
        text,
        question: examples[example],
        place,
        latent: latents.subarray(i * d, (i + 1) * d),
      })),
      opening: opening && { ...opening, question: examples[opening.example] },
    };
  }
}

/** The planners of this site. */
export function ofSite(): Library {
  return new Library(JSON.parse(document.getElementById("planners")?.textContent ?? "[]") as Entry[], besides);
}

async function besides(name: string): Promise<Packed> {
  const inside = document.getElementById(`planner-${name}`);
  if (inside) return JSON.parse(inside.textContent) as Packed;
  const src = `planners/${name}.js`;
  await new Promise<void>((resolve, reject) => {
    const script = document.createElement("script");
    script.src = src;
    script.onload = () => {
      resolve();
    };
    script.onerror = () => {
      reject(new Error(`${src} is missing beside this page: copy the whole folder, or make one file`));
    };
    document.head.append(script);
  });
  const found = globalThis.atpLive?.[name];
  if (!found) throw new Error(`${src} holds no planner ${name}: build the site again`);
  return found;
}
