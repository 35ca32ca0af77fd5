/* The header: who, how far the round is, what comes next; dialogs for a new character and for settings. */
(() => {
  "use strict";
  const { el, icon, islands } = flen;

  const field = (id, label, value = "", hint = "") => {
    const input = el("input", { id, type: "text", autocomplete: "off", placeholder: hint });
    input.value = value;
    return [input, el("label", { class: "field" }, el("span", {}, label), input)];
  };

  function newCharacter() {
    const [name, nameField] = field("character-name", "Name", "", "Ada");
    const [kind, kindField] = field("character-class", "What it is", "person", "person, cat, robot");
    const [token, tokenField] = field("character-token", "Word that stands for it in prompts", "ohwx_char");
    const [origin, originField] = field("character-origin", "Where the pictures come from", "", "my own drawings; photos of me");
    const mayUse = el("input", { id: "character-may-use", type: "checkbox" });
    const problem = el("p", { class: "problem", role: "alert" });
    const create = async (event) => {
      event.preventDefault();
      try {
        await flen.post("/characters", { name: name.value, class_prompt: kind.value, token: token.value, origin: origin.value, may_use: mayUse.checked });
        box.close();
        await flen.poll();
        flen.openTab("enrich");
      } catch (error) {
        problem.textContent = error.message;
      }
    };
    const form = el("form", { class: "form", onsubmit: create }, nameField, kindField, tokenField, originField,
      el("label", { class: "check" }, mayUse, "I may use these pictures to train a model."), problem,
      el("div", { class: "row end" },
        flen.button("No pictures? Practice characters", () => { box.close(); flen.practice(); }, { id: "practice-open", class: "quiet" }), el("span", { class: "grow" }),
        el("button", { id: "create-character", type: "submit", class: "fb primary" }, "Create character")));
    const box = flen.dialog("New character", form, { id: "character-dialog" });
    box.showModal();
    name.focus();
  }
  flen.newCharacter = newCharacter;

  function settingInput(setting) {
    if (setting.choices) return el("select", { name: setting.name }, setting.choices.map((c) => el("option", { value: c, selected: c === setting.value }, String(c))));
    if (typeof setting.value === "boolean") return el("input", { name: setting.name, type: "checkbox", checked: setting.value });
    const input = el("input", { name: setting.name, type: typeof setting.value === "number" ? "number" : "text", step: "any" });
    input.value = setting.value ?? "";
    return input;
  }
  const read = (input, old) => (input.type === "checkbox" ? input.checked : typeof old === "number" ? Number(input.value) : input.value === "" && old === null ? null : input.value);

  const openSettings = () => flen.attempt(async () => {
    const { fields } = await flen.get("/settings");
    const inputs = fields.map((f) => [f, settingInput(f)]);
    const problem = el("p", { class: "problem", role: "alert" });
    const save = async (event) => {
      event.preventDefault();
      const changes = Object.fromEntries(inputs.map(([f, i]) => [f.name, read(i, f.value), f.value]).filter(([, now, old]) => now !== old).map(([n, now]) => [n, now]));
      try {
        await flen.post("/settings", changes);
        box.close();
        flen.toast("Settings are saved in the workspace. What is loaded already changes with the next start.");
        flen.poll();
      } catch (error) {
        problem.textContent = error.message;
      }
    };
    const form = el("form", { class: "form settings", onsubmit: save },
      inputs.map(([f, input]) => el("label", { class: "field" }, el("span", {}, f.name.replaceAll("_", " ")), input, f.about ? el("small", {}, f.about) : null)), problem,
      el("div", { class: "row end" }, el("button", { id: "settings-save", type: "submit", class: "fb primary" }, "Save")));
    const box = flen.dialog("Settings of this workspace", el("div", {}, form, flen.yourPresets()), { id: "settings-dialog" });
    box.showModal();
  });

  const dark = () => document.body.classList.contains("dark");
  function paintTheme(theme) {
    const wanted = theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
    document.body.classList.toggle("dark", wanted);
    document.documentElement.style.colorScheme = wanted ? "dark" : "light";
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => paintTheme(flen.state?.theme || flenPage.theme));
  paintTheme(flenPage.theme);

  islands.header = (root) => {
    const picker = el("select", { id: "character-picker", hidden: true, "aria-label": "Character", onchange: () =>
      flen.attempt(async () => { await flen.post(`/characters/${picker.value}/choose`); flen.poll(); }) });
    const rail = el("ol", { class: "rail", "aria-label": "This round" });
    const why = el("p", { class: "next-why" });
    const go = flen.button("", () => act(), { id: "next-action", class: "primary", hidden: true });
    let act = () => {};
    const place = flen.button("", () => flen.openWorkspace(), { id: "workspace-name", icon: "folder", class: "quiet place-name", title: "This workspace; click to open another" });
    root.append(
      el("div", { class: "head" },
        el("strong", { class: "brand" }, "FLENwheel"), place, picker,
        flen.button("New character", newCharacter, { id: "new-character", icon: "plus", class: "quiet" }),
        el("div", { class: "next" }, why, go),
        flen.button("", () => flen.attempt(async () => { const theme = dark() ? "light" : "dark"; paintTheme(theme); await flen.post("/settings", { theme }); flen.poll(); }),
          { id: "theme-switch", icon: "theme", class: "quiet", "aria-label": "Dark or light", title: "Dark or light" }),
        flen.button("", openSettings, { id: "settings-open", icon: "gear", class: "quiet", "aria-label": "Settings", title: "Settings" })),
      rail, flen.noticeLine());

    function step(s) {
      const said = el("span", { class: "step-title" }, s.title);
      const node = el("button", { type: "button", id: `rail-${s.key}`, title: s.why || "", onclick: () => (s.state === "shut" ? flen.toast(s.why || "This comes later.") : flen.openTab(s.tab)) },
        s.state === "done" ? icon("check") : s.state === "shut" ? icon("lock") : null, said,
        s.count === null || s.count === undefined || s.count === "" ? null : el("b", {}, String(s.count)));
      return el("li", { class: `step ${s.state}`, "aria-current": s.state === "next" ? "step" : null }, node);
    }
    let railPrint = "";
    document.addEventListener("flen:live", ({ detail }) => {
      paintTheme(detail.theme);
      place.lastChild.textContent = detail.workspace;
      const print = JSON.stringify([detail.characters, detail.character?.id, detail.rail, detail.next]);
      if (print === railPrint) return;
      railPrint = print;
      document.body.classList.toggle("flen-nobody", !detail.character);
      picker.replaceChildren(...detail.characters.map((c) => el("option", { value: c.id, selected: c.id === detail.character?.id }, c.name)));
      picker.hidden = !detail.characters.length;
      rail.replaceChildren(...(detail.rail.length ? detail.rail.map(step) : [el("li", { class: "step open" }, el("span", { class: "dim" }, "Nobody is here yet."))]));
      const next = detail.next || { title: "", why: "", tab: "" };
      why.textContent = next.why;
      why.title = next.why;
      go.textContent = next.title;
      go.hidden = !detail.next; // an empty workspace has its own page, with the same buttons
      act = () => { flen.openTab(next.tab); document.dispatchEvent(new CustomEvent("flen:goto", { detail: next })); };
    });
  };
})();
