"""Uses the page of a run in Chromium as a person would, and prints what came of it as JSON.

It runs in the environment that has Playwright, and takes the program, the address, a folder for pictures and the file
that is saved, the width of the window in px, light or dark, and, as JSON, the places to take pictures of: map,
longitude, latitude and metres per pixel each.
"""

import json
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright

READY = (
    "globalThis.page && page.rows.pending === 0 && document.querySelector('#counts').textContent.includes('in view')"
)
SETTLED = "page.timer === null && !page.view.getAnimating() && page.rows.pending === 0"
QUIET = """
() => new Promise((done) => { page.olMap.once('rendercomplete', () => setTimeout(done, 200)); page.olMap.render(); })
"""
OVERFLOWING = """
[...document.querySelectorAll('body *')]
  .filter((node) => node.checkVisibility() && !node.closest('.skip, #map'))
  .filter((node) => node.getBoundingClientRect().right > innerWidth + 1)
  .map((node) => node.tagName + '#' + node.id + '.' + node.className)
"""
VIEW = """() => ({ left: page.view.calculateExtent()[0], top: page.view.calculateExtent()[3],
  resolution: page.view.getResolution(), box: document.querySelector('#map').getBoundingClientRect().toJSON() })"""
MIDDLE = """
() => { const box = document.querySelector('#map').getBoundingClientRect();
  return [box.left + box.width / 2, box.top + box.height / 2]; }
"""


class Visit:
    """A window with the page in it, and what it said and asked for."""

    def __init__(self, window, address, folder):
        self.folder, self.messages, self.requests = folder, [], []
        self.page = window.new_page()
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.messages.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        self.page.on("request", lambda request: self.requests.append(request.url[:200]))
        self.open(address)

    def open(self, address):
        self.page.goto("about:blank")
        self.page.goto(address)
        self.wait(READY)

    def wait(self, condition):
        """Wait for a condition; Playwright's wait evaluates texts in the page, which its policy forbids."""
        for _ in range(200):
            if self.page.evaluate(condition):
                return
            self.page.wait_for_timeout(50)
        raise TimeoutError(f"{condition}; the page says: {self.text('#alarm')}")

    def quiet(self):
        """Wait until all of the map is drawn."""
        self.page.evaluate(QUIET)

    def picture(self, name, **options):
        self.quiet()
        self.page.screenshot(path=self.folder / f"{name}.png", **options)

    def text(self, selector):
        return self.page.inner_text(selector)

    def heard(self):
        """What the page said on the console and in dialogs, and what it asked for that is not in its folder."""
        foreign = [url for url in self.requests if not url.startswith(("data:", "file:", "about:"))]
        return dict(messages=self.messages, foreign=foreign)

    def counts(self):
        """What the page counts, when it has drawn and counted again after the last change."""
        self.page.wait_for_timeout(250)
        self.wait(SETTLED)
        return self.text("#counts")

    def save(self, path):
        """Save the judgements by their key; returns the name that the page gives the file."""
        with self.page.expect_download() as download:
            self.page.keyboard.press("s")
        download.value.save_as(path)
        return download.value.suggested_filename


def places(visit, views):
    """Pictures of rings alone, and of images alone, at places; returns where they lie in the window."""
    facts = []
    for number, (name, *place) in enumerate(views):
        at = ",".join(map(str, place))
        visit.page.evaluate(
            "page.state.graticule = page.state.images = false; page.showLayer('rings', true);"
            f"page.useMap('{name}', '{at}')"
        )
        visit.picture(f"rings-{number}")
        facts.append(visit.page.evaluate(VIEW))
        visit.page.evaluate("page.state.images = true; page.showLayer('rings', false)")
        visit.picture(f"images-{number}")
    visit.page.evaluate("page.state.graticule = true; page.showLayer('rings', true)")
    visit.page.evaluate("page.useMap('cylindrical')")
    return facts


def look_around(visit):
    """Zoom, filter, click and go back by the address."""
    page, facts = visit.page, {}
    facts["all"] = visit.counts()
    before = page.evaluate("page.view.getResolution()")
    page.click("#zoom-in")
    page.wait_for_timeout(400)
    facts["zoomed"] = before / page.evaluate("page.view.getResolution()")
    page.click("#home")
    page.fill("[data-filter=diameter-0]", "50")
    page.press("[data-filter=diameter-0]", "Enter")
    facts["filtered"] = visit.counts()
    facts["address"] = page.evaluate("location.hash")
    page.fill("[data-filter=diameter-0]", "")
    page.press("[data-filter=diameter-0]", "Enter")
    facts["unfiltered"] = visit.counts()
    page.click("[data-choices=scenes] summary")
    page.locator("[data-choices=scenes] button", has_text="none").click()
    facts["no scene"] = visit.counts()
    page.locator("[data-choices=scenes] button", has_text="all").click()
    page.evaluate("page.goTo(page.run.sample[0])")
    visit.quiet()
    page.evaluate("scrollTo(0, 0)")
    page.mouse.move(*page.evaluate(MIDDLE))
    page.wait_for_timeout(100)
    facts["hovered"] = page.evaluate("page.hovered?.id")
    page.mouse.click(*page.evaluate(MIDDLE))
    page.wait_for_selector("#details:not([hidden])")
    visit.wait("document.querySelector('#details .note').textContent !== ''")
    facts["clicked"], facts["expected"] = visit.text("#details"), page.evaluate("page.run.sample[0].id")
    page.locator(".chip").screenshot(path=visit.folder / "chip.png")
    return facts


def keyboard(visit):
    """The map by keys: arrows move it, + zooms."""
    page = visit.page
    page.focus("#map")
    before = page.evaluate("[...page.view.getCenter(), page.view.getResolution()]")
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(300)
    page.keyboard.press("+")
    page.wait_for_timeout(300)
    after = page.evaluate("[...page.view.getCenter(), page.view.getResolution()]")
    return dict(moved=after[0] > before[0], zoomed=after[2] < before[2])


def draw_crater(visit, radius_px=40):
    """Add a crater by a drag from its centre to its rim; returns the diameter in km that it must have."""
    page, (x, y) = visit.page, visit.page.evaluate(MIDDLE)
    page.keyboard.press("a")
    page.mouse.move(x, y - 150)
    page.mouse.down()
    page.mouse.move(x, y - 150 - radius_px, steps=3)
    page.mouse.up()
    scale = "page.map.turn ? 1 : page.map.groundScale(0, page.judging.edited.lat)"
    metres = page.evaluate(f"page.view.getResolution() * ({scale})")
    page.keyboard.press("Enter")
    return 2 * radius_px * metres / 1000


def judge(visit, saved):
    """Judge ten rows by keys, one each of all kinds at least, and save."""
    page = visit.page
    page.fill("#reviewer", 'Ann "A", B')
    page.click("#start")
    listed = page.evaluate("page.judging.list.map((row) => row)")
    began = time.monotonic()
    keys = ["r", "r", "f", "u", "r", "m", "r", "f"][: len(listed)]
    for key in keys:
        page.keyboard.press(key)
        if key == "m":
            for change in ("ArrowRight", "Shift+ArrowUp", "+", "Enter"):
                page.keyboard.press(change)
    seconds = time.monotonic() - began
    page.keyboard.press("z")
    page.keyboard.press("u")
    page.keyboard.press("a")
    page.keyboard.press("-")
    page.keyboard.press("Enter")
    drawn_km = draw_crater(visit)
    visit.picture("judging")
    status = visit.text("#judged")
    name = visit.save(saved)
    hidden = visit.text("#panel")
    page.reload()
    visit.wait(READY)
    page.click("#start")
    again = visit.text("#judged")
    page.click("#start")
    return dict(
        listed=listed,
        status=status,
        again=again,
        seconds=seconds,
        panel=hidden,
        drawn_km=drawn_km,
        name=name,
    )


@contextmanager
def opened_page(program, address, folder, width, scheme):
    """Yield a visit to a page in a window of a width in px, light or dark."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        window = browser.new_context(viewport=dict(width=width, height=900), color_scheme=scheme)
        yield Visit(window, address, folder)
        browser.close()


def described_window(visit):
    """How a page that was just opened fits into its window; there is a picture of it afterwards."""
    page = visit.page
    visit.picture("first")
    return dict(
        title=page.title(), text=visit.text("#panel"), width=page.evaluate("innerWidth"),
        content_width=page.evaluate("document.documentElement.scrollWidth"), overflowing=page.evaluate(OVERFLOWING),
        background=page.evaluate("getComputedStyle(document.body).backgroundColor"),
    )  # fmt: skip


def main(program, address, folder, width, scheme, views):
    folder = Path(folder)
    with opened_page(program, address, folder, int(width), scheme) as visit:
        facts = described_window(visit) | dict(places=places(visit, json.loads(views)))
        facts |= dict(**look_around(visit), keyboard=keyboard(visit))
        visit.open(f"{address}{facts['address']}")
        facts["by address"] = visit.counts()
        visit.open(address)
        facts["judged"] = judge(visit, folder / "judgements.csv")
        visit.picture("last", full_page=True)
        ran = "window.ran === true || document.querySelectorAll('iframe, object').length > 0"
        facts["ran"] = visit.page.evaluate(ran)
        print(json.dumps(facts | visit.heard()))


if __name__ == "__main__":
    main(*sys.argv[1:])
