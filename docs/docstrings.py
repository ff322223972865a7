"""Docstrings in numpydoc form as pages show them: parameters, attributes and errors in tables."""

import re

from sphinx.ext.napoleon import Config, NumpyDocstring

SETTINGS = Config(napoleon_google_docstring=False, napoleon_use_rtype=False)
SHAPE = re.compile(r"(?<!`)\(\*{1,2}(?=\w)")  # (*out, p), f(**x0): no emphasis begins here
SPECIAL = re.compile(r"(?<!\\)([*|`])")


class Tabled(NumpyDocstring):
    """numpydoc, its fields as tables of two columns: the name with its type, and the meaning."""

    def _parse_parameters_section(self, section):
        return self._table("Parameters", self._consume_fields())

    def _parse_attributes_section(self, section):
        return self._table("Attributes", self._consume_fields())

    def _parse_returns_section(self, section):
        return self._table("Returns", self._consume_returns_section())

    def _parse_raises_section(self, section):
        fields = self._consume_fields(parse_type=False, prefer_type=True)
        return self._table("Raises", [(kind, "", text) for _, kind, text in fields])

    def _table(self, title, fields):
        lines = [f".. rubric:: {title}", "", ".. list-table::", "   :class: fields", ""]
        for name, kind, text in fields:
            name = name.replace("\\", "")  # napoleon escapes *args, which a literal shows
            head = [f"``{name}``"] if name else []
            kind = SPECIAL.sub(r"\\\1", kind)
            head += ["", kind] if name and kind else [kind] if kind else []
            lines += self._cell("   * - ", head or ["…"]) + self._cell("     - ", text or [""])
        return [*lines, ""]

    @staticmethod
    def _cell(start, text):
        first, *rest = text
        return [start + first, *(("       " + line).rstrip() for line in rest)]


def _as_table(app, what, name, obj, options, lines):
    plain = [SHAPE.sub(lambda m: m[0].replace("*", r"\*"), line) for line in lines]
    lines[:] = Tabled(plain, SETTINGS, app, what, name, obj, options).lines()


def setup(app):
    app.connect("autodoc-process-docstring", _as_table)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
