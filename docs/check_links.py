"""Find links, anchors and images of a built site that lead nowhere, and images without words.

    python docs/check_links.py docs/_build/html

Pages of other sites are not asked for.
"""

import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass
class Page(HTMLParser):
    """What a page refers to, and the anchors that it has."""

    path: Path
    anchors: set = field(default_factory=set)
    links: list = field(default_factory=list)
    images: list = field(default_factory=list)

    def __post_init__(self):
        super().__init__()
        self.feed(self.path.read_text())

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors |= {given[key] for key in ("id", "name") if given.get(key)}
        self.links += [given[key] for key in ("href", "src") if given.get(key)]
        if tag == "img":
            self.images.append((given.get("src", ""), given.get("alt") or ""))


def faults(root):
    """Return a line for each fault of the site in a folder."""
    pages = {path.resolve(): Page(path) for path in sorted(root.rglob("*.html"))}
    return [
        f"{path.relative_to(root.resolve())}: {fault}"
        for path, page in pages.items()
        for fault in [*_dead(path, page, pages), *_wordless(page)]
    ]


def _dead(path, page, pages):
    for link in dict.fromkeys(page.links):
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if not target.exists():
            yield f"{link} is not there"
        elif parts.fragment and target in pages:
            if unquote(parts.fragment) not in pages[target].anchors:
                yield f"{link} has no such anchor"


def _wordless(page):
    return [f"{src} has no alternative text" for src, alt in page.images if alt in {"", src}]


if __name__ == "__main__":
    found = faults(Path(sys.argv[1]))
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(bool(found))
