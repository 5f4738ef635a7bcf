/** What is on the page as a picture: its elements with all their rules inside an SVG, painted on a canvas. */

import { isDark, themed } from "./dom";

/** Save an element as a PNG.
 *
 * @returns what came of it, in a word or two.
 */
export async function save(what: HTMLElement, name: string): Promise<string> {
  const { width, height } = what.getBoundingClientRect();
  const margin = 24;
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg(what, width, height, margin))}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  const scale = 2;
  canvas.width = (width + 2 * margin) * scale;
  canvas.height = (height + 2 * margin) * scale;
  const pen = canvas.getContext("2d");
  if (!pen) return "no canvas";
  pen.scale(scale, scale);
  pen.fillStyle = getComputedStyle(themed(what)).backgroundColor;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(image, 0, 0);
  const link = document.createElement("a");
  link.href = canvas.toDataURL("image/png");
  link.download = name;
  link.click();
  return "saved";
}

function svg(what: HTMLElement, width: number, height: number, margin: number): string {
  const copy = what.cloneNode(true) as HTMLElement;
  // every element keeps the box that it has: inside the SVG the window would be another
  const elements = [what, ...what.querySelectorAll<HTMLElement | SVGElement>("*")];
  [copy, ...copy.querySelectorAll<HTMLElement | SVGElement>("*")].forEach((node, i) => {
    const style = getComputedStyle(elements[i]);
    for (const property of style) node.style.setProperty(property, style.getPropertyValue(property));
  });
  const canvases = what.querySelectorAll("canvas");
  copy.querySelectorAll("canvas").forEach((canvas, i) => {
    const image = document.createElement("img");
    image.style.cssText = canvas.style.cssText;
    image.src = canvases[i].toDataURL("image/png");
    canvas.replaceWith(image);
  });
  const fields = what.querySelectorAll("input");
  copy.querySelectorAll("input").forEach((field, i) => {
    field.setAttribute("value", fields[i].value);
  });
  const rules = Array.from((what.getRootNode() as ParentNode).querySelectorAll("style"), (style) => style.textContent).join("\n");
  const html = document.createElement("html");
  html.dataset.theme = isDark(what) ? "dark" : "light";
  const style = document.createElement("style");
  style.textContent = rules;
  const body = document.createElement("body");
  body.style.cssText = `margin: 0; padding: ${margin}px; width: ${width}px; background: none`;
  body.append(copy);
  html.append(style, body);
  const inner = new XMLSerializer().serializeToString(html);
  const [w, h] = [width + 2 * margin, height + 2 * margin];
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}">` +
    `<foreignObject width="${w}" height="${h}">${inner}</foreignObject></svg>`
  );
}
