/* What the user has to be told of the workspace: quiet, under the header, until it is closed. */
(() => {
  "use strict";
  const { el, icon } = flen;

  /** A line for notices; it hears of them from the poll. */
  flen.noticeLine = () => {
    const words = el("span", {});
    const close = el("button", { type: "button", id: "notice-close", class: "fb quiet", "aria-label": "Close", onclick: () =>
      flen.attempt(async () => { node.hidden = true; await flen.post("/notices/close"); flen.poll(); }) }, icon("cross"));
    const node = el("div", { id: "notice", class: "notice", role: "status", hidden: true }, words, close);
    document.addEventListener("flen:live", ({ detail }) => {
      words.textContent = detail.notices.join(" ");
      node.hidden = !detail.notices.length;
    });
    return node;
  };
})();
