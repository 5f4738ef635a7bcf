// Draws every figure of the page from the JSON that follows its place.
function clipped(place) {
  const edge = place.getBoundingClientRect();
  return [...place.querySelectorAll("text")].some((text) => {
    const box = text.getBoundingClientRect();
    return box.width > 0 && (box.left < edge.left - 1 || box.right > edge.right + 1);
  });
}
for (const place of document.querySelectorAll(".plot")) {
  const drawn = JSON.parse(place.nextElementSibling.textContent);
  drawn.config = { responsive: true, displaylogo: false, displayModeBar: false };
  Plotly.newPlot(place, drawn).then(() => {
    if (!clipped(place)) return;
    place.style.minWidth = "720px"; // a narrow window scrolls sideways
    Plotly.Plots.resize(place);
  });
}
