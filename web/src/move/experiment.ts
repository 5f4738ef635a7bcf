/** A question, what is thought about it, and edits of its thoughts that can be undone, listed and put into a link. */

import type { Landmark, LivePlanner } from "../planners";
import { normal, type Vector } from "../math";
import type { Trace } from "../planner";
import { distance, Plane, type Place } from "./plane";

/** What a plane passes through beside the thought: a landmark, or the thought of a step that was typed. */
export type Mark = number | string;

/** Where a thought was moved to. */
export interface Edit {
  /** Which thought, from 1. */
  thought: number;
  first: Mark;
  second: Mark;
  place: Place;
  /** Of the noise that was added. */
  seeds: readonly number[];
  /** For the list of edits. */
  how: "dragged" | "noise" | "swapped" | "typed";
}

const HOWS = ["dragged", "noise", "swapped", "typed"] as const;
type Edits = ReadonlyMap<number, Edit>;

export class Experiment {
  readonly question: string;
  /** As it was thought without edits. */
  readonly original: Trace;
  /** With the edits. */
  edited: Trace;
  private edits: Edits = new Map();
  /** With the edits before the last one. */
  last: Trace;
  private readonly past: { edits: Edits; last: Trace }[] = [];
  /** Marks of the planes of thoughts that were not edited. */
  private readonly chosen = new Map<number, [Mark, Mark]>();
  private readonly near = new Map<number, number[]>();
  private readonly live: LivePlanner;

  /** @throws Error for a question with words that the planner does not know. */
  constructor(live: LivePlanner, question: string) {
    this.live = live;
    this.question = question;
    this.original = this.edited = this.last = live.planner.think(question);
  }

  get thoughts(): number {
    return Math.max(this.original.thoughts.length, this.edited.thoughts.length);
  }

  list(): Edit[] {
    return [...this.edits.values()].sort((a, b) => a.thought - b.thought);
  }

  edit(thought: number): Edit | undefined {
    return this.edits.get(thought);
  }

  /** The step that was typed in the place of a thought, and is still there. */
  typed(thought: number): string | undefined {
    const edit = this.edits.get(thought);
    return edit?.how === "typed" && typeof edit.first === "string" ? edit.first : undefined;
  }

  /** Remember the edits as they are, for `undo`. */
  remember(): void {
    this.past.push({ edits: this.edits, last: this.last });
    this.last = this.edited;
  }

  get canUndo(): boolean {
    return this.past.length > 0;
  }

  undo(): void {
    const before = this.past.pop();
    if (before) [this.edits, this.last] = [before.edits, before.last];
    this.think();
  }

  put(edit: Edit): void {
    this.edits = new Map([...this.edits, [edit.thought, edit]]);
    this.think();
  }

  drop(thought: number): void {
    this.edits = new Map([...this.edits].filter(([t]) => t !== thought));
    this.think();
  }

  /** The trace with the edits of earlier thoughts alone: where thought t comes from. */
  before(thought: number): Trace {
    return this.run(this.list().filter((edit) => edit.thought < thought));
  }

  /** Where a thought is now, in its plane. */
  placeOf(thought: number): Place {
    return this.edits.get(thought)?.place ?? [0, 0, 0];
  }

  marksOf(thought: number): [Mark, Mark] {
    const edit = this.edits.get(thought);
    return edit ? [edit.first, edit.second] : (this.chosen.get(thought) ?? this.marks(thought));
  }

  /** The plane of a thought now. before: where it comes from. */
  plane(thought: number, before = this.before(thought)): Plane {
    return this.planeOf(before, thought, ...this.marksOf(thought));
  }

  /** The latent of a place in a thought's plane, with the noise that was added. */
  latent(thought: number, plane: Plane, place: Place): Vector {
    const rest = this.rest(this.edits.get(thought)?.seeds ?? [], this.original, thought, plane);
    const at = plane.at(place);
    return rest ? at.map((value, i) => value + rest[i]) : at;
  }

  /** An edit that moves a thought within its plane. */
  moved(thought: number, place: Place): Edit {
    const [first, second] = this.marksOf(thought);
    const before = this.edits.get(thought);
    return { thought, first, second, place, seeds: before?.seeds ?? [], how: "dragged" };
  }

  /** An edit that adds noise as wide as the planner's own cloud. */
  noisy(thought: number, seed: number): Edit {
    const plane = this.plane(thought);
    const noise = this.noise(this.original, thought, seed);
    const shift = plane.coordinates(plane.origin.map((value, i) => value + noise[i]));
    const [x, y, z] = this.placeOf(thought);
    const edit = this.moved(thought, [x + shift[0], y + shift[1], z + shift[2]]);
    return { ...edit, seeds: [...edit.seeds, seed], how: "noise" };
  }

  /** An edit that puts another thought in the place of one. */
  swapped(thought: number, mark: Mark): Edit {
    const [first, second] = this.marksOf(thought);
    const how = typeof mark === "string" ? "typed" : "swapped";
    const known = mark === second && how === "swapped";
    const marks: [Mark, Mark] = known ? [first, second] : [mark, mark === first ? second : first];
    const plane = this.planeOf(this.before(thought), thought, ...marks);
    return { thought, first: marks[0], second: marks[1], place: plane.coordinates(this.latentOf(mark)), seeds: [], how };
  }

  textOf(mark: Mark): string {
    return typeof mark === "string" ? mark : this.live.landmarks[mark].text;
  }

  /** Other thoughts in the same place of their questions that read differently, each text once, the nearest first. */
  nearest(thought: number): number[] {
    const known = this.near.get(thought) ?? this.sorted(thought);
    this.near.set(thought, known);
    return known;
  }

  private sorted(thought: number): number[] {
    const trace = this.original.thoughts.length >= thought ? this.original : this.edited;
    const [own, origin] = [trace.steps[thought - 1]?.text, trace.thoughts[thought - 1].latent];
    const same = (mark: Landmark): boolean => mark.place === thought;
    const { landmarks } = this.live;
    const fitting = landmarks.filter(same).length > 3 ? same : (): boolean => true;
    const far = landmarks.map((mark, index) => ({ mark, index, far: distance(mark.latent, origin) }));
    const seen = new Set([own]);
    return far
      .filter(({ mark }) => fitting(mark))
      .sort((a, b) => a.far - b.far)
      .filter(({ mark }) => !seen.has(mark.text) && seen.add(mark.text))
      .map(({ index }) => index);
  }

  /** The edits, for a link. */
  write(): string {
    return this.list()
      .map(({ thought, first, second, place, seeds, how }) =>
        [thought, first, second, ...place.map((value) => value.toFixed(2)), seeds.join("."), HOWS.indexOf(how)].join(","),
      )
      .join(";");
  }

  /** The edits of a link; what makes no sense there is left out. */
  read(text: string): void {
    for (const part of text.split(";")) {
      const [thought, first, second, x, y, z, seeds, how] = part.split(",");
      const marks = [first, second].map((mark) => (/^\d+$/u.test(mark) ? Number(mark) : mark));
      const place = [x, y, z].map(Number);
      const known = marks.every((mark) => typeof mark === "string" || mark < this.live.landmarks.length);
      const within = Number(thought) >= 1 && Number(thought) <= this.thoughts;
      if (!known || !within || !place.every(Number.isFinite)) continue;
      this.put({
        thought: Number(thought),
        first: marks[0],
        second: marks[1],
        place: [place[0], place[1], place[2]],
        seeds: seeds ? seeds.split(".").map(Number) : [],
        how: HOWS[Number(how)] ?? "dragged",
      });
    }
  }

  private think(): void {
    this.edited = this.run(this.list());
  }

  private run(edits: readonly Edit[]): Trace {
    let trace = this.original;
    for (const { thought, first, second, place, seeds } of edits) {
      if (thought > trace.thoughts.length) continue; // it stops earlier now
      const plane = this.planeOf(trace, thought, first, second);
      const rest = this.rest(seeds, this.original, thought, plane);
      const at = plane.at(place);
      const latent = rest ? at.map((value, i) => value + rest[i]) : at;
      trace = this.live.planner.rethink(trace, new Map([...trace.edits, [thought, latent]]));
    }
    return trace;
  }

  private planeOf(before: Trace, thought: number, first: Mark, second: Mark): Plane {
    const third = this.nearest(thought).find((index) => index !== first && index !== second) ?? 0;
    const [a, b, c] = [first, second, third].map((mark) => this.latentOf(mark));
    return new Plane(before.thoughts[thought - 1].latent, a, b, c);
  }

  private marks(thought: number): [Mark, Mark] {
    const { opening } = this.live;
    const nearest = this.nearest(thought);
    const here = opening?.question === this.question && opening.place === thought ? opening.landmarks : [];
    const [first, second] = [...here, ...nearest.filter((index) => !here.includes(index))];
    this.chosen.set(thought, [first, second]);
    return [first, second];
  }

  private latentOf(mark: Mark): Vector {
    return typeof mark === "string" ? this.live.planner.thought(mark)[0] : this.live.landmarks[mark].latent;
  }

  private noise(trace: Trace, thought: number, seed: number): Vector {
    const { logvars, means } = trace.thoughts[Math.min(thought, trace.thoughts.length) - 1].distribution;
    const random = stream(seed);
    return means[0].map((_, i) => (logvars ? Math.exp(0.5 * logvars[0][i]) : 0.5) * normal(random));
  }

  private rest(seeds: readonly number[], trace: Trace, thought: number, plane: Plane): Vector | null {
    if (!seeds.length) return null;
    const noises = seeds.map((seed) => this.noise(trace, thought, seed));
    return plane.rest(noises[0].map((_, i) => noises.reduce((sum, noise) => sum + noise[i], 0)));
  }
}

/** Uniform numbers in [0, 1) from a seed (mulberry32). */
function stream(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
