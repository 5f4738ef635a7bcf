/** "Move a thought": everything after it is thought anew. */

import "./move.css";
import { element } from "../dom";
import type { Context, Mounted, Page } from "../site";

export const move: Page = {
  name: "move",
  title: "Move a thought",
  fits: (planner) => planner.domain === "arithmetic" && planner.decodes,
  mount,
};

function mount(root: HTMLElement, context: Context): Mounted {
  const { planner, examples } = context.planner;
  const question = context.state.get("q") ?? examples[0];
  const trace = planner.think(question);
  root.append(
    element("h1", {}, "Move a thought"),
    element("p", { class: "lead" }, `This planner thinks in vectors. Asked ${question}, it thought:`),
    element("ol", {}, ...trace.steps.map((step) => element("li", { class: "mono" }, step.text))),
    element("p", {}, `and answered ${trace.answer}.`),
  );
  context.keep({ q: question });
  return {};
}
