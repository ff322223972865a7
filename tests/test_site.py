"""The site: the check of its links, and, where it is built and Chromium is there, its layout.

Built by ``make docs``. The browser opens every page in a frame of each width, from a server of
this process, and sends back what it measured.
"""

import json
import queue
import re
import runpy
import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import derivkit

DOCS = Path(__file__).parents[1] / "docs"
SITE = DOCS / "_build" / "html"
CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "chrome"])), None)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost",  # no other site is asked for
    "--window-size=1400,1000",
]
DESKTOP, PHONE = 1280, 390  # pixels
SEARCHED = ["Ridders", "checkpoint", "noise", "CalculusKit", "covariance"]
LEAST_CONTRAST = 4.5  # of text; WCAG 2.1, level AA
MOST_SHRUNK = 1.25  # times, a picture on a phone: letters of 10 points are seen with 8
PICTURES = [path.stem for path in (DOCS / "gallery").glob("*.py")]
MOST_SECONDS = 420

faults = runpy.run_path(str(DOCS / "check_links.py"))["faults"]

needs_site = pytest.mark.skipif(not SITE.exists(), reason="the site is not built: make docs")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        ('<a href="b.html">', None),
        ('<a href="b.html#there">', None),
        ('<a href="#here"><p id="here">', None),
        ('<a href="https://example.org/c.html">', None),
        ('<a href="c.html">', "a.html: c.html is not there"),
        ('<a href="b.html#gone">', "a.html: b.html#gone has no such anchor"),
        ('<a href="#gone">', "a.html: #gone has no such anchor"),
        ('<img src="b.html" alt="a picture">', None),
        ('<img src="b.html" alt="b.html">', "a.html: b.html has no alternative text"),
        ('<img src="b.html">', "a.html: b.html has no alternative text"),
    ],
)
def test_the_check_of_links_finds(html, fault, tmp_path):
    (tmp_path / "a.html").write_text(html)
    (tmp_path / "b.html").write_text('<p id="there">')
    assert faults(tmp_path) == ([fault] if fault else [])


@needs_site
def test_every_link_anchor_and_image_of_the_site_is_there():
    assert faults(SITE) == []


HARNESS = """<!doctype html><meta charset="utf-8"><body><script>
const frame = document.createElement("iframe");
frame.style = "border: 0; height: 900px";
document.body.append(frame);
const opened = page => new Promise(done => {{ frame.onload = done; frame.src = page; }});
const pause = ms => new Promise(done => setTimeout(done, ms));
function overflow(page, width) {{
  frame.style.width = width + "px";
  const root = frame.contentDocument.documentElement;
  const cut = [...frame.contentDocument.querySelectorAll("pre")].filter(
    e => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1).map(e => e.textContent);
  return [page, width, root.clientWidth, root.scrollWidth, cut];
}}
function linear(c) {{ c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; }}
function luminance(rgb) {{
  return 0.2126 * linear(rgb[0]) + 0.7152 * linear(rgb[1]) + 0.0722 * linear(rgb[2]);
}}
const numbers = colour => (colour.match(/[0-9.]+/g) || []).map(Number);
const solid = rgb => rgb.length === 3 || rgb[3] === 1;
function behind(element) {{
  for (let at = element; at; at = at.parentElement) {{
    const rgb = numbers(frame.contentWindow.getComputedStyle(at).backgroundColor);
    if (rgb.length && solid(rgb)) return rgb;
  }}
  return [255, 255, 255];
}}
function faint(root, least) {{
  const found = {{}};
  const walker = root.createTreeWalker(root.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {{
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    const rgb = numbers(frame.contentWindow.getComputedStyle(element).color);
    if (!solid(rgb)) continue;
    const both = [luminance(rgb), luminance(behind(element))].sort((a, b) => a - b);
    const ratio = (both[1] + 0.05) / (both[0] + 0.05);
    if (ratio < least) found[element.tagName + "." + element.className] = ratio.toFixed(2);
  }}
  return Object.entries(found).map(([what, ratio]) => what + " " + ratio);
}}
function unreachable(root) {{  // what scrolls must take the keyboard's focus, or hold what does
  return [...root.querySelectorAll("pre, .table-wrapper")].filter(e =>
    e.checkVisibility() && e.scrollWidth > e.clientWidth + 1 &&
    ["auto", "scroll"].includes(frame.contentWindow.getComputedStyle(e).overflowX) &&
    e.tabIndex < 0 && !e.querySelector("a")).map(e => e.textContent.slice(0, 40));
}}
function basics(page, theme) {{
  const root = frame.contentDocument;
  root.body.dataset.theme = theme;
  return {{
    page, theme,
    paper: luminance(behind(root.body)),
    h1: root.querySelectorAll("h1").length,
    lang: root.documentElement.lang,
    title: root.title,
    nameless: [...root.querySelectorAll("a[href], button")].filter(e => e.checkVisibility() &&
      !(e.textContent.trim() || e.getAttribute("aria-label") || e.title ||
        e.querySelector("img[alt]"))).map(e => e.outerHTML.slice(0, 80)),
    faint: faint(root, {least}),
    unreachable: unreachable(root),
    pictures: [...root.querySelectorAll("img.only-light, img.only-dark")].filter(
      e => e.checkVisibility()).map(e => [e.src, e.naturalWidth / e.clientWidth]),
    fixed: [...root.querySelectorAll("img.only-light, img.only-dark")].filter(
      e => e.closest("a")?.href !== e.src).map(e => e.src),
  }};
}}
async function results(word) {{
  await opened("search.html?q=" + word);
  for (let tries = 0; tries < 100; tries++) {{
    const found = frame.contentDocument.querySelectorAll("#search-results li a");
    if (found.length) return [word, found.length];
    await pause(100);
  }}
  return [word, 0];
}}
(async () => {{
  const layout = [], search = [], checks = [];
  for (const page of {pages}) {{  // one visit each, most of the time goes there
    await opened(page);
    frame.contentDocument.head.insertAdjacentHTML(  // a new theme's colours are there at once
      "beforeend", "<style>* {{ transition: none !important }}</style>");
    for (const width of {widths}) layout.push(overflow(page, width));
    await pause(30);  // what scrolls at the last width takes the focus
    for (const theme of ["light", "dark"]) checks.push(basics(page, theme));
  }}
  for (const word of {words}) search.push(await results(word));
  await fetch("/report", {{method: "POST", body: JSON.stringify({{layout, search, checks}})}});
}})();
</script>"""


class Site(SimpleHTTPRequestHandler):
    """Serves the site and the page that measures it; takes its report."""

    def __init__(self, *arguments, harness, reports, **keywords):
        self.harness, self.reports = harness, reports
        super().__init__(*arguments, directory=str(SITE), **keywords)

    def do_GET(self):
        if self.path != "/harness":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.harness.encode())

    def do_POST(self):
        self.reports.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Return what the browser found: widths of every page, and results of every search."""
    pages = sorted(
        str(path.relative_to(SITE)) for path in SITE.rglob("*.html") if "_modules" not in path.parts
    )
    harness = HARNESS.format(
        pages=json.dumps(pages),
        widths=[DESKTOP, PHONE],
        words=json.dumps(SEARCHED),
        least=LEAST_CONTRAST,
    )
    reports = queue.Queue()
    handler = partial(Site, harness=harness, reports=reports)
    server = ThreadingHTTPServer(("localhost", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    profile = tmp_path_factory.mktemp("profile")
    browser = subprocess.Popen(
        [
            CHROMIUM,
            *FLAGS,
            f"--user-data-dir={profile}",
            f"http://localhost:{server.server_port}/harness",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield reports.get(timeout=MOST_SECONDS)
    finally:
        browser.terminate()
        browser.wait(timeout=30)
        server.shutdown()
        server.server_close()


@needs_site
@needs_browser
def test_no_page_is_wider_than_the_window_of_a_desktop_or_a_phone(measured):
    assert len(measured["layout"]) > 80
    assert {width for _, width, *_ in measured["layout"]} == {DESKTOP, PHONE}
    assert [row for row in measured["layout"] if row[3] > row[2]] == []


@needs_site
@needs_browser
def test_no_line_of_code_is_cut_on_a_desktop(measured):
    cut = {page: texts for page, width, _, _, texts in measured["layout"] if width == DESKTOP}
    assert {page: texts for page, texts in cut.items() if texts} == {}


@needs_site
@needs_browser
def test_the_search_finds_what_the_pages_tell_of(measured):
    assert [word for word, found in measured["search"] if found == 0] == []
    assert len(measured["search"]) == len(SEARCHED)


NO_PAGES = {"search.html", "genindex.html"}  # the theme's own


@needs_site
@needs_browser
def test_every_page_has_one_heading_a_title_and_a_language(measured):
    checks = [c for c in measured["checks"] if c["page"] not in NO_PAGES]
    assert [c["page"] for c in checks if c["h1"] != 1] == []
    assert [c["page"] for c in checks if not (c["title"] and c["lang"])] == []


@needs_site
@needs_browser
def test_text_stands_out_from_what_is_behind_it_in_light_and_dark(measured):
    papers = {(c["theme"], c["paper"] > 0.5) for c in measured["checks"]}
    assert papers == {("light", True), ("dark", False)}
    faint = {(c["theme"], each) for c in measured["checks"] for each in c["faint"]}
    assert faint == set()


@needs_site
@needs_browser
def test_links_and_buttons_have_names_and_what_scrolls_takes_the_keyboard(measured):
    assert [(c["page"], c["nameless"]) for c in measured["checks"] if c["nameless"]] == []
    assert [(c["page"], c["unreachable"]) for c in measured["checks"] if c["unreachable"]] == []


@needs_site
@needs_browser
def test_a_picture_opens_alone_to_be_enlarged_on_a_phone(measured):
    assert [(c["page"], c["fixed"]) for c in measured["checks"] if c["fixed"]] == []


@needs_site
@needs_browser
def test_a_phone_has_the_narrow_picture_of_its_theme_with_letters_that_can_be_read(measured):
    seen = [(c["theme"], *each) for c in measured["checks"] for each in c["pictures"]]
    assert len(seen) > 2 * len(PICTURES)
    shown = {(theme, source.rpartition("/")[2]) for theme, source, _ in seen}
    assert shown == {(t, f"{name}-phone-{t}.svg") for t in ("light", "dark") for name in PICTURES}
    assert [each for each in seen if each[2] > MOST_SHRUNK] == []


@needs_site
def test_no_page_asks_another_server_for_anything():
    asked = re.compile(r"""<(?:script|link|img|iframe)[^>]*(?:src|href)=["'](https?:)?//""")
    pages = SITE.rglob("*.html")
    assert [str(page) for page in pages if asked.search(page.read_text())] == []


@needs_site
def test_the_tables_of_the_reference_tell_of_every_name_in_words_of_its_own():
    index = (SITE / "_generated" / "api" / "index.html").read_text()
    assert "new empty dictionary" not in index
    assert "<td><p></p></td>" not in index
    assert re.search(r"<h2>Other<", index) is None
    assert "\\*" not in (SITE / "_generated" / "api" / "derivkit.check_jacobian.html").read_text()


@needs_site
def test_every_public_name_has_a_page():
    made = {path.stem for path in (SITE / "_generated" / "api").glob("*.html")}
    assert {f"derivkit.{name}" for name in derivkit.__all__} <= made | {"derivkit.sampled"}
