/* The keys of the review: one table that the handlers and the help both read. */
(() => {
  "use strict";
  const { el } = flen;

  flen.KEYS = [
    ["Move", [
      ["next", "ArrowRight j", "next picture"], ["previous", "ArrowLeft k", "previous picture"], ["next", "Space", "skip"],
      ["down", "ArrowDown", "next row (grid)"], ["up", "ArrowUp", "previous row (grid)"], ["first", "Home", "first"], ["last", "End", "last"]]],
    ["Decide", [
      ["good", "p a", "good"], ["reject", "x", "reject"], ["correct", "n", "needs correction"], ["clear", "u", "clear the label"],
      ["identity", "1 2 3 4 5", "identity 1-5"], ["identity", "0", "clear identity"],
      ["edit", "Shift+1 Shift+2 Shift+3 Shift+4 Shift+5", "edit quality 1-5"], ["edit", "Shift+0", "clear edit quality"],
      ["failure", "f", "failure mode, then its letter"], ["shows", "t", "say what it shows"], ["undo", "Ctrl+z", "undo"], ["redo", "Ctrl+Shift+z Ctrl+y", "redo"], ["better", "b", "choose a better try"], ["submit", "Ctrl+Enter", "send the corrected file"]]],
    ["Look", [
      ["zoom", "z", "fit or 100 %"], ["compare", "c", "reference beside it"], ["peek", "r", "hold: the reference in its place"],
      ["grid", "g", "grid"], ["single", "e Enter", "single picture"], ["info", "i", "information"], ["help", "?", "these keys"], ["escape", "Escape", "close"]]],
  ];
  const table = new Map(flen.KEYS.flatMap(([, rows]) => rows.flatMap(([action, keys]) => keys.split(" ").map((key) => [key, action]))));

  /** What a key press means: `[action, digit]`, or `null` when it is not ours. */
  flen.keyAction = (event) => {
    if (event.altKey || event.isComposing) return null;
    const digit = /^Digit\d$/.test(event.code) ? event.code.slice(5) : "";
    const key = digit || (event.key === " " ? "Space" : event.key.length === 1 ? event.key.toLowerCase() : event.key);
    const ctrl = event.ctrlKey || event.metaKey;
    const shift = event.shiftKey && (digit || ctrl);
    const action = table.get(`${ctrl ? "Ctrl+" : ""}${shift ? "Shift+" : ""}${key}`);
    return action ? [action, digit || key] : null;
  };

  const NAMES = { ArrowRight: "→", ArrowLeft: "←", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" };
  const caps = (keys) => {
    const short = keys.replace("1 2 3 4 5", "1-5").replace(/Shift\+1 .*Shift\+5/, "Shift+1-5");
    return short.split(" ").map((key) => el("kbd", {}, key.split("+").map((part) => NAMES[part] || (part.length === 1 ? part.toUpperCase() : part)).join("+")));
  };
  flen.keyHelp = () => {
    const groups = flen.KEYS.map(([group, rows]) => el("section", {}, el("h3", {}, group),
      el("dl", { class: "keys" }, rows.map(([, keys, words]) => [el("dt", {}, caps(keys)), el("dd", {}, words)]))));
    const failures = el("section", {}, el("h3", {}, "After F"), el("dl", { class: "keys" },
      Object.entries(flenPage.failures).map(([letter, name]) => [el("dt", {}, el("kbd", {}, letter.toUpperCase())), el("dd", {}, flenPage.failure_words[name])])));
    const box = flen.dialog("Keys", el("div", { class: "key-help" }, groups, failures), { id: "review-keys", wide: true });
    box.showModal();
  };
})();
