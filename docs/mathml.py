"""Formulas as MathML, which browsers set by themselves: no script, no font, no network."""

from docutils.nodes import SkipNode
from latex2mathml.converter import convert


def inline(translator, node):
    translator.body.append(convert(node.astext()))
    raise SkipNode


def displayed(translator, node):
    formula = node.astext().replace("\\begin{aligned}", "\\begin{align*}")
    formula = formula.replace("\\end{aligned}", "\\end{align*}")
    translator.body.append(f'<div class="math">{convert(formula, display="block")}</div>')
    raise SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (inline, None), (displayed, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
