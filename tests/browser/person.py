"""A person in front of the studio: what one clicks, and how one waits for it."""

from pathlib import Path

from playwright.sync_api import Browser, Page, expect

JOB_MS = 300_000


# resolves as soon as the job of that title has made a step, or is over; rejects when it has not begun for long
UNTIL_AT_WORK = """async ([title, ms]) => {
    for (const end = performance.now() + ms; ; ) {
        const { job, recent } = await fetch("status").then((r) => r.json());
        if (job && job.title === title && (job.done > 0 || job.k > 0)) return;
        if (recent.some((old) => old.title === title)) return; // a short one, between two looks of a loaded machine
        if (performance.now() > end) throw new Error(`${title} has not begun: ${JSON.stringify([job, recent[0]])}`);
        await new Promise((go) => setTimeout(go, 30));
    }
}"""

# resolves when a job of that title that is not among the ``old`` is done; rejects when it fails
UNTIL_DONE = """async ([title, old, ms]) => {
    for (const end = performance.now() + ms; ; ) {
        const { recent } = await fetch("status").then((r) => r.json());
        const job = recent.find((one) => one.title === title && !old.includes(one.id));
        if (job && job.state === "done") return;
        if (job) throw new Error(`${title}: ${job.state}. ${job.error ?? ""}`);
        if (performance.now() > end) throw new Error(`${title} is not done`);
        await new Promise((go) => setTimeout(go, 200));
    }
}"""
JOBS_BEFORE = "fetch('status').then((r) => r.json()).then(({ recent }) => recent.map((one) => one.id))"


class Person:
    """Clicks, types and looks. ``errors`` collects what the page's scripts threw."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.errors: list[str] = []
        self.page: Page = browser.new_page(viewport={"width": 1280, "height": 800})
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.set_default_timeout(30_000)
        self.page.goto(url)
        self.page.wait_for_selector("#new-character")

    def new_character(self, name: str) -> None:
        self.page.click("#new-character")
        self.page.fill("#character-name", name)
        self.page.check("#character-may-use")
        self.page.click("#create-character")
        expect(self.page.locator("#character-picker option:checked")).to_have_text(name)

    def open(self, tab: str) -> None:
        self.page.click(f"#tab-{tab}-button")
        expect(self.page.locator(f"#tab-{tab}-button")).to_have_attribute("aria-selected", "true")

    def set_number(self, elem_id: str, value: object) -> None:
        """Type into a Gradio number, text or slider and leave it."""
        box = self.page.locator(f"#{elem_id} input:not([type=range]), #{elem_id} textarea").first
        box.click()  # a field that waits for what was set for the character takes none
        box.fill(str(value))
        box.blur()  # by Tab, the list of a chooser that comes next would open, over what is below

    def drop(self, elem_id: str, files: list[Path]) -> None:
        self.page.locator(f"#{elem_id} input[type=file]").set_input_files([str(f) for f in files])

    def upload(self, button: str, files: list[Path]) -> None:
        """Click an upload button and choose files."""
        with self.page.expect_file_chooser() as chooser:
            self.page.click(f"#{button}")
        chooser.value.set_files([str(f) for f in files])

    def run_with_a_reload(self, button: str, title: str) -> None:
        """Start a job, reload the page while it is at work, and wait until the bar says that it is done."""
        expect(self.page.locator(button)).to_be_enabled()
        self.page.click(button)
        self.page.evaluate(UNTIL_AT_WORK, [title, JOB_MS])
        self.page.reload()
        expect(self.page.locator("#job-title")).to_have_text(f"{title}: done", timeout=JOB_MS)

    def run(self, button: str, title: str) -> None:
        """Start a job and wait until it is done; one of that title may have run before."""
        expect(self.page.locator(button)).to_be_enabled()
        before = self.page.evaluate(JOBS_BEFORE)
        self.page.click(button)
        self.page.evaluate(UNTIL_DONE, [title, before, JOB_MS])

    def press(self, *keys: str) -> None:
        """Keys, one after another."""
        for key in keys:
            self.page.keyboard.press(key)

    def only_edits(self, *names: str) -> None:
        """Leave these edits of Enrich (``expression/angry``) ticked and no others."""
        ticked = self.page.locator("#enrich-axes input:checked")
        expect(ticked).not_to_have_count(0)
        while ticked.count():
            ticked.first.uncheck()
        for name in names:
            self.page.check(f'#enrich-axes input[name="{name}"]')

    def download(self, link: str, folder: Path) -> Path:
        """Click what gives a file, and keep it in ``folder`` under the name that it comes with."""
        with self.page.expect_download() as arriving:
            self.page.click(link)
        kept = folder / arriving.value.suggested_filename
        arriving.value.save_as(kept)
        return kept

    def judge(self, gate: str, keys: str, *, every: bool = False) -> None:
        """Review a gate by keyboard, one key for each picture; ``every``: also those that a rule has sorted out."""
        self.open("review")
        self.page.click(f"#review-gate-{gate}")
        if every:
            expect(self.page.locator("#review-position")).not_to_have_text("")
            self.page.click("#review-filter-all")
            expect(self.page.locator("#review-position")).to_contain_text(f"of {len(keys)}")
            for _ in keys:
                self.page.keyboard.press("ArrowLeft")
        expect(self.page.locator("#review-position")).to_have_text(f"1 of {len(keys)}")
        for key in keys:
            self.page.keyboard.press(key)
        expect(self.page.locator("#review-filter-open")).to_contain_text("0")
