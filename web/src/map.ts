/** A map on the page: cells to block, start and goal to drag, and thoughts as hops. */

import "./map.css";
import { element, shape } from "./dom";
import type { Planner, Trace } from "./planner";
import { cellName, cellPlace, readHop, Route, type Hop, type Verdict } from "./routes";

/** A hop that a thought may mean, and with which probability. */
export interface Reading {
  text: string;
  hop: Hop | null;
  share: number;
}

/** What is thought about a map: of each thought every reading, the likeliest first, and what is read. */
export interface Walk {
  route: Route;
  trace: Trace;
  readings: Reading[][];
  steps: string[];
  verdict: Verdict;
}

/** Readings with less are not shown. */
const LEAST = 0.02;

export function walked(planner: Planner, route: Route, trace: Trace): Walk {
  const steps = trace.steps.map((step) => step.text);
  const readings = trace.thoughts.map((thought) =>
    planner.readings([thought.latent], LEAST).map(({ text, logProbability }) => ({
      text,
      hop: readHop(text),
      share: Math.exp(logProbability),
    })),
  );
  return { route, trace, readings, steps, verdict: route.judge(steps) };
}

/** Where the walk stands before hop t, from 1: the end of the hop before it, or null where that is none. */
export function standing(walk: Walk, t: number): string | null {
  return t === 1 ? walk.route.start : (walk.verdict.hops[t - 2]?.hop?.end ?? null);
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;

/** A verdict as a sentence. */
export function sentence(walk: Walk): string {
  const { verdict, route, steps } = walk;
  if (verdict.shortest) return `Arrives by a shortest route: ${count(steps.length, "hop")}.`;
  if (verdict.arrives) return `Arrives by a detour: ${count(steps.length, "hop")}, where ${route.distance ?? 0} would do.`;
  const wrong = verdict.hops.findIndex((each) => !each.inPlace);
  const at = standing(walk, wrong < 0 ? steps.length + 1 : wrong + 1);
  if (wrong < 0) return `Does not arrive: it stops in ${at ?? "no cell"}.`;
  const { hop, legal } = verdict.hops[wrong];
  const t = wrong + 1;
  if (!hop) return `Does not arrive: thought ${t} reads “${steps[wrong]}”, which is no hop.`;
  if (legal) return `Does not arrive: hop ${t} begins in ${hop.start}, but the walk stands in ${at ?? "no cell"}.`;
  if (route.blocked.has(hop.end)) return `Does not arrive: hop ${t} runs into the wall ${hop.end}.`;
  if (route.blocked.has(hop.start)) return `Does not arrive: hop ${t} begins in the wall ${hop.start}.`;
  return `Does not arrive: hop ${t} jumps from ${hop.start} to ${hop.end}.`;
}

/** A change of the map by hand. */
export type Change = { start: string } | { goal: string } | { cell: string; blocked: boolean };

export interface MapOptions {
  label: string;
  /** What happens to a change; without it the map is a picture. goesOn: it is of the same stroke as the last one. */
  change?: (change: Change, goesOn: boolean) => void;
  /** The badge of a thought was pressed. */
  choose?: (thought: number) => void;
}

/** What is drawn beside the walk. */
export interface Drawn {
  /** The thought whose badge is ringed, from 1. */
  chosen?: number;
  /** The only thought that is not faded, from 1. */
  alone?: number;
  /** Hops in a thin line below, such as those before an edit. */
  before?: string[];
  /** Every shortest way, in green. */
  ways?: boolean;
  /** Only so many thoughts. */
  until?: number;
}

export class MapView {
  readonly root = element("div", { class: "map" });
  private readonly options: MapOptions;
  private readonly grid: HTMLElement;
  private readonly lines = shape("svg", { class: "map-lines", "aria-hidden": "true" });
  private cells = new Map<string, HTMLElement>();
  private route: Route | null = null;
  private held: "start" | "goal" | "wall" | "free" | null = null;
  private focus = "aa";
  /** Whether the stroke that is drawn has changed anything. */
  private drawn = false;

  constructor(options: MapOptions) {
    this.options = options;
    this.grid = element("div", { class: "map-grid", role: options.change ? "group" : "img", "aria-label": options.label });
    this.root.append(this.grid, this.lines);
    if (options.change) this.listen(options.change);
    this.root.classList.toggle("editable", options.change !== undefined);
    this.lines.addEventListener("click", (event) => {
      const thought = (event.target as Element).closest<SVGElement>("[data-thought]")?.dataset.thought;
      if (thought) options.choose?.(Number(thought));
    });
  }

  show(route: Route, walk: Walk | null, drawn: Drawn = {}): void {
    if (this.route?.size !== route.size) this.build(route);
    this.route = route;
    for (const [name, cell] of this.cells) {
      const is = name === route.start ? "start" : name === route.goal ? "goal" : route.blocked.has(name) ? "wall" : "free";
      cell.dataset.is = is;
      if (!this.options.change) continue;
      cell.setAttribute("aria-label", `${name}, ${is}`);
      cell.setAttribute("tabindex", name === this.focus ? "0" : "-1");
    }
    if (!this.options.change) {
      const said = walk ? ` Hops: ${walk.steps.join(", ") || "none"}. ${sentence(walk)}` : "";
      this.grid.setAttribute("aria-label", `${this.options.label}. ${route.question}.${said}`);
    }
    this.draw(route, walk, drawn);
  }

  private build(route: Route): void {
    this.cells = new Map(
      route.cells.map((name) => {
        const attributes = { class: "map-cell", "data-cell": name };
        return [name, this.options.change ? element("button", { type: "button", ...attributes }, name) : element("span", attributes, name)];
      }),
    );
    this.grid.replaceChildren(...this.cells.values());
    this.grid.style.setProperty("--size", String(route.size));
    this.lines.setAttribute("viewBox", `0 0 ${route.size} ${route.size}`);
  }

  private draw(route: Route, walk: Walk | null, { chosen = 0, alone = 0, before = [], ways = false, until = 99 }: Drawn): void {
    const layers: SVGElement[] = [];
    if (ways) layers.push(...shortestWays(route).map((hop) => dotted(hop)));
    layers.push(...ends(route));
    for (const text of before) {
      const hop = readHop(text);
      if (hop) layers.push(arrow(hop, "before", 1));
    }
    const badges: SVGElement[] = [];
    walk?.readings.slice(0, until).forEach((readings, i) => {
      const faded = alone > 0 && alone !== i + 1 ? " faded" : "";
      for (const { hop, text, share } of readings) {
        if (hop && text !== walk.steps[i]) layers.push(arrow(hop, `also${faded}`, share));
      }
      const judged = walk.verdict.hops.at(i);
      if (!judged?.hop) return;
      const kind = `${judged.inPlace ? "right" : "wrong"}${faded}`;
      const share = readings.find((reading) => reading.text === walk.steps[i])?.share ?? 0.5;
      layers.push(arrow(judged.hop, kind, 0.35 + 0.65 * share));
      badges.push(badge(judged.hop, i + 1, chosen === i + 1 ? `${kind} chosen` : kind));
    });
    this.lines.replaceChildren(...layers, ...badges);
  }

  private listen(listener: NonNullable<MapOptions["change"]>): void {
    const change = (made: Change, goesOn = false): void => {
      listener(made, goesOn);
      this.drawn = true;
    };
    const cellOf = (event: Event): string | null => (event.target as HTMLElement).dataset.cell ?? null;
    const put = (name: string): void => {
      const route = this.route;
      if (!route || !this.held) return;
      const free = !route.blocked.has(name) && name !== route.start && name !== route.goal;
      if (this.held === "start" && free) change({ start: name }, this.drawn);
      if (this.held === "goal" && free) change({ goal: name }, this.drawn);
      if (this.held === "wall" && free) change({ cell: name, blocked: true }, this.drawn);
      if (this.held === "free" && route.blocked.has(name)) change({ cell: name, blocked: false }, this.drawn);
    };
    this.grid.addEventListener("pointerdown", (event) => {
      const name = cellOf(event);
      const is = name && this.cells.get(name)?.dataset.is;
      if (!name || event.button) return;
      this.hold(name);
      this.drawn = false;
      if (is === "start" || is === "goal") this.held = is;
      else if (event.pointerType === "mouse") {
        this.held = is === "wall" ? "free" : "wall";
        put(name);
      } else return;
      this.grid.setPointerCapture(event.pointerId);
    });
    this.grid.addEventListener("pointermove", (event) => {
      if (!this.held || !this.route) return;
      const { left, top, width, height } = this.grid.getBoundingClientRect();
      const size = this.route.size;
      const row = Math.floor(((event.clientY - top) / height) * size);
      const column = Math.floor(((event.clientX - left) / width) * size);
      if (Math.min(row, column) >= 0 && Math.max(row, column) < size) put(cellName(row, column));
    });
    const release = (): void => {
      this.held = null;
    };
    this.grid.addEventListener("pointerup", release);
    this.grid.addEventListener("pointercancel", release);
    this.grid.addEventListener("click", (event) => {
      const name = cellOf(event);
      const is = name && this.cells.get(name)?.dataset.is;
      // a mouse has painted on its way down
      if (!name || (event.detail > 0 && event.pointerType === "mouse")) return;
      if (is === "wall" || is === "free") change({ cell: name, blocked: is === "free" });
    });
    this.grid.addEventListener("keydown", (event) => {
      const name = cellOf(event);
      const route = this.route;
      if (!name || !route) return;
      const free = !route.blocked.has(name);
      if (event.key === "s" && free && name !== route.goal) change({ start: name });
      if (event.key === "g" && free && name !== route.start) change({ goal: name });
      const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (!move) return;
      event.preventDefault();
      const [row, column] = cellPlace(name);
      const [i, j] = [row + move[0], column + move[1]];
      if (Math.min(i, j) < 0 || Math.max(i, j) >= route.size) return;
      const other = cellName(i, j);
      const takes = !route.blocked.has(other) && other !== route.start && other !== route.goal;
      if (event.shiftKey && takes && name === route.start) change({ start: other });
      if (event.shiftKey && takes && name === route.goal) change({ goal: other });
      this.hold(other);
      this.cells.get(other)?.focus();
    });
  }

  private hold(name: string): void {
    this.cells.get(this.focus)?.setAttribute("tabindex", "-1");
    this.focus = name;
    this.cells.get(name)?.setAttribute("tabindex", "0");
  }
}

/** Every hop of every shortest way. */
function shortestWays(route: Route): Hop[] {
  const hops: Hop[] = [];
  const seen = new Set([route.start]);
  for (const cell of seen) {
    for (const other of route.neighbours(cell)) {
      if (route.distances.get(other) !== (route.distances.get(cell) ?? 0) - 1) continue;
      hops.push({ start: cell, end: other });
      seen.add(other); // a set is walked in the order in which it grows
    }
  }
  return hops;
}

const middle = (cell: string): [number, number] => {
  const [row, column] = cellPlace(cell);
  return [column + 0.5, row + 0.5];
};

function ends(route: Route): SVGElement[] {
  const [x, y] = middle(route.start);
  const [u, v] = middle(route.goal);
  const points = Array.from({ length: 10 }, (_, i) => {
    const [angle, r] = [(i * Math.PI) / 5, i % 2 ? 0.15 : 0.36];
    return `${u + r * Math.sin(angle)},${v - r * Math.cos(angle)}`;
  });
  return [
    shape("circle", { class: "map-start", cx: x, cy: y, r: 0.32 }),
    shape("polygon", { class: "map-goal", points: points.join(" ") }),
  ];
}

/** From the middle of one cell to that of another, a little shorter; strength in [0, 1] is its width and how clear it is. */
function arrow(hop: Hop, kind: string, strength: number): SVGElement {
  const [x, y] = middle(hop.start);
  const [u, v] = middle(hop.end);
  const length = Math.hypot(u - x, v - y) || 1;
  const [dx, dy] = [(u - x) / length, (v - y) / length];
  const [gap, head] = [0.16, 0.1 + 0.1 * strength];
  const [a, b] = [x + gap * dx, y + gap * dy];
  const [c, d] = [u - gap * dx, v - gap * dy];
  const [e, f] = [c - head * dx, d - head * dy];
  const wing = 0.6 * head;
  return shape(
    "g",
    { class: `map-arrow ${kind}`, style: `--strength: ${strength.toFixed(3)}` },
    shape("line", { x1: a, y1: b, x2: e, y2: f, "stroke-width": 0.03 + 0.06 * strength }),
    shape("polygon", { points: `${c},${d} ${e - wing * dy},${f + wing * dx} ${e + wing * dy},${f - wing * dx}` }),
  );
}

/** Dots along a hop of a shortest way, beside the arrow that a thought may draw there. */
function dotted(hop: Hop): SVGElement {
  const [x, y] = middle(hop.start);
  const [u, v] = middle(hop.end);
  return shape("line", { class: "map-way", x1: x, y1: y, x2: u, y2: v });
}

function badge(hop: Hop, number: number, kind: string): SVGElement {
  const [x, y] = middle(hop.start);
  const [u, v] = middle(hop.end);
  const [cx, cy] = [0.56 * x + 0.44 * u, 0.56 * y + 0.44 * v];
  return shape(
    "g",
    { class: `map-badge ${kind}`, "data-thought": number },
    shape("circle", { class: "hit", cx, cy, r: 0.22 }),
    shape("circle", { cx, cy, r: 0.135 }),
    shape("text", { x: cx, y: cy + 0.005, "font-size": 0.17 }, String(number)),
  );
}
