"""Sphinx extensions of the book (`docs/conf.py`): what Sphinx does not know of notebooks, figures and docstrings."""
