"""Sphinx: MyST Markdown pages, API pages from the docstrings, the furo theme."""

import logging
import re
import sys
from pathlib import Path

import derivkit

sys.path.insert(0, str(Path(__file__).parent))
import draw_pictures

project = "derivkit"
author = "The derivkit developers"
copyright = "the derivkit developers, MIT licence"
version = release = derivkit.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
]
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
exclude_patterns = ["_build"]
nb_execution_mode = "off"  # `make notebooks` has executed them into _generated/notebooks
default_role = "code"

napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}

html_theme = "furo"
html_title = f"derivkit {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1f5f8b", "color-brand-content": "#1f5f8b"},
    "dark_css_variables": {"color-brand-primary": "#7fb8e0", "color-brand-content": "#7fb8e0"},
}


def _shapes_escaped(app, what, name, obj, options, lines):
    """Keep (*out, p) in a docstring from being read as the beginning of an emphasis."""
    lines[:] = [re.sub(r"(?<!`)\(\*(\w)", r"(\\*\1", line) for line in lines]


def _own_module(app, modname, attribute):
    """Keep an alias of a built-in type, such as a tuple, from being looked for in `builtins`."""
    value = getattr(sys.modules.get(modname), attribute, None)
    return modname if getattr(value, "__module__", None) == "builtins" else None


def _pictures(app):
    logging.getLogger("derivkit").setLevel(logging.WARNING)  # a dependency of furo shows all else
    draw_pictures.draw(Path(app.srcdir) / "_generated" / "pictures")


def setup(app):
    app.connect("autodoc-process-docstring", _shapes_escaped)
    app.connect("viewcode-follow-imported", _own_module)
    app.connect("builder-inited", _pictures)
