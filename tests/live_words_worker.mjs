// node live_words_worker.mjs ENGINE: {asked, chains} on stdin -> the words of the pages; run by test_live.py.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { hint, outcome, rangeOf, readAs, warnings, workOut } = await import(pathToFileURL(process.argv[2]));
const { asked, told } = JSON.parse(readFileSync(0, "utf8"));
const known = (number) => number >= 0 && number <= 49;
const range = rangeOf(["(1+2)*9", "((1+2)+3)-4"]);

const trace = ([texts, answer]) => ({ steps: texts.map((text) => ({ text, logProbability: Math.log(0.4) })), answer });

console.log(
  JSON.stringify({
    hint: hint(range, known),
    asked: asked.map((question) => [readAs(question, workOut(question)), warnings(workOut(question), range, known)]),
    told: told.map(({ question, original, edited, last, thought, moved }) =>
      outcome(workOut(question), trace(original), trace(edited), thought, moved, trace(last)),
    ),
  }),
);
