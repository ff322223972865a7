"""``{picture} bars``: a picture of the gallery, as it suits the theme and the width of the page.

Written once, shown in one of four drawings: light or dark, wide or for a phone.
"""

from itertools import product

from docutils.nodes import image
from docutils.parsers.rst import Directive
from docutils.parsers.rst.directives import class_option, unchanged_required


class Picture(Directive):
    required_arguments = 1
    option_spec = {"alt": unchanged_required, "class": class_option}

    def run(self):
        alt, own = self.options["alt"], self.options.get("class", [])
        return [
            image(
                uri=f"/_generated/pictures/{self.arguments[0]}{form}-{theme}.svg",
                alt=alt,
                classes=[f"only-{theme}", width, *own],
            )
            for (form, width), theme in product(
                (("", "desk"), ("-phone", "phone")), ("light", "dark")
            )
        ]


def setup(app):
    app.add_directive("picture", Picture)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
