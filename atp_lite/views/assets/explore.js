"use strict";
// The theme: the system's, until the button chooses one. (Custom properties hold plain colours: JupyterLab's tokens parse them.)
const themes = { auto: "◐ auto", light: "○ light", dark: "● dark" }, system = matchMedia("(prefers-color-scheme: dark)");
let theme = "auto";
const paint = () => { document.documentElement.dataset.theme = theme === "auto" ? (system.matches ? "dark" : "light") : theme; };
system.addEventListener("change", paint);
paint();
addEventListener("DOMContentLoaded", () => {
  const button = Object.assign(document.createElement("button"), { className: "atp-theme", type: "button" });
  const show = () => { button.textContent = themes[theme]; button.setAttribute("aria-label", `Theme: ${theme}`); paint(); };
  button.addEventListener("click", () => { theme = { auto: "light", light: "dark", dark: "auto" }[theme]; show(); });
  show();
  document.body.prepend(button);
});
// Names for screen readers: a slider's handle has its widget's label, a figure the title above it.
const said = (node, selector) => node?.querySelector(selector)?.textContent.trim();
function name() {
  for (const handle of document.querySelectorAll(".noUi-handle:not([aria-label])")) {
    const text = said(handle.closest(".jupyter-widgets"), ".widget-label");
    if (text) handle.setAttribute("aria-label", text);
  }
  for (const plot of document.querySelectorAll(".atp-card .js-plotly-plot:not([role])")) {
    plot.setAttribute("role", "figure");
    plot.setAttribute("aria-label", said(plot.closest(".atp-card"), "b") ?? "figure");
  }
}
new MutationObserver(name).observe(document.documentElement, { childList: true, subtree: true });
