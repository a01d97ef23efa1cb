"""Looks at a page in Chromium and prints as JSON how long its first view takes, what it loads, and how it moves.

It runs in the environment that has Playwright, and takes the program and the address.
"""

import json
import sys
import time
from pathlib import Path
from urllib.parse import unquote, urlparse

from playwright.sync_api import Page, sync_playwright

READY = """globalThis.page?.rows.pending === 0 && document.querySelector('#counts')?.textContent.includes('in view')
  && !document.querySelector('#counts').textContent.includes('Loading')"""
FRAMES = """globalThis.frames_s = new Promise((done) => {
  const begin = performance.now(); let count = 0;
  const next = (now) => {
    count++;
    now - begin < 2500 ? requestAnimationFrame(next) : done(1000 * count / (now - begin));
  };
  requestAnimationFrame(next); })"""
PLACES = ("10,10,20000", "10,10,4000", "10,10,300", "10,10,30")
"""Longitude, latitude, metres per pixel."""


def wait(page: Page) -> None:
    """Until all that is in view is there."""
    for _ in range(1500):
        if page.evaluate(READY):
            return
        time.sleep(0.02)
    raise TimeoutError(page.inner_text("#alarm"))


def frames_while_dragged(page: Page) -> float:
    """Frames per second while the map is dragged to and fro."""
    page.evaluate(f"() => {{ {FRAMES} }}")
    page.mouse.move(500, 450)
    page.mouse.down()
    begin, step = time.monotonic(), 0
    while time.monotonic() - begin < 2.6:
        step += 1
        page.mouse.move(350 + 300 * abs(step % 80 - 40) / 40, 450 + step % 7)
    page.mouse.up()
    return page.evaluate("globalThis.frames_s")


def main(program: str, address: str) -> None:
    """Print the facts."""
    loaded = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_context(viewport=dict(width=1400, height=900)).new_page()
        page.on("request", lambda request: loaded.append(Path(unquote(urlparse(request.url).path))))
        begin = time.monotonic()
        page.goto(address)
        wait(page)
        facts = dict(first_view_s=round(time.monotonic() - begin, 2), first_view_mb=megabytes(loaded))
        frames = []
        for place in PLACES:
            page.evaluate(f"page.useMap('cylindrical', '{place}')")
            page.wait_for_timeout(300)
            wait(page)
            frames.append(frames_while_dragged(page))
        browser.close()
    print(json.dumps(facts | dict(frames=round(min(frames)), loaded_mb=megabytes(loaded))))


def megabytes(files: list[Path]) -> float:
    """The size of files, each once."""
    return round(sum(path.stat().st_size for path in set(files) if path.is_file()) / 1e6, 2)


if __name__ == "__main__":
    main(*sys.argv[1:])
