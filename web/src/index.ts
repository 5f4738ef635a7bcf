/** What the tests ask of the engine: the pages have it in their own bundle. */

export { readStep, replaced, stepText, verify, workOut } from "./arithmetic";
export type { Checkpoint } from "./checkpoint";
export { addNoise, mode, type Distribution } from "./heads";
export { hint, outcome, rangeOf, readAs, warnings, words } from "./move/words";
export { Planner, type Edits, type Step, type Thought, type Trace } from "./planner";
export { compare, Practice, type Try } from "./practice";
export { drawn, LIKELIEST, seeded, type Choices } from "./random";
export { cellName, cellPlace, readHop, Route, type Hop, type Verdict } from "./routes";
