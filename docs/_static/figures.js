// Draws every figure of the page from the JSON that follows its place.
function meet(one, other, gap) {
  const side = one.left < other.right + gap && other.left < one.right + gap;
  return side && one.top < other.bottom && other.top < one.bottom;
}
// Texts that are cut off, titles that lie on one another, or titles of axes that lie on a panel.
function crowded(place) {
  const boxes = (chosen) => [...place.querySelectorAll(chosen)].map((it) => it.getBoundingClientRect()).filter((it) => it.width > 0);
  const edge = place.getBoundingClientRect();
  const cut = boxes("text").filter((box) => box.left < edge.left - 1 || box.right > edge.right + 1);
  const axes = boxes(".infolayer [class*=title] text");
  const titles = [...axes, ...boxes(".infolayer .annotation-text")];
  const met = titles.filter((box, i) => titles.slice(i + 1).some((other) => meet(box, other, 6)));
  const panels = boxes(".cartesianlayer .gridlayer, .bglayer .bg");
  return [...cut, ...met, ...axes.filter((box) => panels.some((panel) => meet(box, panel, -2)))].length > 0;
}
for (const place of document.querySelectorAll(".plot")) {
  const drawn = JSON.parse(place.nextElementSibling.textContent);
  drawn.config = { responsive: true, displaylogo: false, displayModeBar: false };
  Plotly.newPlot(place, drawn).then(() => {
    if (!crowded(place)) return;
    place.style.minWidth = "720px"; // a narrow window scrolls sideways
    Plotly.Plots.resize(place);
  });
}
