/** "Move a thought": everything after it is thought anew. */

import "./move.css";
import { claimed, workOut, type Worked } from "../arithmetic";
import { button, element, shape } from "../dom";
import { Experiment, type Edit, type Mark } from "../move/experiment";
import { ThoughtMap } from "../move/map";
import type { Plane } from "../move/plane";
import { hint, implied, judged, largest, outcome, rangeOf, readAs, spoken, warnings, words, type Moved, type Range } from "../move/words";
import { about, type LivePlanner } from "../planners";
import type { Trace } from "../planner";
import type { Context, Mounted, Page } from "../site";

export const move: Page = {
  name: "move",
  title: "Move a thought",
  teaser: "drag it, and the answer follows",
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
  private readonly reads = element("p", { class: "soft small reads", role: "status" });
  private readonly knows: (number: number) => boolean;
  private readonly chain = element("table", { class: "chain" });
  private readonly heading = element("h2");
  private readonly verdict = element("p", { class: "verdict" });
  private readonly depth = element("input", { type: "range", min: "-1", max: "1", step: "0.02", id: "depth" });
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
  private readonly typed = element("input", { type: "text", id: "typed", class: "mono", size: "9", autocomplete: "off", spellcheck: "false", placeholder: "8+9=17" });
  private readonly mistyped = element("p", { class: "problem", role: "status" });
  private experiment: Experiment | null = null;
  private worked: Worked | null = null;
  private thought = 1;
  private plane: Plane | null = null;
  /** Where the thought comes from: what is thought without its own edit and later ones. */
  private before: Trace | null = null;
  private asked = 0;
  /** Whether what is shown is the page's own edit. */
  private opened = false;

  constructor(root: HTMLElement, context: Context) {
    this.context = context;
    this.live = context.planner;
    this.range = rangeOf(this.live.examples);
    this.knows = words(this.live.planner);
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
    this.field = element("input", { type: "text", id: "question", class: "mono", autocomplete: "off", spellcheck: "false", inputmode: "text", "aria-label": "Question" });
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
    picks.append(
      button("surprise me", () => {
        this.ask(this.live.examples[Math.floor(Math.random() * this.live.examples.length)]);
      }, { class: "pick-one" }),
    );
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
    }, { title: "One draw from the planner's own cloud of thoughts" });
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
    type.append(this.mistyped);
    if (!this.live.entry.encodes) {
      for (const part of type.querySelectorAll<HTMLInputElement | HTMLButtonElement>("input, button")) part.disabled = true;
      type.append(element("span", {}, "This network has no encoder that makes a thought of text."));
    }

    const { parameters, accuracy } = this.live.entry;
    const size = `It has ${(parameters / 1e6).toFixed(1)} million parameters`;
    const known = accuracy === null ? `${size}.` : `${size} and is right on ${(100 * accuracy).toFixed(0)} % of its test questions.`;
    const [name, history] = about(this.live.entry);
    root.append(
      element(
        "div",
        { class: "hero" },
        element(
          "div",
          {},
          element("h1", {}, "Move a thought"),
          lead(
            "Most language models reason in words. This small one thinks a few ",
            term("latent thoughts"),
            ` instead, each a vector of ${width} numbers. A `,
            term("decoder"),
            " beside it reads them as text. Drag one: all that follows is thought anew, here in your browser.",
          ),
        ),
        element(
          "div",
          {},
          form,
          this.problem,
          this.reads,
          element("p", { class: "soft small hint" }, hint(this.range, this.knows)),
          picks,
        ),
        element("p", { class: "soft small about" }, element("b", {}, name), `: ${history} ${known}`),
      ),
    );
    const left = element("section", { class: "plane", "aria-labelledby": "around" });
    this.heading.id = "around";
    left.append(
      this.heading,
      this.map.root,
      this.readings,
      element("div", { class: "depth" }, element("label", { for: "depth" }, "slide out of this plane"), this.depth),
      what(
        "What is this map?",
        `A flat cut through the space of ${width} numbers: through the thought as it came (the ring) and two real thoughts about other `,
        "questions (squares: press one to go there). The ellipses are its cloud: the planner says a normal distribution, and they lie at one, ",
        "two and three standard deviations.",
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
        "How do I read the table?",
        "Each line is one thought as the decoder reads it, with the probability that it gives this text. The planner never sees the ",
        "text: it goes on from the numbers. The disc beside a number is the thought's cloud: the larger, the wider. What is right or follows is said by a program that knows arithmetic.",
      ),
    );
    this.working.append(cards, left, right);
    const matters = element("section", { "aria-labelledby": "matters" });
    matters.append(
      element("h2", { id: "matters" }, "How much does each thought matter?"),
      element("p", { class: "soft small as-came" }, "Of the thoughts as they came, before any edit."),
      this.matters,
      what(
        "How is this measured?",
        `Each thought is swapped for up to ${SWAPS} real thoughts about other questions, and the planner thinks on. Dark: the answer became `,
        "what follows from the new thought. Light: it became something else, or nobody can say what follows (such as below zero). ",
        "No bar: the thought is no cause of the answer.",
      ),
    );
    const edits = element("section", { "aria-labelledby": "edits" });
    edits.append(element("h2", { id: "edits" }, "The edits"), this.list);
    const answers = element("section", { "aria-labelledby": "answers" });
    answers.append(
      element("h2", { id: "answers" }, "What the answer might be"),
      this.answers,
      what("What are the bars?", "The planner gives every answer a probability and says the likeliest. Blue: as it thought. Orange: after the edit."),
    );
    const looked = element("section", { "aria-labelledby": "looked" });
    looked.append(
      element("h2", { id: "looked" }, "What it looked at"),
      this.looked,
      what(
        "What do the shades mean?",
        "Attention: how much each part of the question and each earlier thought weighed in the last layer when the chosen thought was made ",
        "(mean over the heads). A hint at what was used; swaps are the proof.",
      ),
    );
    this.below.append(matters, answers, looked, edits);
    root.append(this.working, this.below);
  }

  /** The opening, and an example of three and of four steps. */
  private offers(): string[] {
    const { examples, opening } = this.live;
    const steps = (question: string): number => workOut(question).steps.length;
    const long = examples.filter((question) => steps(question) === 4).slice(3, 4);
    return [...new Set([...(opening ? [opening.question] : []), examples[0], ...long])];
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
      const worked = workOut(question);
      const said = warnings(worked, this.range, this.knows);
      const warned = said.length ? `Out of its depth: ${said.join("; ")}. The right answer is ${worked.value}.` : "";
      if (!worked.numbers.every(this.knows)) throw new Error(warned);
      const experiment = new Experiment(this.live, worked.question);
      if (edits) experiment.read(edits);
      this.problem.textContent = warned;
      this.reads.textContent = readAs(question, worked);
      [this.worked, this.experiment] = [worked, experiment];
      this.stale(false);
    } catch (error) {
      const kept = this.experiment ? ` What is shown is still ${this.experiment.question}.` : "";
      this.reads.textContent = "";
      this.problem.textContent = `${error instanceof Error ? error.message : String(error)}.${kept}`.replace("..", ".");
      this.stale(true);
      return;
    }
    this.thought = Math.min(Math.max(1, thought), this.experiment.thoughts);
    this.show();
    void this.measure(this.experiment, this.worked, this.asked);
  }

  /** Where a question cannot be thought about, what was shown before stays, in grey. */
  private stale(is: boolean): void {
    for (const part of [this.working, this.below]) {
      part.hidden = !this.experiment;
      part.classList.toggle("stale", is);
    }
  }

  private type(text: string): void {
    const step = claimed(text);
    const unknown = step && [step.left, step.right, step.value].filter((number) => !this.knows(number));
    if (this.experiment && unknown?.length === 0) {
      this.change(this.experiment.swapped(this.thought, text));
    } else if (unknown) {
      this.mistyped.textContent = `It has no word for ${unknown.join(" and ")}: it knows only numbers up to ${largest(this.knows)}.`;
    } else {
      this.mistyped.textContent = text ? `“${text}” is no step: write one such as 8+9=17.` : "Write a step such as 8+9=17.";
    }
  }

  // --------------------------------------------------------------------- edits

  private change(edit: Edit): void {
    this.opened = false;
    this.experiment?.remember();
    this.experiment?.put(edit);
    this.show();
  }

  /** All of it: another question, another thought, other landmarks. */
  private show(): void {
    this.plane = null;
    this.mistyped.textContent = "";
    this.thought = Math.min(this.thought, this.experiment?.edited.thoughts.length ?? 1);
    this.moved();
    this.offerSwaps();
    this.settled();
  }

  /** The thought is in another place of the same plane. */
  private moved(): void {
    const { experiment, worked, thought } = this;
    if (!experiment || !worked) return;
    if (!this.plane) this.before = experiment.before(thought);
    const before = this.before ?? experiment.original;
    const plane = (this.plane ??= experiment.plane(thought, before));
    const marks = experiment.marksOf(thought);
    const place = experiment.placeOf(thought);
    const { distribution } = before.thoughts[thought - 1];
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
      original: before.steps[thought - 1]?.text ?? "",
      answer: experiment.edited.answer,
    });
    this.tell(experiment, worked);
    this.depth.value = `${plane.depth ? place[2] / plane.depth : 0}`;
  }

  /** The thought rests: what need not be done at every frame of a drag. */
  private settled(): void {
    const { experiment, worked, thought } = this;
    if (!experiment || !worked) return;
    const earlier = experiment.list().filter((edit) => edit.thought < thought).map((edit) => edit.thought);
    this.heading.textContent = `Around thought ${thought}${earlier.length ? `, after your edit of thought ${earlier.join(" and ")}` : ""}`;
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
    const { head, text } = outcome(worked, experiment.original, experiment.edited, thought, movedIn(experiment), experiment.last);
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
    const { kind, head, text } = outcome(worked, original, edited, this.thought, movedIn(experiment), experiment.last);
    const draws = experiment.edit(this.thought)?.seeds.length;
    const answer = (trace: Trace): HTMLElement => {
      const follows = trace === edited && kind === "cause" && trace.answer !== right;
      const cell = element("td", {}, element("b", {}, trace.answer || "nothing"), follows ? FOLLOWS() : mark(trace.answer === right));
      if (trace.answer !== original.answer) cell.className = "changed";
      return cell;
    };
    this.chain.replaceChildren(
      element("thead", {}, element("tr", {}, element("td"), heading("as it thought"), heading("after the edit"))),
      element("tbody", {}, ...rows),
      element(
        "tfoot",
        {},
        element("tr", { class: "answer" }, side("answer"), answer(original), answer(edited)),
        element("tr", { class: "truth" }, side("right is"), element("td", { colspan: "2" }, mono(right))),
        element("tr", { class: "word" }, side("steps"), element("td", { colspan: "2" }, judged(worked, original))),
      ),
    );
    this.verdict.className = `verdict ${kind}`;
    const opening = this.opened ? ["We moved it to begin with; now drag the dot yourself. "] : [];
    this.verdict.replaceChildren(...opening, element("b", {}, head), " ", text);
    if (draws) this.verdict.append(` (Moved by ${draws === 1 ? "a draw" : `${draws} draws`} from its cloud: press “add noise” for more.)`);
    this.drawGoals(experiment, worked);
  }

  /** Answers that can be had by moving one thought of the opening. */
  private drawGoals(experiment: Experiment, worked: Worked): void {
    const { opening, landmarks } = this.live;
    const here = opening?.question === experiment.question ? opening : null;
    const [place, marks] = [here?.place ?? 1, here?.landmarks ?? []];
    const goals = marks.map((index) => implied(worked, experiment.original, [{ thought: place, now: landmarks[index].text }])?.answer ?? "");
    if (!this.opened && experiment.list().length === 1 && goals.includes(experiment.edited.answer)) this.reached.add(experiment.edited.answer);
    this.goals.hidden = !goals.length;
    const got = (goal: string): boolean => this.reached.has(goal);
    this.goals.replaceChildren(
      element("b", {}, `Goals, ${goals.filter(got).length} of ${goals.length}: `),
      `by moving thought ${place} alone, make it answer `,
      ...goals
        .sort((a, b) => Number(a) - Number(b))
        .map((goal) => element("span", { class: got(goal) ? "goal reached" : "goal" }, got(goal) ? "✓ " : "○ ", goal)),
      `Not on this map? Swap${this.live.entry.encodes ? " or type" : ""}.`,
    );
  }

  /** What else may be read in the chosen thought. */
  private drawReadings({ edited }: Experiment): void {
    const thought = edited.thoughts.at(this.thought - 1);
    const found = thought ? this.live.planner.readings([thought.latent], 0.01).slice(0, 4) : [];
    this.readings.replaceChildren("Here the decoder reads ");
    found.forEach(({ text, logProbability }, i) => {
      this.readings.append(i ? ", " : "", mono(spoken(text)), ` (${percent(Math.exp(logProbability))})`);
    });
    this.readings.append(". Colour: the result of the step; pale: the decoder is unsure.");
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
    choose.disabled = thought > edited.thoughts.length;
    choose.append(glyph(original, thought), `${thought}`);
    const cell = (trace: Trace): HTMLElement => {
      const step = trace.steps.at(thought - 1);
      if (thought > trace.thoughts.length) return element("td", { class: "soft" }, "not thought");
      if (!step) return element("td", { class: "soft" }, "nothing"); // of a fixed number of thoughts, after the chain
      const changed = step.text !== original.steps[thought - 1]?.text;
      const chance = Math.exp(step.logProbability);
      return element("td", { class: changed ? "changed" : "", title: step.text }, mono(spoken(step.text)), element("small", {}, percent(chance)));
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
    for (let n = 0; n < SWAPS; n++) { // all thoughts in turn, so that the first bars come soon
      for (const [i, count] of counts.entries()) {
        if (n >= others[i].length) continue;
        const one = others[i][n];
        do await idle();
        while (this.map.dragging && asked === this.asked);
        if (asked !== this.asked) return;
        const after = this.live.planner.rethink(original, new Map([[i + 1, one.latent]]), false);
        const should = implied(worked, original, [{ thought: i + 1, now: one.text }]);
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
        const said = swaps ? `${followed + changed} of ${swaps} change the answer${clear ? `, ${followed}${clear < swaps ? ` of ${clear}` : ""} as arithmetic says` : ""}` : "measuring";
        return element("div", { class: "matter" }, element("span", {}, `${i + 1}`), bar, element("small", {}, said));
      }),
    );
  }
}

/** When the browser has nothing else to do; where it does not say so, soon. */
const idle = (): Promise<unknown> =>
  new Promise((resolve) => {
    if ("requestIdleCallback" in window) requestIdleCallback(resolve, { timeout: 120 });
    else setTimeout(resolve, 20);
  });

const HOW: Record<Edit["how"], string> = { dragged: "dragged", noise: "with noise", swapped: "swapped", typed: "typed" };

const percent = (share: number): string => `${Math.round(100 * share)} %`;
const term = (text: string): HTMLElement => element("dfn", {}, text);
const lead = (...parts: (Node | string)[]): HTMLElement => element("p", { class: "lead" }, ...parts);
const mono = (text: string): HTMLElement => element("span", { class: "mono" }, text);
const heading = (text: string): HTMLElement => element("th", { scope: "col" }, text);
const side = (text: string): HTMLElement => element("th", { scope: "row" }, text);
const what = (title: string, ...text: string[]): HTMLElement =>
  element("details", { class: "what" }, element("summary", {}, title), element("p", {}, text.join("")));
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

/** The thoughts that were moved and are still thought, in their order. */
const movedIn = (experiment: Experiment): Moved[] =>
  experiment
    .list()
    .filter(({ thought }) => thought <= experiment.edited.thoughts.length)
    .map(({ thought }) => ({ thought, now: experiment.typed(thought) ?? experiment.edited.steps.at(thought - 1)?.text ?? "" }));
