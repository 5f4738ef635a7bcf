/** The plane around a thought: territories, landmarks, the cloud, and the thought itself, which can be dragged. */

import { hcl } from "d3-color";
import { claimed } from "../arithmetic";
import { button, element, isDark, shape, sized } from "../dom";
import { Plane, type Place } from "./plane";
import { Territories, type Reading } from "./territories";
import { spoken } from "./words";

/** What a map shows. */
export interface View {
  thought: number;
  plane: Plane;
  place: Place;
  /** What is read at a place. */
  read: (place: Place) => Reading;
  /** Territories are the same where this is. */
  key: string;
  marks: { text: string; place: Place; from: string }[];
  /** Variances xx, xy, yy of the cloud around the original thought; null where it is a point. */
  cloud: [number, number, number] | null;
  edited: boolean;
  /** What is read in the thought, and in the original one. */
  text: string;
  original: string;
  /** What is answered now. */
  answer: string;
}

export interface Handlers {
  /** A drag begins, or a key was pressed. */
  begin: () => void;
  moveTo: (place: Place) => void;
  /** A drag has ended. */
  end: () => void;
  /** A landmark was chosen. */
  jump: (index: number) => void;
}

export class ThoughtMap {
  readonly root: HTMLElement;
  private readonly canvas = element("canvas", { "aria-hidden": "true" });
  private readonly drawing = shape("svg", { "aria-hidden": "true" });
  private readonly names = element("div", { class: "names" });
  private readonly marks = element("div", { class: "marks" });
  private readonly handle = element("button", { type: "button", class: "handle" });
  private readonly origin = element("span", { class: "origin", "aria-hidden": "true" });
  private readonly bubble = element("output", { class: "bubble", "aria-hidden": "true" });
  private readonly handlers: Handlers;
  private view: View | null = null;
  private territories: Territories | null = null;
  private key = "";
  private wanted: Place | null = null;
  /** Whether the thought is held. */
  dragging = false;
  private width = 1;
  private boxes: Box[] = [];

  constructor(handlers: Handlers) {
    this.handlers = handlers;
    this.root = element("div", { class: "space" });
    this.root.append(this.canvas, this.drawing, this.names, this.origin, this.marks, this.bubble, this.handle);
    this.root.addEventListener("pointerdown", this.down);
    this.root.addEventListener("pointermove", this.drag);
    for (const name of ["pointerup", "pointercancel"] as const) this.root.addEventListener(name, this.up);
    this.handle.addEventListener("keydown", this.press);
  }

  focus(): void {
    this.handle.focus();
  }

  stop(): void {
    this.territories?.stop();
  }

  show(view: View): void {
    const before = this.view;
    this.view = view;
    if (view.key !== this.key || !this.territories) {
      this.key = view.key;
      this.territories?.stop();
      const { plane, read } = view;
      const depth = view.place[2];
      this.territories = new Territories((x, y) => read(this.placeOf(plane, x, y, depth)), this.paint);
      this.root.classList.add("coarse");
    }
    if (before?.marks.map((mark) => mark.text).join() !== view.marks.map((mark) => mark.text).join()) this.nameMarks(view);
    this.place(view);
  }

  /** Paint all of it again, such as in another size or theme. */
  readonly paint = (): void => {
    const { territories } = this;
    const { pen, width, height } = sized(this.canvas);
    this.width = width;
    if (territories?.side) {
      const { side, cells } = territories;
      const image = new ImageData(side, side);
      const dark = isDark(this.root);
      cells.forEach(({ text, chance }, i) => {
        image.data.set(shade(text, chance, dark), 4 * i);
      });
      const small = element("canvas", { width: `${side}`, height: `${side}` });
      small.getContext("2d")?.putImageData(image, 0, 0);
      pen.imageSmoothingQuality = "high";
      pen.drawImage(small, 0, 0, width, height);
      this.root.classList.toggle("coarse", side < 64);
      this.name(width);
    }
    if (this.view) this.place(this.view);
  };

  /** Names of the territories that have room for one, away from what else is drawn. */
  private name(width: number): void {
    if (!this.territories || !this.view) return;
    const taken: Box[] = [];
    for (const mark of this.view.marks) {
      const [x, y] = this.share(mark.place);
      taken.push({ x: x * width, y: y * width, w: 96, h: 44 });
    }
    const [ox, oy] = this.share([0, 0, 0]);
    taken.push({ x: ox * width, y: oy * width + 16, w: 70, h: 64 });
    const names: HTMLElement[] = [];
    this.boxes = [];
    const named = new Set([this.view.original]);
    for (const { text, x, y, room } of this.territories.labels()) {
      const w = 8.2 * text.length + 10;
      if (room * width < 13 || w > 3.4 * room * width || names.length > 16 || !claimed(text) || named.has(text)) continue;
      const box = { x: Math.min(width - w / 2 - 2, Math.max(w / 2 + 2, x * width)), y: y * width, w, h: 20 };
      if (box.y < 12 || box.y > width - 12 || taken.some((other) => overlap(box, other))) continue;
      taken.push(box);
      this.boxes.push(box);
      named.add(text);
      names.push(element("span", { style: `left:${(100 * box.x) / width}%;top:${(100 * box.y) / width}%` }, text));
    }
    this.names.replaceChildren(...names);
  }

  private nameMarks(view: View): void {
    this.marks.replaceChildren(
      ...view.marks.map(({ text, from }, i) => {
        const jump = (): void => {
          this.handlers.jump(i);
        };
        const mark = button("", jump, { class: "mark", title: from, "aria-label": `Put the thought here: ${text}, ${from}` });
        mark.append(element("i"), text);
        return mark;
      }),
    );
  }

  private place(view: View): void {
    const at = (node: HTMLElement, [x, y]: [number, number]): void => {
      node.style.left = `${100 * x}%`;
      node.style.top = `${100 * y}%`;
    };
    const size = 100;
    const [ox, oy] = this.share([0, 0, 0]);
    const [x, y] = this.share(view.place);
    view.marks.forEach((mark, i) => {
      const where = this.share(mark.place);
      const node = this.marks.children[i] as HTMLElement;
      at(node, where);
      node.classList.toggle("left", where[0] > 0.8);
      node.classList.toggle("here", Math.hypot(where[0] - x, where[1] - y) < 0.06);
    });
    at(this.origin, [ox, oy]);
    this.origin.textContent = spoken(view.original);
    this.origin.hidden = x === ox && y === oy; // the thought itself says it
    const inside: [number, number] = [clamp(x), clamp(y)];
    at(this.handle, inside);
    at(this.bubble, inside);
    const below = y < 0.12;
    this.bubble.classList.toggle("below", below);
    this.bubble.replaceChildren(spoken(view.text), element("small", {}, `, answer ${view.answer || "nothing"}`)); // on a phone
    const wide = this.bubble.offsetWidth;
    const middle = inside[0] * this.width;
    const shift = Math.max(0, wide / 2 + 3 - middle) + Math.min(0, this.width - wide / 2 - 3 - middle);
    this.bubble.style.setProperty("--shift", `${shift}px`);
    const bubble = { x: middle + shift, y: inside[1] * this.width + (below ? 38 : -38), w: wide + 4, h: 30 };
    this.boxes.forEach((box, i) => ((this.names.children[i] as HTMLElement).hidden = overlap(box, bubble)));
    this.handle.textContent = `${view.thought}`;
    this.handle.setAttribute(
      "aria-label",
      `Thought ${view.thought}, reads ${spoken(view.text)}. Arrow keys move it, with Shift further; Escape puts it back.`,
    );
    this.root.classList.toggle("edited", view.edited);
    this.drawing.setAttribute("viewBox", `0 0 ${size} ${size}`);
    this.drawing.replaceChildren(
      ...(view.cloud ? [3, 2, 1].map((n) => ellipse(view.cloud ?? [0, 0, 0], n, ox, oy, view.plane.reach)) : []),
      shape("line", { class: "moved", x1: size * ox, y1: size * oy, x2: size * inside[0], y2: size * inside[1] }),
      shape("circle", { class: "ring", cx: size * ox, cy: size * oy, r: 2 }),
    );
  }

  /** Shares from the left and from the top of a place in the plane. */
  private share([x, y]: Place): [number, number] {
    const { centre, reach } = (this.view as View).plane;
    return [(x - centre[0] + reach) / (2 * reach), (centre[1] + reach - y) / (2 * reach)];
  }

  private placeOf({ centre, reach }: Plane, x: number, y: number, z: number): Place {
    return [centre[0] - reach + 2 * reach * x, centre[1] + reach - 2 * reach * y, z];
  }

  private pointed(event: PointerEvent): Place {
    const { left, top, width, height } = this.root.getBoundingClientRect();
    const view = this.view as View;
    return this.placeOf(view.plane, clamp((event.clientX - left) / width), clamp((event.clientY - top) / height), view.place[2]);
  }

  private readonly down = (event: PointerEvent): void => {
    const onHandle = event.target === this.handle;
    if (event.button > 0 || (event.target as Element).closest(".mark")) return;
    if (event.pointerType === "touch" && !onHandle) {
      this.tap(event);
      return;
    }
    event.preventDefault();
    this.focus();
    this.dragging = true;
    if (this.territories) this.territories.paused = true;
    this.root.setPointerCapture(event.pointerId);
    this.root.classList.add("dragging");
    this.handlers.begin();
    if (!onHandle) this.want(this.pointed(event));
  };

  /** A finger beside the thought may want to scroll: it moves the thought only where it is lifted again. */
  private tap(event: PointerEvent): void {
    const lifted = (up: PointerEvent): void => {
      this.root.removeEventListener("pointercancel", lifted);
      if (up.type !== "pointerup" || Math.hypot(up.clientX - event.clientX, up.clientY - event.clientY) > 10) return;
      this.handlers.begin();
      this.handlers.moveTo(this.pointed(up));
      this.handlers.end();
    };
    this.root.addEventListener("pointerup", lifted, { once: true });
    this.root.addEventListener("pointercancel", lifted, { once: true });
  }

  private readonly drag = (event: PointerEvent): void => {
    if (this.dragging) this.want(this.pointed(event));
  };

  private readonly up = (): void => {
    if (!this.dragging) return;
    this.dragging = false;
    this.root.classList.remove("dragging");
    if (this.territories) this.territories.paused = false;
    if (this.wanted) this.handlers.moveTo(this.wanted);
    this.wanted = null;
    this.handlers.end();
  };

  /** Where the thought is to be at the next frame. */
  private want(place: Place): void {
    if (!this.wanted) {
      requestAnimationFrame(() => {
        if (this.wanted) this.handlers.moveTo(this.wanted);
        this.wanted = null;
      });
    }
    this.wanted = place;
  }

  private readonly press = (event: KeyboardEvent): void => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1], Escape: [0, 0] }[event.key];
    if (!way || !this.view) return;
    event.preventDefault();
    const { plane, place } = this.view;
    const far = (event.shiftKey ? 0.2 : 0.05) * plane.reach;
    this.handlers.begin();
    this.handlers.moveTo(event.key === "Escape" ? [0, 0, 0] : [place[0] + far * way[0], place[1] + far * way[1], place[2]]);
    this.handlers.end();
  };
}

interface Box {
  x: number;
  y: number;
  w: number;
  h: number;
}

const overlap = (a: Box, b: Box): boolean => 2 * Math.abs(a.x - b.x) < a.w + b.w && 2 * Math.abs(a.y - b.y) < a.h + b.h;

const clamp = (share: number): number => Math.min(0.985, Math.max(0.015, share));

/** The ellipse of n standard deviations, from variances along the axes. */
function ellipse([xx, xy, yy]: readonly number[], n: number, ox: number, oy: number, reach: number): SVGElement {
  const middle = (xx + yy) / 2;
  const apart = Math.hypot((xx - yy) / 2, xy);
  const scale = (n * 50) / reach;
  return shape("ellipse", {
    class: "cloud",
    rx: scale * Math.sqrt(middle + apart),
    ry: scale * Math.sqrt(Math.max(0, middle - apart)),
    transform: `translate(${100 * ox} ${100 * oy}) rotate(${(-Math.atan2(2 * xy, xx - yy) * 90) / Math.PI})`,
  });
}

const hues = new Map<string, number>();

/** The same result has the same colour, the next one another; stronger where the decoder is surer. */
function shade(text: string, chance: number, dark: boolean): [number, number, number, number] {
  const result = /=(\d+)$/u.exec(text)?.[1];
  let hue = hues.get(text);
  if (hue === undefined) {
    hue = result === undefined ? -1 : (255 + 137.508 * Number(result)) % 360;
    hues.set(text, hue);
  }
  const key = `${hue} ${Math.round(40 * chance)} ${dark}`;
  const known = shades.get(key);
  if (known) return known;
  const chroma = hue < 0 ? 3 : (dark ? 10 : 9) + (dark ? 20 : 27) * chance;
  const { r, g, b } = hcl(Math.max(0, hue), chroma, dark ? 20 + 15 * chance : 97 - 11 * chance).rgb().clamp();
  const made: [number, number, number, number] = [r, g, b, 255];
  shades.set(key, made);
  return made;
}

const shades = new Map<string, [number, number, number, number]>();
