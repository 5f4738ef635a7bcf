"use strict";
const read = id => JSON.parse(document.getElementById(id).textContent);
const data = read("data"), store = read("store"), place = document.getElementById("parts");
const controls = data.sizes.map((_, i) => document.getElementById(`control-${i}`));
const boxes = data.states[0].map((index, i) => {
  const box = document.createElement(store[index].html === undefined ? "figure" : "div");
  if (i === 0 && store[index].html !== undefined) box.className = "wide";
  if (store[index].html === undefined)
    for (const tag of ["h3", "div", "figcaption"]) box.appendChild(document.createElement(tag));
  place.appendChild(box);
  return box;
});
const shown = boxes.map(() => -1);
const words = text => new DOMParser().parseFromString(text, "text/html").documentElement.textContent;
function show() {
  let state = 0;
  controls.forEach((control, i) => {
    state = state * data.sizes[i] + Number(control.value);
    const label = document.getElementById(`label-${i}`);
    if (label) label.textContent = data.labels[i][control.value];
  });
  data.states[state].forEach((index, i) => {
    if (shown[i] === index) return;
    shown[i] = index;
    const part = store[index], box = boxes[i];
    if (part.html !== undefined) { box.innerHTML = part.html; return; }
    box.children[0].textContent = words(part.title);
    box.children[2].textContent = words(part.caption);
    Plotly.react(box.children[1], part.data, Object.assign({}, part.layout, {template: data.template}),
                 {displayModeBar: false, responsive: true});
  });
}
controls.forEach(control => control.addEventListener("input", show));
show();
