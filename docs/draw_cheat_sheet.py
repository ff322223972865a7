"""The cheat sheet as one page of PDF, from the tables of docs/cheat-sheet.md."""

import re
from pathlib import Path

from matplotlib.figure import Figure

from derivkit.plot.style import palette, styled

PAGE = Path(__file__).with_name("cheat-sheet.md")
A4 = 8.27, 11.69  # inches
LINE, TOP, LEFT, SECOND = 0.0168, 0.96, 0.06, 0.54  # of the page
NOT_THE_SAME_EACH_TIME = {"CreationDate": None}


def draw(target):
    """Write the page."""
    colours = palette()
    with styled(None):
        figure = Figure(figsize=A4)
        figure.text(LEFT, TOP, "derivkit", size=20, weight="bold")
        caption = "derivatives of any model you can call, with an error bar that holds"
        figure.text(LEFT + 0.17, TOP + 0.002, caption, size=10, color=colours.quiet)
        height = TOP - 2 * LINE
        for line in PAGE.read_text().splitlines():
            if line.startswith("## "):
                height -= 1.4 * LINE
                figure.text(LEFT, height, line[3:], size=12, weight="bold", color=colours.believed)
                height -= 1.2 * LINE
            elif row := re.match(r"\| (`.*`) \| (.*) \|$", line):
                code = row[1].replace("`", "")
                figure.text(LEFT, height, code, size=8.5, family="monospace")
                figure.text(SECOND, height, row[2].replace("`", ""), size=8.5)
                height -= LINE
        figure.savefig(target, metadata=NOT_THE_SAME_EACH_TIME)
