/* What goes on: one poll of GET /live for the whole page, told as the event `flen:live`. */
(() => {
  "use strict";
  const { islands } = flen;
  let timer = 0;
  let running = false;
  let silent = 0;

  async function poll() {
    if (running) return;
    running = true;
    clearTimeout(timer);
    try {
      const state = await flen.get("/live");
      const before = flen.state;
      flen.state = state;
      silent = 0;
      const detail = { ...state, first: !before, moved: !before || before.revision !== state.revision };
      document.dispatchEvent(new CustomEvent("flen:live", { detail }));
    } catch {
      silent += 1;
      document.dispatchEvent(new CustomEvent("flen:silent", { detail: { times: silent } }));
    }
    running = false;
    const busy = flen.state?.job && !silent;
    timer = setTimeout(poll, document.hidden ? 5000 : busy ? 1000 : 3000);
  }
  /** Ask at once: something was just done. */
  flen.poll = poll;
  document.addEventListener("visibilitychange", () => !document.hidden && poll());

  /** Call `listen(state)` now, if known, and whenever the records change. */
  flen.onMoved = (listen) => {
    document.addEventListener("flen:live", (e) => e.detail.moved && listen(e.detail));
    if (flen.state) listen(flen.state);
  };
  /** Run `load` when records move, but only while `root` is on screen; catch up when it comes on screen. */
  flen.whenSeen = (root, load) => {
    let due = true;
    const go = () => {
      if (due && root.offsetParent !== null && flen.state) { due = false; load(); }
    };
    flen.onMoved(() => { due = true; go(); });
    new IntersectionObserver((seen) => seen.some((s) => s.isIntersecting) && go()).observe(root);
  };

  islands.changed = (root, _options, io) => {
    let told = "";
    let last = 0;
    let waiting = 0;
    // Review and Model Card keep themselves fresh: while one of them is on screen, a decision must not make the
    // server work out every other tab anew.
    const away = () => ["review", "model-card"].some((id) => document.getElementById(id)?.offsetParent);
    const tell = () => {
      waiting = 0;
      // the first time always: a tab that was never filled would overwrite what the user types into it
      if ((!told || !away()) && flen.state && flen.state.revision !== told) {
        told = flen.state.revision;
        last = Date.now();
        // an event of its own: Gradio fires `change` of an HTML component again whenever it draws it
        io.say({ revision: told });
      }
    };
    const soon = () => {
      if (!waiting) waiting = setTimeout(tell, Math.max(60, 1000 - (Date.now() - last)));
    };
    flen.onMoved(soon);
    document.addEventListener("click", (event) => {
      const tab = event.target.closest?.("[role=tab]");
      if (tab && event.detail) tab.blur();
      if (tab) soon();
    });
  };
})();
