/** What an edit has done, in words. */

import { claimed, replaced, stepText, verify, type Step, type Worked } from "../arithmetic";
import type { Trace } from "../planner";

/** What should follow from a thought that reads as another step. */
export interface Implied {
  later: string[];
  answer: string;
  /** All steps of the question, worked out from it. */
  needed: Step[];
}

/** null where nobody can say: the chain before was not right, or the thought reads as no equation. A wrong one counts as it says. */
export function implied(worked: Worked, original: Trace, thought: number, text: string): Implied | null {
  const put = claimed(text);
  const chain = original.steps.map((step) => step.text);
  const made = put && replaced(worked.steps, chain, thought - 1, put);
  if (!made) return null;
  const { chain: steps, needed } = made;
  return { later: steps.slice(thought).map(stepText), answer: `${steps[steps.length - 1].value}`, needed };
}

export interface Sentence {
  /** `cause`: all of it, or the answer, follows from the thought. */
  kind: "none" | "cause" | "partly" | "ignored" | "other";
  head: string;
  text: string;
}

/** What came of moving thought t. typed: the step whose thought stands there now, where one was typed. */
export function outcome(worked: Worked, original: Trace, edited: Trace, thought: number, typed?: string): Sentence {
  const [before, reads] = [original, edited].map((trace) => trace.steps.at(thought - 1)?.text ?? "");
  const now = typed ?? reads;
  const misread = reads === now ? null : reads;
  const chain = edited.steps.map((step, i) => (i === thought - 1 ? now : step.text));
  const same = edited.answer === original.answer;
  if (now === before) {
    const text = same ? "Cross a border: on the other side it reads as another step." : `Still, the answer is now ${edited.answer}.`;
    return { kind: "none", head: `Thought ${thought} still reads ${now}.`, text };
  }
  if (verify(worked.steps, chain).right && edited.answer === `${worked.value}`) {
    const text = "The planner took the steps in another order that is just as right, and the answer stays.";
    return { kind: "cause", head: `Thought ${thought} now reads ${now}.`, text };
  }
  const head =
    misread === null
      ? `Thought ${thought} now reads ${now || "nothing"}.`
      : `You typed ${now}. The decoder reads ${misread || "nothing"}: it has learned from right steps alone, and can be wrong.`;
  const should = implied(worked, original, thought, now);
  if (!should) {
    const text = same ? `The answer stays ${edited.answer}.` : `The answer went from ${original.answer} to ${edited.answer}.`;
    return { kind: "other", head, text: `${text} What should follow from it, nobody can say.` };
  }
  const from = `From ${misread === null ? "that" : "what you typed"} follows ${[...should.later, `the answer ${should.answer}`].join(", then ")}.`;
  if (should.answer === original.answer) {
    const text = same ? "and that is what the planner says" : `but the planner says ${edited.answer}`;
    return { kind: same ? "other" : "partly", head, text: `It gives the same answer as before, ${text}.` };
  }
  if (edited.answer === should.answer) {
    const whole = verify(should.needed, chain).right;
    const text = whole
      ? "That is what the planner went on to think: the thought is a cause."
      : "The planner answers so, though not every step on the way follows.";
    return { kind: "cause", head, text: `${from} ${text}` };
  }
  if (same) return { kind: "ignored", head, text: `${from} The planner still says ${edited.answer}: it ignored the thought.` };
  return { kind: "partly", head, text: `${from} The planner says ${edited.answer}: it was moved, but not to what follows.` };
}

/** The verifier's word on a chain. */
export function judged(worked: Worked, trace: Trace): string {
  const { needed, done, right } = verify(worked.steps, trace.steps.map((step) => step.text));
  if (right) return `all ${needed} needed steps, each once, in a possible order`;
  const extra = trace.steps.length - done;
  return `${done} of ${needed} needed steps${extra ? `, ${extra} that ${extra > 1 ? "are" : "is"} not needed or too early` : ""}`;
}

/** What a planner has seen: of its examples. */
export interface Range {
  steps: [number, number];
  numbers: [number, number];
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
