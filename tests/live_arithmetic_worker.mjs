// node live_arithmetic_worker.mjs ENGINE: [{question, chain, place, put}] on stdin -> verdicts; run by test_live.py.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { readStep, replaced, stepText, verify, workOut } = await import(pathToFileURL(process.argv[2]));

function judged({ question, chain, place, put }) {
  const { steps, value, question: read } = workOut(question);
  const { done, right } = verify(steps, chain);
  const step = readStep(put);
  const made = step && replaced(steps, chain, place, step);
  return { read, steps: steps.map(stepText), value, done, right, follows: made && made.chain.map(stepText) };
}

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(judged)));
