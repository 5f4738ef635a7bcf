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
  mount: (root, context) => new MovePage(root, context),
};

/** Of the swaps of one thought: how many there were, changed the answer, changed it to what follows, and could have. */
interface Count {
  swaps: number;
  changed: number;
  followed: number;
  clear: number;
}

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
  private readonly answers = element("div", { class: "answers" });
  private readonly looked = element("p", { class: "looked mono" });
  private readonly readings = element("p", { class: "readings soft" });
  private readonly goals = element("p", { class: "goals" });
  private readonly reached = new Set<string>();
  private readonly working = element("div", { class: "working" });
  private readonly below = element("div", { class: "below" });
  private readonly typed = element("input", { type: "text", id: "typed", class: "mono", size: "9", autocomplete: "off", spellcheck: "false" });
  private experiment: Experiment | null = null;
  private worked: Worked | null = null;
  private thought = 1;
  private plane: Plane | null = null;
  private asked = 0;
  /** Whether what is shown is the page's own edit. */
  private opened = false;
  /** What speaks against the question. */
  private warned = "";

  constructor(root: HTMLElement, context: Context) {
    this.context = context;
    this.live = context.planner;
    this.range = rangeOf(this.live.examples);
    this.map = new ThoughtMap({
      begin: () => {
        this.opened = false;
        this.experiment?.remember();
      },
      moveTo: (place) => {
        if (!this.experiment) return;
        const start = performance.now();
        if (place.every((value) => value === 0)) this.experiment.drop(this.thought);
        else this.experiment.put(this.experiment.moved(this.thought, place));
        this.moved();
        performance.measure("thought anew", { start });
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

    const { parameters, accuracy } = this.live.entry;
    const size = `It has ${(parameters / 1e6).toFixed(1)} million parameters`;
    const known = accuracy === null ? `${size}.` : `${size} and is right on ${(100 * accuracy).toFixed(0)} % of its test questions.`;
    root.append(
      element(
        "div",
        { class: "hero" },
        element(
          "div",
          {},
          element("h1", {}, "Move a thought"),
          lead(
            "Between a question and its answer this small language model writes nothing down: it thinks a few ",
            term("thoughts"),
            `, each a list of ${width} numbers. A `,
            term("decoder"),
            " beside it can read them as text. Drag one, and all that comes after it is thought anew, here in your browser.",
          ),
        ),
        element("div", {}, form, picks, element("p", { class: "soft small" }, known)),
      ),
      this.problem,
    );
    const left = element("section", { class: "plane", "aria-labelledby": "around" });
    this.heading.id = "around";
    left.append(
      this.heading,
      this.map.root,
      this.readings,
      element("div", { class: "depth" }, this.depthName, this.depth),
      what(
        "This map is a flat cut through the space of all thoughts. At every place of it the decoder was asked what it reads there: ",
        "places of one colour give the same result, and where the decoder is unsure the colour is pale. The cut passes through the thought itself (the ring) ",
        "and through two real thoughts about other questions (the squares; press one to go there). The ellipses are the thought's cloud: the planner does not say ",
        "one point but a normal distribution, and they lie at one, two and three standard deviations. The slider moves the cut out of the plane, towards a third thought.",
      ),
    );
    const cards = element("section", { class: "cards", "aria-label": "What is thought" }, this.chain);
    const right = element("section", { class: "follow", "aria-label": "What came of it, and other edits" });
    right.append(
      this.verdict,
      this.goals,
      element("div", { class: "row" }, noise, this.swaps, back, this.undo),
      type,
      what(
        "Read downwards: each line is one thought as the decoder reads it, with the probability it gives that text. ",
        "Thoughts before the moved one stay as they were. The planner itself never sees this text: it goes on from the numbers. ",
        "“All needed steps” is the word of a program that knows arithmetic, not of the model.",
      ),
    );
    this.working.append(cards, left, right);
    const matters = element("section", { "aria-labelledby": "matters" });
    matters.append(
      element("h2", { id: "matters" }, "How much does each thought matter?"),
      this.matters,
      what(
        `Each thought is swapped, in turn, for up to ${SWAPS} real thoughts about other questions, and the planner thinks on. `,
        "Dark: the answer became what follows from the thought that was put in. Light: it changed to something else. Where nobody can say what follows ",
        "(such as below zero) a swap counts as light. ",
        "A thought whose swaps change nothing is not a cause of the answer: the planner reads the question again instead.",
      ),
    );
    const edits = element("section", { "aria-labelledby": "edits" });
    edits.append(element("h2", { id: "edits" }, "The edits"), this.list);
    const answers = element("section", { "aria-labelledby": "answers" });
    answers.append(
      element("h2", { id: "answers" }, "What the answer might be"),
      this.answers,
      what("The planner gives every answer a probability and says the likeliest. Blue: as it thought. Orange: after the edit."),
    );
    const looked = element("section", { "aria-labelledby": "looked" });
    looked.append(
      element("h2", { id: "looked" }, "What it looked at"),
      this.looked,
      what(
        "Attention: how much each part of the question, and each earlier thought, weighed in the last layer when the chosen thought was made, ",
        "on average over the heads. It is a hint at what was used, not a proof: swaps are the proof.",
      ),
    );
    this.below.append(matters, answers, looked, edits);
    root.append(this.working, this.below);
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
        this.opened = true;
        this.experiment.put(this.experiment.swapped(opening.place, opening.landmarks[0]));
        this.show();
      }
    } else {
      this.ask(examples[0]);
    }
  }

  private ask(question: string, thought = 1, edits = ""): void {
    this.field.value = question;
    this.opened = false;
    this.asked++;
    try {
      const known = (number: number): boolean => this.knows(`${number}`);
      const worked = workOut(question);
      const said = warnings(worked, this.range, known);
      this.warned = said.length ? `Out of its depth: ${said.join("; ")}. The right answer is ${worked.value}.` : "";
      this.problem.textContent = this.warned;
      this.hide(worked.numbers.some((number) => !known(number)));
      if (this.working.hidden) return;
      this.worked = worked;
      this.experiment = new Experiment(this.live, question.replace(/\s+/gu, ""));
      if (edits) this.experiment.read(edits);
    } catch (error) {
      this.problem.textContent = error instanceof Error ? error.message : String(error);
      this.hide(true);
      return;
    }
    this.thought = Math.min(Math.max(1, thought), this.experiment.thoughts);
    this.show();
    void this.measure(this.experiment, this.worked, this.asked);
  }

  /** Nothing is shown where nothing can be thought. */
  private hide(hidden: boolean): void {
    this.working.hidden = this.below.hidden = hidden;
  }

  private knows(word: string): boolean {
    try {
      this.live.planner.tokens(word);
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
    this.opened = false;
    this.problem.textContent = this.warned;
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
      original: experiment.original.steps[thought - 1]?.text ?? "",
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
        return element("li", {}, element("span", {}, `Thought ${edit.thought} ${HOW[edit.how]}: `, mono(was), " → ", mono(experiment.typed(edit.thought) ?? step)), drop);
      }),
    );
    if (!experiment.list().length) this.list.append(element("li", { class: "soft" }, "None yet: drag the numbered dot."));
    this.drawReadings(experiment);
    this.drawAnswers(experiment);
    this.drawLooked(experiment);
    this.context.keep({ q: experiment.question, t: `${thought}`, e: experiment.write() });
    const { head, text } = outcome(worked, experiment.original, experiment.edited, thought, experiment.typed(thought));
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
    const { kind, head, text } = outcome(worked, original, edited, this.thought, experiment.typed(this.thought));
    const answer = (trace: Trace): HTMLElement => {
      const follows = trace === edited && kind === "cause" && trace.answer !== right;
      const cell = element("td", {}, element("b", {}, trace.answer || "nothing"), follows ? FOLLOWS() : mark(trace.answer === right));
      if (trace.answer !== original.answer) cell.className = "changed";
      return cell;
    };
    const word = (trace: Trace): HTMLElement => element("td", {}, judged(worked, trace));
    this.chain.replaceChildren(
      element("thead", {}, element("tr", {}, element("td"), heading("as it thought"), heading("after the edit"))),
      element("tbody", {}, ...rows),
      element(
        "tfoot",
        {},
        element("tr", { class: "answer" }, side("answer"), answer(original), answer(edited)),
        element("tr", { class: "truth" }, side("right is"), element("td", { colspan: "2" }, mono(right))),
        element("tr", { class: "word" }, side("verifier"), word(original), word(edited)),
      ),
    );
    this.verdict.className = `verdict ${kind}`;
    this.verdict.replaceChildren(element("b", {}, head), " ", text, this.opened ? " We moved it to begin with. Now you: drag the dot." : "");
    this.drawGoals(experiment, worked);
  }

  /** Answers that can be had by moving one thought of the opening. */
  private drawGoals(experiment: Experiment, worked: Worked): void {
    const { opening, landmarks } = this.live;
    const here = opening?.question === experiment.question ? opening : null;
    const [place, marks] = [here?.place ?? 1, here?.landmarks ?? []];
    const goals = marks.map((index) => implied(worked, experiment.original, place, landmarks[index].text)?.answer ?? "");
    if (experiment.list().length === 1 && goals.includes(experiment.edited.answer)) this.reached.add(experiment.edited.answer);
    this.goals.hidden = !goals.length;
    this.goals.replaceChildren(
      "Can you make it answer ",
      ...goals
        .sort((a, b) => Number(a) - Number(b))
        .map((goal) => element("span", { class: this.reached.has(goal) ? "goal reached" : "goal" }, goal, this.reached.has(goal) ? " ✓" : "")),
      ` by moving thought ${place} alone?`,
    );
  }

  /** What else may be read in the chosen thought. */
  private drawReadings({ edited }: Experiment): void {
    const thought = edited.thoughts.at(this.thought - 1);
    const found = thought ? this.live.planner.readings([thought.latent], 0.01).slice(0, 4) : [];
    this.readings.replaceChildren("Here the decoder reads ");
    found.forEach(({ text, logProbability }, i) => {
      this.readings.append(i ? ", " : "", mono(text || "nothing"), ` (${percent(Math.exp(logProbability))})`);
    });
    this.readings.append(".");
  }

  private drawAnswers({ original, edited }: Experiment): void {
    const chances = [original, edited].map(
      (trace) => new Map(this.live.planner.answers(trace, 0.01).map(({ text, logProbability }) => [text, Math.exp(logProbability)])),
    );
    const texts = [...new Set(chances.flatMap((of) => [...of.keys()].slice(0, 5)))].sort((a, b) => Number(a) - Number(b));
    const bar = (chance: number): HTMLElement => element("i", { style: `width:${(100 * chance).toFixed(1)}%` });
    const said = (text: string): string => chances.map((of) => percent(of.get(text) ?? 0)).join(" → ");
    this.answers.replaceChildren(
      ...texts.map((text) =>
        element(
          "div",
          { class: "chance" },
          element("b", { class: "mono" }, text || "nothing"),
          element("div", { class: "pair" }, ...chances.map((of) => bar(of.get(text) ?? 0))),
          element("small", {}, said(text)),
        ),
      ),
    );
  }

  private drawLooked({ edited }: Experiment): void {
    const { planner } = this.live;
    const t = Math.min(this.thought, edited.thoughts.length);
    const heads = planner.attention(edited, t).at(-1) ?? [];
    const names = [...planner.tokens(edited.question), "start", ...edited.steps.slice(0, t - 1).map((step) => step.text)];
    const weights = names.map((_, i) => heads.reduce((sum, head) => sum + head[i] / heads.length, 0));
    const most = Math.max(...weights);
    this.looked.replaceChildren(
      ...names.map((name, i) => {
        const word = element("span", { style: `--weight:${(weights[i] / most).toFixed(3)}`, title: percent(weights[i]) }, name);
        if (i >= names.length - t) word.className = "after";
        return word;
      }),
    );
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
      const step = trace.steps.at(thought - 1);
      if (thought > trace.thoughts.length) return element("td", { class: "soft" }, "not thought");
      if (!step) return element("td", { class: "soft" }, "nothing"); // of a fixed number of thoughts, after the chain
      const changed = step.text !== original.steps[thought - 1]?.text;
      const chance = Math.exp(step.logProbability);
      return element("td", { class: changed ? "changed" : "" }, mono(step.text || "nothing"), element("small", {}, percent(chance)));
    };
    const line = element("tr", {}, element("th", { scope: "row" }, choose), cell(original), cell(edited));
    if (experiment.edit(thought)) line.className = "moved";
    return line;
  }

  /** Swap every thought for real ones, in turn, one whenever nothing else is to be done. */
  private async measure(experiment: Experiment, worked: Worked, asked: number): Promise<void> {
    const { original } = experiment;
    const counts = original.thoughts.map((): Count => ({ swaps: 0, changed: 0, followed: 0, clear: 0 }));
    this.drawMatters(counts);
    const others = counts.map((_, i) =>
      this.live.landmarks.filter((one) => one.place === i + 1 && one.text !== original.steps[i]?.text),
    );
    for (let n = 0; n < SWAPS; n++) {
      for (const [i, count] of counts.entries()) {
        if (n >= others[i].length) continue;
        const one = others[i][n];
        do await idle();
        while (!this.map.done && asked === this.asked); // what is in sight comes first
        if (asked !== this.asked) return;
        const after = this.live.planner.rethink(original, new Map([[i + 1, one.latent]]), false);
        const should = implied(worked, original, i + 1, one.text);
        count.swaps++;
        if (should && should.answer !== original.answer) count.clear++;
        if (after.answer !== original.answer) {
          if (after.answer === should?.answer) count.followed++;
          else count.changed++;
        }
      }
      this.drawMatters(counts);
    }
  }

  private drawMatters(counts: readonly Count[]): void {
    this.matters.replaceChildren(
      ...counts.map(({ swaps, changed, followed, clear }, i) => {
        const share = (n: number): string => `${swaps ? (100 * n) / swaps : 0}%`;
        const bar = element("div", { class: "bar-of" }, element("i", { style: `width:${share(followed)}` }), element("i", { style: `width:${share(changed)}` }));
        const said = swaps ? `${followed + changed} of ${swaps} swaps change the answer${clear ? `; ${followed} of the ${clear} that can be checked give what follows` : ""}` : "…";
        return element("div", { class: "matter" }, element("span", {}, `${i + 1}`), bar, element("small", {}, said));
      }),
    );
  }
}

/** When the browser has nothing else to do; where it does not say so, soon. */
const idle = (): Promise<unknown> =>
  new Promise((resolve) => {
    if ("requestIdleCallback" in window) requestIdleCallback(resolve);
    else setTimeout(resolve, 20);
  });

const HOW: Record<Edit["how"], string> = { dragged: "dragged", noise: "with noise", swapped: "swapped", typed: "typed" };

const percent = (share: number): string => `${Math.round(100 * share)} %`;
const term = (text: string): HTMLElement => element("dfn", {}, text);
const lead = (...parts: (Node | string)[]): HTMLElement => element("p", { class: "lead" }, ...parts);
const mono = (text: string): HTMLElement => element("span", { class: "mono" }, text);
const heading = (text: string): HTMLElement => element("th", { scope: "col" }, text);
const side = (text: string): HTMLElement => element("th", { scope: "row" }, text);
const what = (...text: string[]): HTMLElement =>
  element("details", { class: "what" }, element("summary", {}, "What is this?"), element("p", {}, text.join("")));
const FOLLOWS = (): HTMLElement => element("small", { class: "right" }, "✓ follows");
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
