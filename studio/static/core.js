/* Ground of every island: DOM by textContent only, requests, icons, messages, and the queue that islands arrive in. */
(() => {
  "use strict";
  const flen = (window.flen = { islands: {}, state: null });

  /** An element. Strings become text nodes; `on...` are listeners, `dataset` and `style` objects, `class` its classes. */
  flen.el = (tag, props, ...children) => {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(props || {})) {
      if (value === undefined || value === null || value === false) continue;
      if (key === "class") node.className = value;
      else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else if (key === "dataset") Object.assign(node.dataset, value);
      else if (key === "style") for (const [k, v] of Object.entries(value)) node.style.setProperty(k, v);
      else if (key in node && typeof value !== "string") node[key] = value;
      else node.setAttribute(key, value === true ? "" : value);
    }
    node.append(...children.flat(3).filter((c) => c !== null && c !== undefined && c !== false));
    return node;
  };

  const PATHS = {
    check: "M4 12.5l5 5L20 6.5",
    cross: "M6 6l12 12M18 6L6 18",
    pen: "M4 20l1-4L16 5l3 3L8 19l-4 1z",
    question: "M9 9a3 3 0 1 1 4.2 2.7c-.9.5-1.2 1-1.2 2.3M12 17.5v.5",
    dash: "M6 12h12",
    plus: "M12 5v14M5 12h14",
    gear: "M12 9a3 3 0 1 0 0 6a3 3 0 0 0 0-6M12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.6l2.2 2.2M16.2 16.2l2.2 2.2M5.6 18.4l2.2-2.2M16.2 7.8l2.2-2.2",
    theme: "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16",
    stop: "M7 7h10v10H7z",
    play: "M8 5l11 7-11 7z",
    list: "M5 7h14M5 12h14M5 17h14",
    next: "M9 5l7 7-7 7",
    lock: "M7 11V8a5 5 0 0 1 10 0v3M6 11h12v9H6z",
    swap: "M7 4v14M4 15l3 3 3-3M17 20V6M14 9l3-3 3 3",
    eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9.5a2.5 2.5 0 1 0 0 5a2.5 2.5 0 0 0 0-5",
    undo: "M9 14L4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3",
    redo: "M15 14l5-5-5-5M20 9H10a6 6 0 0 0 0 12h3",
    folder: "M3 6h6l2 2h10v11H3z",
    grid: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
    single: "M4 5h16v14H4z",
    rule: "M4 20h16M6 20v-4M10 20v-9M14 20v-6M18 20v-3M12.5 3v17",
    download: "M12 4v11M7 11l5 5 5-5M5 20h14",
    split: "M4 5h16v14H4zM12 5v14",
  };
  flen.icon = (name) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    svg.classList.add("flen-icon");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", PATHS[name] || PATHS.dash);
    svg.append(path);
    return svg;
  };

  /** The address of a picture: whole, or a thumbnail of at most `width` px (only sizes the server makes). */
  flen.img = (id, width) => `/img/${id}${width ? `?w=${width}` : ""}`;

  async function answer(response) {
    const body = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(typeof body.detail === "string" ? body.detail : `The studio said no (${response.status}).`);
    return body;
  }
  flen.get = async (path) => answer(await fetch(path, { headers: { Accept: "application/json" } }));
  flen.post = async (path, body) =>
    answer(
      await fetch(
        path,
        body instanceof FormData
          ? { method: "POST", body }
          : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body ?? {}) },
      ),
    );

  /** A short message in the corner; problems stay until they are closed. */
  flen.toast = (text, kind = "info") => {
    let box = document.getElementById("flen-toasts");
    if (!box) document.body.append((box = flen.el("div", { id: "flen-toasts", role: "status", "aria-live": "polite" })));
    const close = () => note.remove();
    const note = flen.el("div", { class: `toast ${kind}` }, flen.el("span", {}, text),
      flen.el("button", { type: "button", "aria-label": "Close", onclick: close }, flen.icon("cross")));
    box.append(note);
    if (kind !== "problem") setTimeout(close, 5000);
  };
  /** Run an action of the user; what goes wrong is told in words. */
  flen.attempt = async (action) => {
    try {
      return await action();
    } catch (error) {
      flen.toast(error.message, "problem");
      return undefined;
    }
  };

  /** Open a tab by its name (`enrich`), as a click on it would. */
  flen.openTab = (name) => document.getElementById(`tab-${name}-button`)?.click();

  flen.button = (label, onclick, props = {}) => {
    const { icon, ...rest } = props;
    return flen.el("button", { type: "button", onclick, ...rest, class: `fb ${rest.class || ""}` }, icon ? flen.icon(icon) : null, label);
  };
  /** A modal <dialog> with a title and a close button; removed from the page when closed unless `keep`. */
  flen.dialog = (title, content, { id, wide, keep } = {}) => {
    const box = flen.el("dialog", { id, class: `flen-dialog${wide ? " wide" : ""}`, "aria-label": title });
    box.append(
      flen.el("header", {}, flen.el("h2", {}, title),
        flen.el("button", { type: "button", class: "fb quiet", "aria-label": "Close", onclick: () => box.close() }, flen.icon("cross"))),
      content,
    );
    box.addEventListener("click", (e) => e.target === box && box.close());
    if (!keep) box.addEventListener("close", () => box.remove());
    document.body.append(box);
    return box;
  };
  /** Whether the user is typing or in another window, so that a key is not ours. */
  flen.typing = (event) =>
    event.isComposing || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target?.tagName) || event.target?.isContentEditable;
  flen.minutes = (seconds) => {
    if (seconds === null || seconds === undefined) return "";
    if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s left`;
    return seconds < 5400 ? `about ${Math.round(seconds / 60)} min left` : `about ${(seconds / 3600).toFixed(1)} h left`;
  };

  /* Islands: Gradio mounts a frame and queues it; the script of that name fills it. */
  function mount({ element, props, trigger, watch }) {
    const fill = flen.islands[props.island];
    const root = element.querySelector(".flen-island") || element;
    if (!fill || root.dataset.filled) return;
    root.dataset.filled = "1";
    fill(root, props.options || {}, {
      value: () => props.value,
      tell: (value) => { props.value = value; trigger("change"); },
      say: (data) => trigger("select", data),
      onValue: (listen) => watch("value", () => listen(props.value)),
    });
  }
  /** A reload comes back to the tab that was open; the address names it, so that it can be kept as a bookmark. */
  function keepTab() {
    document.addEventListener("click", (event) => {
      const name = /^tab-(\w+)-button$/.exec(event.target.closest?.("[role=tab]")?.id || "")?.[1];
      if (name) history.replaceState(null, "", `#${name}`);
    });
    const wanted = location.hash.slice(1);
    if (!/^\w+$/.test(wanted)) return;
    // Gradio draws the tabs before it listens to them: click until it has heard
    let tries = 100;
    const again = () => {
      const button = document.getElementById(`tab-${wanted}-button`);
      if (button?.getAttribute("aria-selected") === "true" || tries-- === 0) return;
      button?.click();
      setTimeout(again, 100);
    };
    again();
  }
  flen.start = () => {
    keepTab();
    const early = window.flenIslands || [];
    window.flenIslands = { push: (island) => mount(island) };
    early.forEach(mount);
  };
})();
