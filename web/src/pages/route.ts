/** "Draw a route": thoughts are hops on a map that one draws; imitation blurs where several routes are right. */

import "./route.css";
import { button, element } from "../dom";
import { direction, nearestOf, Plane, PlaneView, type Other, type Point } from "../hopplane";
import { MapView, sentence, standing, walked, type Change, type Reading, type Walk } from "../map";
import type { Vector } from "../math";
import type { LivePlanner } from "../planners";
import { seeded } from "../random";
import { cellName, readHop, Route } from "../routes";
import type { Context, Mounted, Page } from "../site";

export const route: Page = {
  name: "route",
  title: "Draw a route",
  teaser: "why copying teachers blurs thoughts",
  shows: 2,
  mount,
};

/** What the bundled planners were trained on. */
const TRAINED = { blocked: 5, least: 2, most: 6 };

const MAPS: readonly [string, string][] = [
  ["12 routes", "5 : ad be da dd ea : aa to ec"],
  ["3 routes", "5 : bd cd db de ee : da to bc"],
  ["a single one", "5 : ab bb cd db dd : aa to ac"],
  ["too far", "5 : ba bb bc bd de : aa to ca"],
];

/** One planner and its map. */
interface Side {
  live: LivePlanner;
  title: string;
  how: HTMLElement;
  view: MapView;
  verdict: HTMLElement;
  thoughts: HTMLElement;
  /** As it thinks by itself, and after the edit. */
  base: Walk;
  walk: Walk;
}

/** A thought that was put in the place of another. */
interface Edit {
  side: number;
  t: number;
  latent: Vector;
  /** In the plane, or the text of a landmark. */
  how: Point | string;
}

async function mount(root: HTMLElement, context: Context): Promise<Mounted> {
  const names = context.planners.map((entry) => entry.name);
  const imitator = names.find((name) => name === "routes-sft");
  const picked = context.planner.entry.name;
  const other = picked === imitator ? names.find((name) => name !== imitator) : picked;
  const shown = [imitator, other].filter((name) => name !== undefined);
  return new RoutePage(root, context, await Promise.all(shown.map((name) => context.load(name))));
}

class RoutePage implements Mounted {
  private readonly context: Context;
  private readonly sides: Side[];
  private readonly facts = element("p", { class: "facts" });
  private readonly warning = element("p", { class: "warning", role: "status" });
  private readonly planeView = new PlaneView((point, done) => {
    this.drag(point, done);
  });
  private readonly planeTitle = element("h2", {}, "");
  private readonly planeSays = element("p", { class: "soft", role: "status" });
  private readonly picks = element("div", { class: "picks", role: "group", "aria-label": "Make this thought mean another hop" });
  private readonly undo = button("undo the edit", () => {
    this.think();
  });
  /** Maps before this one, and what goes back to them. */
  private readonly past: Route[] = [];
  private readonly back = button("undo", () => {
    const before = this.past.pop();
    if (before) this.think(before);
  }, { title: "Take back the last change of the map" });
  /** On a phone one side is seen at a time. */
  private readonly tabs: HTMLButtonElement[];
  private readonly field = element("input", { type: "text", id: "question", autocomplete: "off", spellcheck: "false" });
  private readonly ways = element("input", { type: "checkbox", id: "ways" });
  private readonly stage: HTMLElement;
  private route: Route;
  private chosen = { side: 0, t: 1 };
  private plane: Plane | null = null;
  private edit: Edit | null = null;

  constructor(root: HTMLElement, context: Context, planners: LivePlanner[]) {
    this.context = context;
    this.route = readOr(context.state.get("q"), MAPS[0][1]);
    this.sides = planners.map((live) => this.side(live));
    this.ways.addEventListener("change", () => {
      this.draw();
    });
    this.tabs = this.sides.map(({ title }, i) =>
      button(title, () => {
        this.choose(i, this.chosen.t);
      }),
    );
    this.stage = element(
      "div",
      { class: "stage" },
      element("div", { class: "sides", role: "group", "aria-label": "Which network" }, ...this.tabs),
      ...this.sides.map(({ title, how, view, verdict, thoughts }) =>
        element(
          "section",
          { class: "side", "aria-label": title },
          element("h2", {}, title),
          how,
          view.root,
          verdict,
          thoughts,
        ),
      ),
      element(
        "section",
        { class: "inside", "aria-label": "Inside one thought" },
        this.planeTitle,
        element("p", { class: "how soft" }, "Drag the dot: this thought becomes another, and every later hop is thought anew."),
        this.planeView.canvas,
        this.planeSays,
        this.picks,
        this.undo,
      ),
    );
    root.append(
      element("h1", {}, "Draw a route"),
      element(
        "p",
        { class: "lead" },
        `Two small networks look for a route from ring to star. They write nothing: they make one latent thought, a vector of ` +
          `64 numbers, for every hop. Drag ring or star, build or take walls (they know maps with ${TRAINED.blocked}): both think again. Press a number to look inside its thought.`,
      ),
      this.tools(),
      element(
        "div",
        { class: "row known" },
        this.facts,
        element("label", { class: "as-text", for: "question" }, element("span", { class: "soft" }, "size : walls : from to"), this.field),
      ),
      this.warning,
      this.stage,
      legend(),
      story(),
    );
    const side = Number(context.state.get("side") ?? (matchMedia("(max-width: 640px)").matches ? 0 : this.sides.length - 1));
    this.chosen = { side: side in this.sides ? side : 0, t: Number(context.state.get("t") ?? 2) };
    this.think();
    this.restore();
  }

  picture(): HTMLElement {
    return this.stage;
  }

  redraw(): void {
    this.planeView.draw();
  }

  unmount(): void {
    this.planeView.stop();
  }

  private side(live: LivePlanner): Side {
    const imitates = live.entry.name === "routes-sft";
    const title = imitates ? "Imitation" : live.entry.name === "routes-plan" ? "Planning" : live.entry.title;
    const how = element("p", { class: "how soft" });
    const view = new MapView({
      label: `Map, ${title}. Arrow keys walk, Enter builds a wall, s and g set start and goal`,
      change: (change, goesOn) => {
        this.change(change, goesOn);
      },
      choose: (t) => {
        this.choose(this.sides.findIndex((side) => side.view === view), t);
      },
    });
    const walk = walked(live.planner, this.route, live.planner.think(this.route.question));
    const verdict = element("p", { class: "verdict" });
    return { live, title, how, view, verdict, thoughts: element("ol", { class: "thoughts" }), base: walk, walk };
  }

  private tools(): HTMLElement {
    const go = (question: string): void => {
      this.open(Route.read(question));
    };
    this.field.addEventListener("change", () => {
      try {
        go(this.field.value);
      } catch (error) {
        this.warning.textContent = error instanceof Error ? error.message : String(error);
      }
    });
    return element(
      "div",
      { class: "row tools-row" },
      element("span", { class: "soft" }, "Maps"),
      ...MAPS.map(([title, question]) =>
        button(title, () => {
          go(question);
        }),
      ),
      button("another", () => {
        this.open(anyMap());
      }),
      this.back,
      element("label", { class: "check", for: "ways" }, this.ways, "show every shortest route"),
    );
  }

  /** @throws Error that names a word which a planner does not know. */
  private open(route: Route): void {
    const before = this.route;
    this.think(route);
    this.past.push(before);
    this.choose(this.chosen.side, 2);
  }

  private change(change: Change, goesOn: boolean): void {
    const { size, start, goal } = this.route;
    const blocked = new Set(this.route.blocked);
    if ("cell" in change) blocked[change.blocked ? "add" : "delete"](change.cell);
    const ends = { start, goal, ...("cell" in change ? {} : change) };
    if (!goesOn) this.past.push(this.route);
    this.think(new Route(size, blocked, ends.start, ends.goal));
  }

  /** Both planners think about a map anew. */
  private think(route = this.route): void {
    const walks = this.sides.map(({ live: { planner } }) => walked(planner, route, planner.think(route.question)));
    this.route = route;
    this.edit = null;
    this.sides.forEach((side, i) => {
      side.base = side.walk = walks[i];
    });
    this.choose(this.chosen.side, this.chosen.t);
  }

  /** Show one thought's plane. */
  private choose(side: number, t: number): void {
    const { base, live } = this.sides[side];
    const last = Math.max(1, base.steps.length);
    this.chosen = { side, t: Math.min(Math.max(1, t), last) };
    if (this.edit && (this.edit.side !== side || this.edit.t !== this.chosen.t)) {
      this.edit = null;
      for (const each of this.sides) each.walk = each.base;
    }
    const thought = base.trace.thoughts.at(this.chosen.t - 1);
    const from = standing(base, this.chosen.t) ?? this.route.start;
    if (thought) {
      const others = this.alternatives(from, base.steps[this.chosen.t - 1], thought.latent);
      this.plane = new Plane(thought.latent, others);
      this.planeView.show(live.planner, this.plane, from);
      this.showPicks(others);
    }
    this.draw();
  }

  /** Real thoughts about other maps, of another hop from the same cell; those that go on towards the goal first. */
  private alternatives(from: string, own: string, thought: Vector): Other[] {
    const far = (cell: string): number => this.route.distances.get(cell) ?? 99;
    const { landmarks } = this.sides[this.chosen.side].live;
    return this.route
      .neighbours(from)
      .sort((a, b) => far(a) - far(b))
      .map((end) => ({ start: from, end }))
      .filter((hop) => `${hop.start}>${hop.end}` !== own)
      .flatMap((hop) => {
        const text = `${hop.start}>${hop.end}`;
        const found = nearestOf(landmarks, text, this.chosen.t, thought);
        return found ? [{ text, hop, latent: found.latent }] : [];
      });
  }

  private showPicks(others: Other[]): void {
    this.picks.replaceChildren(
      element("span", { class: "soft" }, "or make it mean"),
      ...others.map(({ text, hop, latent }) =>
        button(
          `${direction(hop)} ${hop.end}`,
          () => {
            this.put({ ...this.chosen, latent, how: text });
          },
          { title: `the thought ${text} about another map` },
        ),
      ),
    );
  }

  private drag(point: Point, done: boolean): void {
    if (!this.plane) return;
    this.put({ ...this.chosen, latent: this.plane.thought(point), how: point }, done);
  }

  private put(edit: Edit, done = true): void {
    this.edit = edit;
    const side = this.sides[edit.side];
    const { planner } = side.live;
    side.walk = walked(planner, this.route, planner.rethink(side.base.trace, new Map([[edit.t, edit.latent]])));
    this.planeView.move(typeof edit.how === "string" ? (this.plane?.place(edit.latent) ?? [0, 0]) : edit.how);
    this.draw();
    if (done) this.context.say(`Thought ${edit.t} now reads ${side.walk.steps[edit.t - 1]}. ${sentence(side.walk)}`);
  }

  /** The edit that a link holds. */
  private restore(): void {
    const [at, pick] = [this.context.state.get("at"), this.context.state.get("pick")];
    const point = at?.split(",").map(Number) ?? [];
    if (point.length === 2 && point.every(Number.isFinite)) this.drag([point[0], point[1]], true);
    const anchor = this.plane?.anchors.find((one) => one.text === pick);
    if (anchor) this.put({ ...this.chosen, latent: anchor.latent, how: anchor.text });
  }

  private draw(): void {
    const { route, edit, chosen } = this;
    this.sides.forEach((side, i) => {
      this.show(i);
      side.how.textContent = told(side.live, route);
      side.verdict.textContent = `${side.walk.verdict.arrives ? "✓" : "✗"} ${sentence(side.walk)}`;
      side.verdict.dataset.arrives = String(side.walk.verdict.arrives);
      this.drawThoughts(side, i);
    });
    this.drawFacts();
    const { walk, base, title } = this.sides[chosen.side];
    this.planeTitle.textContent = `Inside thought ${chosen.t} of ${title.toLowerCase()}`;
    const [now, was] = [walk.steps[chosen.t - 1] ?? "", base.steps[chosen.t - 1] ?? ""];
    const later = walk.steps.slice(chosen.t).filter((text, k) => text !== base.steps[chosen.t + k]).length;
    this.planeSays.textContent = !edit
      ? `Here the decoder reads ${spoken(was)}. Each colour is another hop.`
      : now === was
        ? `Moved, and still read as ${spoken(was)}${later ? `; yet ${later} later ${later > 1 ? "hops change" : "hop changes"}.` : "."}`
        : `${spoken(was)} became ${spoken(now)}; ${later} of the later hops changed.`;
    this.undo.disabled = !edit;
    this.back.disabled = !this.past.length;
    this.tabs.forEach((tab, i) => {
      tab.setAttribute("aria-pressed", String(i === chosen.side));
      tab.textContent = `${this.sides[i].walk.verdict.arrives ? "✓" : "✗"} ${this.sides[i].title}`;
    });
    this.stage.dataset.side = String(chosen.side);
    const keep: Record<string, string> = { q: route.question, side: String(chosen.side), t: String(chosen.t) };
    if (edit && typeof edit.how === "string") keep.pick = edit.how;
    else if (edit) keep.at = (edit.how as Point).map((value) => value.toFixed(3)).join(",");
    this.context.keep(keep);
    this.field.value = route.question;
    this.field.style.width = `${Math.max(32, route.question.length + 4)}ch`;
  }

  /** A side's map; of one thought alone, or of all. */
  private show(i: number, alone = 0): void {
    const { view, walk, base } = this.sides[i];
    view.show(this.route, walk, {
      alone,
      ways: this.ways.checked,
      chosen: i === this.chosen.side ? this.chosen.t : 0,
      before: this.edit?.side === i ? base.steps : [],
    });
  }

  private drawThoughts(side: Side, i: number): void {
    side.thoughts.replaceChildren(
      ...side.walk.steps.map((text, k) => {
        const readings = side.walk.readings.at(k) ?? [];
        const judged = side.walk.verdict.hops[k];
        const isChosen = i === this.chosen.side && k + 1 === this.chosen.t;
        const made = button("", () => {
          this.choose(i, k + 1);
        });
        made.append(
          element("span", { class: "unseen" }, "Thought"),
          element("span", { class: "number" }, String(k + 1)),
          element("span", { class: "mono" }, (judged.hop ? `${judged.hop.start}→${judged.hop.end}` : text) || "nothing"),
          bars(readings, text),
          element("span", { class: "unseen" }, `${spokenReadings(readings)}${judged.inPlace ? "" : "; it does not go on from the last hop"}`),
        );
        made.setAttribute("aria-pressed", String(isChosen));
        made.dataset.kind = judged.inPlace ? "right" : "wrong";
        const hover = (alone: number) => (): void => {
          this.show(i, alone);
        };
        made.addEventListener("pointerenter", hover(k + 1));
        made.addEventListener("pointerleave", hover(0));
        return element("li", {}, made);
      }),
    );
  }

  private drawFacts(): void {
    const { route } = this;
    const { distance, count } = route;
    this.facts.textContent =
      distance === null
        ? "No route leads to the star."
        : `The shortest route has ${distance} hop${distance === 1 ? "" : "s"}. ` +
          (count === 1 ? "There is only one such route." : `There are ${count} such routes, all equally right.`);
    const notes: string[] = [];
    if (distance === null) notes.push("They were never shown such a map and cannot say “there is no route”: what they draw is a guess.");
    else if (distance < TRAINED.least) notes.push("They were trained on 2 to 6 hops; one hop is new to them.");
    else if (distance > TRAINED.most) notes.push(`They were trained on 2 to 6 hops; ${distance} is new to them, so expect a wrong route.`);
    if (route.blocked.size !== TRAINED.blocked) {
      notes.push(`Every map of their training had 5 walls, this one has ${route.blocked.size}, which is new to them.`);
    }
    this.warning.textContent = notes.join(" ");
  }
}

/** What a planner is, as far as this map shows it, and how often it arrives elsewhere. */
function told({ entry }: LivePlanner, { count }: Route): string {
  const copies =
    count > 1
      ? "It copies teachers who disagree here, so a thought can mix several routes (orange)."
      : count === 1
        ? "It copies teachers; here they cannot disagree."
        : "It copies teachers.";
  const who = { "routes-sft": copies, "routes-plan": "The same network after practice, rewarded for arriving." }[entry.name];
  return `${who ?? "Your checkpoint."}${entry.arrives === null ? "" : ` It arrives on ${(100 * entry.arrives).toFixed(0)} % of its test maps.`}`;
}

const spoken = (text: string): string => {
  const hop = readHop(text);
  return hop ? `${hop.start} → ${hop.end}` : `“${text}”`;
};

const spokenReadings = (readings: Reading[]): string =>
  readings.slice(0, 3).map(({ text, share }) => `${spoken(text)} ${Math.round(100 * share)} %`).join(", ");

/** What one thought says, as a bar: the reading first, then what it says as well. */
function bars(readings: Reading[], text: string): HTMLElement {
  const first = readings.find((reading) => reading.text === text);
  const rest = readings.filter((reading) => reading !== first);
  const part = (reading: Reading, kind: string): HTMLElement =>
    element("i", { class: kind, style: `flex-grow: ${reading.share.toFixed(3)}`, title: `${spoken(reading.text)} ${Math.round(100 * reading.share)} %` });
  const left = 1 - readings.reduce((sum, reading) => sum + reading.share, 0);
  return element(
    "span",
    { class: "shares", "aria-hidden": "true" },
    ...(first ? [part(first, "own")] : []),
    ...rest.map((reading) => part(reading, "also")),
    element("i", { style: `flex-grow: ${Math.max(0, left).toFixed(3)}` }),
  );
}

function readOr(text: string | undefined, otherwise: string): Route {
  try {
    return Route.read(text ?? otherwise);
  } catch {
    return Route.read(otherwise);
  }
}

/** A map as those of the training: 5 walls, 3 to 6 hops. */
function anyMap(): Route {
  const random = seeded(Math.floor(Math.random() * 2 ** 31));
  for (;;) {
    const cells = Array.from({ length: 25 }, (_, i) => cellName(Math.floor(i / 5), i % 5));
    const drawn = Array.from({ length: 7 }, () => cells.splice(Math.floor(random() * cells.length), 1)[0]);
    const made = new Route(5, drawn.slice(2), drawn[0], drawn[1]);
    if (made.distance !== null && made.distance > 2 && made.distance < 7) return made;
  }
}

function legend(): HTMLElement {
  const line = (kind: string, text: string): HTMLElement => element("span", {}, element("i", { class: `key ${kind}` }), text);
  return element(
    "p",
    { class: "legend" },
    line("own", "the hop a thought is read as"),
    line("also", "what the same thought says as well; the stronger, the likelier"),
    line("wrong", "a hop that does not go on from the last one"),
    line("was", "before your edit"),
    line("way", "a shortest route"),
  );
}

function story(): HTMLElement {
  const part = (title: string, text: string): HTMLElement => element("section", {}, element("h2", {}, title), element("p", {}, text));
  return element(
    "div",
    { class: "story" },
    part(
      "What a thought is",
      "After it has read the map, the network makes a vector, which is fed back as its next input, and so on, one for every " +
        "hop. A second small network, the decoder, reads each thought as text, such as “aa to ab” (row, then column). The map shows what it reads.",
    ),
    part(
      "Why imitation blurs",
      "If several routes are equally short, teachers disagree: one goes right, one goes down. A thought that should please " +
        "all of them lands in between. Read back, it says a bit of each: the orange arrows. The next thought cannot know " +
        "which was meant, and the walk may break. That is one reason; now and then a map with a single route fails too.",
    ),
    part(
      "What planning changes",
      "Planning is practice with a reward. The network tries eight walks on a map. Walks that arrive by legal hops " +
        "are made likelier, whichever route they take. This reward asks no teacher, so it may settle on one. (A few teachers' routes are copied beside it, so that it keeps the right number of hops.) Orange grows paler and need not go: what counts is that the blue hops join up.",
    ),
    part(
      "Why look at thoughts at all?",
      "Asked where it has arrived, either network just names the star. That is always right and tells nothing. Only " +
        "the hops show whether there was a plan.",
    ),
  );
}
