"""Draw every picture of docs/gallery/, light and dark, wide and for phones; write the gallery's page.

    python docs/draw_pictures.py FOLDER

A picture is a script whose docstring has its title and what it shows, and which leaves `ax`.
"""

import os
import re
import runpy
import sys
from contextlib import chdir
from pathlib import Path
from textwrap import fill

import matplotlib as mpl

from derivkit.plot import theme
from derivkit.plot.style import styled

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "docs" / "gallery").glob("*.py"))
FIRST = ["promise", "peers"]  # of the gallery
PHONE = 4.0, 4.4  # inches
LETTERS, CAPTION_LETTERS, LINE = 34, 44, 13  # of a line of a phone's title and caption; its height
SAME_EACH_TIME = {"Date": None}


def draw(folder):
    """Write all pictures that are older than what they are drawn from."""
    folder.mkdir(parents=True, exist_ok=True)
    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "derivkit"  # the same bytes at every build
    sys.path.insert(0, str(ROOT / "examples"))
    for script in SCRIPTS:
        for name in ("light", "dark"):
            target = folder / f"{script.stem}-{name}.svg"
            if not target.exists() or target.stat().st_mtime < newest(script):
                with theme(name), styled(None), chdir(ROOT):
                    axes = runpy.run_path(str(script))["ax"]
                    axes.figure.savefig(target, metadata=SAME_EACH_TIME)
                    narrowed(axes)
                    phone = target.with_name(f"{script.stem}-phone-{name}.svg")
                    axes.figure.savefig(phone, metadata=SAME_EACH_TIME)
    (folder.parent / "gallery.md").write_text(gallery())


def narrowed(axes):
    """Make a picture so narrow that its letters can be read where a page has 350 pixels."""
    figure = axes.figure
    figure.set_size_inches(PHONE)
    panels = [each for each in figure.axes if each.get_subplotspec() is not None]
    if panels[0].get_gridspec().nrows == 1 < len(panels):  # side by side: now one below the other
        for panel, place in zip(panels, figure.add_gridspec(len(panels), 1), strict=True):
            panel.set_subplotspec(place)
    more = 0
    for text in axes.texts:  # the caption is the one that is long
        text.set_text(fill(text.get_text(), CAPTION_LETTERS))
        more = max(more, LINE * text.get_text().count("\n"))
    axes.set_title(fill(axes.get_title(loc="left"), LETTERS), loc="left", pad=22 + more)
    if figure.legends and len(panels) == 1:
        for legend in figure.legends:
            legend.remove()
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left")


def newest(script):
    """Return when the script or the code that draws it was last changed."""
    code = [script, Path(__file__), *(ROOT / "derivkit" / "plot").glob("*.py")]
    return max(path.stat().st_mtime for path in code)


def story(script):
    """Return the title of a picture, and what it shows."""
    text = re.match(r'"""(.*?)"""', script.read_text(), re.DOTALL)[1]
    title, _, shown = text.strip().partition("\n\n")
    return title, shown


def gallery():
    """Return the page of all pictures, each with its code."""
    lines = ["# Gallery", "", "Every picture with the code that draws it, as it stands in", ""]
    lines[-2] += " `docs/gallery/`; each is drawn anew when this site is built."
    order = sorted(
        SCRIPTS, key=lambda s: (s.stem not in FIRST, FIRST.index(s.stem) if s.stem in FIRST else 0)
    )
    for script in order:
        title, shown = story(script)
        lines += [f"## {title}", "", shown, ""]
        lines += [f"```{{picture}} {script.stem}", f":alt: {' '.join(shown.split())}", "```", ""]
        path = os.path.relpath(script, ROOT / "docs" / "_generated")
        lines += ["```{dropdown} The code", f":name: code-{script.stem}", ""]
        lines += [f":::{{literalinclude}} {path}", ":language: python", ":::", "```", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
