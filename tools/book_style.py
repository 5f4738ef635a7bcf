"""The look of the book: the frame of a page, its style, and the few lines that draw its figures."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="stylesheet" href="book.css">
</head>
<body>
<nav>
<a href="index.html">Course</a> <a href="glossary.html">Glossary</a> <a href="cheatsheet.html">Cheat sheet</a>
</nav>
<main>
{body}
</main>
<footer>{around}</footer>
{scripts}
</body>
</html>
"""

SCRIPT = """// Draws every figure of the page from the JSON that follows its place.
for (const place of document.querySelectorAll(".figure")) {
  const drawn = JSON.parse(place.nextElementSibling.textContent);
  drawn.config = { responsive: true, displaylogo: false, displayModeBar: false };
  Plotly.newPlot(place, drawn);
}
// A figure that was folded away when it was drawn has no width yet.
for (const folded of document.querySelectorAll("details")) {
  folded.addEventListener("toggle", () => {
    folded.querySelectorAll(".figure").forEach((place) => Plotly.Plots.resize(place));
  });
}
"""

STYLE = """:root {
  color-scheme: light dark;
  --page: #ffffff; --ink: #1d2126; --faint: #5b6570; --line: #d9dee3; --panel: #f5f7f9; --link: #0062a3;
}
@media (prefers-color-scheme: dark) {
  :root { --page: #14181c; --ink: #e3e7ea; --faint: #9aa5af; --line: #333b43; --panel: #1d2329; --link: #7cc0f5; }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 17px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif;
}
nav, main, footer { max-width: 920px; margin: 0 auto; padding: 0 24px; }
nav { padding-top: 14px; padding-bottom: 14px; border-bottom: 1px solid var(--line); }
nav a { margin-right: 20px; }
footer {
  display: flex; flex-wrap: wrap; justify-content: space-between; gap: 12px;
  margin-top: 48px; padding-top: 18px; padding-bottom: 36px; border-top: 1px solid var(--line);
}
a { color: var(--link); text-decoration-thickness: 1px; text-underline-offset: 3px; }
h1 { font-size: 32px; line-height: 1.2; margin: 36px 0 16px; }
h2 { font-size: 24px; line-height: 1.3; margin: 44px 0 12px; }
h3 { font-size: 19px; margin: 32px 0 8px; }
h1, h2, h3, [id^="section-"] { scroll-margin-top: 12px; }
img { max-width: 100%; height: auto; background: #ffffff; }
pre, code { font-family: ui-monospace, "Cascadia Mono", "DejaVu Sans Mono", monospace; font-size: 14px; }
code { background: var(--panel); padding: 1px 4px; border-radius: 3px; overflow-wrap: break-word; }
pre { margin: 0; padding: 12px 14px; line-height: 1.5; overflow-x: auto; }
pre code { padding: 0; background: none; }
main > pre, .highlight { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; }
main > pre, .highlight { overflow: hidden; }
.input { margin-top: 20px; }
.output_wrapper { margin: 6px 0 20px; }
.output_text pre { padding: 6px 14px; border-left: 3px solid var(--line); }
.output_stderr pre { color: var(--faint); }
.figure { width: 100%; margin: 8px 0; }
.wide { overflow-x: auto; margin: 14px 0; }
table { border-collapse: collapse; font-size: 15px; line-height: 1.45; }
th, td { padding: 6px 10px; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th:empty { padding: 0; }
td code { white-space: nowrap; }
details { border: 1px solid var(--line); border-radius: 6px; padding: 8px 14px; margin: 14px 0; }
summary { cursor: pointer; font-weight: 600; }
.contents { margin-top: 20px; }
.contents ul { margin: 8px 0; padding-left: 20px; }
.formula { overflow-x: auto; overflow-y: hidden; margin: 16px 0; padding: 2px 0; }
math { font-size: 1.06em; }
article { border: 1px solid var(--line); border-radius: 8px; padding: 4px 20px 8px; margin: 16px 0; }
article h3 { margin-top: 14px; }
article ul { margin-top: 0; }
article p { margin: 8px 0; }
.facts { color: var(--faint); font-size: 15px; }
"""
