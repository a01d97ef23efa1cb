"""Uses the page of a demo's run in Chromium as a scientist would, and prints what came of it as JSON.

It runs in the environment that has Playwright, and takes the program, the address, a folder for pictures and the file
that is saved, the width of the window in px, light or dark, and the diameter in km that rows are filtered by; without
one the page is of a map.
"""

import json
import sys
import time
from pathlib import Path

from in_page import MIDDLE, READY, described_window, opened_page

KEYS = ("r", "r", "f", "r", "u", "m", "r", "f", "r", "r")
"""What is said of the first ten rows of the random sample."""
CORRECTION = ("Shift+ArrowRight", "ArrowUp", "+", "Enter")
ALONE = """
() => page.run.sample.find((row) => page.drawing.at(page.map.toMap(row.lon, row.lat), 1)?.id === row.id)
"""
"""A row in whose middle lies no smaller one."""
IN_MIDDLE = "(page.at(page.view.getCenter()) ?? null)"
LAST_COLOUR = "document.querySelector('#colour').options.length - 1"
FIRST_LINE = "page.features.shown.find(({ kind }) => kind === 'lines').parts[0]"


def zoom(visit):
    """How many times closer the view is after a click, and what is in it."""
    before = visit.page.evaluate("page.view.getResolution()")
    visit.page.click("#zoom-in")
    visit.page.wait_for_timeout(400)
    closer = before / visit.page.evaluate("page.view.getResolution()")
    visit.picture("zoomed")
    counts = visit.counts()
    visit.page.click("#home")
    return dict(closer=closer, counts=counts)


def click_middle(visit):
    """What the pointer in the middle of the map shows, and what a click there does."""
    page = visit.page
    visit.quiet()
    page.evaluate("scrollTo(0, 0)")
    page.mouse.move(*page.evaluate(MIDDLE))
    page.wait_for_timeout(150)
    tip = page.text_content("#tip")
    page.mouse.click(*page.evaluate(MIDDLE))
    page.wait_for_selector("#details:not([hidden])")
    return tip


def filter_rows(visit, least_km):
    """The counts with a filter, and the page that its address opens."""
    page = visit.page
    page.fill("[data-filter=diameter-0]", str(least_km))
    page.press("[data-filter=diameter-0]", "Enter")
    counts = visit.counts()
    visit.open(page.evaluate("location.href"))
    again = visit.counts()
    page.fill("[data-filter=diameter-0]", "")
    page.press("[data-filter=diameter-0]", "Enter")
    return dict(counts=counts, again=again)


def click_row(visit):
    """A row, and what is said of it; there is a picture of its chip."""
    page = visit.page
    row = page.evaluate(ALONE)
    page.evaluate("(row) => page.goTo(row)", row)
    tip = click_middle(visit)
    visit.wait("document.querySelector('#details .note').textContent !== ''")
    visit.picture("clicked", full_page=True)
    page.locator(".chip").screenshot(path=visit.folder / "chip.png")
    facts = dict(id=row["id"], tip=tip, text=visit.text("#details"))
    page.keyboard.press("Escape")
    return facts


def judge(visit, saved):
    """Judge ten rows of the random sample by keys, and save; a reload keeps what was said."""
    page = visit.page
    page.fill("#reviewer", "Ann")
    page.click("#start")
    listed = page.evaluate("page.judging.list.map(({ id }) => id)")
    began = time.monotonic()
    for key in KEYS:
        for pressed in (key, *(CORRECTION if key == "m" else ())):
            page.keyboard.press(pressed)
    seconds = time.monotonic() - began
    visit.picture("judging")
    visit.save(saved)
    page.reload()
    visit.wait(READY)
    page.click("#start")
    status = visit.text("#judged")
    page.click("#start")
    return dict(listed=listed, keys=KEYS, seconds=seconds, status=status)


def use_catalogue(visit, least_km):
    facts = dict(zoomed=zoom(visit), filtered=filter_rows(visit, least_km), clicked=click_row(visit))
    page = visit.page
    for name in ("scenes", "searched"):
        page.check(f"[data-layer={name}]")
    page.click("#home")
    page.select_option("#longitudes", "360")
    page.select_option("#colour", index=page.evaluate(LAST_COLOUR))
    visit.picture("layers", full_page=True)
    return facts | dict(judged=judge(visit, visit.folder / "judgements.csv"))


def use_map(visit):
    page, facts = visit.page, dict(zoomed=zoom(visit))
    page.uncheck("#filters [data-class]")
    facts["hidden"] = visit.counts()
    visit.open(page.evaluate("location.href"))
    facts["hidden again"] = visit.counts()
    page.check("#filters [data-class]")
    facts["shown"] = visit.counts()
    page.evaluate(f"page.useMap('cylindrical', [...{FIRST_LINE}[1], 300].join())")
    visit.quiet()
    tip, about = click_middle(visit), page.evaluate(f"{IN_MIDDLE}.about")
    visit.picture("clicked", full_page=True)
    return facts | dict(clicked=dict(id=about["id"], tip=tip, text=visit.text("#details")))


def main(program, address, folder, width, scheme, least_km=""):
    with opened_page(program, address, Path(folder), int(width), scheme) as visit:
        facts = dict(all=visit.counts(), **described_window(visit))
        facts |= use_catalogue(visit, float(least_km)) if least_km else use_map(visit)
        print(json.dumps(facts | visit.heard()))


if __name__ == "__main__":
    main(*sys.argv[1:])
