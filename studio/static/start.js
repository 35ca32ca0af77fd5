/* An empty workspace: three ways in. The practice characters can be had later, too, from the dialog of a new one. */
(() => {
  "use strict";
  const { el, islands } = flen;
  let cast = null;

  /** The faces to click, filled when they have come. `begun` is called when one was chosen. */
  function faces(begun) {
    const box = el("div", { class: "faces" });
    const choose = (who, face) => flen.attempt(async () => {
      if (box.classList.contains("busy")) return;
      box.classList.add("busy");
      face.classList.add("chosen");
      try {
        await flen.post(`/practice/${who.number}`);
        begun();
        await flen.poll();
        flen.openTab("enrich");
        flen.toast(`${who.name}'s 12 pictures are being drawn. They appear in Enrich.`);
      } finally {
        box.classList.remove("busy");
        face.classList.remove("chosen");
      }
    });
    const fill = () => box.replaceChildren(...cast.map((who) => {
      const face = el("button", { type: "button", class: "face", dataset: { number: who.number }, title: who.looks, onclick: () => choose(who, face) },
        el("span", { class: "frame" }, el("img", { src: `/practice/${who.number}.webp`, alt: "", width: 320, height: 320, draggable: false })),
        el("b", {}, who.name), el("small", {}, who.looks.split(", ")[0]));
      return face;
    }));
    const load = async () => {
      cast = cast || (await flen.get("/practice")).cast;
      fill();
    };
    box.append(...Array.from({ length: 10 }, () => el("span", { class: "face" }, el("span", { class: "frame" }))));
    flen.attempt(load);
    return box;
  }

  flen.practice = () => {
    const box = flen.dialog("Practice characters", el("div", { class: "start-practice" },
      el("p", { class: "dim" }, "They live in a small world on this machine: 12 pictures each, drawn in seconds, nothing to download."), faces(() => box.close())),
    { id: "practice-dialog", wide: true });
    box.showModal();
  };

  const openWorkspace = flen.openWorkspace = () => flen.attempt(async () => {
    const { here, others } = await flen.get("/workspaces");
    const path = el("input", { id: "workspace-path", type: "text", autocomplete: "off", spellcheck: false, placeholder: here });
    const problem = el("p", { class: "problem", role: "alert" });
    const go = async (where) => {
      try {
        await flen.post("/workspace", { path: where });
        location.reload();
      } catch (error) {
        problem.textContent = error.message;
      }
    };
    const known = others.map((where) => el("li", {}, el("button", { type: "button", class: "place", onclick: () => go(where) },
      el("b", {}, where.split(/[\\/]/).pop()), el("small", {}, where))));
    const form = el("form", { class: "form", onsubmit: (event) => { event.preventDefault(); go(path.value); } },
      known.length ? el("ul", { class: "places" }, known) : null,
      el("label", { class: "field" }, el("span", {}, known.length ? "Or its folder" : "Its folder"), path, el("small", {}, `Open now: ${here}`)), problem,
      el("div", { class: "row end" }, el("button", { id: "workspace-open", type: "submit", class: "fb primary" }, "Open")));
    const box = flen.dialog("Open workspace", form, { id: "workspace-dialog" });
    box.showModal();
    path.focus();
  });

  islands.start = (root) => {
    const way = (title, about, button) => el("section", { class: "way" }, el("h2", {}, title), el("p", {}, about), button);
    let shown = false;
    const show = () => {
      shown = true;
      root.append(el("div", { class: "start" },
        el("div", { class: "start-ways" },
          el("h1", {}, "A LoRA that draws your character, from 10 to 20 pictures"),
          el("p", { class: "lead" }, "From any angle, with any expression, in any pose. You judge every picture that it learns from, and 23 test pictures prove it."),
          way("Your own pictures", "10 to 20 photos, sketches or renders, from two angles or more.",
            flen.button("New character", flen.newCharacter, { id: "start-new", icon: "plus", class: "primary" })),
          way("Go on elsewhere", "Characters you began in another folder.", flen.button("Open workspace", openWorkspace, { id: "start-open", icon: "folder" }))),
        el("div", { id: "start-cast", class: "start-practice" },
          el("h2", {}, "Try with a practice character"),
          el("p", {}, "They live in a small world on this machine: 12 pictures each, drawn in seconds, nothing to download. Click a face."),
          faces(() => {}))));
    };
    document.addEventListener("flen:live", ({ detail }) => !detail.character && !shown && show());
    if (flen.state && !flen.state.character) show();
  };
})();
