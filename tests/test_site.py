"""The site: the check of its links, and, where it is built and Chromium is there, its layout.

Built by ``make docs``. The browser opens every page in a frame of each width, from a server of
this process, and sends back what it measured.
"""

import json
import queue
import runpy
import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

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
SEARCHED = ["Ridders", "checkpoint", "noise"]
MOST_SECONDS = 240

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
async function overflow(page, width) {{
  frame.style.width = width + "px";
  await opened(page);
  const root = frame.contentDocument.documentElement;
  return [page, width, root.clientWidth, root.scrollWidth];
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
  const layout = [], search = [];
  for (const width of {widths})
    for (const page of {pages}) layout.push(await overflow(page, width));
  for (const word of {words}) search.push(await results(word));
  await fetch("/report", {{method: "POST", body: JSON.stringify({{layout, search}})}});
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
    pages = sorted(str(path.relative_to(SITE)) for path in SITE.rglob("*.html"))
    harness = HARNESS.format(
        pages=json.dumps(pages), widths=[DESKTOP, PHONE], words=json.dumps(SEARCHED)
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
    assert {width for _, width, _, _ in measured["layout"]} == {DESKTOP, PHONE}
    assert [row for row in measured["layout"] if row[3] > row[2]] == []


@needs_site
@needs_browser
def test_the_search_finds_what_the_pages_tell_of(measured):
    assert [word for word, found in measured["search"] if found == 0] == []
    assert len(measured["search"]) == len(SEARCHED)
