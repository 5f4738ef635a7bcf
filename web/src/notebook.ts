/** One page in a notebook's output: what anywidget asks for (atp_lite/views/explorers/live.py is the other end). */

import { element } from "./dom";
import { PAGES } from "./pages";
import { type Entry, Library, type Packed } from "./planners";
import type { Page } from "./site";

/** What the kernel and this page share. */
interface Shared {
  /** Name of the page. */
  page: string;
  planners: { entry: Entry; packed: Packed }[];
  /** What a link of the page would hold; the page writes it when a thought rests. */
  state: Record<string, string>;
  _style: string;
}

interface Model {
  get<K extends keyof Shared>(name: K): Shared[K];
  set<K extends keyof Shared>(name: K, value: Shared[K]): void;
  save_changes(): void;
}

/** Show the page in `el`; returns what stops it. */
async function render({ model, el }: { model: Model; el: HTMLElement }): Promise<() => void> {
  const planners = model.get("planners");
  const library = new Library(
    planners.map(({ entry }) => entry),
    (name) => (planners.find(({ entry }) => entry.name === name) as { packed: Packed }).packed,
  );
  const page = PAGES.find((one) => one.name === model.get("page")) as Page;
  const fitting = library.fitting(page.name);
  const status = element("p", { class: "unseen", role: "status" });
  const root = element("div", { class: `page page-${page.name}` });
  const site = element("div", { class: "site" }, root, status);
  // JupyterLab takes keys for its own: letters as commands on cells, Enter in every field of an output
  const host = element("div", { "data-lm-suppress-shortcuts": "true" });
  site.addEventListener("beforeinput", (event) => {
    event.stopPropagation();
  });
  host.attachShadow({ mode: "open" }).append(element("style", {}, model.get("_style")), site);
  el.append(host);

  const load = (name: string): ReturnType<Library["load"]> => library.load(name);
  const mounted = await page.mount(root, {
    planner: await load(fitting[0].name),
    planners: fitting,
    load,
    state: new Map(Object.entries(model.get("state"))),
    keep: (state) => {
      model.set("state", { ...state });
      model.save_changes();
    },
    say: (text) => {
      status.textContent = text;
    },
  });

  let frame = 0;
  const redraw = (): void => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => {
      host.dataset.theme = theme(el);
      mounted.redraw?.();
    });
  };
  const size = new ResizeObserver(redraw);
  size.observe(host);
  const look = new MutationObserver(redraw); // the notebook's theme is an attribute or a class of its body
  look.observe(document.body, { attributes: true });
  return () => {
    size.disconnect();
    look.disconnect();
    mounted.unmount?.();
  };
}

/** The theme of what surrounds an element: dark where the first ground that is painted is. */
function theme(around: Element): "dark" | "light" {
  for (let node: Element | null = around; node; node = node.parentElement) {
    const [r, g, b, alpha = 1] = (getComputedStyle(node).backgroundColor.match(/[\d.]+/gu) ?? []).map(Number);
    if (alpha > 0) return 0.3 * r + 0.6 * g + 0.1 * b < 128 ? "dark" : "light";
  }
  return "light";
}

export default { render };
