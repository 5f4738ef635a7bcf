/** "Watch it learn": policy gradient on a map, in the page. */

import "./watch.css";
import { button, element, shape } from "../dom";
import { MapView, sentence, walked, type Change } from "../map";
import type { LivePlanner } from "../planners";
import { compare, Practice, type Try } from "../practice";
import { seeded } from "../random";
import { Route } from "../routes";
import type { Context, Mounted, Page } from "../site";

export const watch: Page = {
  name: "watch",
  title: "Watch it learn",
  teaser: "the blurred network practises, here",
  /** The bundled planner has practised already. */
  mount: (root, context) => new WatchPage(root, context),
};

const MAPS: readonly [string, string][] = [
  ["12 routes", "5 : ad be da dd ea : aa to ec"],
  ["3 routes", "5 : bd cd db de ee : da to bc"],
  ["10 routes", "5 : ba be cd ce da : bb to ee"],
];
const TRIES = 8;
const RATE = 1e-3;
/** Updates after which it rests by itself, and between two looks at maps that it does not practise on. */
const [REST, LOOK] = [120, 10];
/** Such maps. */
const OTHERS = 20;
/** Updates over which the line is a mean. */
const SMOOTH = 8;

/** What one update showed. */
interface Update {
  arrived: number;
  reward: number;
}

class WatchPage implements Mounted {
  private readonly context: Context;
  private readonly live: LivePlanner;
  private readonly map: MapView;
  private readonly verdict = element("p", { class: "verdict" });
  private readonly chart = element("div", { class: "chart" });
  private readonly counts = element("p", { class: "counts", role: "status" });
  private readonly tries: { root: HTMLElement; view: MapView; says: HTMLElement }[];
  private readonly playing = button("practise", () => {
    this.play(!this.on);
  }, { class: "main" });
  private readonly speed = element("input", { type: "range", id: "pace", min: "0", max: "4", step: "1", value: "3" });
  private readonly stage: HTMLElement;
  private readonly others: Route[];
  private route: Route;
  private practice: Practice;
  private history: Update[] = [];
  /** After how many updates, and the share of the other maps on which its best guess arrives. */
  private looks: [number, number][] = [];
  private group: Try[] = [];
  private on = false;
  private runs = 0;

  constructor(root: HTMLElement, context: Context) {
    this.context = context;
    this.live = context.planner;
    this.route = readOr(context.state.get("q"), MAPS[0][1]);
    this.practice = this.fresh();
    this.others = this.live.examples.map((question) => Route.read(question)).filter((route) => route.count > 1).slice(0, OTHERS);
    this.map = new MapView({
      label: "Map. Arrow keys walk, Enter builds a wall, s and g set start and goal",
      change: (change) => {
        this.change(change);
      },
    });
    this.tries = Array.from({ length: TRIES }, (_, i) => {
      const view = new MapView({ label: `Try ${i + 1}` });
      const says = element("p", {});
      return { view, says, root: element("li", {}, view.root, says) };
    });
    const step = button("one update", () => {
      this.play(false);
      void this.run(1);
    });
    const again = button("forget it all", () => {
      this.reset(this.route);
    });
    this.stage = element(
      "div",
      { class: "stage" },
      element(
        "section",
        { "aria-label": "What it thinks now" },
        element("h2", {}, "What it thinks now"),
        element("p", { class: "how soft" }, "Its best guess. Blue is what its thoughts are read as, orange what they say as well."),
        this.map.root,
        this.verdict,
      ),
      element(
        "section",
        { "aria-label": "How often its tries arrive" },
        element("h2", {}, "How often its tries arrive"),
        element("p", { class: "how soft" }, `Line: share of tries that arrive, mean of ${SMOOTH} updates; a dot is one update. For some 25 updates it may hardly move. Dashed: ${OTHERS} other maps; that line may fall, as practice on one map teaches that map.`),
        this.chart,
        this.counts,
      ),
    );
    root.append(
      element("h1", {}, "Watch it learn"),
      element(
        "p",
        { class: "lead" },
        "This network has imitated teachers, and on this map its thoughts (a vector for every hop) are a blur. Let it practise: it " +
          "tries eight walks at random, sees which ones are good, and changes a little. It really trains, here in your browser.",
      ),
      element(
        "div",
        { class: "row" },
        this.playing,
        step,
        again,
        element("label", { class: "slow", for: "pace" }, "slow", this.speed, "fast"),
        element("span", { class: "soft maps" }, "Map"),
        ...MAPS.map(([title, question]) =>
          button(title, () => {
            this.reset(Route.read(question));
          }),
        ),
      ),
      this.stage,
      element("h2", { class: "eight" }, "The eight tries of this update"),
      element(
        "p",
        { class: "soft" },
        "Reward: 1 for arriving, plus the share of its hops that are in place. Advantage: the reward minus the mean " +
          "of the eight, in standard deviations of the eight (green above, red below). What is above becomes likelier, what is below rarer.",
      ),
      element("ol", { class: "tries" }, ...this.tries.map((each) => each.root)),
      this.story(),
    );
    this.reset(this.route);
  }

  picture(): HTMLElement {
    return this.stage;
  }

  unmount(): void {
    this.runs++;
  }

  private fresh(): Practice {
    return new Practice(this.live.planner, RATE, seeded(1));
  }

  private change(change: Change): void {
    const { size, start, goal } = this.route;
    const blocked = new Set(this.route.blocked);
    if ("cell" in change) blocked[change.blocked ? "add" : "delete"](change.cell);
    const ends = { start, goal, ...("cell" in change ? {} : change) };
    this.reset(new Route(size, blocked, ends.start, ends.goal));
  }

  /** The network as it was, on a map. */
  private reset(route: Route): void {
    this.play(false);
    this.route = route;
    this.practice = this.fresh();
    [this.history, this.looks, this.group] = [[], [], []];
    this.context.keep({ q: route.question });
    this.draw();
    this.drawTries();
    void this.look(this.runs);
  }

  private play(on: boolean): void {
    this.runs++;
    this.on = on;
    this.playing.textContent = on ? "pause" : "practise";
    this.playing.setAttribute("aria-pressed", String(on));
    if (on) void this.run(REST - (this.history.length % REST));
  }

  /** So many updates; one try at a time, so that the page never stands still. */
  private async run(updates: number): Promise<void> {
    const run = ++this.runs;
    for (let i = 0; i < updates; i++) {
      const pause = [260, 120, 50, 10, 0][Number(this.speed.value)];
      const first = this.practice.planner.think(this.route.question);
      this.group = [];
      while (this.group.length < TRIES) {
        this.group.push(this.practice.attempt(this.route, first));
        if (pause > 20) this.drawTries();
        await rest(pause);
        if (run !== this.runs) return;
      }
      compare(this.group);
      this.practice.learn(this.group);
      const mean = (read: (one: Try) => number): number => this.group.reduce((sum, one) => sum + read(one), 0) / TRIES;
      this.history.push({ arrived: mean((one) => Number(one.verdict.arrives)), reward: mean((one) => one.reward) });
      this.drawTries();
      this.draw();
      if (this.history.length % LOOK === 0) await this.look(run);
      await rest(4 * pause);
      if (run !== this.runs) return;
    }
    const rests = this.on;
    if (rests) this.play(false);
    if (rests) this.counts.append(` It rests after every ${REST} updates: press practise for more.`);
    this.context.say(this.counts.textContent);
  }

  /** How it does on maps that it does not practise on. */
  private async look(run: number): Promise<void> {
    const { practice } = this;
    let arrived = 0;
    for (const route of this.others) {
      const trace = practice.planner.think(route.question);
      arrived += Number(route.judge(trace.steps.map((step) => step.text)).arrives);
      await rest(0);
      if (practice !== this.practice || (run !== this.runs && run !== 0 && this.on)) return;
    }
    this.looks.push([practice.updates, arrived / Math.max(1, this.others.length)]);
    this.draw();
  }

  private draw(): void {
    const { route, history } = this;
    const walk = walked(this.practice.planner, route, this.practice.planner.think(route.question));
    this.map.show(route, walk);
    this.verdict.textContent = `${walk.verdict.arrives ? "✓" : "✗"} ${route.distance === null ? "No route leads to the star, so there is nothing to learn." : sentence(walk)}`;
    this.verdict.dataset.arrives = String(walk.verdict.arrives);
    this.chart.replaceChildren(chart(history, this.looks));
    const last = history.slice(-SMOOTH);
    const mean = (read: (one: Update) => number): number => last.reduce((sum, one) => sum + read(one), 0) / Math.max(1, last.length);
    const look = this.looks.at(-1);
    this.counts.textContent = history.length
      ? `After ${history.length} update${history.length > 1 ? "s" : ""}: ${percent(mean((one) => one.arrived))} of the last tries arrive, mean reward ${mean((one) => one.reward).toFixed(2)} of 2.` +
        (look ? ` On ${this.others.length} maps it does not practise on, its best guess arrives ${percent(look[1])} of the time.` : "")
      : look
        ? `Before practice its best guess arrives on ${percent(look[1])} of ${this.others.length} other maps.`
        : "Press practise.";
  }

  private drawTries(): void {
    this.tries.forEach(({ root, view, says }, i) => {
      const one = this.group.at(i);
      if (!one) {
        view.show(this.route, null);
        says.textContent = "not yet tried";
        root.dataset.sign = "0";
        return;
      }
      const readings = one.steps.map(() => []);
      view.show(this.route, { route: this.route, trace: one.trace, readings, steps: one.steps, verdict: one.verdict });
      says.replaceChildren(
        element("span", {}, `reward ${one.reward.toFixed(2)}`),
        element("b", {}, one.advantage ? `${one.advantage > 0 ? "▲" : "▼"} ${Math.abs(one.advantage).toFixed(2)}` : ""),
      );
      root.dataset.sign = String(Math.sign(one.advantage));
    });
  }

  private story(): HTMLElement {
    const part = (title: string, text: string): HTMLElement => element("section", {}, element("h2", {}, title), element("p", {}, text));
    const all = this.live.entry.parameters.toLocaleString("en");
    return element(
      "div",
      { class: "story" },
      part(
        "What is learnt",
        `The network has ${all} numbers. Here only the head that makes the middle of the cloud of thoughts learns: ` +
          `${this.practice.size.toLocaleString("en")} of them. The rest stays as it is, so that a browser keeps up. A try adds noise to ` +
          "every thought; if a noisy thought led to a good walk, the middle moves towards it.",
      ),
      part(
        "No teacher",
        "Nobody shows it a way. A walk is judged by rules alone: is every hop legal, does each begin where the last one ended, " +
          "does it arrive? Any of the equally short routes is fine. It settles on one.",
      ),
      part(
        "One map is not the world",
        "On other maps it may even get worse. The planner " +
          "of the page “Draw a route” practised longer, on many maps, with all of itself but the decoder.",
      ),
    );
  }
}

const rest = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
const percent = (share: number): string => `${Math.round(100 * share)} %`;

function readOr(text: string | undefined, otherwise: string): Route {
  try {
    return Route.read(text ?? otherwise);
  } catch {
    return Route.read(otherwise);
  }
}

/** Shares over updates: a point a group, a line through their moving mean, and a dashed one for other maps. */
function chart(history: readonly Update[], looks: readonly [number, number][]): SVGElement {
  const [width, height, left, bottom] = [520, 340, 56, 34];
  const span = Math.max(40, Math.ceil(history.length / 20) * 20);
  const x = (update: number): number => left + (update / span) * (width - left - 12);
  const y = (share: number): number => 10 + (1 - share) * (height - bottom - 14);
  const line = (points: [number, number][]): string => points.map(([a, b]) => `${x(a).toFixed(1)},${y(b).toFixed(1)}`).join(" ");
  const means = history.map((_, i): [number, number] => {
    const last = history.slice(Math.max(0, i + 1 - SMOOTH), i + 1);
    return [i + 1, last.reduce((sum, one) => sum + one.arrived, 0) / last.length];
  });
  const now = means.at(-1);
  const parts: SVGElement[] = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
    shape("line", { class: "grid", x1: left, x2: width - 12, y1: y(share), y2: y(share) }),
    shape("text", { x: left - 8, y: y(share) + 4, "text-anchor": "end" }, percent(share)),
  ]);
  for (let update = 0; update <= span; update += span / 4) {
    parts.push(shape("text", { x: x(update), y: height - 12, "text-anchor": update ? "middle" : "start" }, update ? String(update) : "0 updates"));
  }
  history.forEach((one, i) => {
    parts.push(shape("circle", { class: "point", cx: x(i + 1), cy: y(one.arrived), r: 3 }));
  });
  parts.push(shape("polyline", { class: "others", points: line([...looks]) }));
  for (const [update, share] of looks) parts.push(shape("circle", { class: "other", cx: x(update), cy: y(share), r: 3.5 }));
  parts.push(shape("polyline", { class: "mean", points: line(means) }));
  if (now) parts.push(shape("circle", { class: "now", cx: x(now[0]), cy: y(now[1]), r: 5 }));
  const look = looks.at(-1);
  if (look) parts.push(shape("text", { class: "named", x: Math.min(x(look[0]) + 8, width - 90), y: y(look[1]) - 9 }, "other maps"));
  const label = now ? `After ${now[0]} updates ${percent(now[1])} of the tries arrive` : "No update yet";
  return shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, ...parts);
}
