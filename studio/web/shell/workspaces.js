// @ts-check
/** Opening another workspace. */

import { h } from "../core/dom.js";
import { get, post } from "../core/net.js";
import { attempt, dialog, problemLine, wordsOf } from "../core/ui.js";

/**
 * @param {string} path
 * @param {HTMLElement} problem
 */
async function go(path, problem) {
  try {
    await post("/workspace", { path });
    location.reload();
  } catch (error) {
    problem.textContent = wordsOf(error);
  }
}

/**
 * @param {string} where
 * @param {HTMLElement} problem
 */
function place(where, problem) {
  const name = where.split(/[\\/]/).pop();
  const onclick = () => go(where, problem);
  return h("li", {}, h("button", { type: "button", class: "place", onclick }, h("b", {}, name), h("small", {}, where)));
}

export function openWorkspace() {
  return attempt(async () => {
    const { here, others } = /** @type {{ here: string, others: string[] }} */ (await get("/workspaces"));
    const attributes = { type: "text", autocomplete: "off", spellcheck: false, placeholder: here };
    const path = h("input", { id: "workspace-path", ...attributes });
    const problem = problemLine();
    const onsubmit = (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      go(path.value, problem);
    };
    const known = others.length
      ? h(
          "ul",
          { class: "places" },
          others.map((where) => place(where, problem)),
        )
      : null;
    const label = h("span", {}, known ? "Or its folder" : "Its folder");
    const form = h(
      "form",
      { class: "form", onsubmit },
      known,
      h("label", { class: "field" }, label, path, h("small", {}, `Open now: ${here}`)),
      problem,
      h(
        "div",
        { class: "row end" },
        h("button", { id: "workspace-open", type: "submit", class: "fb primary" }, "Open"),
      ),
    );
    dialog("Open workspace", form, { id: "workspace-dialog" }).showModal();
    path.focus();
  });
}
