"""Sphinx: MyST Markdown pages, API pages from the docstrings, the furo theme."""

import logging
import sys
from pathlib import Path

import derivkit

sys.path.insert(0, str(Path(__file__).parent))
import api_pages
import draw_cheat_sheet
import draw_pictures

project = "derivkit"
author = "The derivkit developers"
copyright = "the derivkit developers, MIT licence"
version = release = derivkit.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "docstrings",
    "mathml",
    "picture",
]
html_math_renderer = "mathml"
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
exclude_patterns = ["_build"]
nb_execution_mode = "off"  # `make notebooks` has executed them into _generated/notebooks
default_role = "code"

autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}

copybutton_prompt_text = r">>> |\.\.\. "  # outputs stay behind
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True

html_theme = "furo"
html_title = f"derivkit {release}"
html_logo = "_static/mark.svg"
html_favicon = "_static/mark.svg"
html_static_path = ["_static"]
html_css_files, html_js_files = ["site.css"], ["site.js"]
html_copy_source = html_show_sourcelink = False
pygments_style, pygments_dark_style = "a11y-light", "a11y-dark"
html_theme_options = {
    "top_of_page_buttons": [],
    "light_css_variables": {"color-brand-primary": "#175a8a", "color-brand-content": "#175a8a"},
    "dark_css_variables": {"color-brand-primary": "#8cc4ee", "color-brand-content": "#8cc4ee"},
}


def _own_module(app, modname, attribute):
    """Keep an alias of a built-in type, such as a tuple, from being looked for in `builtins`."""
    value = getattr(sys.modules.get(modname), attribute, None)
    return modname if getattr(value, "__module__", None) == "builtins" else None


def _generated(app):
    for chatty in ("derivkit", "fontTools"):  # a dependency of furo shows all they log
        logging.getLogger(chatty).setLevel(logging.WARNING)
    made = Path(app.srcdir) / "_generated"
    draw_pictures.draw(made / "pictures")
    draw_cheat_sheet.draw(made / "cheat-sheet.pdf")
    api_pages.write(made / "api")


def setup(app):
    app.connect("viewcode-follow-imported", _own_module)
    app.connect("builder-inited", _generated)
