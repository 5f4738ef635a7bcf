/** "Race": one problem, words against thoughts, pass by pass in slow motion. */

import "./race.css";
import { claimed, readStep, stepText, used, verify, workOut, type Worked } from "../arithmetic";
import { button, element } from "../dom";
import { hint, rangeOf, readAs, warnings, words } from "../move/words";
import type { Trace } from "../planner";
import { about, HISTORIES, type LivePlanner } from "../planners";
import type { Context, Mounted, Page } from "../site";

export const race: Page = {
  name: "race",
  title: "Race",
  teaser: "words against thoughts, pass by pass",
  shows: Infinity,
  mount,
};

const PROBLEMS = ["(3+4)*(9-2)", "((2*3)-(2+1))+6", "(2*3)+(4*5)", "((6-2)*3)+8"];
/** Passes a second at the middle of the slider. */
const USUAL = 3;

/** One pass through the network. */
interface Pass {
  kind: "thought" | "token" | "answer" | "end";
  text: string;
}

interface Lane {
  live: LivePlanner;
  title: string;
  root: HTMLElement;
  track: HTMLElement;
  read: HTMLElement;
  count: HTMLElement;
  result: HTMLElement;
  passes: Pass[];
  trace: Trace | null;
}

async function mount(root: HTMLElement, context: Context): Promise<Mounted> {
  const order = Object.keys(HISTORIES);
  const rank = (name: string): number => (order.includes(name) ? order.indexOf(name) : order.length);
  const entries = [...context.planners].sort((a, b) => rank(a.name) - rank(b.name));
  return new Race(root, context, await Promise.all(entries.map((entry) => context.load(entry.name))));
}

class Race implements Mounted {
  private readonly context: Context;
  private readonly lanes: Lane[];
  private readonly field = element("input", { type: "text", id: "problem", autocomplete: "off", spellcheck: "false" });
  private readonly message = element("p", { class: "alert", role: "status" });
  private readonly reads = element("p", { class: "hint", role: "status" });
  private readonly conclusion = element("p", { class: "conclusion" });
  private readonly clock = element("output", { class: "clock", "aria-label": "passes so far" });
  private readonly playing: HTMLButtonElement;
  private readonly speed = element("input", { type: "range", id: "speed", min: "-2", max: "2", step: "0.5", value: "0" });
  private worked: Worked = { steps: [], value: 0, numbers: [], question: "" };
  private now = 0;
  private timer = 0;

  constructor(root: HTMLElement, context: Context, planners: LivePlanner[]) {
    this.context = context;
    this.lanes = planners.map(lane);
    this.playing = button("play", () => {
      this.play(!this.timer);
    });
    this.field.value = context.state.get("q") ?? PROBLEMS[0];
    this.field.addEventListener("change", () => {
      this.start();
    });
    root.append(
      element("h1", {}, "Race"),
      element(
        "p",
        { class: "lead" },
        "A network that writes its steps needs one pass through itself for every token: every number and every sign. One " +
          "that thinks in vectors (latent thoughts, lists of numbers) needs one pass for a whole step. Here they race, in slow motion.",
      ),
      element(
        "div",
        { class: "row" },
        element("label", { for: "problem", class: "soft" }, "Problem"),
        this.field,
        ...PROBLEMS.map((problem) =>
          button(problem, () => {
            this.field.value = problem;
            this.start();
          }),
        ),
        button("surprise me", () => {
          const { examples } = this.lanes[0].live;
          this.field.value = examples[Math.floor(Math.random() * examples.length)];
          this.start();
        }),
      ),
      element("p", { class: "soft hint" }, hint(rangeOf(planners[0].examples), words(planners[0].planner))),
      this.reads,
      this.message,
      element(
        "div",
        { class: "row", role: "group", "aria-label": "The race" },
        this.playing,
        button("one pass", () => {
          this.play(false);
          this.show(this.now + 1);
        }),
        button("from the start", () => {
          this.show(0);
          this.play(true);
        }),
        button("to the end", () => {
          this.play(false);
          this.show(this.length());
        }),
        element("label", { class: "slow", for: "speed" }, "slow", this.speed, "fast"),
        element("span", { class: "soft" }, "pass ", this.clock),
      ),
      element("div", { class: "lanes" }, ...this.lanes.map((each) => each.root)),
      this.conclusion,
      notes(),
    );
    this.start(!matchMedia("(prefers-reduced-motion: reduce)").matches);
  }

  unmount(): void {
    this.play(false);
  }

  private length(): number {
    return Math.max(0, ...this.lanes.map((each) => each.passes.length));
  }

  /** Think about what is in the field, and race from the start; or stand at the end. */
  private start(run = true): void {
    const question = this.field.value.trim();
    this.message.textContent = "";
    try {
      const worked = workOut(question);
      if (worked.value < 0 || worked.steps.some((step) => step.value < 0)) {
        throw new Error("A number below zero comes up, and these networks know none: turn the subtraction round");
      }
      const traces = this.lanes.map((each) => each.live.planner.think(worked.question));
      this.worked = worked;
      this.lanes.forEach((each, i) => {
        [each.trace, each.passes] = [traces[i], passes(traces[i])];
        each.track.replaceChildren();
        each.read.replaceChildren();
      });
      const { examples, planner } = this.lanes[0].live;
      const said = warnings(worked, rangeOf(examples), words(planner));
      if (said.length) this.message.textContent = `Out of a racer's depth: ${said.join("; ")}. The right answer is ${worked.value}.`;
      this.reads.textContent = readAs(question, worked);
    } catch (error) {
      this.message.textContent = error instanceof Error ? error.message : String(error);
      if (this.length()) return; // the last race stays
    }
    this.context.keep({ q: question });
    this.show(run ? 0 : this.length());
    this.play(run);
  }

  private play(on: boolean): void {
    clearTimeout(this.timer);
    this.timer = 0;
    if (on && this.now >= this.length()) this.show(0);
    if (on && this.length()) {
      const tick = (): void => {
        this.show(this.now + 1);
        this.timer = 0;
        if (this.now < this.length()) this.timer = setTimeout(tick, 1000 / (USUAL * 2 ** Number(this.speed.value)));
        else this.context.say(`${this.lanes.map((each) => `${each.title}: ${each.result.textContent}`).join(". ")}. ${this.conclusion.textContent}`);
        this.playing.textContent = this.timer ? "pause" : "play";
      };
      this.timer = setTimeout(tick, 600);
    }
    this.playing.textContent = this.timer ? "pause" : "play";
  }

  /** The race after so many passes. */
  private show(now: number): void {
    this.now = Math.min(now, this.length());
    this.clock.textContent = String(this.now);
    for (const each of this.lanes) {
      const done = each.passes.slice(0, this.now);
      if (each.track.childElementCount > done.length) each.track.replaceChildren();
      for (const pass of done.slice(each.track.childElementCount)) each.track.append(pill(pass));
      each.count.textContent = String(done.length);
      this.showRead(each, done);
      const over = done.length === each.passes.length && each.trace !== null;
      each.root.dataset.over = String(over);
      each.result.replaceChildren(...(over ? this.verdict(each) : []));
    }
    this.conclusion.textContent = this.length() && this.now === this.length() ? this.concluded() : "";
  }

  /** Who is right, and after how many passes. */
  private concluded(): string {
    const right = this.lanes.filter((each) => each.trace?.answer === String(this.worked.value));
    if (!right.length) return "No racer is right.";
    const who = right.map((each) => `${each.title} after ${each.passes.length}`).join(", ");
    return `${right.length === this.lanes.length ? "Same answer, all right" : "The right answer"}: ${who} passes.`;
  }

  /** What its thoughts so far mean, each judged. */
  private showRead(each: Lane, done: Pass[]): void {
    const thoughts = done.filter((pass) => pass.kind === "thought").length;
    const { max_latents, latents_per_step } = each.live.planner.config;
    const texts = each.trace?.steps.slice(0, max_latents ? thoughts : 0).map((step) => step.text) ?? [];
    const silent = each.live.entry.decodes && latents_per_step === 1 ? thoughts - texts.length : 0;
    if (each.read.childElementCount > texts.length + silent) each.read.replaceChildren();
    for (let i = each.read.childElementCount; i < texts.length; i++) {
      const fault = this.fault(each.trace?.steps.map((step) => step.text) ?? [], i);
      const step = element("span", { class: "step", "data-right": String(!fault) }, `${fault ? "✗" : "✓"} ${texts[i] || "nothing"}`);
      if (fault) step.append(element("small", {}, fault));
      each.read.append(step);
    }
    for (let i = texts.length + silent - each.read.childElementCount; i > 0; i--) each.read.append(element("span", { class: "soft" }, "nothing"));
  }

  /** Why step i of a chain is not in its place; empty where it is. */
  private fault(chain: string[], i: number): string {
    const { steps } = this.worked;
    const { inPlace } = verify(steps, chain);
    if (inPlace[i]) return "";
    const done = chain.slice(0, i).filter((_, k) => inPlace[k]);
    const fitting = steps.filter((step) => stepText(step) === chain[i]);
    const missing = fitting.flatMap(used).map((k) => stepText(steps[k])).find((text) => !done.includes(text));
    if (missing) return `before ${missing}, which it builds on`;
    if (fitting.length) return "said twice";
    if (!claimed(chain[i])) return "no step";
    return readStep(chain[i]) ? "not needed" : "wrong";
  }

  /** Whether its answer and its steps are right. */
  private verdict({ trace, live }: Lane): HTMLElement[] {
    if (!trace) return [];
    const said = (right: boolean, yes: string, no: string): HTMLElement =>
      element("span", { "data-right": String(right) }, right ? `✓ ${yes}` : `✗ ${no}`);
    const answer = said(
      trace.answer === String(this.worked.value),
      `answer ${trace.answer}`,
      `answer ${trace.answer || "nothing"}, right is ${this.worked.value}`,
    );
    if (!live.entry.decodes && live.planner.config.max_latents) return [answer];
    const chain = verify(this.worked.steps, trace.steps.map((step) => step.text));
    return [answer, said(chain.right, "steps right", `steps: ${chain.done} of ${chain.needed} in place`)];
  }
}

function passes(trace: Trace): Pass[] {
  const answered = trace.written.lastIndexOf(";") + 1;
  return [
    ...trace.thoughts.map((_, i): Pass => ({ kind: "thought", text: String(i + 1) })),
    ...trace.written.map((text, i): Pass => ({ kind: i < answered ? "token" : "answer", text })),
    ...(trace.ended ? [{ kind: "end", text: "end" } satisfies Pass] : []),
  ];
}

function pill(pass: Pass): HTMLElement {
  const what = { thought: "a thought", token: "a token", answer: "the answer", end: "the end token" }[pass.kind];
  return element("span", { class: `pass ${pass.kind}`, title: what }, pass.text);
}

function lane(live: LivePlanner): Lane {
  const [title, how] = about(live.entry);
  const track = element("div", { class: "track" });
  const read = element("div", { class: "read" });
  const count = element("b", {}, "0");
  const result = element("p", { class: "result" });
  const root = element(
    "section",
    { class: "lane", "aria-label": title },
    element("div", { class: "who" }, element("h2", {}, title), element("p", { class: "soft" }, how)),
    element("div", { class: "course" }, track, read, result),
    element("p", { class: "count" }, count, " passes"),
  );
  return { live, title, root, track, read, count, result, passes: [], trace: null };
}

function notes(): HTMLElement {
  const part = (title: string, text: string): HTMLElement => element("section", {}, element("h2", {}, title), element("p", {}, text));
  return element(
    "div",
    { class: "story" },
    part(
      "What is counted",
      "All racers have read the problem. Then every box is one pass through the same four layers, and none can begin " +
        "before the last has ended. A blue disc is a thought: a vector that is fed back as it is. A letter or number is a " +
        "token that is written and read again. “end” says: I am done.",
    ),
    part(
      "What you see below the discs",
      "A small decoder reads each thought as text. That is for us. The racer does not wait for it, so it is not counted. " +
        "✓ marks a step that the problem needs, once, and only after the steps it builds on.",
    ),
    part(
      "Look at two steps that could come first",
      "In (3+4)*(9-2) either bracket may be worked out first. Teachers disagree, so imitation thinks of both at once: it " +
        "says the same step twice. The answer may be right all the same: it is read from the vectors, not from their text. The planner was rewarded for right chains and takes one after the other.",
    ),
  );
}
