"""Looks at Rollbook's pages in Chromium.

    check.py WHAT ADDRESS TOKEN ROLLBOOK FOLDER SCREENSHOTS [PICTURES]

WHAT is `year` or `held`: what is in FOLDER, which holds a configuration and its database. What the pages show is compared
with what the command line says of the same database. SCREENSHOTS keeps what was seen, PICTURES the ones of the README.
"""

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

WHAT, ADDRESS, TOKEN, ROLLBOOK, FOLDER, SCREENSHOTS, *PICTURES = sys.argv[1:]
WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 380, "height": 800}


def told(*arguments):
    """What the command line says."""
    command = [ROLLBOOK, *arguments]
    return subprocess.run(command, cwd=FOLDER, check=True, capture_output=True, stdin=subprocess.DEVNULL).stdout


def rows(sql):
    with sqlite3.connect(f"file:{FOLDER}/rollbook.db?mode=ro", uri=True) as database:
        return database.execute(sql).fetchall()


class Seen:
    """A browser's window, and whatever went wrong in it."""

    def __init__(self, browser, name, **settings):
        self.name = name
        self.context = browser.new_context(base_url=ADDRESS, viewport=WIDE, **settings)
        self.page = self.context.new_page()
        self.wrong = []
        self.page.on("console", lambda message: self.wrong.append(message.text) if message.type == "error" else None)
        self.page.on("request", self.asked)

    def asked(self, request):
        if not request.url.startswith((ADDRESS, "data:")):
            self.wrong.append(f"asks elsewhere: {request.url}")

    def sign_in(self, path="/"):
        self.page.goto(path)
        self.page.get_by_label("Access token").fill(TOKEN)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("button", name="Sign out")).to_be_visible()

    def shot(self, name, picture=None):
        Path(SCREENSHOTS).mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=f"{SCREENSHOTS}/{WHAT}-{self.name}-{name}.png", full_page=True)
        for folder in PICTURES if picture else []:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=f"{folder}/{picture}.png")

    def close(self):
        # A refusal is told in the console too, and is what some ask for.
        wrong = [what for what in self.wrong if "401" not in what]
        assert not wrong, wrong
        self.context.close()


def cells(page, heading):
    """The texts of a column of the first table that has it."""
    table = page.get_by_role("table").filter(has=page.get_by_role("columnheader", name=heading)).first
    heads = [text.strip(" ▲▼") for text in table.get_by_role("columnheader").all_inner_texts()]
    at = heads.index(heading)
    return [row.locator("th, td").nth(at).inner_text().strip() for row in table.locator("tbody tr").all()]


def signing_in(browser):
    seen = Seen(browser, "signing-in")
    page = seen.page
    page.goto("/reports/inactive?days=30")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    seen.shot("form")
    page.get_by_label("Access token").fill("another")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("That is not the token.")
    page.get_by_label("Access token").fill(TOKEN)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Inactive users")
    assert page.url == f"{ADDRESS}/reports/inactive?days=30", page.url
    page.get_by_role("button", name="Sign out").click()
    page.goto("/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    seen.close()


def overview(browser):
    seen = Seen(browser, "overview")
    page = seen.page
    seen.sign_in()
    for row in json.loads(told("report", "seats", "--format", "json"))["rows"]:
        card = page.locator("section.card").filter(has=page.locator(f"h2 bdi:text-is('{row['site']}')"))
        expect(card).to_be_visible()
        # Numbers are shown with thin spaces.
        shown = card.inner_text().replace("\u202f", "")
        for figure in ("licensed", "idle", "never", "deactivated"):
            assert str(row[figure]) in shown, (row["site"], figure, row[figure], shown)
        expect(card.locator("svg[role=img]")).to_be_visible()
        card.get_by_text("The numbers").click()
        assert card.locator("details table tbody tr").count() >= 3
        card.get_by_text("The numbers").click()
    page.evaluate("window.scrollTo(0, 0)")
    seen.shot("page", picture="overview")
    # The keyboard finds the way past what is on every page.
    page.goto("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    seen.close()


def report(browser):
    seen = Seen(browser, "report")
    page = seen.page
    seen.sign_in("/reports")
    page.get_by_role("link", name="Inactive users").click()
    page.get_by_label("days").fill("30")
    page.get_by_role("button", name="Show").click()
    assert "days=30" in page.url, page.url
    wanted = json.loads(told("report", "inactive", "--param", "days=30", "--format", "json"))["rows"]
    assert cells(page, "name") == [row["name"] for row in wanted][:100]
    # Sorted by a click, and the other way by another.
    page.get_by_role("columnheader", name="days").get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="days")).to_have_attribute("aria-sort", "ascending")
    days = sorted(row["days"] for row in wanted if row["days"] is not None)
    assert [int(text) for text in cells(page, "days") if text] == days[:100]
    page.get_by_role("columnheader", name="days").get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="days")).to_have_attribute("aria-sort", "descending")
    assert [int(text) for text in cells(page, "days") if text] == days[::-1][:100]
    seen.shot("sorted", picture="report")
    # A file of a moment has the bytes of the command line.
    moment = rows("SELECT date(max(at), '-40 days') FROM walks")[0][0]
    page.goto(f"/reports/inactive?days=30&as-of={moment}")
    with page.expect_download() as begun:
        page.get_by_role("link", name="csv", exact=True).click()
    name = begun.value.suggested_filename
    assert name.startswith("inactive") and name.endswith(".csv"), name
    said = told("report", "inactive", "--param", "days=30", "--as-of", moment, "--format", "csv")
    assert Path(begun.value.path()).read_bytes() == said
    # Pages.
    page.goto("/reports/users")
    everybody = json.loads(told("report", "users", "--format", "json"))["rows"]
    assert len(everybody) > 100
    page.get_by_role("link", name="Next").first.click()
    assert "page=2" in page.url, page.url
    assert cells(page, "name") == [row["name"] for row in everybody][100:200]
    # A mistake keeps the form.
    page.goto("/reports/inactive?days=-1")
    expect(page.get_by_role("alert")).to_contain_text("days")
    expect(page.get_by_label("days")).to_have_value("-1")
    seen.wrong = [what for what in seen.wrong if "400" not in what]
    seen.close()


def people(browser):
    seen = Seen(browser, "people")
    page = seen.page
    seen.sign_in()
    # Whoever left, came back, and logged in.
    user, name = rows(
        "SELECT u.id, u.name FROM users u JOIN sites s ON s.id = u.site_id WHERE s.kind = 'data-center' AND"
        " (SELECT count(*) FROM logins l WHERE l.user_id = u.id AND l.kind = 'success') > 5 ORDER BY"
        " (SELECT count(DISTINCT kind) FROM changes c WHERE c.user_id = u.id) DESC, u.id LIMIT 1"
    )[0]
    box = page.get_by_role("searchbox")
    box.fill(name)
    box.press("Enter")
    page.locator(f"a[href='/users/{user}']").first.click()
    assert page.url.endswith(f"/users/{user}"), page.url
    expect(page.get_by_role("heading", level=1)).to_contain_text(rows(f"SELECT coalesce(full_name, name) FROM users WHERE id = {user}")[0][0])
    logins = rows(f"SELECT count(*) FROM logins WHERE user_id = {user} AND kind = 'success'")[0][0]
    assert logins > 1
    everything = page.locator("main").inner_text()
    assert everything.count("logged in") >= min(logins, 50), everything
    seen.shot("user", picture="user")
    page.get_by_role("link", name="Without log-ins").click()
    expect(page.get_by_role("link", name="With log-ins")).to_be_visible()
    # A group of theirs, now and then.
    page.locator("a[href^='/groups/']").first.click()
    group = page.url.split("/groups/")[1].split("?")[0]
    members = rows(f"SELECT u.name FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.group_id = {group} AND m.valid_to IS NULL")
    shown = page.locator("main").inner_text()
    assert members and all(member in shown for (member,) in sorted(members)[:20]), shown
    seen.shot("group")
    page.get_by_role("link", name="Changes").first.click()
    seen.shot("changes")
    page.get_by_role("link", name="Walks").first.click()
    seen.shot("walks")
    seen.close()


def every_page():
    """Each kind of page once."""
    user = rows("SELECT user_id FROM changes WHERE user_id IS NOT NULL GROUP BY user_id ORDER BY count(*) DESC LIMIT 1")[0][0]
    group = rows("SELECT group_id FROM memberships GROUP BY group_id ORDER BY count(*) DESC LIMIT 1")[0][0]
    walk = rows("SELECT max(id) FROM walks")[0][0]
    return {
        "overview": "/",
        "reports": "/reports",
        "report": "/reports/inactive?days=30&sort=name",
        "chart": "/reports/activity",
        "user": f"/users/{user}",
        "group": f"/groups/{group}",
        "walks": "/walks",
        "walk": f"/walks/{walk}",
        "changes": "/changes",
        "search": "/search?q=a",
        "nowhere": "/nowhere",
    }


def for_everybody(browser):
    """Nothing that axe calls serious, in light and dark, wide and narrow; and nothing to be scrolled sideways."""
    axe = Axe()
    for scheme in ("light", "dark"):
        # Past the policy, which would not let axe in either.
        seen = Seen(browser, scheme, color_scheme=scheme, bypass_csp=True)
        seen.sign_in()
        for name, path in every_page().items():
            seen.page.goto(path)
            dark = seen.page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
            assert dark == (scheme == "dark"), (scheme, name)
            for size, width in ((WIDE, "wide"), (PHONE, "phone")):
                seen.page.set_viewport_size(size)
                found = [
                    (rule["id"], [node["html"] for node in rule["nodes"]][:3])
                    for rule in axe.run(seen.page).response["violations"]
                    if rule["impact"] in ("serious", "critical")
                ]
                assert not found, (scheme, width, path, found)
                sideways = seen.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                assert sideways <= 0, (width, path, sideways)
                seen.shot(f"{name}-{width}")
        seen.wrong = [what for what in seen.wrong if "404" not in what]
        seen.close()


def without_scripts(browser):
    seen = Seen(browser, "without-scripts", java_script_enabled=False)
    page = seen.page
    seen.sign_in("/reports/never-logged-in")
    page.get_by_label("days").fill("7")
    page.get_by_role("button", name="Show").click()
    wanted = json.loads(told("report", "never-logged-in", "--param", "days=7", "--format", "json"))["rows"]
    assert cells(page, "name") == [row["name"] for row in wanted][:100] if wanted else True
    page.get_by_role("searchbox").fill("e")
    page.get_by_role("button", name="Search").click()
    assert page.locator("a[href^='/users/']").count() > 0
    seen.close()


def held(browser):
    walk, removals = rows("SELECT walk_id, removals FROM holds WHERE decision IS NULL")[0]
    seen = Seen(browser, "held", bypass_csp=True)
    page = seen.page
    seen.sign_in()
    expect(page.get_by_text("wait for a decision")).to_be_visible()
    seen.shot("overview")
    page.locator(f"a[href='/walks/{walk}']").first.click()
    for command in ("diff", "approve", "reject"):
        expect(page.locator("pre").first).to_contain_text(f"rollbook walks {command} {walk}")
    held = json.loads(told("walks", "diff", str(walk), "--format", "json"))["removals"]
    assert len(held) == removals
    shown = page.locator("main").inner_text()
    assert all(row["user"] in shown for row in held[:50]), shown
    found = [rule["id"] for rule in Axe().run(page).response["violations"] if rule["impact"] in ("serious", "critical")]
    assert not found, found
    seen.shot("walk")
    told("walks", "approve", str(walk), "--by", "somebody")
    page.reload()
    expect(page.get_by_text("approved").first).to_be_visible()
    seen.close()


LOOKED_AT = {"year": [signing_in, overview, report, people, for_everybody, without_scripts], "held": [held]}

with sync_playwright() as playwright:
    # Root is no user for Chromium's sandbox.
    browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
    for look in LOOKED_AT[WHAT]:
        look(browser)
        print(f"{look.__name__}: ok")
    browser.close()
