"use strict";
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
