/** "Move a thought": everything after it is thought anew. */

import "./move.css";
import { workOut, type Worked } from "../arithmetic";
import { button, element, shape } from "../dom";
import { Experiment, type Edit, type Mark } from "../move/experiment";
import { ThoughtMap } from "../move/map";
import type { Plane } from "../move/plane";
import { implied, judged, outcome, warnings, type Range } from "../move/words";
import type { LivePlanner } from "../planners";
import type { Trace } from "../planner";
import type { Context, Mounted, Page } from "../site";

export const move: Page = {
  name: "move",
  title: "Move a thought",
  fits: (planner) => planner.domain === "arithmetic" && planner.decodes,
  mount: (root, context) => new MovePage(root, context),
};

/** Real swaps a thought, for how much it matters. */
const SWAPS = 24;

class MovePage implements Mounted {
  private readonly context: Context;
  private readonly live: LivePlanner;
  private readonly range: Range;
  private readonly map: ThoughtMap;
  private readonly field: HTMLInputElement;
  private readonly problem = element("p", { class: "problem", role: "status" });
  private readonly chain = element("table", { class: "chain" });
  private readonly heading = element("h2");
  private readonly verdict = element("p", { class: "verdict" });
  private readonly depth = element("input", { type: "range", min: "-1", max: "1", step: "0.02", id: "depth" });
  private readonly depthName = element("label", { for: "depth" });
  private readonly swaps = element("select", { "aria-label": "Swap with a thought about another question" });
  private readonly list = element("ol", { class: "edits" });
  private readonly undo: HTMLButtonElement;
  private readonly matters = element("div", { class: "matters" });
  private readonly working = element("div", { class: "working" });
  private readonly typed = element("input", { type: "text", id: "typed", class: "mono", size: "9", autocomplete: "off", spellcheck: "false" });
  private experiment: Experiment | null = null;
  private worked: Worked | null = null;
  private thought = 1;
  private plane: Plane | null = null;
  private asked = 0;

  constructor(root: HTMLElement, context: Context) {
    this.context = context;
    this.live = context.planner;
    this.range = rangeOf(this.live.examples);
    this.map = new ThoughtMap({
      begin: () => this.experiment?.remember(),
      moveTo: (place) => {
        if (!this.experiment) return;
        if (place.every((value) => value === 0)) this.experiment.drop(this.thought);
        else this.experiment.put(this.experiment.moved(this.thought, place));
        this.moved();
      },
      end: () => {
        this.settled();
      },
      jump: (index) => {
        if (this.experiment) this.change(this.experiment.swapped(this.thought, this.experiment.marksOf(this.thought)[index]));
      },
    });
    this.field = element("input", { type: "text", id: "question", class: "mono", autocomplete: "off", spellcheck: "false", inputmode: "text" });
    this.undo = button("undo", () => {
      this.experiment?.undo();
      this.show();
    });
    this.build(root);
    this.start();
  }

  redraw(): void {
    this.map.paint();
  }

  picture(): HTMLElement {
    return this.working;
  }

  unmount(): void {
    this.asked++;
    this.map.stop();
  }

  // ------------------------------------------------------------------ the page

  private build(root: HTMLElement): void {
    const { config } = this.live.planner;
    const width = config.backbone.hidden_size;
    const form = element("form", { class: "ask" }, element("label", { for: "question" }, "Question"), this.field);
    form.append(element("button", { type: "submit", class: "primary" }, "think"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.ask(this.field.value);
    });
    const picks = element("div", { class: "picks", role: "group", "aria-label": "Examples" });
    for (const question of this.offers()) {
      picks.append(
        button(question, () => {
          this.ask(question);
        }, { class: "mono pick-one" }),
      );
    }
    this.depth.addEventListener("pointerdown", () => this.experiment?.remember());
    this.depth.addEventListener("keydown", (event) => {
      if (event.key.startsWith("Arrow")) this.experiment?.remember();
    });
    this.depth.addEventListener("input", () => {
      if (!this.experiment || !this.plane) return;
      const [x, y] = this.experiment.placeOf(this.thought);
      this.experiment.put(this.experiment.moved(this.thought, [x, y, Number(this.depth.value) * this.plane.depth]));
      this.moved();
    });
    this.depth.addEventListener("change", () => {
      this.settled();
    });
    this.swaps.addEventListener("change", () => {
      if (this.experiment && this.swaps.value) this.change(this.experiment.swapped(this.thought, Number(this.swaps.value)));
    });
    const noise = button("add noise", () => {
      if (this.experiment) this.change(this.experiment.noisy(this.thought, Math.floor(Math.random() * 2 ** 20)));
    }, { title: "As wide as the planner's own cloud" });
    const back = button("put it back", () => {
      this.experiment?.remember();
      this.experiment?.drop(this.thought);
      this.show();
    });
    const type = element("form", { class: "type" }, element("label", { for: "typed" }, "or type a thought"), this.typed);
    type.append(element("button", { type: "submit" }, "put it there"));
    type.addEventListener("submit", (event) => {
      event.preventDefault();
      this.type(this.typed.value.replace(/\s+/gu, ""));
    });
    type.hidden = !this.live.entry.encodes;

    root.append(
      element("h1", {}, "Move a thought"),
      lead(
        "Between a question and its answer this small language model writes nothing down. It thinks a few ",
        term("thoughts"),
        `: each is a list of ${width} numbers. A `,
        term("decoder"),
        " beside it can read a thought as text. Drag a thought, and all that comes after it is thought anew, here in your browser.",
      ),
      form,
      picks,
      this.problem,
    );
    const left = element("section", { class: "plane", "aria-labelledby": "around" });
    this.heading.id = "around";
    left.append(
      this.heading,
      this.map.root,
      element("div", { class: "depth" }, this.depthName, this.depth),
      what(
        "This map is a flat cut through the space of all thoughts. At every place of it the decoder was asked what it reads there: ",
        "places of one colour give the same result, and where the decoder is unsure the colour is pale. The cut passes through the thought itself (the ring) ",
        "and through two real thoughts about other questions (the squares; press one to go there). The ellipses are the thought's cloud: the planner does not say ",
        "one point but a normal distribution, and they lie at one, two and three standard deviations. The slider moves the cut out of the plane, towards a third thought.",
      ),
    );
    const right = element("section", { class: "follow", "aria-label": "What is thought" });
    right.append(
      this.chain,
      this.verdict,
      element("div", { class: "row" }, noise, this.swaps, back, this.undo),
      type,
      what(
        "Read downwards: each line is one thought as the decoder reads it, with the probability it gives that text. ",
        "Thoughts before the moved one stay as they were. The planner itself never sees this text: it goes on from the numbers. ",
        "“All needed steps” is the word of a program that knows arithmetic, not of the model.",
      ),
    );
    this.working.append(left, right);
    const below = element("div", { class: "below" });
    const matters = element("section", { "aria-labelledby": "matters" });
    matters.append(
      element("h2", { id: "matters" }, "How much does each thought matter?"),
      this.matters,
      what(
        `Each thought is swapped, in turn, for up to ${SWAPS} real thoughts about other questions, and the planner thinks on. `,
        "Dark: the answer became what follows from the thought that was put in. Light: the answer changed to something else. ",
        "A thought whose swaps change nothing is not a cause of the answer: the planner reads the question again instead.",
      ),
    );
    const edits = element("section", { "aria-labelledby": "edits" });
    edits.append(element("h2", { id: "edits" }, "Your edits"), this.list);
    below.append(matters, edits);
    root.append(this.working, below);
  }

  /** The opening, and examples of every number of steps. */
  private offers(): string[] {
    const { examples, opening } = this.live;
    const steps = (question: string): number => workOut(question).steps.length;
    const several = [2, 3, 4].flatMap((n) => examples.filter((question) => steps(question) === n).slice(3, 4));
    return [...new Set([...(opening ? [opening.question] : []), examples[0], ...several])];
  }

  // ----------------------------------------------------------------- questions

  private start(): void {
    const { opening, examples } = this.live;
    const { state } = this.context;
    const question = state.get("q");
    if (question !== undefined) {
      this.ask(question, Number(state.get("t") ?? 1), state.get("e"));
    } else if (opening) {
      this.ask(opening.question, opening.place);
      if (this.experiment) {
        this.experiment.put(this.experiment.swapped(opening.place, opening.landmarks[0]));
        this.show();
      }
    } else {
      this.ask(examples[0]);
    }
  }

  private ask(question: string, thought = 1, edits = ""): void {
    this.field.value = question;
    this.asked++;
    try {
      const known = (number: number): boolean => this.knows(`${number}`);
      const worked = workOut(question);
      const said = warnings(worked, this.range, known);
      this.problem.textContent = said.length ? `Out of its depth: ${said.join("; ")}. The right answer is ${worked.value}.` : "";
      if (worked.numbers.some((number) => !known(number))) return;
      this.worked = worked;
      this.experiment = new Experiment(this.live, question.replace(/\s+/gu, ""));
      if (edits) this.experiment.read(edits);
    } catch (error) {
      this.problem.textContent = error instanceof Error ? error.message : String(error);
      return;
    }
    this.thought = Math.min(Math.max(1, thought), this.experiment.thoughts);
    this.show();
    void this.measure(this.experiment, this.worked, this.asked);
  }

  private knows(word: string): boolean {
    try {
      this.live.planner.think(word);
      return true;
    } catch {
      return false;
    }
  }

  private type(text: string): void {
    try {
      if (this.experiment) this.change(this.experiment.swapped(this.thought, text));
    } catch (error) {
      this.problem.textContent = error instanceof Error ? error.message : String(error);
    }
  }

  // --------------------------------------------------------------------- edits

  private change(edit: Edit): void {
    this.experiment?.remember();
    this.experiment?.put(edit);
    this.show();
  }

  /** All of it: another question, another thought, other landmarks. */
  private show(): void {
    this.plane = null;
    this.moved();
    this.offerSwaps();
    this.settled();
  }

  /** The thought is in another place of the same plane. */
  private moved(): void {
    const { experiment, worked, thought } = this;
    if (!experiment || !worked) return;
    const before = this.plane ? null : experiment.before(thought);
    const plane = (this.plane ??= experiment.plane(thought, before ?? undefined));
    const marks = experiment.marksOf(thought);
    const place = experiment.placeOf(thought);
    const { distribution } = experiment.original.thoughts[Math.min(thought, experiment.original.thoughts.length) - 1];
    const edit = experiment.edit(thought);
    const seeds = edit?.seeds.join(".") ?? "";
    const others = experiment.list().filter((other) => other.thought < thought);
    this.map.show({
      thought,
      plane,
      place,
      key: [experiment.question, thought, ...marks, place[2], seeds, JSON.stringify(others)].join("|"),
      read: (at) => {
        const step = this.live.planner.readBack([experiment.latent(thought, plane, at)]);
        return { text: step?.text ?? "", chance: Math.exp(step?.logProbability ?? 0) };
      },
      marks: [plane.first, plane.second].map((at, i) => ({
        text: experiment.textOf(marks[i]),
        place: at,
        from: this.origin(marks[i]),
      })),
      cloud: distribution.logvars && plane.covariance(distribution.logvars[0]),
      edited: edit !== undefined,
      text: experiment.edited.steps[thought - 1]?.text ?? "",
    });
    this.tell(experiment, worked);
    this.depth.value = `${plane.depth ? place[2] / plane.depth : 0}`;
  }

  /** The thought rests: what need not be done at every frame of a drag. */
  private settled(): void {
    const { experiment, worked, thought } = this;
    if (!experiment || !worked) return;
    this.heading.textContent = `Around thought ${thought}`;
    this.depthName.textContent = "third direction";
    this.undo.disabled = !experiment.canUndo;
    this.list.replaceChildren(
      ...experiment.list().map((edit) => {
        const step = experiment.edited.steps[edit.thought - 1]?.text ?? "nothing";
        const was = experiment.original.steps[edit.thought - 1]?.text ?? "nothing";
        const drop = button("take back", () => {
          experiment.remember();
          experiment.drop(edit.thought);
          this.show();
        }, { "aria-label": `Take back the edit of thought ${edit.thought}` });
        return element("li", {}, element("span", {}, `Thought ${edit.thought} ${HOW[edit.how]}: `, mono(was), " → ", mono(step)), drop);
      }),
    );
    if (!experiment.list().length) this.list.append(element("li", { class: "soft" }, "None yet: drag the numbered dot."));
    this.context.keep({ q: experiment.question, t: `${thought}`, e: experiment.write() });
    const { head, text } = outcome(worked, experiment.original, experiment.edited, thought);
    this.context.say(`${head} ${text}`);
  }

  private origin(mark: Mark): string {
    if (typeof mark === "string") return "typed by you";
    const { place, question } = this.live.landmarks[mark];
    return `thought ${place} about ${question}`;
  }

  private offerSwaps(): void {
    const { experiment, thought } = this;
    if (!experiment) return;
    const options = experiment.nearest(thought).slice(0, 40);
    this.swaps.replaceChildren(
      element("option", { value: "" }, "swap with …"),
      ...options.map((index) => {
        const { text, question } = this.live.landmarks[index];
        return element("option", { value: `${index}` }, `${text}  (about ${question})`);
      }),
    );
  }

  // -------------------------------------------------------------- what is told

  private tell(experiment: Experiment, worked: Worked): void {
    const { original, edited } = experiment;
    const rows = Array.from({ length: experiment.thoughts }, (_, i) => this.row(experiment, i + 1));
    const right = `${worked.value}`;
    const answer = (trace: Trace): HTMLElement =>
      element("td", { class: trace.answer === original.answer ? "" : "changed" }, element("b", {}, trace.answer || "nothing"), mark(trace.answer === right));
    const word = (trace: Trace): HTMLElement => element("td", {}, judged(worked, trace));
    this.chain.replaceChildren(
      element("thead", {}, element("tr", {}, element("td"), heading("as it thought"), heading("after your edit"))),
      element("tbody", {}, ...rows),
      element(
        "tfoot",
        {},
        element("tr", { class: "answer" }, side("answer"), answer(original), answer(edited)),
        element("tr", { class: "truth" }, side("right is"), element("td", { colspan: "2" }, mono(right))),
        element("tr", { class: "word" }, side("verifier"), word(original), word(edited)),
      ),
    );
    const { kind, head, text } = outcome(worked, original, edited, this.thought);
    this.verdict.className = `verdict ${kind}`;
    this.verdict.replaceChildren(element("b", {}, head), " ", text);
  }

  private row(experiment: Experiment, thought: number): HTMLElement {
    const { original, edited } = experiment;
    const choose = button("", () => {
      this.thought = thought;
      this.show();
      this.chain.querySelector<HTMLElement>(`[data-thought="${thought}"]`)?.focus();
    }, { class: "thought", "data-thought": `${thought}`, "aria-pressed": `${thought === this.thought}`, "aria-label": `Thought ${thought}` });
    choose.append(glyph(original, thought), `${thought}`);
    const cell = (trace: Trace): HTMLElement => {
      const step = trace.steps[thought - 1];
      if (thought > trace.thoughts.length) return element("td", { class: "soft" }, "not thought");
      const changed = step.text !== original.steps[thought - 1]?.text;
      const chance = Math.exp(step.logProbability);
      return element("td", { class: changed ? "changed" : "" }, mono(step.text || "nothing"), element("small", {}, percent(chance)));
    };
    const line = element("tr", {}, element("th", { scope: "row" }, choose), cell(original), cell(edited));
    if (experiment.edit(thought)) line.className = "moved";
    return line;
  }

  /** Swap every thought for real ones, a few at a time. */
  private async measure(experiment: Experiment, worked: Worked, asked: number): Promise<void> {
    const { original } = experiment;
    const counts = original.thoughts.map(() => ({ swaps: 0, changed: 0, followed: 0 }));
    this.drawMatters(counts);
    for (const [i, count] of counts.entries()) {
      const all = this.live.landmarks.filter((one) => one.place === i + 1 && one.text !== original.steps[i]?.text);
      for (const one of all.slice(0, SWAPS)) {
        do await new Promise((resolve) => setTimeout(resolve, 4));
        while (!this.map.done && asked === this.asked); // what is in sight comes first
        if (asked !== this.asked) return;
        const after = this.live.planner.rethink(original, new Map([[i + 1, one.latent]]));
        const should = implied(worked, original, i + 1, one.text);
        count.swaps++;
        if (after.answer !== original.answer) {
          if (after.answer === should?.answer) count.followed++;
          else count.changed++;
        }
      }
      this.drawMatters(counts);
    }
  }

  private drawMatters(counts: readonly { swaps: number; changed: number; followed: number }[]): void {
    this.matters.replaceChildren(
      ...counts.map(({ swaps, changed, followed }, i) => {
        const share = (n: number): string => `${swaps ? (100 * n) / swaps : 0}%`;
        const bar = element("div", { class: "bar-of" }, element("i", { style: `width:${share(followed)}` }), element("i", { style: `width:${share(changed)}` }));
        const said = swaps ? `${followed + changed} of ${swaps} swaps change the answer, ${followed} to what follows` : "…";
        return element("div", { class: "matter" }, element("span", {}, `${i + 1}`), bar, element("small", {}, said));
      }),
    );
  }
}

const HOW: Record<Edit["how"], string> = { dragged: "dragged", noise: "with noise", swapped: "swapped", typed: "typed" };

const percent = (share: number): string => `${Math.round(100 * share)} %`;
const term = (text: string): HTMLElement => element("dfn", {}, text);
const lead = (...parts: (Node | string)[]): HTMLElement => element("p", { class: "lead" }, ...parts);
const mono = (text: string): HTMLElement => element("span", { class: "mono" }, text);
const heading = (text: string): HTMLElement => element("th", { scope: "col" }, text);
const side = (text: string): HTMLElement => element("th", { scope: "row" }, text);
const what = (...text: string[]): HTMLElement =>
  element("details", { class: "what" }, element("summary", {}, "What is this?"), element("p", {}, text.join("")));
const mark = (right: boolean): HTMLElement =>
  element("small", { class: right ? "right" : "wrong" }, right ? "✓ right" : "✗ wrong");

/** The cloud of a thought: as wide as its mean sigma. */
function glyph(trace: Trace, thought: number): SVGElement {
  const said = trace.thoughts[thought - 1]?.distribution.logvars?.[0];
  const sigma = said ? said.reduce((sum, value) => sum + Math.exp(0.5 * value), 0) / said.length : 0;
  const picture = shape("svg", { viewBox: "-12 -12 24 24", "aria-hidden": "true" });
  for (const n of [1, 0.66, 0.33]) picture.append(shape("circle", { r: n * (2.5 + 9 * Math.min(1, sigma)), class: "cloud" }));
  return picture;
}

/** What the examples have, and so what a planner is at home with. */
function rangeOf(examples: readonly string[]): Range {
  const all = examples.map(workOut);
  const steps = all.map((one) => one.steps.length);
  const numbers = all.flatMap((one) => one.numbers);
  return { steps: [Math.min(...steps), Math.max(...steps)], numbers: [Math.min(...numbers), Math.max(...numbers)] };
}
