/** Toy expressions, as atp_lite/domains has them: which steps they need, and whether a chain takes them. */

export interface Step {
  left: number;
  operator: string;
  right: number;
  value: number;
  /** Which earlier step gives the left and the right operand; null: the question. */
  sources: [number | null, number | null];
}

/** An expression that is worked out. */
export interface Worked {
  steps: Step[];
  value: number;
  /** The numbers as they stand in the question. */
  numbers: number[];
  /** The question as planners are trained to read it: every operation inside another in parentheses, none round the whole. */
  question: string;
}

export const stepText = (step: Step): string => `${step.left}${step.operator}${step.right}=${step.value}`;

const work = (left: number, operator: string, right: number): number =>
  operator === "+" ? left + right : operator === "-" ? left - right : left * right;

/** What a text such as `3+4=7` says; null where it is no such step, or wrong. */
export function readStep(text: string): Step | null {
  const step = claimed(text);
  return step && work(step.left, step.operator, step.right) === step.value ? step : null;
}

/** The same with the value that the text claims, be it right or wrong; null where it is no such step. */
export function claimed(text: string): Step | null {
  const found = /^(\d+)([-+*])(\d+)=(\d+)$/u.exec(text);
  return found && {
    left: Number(found[1]),
    operator: found[2],
    right: Number(found[3]),
    value: Number(found[4]),
    sources: [null, null],
  };
}

interface Part {
  value: number;
  step: number | null;
  /** As it is typed, operations inside it in parentheses; `bare`: an operation without its own. */
  text: string;
  bare: boolean;
  /** The text without the parentheses typed round it. */
  inside: string;
}

/** Read an expression: usual precedence, any spaces and parentheses. What occurs twice is worked out once, and an
 * operation that changes nothing (`x*1`, `x+0`) needs no step.
 *
 * @throws Error that says what cannot be read, and where.
 */
export function workOut(text: string): Worked {
  const tokens = Array.from(text.matchAll(/\d+|[^\s\d]/gu), ([token]) => ({ "×": "*", "·": "*", "−": "-" })[token] ?? token);
  const [steps, numbers] = [[] as Step[], [] as number[]];
  const known = new Map<string, number>();
  let at = 0;

  const token = (): string | undefined => tokens.at(at);
  function fail(): never {
    const where = token() === undefined ? "The question ends too early" : `"${tokens[at]}" cannot stand there`;
    throw new Error(`${where}: write whole numbers with + - * and parentheses, such as (3+4)*2`);
  }
  function operand(): Part {
    const first = token();
    if (first === "(") {
      at++;
      const inner = sum();
      if (token() !== ")") fail();
      at++;
      return { ...inner, text: `(${inner.text})`, bare: false };
    }
    if (first === undefined || !/^\d+$/u.test(first)) fail();
    at++;
    const value = Number(first);
    numbers.push(value);
    return { value, step: null, text: `${value}`, bare: false, inside: `${value}` };
  }
  function chain(operators: string, next: () => Part): Part {
    let left = next();
    for (let operator = token(); operator !== undefined && operators.includes(operator); operator = token()) {
      at++;
      left = combine(left, operator, next());
    }
    return left;
  }
  function combine(left: Part, operator: string, right: Part): Part {
    const neutral = operator === "*" ? 1 : 0;
    const text = [left, right].map((part) => (part.bare ? `(${part.text})` : part.text)).join(operator);
    const whole = { text, bare: true, inside: text };
    if (right.step === null && right.value === neutral) return { ...left, ...whole };
    if (operator !== "-" && left.step === null && left.value === neutral) return { ...right, ...whole };
    const side = (part: Part): string => (part.step === null ? `${part.value}` : `s${part.step}`);
    const key = `${side(left)}${operator}${side(right)}`;
    const value = work(left.value, operator, right.value);
    let step = known.get(key);
    if (step === undefined) {
      step = steps.length;
      known.set(key, step);
      steps.push({ left: left.value, operator, right: right.value, value, sources: [left.step, right.step] });
    }
    return { value, step, ...whole };
  }
  const product = (): Part => chain("*", operand);
  const sum = (): Part => chain("+-", product);

  const whole = sum();
  if (at < tokens.length) fail();
  return { steps, value: whole.value, numbers, question: whole.inside };
}

/** How a chain compares with the steps that are needed. */
export interface Verdict {
  needed: number;
  /** How many needed steps it takes, each once and after all that it uses. */
  done: number;
  /** Of each step of the chain, whether it is one of those. */
  inPlace: boolean[];
  right: boolean;
}

/** Compare the texts of a chain with the needed steps. */
export function verify(needed: readonly Step[], chain: readonly string[]): Verdict {
  const left = new Set(needed.keys());
  const inPlace = chain.map((text) => {
    const fit = [...left].find((i) => stepText(needed[i]) === text && used(needed[i]).every((j) => !left.has(j)));
    return fit !== undefined && left.delete(fit);
  });
  const done = needed.length - left.size;
  return { needed: needed.length, done, inPlace, right: left.size === 0 && chain.length === needed.length };
}

/** The earlier steps that a step builds on. */
export const used = (step: Step): number[] => step.sources.filter((source) => source !== null);

/** A chain with another step in it, and what follows from that. */
export interface Replaced {
  chain: Step[];
  /** The same steps in the order of the question's. */
  needed: Step[];
}

/** The chain with another step at `place` (from 0), and what follows worked out from that; null where the chain is not
 * right, or a number would be below zero.
 */
export function replaced(needed: readonly Step[], chain: readonly string[], place: number, put: Step): Replaced | null {
  const order: number[] = [];
  for (const text of chain) {
    const fit = needed.findIndex(
      (step, i) => stepText(step) === text && !order.includes(i) && used(step).every((j) => order.includes(j)),
    );
    if (fit < 0) return null;
    order.push(fit);
  }
  if (order.length !== needed.length || place >= order.length) return null;
  const made: Step[] = [];
  order.forEach((i, at) => {
    const { operator, sources, left, right } = needed[i];
    const worth = (number: number, source: number | null): number => (source === null ? number : made[source].value);
    const [first, second] = [worth(left, sources[0]), worth(right, sources[1])];
    if (at < place) made[i] = needed[i]; // as it stands, also where it was put there before
    else if (at === place) made[i] = { ...put, sources };
    else made[i] = { left: first, operator, right: second, value: work(first, operator, second), sources };
  });
  return made.some((step) => step.value < 0) ? null : { chain: order.map((i) => made[i]), needed: made };
}
