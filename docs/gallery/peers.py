"""Digits and calls beside other packages

824 derivatives of functions drawn at random: smooth, badly scaled, beside walls, difficult, noisy.
Median of correct digits against model calls a parameter; the size of a point says how often the
answer is silently wrong (the smallest: never). Figures: benchmarks/results/held_out_777.md.
"""

from pathlib import Path

from matplotlib.figure import Figure

from derivkit.plot.style import headline, palette

table = (Path.cwd() / "benchmarks" / "results" / "held_out_777.md").read_text()
table = table[table.index("### Mean over ABCDE") :]
rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
SHOWN = ["derivkit", "numdifftools", "jacobi", "scipy.differentiate", "scipy 3-point",
         "statsmodels", "optimagic", "derivkit-1.4", "five-point"]  # fmt: skip
SIDE = {
    "jacobi": (-4, 17),
    "numdifftools": (8, 16),
    "optimagic": (17, 2),
    "statsmodels": (14, -9),
    "scipy 3-point": (-16, 24),
    "five-point": (12, -6),
}

colours = palette()
ax = Figure(figsize=(7.6, 4.0), layout="constrained").subplots()
for name in SHOWN:
    cells = next(row for row in rows if row and row[0].strip("*` ") == name)
    digits, calls, silent = (float(cells[k].strip("*")) for k in (2, 3, 5))
    colour = colours.believed if name == "derivkit" else colours.limit
    ax.scatter(calls, digits, s=40 + 25 * silent, color=colour, alpha=0.8, lw=0)
    note = f"{name}: {silent:g} %"
    right = calls > 20
    place = SIDE.get(name, (-10 if right else 10, 0))
    style = {"ha": "right" if right else "left", "va": "center", "fontsize": "small"}
    ax.annotate(note, (calls, digits), xytext=place, textcoords="offset points", **style)
ax.set(xlabel="model calls a parameter", ylabel="correct digits (median)", xlim=(0, 34))
ax.set_ylim(3, 12.5)
caption = "Functions drawn at random. Size of a point, and %: share of silent errors."
headline(ax, "More digits, no silent errors", caption)
