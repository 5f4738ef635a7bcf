/** What an edit has done, in words. */

import { claimed, replaced, stepText, verify, workOut, type Step, type Worked } from "../arithmetic";
import type { Planner, Trace } from "../planner";

/** A thought that was moved, and the step that it stands for now: what is read in it, or what was typed. */
export interface Moved {
  thought: number;
  now: string;
}

/** What should follow from moved thoughts. */
export interface Implied {
  /** After the last of them. */
  later: string[];
  answer: string;
  /** All steps of the question, worked out from them. */
  needed: Step[];
}

/** null where nobody can say: the chain before was not right, or a thought reads as no equation. A wrong one counts as it says. */
export function implied(worked: Worked, original: Trace, moved: readonly Moved[]): Implied | null {
  let { steps: needed } = worked;
  let chain = original.steps.map((step) => step.text);
  for (const { thought, now } of moved) {
    const put = claimed(now);
    const made = put && replaced(needed, chain, thought - 1, put);
    if (!made) return null;
    ({ needed } = made);
    chain = made.chain.map(stepText);
  }
  const last = claimed(chain.at(-1) ?? "");
  return last && { later: chain.slice(moved.at(-1)?.thought ?? 0), answer: `${last.value}`, needed };
}

/** What the decoder reads, for people: some of its texts are no step. */
export const spoken = (text: string): string => (claimed(text) ? text : text ? "no step" : "nothing");

/** Below this probability a reading may mislead. */
const UNSURE = 0.6;

export interface Sentence {
  /** `cause`: all of it, or the answer, follows from the thought. */
  kind: "none" | "cause" | "partly" | "ignored" | "other";
  head: string;
  text: string;
}

/** What came of the moved thoughts, as seen from one that is looked at.
 *
 * @param last with the edits before the last one.
 */
export function outcome(worked: Worked, original: Trace, edited: Trace, thought: number, moved: readonly Moved[], last = original): Sentence {
  const [before, reads] = [original, edited].map((trace) => trace.steps.at(thought - 1)?.text ?? "");
  const own = moved.find((one) => one.thought === thought);
  const now = own?.now ?? reads;
  const chain = edited.steps.map((step, i) => moved.find((one) => one.thought === i + 1)?.now ?? step.text);
  const same = edited.answer === original.answer;
  const idle = moved.length > 1 && edited.answer === last.answer; // the last edit alone moved nothing
  const chance = Math.exp(edited.steps.at(thought - 1)?.logProbability ?? 0);
  const unsure = own && own.now === reads && chance < UNSURE ? ` The decoder is unsure here (${Math.round(100 * chance)} %), so its text may mislead.` : "";
  const head = beginning(thought, moved, before, now, reads);
  if (same && chain.join() === original.steps.map((step) => step.text).join()) {
    const text = own ?? !moved.length ? "Cross a border: on the other side it reads as another step." : "All that it thinks is as before.";
    return { kind: "none", head, text };
  }
  if (verify(worked.steps, chain).right && edited.answer === `${worked.value}`) {
    const text = "The planner took the steps in another order that is just as right, and the answer stays.";
    return { kind: "cause", head, text };
  }
  const should = implied(worked, original, moved);
  if (!should) {
    const stays = same ? `The answer stays ${edited.answer}.` : `The answer went from ${original.answer} to ${edited.answer}.`;
    const text = idle && !same ? `The answer is still ${edited.answer}: your last edit did not move it.` : stays;
    return { kind: "other", head, text: `${text} What should follow from it, nobody can say.` };
  }
  const source = !own || moved.length > 1 ? `your edit${moved.length > 1 ? "s" : ""}` : reads === now ? "that" : "what you typed";
  const from = `From ${source} follows ${[...should.later, `the answer ${should.answer}`].join(", then ")}.`;
  if (should.answer === original.answer) {
    const text = same ? "and that is what the planner says" : `but the planner says ${edited.answer}`;
    return { kind: same ? "other" : "partly", head, text: `It gives the same answer as at first, ${text}.${same ? "" : unsure}` };
  }
  if (edited.answer === should.answer) {
    const text = verify(should.needed, chain).right
      ? `That is what the planner went on to think: the thought is a cause. (To the question itself, ${worked.value} stays right.)`
      : "The planner answers so, though not every step on the way follows.";
    return { kind: "cause", head, text: `${from} ${text}` };
  }
  if (same) return { kind: "ignored", head, text: `${from} The planner still says ${edited.answer}: it ignored the thought.${unsure}` };
  if (idle) return { kind: "ignored", head, text: `${from} The planner still says ${edited.answer}: your last edit did not move the answer.${unsure}` };
  return { kind: "partly", head, text: `${from} The planner says ${edited.answer}: it was moved, but not to what follows.${unsure}` };
}

/** What is read in a thought, and why. */
function beginning(thought: number, moved: readonly Moved[], before: string, now: string, reads: string): string {
  const name = `Thought ${thought}`;
  const reading = `${now === before ? "still" : "now"} reads ${spoken(now)}`;
  if (!moved.length || moved.some((one) => one.thought === thought)) {
    if (reads === now) return `${name} ${reading}.`;
    return `You typed ${now}. The decoder reads ${spoken(reads)}: it has learned from right steps alone, and can be wrong.`;
  }
  const earlier = moved.filter((one) => one.thought < thought).at(-1);
  if (!earlier) return `${name} comes before the one that you moved, and stays as it was.`;
  return now === before
    ? `You moved thought ${earlier.thought}; thought ${thought} ${reading}.`
    : `${name} changed because you moved thought ${earlier.thought}: it ${reading}.`;
}

/** The verifier's word on a chain. */
export function judged(worked: Worked, trace: Trace): string {
  const { needed, done, right } = verify(worked.steps, trace.steps.map((step) => step.text));
  if (right) return `${done} of ${needed} right`;
  const extra = trace.steps.length - done;
  return `${done} of ${needed} right${extra ? `, ${extra} not needed or too early` : ""}`;
}

/** What a planner has seen: of its examples. */
export interface Range {
  steps: [number, number];
  numbers: [number, number];
}

/** What the examples have, and so what a planner is at home with. */
export function rangeOf(examples: readonly string[]): Range {
  const all = examples.map(workOut);
  const steps = all.map((one) => one.steps.length);
  const numbers = all.flatMap((one) => one.numbers);
  return { steps: [Math.min(...steps), Math.max(...steps)], numbers: [Math.min(...numbers), Math.max(...numbers)] };
}

/** Which numbers a planner has words for. */
export function words(planner: Planner): (number: number) => boolean {
  return (number) => {
    try {
      planner.tokens(`${number}`);
      return true;
    } catch {
      return false;
    }
  };
}

/** The largest number with a word. */
export const largest = (known: (number: number) => boolean): number =>
  Math.max(...Array.from({ length: 1000 }, (_, number) => number).filter(known));

/** What one may ask, in a line below the field. */
export function hint({ steps, numbers }: Range, known: (number: number) => boolean): string {
  const short = steps[0] > 1 ? " (3+4 alone is too short)" : "";
  return `Numbers ${numbers.join(" to ")}, + - * ( ), ${steps.join(" to ")} steps${short}, results 0 to ${largest(known)}. Parentheses that you leave out are put in.`;
}

/** How a question is read, where that is not how it was typed. */
export function readAs(typed: string, { question }: Worked): string {
  return typed.replace(/\s+/gu, "") === question ? "" : `Read as ${question}, with the parentheses of its training.`;
}

/** What speaks against asking this, before it is answered. */
export function warnings(worked: Worked, { steps, numbers }: Range, known: (number: number) => boolean): string[] {
  const said: string[] = [];
  const unknown = worked.numbers.filter((number) => !known(number));
  if (unknown.length) said.push(`${unknown.join(" and ")} ${unknown.length > 1 ? "are" : "is"} not among its words, so it cannot even read the question`);
  const far = worked.numbers.filter((number) => known(number) && (number < numbers[0] || number > numbers[1]));
  if (far.length) said.push(`it was trained on numbers from ${numbers[0]} to ${numbers[1]}, not on ${far.join(" or ")}`);
  const n = worked.steps.length;
  if (n < steps[0] || n > steps[1]) said.push(`this takes ${n} step${n === 1 ? "" : "s"}, and it was trained on ${steps[0]} to ${steps[1]}`);
  const results = worked.steps.map((step) => step.value).filter((value) => value < 0 || !known(value));
  if (results.length) said.push(`the way leads over ${results.join(" and ")}, for which it has no word`);
  return said;
}
