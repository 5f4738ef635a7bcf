// node live_worker.mjs ENGINE: {checkpoint, questions, edits} on stdin -> traces on stdout; run by test_live.py.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { Planner } = await import(pathToFileURL(process.argv[2]));
const { checkpoint, questions, edits } = JSON.parse(readFileSync(0, "utf8"));
const planner = await Planner.load(checkpoint);

const traces = questions.map((question) => planner.think(question));

/** {vector} as it is, {swap: i} the first thought of question i, {text} a step that is typed. */
function latent(edit) {
  if (edit.vector) return Float32Array.from(edit.vector);
  return edit.text === undefined ? traces[edit.swap].thoughts[0].latent : planner.thought(edit.text)[0];
}

function plain({ thoughts, steps, answer }) {
  return {
    latents: thoughts.map((thought) => Array.from(thought.latent)),
    stopLogits: thoughts.map((thought) => thought.stopLogit),
    steps: steps.map((step) => step.text),
    answer,
  };
}

const edited = edits.map(({ t, ...edit }, i) => planner.rethink(traces[i], new Map([[t, latent(edit)]])));
console.log(JSON.stringify({ traces: traces.map(plain), edited: edited.map(plain) }));
