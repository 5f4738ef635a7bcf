/** "How it works": eight stops from a question to what is learnt from it, with the numbers of the planner itself. */

import "./how.css";
import { verify, workOut, type Worked } from "../arithmetic";
import { button, element, shape } from "../dom";
import type { Vector } from "../math";
import type { Trace } from "../planner";
import { hint, rangeOf, readAs, warnings, words } from "../move/words";
import { about, type LivePlanner } from "../planners";
import { draw, drawn, seeded } from "../random";
import type { Context, Mounted, Page } from "../site";

export const how: Page = {
  name: "how",
  title: "How it works",
  teaser: "one question in eight stops, with its numbers",
  mount,
};

/** The first has a wide cloud: draws of its first thought read as different steps. */
const PROBLEMS = ["((9*5)-3)-(4+4)", "(3+4)*(9-2)", "(2*3)+(4*5)", "((6-2)*3)+8"];
/** Tries of one group, and draws whose readings are counted. */
const [TRIES, DRAWS] = [8, 40];

interface Stop {
  title: string;
  says: string;
  formula: [string, string];
}

const STOPS: readonly Stop[] = [
  {
    title: "Words become numbers",
    says:
      "A network computes, so every word of the question must become numbers. A table holds one row of 64 numbers for each " +
      "word it knows. That row is the word's embedding. Each line here is one; blue is below zero, orange above.",
    formula: ["e_i = E[x_i]", "x_i is the i-th token, E a learned table with 64 columns. ⟨think⟩ is a token too: it says that thinking begins."],
  },
  {
    title: "Layers read the question",
    says:
      "The embeddings pass through layers. In each, every position looks back at the others and takes what it needs: this is " +
      "attention. The result at the last position is the state: 64 numbers that hold what matters for the next thought. The " +
      "darker a token, the more the last layer looked at it.",
    formula: ["h_t = f(e_1 … e_n, l_1 … l_t-1)", "f is a small transformer. Attention weights are softmax(q·k / √16), one set for each of 4 heads; shown is their mean."],
  },
  {
    title: "A cloud of possible thoughts",
    says:
      "A latent thought is a vector of 64 numbers. From the state a small head makes not one thought but a cloud: for each of 64 numbers a middle, mu, and a spread, " +
      "sigma. A dot is a middle, its bar reaches one spread up and down. A wide bar says: this number may vary.",
    formula: ["q(l_t | h_t) = N(mu_t, sigma_t²)", "A Gaussian in 64 dimensions, each independent of the others. mu and log sigma² are linear in features of h_t."],
  },
  {
    title: "One thought is drawn",
    says:
      "When it explores, it draws a thought from the cloud at random. When it should do its best, it takes the middle. Draw a " +
      "few: the rings are what was drawn. Below is what forty draws are read as. The middle (stop 5) may be surer than they are. Compare (3+4)*(9-2), or another network: do its draws agree?",
    formula: ["l_t = mu_t + sigma_t · ε,  ε ~ N(0, 1)", "Written so, the noise stands apart, and a gradient can pass through mu and sigma (Kingma and Welling 2014)."],
  },
  {
    title: "The thought is read back",
    says:
      "64 numbers tell you nothing. So a second small network, the decoder, was trained to write each thought out as the step " +
      "it stands for. It gives several readings a probability. It is there for us, and for the reward: the planner does not need it.",
    formula: ["p(step | l_t) = Π_k p(token_k | l_t, tokens before)", "The decoder writes token by token; the probability of a step is the product."],
  },
  {
    title: "Again, or enough?",
    says:
      "The thought is fed back as the next input, and the loop turns. After each one a third small head says how likely it was " +
      "the last. Above one half, thinking stops.",
    formula: ["p(stop_t) = 1 / (1 + exp(-s(h_t)))", "s is a small network of two layers. No one tells it how many thoughts a question needs."],
  },
  {
    title: "The answer is written",
    says:
      "Now it speaks: it writes the answer in words, token by token, with the question and its thoughts in view. The right " +
      "answer stands beside it, worked out from the question.",
    formula: ["p(answer | question, l_1 … l_T)", "The same transformer as before, now with words as inputs and outputs."],
  },
  {
    title: "Practice, with a reward",
    says:
      "How does such a network learn to plan? It tries each question eight times, at random. Every try gets a reward: the " +
      "share of its steps that the question needs, each in its place; one struck through was not needed, said twice or too early. " +
      "The advantage is the reward minus the group's mean, in standard deviations of the group. What is above zero is made " +
      "likelier, what is below rarer. The answer earns nothing here.",
    formula: ["A_i = (r_i − mean(r)) / std(r)", "The advantage of try i within its group (GRPO, Shao et al. 2024). It multiplies the gradient of log p(what was tried)."],
  },
];

async function mount(root: HTMLElement, context: Context): Promise<Mounted> {
  const before = context.planners.find((entry) => entry.name === "atp-sft");
  return new HowPage(root, context, before ? await context.load(before.name) : context.planner);
}

class HowPage implements Mounted {
  private readonly context: Context;
  private readonly before: LivePlanner;
  private readonly field = element("input", { type: "text", id: "problem", autocomplete: "off", spellcheck: "false" });
  private readonly message = element("p", { class: "alert", role: "status" });
  private readonly reads = element("p", { class: "hint", role: "status" });
  private readonly thoughtPicker = element("div", { class: "row", role: "group", "aria-label": "Which thought is shown" });
  private readonly pictures: HTMLElement[];
  private readonly sections: HTMLElement[];
  private readonly rail = element("nav", { class: "rail", "aria-label": "Eight stops" });
  private readonly watch: IntersectionObserver;
  private trace: Trace | null = null;
  private worked: Worked | null = null;
  private t = 1;
  private seed = 1;

  constructor(root: HTMLElement, context: Context, before: LivePlanner) {
    this.context = context;
    this.before = before;
    this.field.value = context.state.get("q") ?? PROBLEMS[0];
    this.field.addEventListener("change", () => {
      this.think();
    });
    this.pictures = STOPS.map(() => element("div", { class: "picture" }));
    this.sections = STOPS.map((stop, i) => section(stop, i, this.pictures[i]));
    const link = (text: string, i: number, attributes = {}): HTMLElement =>
      button(text, () => {
        this.sections[i].scrollIntoView({ behavior: smooth(), block: "start" });
        this.sections[i].querySelector("h2")?.focus({ preventScroll: true });
      }, attributes);
    this.rail.append(...STOPS.map(({ title }, i) => link(String(i + 1), i, { "aria-label": `Stop ${i + 1}: ${title}`, title })));
    const [name, history] = about(context.planner.entry);
    root.append(
      element("h1", {}, "How it works"),
      element(
        "p",
        { class: "lead" },
        "Follow one question through a network that thinks in vectors, in eight stops. Every number is computed here, while you " +
          "read. The heart is ",
        link("stop 4", 3),
        ": one thought is drawn.",
      ),
      element(
        "div",
        { class: "row" },
        element("label", { for: "problem", class: "soft" }, "Question"),
        this.field,
        ...PROBLEMS.map((problem) =>
          button(problem, () => {
            this.field.value = problem;
            this.think();
          }),
        ),
        button("surprise me", () => {
          const { examples } = context.planner;
          this.field.value = examples[Math.floor(Math.random() * examples.length)];
          this.think();
        }),
      ),
      element("p", { class: "soft hint" }, hint(rangeOf(context.planner.examples), words(context.planner.planner)), element("br"), element("b", {}, name), `: ${history}`),
      this.reads,
      this.message,
      this.thoughtPicker,
      element("div", { class: "stops" }, this.rail, element("div", {}, ...this.sections)),
    );
    this.watch = new IntersectionObserver(
      (seen) => {
        for (const { target } of seen.filter((one) => one.isIntersecting)) {
          for (const stop of this.rail.children) stop.removeAttribute("aria-current");
          this.rail.children.item(this.sections.indexOf(target as HTMLElement))?.setAttribute("aria-current", "step");
        }
      },
      { rootMargin: "-40% 0px -60% 0px" }, // a line: one stop is on it, or none between two
    );
    for (const each of this.sections) this.watch.observe(each);
    this.think();
  }

  unmount(): void {
    this.watch.disconnect();
  }

  private think(): void {
    const question = this.field.value.trim();
    this.message.textContent = "";
    try {
      this.worked = workOut(question);
      this.trace = this.context.planner.planner.think(this.worked.question);
      const { examples, planner } = this.context.planner;
      const said = warnings(this.worked, rangeOf(examples), words(planner));
      if (said.length) this.message.textContent = `Out of its depth: ${said.join("; ")}. The right answer is ${this.worked.value}.`;
      this.reads.textContent = readAs(question, this.worked);
    } catch (error) {
      this.message.textContent = error instanceof Error ? error.message : String(error);
      return;
    }
    this.context.keep({ q: question });
    this.t = 1;
    this.show();
  }

  private show(): void {
    const { trace, worked } = this;
    if (!trace || !worked) return;
    this.thoughtPicker.replaceChildren(
      element("span", { class: "soft" }, "Stops 2 to 5 show"),
      ...trace.thoughts.map((_, i) => {
        const made = button(`thought ${i + 1}`, () => {
          this.t = i + 1;
          this.show();
        });
        made.setAttribute("aria-pressed", String(this.t === i + 1));
        return made;
      }),
    );
    const fill = [
      this.words(trace),
      this.state(trace),
      this.cloud(trace),
      this.drawing(trace),
      this.reading(trace),
      this.stopping(trace),
      this.answering(trace, worked),
      this.practice(worked),
    ];
    this.pictures.forEach((picture, i) => {
      picture.replaceChildren(...fill[i]);
    });
  }

  private get thought(): Trace["thoughts"][number] {
    const found = this.trace?.thoughts[this.t - 1];
    if (!found) throw new Error(`there is no thought ${this.t}`);
    return found;
  }

  private words(trace: Trace): Node[] {
    const { planner } = this.context.planner;
    const rows = planner.embeddings(trace.question);
    return rows.map(({ text, embedding }) =>
      element("div", { class: "line" }, element("span", { class: "mono" }, special(text)), strip(embedding, `embedding of ${special(text)}`)),
    );
  }

  private state(trace: Trace): Node[] {
    const { planner } = this.context.planner;
    const last = planner.attention(trace, this.t).at(-1) ?? [];
    const names = [...planner.embeddings(trace.question).map(({ text }) => special(text)), ...trace.thoughts.slice(0, this.t - 1).map((_, i) => `thought ${i + 1}`)];
    const weights = names.map((_, i) => last.reduce((sum, head) => sum + head[i], 0) / last.length);
    const top = Math.max(...weights);
    return [
      element(
        "div",
        { class: "tokens" },
        ...names.map((name, i) =>
          element(
            "span",
            { class: "token", style: `--weight: ${(weights[i] / top).toFixed(3)}` },
            element("b", { class: "mono" }, name),
            element("small", {}, percent(weights[i])),
          ),
        ),
      ),
      element("div", { class: "line" }, element("span", {}, `state ${this.t}`), strip(this.thought.hidden, `state ${this.t}`)),
    ];
  }

  private cloud(trace: Trace): Node[] {
    const said = this.thought.distribution;
    const spread = said.logvars ? deviations(said.logvars[0]) : null;
    const mean = spread ? spread.reduce((sum, value) => sum + value, 0) / spread.length : 0;
    return [
      cloudOf(said.means[0], spread, null, `mu and sigma of thought ${this.t}`),
      caption(
        spread
          ? `Thought ${this.t} of ${trace.thoughts.length}. The mean spread is ${mean.toFixed(2)}; mu reaches from ${Math.min(...said.means[0]).toFixed(2)} to ${Math.max(...said.means[0]).toFixed(2)}.`
          : "This planner thinks points: there is no cloud.",
      ),
    ];
  }

  private drawing(trace: Trace): Node[] {
    const { planner } = this.context.planner;
    const said = this.thought.distribution;
    const random = seeded(this.seed * 1000 + this.t);
    const latent = draw(said, random);
    const read = planner.readBack([latent]);
    const counts = new Map<string, number>();
    for (let i = 0; i < DRAWS; i++) {
      const text = planner.readBack([draw(said, random)])?.text ?? "";
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
    const sorted = [...counts].sort((a, b) => b[1] - a[1]);
    const others = sorted.slice(5).reduce((sum, [, n]) => sum + n, 0);
    const again = button("draw again", () => {
      this.seed++;
      this.pictures[3].replaceChildren(...this.drawing(trace));
      this.pictures[3].querySelector("button")?.focus({ preventScroll: true });
    });
    return [
      cloudOf(said.means[0], said.logvars ? deviations(said.logvars[0]) : null, latent, `a draw of thought ${this.t}`),
      element("p", { class: "row" }, again, element("span", {}, "this draw reads "), element("b", { class: "mono" }, read?.text ?? "")),
      bars(sorted.slice(0, 5).map(([text, n]) => [text, n / DRAWS, `${n} of ${DRAWS}`])),
      caption(others ? `The other ${others} read as something else.` : ""),
    ];
  }

  private reading(trace: Trace): Node[] {
    const { planner } = this.context.planner;
    const found = planner.readings([this.thought.latent], 0.001).slice(0, 5);
    return [
      element("div", { class: "line" }, element("span", {}, `thought ${this.t}`), strip(this.thought.latent, `thought ${this.t}`)),
      bars(found.map(({ text, logProbability }) => [text, Math.exp(logProbability), percent(Math.exp(logProbability))])),
      caption(`All of them: ${trace.steps.map((step) => step.text).join(", then ")}.`),
    ];
  }

  private stopping(trace: Trace): Node[] {
    return [
      bars(
        trace.thoughts.map(({ stopLogit }, i) => {
          const share = 1 / (1 + Math.exp(-stopLogit));
          return [`after thought ${i + 1}`, share, `${percent(share)}: ${share > 0.5 ? "enough" : "again"}`];
        }),
        true,
      ),
    ];
  }

  private answering(trace: Trace, worked: Worked): Node[] {
    const right = trace.answer === String(worked.value);
    return [
      element("p", { class: "answer", "data-right": String(right) }, element("small", {}, "it writes"), trace.answer || "nothing"),
      element("p", { class: "answer" }, element("small", {}, "right is"), String(worked.value)),
      caption(`${trace.written.length} token${trace.written.length === 1 ? "" : "s"} in words, after ${trace.thoughts.length} thoughts.`),
    ];
  }

  private practice(worked: Worked): Node[] {
    const tries = Array.from({ length: TRIES }, (_, i) => {
      const trace = this.before.planner.think(worked.question, new Map(), drawn(seeded(100 * this.seed + i)));
      const chain = trace.steps.map((step) => step.text);
      const { done, needed, inPlace } = verify(worked.steps, chain);
      return { chain, inPlace, reward: done / Math.max(needed, chain.length) };
    });
    const mean = tries.reduce((sum, one) => sum + one.reward, 0) / TRIES;
    const deviation = Math.sqrt(tries.reduce((sum, one) => sum + (one.reward - mean) ** 2, 0) / TRIES);
    const rows = tries.map(({ chain, inPlace, reward }, i) => {
      const advantage = deviation > 1e-6 ? (reward - mean) / deviation : 0;
      return element(
        "tr",
        {},
        element("th", { scope: "row" }, String(i + 1)),
        element("td", { class: "mono" }, ...chain.map((text, k) => element("span", { class: "step", "data-right": String(inPlace[k]) }, text))),
        element("td", {}, reward.toFixed(2)),
        element("td", { class: "advantage", "data-sign": String(Math.sign(advantage)) }, signed(advantage)),
      );
    });
    const again = button("eight others", () => {
      this.seed++;
      this.pictures[7].replaceChildren(...this.practice(worked));
      this.pictures[7].querySelector("button")?.focus({ preventScroll: true });
    });
    const all = button("all eight", () => {
      all.hidden = true;
      this.pictures[7].querySelector("table")?.classList.add("all");
    }, { class: "all-eight" });
    return [
      caption(
        this.before === this.context.planner
          ? "Eight tries of this planner:"
          : `Eight tries of a network that has not practised, only imitated (${this.before.entry.title}):`,
      ),
      element(
        "table",
        { class: "tries" },
        element("thead", {}, element("tr", {}, ...["try", "its steps", "reward", "advantage"].map((text) => element("th", { scope: "col" }, text)))),
        element("tbody", {}, ...rows),
      ),
      element("p", { class: "row" }, again, all, element("span", { class: "soft" }, `mean reward ${mean.toFixed(2)}; above it likelier, below it rarer`)),
    ];
  }
}

const smooth = (): ScrollBehavior => (matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth");
const percent = (share: number): string => (share > 0.995 && share < 1 ? "> 99 %" : share < 0.005 && share > 0 ? "< 1 %" : `${Math.round(100 * share)} %`);
const signed = (value: number): string => (Math.abs(value) < 0.005 ? "0" : `${value > 0 ? "+" : "−"}${Math.abs(value).toFixed(2)}`);
const special = (text: string): string => (text.startsWith("<|") ? "⟨think⟩" : text);
const deviations = (logvar: Vector): Vector => logvar.map((value) => Math.exp(0.5 * value));
const caption = (text: string): HTMLElement => element("p", { class: "soft caption" }, text);

function section(stop: Stop, i: number, picture: HTMLElement): HTMLElement {
  return element(
    "section",
    { class: "stop" },
    element(
      "div",
      { class: "prose" },
      element("span", { class: "number", "aria-hidden": "true" }, String(i + 1)),
      element("h2", { tabindex: "-1" }, stop.title),
      element("p", {}, stop.says),
    ),
    element(
      "div",
      {},
      picture,
      element("details", {}, element("summary", {}, "The formula"), element("p", { class: "formula" }, stop.formula[0]), element("p", { class: "soft" }, stop.formula[1])),
    ),
  );
}

/** 64 numbers as coloured bars: blue below zero, orange above. */
function strip(values: Vector, label: string): SVGElement {
  const top = Math.max(...values.map(Math.abs)) || 1;
  return shape(
    "svg",
    { class: "strip", viewBox: `0 0 ${values.length} 10`, preserveAspectRatio: "none", role: "img", "aria-label": `${label}: ${Array.from(values.slice(0, 4), (value) => value.toFixed(2)).join(", ")} and ${values.length - 4} more` },
    ...Array.from(values, (value, i) => {
      const size = (5 * Math.abs(value)) / top;
      return shape("rect", { class: value < 0 ? "below" : "above", x: i + 0.1, width: 0.8, y: value < 0 ? 5 : 5 - size, height: Math.max(size, 0.15) });
    }),
  );
}

/** mu and sigma of every dimension, and a draw. */
function cloudOf(mean: Vector, spread: Vector | null, drawnLatent: Vector | null, label: string): SVGElement {
  const [width, height] = [640, 220];
  const reach = 1.08 * Math.max(...mean.map((value, i) => Math.abs(value) + (spread?.[i] ?? 0)), ...(drawnLatent ?? new Float32Array(1)).map(Math.abs));
  const y = (value: number): number => height / 2 - (value / reach) * (height / 2 - 8);
  const x = (i: number): number => 34 + ((i + 0.5) * (width - 40)) / mean.length;
  const parts: SVGElement[] = [shape("line", { class: "zero", x1: 30, x2: width, y1: y(0), y2: y(0) }), shape("text", { x: 24, y: y(0) + 4, "text-anchor": "end" }, "0")];
  for (const value of [Math.floor(reach), -Math.floor(reach)]) {
    if (value) parts.push(shape("text", { x: 24, y: y(value) + 4, "text-anchor": "end" }, String(value).replace("-", "−")));
  }
  mean.forEach((value, i) => {
    const sigma = spread?.[i] ?? 0;
    parts.push(shape("line", { class: "sigma", x1: x(i), x2: x(i), y1: y(value - sigma), y2: y(value + sigma) }));
    parts.push(shape("circle", { class: "mu", cx: x(i), cy: y(value), r: 2.6 }));
    if (drawnLatent) parts.push(shape("circle", { class: "drawn", cx: x(i), cy: y(drawnLatent[i]), r: 3.2 }));
  });
  return shape("svg", { class: "cloud", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, ...parts);
}

/** Name, share, and what is written at the end. */
function bars(rows: [string, number, string][], half = false): HTMLElement {
  return element(
    "dl",
    { class: half ? "bars half" : "bars" },
    ...rows.flatMap(([name, share, says]) => [
      element("dt", { class: half ? "" : "mono" }, name || "nothing"),
      element("dd", {}, element("i", { style: `--share: ${share.toFixed(4)}` }), element("span", {}, says)),
    ]),
  );
}
