// node live_parts_worker.mjs ENGINE: a task on stdin -> what the engine says on stdout; run by test_live_parts.py.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { Planner, Practice, Route, compare, drawn, seeded } = await import(pathToFileURL(process.argv[2]));
const { checkpoint, questions = [], seeds = [], chains = [], practise } = JSON.parse(readFileSync(0, "utf8"));
const planner = checkpoint && (await Planner.load(checkpoint));

function thought(question, choices) {
  const trace = planner.think(question, new Map(), choices);
  return {
    question,
    answer: trace.answer,
    written: trace.written.length + Number(trace.ended),
    tokens: planner.embeddings(question).map((each) => each.text),
    embedding: Array.from(planner.embeddings(question)[0].embedding),
    steps: trace.steps.map((step) => step.text),
    thoughts: trace.thoughts.map(({ latent, distribution }, i) => ({
      latent: Array.from(latent),
      mean: Array.from(distribution.means[0]),
      logvar: Array.from(distribution.logvars?.[0] ?? []),
      attention: planner.attention(trace, i + 1).map((layer) => layer.map((head) => Array.from(head))),
      readings: planner.readings([latent], 0.01),
    })),
  };
}

function judged({ question, steps }) {
  try {
    const route = Route.read(question);
    const { hops, arrives, shortest } = route.judge(steps);
    const inPlace = hops.filter((each) => each.inPlace).length;
    return { text: route.question, distance: route.distance, count: route.count, inPlace, arrives, shortest };
  } catch (error) {
    return { error: error.message };
  }
}

const likeliest = questions.map((question) => thought(question));
const streams = seeds.map((seed) => drawn(seeded(seed)));
const draws = streams.map((choices) => questions.map((question) => thought(question, choices)));
const uniform = seeds.map((seed) => Array.from({ length: 20_000 }, seeded(seed)));

/** One update on a group of eight tries, and what the head says afterwards. */
function practised({ question, rate }) {
  const practice = new Practice(planner, rate, seeded(1));
  const route = Route.read(question);
  const first = practice.planner.think(question);
  const group = Array.from({ length: 8 }, () => practice.attempt(route, first));
  compare(group);
  practice.learn(group);
  return {
    tries: group.map(({ trace, steps, reward, advantage }) => ({
      steps,
      reward,
      advantage,
      hidden: trace.thoughts.map((thought) => Array.from(thought.hidden)),
      latents: trace.thoughts.map((thought) => Array.from(thought.latent)),
    })),
    mean: Array.from(practice.planner.think(question).thoughts[0].distribution.means[0]),
    untouched: Array.from(planner.think(question).thoughts[0].distribution.means[0]),
  };
}

console.log(
  JSON.stringify({ likeliest, draws, uniform, judged: chains.map(judged), practised: practise && practised(practise) }),
);
