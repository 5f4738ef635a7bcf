/** The plane through a thought and two others that read as another hop from the same cell. */

import { colour, element, sized } from "./dom";
import { dot, type Vector } from "./math";
import type { Landmark } from "./planners";
import type { Planner } from "./planner";
import { cellPlace, readHop, type Hop } from "./routes";

/** A point of the plane. */
export type Point = readonly [number, number];

/** A real thought about another map. */
export interface Other {
  text: string;
  hop: Hop;
  latent: Vector;
}

export interface Anchor extends Other {
  at: Point;
}

/** Thoughts x + u first + v second, of unit vectors at right angles. */
export class Plane {
  readonly origin: Vector;
  readonly anchors: Anchor[];
  private readonly axes: [Vector, Vector];

  /** others: real thoughts, of which the first two span the plane. */
  constructor(origin: Vector, others: Other[]) {
    this.origin = origin;
    const steps = others.map(({ latent }) => minus(latent, origin));
    const first = unit(steps.at(0) ?? unitAlong(origin.length, 0));
    let rest = steps.length > 1 ? minus(steps[1], times(first, dot(steps[1], first))) : unitAlong(origin.length, 1);
    if (norm(rest) < 1e-6) rest = unitAlong(origin.length, 1);
    rest = minus(rest, times(first, dot(rest, first)));
    this.axes = [first, unit(rest)];
    this.anchors = others.slice(0, 2).map((other) => ({ ...other, at: this.place(other.latent) }));
  }

  /** Where a thought is, seen from the origin, once it is projected onto the plane. */
  place(latent: Vector): Point {
    const step = minus(latent, this.origin);
    return [dot(step, this.axes[0]), dot(step, this.axes[1])];
  }

  thought([x, y]: Point): Vector {
    return this.origin.map((value, i) => value + x * this.axes[0][i] + y * this.axes[1][i]);
  }
}

const minus = (a: Vector, b: Vector): Vector => a.map((value, i) => value - b[i]);
const times = (a: Vector, k: number): Vector => a.map((value) => value * k);
const norm = (a: Vector): number => Math.sqrt(dot(a, a));
const unit = (a: Vector): Vector => times(a, 1 / Math.max(norm(a), 1e-9));
const unitAlong = (d: number, i: number): Vector => Float32Array.from({ length: d }, (_, j) => Number(i === j));

/** For a hop of every text, the landmark nearest to a thought; those of the same place in their chain come first. */
export function nearestOf(landmarks: readonly Landmark[], text: string, place: number, thought: Vector): Landmark | null {
  const fitting = landmarks.filter((landmark) => landmark.text === text);
  const cost = (one: Landmark): number => norm(minus(one.latent, thought)) + (one.place === place ? 0 : 1000);
  return fitting.length ? fitting.reduce((best, one) => (cost(one) < cost(best) ? one : best)) : null;
}

const ARROWS: Record<string, string> = { "-1,0": "↑", "1,0": "↓", "0,-1": "←", "0,1": "→" };
const DIRECTIONS: Record<string, string> = { "↑": "--up", "→": "--right", "↓": "--down", "←": "--left" };

/** The direction of a hop as an arrow, or an empty text. */
export function direction(hop: Hop): string {
  const [a, b] = cellPlace(hop.start);
  const [c, d] = cellPlace(hop.end);
  return ARROWS[`${c - a},${d - b}`] ?? "";
}

interface Field {
  n: number;
  cells: { text: string; share: number }[];
}

const FINEST = 36;

export class PlaneView {
  readonly canvas = element("canvas", { class: "plane", tabindex: "0", role: "application" });
  private plane: Plane | null = null;
  private planner: Planner | null = null;
  private from = "";
  private point: Point = [0, 0];
  private reach = 1;
  private field: Field | null = null;
  private job = 0;

  /** moved is called with where the thought was put, at most once a frame. */
  constructor(moved: (point: Point, done: boolean) => void) {
    this.canvas.setAttribute("aria-label", "The plane around the thought; arrow keys move it, Home puts it back");
    let wanted: Point | null = null;
    let held = false;
    const where = (event: PointerEvent): Point => {
      const { left, top, width, height } = this.canvas.getBoundingClientRect();
      const clip = (share: number): number => Math.min(1, Math.max(0, share)) * 2 - 1;
      return [
        this.centre[0] + clip((event.clientX - left) / width) * this.reach,
        this.centre[1] - clip((event.clientY - top) / height) * this.reach,
      ];
    };
    const go = (point: Point): void => {
      if (!wanted) {
        requestAnimationFrame(() => {
          if (wanted) moved(wanted, false);
          wanted = null;
        });
      }
      wanted = point;
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      held = true;
      this.canvas.setPointerCapture(event.pointerId);
      go(where(event));
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (held) go(where(event));
    });
    const release = (): void => {
      if (held) moved(wanted ?? this.point, true);
      held = false;
      wanted = null;
    };
    this.canvas.addEventListener("pointerup", release);
    this.canvas.addEventListener("pointercancel", release);
    this.canvas.addEventListener("keydown", (event) => {
      const step = this.reach / (event.shiftKey ? 4 : 16);
      const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1], Home: [0, 0] }[event.key];
      if (!move) return;
      event.preventDefault();
      const [x, y] = this.point;
      moved(event.key === "Home" ? [0, 0] : [x + step * move[0], y + step * move[1]], true);
    });
  }

  private centre: Point = [0, 0];

  /** from: the cell where the walk stands. */
  show(planner: Planner, plane: Plane, from: string): void {
    this.planner = planner;
    this.plane = plane;
    this.from = from;
    const points: Point[] = [[0, 0], ...plane.anchors.map((anchor) => anchor.at)];
    const middle = (k: 0 | 1): number => (Math.min(...points.map((p) => p[k])) + Math.max(...points.map((p) => p[k]))) / 2;
    this.centre = [middle(0), middle(1)];
    this.reach = 1.5 * Math.max(0.5, ...points.map((p) => Math.max(Math.abs(p[0] - this.centre[0]), Math.abs(p[1] - this.centre[1]))));
    this.point = [0, 0];
    this.field = null;
    this.fill();
  }

  move(point: Point): void {
    this.point = point;
    this.draw();
  }

  stop(): void {
    this.job++;
  }

  /** Coarse first, then finer, in the breaks between frames. */
  private fill(): void {
    const job = ++this.job;
    let n = 9;
    let cells: Field["cells"] = [];
    const some = (): void => {
      const { plane, planner } = this;
      if (job !== this.job || !plane || !planner) return;
      const end = performance.now() + 7;
      while (performance.now() < end && cells.length < n * n) {
        const [i, j] = [cells.length % n, Math.floor(cells.length / n)];
        const x = this.centre[0] + (((i + 0.5) / n) * 2 - 1) * this.reach;
        const y = this.centre[1] - (((j + 0.5) / n) * 2 - 1) * this.reach;
        const read = planner.readBack([plane.thought([x, y])]);
        cells.push({ text: read?.text ?? "", share: Math.exp(read?.logProbability ?? -99) });
      }
      if (cells.length === n * n) {
        this.field = { n, cells };
        this.draw();
        if (n >= FINEST) return;
        [n, cells] = [n * 2, []];
      }
      setTimeout(some, 4);
    };
    this.draw();
    setTimeout(some, 0);
  }

  draw(): void {
    const { pen, width, height } = sized(this.canvas);
    pen.clearRect(0, 0, width, height);
    const [ink, page, orange, soft] = ["--ink", "--page", "--orange", "--soft"].map((name) => colour(name, this.canvas));
    const at = ([x, y]: Point): Point => [
      ((x - this.centre[0]) / this.reach + 1) * 0.5 * width,
      (1 - (y - this.centre[1]) / this.reach) * 0.5 * height,
    ];
    if (this.field) this.drawField(pen, width, height, ink, [at([0, 0]), at(this.point)]);
    const disc = ([x, y]: Point, r: number, fill: string, edge: string): void => {
      pen.beginPath();
      pen.arc(x, y, r, 0, 7);
      pen.fillStyle = fill;
      pen.fill();
      pen.lineWidth = 2;
      pen.strokeStyle = edge;
      pen.stroke();
    };
    for (const anchor of this.plane?.anchors ?? []) disc(at(anchor.at), 4, page, soft);
    const [x, y] = at([0, 0]);
    pen.beginPath();
    pen.arc(x, y, 13, 0, 7);
    pen.strokeStyle = ink;
    pen.lineWidth = 1.5;
    pen.setLineDash([3, 3]);
    pen.stroke();
    pen.setLineDash([]);
    disc(at(this.point), 9, orange, page);
  }

  /** dots: where no label may stand. */
  private drawField(pen: CanvasRenderingContext2D, width: number, height: number, ink: string, dots: Point[]): void {
    const { n, cells } = this.field ?? { n: 1, cells: [] };
    const [w, h] = [width / n, height / n];
    const colours = new Map(Object.values(DIRECTIONS).map((name) => [name, colour(name, this.canvas)]));
    const other = colour("--soft", this.canvas);
    const sums = new Map<string, [number, number, number]>();
    cells.forEach(({ text, share }, k) => {
      const hop = readHop(text);
      const name = hop && hop.start === this.from ? DIRECTIONS[direction(hop)] : undefined;
      pen.globalAlpha = name ? 0.12 + 0.5 * share ** 2 : 0.05 + 0.14 * share;
      pen.fillStyle = (name && colours.get(name)) ?? other;
      const [i, j] = [k % n, Math.floor(k / n)];
      const [left, top] = [Math.round(i * w), Math.round(j * h)];
      pen.fillRect(left, top, Math.round((i + 1) * w) - left, Math.round((j + 1) * h) - top);
      const sum = sums.get(text) ?? [0, 0, 0];
      sums.set(text, [sum[0] + i + 0.5, sum[1] + j + 0.5, sum[2] + 1]);
    });
    pen.globalAlpha = 1;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillStyle = ink;
    const put: Point[] = [];
    for (const [text, [i, j, k]] of [...sums].sort((a, b) => b[1][2] - a[1][2])) {
      const hop = readHop(text);
      if (!hop || k < 0.02 * n * n) continue;
      const here = hop.start === this.from;
      const x = Math.min(width - 40, Math.max(40, (i / k) * w));
      let y = Math.min(height - 12, Math.max(12, (j / k) * h));
      for (const [u, v] of dots) if (Math.abs(u - x) < 52 && Math.abs(v - y) < 22) y = v + (v > height - 60 ? -27 : 27);
      if (put.some(([u, v]) => Math.abs(u - x) < 74 && Math.abs(v - y) < 18)) continue;
      put.push([x, y]);
      pen.font = `${here ? "600 14px" : "12px"} ${getComputedStyle(this.canvas).fontFamily}`;
      pen.fillText(`${direction(hop)} ${hop.start} to ${hop.end}`, x, y);
    }
  }
}
