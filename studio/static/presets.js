/* Settings, Your presets: what was read of the user's own files, reading them again, and a folder to begin with. */
(() => {
  "use strict";
  const { el } = flen;
  const own = (kind) => (kind.own.length ? `, of these yours: ${kind.own.join(", ")}` : "");

  flen.yourPresets = () => {
    const folder = el("code", { id: "presets-folder" });
    const kinds = el("ul", { id: "presets-kinds" });
    const problems = el("ul", { id: "presets-problems", class: "problem" });
    const said = el("p", { id: "presets-said", class: "dim", role: "status" });
    const paint = (found, words) => {
      folder.textContent = found.folder;
      kinds.replaceChildren(...found.kinds.map((kind) => el("li", {}, `${kind.title} (${kind.files}): ${kind.count}${own(kind)}`)));
      problems.replaceChildren(...found.problems.map((problem) => el("li", {}, problem)));
      problems.hidden = !found.problems.length;
      const later = found.later.length ? `${found.later.join(", ")}: the tabs show the change with the next start of the studio.` : "";
      said.textContent = [words, later].filter(Boolean).join(" ");
    };
    const begin = flen.button("Make the folder, with examples", () => flen.attempt(async () => {
      const found = await flen.post("/presets/begin");
      paint(found, found.written.length ? `Written: ${found.written.join(", ")}.` : "All examples are there already.");
    }), { id: "presets-begin" });
    const reload = flen.button("Reload", () => flen.attempt(async () => {
      paint(await flen.post("/presets/reload"), "Read again. Changed failure modes show when this page is loaded again.");
      flen.poll();
    }), { id: "presets-reload" });
    flen.attempt(async () => paint(await flen.get("/presets"), ""));
    return el("section", { id: "your-presets", class: "form" }, el("h3", {}, "Your presets"),
      el("small", {}, "Models, training, prompts, LoRAs and failure modes of your own, as TOML files over ours in ", folder),
      kinds, problems, said, el("div", { class: "row" }, begin, reload));
  };
})();
