"""The book: notebooks, documents and API reference as pages that need no network (`make book`).

The sources are the whole repository: `sphinx-build -c docs . build/book`. Nothing is executed; notebooks show the
outputs they were committed with. What Sphinx does not know by itself is in tools/book.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

project = "atp_lite"
author = "the atp_lite authors"
html_title = "atp_lite"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "tools.book.pages",
    "tools.book.figures",
    "tools.book.mathml",
    "tools.book.docstrings",
]
root_doc = "docs/index"
include_patterns = ["*.md", "docs/*.md", "docs/api/*.rst", "notebooks/*.ipynb"]
exclude_patterns = [".*", "build", "runs", "exercises", "tests"]

# notebooks and Markdown, as GitHub reads them
nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
html_math_renderer = "mathml"

# the reference, from docstrings
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True, "ignore-module-all": True}
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 110
napoleon_numpy_docstring = False
napoleon_use_rtype = False
add_module_names = False
toc_object_entries = False  # `tools.book.docstrings.contents` makes shorter ones

# the look
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
highlight_language = "text"  # equations in docstrings
html_theme_options = {"navigation_with_keys": True}
pygments_style = "default"
pygments_dark_style = "github-dark"
