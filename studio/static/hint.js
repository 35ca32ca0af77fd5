/* Practice: a hint at each gate, until it is closed. What they say is data (presets/practice.toml). */
(() => {
  "use strict";
  const { el } = flen;
  let known = { hints: [], seen: [] };
  let whose = null;
  let shown = "";
  let place = null;

  const tab = () => /^tab-(\w+)-button$/.exec(document.querySelector('[role=tab][aria-selected="true"]')?.id || "")?.[1];
  const gate = () => /^review-gate-(\w+)$/.exec(document.querySelector('[id^="review-gate-"][aria-pressed="true"]')?.id || "")?.[1];
  const step = () => flen.state?.rail?.find((s) => s.state === "next")?.key;

  const due = () => {
    const [here, pile, next] = [tab(), gate(), step()];
    return known.hints.find((h) => !known.seen.includes(h.name) && h.tab === here && (!h.gate || h.gate === pile) && (!h.step || h.step === next));
  };
  const close = (hint) => flen.attempt(async () => {
    known.seen.push(hint.name);
    paint();
    await flen.post(`/hints/${hint.name}/seen`);
  });
  function paint() {
    const hint = due();
    if ((hint?.name || "") === shown) return;
    shown = hint?.name || "";
    place?.remove();
    place = null;
    if (hint) {
      place = el("aside", { id: "hint", class: "flen-island", dataset: { hint: hint.name }, "aria-label": "Hint" },
        el("div", { class: "hint-words" }, el("b", {}, hint.title), el("span", {}, hint.text)),
        hint.keys.length ? el("div", { class: "hint-keys" }, hint.keys.map(key)) : null,
        flen.button("Got it", () => close(hint), { id: "hint-close" }));
      document.body.append(place);
    }
    settle();
  }
  /** `P good` as a key and what it does. */
  function key(words) {
    const [name, ...rest] = words.split(" ");
    return el("span", {}, el("kbd", {}, name), rest.join(" "));
  }
  /** The room below gives way by what the words need. */
  const settle = () => document.body.style.setProperty("--f-hint", place ? `${place.offsetHeight}px` : "0px");

  async function meet(character) {
    whose = character;
    known = character ? await flen.get("/hints").catch(() => ({ hints: [], seen: [] })) : { hints: [], seen: [] };
    paint();
  }
  document.addEventListener("flen:live", ({ detail }) => {
    const character = detail.character?.id || null;
    if (character !== whose) meet(character); else paint();
  });
  document.addEventListener("click", () => setTimeout(paint, 60));
  document.addEventListener("flen:goto", () => setTimeout(paint, 60));
  addEventListener("resize", () => place && settle());
})();
