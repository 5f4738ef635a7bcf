/** The live site: one header, one page at a time, nothing fetched from elsewhere. In a notebook one page alone (`notebook.ts`).
 *
 * A page is a module `pages/NAME.ts` that exports a `Page`; `pages/index.ts` lists them in the order of the tabs. Its
 * rules are in `pages/NAME.css`, which it imports, each of them below `.page-NAME`; colours are the variables of
 * `site.css`. `mount(root, context)` fills an empty element and returns what the header may ask of the page. The header
 * owns the tabs, the planner that is picked, the theme, the link and the picture; a page keeps its state in the link by
 * `context.keep`, and is mounted anew when another planner is picked or another link is followed.
 */

import "./site.css";
import { PAGES } from "./pages";
import { type Entry, type LivePlanner, ofSite } from "./planners";
import { save } from "./picture";
import { button, element } from "./dom";
import notebook from "./notebook";

/** What a page is. */
export interface Page {
  /** Of its link (`#NAME`) and of its class (`page-NAME`). Without a planner that fits it, the page has no tab. */
  name: string;
  /** Of its tab, such as "Move a thought". */
  title: string;
  /** What is to be seen there, for the page before it. */
  teaser: string;
  /** How many planners it shows beside each other, 1 unless said; where no more fit, the header offers no choice. */
  shows?: number;
  mount: (root: HTMLElement, context: Context) => Mounted | Promise<Mounted>;
}

/** What a page is given. */
export interface Context {
  /** The planner that is picked, one that fits. */
  planner: LivePlanner;
  /** All planners of the site that fit; `load` gives one of them. */
  planners: readonly Entry[];
  load: (name: string) => Promise<LivePlanner>;
  /** The state in the link: what `keep` wrote last. */
  state: ReadonlyMap<string, string>;
  /** Write the state into the link, all of it, without a step in the history. */
  keep: (state: Readonly<Record<string, string>>) => void;
  /** Say something to screen readers, such as what an edit has changed. */
  say: (text: string) => void;
}

/** What the header may ask of a page. */
export interface Mounted {
  /** Draw anew: the theme or the width has changed. */
  redraw?(): void;
  /** What "save picture" saves; without it all of the page. */
  picture?(): HTMLElement;
  /** Stop what runs; the element is emptied by the shell. */
  unmount?(): void;
}

const THEMES = ["auto", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];

class Site {
  private readonly library = ofSite();
  private readonly pages = PAGES.filter((page) => this.library.fitting(page.name).length);
  private readonly tabs = element("nav", { class: "tabs", "aria-label": "Pages" });
  private readonly picker = element("select", { id: "planner", "aria-label": "Network" });
  private readonly pick = element("label", { class: "pick" }, "Network", this.picker);
  private readonly status = element("p", { class: "unseen", role: "status" });
  private readonly main = element("main", { id: "page", tabindex: "-1" });
  private readonly theme: HTMLButtonElement;
  private mounted: Mounted = {};
  private readonly labels = new Map<HTMLElement, ChildNode[]>();
  private shown = 0;
  private link = "";

  constructor(root: HTMLElement) {
    this.theme = button("", () => {
      this.setTheme(THEMES[(THEMES.indexOf(this.themeName()) + 1) % THEMES.length]);
    }, { class: "extra" });
    const more = button("⋯", () => {
      more.setAttribute("aria-expanded", String(tools.classList.toggle("open")));
    }, { class: "more", "aria-label": "Theme, link and picture", "aria-expanded": "false" });
    const tools = element("div", { class: "tools" }, this.pick, more);
    const link = button("", () => void this.copyLink(link), { class: "extra", title: "A link to what is shown now" });
    link.append(element("span", { class: "wide" }, "copy "), "link");
    const picture = button("", () => void this.savePicture(picture), { class: "extra", title: "What is shown now as a PNG" });
    picture.append(element("span", { class: "wide" }, "save "), "picture");
    tools.append(this.theme, link, picture);
    for (const page of this.pages) this.tabs.append(element("a", { href: `#${page.name}` }, page.title));
    this.picker.addEventListener("change", () => {
      const { page, state } = this.read();
      void this.show(page, new Map([...state, ["planner", this.picker.value]]));
    });
    // before the footer, which the page has from the start
    root.prepend(
      element("a", { class: "skip", href: "#page" }, "Skip to the page"),
      element(
        "header",
        { class: "bar" },
        element("strong", { class: "brand" }, "atp_lite ", element("span", {}, "live")),
        this.tabs,
        tools,
      ),
      this.main,
      this.status,
    );
    root.querySelector(".skip")?.addEventListener("click", (event) => {
      event.preventDefault();
      this.main.focus();
    });
    this.setTheme(this.themeName());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.mounted.redraw?.());
    let frame = 0;
    addEventListener("resize", () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => this.mounted.redraw?.());
    });
    addEventListener("hashchange", () => {
      if (location.hash !== this.link) void this.follow();
    });
    void this.follow();
  }

  private follow(): Promise<void> {
    const { page, state } = this.read();
    return this.show(page, state);
  }

  /** `#NAME?key=value&...` -> page and state. */
  private read(): { page: Page; state: Map<string, string> } {
    const [name, query] = location.hash.slice(1).split(/\?(.*)/su);
    const page = this.pages.find((one) => one.name === name) ?? this.pages[0];
    return { page, state: new Map(new URLSearchParams(query)) };
  }

  private async show(page: Page, state: Map<string, string>): Promise<void> {
    const turn = ++this.shown;
    const fitting = this.library.fitting(page.name);
    const entry = fitting.find((one) => one.name === state.get("planner")) ?? fitting[0];
    this.mounted.unmount?.();
    this.mounted = {};
    this.picker.replaceChildren(
      ...fitting.map((one) => {
        const option = element("option", { value: one.name }, one.title);
        option.selected = one === entry;
        return option;
      }),
    );
    this.pick.hidden = fitting.length <= (page.shows ?? 1);
    for (const tab of this.tabs.children) {
      if (tab.getAttribute("href") === `#${page.name}`) tab.setAttribute("aria-current", "page");
      else tab.removeAttribute("aria-current");
    }
    document.title = `${page.title} · atp_lite`;
    const root = element("div", { class: `page page-${page.name}` });
    const next = this.pages[(this.pages.indexOf(page) + 1) % this.pages.length];
    const onward = element("a", { href: `#${next.name}` }, `Next: ${next.title} →`);
    this.main.replaceChildren(root, element("p", { class: "next" }, onward, ` ${next.teaser}`));
    try {
      const load = (name: string): Promise<LivePlanner> => this.library.load(name);
      const planner = await load(entry.name);
      if (turn !== this.shown) return;
      const mounted = await page.mount(root, {
        planner,
        planners: fitting,
        load,
        state,
        keep: (values) => {
          if (turn === this.shown) this.keep(page, entry, values);
        },
        say: (text) => {
          this.status.textContent = text;
        },
      });
      if (turn !== this.shown) mounted.unmount?.();
      else this.mounted = mounted;
      performance.mark("mounted");
    } catch (error) {
      root.append(element("p", { class: "alert", role: "alert" }, error instanceof Error ? error.message : String(error)));
      throw error;
    }
  }

  private keep(page: Page, entry: Entry, values: Readonly<Record<string, string>>): void {
    const query = new URLSearchParams({ planner: entry.name, ...values });
    this.link = `#${page.name}?${query.toString()}`;
    history.replaceState(null, "", this.link);
  }

  private themeName(): Theme {
    return THEMES.find((theme) => theme === document.documentElement.dataset.theme) ?? "auto";
  }

  private setTheme(theme: Theme): void {
    document.documentElement.dataset.theme = theme;
    this.theme.textContent = { auto: "◐ auto", light: "○ light", dark: "● dark" }[theme];
    this.theme.setAttribute("aria-label", `Theme: ${theme}`);
    this.mounted.redraw?.();
  }

  private async copyLink(by: HTMLButtonElement): Promise<void> {
    try {
      await navigator.clipboard.writeText(location.href);
      this.answer(by, "link copied");
    } catch {
      this.answer(by, "it is in the address bar");
    }
  }

  private async savePicture(by: HTMLButtonElement): Promise<void> {
    const what = this.mounted.picture?.() ?? (this.main.firstElementChild as HTMLElement);
    this.answer(by, await save(what, `${this.read().page.name}.png`));
  }

  /** What came of a button, on the button for a moment and for screen readers. */
  private answer(by: HTMLButtonElement, text: string): void {
    const before = this.labels.get(by) ?? [...by.childNodes];
    this.labels.set(by, before);
    by.style.minWidth = `${by.offsetWidth}px`;
    by.replaceChildren(text);
    this.status.textContent = text;
    setTimeout(() => {
      by.replaceChildren(...before);
    }, 1600);
  }
}

const root = document.getElementById("site");
if (root) new Site(root);

export default notebook;
